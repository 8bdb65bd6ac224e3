"""Who asks: the API server in somebody's name (request headers, believed only with its client certificate), or a bearer
of a token. As https://kubernetes.io/docs/tasks/extend-kubernetes/configure-aggregation-layer/ has it.

The TLS listener has verified a client certificate against the request header CA, and against nothing else, before a
request gets here; without one, or from another CA, the headers are what any stranger could write.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol
from urllib.parse import unquote

from multidict import CIMultiDictProxy

from lagscaler.cluster import path
from lagscaler.recent import Recent

CONFIG_NAMESPACE, CONFIG_NAME = "kube-system", "extension-apiserver-authentication"
CACHE_SECONDS = 10.0
CACHED_TOKENS = 1000


@dataclass(frozen=True, slots=True)
class User:
    """Who asks, in the words of a SubjectAccessReview."""

    name: str
    groups: tuple[str, ...] = ()
    uid: str = ""
    extra: tuple[tuple[str, tuple[str, ...]], ...] = ()


@dataclass(frozen=True, slots=True)
class RequestHeaders:
    """Whose certificate may speak for others, and in which headers. No `client_ca`: nobody's."""

    client_ca: str = ""
    allowed_names: tuple[str, ...] = ()
    username: tuple[str, ...] = ()
    group: tuple[str, ...] = ()
    uid: tuple[str, ...] = ()
    extra_prefixes: tuple[str, ...] = ()


class NotAuthenticatedError(Exception):
    """401; the text says why."""


class Poster(Protocol):
    """The API server's reviews."""

    async def create(self, path: str, body: Mapping[str, Any]) -> dict[str, Any]:
        """Raises `ApiError`."""


def request_headers(data: Mapping[str, str]) -> RequestHeaders:
    """What the ConfigMap extension-apiserver-authentication says. Raises ValueError where it is no JSON."""

    def listed(name: str) -> tuple[str, ...]:
        return tuple(str(item) for item in json.loads(data.get(f"requestheader-{name}") or "[]"))

    return RequestHeaders(
        client_ca=data.get("requestheader-client-ca-file", ""),
        allowed_names=listed("allowed-names"),
        username=listed("username-headers"),
        group=listed("group-headers"),
        uid=listed("uid-headers"),
        extra_prefixes=listed("extra-headers-prefix"),
    )


def from_headers(known: RequestHeaders, common_name: str | None, headers: CIMultiDictProxy[str]) -> User | None:
    """The user in whose name the API server asks; None if the connection is not the API server's.

    `common_name` is that of a client certificate that was verified against `known.client_ca`, else None.
    """
    if common_name is None or not known.client_ca:
        return None
    if known.allowed_names and common_name not in known.allowed_names:
        return None
    names = _values(headers, known.username)
    if not names or not names[0]:
        return None
    return User(
        name=names[0],
        groups=tuple(_values(headers, known.group)),
        uid=next(iter(_values(headers, known.uid)), ""),
        extra=_extra(headers, known.extra_prefixes),
    )


def _values(headers: CIMultiDictProxy[str], names: Sequence[str]) -> list[str]:
    return [value for name in names for value in headers.getall(name, [])]


def _extra(headers: CIMultiDictProxy[str], prefixes: Sequence[str]) -> tuple[tuple[str, tuple[str, ...]], ...]:
    found: dict[str, tuple[str, ...]] = {}
    for prefix in prefixes:
        for name in dict.fromkeys(name.lower() for name in headers):
            if name.startswith(prefix.lower()) and len(name) > len(prefix):
                # A key may have characters that a header's name may not; the API server escapes them.
                found[unquote(name[len(prefix) :])] = tuple(headers.getall(name))
    return tuple(sorted(found.items()))


@dataclass
class Authenticator:
    """Finds out who asks. `known` is replaced when the ConfigMap changes."""

    reviews: Poster
    known: RequestHeaders = field(default_factory=RequestHeaders)
    clock: Callable[[], float] = time.monotonic
    _tokens: Recent[str, User | None] = field(init=False)

    def __post_init__(self) -> None:
        self._tokens = Recent(CACHE_SECONDS, CACHED_TOKENS, self.clock)

    async def user(self, common_name: str | None, headers: CIMultiDictProxy[str]) -> User:
        """Raises `NotAuthenticatedError`, and `ApiError` when a token could not be reviewed."""
        user = from_headers(self.known, common_name, headers)
        if user is None:
            scheme, _, token = headers.get("Authorization", "").partition(" ")
            if scheme.lower() == "bearer" and token.strip():
                user = await self._tokens.get(token.strip(), self._review)
        if user is None:
            raise NotAuthenticatedError("neither the API server's client certificate nor a valid bearer token")
        return user

    async def _review(self, token: str) -> User | None:
        review = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenReview", "spec": {"token": token}}
        answer = (await self.reviews.create(path("authentication.k8s.io/v1", "tokenreviews"), review)).get("status", {})
        if not answer.get("authenticated"):
            return None
        user = answer.get("user") or {}
        extra = {key: tuple(values) for key, values in (user.get("extra") or {}).items()}
        return User(
            user.get("username", ""), tuple(user.get("groups") or ()), user.get("uid", ""), tuple(sorted(extra.items()))
        )
