"""The API server: a few verbs on JSON, and errors that say what to do."""

from __future__ import annotations

import json
from collections.abc import Mapping
from types import TracebackType
from typing import Any
from urllib.parse import quote

import aiohttp
from yarl import URL

from lagscaler.connection import Connection
from lagscaler.resources import MANAGER

REQUEST_TIMEOUT_SECONDS = 10.0
JSON = "application/json"
APPLY = "application/apply-patch+yaml"
MERGE = "application/merge-patch+json"

Json = dict[str, Any]


class ApiError(Exception):
    """The API server refused: `status` is HTTP's, the text its message."""

    def __init__(self, status: int, message: str) -> None:
        self.status = status
        super().__init__(message)


class ApiUnavailableError(ApiError):
    """It could not be asked, or asks to wait: try again later."""

    def __init__(self, message: str) -> None:
        super().__init__(503, message)


def path(api_version: str, plural: str, namespace: str | None = None, name: str | None = None) -> str:
    """The path of a resource's collection, or of one object."""
    root = "/api/v1" if api_version == "v1" else f"/apis/{api_version}"
    parts = [*(["namespaces", namespace] if namespace else []), plural, *([name] if name else [])]
    # Whatever a name holds, it stays one segment of the path.
    return "/".join([root, *(quote(part, safe="") for part in parts)])


class Cluster:
    """An `async with` keeps its connections. Every call raises `ApiError`, within `REQUEST_TIMEOUT_SECONDS`."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Cluster:
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(ssl=self._connection.ssl_context()),
            timeout=aiohttp.ClientTimeout(total=REQUEST_TIMEOUT_SECONDS),
        )
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._session:
            await self._session.close()

    async def get(self, path: str) -> Json:
        return await self._request("GET", path)

    async def find(self, path: str) -> Json | None:
        """The object, or None if there is none."""
        try:
            return await self.get(path)
        except ApiError as error:
            if error.status == 404:
                return None
            raise

    async def items(self, path: str) -> list[Json]:
        """A collection's objects."""
        return list((await self.get(path)).get("items") or [])

    async def create(self, path: str, body: Mapping[str, Any]) -> Json:
        return await self._request("POST", path, body, JSON)

    async def apply(self, path: str, body: Mapping[str, Any]) -> Json:
        """Server-side apply: our fields are ours whoever wrote them last; others' fields stay."""
        return await self._request("PATCH", f"{path}?fieldManager={MANAGER}&force=true", body, APPLY)

    async def merge(self, path: str, body: Mapping[str, Any]) -> Json:
        return await self._request("PATCH", f"{path}?fieldManager={MANAGER}", body, MERGE)

    async def delete(self, path: str, uid: str) -> None:
        """Deletes that very object; one that is gone, or another of its name, is no error."""
        try:
            await self._request("DELETE", path, {"preconditions": {"uid": uid}}, JSON)
        except ApiError as error:
            if error.status not in (404, 409):
                raise

    async def secret(self, namespace: str, name: str) -> Mapping[str, str]:
        """A Secret's data, base64."""
        return (await self.get(path("v1", "secrets", namespace, name))).get("data") or {}

    async def _request(
        self, method: str, target: str, body: Mapping[str, Any] | None = None, content: str = JSON
    ) -> Json:
        if self._session is None:
            raise RuntimeError("a Cluster is used in `async with`")
        headers = {"Accept": JSON, "Content-Type": content}
        try:
            if token := self._connection.token():
                headers["Authorization"] = f"Bearer {token}"
            data = json.dumps(body) if body is not None else None
            # As it is: normalised, an escaped slash or a dot would lead elsewhere.
            url = URL(self._connection.server + target, encoded=True)
            async with self._session.request(method, url, data=data, headers=headers) as answer:
                return _checked(answer.status, await answer.read())
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise ApiUnavailableError(f"the API server could not be asked: {error or 'no answer in time'}") from error


def _checked(status: int, body: bytes) -> Json:
    try:
        answer = json.loads(body) if body else {}
    except ValueError:
        answer = {}
    if status < 300:
        return answer if isinstance(answer, dict) else {}
    message = str(answer.get("message") or f"HTTP {status}") if isinstance(answer, dict) else f"HTTP {status}"
    if status == 429 or status >= 500:
        raise ApiUnavailableError(message)
    raise ApiError(status, message)
