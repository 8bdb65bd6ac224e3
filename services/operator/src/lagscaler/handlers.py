"""kopf's events, handed over to the runner. No logic here: kopf finds out that something changed, the runner what to do.

Only event handlers: daemons, timers and change handlers would put a finalizer on every object.
"""

from __future__ import annotations

import socket
import time
from collections.abc import Callable, Sequence
from typing import Any, cast
from uuid import uuid4

import aiohttp
import kopf

from lagscaler.connection import Connection
from lagscaler.resources import HPA, MANAGER, SCALED_OBJECT, Json
from lagscaler.spec import GROUP, PLURAL, VERSION

FINALIZER = f"{GROUP}/finalizer"
PEERING_LIFETIME_SECONDS = 20

Seen = Callable[[str | None, Json], None]


def registry(connection: Connection, lagautoscaler_seen: Seen, scaler_seen: Seen) -> kopf.OperatorRegistry:
    """All that kopf watches: LagAutoscalers, and what they own or what stands in their way."""
    made = kopf.OperatorRegistry()

    @kopf.on.login(registry=made)
    async def login(**_: Any) -> kopf.AiohttpSession:
        # A session of ours, because kopf's own would be stricter with the cluster's CA than clusters are. Asked again when
        # the token is refused: it is rotated.
        token = connection.token()
        session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=0, ssl=connection.ssl_context()),
            headers={"Authorization": f"Bearer {token}"} if token else {},
        )
        return kopf.AiohttpSession(server=connection.server, aiohttp_session=session)

    @kopf.on.event(GROUP, VERSION, PLURAL, registry=made)
    async def lagautoscaler(event: Any, **_: Any) -> None:
        lagautoscaler_seen(event["type"], event["object"])

    @kopf.on.event(HPA.group, HPA.version, HPA.plural, registry=made)
    async def hpa(event: Any, **_: Any) -> None:
        scaler_seen(event["type"], event["object"])

    @kopf.on.event(SCALED_OBJECT.group, SCALED_OBJECT.version, SCALED_OBJECT.plural, registry=made)
    async def scaled_object(event: Any, **_: Any) -> None:
        scaler_seen(event["type"], event["object"])

    return made


def settings() -> kopf.OperatorSettings:
    """Names of our own, so that another operator made with kopf is never mixed up with this one."""
    made = kopf.OperatorSettings()
    made.persistence.finalizer = FINALIZER
    made.persistence.progress_storage = kopf.AnnotationsProgressStorage(prefix=GROUP)
    made.persistence.diffbase_storage = kopf.AnnotationsDiffBaseStorage(prefix=GROUP)
    made.posting.enabled = False
    made.peering.name = MANAGER
    made.peering.mandatory = False
    made.peering.lifetime = PEERING_LIFETIME_SECONDS
    # The later start wins. A killed operator stays in the peering for its lifetime; with equal priorities its successor
    # would wait that long before it looks at anything.
    made.peering.priority = int(time.time())
    # An idle watch is opened anew now and then: a connection that died silently would otherwise be waited on for ever.
    made.watching.server_timeout = 240
    made.watching.client_timeout = 300
    made.watching.connect_timeout = 10
    return made


async def watch(made: kopf.OperatorRegistry, namespaces: Sequence[str], stop: Any) -> None:
    """Runs until `stop` (a threading.Event) is set; ends or raises earlier if the API server is away for long."""
    await kopf.operator(
        registry=made,
        settings=settings(),
        # kopf's own guess asks for the user's name, which a numeric user of a container does not have.
        identity=cast("Any", f"{MANAGER}@{socket.gethostname()}/{uuid4().hex[:8]}"),
        namespaces=namespaces,
        clusterwide=not namespaces,
        stop_flag=stop,
    )
