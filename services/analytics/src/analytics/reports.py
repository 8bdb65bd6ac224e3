"""The resources that count: live totals, and clicks in a range."""

from datetime import datetime

from analytics.answers import Request, Response, write
from analytics.buckets import BUCKETS_MAX, STEPS, count_buckets
from analytics.counts import Counts
from analytics.parameters import Parameters

TOP_MAX = 1_000
TOP_DEFAULT = 10


class AdAnalytics:
    """GET /ads/{ad_id}/analytics."""

    def __init__(self, counts: Counts) -> None:
        self._counts = counts

    async def on_get(self, request: Request, response: Response, ad_id: str) -> None:
        """An ad's clicks in a range; 0 for an ad that nobody knows: its first click may be on its way."""
        parameters = Parameters(request.params)
        ad = parameters.path_id("ad_id", ad_id)
        asked = parameters.range()
        parameters.check()
        counts = await self._counts.of_ads([ad], asked.range)
        write(response, {"ad_id": ad, "totalclicks": counts[ad], "start": asked.start, "end": asked.end})


class AdSeries:
    """GET /ads/{ad_id}/timeseries."""

    def __init__(self, counts: Counts) -> None:
        self._counts = counts

    async def on_get(self, request: Request, response: Response, ad_id: str) -> None:
        """An ad's clicks in a range, by minute, hour or day."""
        parameters = Parameters(request.params)
        ad = parameters.path_id("ad_id", ad_id)
        asked = parameters.range()
        name = parameters.choice("step", STEPS)
        parameters.check()
        step = STEPS[name]
        if count_buckets(asked.range, step) > BUCKETS_MAX:
            parameters.wrong("step", f"makes more than {BUCKETS_MAX} buckets: use a longer step or a shorter range")
            parameters.check()
        series = await self._counts.series(ad, asked.range, step)
        answer = {
            "ad_id": ad,
            "step": name,
            "start": asked.start,
            "end": asked.end,
            "buckets": [{"start": _utc(start), "clicks": clicks} for start, clicks in series],
        }
        write(response, answer)


class TopAds:
    """GET /ads/top."""

    def __init__(self, counts: Counts) -> None:
        self._counts = counts

    async def on_get(self, request: Request, response: Response) -> None:
        """The ads with the most clicks in a range."""
        parameters = Parameters(request.params)
        asked = parameters.range()
        limit = parameters.whole("limit", 1, TOP_MAX, TOP_DEFAULT)
        parameters.check()
        top = await self._counts.top(asked.range, limit)
        answer = {
            "start": asked.start,
            "end": asked.end,
            "ads": [{"ad_id": ad.ad_id, "name": ad.name, "totalclicks": ad.clicks} for ad in top],
        }
        write(response, answer)


def _utc(instant: datetime) -> str:
    return instant.isoformat().replace("+00:00", "Z")
