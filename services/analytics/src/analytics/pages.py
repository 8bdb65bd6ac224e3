"""Long lists, a page at a time."""

from adclicks.errors import not_found
from analytics.answers import PAGE_MAX, Request, Response
from analytics.parameters import Parameters
from analytics.registry import Body, Kind, Registry


async def read_page(request: Request, response: Response, registry: Registry[Kind, Body]) -> list[Kind]:
    """What ``limit`` and ``after`` ask for; a Link header names the next page where there is one.

    Raises ``Problem``: 400 for wrong parameters, 404 for an ``after`` that is not there, 503.
    """
    parameters = Parameters(request.params)
    limit = parameters.whole("limit", 1, PAGE_MAX, PAGE_MAX)
    after = parameters.optional_id("after")
    parameters.check()
    # One more than asked for tells whether there is a next page.
    page = await registry.page(after, limit + 1)
    if not page and after is not None and await registry.get(after) is None:
        raise not_found("There is none with the id that after names.")
    if len(page) > limit:
        response.append_link(f"{request.path}?limit={limit}&after={page[limit - 1].id}", "next")
    return page[:limit]
