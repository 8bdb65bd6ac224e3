"""Builds the analytics application."""

from typing import Any

import falcon.asgi
from prometheus_client import REGISTRY, CollectorRegistry

from adclicks.http import errors, operations
from adclicks.http.compression import CompressedAnswers
from adclicks.http.metrics import RequestMetrics
from adclicks.http.request_id import RequestId
from adclicks.http.routing import Router
from analytics.ads import AdResource, Ads, AdsResource
from analytics.audit import AuditResource
from analytics.campaigns import CampaignAnalytics, CampaignResource, Campaigns, CampaignsResource
from analytics.counts import Counts
from analytics.database import Database
from analytics.live_totals import LiveTotals
from analytics.log_ends import LogEnds
from analytics.openapi import document
from analytics.redis_cache import RedisCache
from analytics.registry import ADS, CAMPAIGNS, Ad, Campaign, Registry
from analytics.reports import AdAnalytics, AdSeries, TopAds
from analytics.settings import AnalyticsSettings
from analytics.totals import TotalsResource
from analytics.totals_reader import TotalsReader


def create_app(settings: AnalyticsSettings, metrics: CollectorRegistry = REGISTRY) -> falcon.asgi.App[Any, Any]:
    """The ASGI application; its clients are made by its lifespan, after the fork."""
    database, cache, log_ends = Database(settings), RedisCache(settings.redis), LogEnds(settings.kafka)
    reader = TotalsReader(database)
    totals = LiveTotals(reader, cache, settings.totals_max_age_ms / 1000)
    clients = Clients(database, cache, log_ends, totals)
    middleware: list[Any] = [RequestMetrics(metrics), RequestId(), clients, CompressedAnswers()]
    app = falcon.asgi.App(middleware=middleware, router=Router())
    errors.install(app)
    app.add_route("/ads/analytics", TotalsResource(totals, reader))
    _add_routes(app, database, log_ends)
    # Live as long as it answers at all: no outage of another part is cured by a restart of this one.
    operations.add_routes(app, live={}, ready={"database": database.unready}, document=document())
    return app


def _add_routes(app: falcon.asgi.App[Any, Any], database: Database, log_ends: LogEnds) -> None:
    ads: Ads = Registry(database, Ad, ADS)
    campaigns: Campaigns = Registry(database, Campaign, CAMPAIGNS)
    counts = Counts(database)
    app.add_route("/ads", AdsResource(ads))
    app.add_route("/ads/top", TopAds(counts))
    app.add_route("/ads/{ad_id}", AdResource(ads))
    app.add_route("/ads/{ad_id}/analytics", AdAnalytics(counts))
    app.add_route("/ads/{ad_id}/timeseries", AdSeries(counts))
    app.add_route("/campaigns", CampaignsResource(campaigns))
    app.add_route("/campaigns/{campaign_id}", CampaignResource(campaigns))
    app.add_route("/campaigns/{campaign_id}/analytics", CampaignAnalytics(database, campaigns, counts))
    app.add_route("/audit", AuditResource(database, log_ends))


class Clients:
    """Falcon middleware that opens the clients with the server and closes them at its end."""

    def __init__(self, database: Database, cache: RedisCache, log_ends: LogEnds, totals: LiveTotals) -> None:
        self._database = database
        self._cache = cache
        self._log_ends = log_ends
        self._totals = totals

    async def process_startup(self, _scope: dict[str, Any], _event: dict[str, Any]) -> None:
        """Before the first request."""
        self._cache.open()
        await self._database.open()
        # Of very many ads it takes a while: begun before somebody asks, and not waited for.
        self._totals.refresh()

    async def process_shutdown(self, _scope: dict[str, Any], _event: dict[str, Any]) -> None:
        """After the last request."""
        self._log_ends.close()
        await self._database.close()
        await self._cache.close()
