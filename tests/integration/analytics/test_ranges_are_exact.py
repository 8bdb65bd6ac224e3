"""Whatever clicks there are, and whatever range is asked for, the answer equals a plain count."""

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from urllib.parse import urlencode
from uuid import UUID, uuid4

from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from testbed.http import Client
from testbed.taken_in import TakenClick, Taker

# Ends of buckets of every size, a leap day among them; clicks and ranges are drawn around them.
_EDGES = [
    datetime(2024, 2, 29, tzinfo=UTC),
    datetime(2024, 3, 1, tzinfo=UTC),
    datetime(2024, 3, 1, 0, 1, tzinfo=UTC),
    datetime(2024, 3, 1, 1, tzinfo=UTC),
    datetime(2024, 12, 31, 23, 59, tzinfo=UTC),
    datetime(2025, 1, 1, tzinfo=UTC),
    datetime(2025, 1, 1, 12, 30, 30, tzinfo=UTC),
    datetime(1969, 12, 31, 23, tzinfo=UTC),
]
_MICROSECOND = timedelta(microseconds=1)
_SHIFTS = st.one_of(
    st.sampled_from([timedelta(0), _MICROSECOND, -_MICROSECOND, timedelta(seconds=30), timedelta(minutes=-1)]),
    st.timedeltas(timedelta(minutes=-3), timedelta(minutes=3)),
    st.timedeltas(timedelta(days=-40), timedelta(days=40)),
)
_OFFSETS = st.sampled_from([timedelta(0), timedelta(hours=5, minutes=45), timedelta(hours=-11)])
_INSTANTS = st.builds(lambda edge, shift: edge + shift, st.sampled_from(_EDGES), _SHIFTS)
_STEPS = {"minute": timedelta(minutes=1), "hour": timedelta(hours=1), "day": timedelta(days=1)}


@st.composite
def clicks(draw: st.DrawFn, ads: list[UUID]) -> list[TakenClick]:
    """Some clicks of ``ads``: on any partition, received on several days, some of them sent twice."""
    days = st.integers(0, 3).map(lambda days: datetime(2025, 9, 6, 12, tzinfo=UTC) + timedelta(days=days))
    one = st.builds(TakenClick, st.sampled_from(ads), _INSTANTS, st.integers(0, 2), days)
    made = draw(st.lists(one, max_size=25))
    again = draw(st.lists(st.sampled_from(made), max_size=5)) if made else []
    return draw(st.permutations([*made, *again]))


@st.composite
def ends(draw: st.DrawFn, sent: list[TakenClick]) -> tuple[datetime, datetime]:
    """Two ends of a range, often at a click's own instant: there it shows what is inclusive and what is not."""
    instants = st.one_of(_INSTANTS, st.sampled_from([click.at for click in sent])) if sent else _INSTANTS
    start, end = sorted((draw(instants), draw(instants)))
    return start, end if start < end else end + _MICROSECOND


def spelled(instant: datetime, offset: timedelta) -> str:
    """The instant, written with an offset."""
    return (instant + offset).replace(tzinfo=None).isoformat() + _offset(offset)


def _offset(offset: timedelta) -> str:
    minutes = int(offset.total_seconds()) // 60
    return f"{'-' if minutes < 0 else '+'}{abs(minutes) // 60:02}:{abs(minutes) % 60:02}"


# Without shrinking: over HTTP it takes longer than the test's time limit, and the failure would be lost.
@settings(
    max_examples=60,
    deadline=None,
    phases=[Phase.explicit, Phase.reuse, Phase.generate],
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(st.data())
def test_every_report_equals_a_plain_count(taker: Taker, api: Client, data: st.DataObject) -> None:
    """Count, time series, top and a campaign's sum, over the same clicks and the same range."""
    ads = [uuid4() for _ in range(3)]
    sent = data.draw(clicks(ads))
    taker.take_in(sent)
    stored = {click.click_id: click for click in sent}.values()
    for _ in range(4):
        start, end = data.draw(ends(sent))
        asked = {"start": spelled(start, data.draw(_OFFSETS)), "end": spelled(end, data.draw(_OFFSETS))}
        expected = {ad: [c.at for c in stored if c.ad_id == ad and start <= c.at < end] for ad in ads}
        for ad, times in expected.items():
            counted = api.get(f"/ads/{ad}/analytics?{urlencode(asked)}").json["data"]
            assert counted == {"ad_id": str(ad), "totalclicks": len(times), **asked}
        check_series(api, ads[0], expected[ads[0]], (start, end), asked)
        check_top(api, expected, asked)


def test_a_range_is_of_one_moment_while_clicks_come_in(taker: Taker, api: Client) -> None:
    """Clicks of one minute, received on ever new days; an edge cuts that minute. The count only grows, and is never refused
    because sum and single clicks differ.
    """
    ad, minute = uuid4(), datetime(2025, 9, 6, 10, 15, tzinfo=UTC)
    asked = urlencode({"start": minute.isoformat(), "end": (minute + timedelta(seconds=59.5)).isoformat()})

    def write() -> None:
        for number in range(200):
            at, received = minute + timedelta(seconds=number % 60), minute + timedelta(days=number // 20)
            taker.take_in([TakenClick(ad, at, number % 3, received)])

    counted = []
    with ThreadPoolExecutor(1) as threads:
        writing = threads.submit(write)
        while not writing.done():
            answer = api.get(f"/ads/{ad}/analytics?{asked}")
            assert answer.status == 200, answer.body
            counted.append(answer.json["data"]["totalclicks"])
        writing.result()
    assert counted == sorted(counted)
    assert api.get(f"/ads/{ad}/analytics?{asked}").json["data"]["totalclicks"] == 200


def check_series(
    api: Client, ad: UUID, times: list[datetime], span: tuple[datetime, datetime], asked: dict[str, str]
) -> None:
    """Each bucket of a step that makes not too many, the empty ones too."""
    start, end = span
    name = next((name for name, length in _STEPS.items() if (end - start) / length < 2_000), "day")
    answer = api.get(f"/ads/{ad}/timeseries?{urlencode({**asked, 'step': name})}")
    if (end - start) / _STEPS[name] > 10_000:
        assert (answer.status, answer.invalid_fields) == (400, ["step"])
        return
    found = [(datetime.fromisoformat(item["start"]), item["clicks"]) for item in answer.json["data"]["buckets"]]
    counts = Counter(bucket_of(time, _STEPS[name]) for time in times)
    expected, at = [], bucket_of(start, _STEPS[name])
    while at < end:
        expected.append((at, counts[at]))
        at += _STEPS[name]
    assert found == expected


def bucket_of(instant: datetime, step: timedelta) -> datetime:
    """Where the bucket of an instant starts."""
    epoch = datetime(1900, 1, 1, tzinfo=UTC)
    return epoch + (instant - epoch) // step * step


def check_top(api: Client, expected: dict[UUID, list[datetime]], asked: dict[str, str]) -> None:
    """The ads of this example, in their order among all that were clicked."""
    answer = api.get(f"/ads/top?{urlencode({**asked, 'limit': '1000'})}").json["data"]["ads"]
    found = {item["ad_id"]: item["totalclicks"] for item in answer if UUID(item["ad_id"]) in expected}
    assert found == {str(ad): len(times) for ad, times in expected.items() if times}
    order = [(-item["totalclicks"], item["ad_id"]) for item in answer]
    assert order == sorted(order)
