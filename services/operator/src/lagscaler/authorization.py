"""Who may ask for what: the API server decides (SubjectAccessReview), as it does for its own objects."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from lagscaler.authentication import CACHE_SECONDS, Poster, User
from lagscaler.cluster import path
from lagscaler.recent import Recent

CACHED_DECISIONS = 1000

Attributes = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Question:
    """Exactly one of `resource` and `path` is filled."""

    user: User
    resource: Attributes = ()
    path: Attributes = ()


def attributes(url_path: str) -> tuple[Attributes, Attributes]:
    """(resource attributes, non-resource attributes) of a GET, as the API server itself reads a path:
    /apis/{group}/{version}/namespaces/{namespace}/{resource}[/{name}[/{subresource}]]
    """
    parts = url_path.strip("/").split("/")
    if len(parts) < 4 or parts[0] != "apis":
        return (), (("path", url_path), ("verb", "get"))
    found = {"group": parts[1], "version": parts[2]}
    rest = parts[3:]
    if rest[0] == "namespaces" and len(rest) >= 3:
        found["namespace"] = rest[1]
        rest = rest[2:]
    named = dict(zip(("resource", "name", "subresource"), rest, strict=False))
    verb = "get" if "name" in named else "list"
    return tuple((found | named | {"verb": verb}).items()), ()


@dataclass
class Authorizer:
    """Remembers a decision for `CACHE_SECONDS`."""

    reviews: Poster
    clock: Callable[[], float] = time.monotonic
    _decisions: Recent[Question, bool] = field(init=False)

    def __post_init__(self) -> None:
        self._decisions = Recent(CACHE_SECONDS, CACHED_DECISIONS, self.clock)

    async def allows(self, user: User, url_path: str) -> bool:
        """Whether `user` may GET that path. Raises `ApiError` when nobody could be asked."""
        resource, other = attributes(url_path)
        return await self._decisions.get(Question(user, resource, other), self._review)

    async def _review(self, question: Question) -> bool:
        user = question.user
        spec: dict[str, Any] = {
            "user": user.name,
            "groups": list(user.groups),
            "uid": user.uid,
            "extra": {key: list(values) for key, values in user.extra},
        }
        if question.resource:
            spec["resourceAttributes"] = dict(question.resource)
        else:
            spec["nonResourceAttributes"] = dict(question.path)
        review = {"apiVersion": "authorization.k8s.io/v1", "kind": "SubjectAccessReview", "spec": spec}
        answer = await self.reviews.create(path("authorization.k8s.io/v1", "subjectaccessreviews"), review)
        return bool((answer.get("status") or {}).get("allowed"))
