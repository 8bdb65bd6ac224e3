"""Who is believed to ask, and what is asked about them."""

from __future__ import annotations

from typing import Any

import pytest
from multidict import CIMultiDict, CIMultiDictProxy

from lagscaler.authentication import Authenticator, NotAuthenticatedError, RequestHeaders, User, request_headers
from lagscaler.authorization import Authorizer, attributes
from lagscaler.cluster import ApiUnavailableError

KNOWN = request_headers(
    {
        "requestheader-client-ca-file": "PEM",
        "requestheader-allowed-names": '["front-proxy-client"]',
        "requestheader-username-headers": '["X-Remote-User"]',
        "requestheader-group-headers": '["X-Remote-Group"]',
        "requestheader-uid-headers": '["X-Remote-Uid"]',
        "requestheader-extra-headers-prefix": '["X-Remote-Extra-"]',
    }
)
FORGED = [("X-Remote-User", "admin"), ("X-Remote-Group", "system:masters")]


def headers(*pairs: tuple[str, str]) -> CIMultiDictProxy[str]:
    return CIMultiDictProxy(CIMultiDict(pairs))


class Reviews:
    """An API server that knows one token and grants one group everything."""

    def __init__(self) -> None:
        self.asked: list[dict[str, Any]] = []
        self.is_away = False

    async def create(self, path: str, body: Any) -> dict[str, Any]:
        if self.is_away:
            raise ApiUnavailableError("away")
        self.asked.append(body)
        if path.endswith("tokenreviews"):
            known = body["spec"]["token"] == "good"
            user = {"username": "ann", "groups": ["readers"], "extra": {"scope": ["a"]}}
            return {"status": {"authenticated": known, "user": user if known else {}}}
        return {"status": {"allowed": "readers" in body["spec"]["groups"]}}


async def test_the_api_servers_certificate_speaks_for_others() -> None:
    """User, groups, uid and extra as it says."""
    said = headers(*FORGED, ("X-Remote-Group", "b"), ("x-remote-uid", "7"), ("X-Remote-Extra-Acme.com%2fScope", "s"))
    user = await Authenticator(Reviews(), KNOWN).user("front-proxy-client", said)
    assert user == User("admin", ("system:masters", "b"), "7", (("acme.com/scope", ("s",)),))


@pytest.mark.parametrize(
    ("common_name", "known"),
    [
        (None, KNOWN),
        ("kubelet", KNOWN),
        ("front-proxy-client", RequestHeaders()),
        ("", KNOWN),
    ],
    ids=["no certificate", "another name", "no CA is known", "no name"],
)
async def test_headers_without_that_certificate_are_what_any_stranger_writes(
    common_name: str | None, known: RequestHeaders
) -> None:
    """Also for whoever reaches the pod itself."""
    with pytest.raises(NotAuthenticatedError):
        await Authenticator(Reviews(), known).user(common_name, headers(*FORGED))


async def test_forged_headers_beside_a_token_change_nothing() -> None:
    """The token's user counts."""
    user = await Authenticator(Reviews(), KNOWN).user(None, headers(*FORGED, ("Authorization", "Bearer good")))
    assert (user.name, user.groups) == ("ann", ("readers",))


@pytest.mark.parametrize("value", ["Bearer bad", "Bearer ", "Basic good", "good", ""])
async def test_a_token_that_is_not_valid_is_nobody(value: str) -> None:
    """401."""
    with pytest.raises(NotAuthenticatedError):
        await Authenticator(Reviews(), KNOWN).user(None, headers(("Authorization", value)))


async def test_a_decision_is_kept_for_ten_seconds() -> None:
    """A HPA asks every 15 s; a curious pod as often as it likes."""
    reviews, now = Reviews(), [0.0]
    authenticator = Authenticator(reviews, KNOWN, lambda: now[0])
    for seconds in (0.0, 9.0, 11.0):
        now[0] = seconds
        await authenticator.user(None, headers(("Authorization", "Bearer good")))
    assert len(reviews.asked) == 2


async def test_a_review_that_could_not_be_made_is_no_answer() -> None:
    """It is neither a yes nor kept as a no."""
    reviews = Reviews()
    authorizer = Authorizer(reviews)
    reviews.is_away = True
    with pytest.raises(ApiUnavailableError):
        await authorizer.allows(User("ann", ("readers",)), "/apis")
    reviews.is_away = False
    assert await authorizer.allows(User("ann", ("readers",)), "/apis")
    assert not await authorizer.allows(User("bob"), "/apis")


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        (
            "/apis/external.metrics.k8s.io/v1beta1/namespaces/shop/lagscaler_desired_replicas",
            {
                "group": "external.metrics.k8s.io",
                "version": "v1beta1",
                "namespace": "shop",
                "resource": "lagscaler_desired_replicas",
                "verb": "list",
            },
        ),
        (
            "/apis/custom.metrics.k8s.io/v1beta2/namespaces/shop/lagautoscalers.adclicks.dev/c/lagscaler_desired_replicas",
            {
                "group": "custom.metrics.k8s.io",
                "version": "v1beta2",
                "namespace": "shop",
                "resource": "lagautoscalers.adclicks.dev",
                "name": "c",
                "subresource": "lagscaler_desired_replicas",
                "verb": "get",
            },
        ),
    ],
)
def test_a_path_is_read_as_the_api_server_reads_it(path: str, expected: dict[str, str]) -> None:
    """Else a role would grant something else here than there."""
    resource, other = attributes(path)
    assert (dict(resource), other) == (expected, ())


@pytest.mark.parametrize("path", ["/apis", "/apis/external.metrics.k8s.io/v1beta1", "/metrics", "/"])
def test_what_is_no_resource_is_asked_about_as_a_path(path: str) -> None:
    """Discovery, above all."""
    assert attributes(path) == ((), (("path", path), ("verb", "get")))
