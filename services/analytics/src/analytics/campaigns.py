"""The resources of campaigns: /campaigns, /campaigns/{campaign_id} and its analytics."""

import falcon

from adclicks.errors import not_found
from adclicks.http.body import read_body, require_media_type
from analytics.answers import BODY_BYTES_MAX, Request, Response, write
from analytics.bodies import CampaignBody, read_campaign, require_same_id
from analytics.counts import Counts
from analytics.database import Database
from analytics.pages import read_page
from analytics.parameters import Parameters, only_id
from analytics.registry import Campaign, Registry, ads_of_campaign

Campaigns = Registry[Campaign, CampaignBody]


class CampaignsResource:
    """GET and POST /campaigns."""

    def __init__(self, campaigns: Campaigns) -> None:
        self._campaigns = campaigns

    async def on_get(self, request: Request, response: Response) -> None:
        """All campaigns, or a page of them."""
        write(response, await read_page(request, response, self._campaigns))

    async def on_post(self, request: Request, response: Response) -> None:
        """Registers a campaign."""
        require_media_type(request, (falcon.MEDIA_JSON,))
        body = read_campaign(await read_body(request, BODY_BYTES_MAX))
        campaign, made = await self._campaigns.create(body)
        response.location = f"/campaigns/{campaign.id}"
        write(response, campaign, 201 if made else 200)


class CampaignResource:
    """GET and PUT /campaigns/{campaign_id}."""

    def __init__(self, campaigns: Campaigns) -> None:
        self._campaigns = campaigns

    async def on_get(self, _request: Request, response: Response, campaign_id: str) -> None:
        """One campaign."""
        campaign = await self._campaigns.get(only_id("campaign_id", campaign_id))
        if campaign is None:
            raise not_found("There is no campaign with this id.")
        write(response, campaign)

    async def on_put(self, request: Request, response: Response, campaign_id: str) -> None:
        """Replaces what is kept of a campaign."""
        asked = only_id("campaign_id", campaign_id)
        require_media_type(request, (falcon.MEDIA_JSON,))
        body = read_campaign(await read_body(request, BODY_BYTES_MAX))
        require_same_id(body.id, asked)
        campaign = await self._campaigns.replace(asked, body)
        if campaign is None:
            raise not_found("There is no campaign with this id.")
        write(response, campaign)


class CampaignAnalytics:
    """GET /campaigns/{campaign_id}/analytics."""

    def __init__(self, database: Database, campaigns: Campaigns, counts: Counts) -> None:
        self._database = database
        self._campaigns = campaigns
        self._counts = counts

    async def on_get(self, request: Request, response: Response, campaign_id: str) -> None:
        """The clicks of all of a campaign's ads in a range."""
        parameters = Parameters(request.params)
        campaign = parameters.path_id("campaign_id", campaign_id)
        asked = parameters.range()
        parameters.check()
        ads = await ads_of_campaign(self._database, campaign)
        if not ads and await self._campaigns.get(campaign) is None:
            raise not_found("There is no campaign with this id.")
        counts = await self._counts.of_ads([ad.id for ad in ads], asked.range)
        answer = {
            "campaign_id": campaign,
            "totalclicks": sum(counts.values()),
            "start": asked.start,
            "end": asked.end,
            "ads": [{"ad_id": ad.id, "name": ad.name, "totalclicks": counts[ad.id]} for ad in ads],
        }
        write(response, answer)
