"""The types of ASGI 3."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

# A scope and a message are dictionaries whose values depend on their "type": the specification's own words.
Scope = dict[str, Any]
Message = dict[str, Any]
Receive = Callable[[], Awaitable[Mapping[str, Any]]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]
