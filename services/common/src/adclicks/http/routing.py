"""Which responders answer which method."""

from collections.abc import Callable
from typing import Any

import falcon.routing


class Router(falcon.routing.CompiledRouter):
    """Falcon's, where HEAD is answered as GET is, without the body: load balancers and ``wget --spider`` ask so."""

    def map_http_methods(self, resource: object, **kwargs: Any) -> dict[str, Callable[..., Any]]:
        """Called by Falcon for each route. What it returns is what ``Allow`` lists, too."""
        methods: dict[str, Callable[..., Any]] = super().map_http_methods(resource, **kwargs)
        if "GET" in methods:
            methods.setdefault("HEAD", methods["GET"])
        return methods
