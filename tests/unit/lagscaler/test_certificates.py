"""Certificates of our own: made, kept, trusted before they are served."""

from __future__ import annotations

import base64
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from cryptography import x509

from lagscaler.certificates import Pair, bundle, make_pair, service_names
from lagscaler.serving_certificate import OwnCertificate, Wanted

NOW = datetime(2026, 3, 1, tzinfo=UTC)
LIFE = timedelta(days=90)
NAMES = service_names("lagscaler", "ops")
SECRET = "/api/v1/namespaces/ops/secrets/serving"
SERVICE = "/apis/apiregistration.k8s.io/v1/apiservices/v1"


class Api:
    """Keeps a Secret and an APIService, and the order in which they were written."""

    def __init__(self) -> None:
        self.objects: dict[str, dict[str, Any]] = {SERVICE: {"spec": {}}}
        self.steps: list[str] = []

    async def find(self, path: str) -> dict[str, Any] | None:
        return self.objects.get(path)

    async def apply(self, path: str, body: Any) -> dict[str, Any]:
        self.objects[path] = dict(body)
        self.steps.append("kept")
        return self.objects[path]

    async def merge(self, path: str, body: Any) -> dict[str, Any]:
        self.objects[path]["spec"].update(body["spec"])
        self.steps.append("trusted")
        return self.objects[path]

    @property
    def trusted(self) -> list[x509.Certificate]:
        return x509.load_pem_x509_certificates(base64.b64decode(self.objects[SERVICE]["spec"]["caBundle"]))


class Serving:
    """One process: what it serves, and its steps beside the API server's."""

    def __init__(self, api: Api) -> None:
        self.api, self.pairs = api, list[Pair]()
        self.own = OwnCertificate(api, Wanted("ops", "serving", NAMES, LIFE, ("v1",), spread_seconds=0), self.use)

    async def use(self, pair: Pair) -> None:
        self.api.steps.append("served")
        self.pairs.append(pair)


def ca(pair: Pair) -> x509.Certificate:
    return x509.load_pem_x509_certificate(pair.ca)


async def test_the_first_certificate_is_trusted_and_kept_before_it_is_served() -> None:
    """And nothing more is done while it is good."""
    serving = Serving(Api())
    await serving.own.check(NOW)
    await serving.own.check(NOW + timedelta(days=59))
    assert serving.api.steps == ["trusted", "kept", "served"]
    assert serving.pairs[0].is_for(NAMES)


async def test_an_api_service_that_comes_later_is_told_soon() -> None:
    """Helm makes it after the pod; a minute without a trusted certificate would be a minute without scaling."""
    serving = Serving(Api())
    late = serving.api.objects.pop(SERVICE)
    assert not await serving.own.check(NOW)
    serving.api.objects[SERVICE] = late
    assert await serving.own.check(NOW)
    assert serving.api.trusted == [ca(serving.pairs[0])]


async def test_after_two_thirds_of_its_life_another_is_trusted_beside_it() -> None:
    """While both are trusted, neither the old nor the new one is refused by anybody."""
    serving = Serving(Api())
    await serving.own.check(NOW)
    await serving.own.check(NOW + timedelta(days=61))
    old, new = serving.pairs
    assert serving.api.steps[3:] == ["trusted", "kept", "served"]
    assert serving.api.trusted == [ca(new), ca(old)]


async def test_a_restarted_process_serves_what_is_kept() -> None:
    """A new certificate at each start would be refused until its CA has spread."""
    api = Api()
    first, second = Serving(api), Serving(api)
    await first.own.check(NOW)
    await second.own.check(NOW)
    assert second.pairs == first.pairs


async def test_a_process_that_begins_when_a_renewal_is_due_serves_the_old_certificate_meanwhile() -> None:
    """The next one's CA has not spread yet; nobody would believe it. One that is over is of no use to anybody."""
    api = Api()
    first, second, late = Serving(api), Serving(api), Serving(api)
    await first.own.check(NOW)
    await second.own.check(NOW + timedelta(days=61))
    assert second.pairs[0] == first.pairs[0]
    assert len(second.pairs) == 2
    await late.own.check(NOW + timedelta(days=500))
    assert len(late.pairs) == 1
    assert api.trusted == [ca(late.pairs[0])]


async def test_one_that_was_killed_in_mid_rotation_is_gone_on_from() -> None:
    """The next CA was announced, its certificate lost: both CAs stay trusted, and the kept certificate is served."""
    api = Api()
    first = Serving(api)
    await first.own.check(NOW)
    lost = make_pair(NAMES, LIFE, NOW)
    both = bundle(lost.ca, [first.pairs[0].ca], NOW)
    api.objects[SERVICE]["spec"]["caBundle"] = base64.b64encode(both).decode()
    second = Serving(api)
    await second.own.check(NOW)
    assert second.pairs == first.pairs
    assert set(api.trusted) == {ca(lost), ca(first.pairs[0])}


@pytest.mark.parametrize("broken", [None, {}, {"data": {"tls.crt": "eA==", "tls.key": "eA==", "ca.crt": "eA=="}}])
async def test_a_secret_that_was_deleted_or_broken_is_written_again(broken: dict[str, Any] | None) -> None:
    """With what is served."""
    serving = Serving(Api())
    await serving.own.check(NOW)
    if broken is None:
        del serving.api.objects[SECRET]
    else:
        serving.api.objects[SECRET] = broken
    await serving.own.check(NOW)
    assert len(serving.pairs) == 1
    assert base64.b64decode(serving.api.objects[SECRET]["data"]["tls.crt"]) == serving.pairs[0].certificate


def test_a_bundle_has_our_valid_cas_and_no_others() -> None:
    """Not what somebody else put there, not what has expired, and not ever more."""
    pairs = [make_pair(NAMES, LIFE, NOW + timedelta(days=day)) for day in range(4)]
    expired = make_pair(NAMES, LIFE, NOW - timedelta(days=365))
    before = b"".join(pair.ca for pair in (*pairs[1:], expired)) + pairs[0].certificate
    found = x509.load_pem_x509_certificates(bundle(before, [pairs[0].ca], NOW + timedelta(days=4)))
    assert found == [ca(pair) for pair in pairs[:3]]
    assert bundle(b"rubbish", [pairs[0].ca], NOW) == pairs[0].ca


def test_a_key_of_another_certificate_is_noticed() -> None:
    """Else the process would end at the next TLS handshake."""
    one, other = make_pair(NAMES, LIFE, NOW), make_pair(NAMES, LIFE, NOW)
    assert not Pair(one.certificate, other.key, one.ca).is_for(NAMES)
    assert not Pair(one.certificate, one.key, other.ca).is_for(NAMES)
    assert not one.is_for(["another.svc"])
