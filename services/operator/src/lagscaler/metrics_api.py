"""external.metrics.k8s.io and custom.metrics.k8s.io: the number, for the HPA and for whoever has the right to see it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime
from typing import Any

from aiohttp import web

from lagscaler import api_answers
from lagscaler.api_answers import CUSTOM, EXTERNAL, OBJECTS, VERSIONS, status
from lagscaler.authentication import Authenticator, NotAuthenticatedError
from lagscaler.authorization import Authorizer
from lagscaler.cluster import ApiError
from lagscaler.conditions import timestamp
from lagscaler.numbered import Numbered, Numbers
from lagscaler.resources import METRIC, Identity
from lagscaler.scaler import NoNumberError

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Refusal(Exception):
    """An answer that is an error."""

    def __init__(self, code: int, message: str) -> None:
        self.code = code
        super().__init__(message)


def create_app(numbers: Numbers, authenticator: Authenticator, authorizer: Authorizer) -> web.Application:
    """The metrics APIs; every path but the health checks is for known callers with rights."""
    api = _Api(numbers)
    app = web.Application(middlewares=[_errors, _guard(authenticator, authorizer)])
    app.router.add_get("/apis", api.groups)
    for group, versions in VERSIONS.items():
        app.router.add_get(f"/apis/{{group:{group}}}", api.group)
        for version in versions:
            app.router.add_get(f"/apis/{{group:{group}}}/{{version:{version}}}", api.resources)
    for kind in ("livez", "readyz", "healthz"):
        app.router.add_get(f"/{kind}", _alive)
    app.router.add_get(f"/apis/{EXTERNAL}/v1beta1/namespaces/{{namespace}}/{{metric}}", api.external)
    for version in VERSIONS[CUSTOM]:
        where = f"/apis/{CUSTOM}/{{version:{version}}}/namespaces/{{namespace}}/{{objects}}/{{name}}/{{metric}}"
        app.router.add_get(where, api.of_objects)
    return app


class _Api:
    def __init__(self, numbers: Numbers) -> None:
        self._numbers = numbers

    async def groups(self, _request: web.Request) -> web.Response:
        return web.json_response(api_answers.groups())

    async def group(self, request: web.Request) -> web.Response:
        return web.json_response(api_answers.group(request.match_info["group"]))

    async def resources(self, request: web.Request) -> web.Response:
        return web.json_response(api_answers.resources(request.match_info["group"], request.match_info["version"]))

    async def external(self, request: web.Request) -> web.Response:
        _known_metric(request)
        try:
            names = api_answers.selected(request.query.get("labelSelector", ""))
        except ValueError as error:
            raise Refusal(400, str(error)) from error
        found = await self._of(request.match_info["namespace"], names)
        return web.json_response(api_answers.external_values(found, _now()))

    async def of_objects(self, request: web.Request) -> web.Response:
        _known_metric(request)
        if request.match_info["objects"] != OBJECTS:
            raise Refusal(404, f"only {OBJECTS} have the metric {METRIC}")
        name = request.match_info["name"]
        found = await self._of(request.match_info["namespace"], None if name == "*" else frozenset({name}))
        return web.json_response(api_answers.object_values(request.match_info["version"], found, _now()))

    async def _of(self, namespace: str, names: frozenset[str] | None) -> dict[Identity, int]:
        """The numbers of the named ones; of all that have one, if none is named."""
        if names is None:
            everyone = [one for one in self._numbers if one.identity.namespace == namespace]
            return {one.identity: number for one in everyone if (number := await _number(one)) is not None}
        return {one.identity: await _served(one) for one in self._named(namespace, sorted(names))}

    def _named(self, namespace: str, names: Sequence[str]) -> list[Numbered]:
        found = []
        for name in names:
            one = self._numbers.find(namespace, name)
            if one is None:
                raise Refusal(404, f'lagautoscalers.adclicks.dev "{name}" not found in namespace "{namespace}"')
            found.append(one)
        return found


async def _number(one: Numbered) -> int | None:
    try:
        return await one.desired()
    except NoNumberError:
        return None


async def _served(one: Numbered) -> int:
    try:
        return await one.desired()
    except NoNumberError as error:
        # Never 0 or the last number for ever: on an error the HPA holds still, and shows it.
        raise Refusal(503, f"there is no number for {one.identity.name}: {error}") from error


def _known_metric(request: web.Request) -> None:
    if request.match_info["metric"] != METRIC:
        raise Refusal(404, f"there is no metric {request.match_info['metric']}, only {METRIC}")


def _now() -> str:
    return timestamp(datetime.now(UTC))


async def _alive(_request: web.Request) -> web.Response:
    return web.Response(text="ok")


@web.middleware
async def _errors(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Every error is a Status, which is what kubectl and the HPA print."""
    try:
        return await handler(request)
    except Refusal as refusal:
        return _refused(refusal.code, str(refusal))
    except web.HTTPNotFound:
        return _refused(404, "the server could not find the requested resource")
    except web.HTTPMethodNotAllowed:
        return _refused(405, "the server does not allow this method on the requested resource")


def _refused(code: int, message: str) -> web.Response:
    return web.json_response(status(code, message), status=code)


def _guard(authenticator: Authenticator, authorizer: Authorizer) -> Any:
    @web.middleware
    async def guard(request: web.Request, handler: Handler) -> web.StreamResponse:
        if request.path in ("/livez", "/readyz", "/healthz"):
            return await handler(request)
        if "%2f" in request.rel_url.raw_path.lower():
            # Decoded, it would be read as other path segments by whoever decides about rights.
            raise Refusal(404, "the server could not find the requested resource")
        try:
            user = await authenticator.user(_common_name(request), request.headers)
            allowed = request.method == "GET" and (
                _is_discovery(request.path) or await authorizer.allows(user, request.path)
            )
        except NotAuthenticatedError as error:
            raise Refusal(401, f"Unauthorized: {error}") from error
        except ApiError as error:
            raise Refusal(503, f"the API server could not be asked who may see this: {error}") from error
        if not allowed:
            raise Refusal(403, f'forbidden: User "{user.name}" cannot {request.method.lower()} path "{request.path}"')
        return await handler(request)

    return guard


def _is_discovery(path: str) -> bool:
    """/apis, a group, a version: open to every known caller. The API server's own discovery comes as
    system:kube-aggregator without any group, whom no role grants it; refused, it calls the API stale, and the HPA finds none.
    """
    parts = path.strip("/").split("/")
    return parts[0] == "apis" and len(parts) <= 3


def _common_name(request: web.Request) -> str | None:
    """Of the client certificate that the listener has verified, None without one."""
    certificate = request.transport.get_extra_info("peercert") if request.transport else None
    subject = certificate.get("subject", ()) if certificate else ()
    return next((value for rdn in subject for key, value in rdn if key == "commonName"), None)
