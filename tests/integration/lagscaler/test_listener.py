"""The TLS port, alone: its server is replaced while callers connect."""

import asyncio
import ssl
from datetime import UTC, datetime, timedelta

from aiohttp import web

from lagscaler.certificates import make_pair, server_context
from lagscaler.listener import TlsListener, bind

ROTATIONS = 200
# Far more than a handshake takes; a connection that was forgotten is never answered.
PATIENCE_SECONDS = 30.0


async def test_no_connection_is_forgotten_as_the_server_is_replaced() -> None:
    """Eight callers that connect one time after the other, through two hundred certificates."""
    listening = bind("127.0.0.1", 0)
    port = listening.getsockname()[1]
    pair = make_pair(["localhost"], timedelta(hours=1), datetime.now(UTC))
    # Whom to trust is not the question here.
    anybody = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    anybody.check_hostname, anybody.verify_mode = False, ssl.CERT_NONE
    listener = TlsListener(web.Application(), listening)
    await listener.use(server_context(pair.certificate, pair.key, ""))
    rotating, connected = True, 0

    async def connect() -> None:
        nonlocal connected
        while rotating:
            async with asyncio.timeout(PATIENCE_SECONDS):
                _, writer = await asyncio.open_connection("127.0.0.1", port, ssl=anybody)
            writer.close()
            connected += 1

    try:
        async with asyncio.TaskGroup() as callers:
            for _ in range(8):
                callers.create_task(connect())
            for _ in range(ROTATIONS):
                await listener.use(server_context(pair.certificate, pair.key, ""))
                await asyncio.sleep(0.01)
            rotating = False
    finally:
        await listener.close()
    assert connected > ROTATIONS
