"""GET /ads/analytics: all ads and their totals, or a page of them."""

from collections.abc import AsyncIterator
from uuid import UUID

import falcon

from adclicks.http.compression import accepts_gzip
from analytics.answers import PAGE_MAX, Request, Response, write
from analytics.listing import Body, joined
from analytics.live_totals import POSTGRESQL, LiveTotals
from analytics.parameters import Parameters
from analytics.totals_reader import TotalsReader

SOURCE_HEADER = "X-Totals-Source"
# One write to the connection; a block of a thousand ads is about 35 KB compressed, 100 KB else.
_CHUNK_BYTES = 64 * 1024


class TotalsResource:
    """The whole list is kept ready by ``LiveTotals``; a page comes from PostgreSQL."""

    def __init__(self, totals: LiveTotals, reader: TotalsReader) -> None:
        self._totals = totals
        self._reader = reader

    async def on_get(self, request: Request, response: Response) -> None:
        """Every ad's total so far."""
        parameters = Parameters(request.params)
        limit = parameters.whole("limit", 1, PAGE_MAX, PAGE_MAX)
        cursor = parameters.optional_id("cursor")
        parameters.check()
        if request.params.keys() & {"limit", "cursor"}:
            await self._page(request, response, limit, cursor)
        else:
            await self._all(request, response)

    async def _all(self, request: Request, response: Response) -> None:
        answer = await self._totals.get()
        packed = accepts_gzip(request.get_header("Accept-Encoding"))
        response.set_header(SOURCE_HEADER, answer.source)
        response.set_header("Vary", "Accept-Encoding")
        # To be kept, and to be asked for again each time, which costs nothing while nothing changed.
        response.cache_control = ["private", "no-cache"]
        # Compressed, the same totals may be other bytes elsewhere: a weak tag.
        tag = falcon.ETag(answer.state.tag)
        tag.is_weak = packed
        response.etag = tag.dumps()
        if _has(request, answer.state.tag):
            response.status = 304
            return
        response.content_type = falcon.MEDIA_JSON
        if packed:
            response.set_header("Content-Encoding", "gzip")
        _send(response, answer.state.listing.gzip() if packed else answer.state.listing.plain())

    async def _page(self, request: Request, response: Response, limit: int, cursor: UUID | None) -> None:
        # One more than asked for tells whether there is a next page.
        page = await self._reader.page(cursor or UUID(int=0), limit + 1)
        response.set_header(SOURCE_HEADER, POSTGRESQL)
        if len(page) > limit:
            response.append_link(f"{request.path}?limit={limit}&cursor={page[limit - 1].ad_id}", "next")
        write(response, page[:limit])


def _has(request: Request, tag: str) -> bool:
    known = request.if_none_match or []
    return any(one in {"*", tag} for one in known)


def _send(response: Response, body: Body) -> None:
    if body.size <= _CHUNK_BYTES:
        response.data = b"".join(body.chunks)
        return
    response.content_length = body.size
    response.stream = _stream(body)


async def _stream(body: Body) -> AsyncIterator[bytes]:
    for chunk in joined(body.chunks, _CHUNK_BYTES):
        yield chunk
