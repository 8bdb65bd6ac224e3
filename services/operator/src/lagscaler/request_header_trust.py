"""Whom the API server says may speak for others; read again, because that CA is rotated too."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import structlog

from lagscaler.authentication import CONFIG_NAME, CONFIG_NAMESPACE, RequestHeaders, request_headers
from lagscaler.cluster import ApiError, Cluster, path

READ_SECONDS = 60.0
RETRY_SECONDS = 2.0

_log = structlog.get_logger()


async def keep(cluster: Cluster, use: Callable[[RequestHeaders], Awaitable[None]]) -> None:
    """Calls `use` with what is found, and with each change, for ever."""
    used: RequestHeaders | None = None
    while True:
        try:
            found = await cluster.find(path("v1", "configmaps", CONFIG_NAMESPACE, CONFIG_NAME))
            now = request_headers((found or {}).get("data") or {})
            if now != used:
                await use(now)
                used = now
            wait_seconds = READ_SECONDS
        except (ApiError, ValueError, OSError) as error:
            _log.warning("the request header CA could not be read", error=str(error))
            wait_seconds = RETRY_SECONDS
        await asyncio.sleep(wait_seconds)
