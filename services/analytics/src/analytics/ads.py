"""The resources of ads: /ads and /ads/{ad_id}."""

import falcon

from adclicks.errors import not_found
from adclicks.http.body import read_body, require_media_type
from analytics.answers import BODY_BYTES_MAX, Request, Response, write
from analytics.bodies import AdBody, read_ad, require_same_id
from analytics.pages import read_page
from analytics.parameters import only_id
from analytics.registry import Ad, Registry

Ads = Registry[Ad, AdBody]


class AdsResource:
    """GET and POST /ads."""

    def __init__(self, ads: Ads) -> None:
        self._ads = ads

    async def on_get(self, request: Request, response: Response) -> None:
        """All ads, or a page of them."""
        write(response, await read_page(request, response, self._ads))

    async def on_post(self, request: Request, response: Response) -> None:
        """Registers an ad."""
        require_media_type(request, (falcon.MEDIA_JSON,))
        ad, made = await self._ads.create(read_ad(await read_body(request, BODY_BYTES_MAX)))
        response.location = f"/ads/{ad.id}"
        write(response, ad, 201 if made else 200)


class AdResource:
    """GET and PUT /ads/{ad_id}."""

    def __init__(self, ads: Ads) -> None:
        self._ads = ads

    async def on_get(self, _request: Request, response: Response, ad_id: str) -> None:
        """One ad."""
        ad = await self._ads.get(only_id("ad_id", ad_id))
        if ad is None:
            raise not_found("There is no ad with this id.")
        write(response, ad)

    async def on_put(self, request: Request, response: Response, ad_id: str) -> None:
        """Replaces what is kept of an ad."""
        asked = only_id("ad_id", ad_id)
        require_media_type(request, (falcon.MEDIA_JSON,))
        body = read_ad(await read_body(request, BODY_BYTES_MAX))
        require_same_id(body.id, asked)
        ad = await self._ads.replace(asked, body)
        if ad is None:
            raise not_found("There is no ad with this id.")
        write(response, ad)
