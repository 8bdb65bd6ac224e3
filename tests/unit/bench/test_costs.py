"""What a click costs each part."""

from bench.table import cost_table


def test_the_parts_of_each_pace_stand_in_one_line_with_their_sum() -> None:
    """Microseconds, a column a part."""
    lines = cost_table({"fast": {"k6": 100.4, "Kafka": 30.0}, "paced": {"k6": 150.0, "Kafka": 51.0}}).splitlines()
    assert [line.split() for line in lines] == [
        ["CPU", "µs", "a", "click", "k6", "Kafka", "all"],
        ["fast", "100", "30", "130"],
        ["paced", "150", "51", "201"],
    ]


def test_without_a_measurement_there_is_no_table() -> None:
    assert cost_table({}) == ""
