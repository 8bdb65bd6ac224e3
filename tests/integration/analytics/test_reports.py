"""What the reports answer beside their counts, and what they refuse."""

from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest

from consumer.upkeep import drop_days
from testbed.http import Client
from testbed.installation import Installation
from testbed.polling import eventually
from testbed.taken_in import TakenClick, Taker

# An ad or campaign that nobody has made.
UNKNOWN = "0b0c6b1e-9f63-4d1b-8c53-5a0d1c6e7f80"

_AT = datetime(2025, 9, 6, 0, 37, 45, 123_000, UTC)
_RANGE = "start=2025-09-06T00:37:45.123Z&end=2025-09-06T00:37:45.123001Z"


def test_the_documented_call_gives_the_documented_answer(api: Client) -> None:
    """As it stands, for an ad that nobody has clicked."""
    answer = api.get(
        "/ads/64bb7845-5133-4d7e-bfc4-30747fe38f1d/analytics?start=2025-09-05T10%3A00%3A00Z&end=2025-09-06T10%3A05%3A00Z"
    )
    assert (answer.status, answer.json) == (
        200,
        {
            "data": {
                "ad_id": "64bb7845-5133-4d7e-bfc4-30747fe38f1d",
                "totalclicks": 0,
                "start": "2025-09-05T10:00:00Z",
                "end": "2025-09-06T10:05:00Z",
            }
        },
    )


def test_the_start_counts_and_the_end_does_not(api: Client, taker: Taker) -> None:
    """To the microsecond."""
    ad = uuid4()
    taker.take_in([TakenClick(ad, _AT), TakenClick(ad, _AT + timedelta(microseconds=1))])
    assert api.get(f"/ads/{ad}/analytics?{_RANGE}").json["data"]["totalclicks"] == 1


def test_a_campaign_counts_all_of_its_ads(api: Client, taker: Taker) -> None:
    """In all and by ad, those without a click too."""
    campaign = api.post("/campaigns", b'{"name":"autumn"}').json["data"]["id"]
    ads = [api.post("/ads", f'{{"name":"{name}","campaignId":"{campaign}"}}'.encode()).json["data"] for name in "abc"]
    taker.take_in([TakenClick(ads[0]["id"], _AT), TakenClick(ads[1]["id"], _AT), TakenClick(ads[1]["id"], _AT, 1)])
    answer = api.get(f"/campaigns/{campaign}/analytics?{_RANGE}").json["data"]
    assert answer["totalclicks"] == 3
    counts = [(item["ad_id"], item["name"], item["totalclicks"]) for item in answer["ads"]]
    assert counts == [(ad["id"], ad["name"], clicks) for ad, clicks in zip(ads, (1, 2, 0), strict=True)]


def test_top_lists_the_most_clicked_first_and_no_more_than_asked_for(api: Client, taker: Taker) -> None:
    """Under the names they have, registered or not."""
    at = datetime(2031, 1, 1, 12, 0, 30, tzinfo=UTC)
    ads = [uuid4() for _ in range(3)]
    taker.take_in([TakenClick(ad, at, name=f"ad {n}") for n, ad in enumerate(ads) for _ in range(n + 1)])
    answer = api.get("/ads/top?start=2031-01-01T12:00:00.5Z&end=2031-01-01T12:00:45Z&limit=2").json["data"]["ads"]
    assert answer == [
        {"ad_id": str(ads[2]), "name": "ad 2", "totalclicks": 3},
        {"ad_id": str(ads[1]), "name": "ad 1", "totalclicks": 2},
    ]


@pytest.mark.parametrize(
    ("path", "fields"),
    [
        ("/ads/x/analytics", ["ad_id", "start", "end"]),
        (f"/ads/{UNKNOWN}/analytics?start=x&end=2025-01-01T00:00:00", ["start", "end"]),
        (f"/ads/{UNKNOWN}/analytics?start=2025-01-02T00:00:00Z&end=2025-01-01T00:00:00Z", ["start", "end"]),
        (f"/ads/{UNKNOWN}/timeseries?step=year", ["start", "end", "step"]),
        (f"/ads/{UNKNOWN}/timeseries?start=2000-01-01T00:00:00Z&end=2025-01-01T00:00:00Z&step=hour", ["step"]),
        ("/ads/top?limit=1001", ["start", "end", "limit"]),
        ("/campaigns/x/analytics", ["campaign_id", "start", "end"]),
    ],
)
def test_everything_that_is_wrong_is_named_at_once(api: Client, path: str, fields: list[str]) -> None:
    """400 with each field."""
    answer = api.get(path)
    assert (answer.status, answer.invalid_fields) == (400, fields)


def test_an_edge_whose_single_clicks_are_gone_is_refused_by_name(
    api: Client, taker: Taker, installation: Installation
) -> None:
    """The count would be too low. Full minutes are still exact, and so is the edge whose clicks are there."""
    ad = uuid4()
    old, new = _AT - timedelta(days=3), _AT
    taker.take_in([TakenClick(ad, old, received_at=old), TakenClick(ad, new, received_at=new)])
    with installation.connect() as connection:
        assert drop_days(connection, new.date())

    def asked(start: datetime, end: datetime, report: str = "analytics?") -> str:
        return f"/ads/{ad}/{report}start={start:%Y-%m-%dT%H:%M:%S}Z&end={end:%Y-%m-%dT%H:%M:%S}Z"

    minute, after = old.replace(second=0), new.replace(second=0) + timedelta(minutes=1)
    inside_old, inside_new = minute + timedelta(seconds=1), after - timedelta(seconds=1)
    assert api.get(asked(minute, inside_new)).json["data"]["totalclicks"] == 2
    for path, fields in (
        (asked(inside_old, inside_new), ["start"]),
        (asked(minute, inside_old), ["end"]),
        (asked(inside_old, inside_old + timedelta(seconds=1)), ["start", "end"]),
        (asked(inside_old, after, "timeseries?step=hour&"), ["start"]),
        (asked(inside_old, after).replace(f"/ads/{ad}/analytics", "/ads/top"), ["start"]),
    ):
        answer = api.get(path)
        assert (answer.status, answer.invalid_fields) == (400, fields), path
        assert "full minute" in answer.error["details"][0]["error"]


def test_the_audit_adds_up_with_its_lag(api: Client, installation: Installation) -> None:
    """What the numbers are is the audit's own matter; here they come over HTTP, with the lag from Kafka."""

    def look() -> None:
        answer = api.get("/audit").json["data"]
        assert answer["addsUp"]
        assert answer["total"]["lag"] == 0
        assert answer["total"]["stored"] == answer["total"]["countedClicks"] == answer["total"]["summedClicks"]
        assert sum(item["stored"] for item in answer["partitions"]) == answer["total"]["stored"]

    eventually(look)
