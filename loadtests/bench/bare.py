"""As little as a server can do for a click: the body read, the same answer. What is above its rate is not ours to win."""

from localstack.asgi_types import Receive, Scope, Send

_START = {
    "type": "http.response.start",
    "status": 202,
    "headers": [(b"content-type", b"application/json"), (b"content-length", b"31")],
}
_READY = {"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"31")]}
_BODY = {"type": "http.response.body", "body": b'{"data":"click event received"}'}


async def app(scope: Scope, receive: Receive, send: Send) -> None:
    """An ASGI application."""
    if scope["type"] == "lifespan":
        await _live(receive, send)
        return
    if scope["method"] == "POST":
        while (await receive()).get("more_body"):
            pass
        await send(_START)
    else:
        await send(_READY)
    await send(_BODY)


async def _live(receive: Receive, send: Send) -> None:
    await receive()
    await send({"type": "lifespan.startup.complete"})
    await receive()
    await send({"type": "lifespan.shutdown.complete"})
