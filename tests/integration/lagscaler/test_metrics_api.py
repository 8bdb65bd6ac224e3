"""The metrics APIs over real TLS, with certificates of CAs that are made here."""

from __future__ import annotations

import asyncio
import base64
import ssl
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import aiohttp
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from lagscaler.authentication import Authenticator, RequestHeaders
from lagscaler.authorization import Authorizer
from lagscaler.certificates import Pair, load_pair, make_pair, server_context
from lagscaler.listener import TlsListener, bind
from lagscaler.metrics_api import create_app
from lagscaler.resources import Identity
from lagscaler.scaler import NoNumberError, Scaler
from lagscaler.serving_certificate import OwnCertificate, Wanted
from testbed.polling import eventually_async

NAMES = ("lagscaler.ops.svc", "localhost")
EXTERNAL = "/apis/external.metrics.k8s.io/v1beta1"
ONE = f"{EXTERNAL}/namespaces/shop/lagscaler_desired_replicas?labelSelector=lagautoscaler%3Dconsumer"
CUSTOM = "/apis/custom.metrics.k8s.io"
AS_ANN = {"X-Remote-User": "ann", "X-Remote-Group": "readers"}


class Authority:
    """A CA that signs client certificates."""

    def __init__(self) -> None:
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.certificate = self._sign("a CA", self.key, is_ca=True)

    @property
    def pem(self) -> str:
        return self.certificate.public_bytes(serialization.Encoding.PEM).decode()

    def client(self, common_name: str) -> tuple[bytes, bytes]:
        key = ec.generate_private_key(ec.SECP256R1())
        pem = serialization.Encoding.PEM
        no = serialization.NoEncryption()
        signed = self._sign(common_name, key, is_ca=False)
        return signed.public_bytes(pem), key.private_bytes(pem, serialization.PrivateFormat.PKCS8, no)

    def _sign(self, name: str, key: ec.EllipticCurvePrivateKey, *, is_ca: bool) -> x509.Certificate:
        def named(value: str) -> x509.Name:
            return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, value)])

        now = datetime.now(UTC)
        builder = x509.CertificateBuilder().subject_name(named(name)).issuer_name(named("a CA"))
        builder = builder.public_key(key.public_key()).serial_number(x509.random_serial_number())
        builder = builder.not_valid_before(now - timedelta(hours=1)).not_valid_after(now + timedelta(hours=1))
        builder = builder.add_extension(x509.BasicConstraints(ca=is_ca, path_length=None), critical=True)
        return builder.sign(self.key, hashes.SHA256())


@dataclass
class One:
    """A LagAutoscaler with a number, or with none."""

    identity: Identity
    number: int | None
    scaler: Scaler | None = None

    async def desired(self) -> int:
        if self.number is None:
            raise NoNumberError("spec.kafka.bootstrapServers: no answer in time")
        return self.number


class Some:
    """All of them."""

    def __init__(self) -> None:
        self.all = [One(Identity("shop", "consumer", "1"), 3), One(Identity("shop", "other", "2"), None)]

    def find(self, namespace: str, name: str) -> One | None:
        return next((one for one in self if (one.identity.namespace, one.identity.name) == (namespace, name)), None)

    def __iter__(self) -> Iterator[One]:
        return iter(self.all)


class Reviews:
    """An API server that grants one group everything, and knows one token."""

    async def create(self, path: str, body: Any) -> dict[str, Any]:
        if path.endswith("tokenreviews"):
            known = body["spec"]["token"] == "good"
            return {"status": {"authenticated": known, "user": {"username": "tom", "groups": ["readers"]}}}
        return {"status": {"allowed": "readers" in body["spec"]["groups"]}}


@dataclass
class Server:
    """The API on a port of its own."""

    authority: Authority
    numbers: Some
    pair: Pair
    listener: TlsListener
    port: int
    sessions: list[aiohttp.ClientSession] = field(default_factory=list)

    def context(self, ca: bytes, client: tuple[bytes, bytes] | None = None) -> ssl.SSLContext:
        context = ssl.create_default_context(cadata=ca.decode())
        if client:
            load_pair(context, *client)
        return context

    async def get(
        self, path: str, headers: dict[str, str] | None = None, client: tuple[bytes, bytes] | None = None
    ) -> tuple[int, dict[str, Any]]:
        context = self.context(self.pair.ca, client)
        async with (
            aiohttp.ClientSession(connector=aiohttp.TCPConnector(ssl=context)) as session,
            session.get(
                f"https://127.0.0.1:{self.port}{path}", headers=headers, server_hostname="lagscaler.ops.svc"
            ) as answer,
        ):
            return answer.status, await answer.json(content_type=None) if "json" in answer.content_type else {}

    async def as_api_server(self, path: str, headers: dict[str, str] | None = None) -> tuple[int, dict[str, Any]]:
        return await self.get(path, headers or AS_ANN, self.authority.client("front-proxy-client"))


@pytest.fixture
async def server() -> AsyncIterator[Server]:
    authority, numbers = Authority(), Some()
    known = RequestHeaders(
        authority.pem, ("front-proxy-client",), ("X-Remote-User",), ("X-Remote-Group",), (), ("X-Remote-Extra-",)
    )
    app = create_app(numbers, Authenticator(Reviews(), known), Authorizer(Reviews()))
    listening = bind("127.0.0.1", 0)
    listener = TlsListener(app, listening)
    pair = make_pair(NAMES, timedelta(hours=1), datetime.now(UTC))
    await listener.use(server_context(pair.certificate, pair.key, authority.pem))
    yield Server(authority, numbers, pair, listener, listening.getsockname()[1])
    await listener.close()


async def test_the_hpas_question_is_answered(server: Server) -> None:
    """As the HPA's client reads it: one value, a whole quantity."""
    code, answer = await server.as_api_server(ONE)
    assert (code, answer["kind"]) == (200, "ExternalMetricValueList")
    (item,) = answer["items"]
    assert (item["metricName"], item["metricLabels"], item["value"]) == (
        "lagscaler_desired_replicas",
        {"lagautoscaler": "consumer"},
        "3",
    )


@pytest.mark.parametrize("version", ["v1beta1", "v1beta2"])
async def test_the_object_has_the_same_number(server: Server, version: str) -> None:
    """custom.metrics.k8s.io in both versions."""
    where = f"{CUSTOM}/{version}/namespaces/shop/lagautoscalers.adclicks.dev/consumer/lagscaler_desired_replicas"
    code, answer = await server.as_api_server(where)
    assert (code, answer["kind"], answer["apiVersion"]) == (200, "MetricValueList", f"custom.metrics.k8s.io/{version}")
    (item,) = answer["items"]
    assert (item["describedObject"]["name"], item["value"]) == ("consumer", "3")
    assert (
        item.get("metricName") == "lagscaler_desired_replicas" or item["metric"]["name"] == "lagscaler_desired_replicas"
    )


async def test_without_a_number_it_is_an_error_on_which_the_hpa_holds_still(server: Server) -> None:
    """A Status with the reason; never 0."""
    code, answer = await server.as_api_server(ONE.replace("consumer", "other"))
    assert (code, answer["kind"], answer["code"], answer["reason"]) == (503, "Status", 503, "ServiceUnavailable")
    assert "spec.kafka.bootstrapServers" in answer["message"]


@pytest.mark.parametrize(
    ("path", "code"),
    [
        (ONE.replace("consumer", "nobody"), 404),
        (ONE.replace("shop", "elsewhere"), 404),
        (ONE.replace("lagscaler_desired", "other"), 404),
        (ONE.replace("%3D", "%21%3D"), 400),
        (f"{EXTERNAL}/nothing/here", 404),
        ("/apis/external.metrics.k8s.io/v2", 404),
        (ONE.replace("shop", "shop%2Fx"), 404),
    ],
)
async def test_what_is_not_there_is_a_status(server: Server, path: str, code: int) -> None:
    """Which kubectl prints."""
    answered, answer = await server.as_api_server(path)
    assert (answered, answer["kind"], answer["code"]) == (code, "Status", code)


async def test_what_is_served_can_be_discovered(server: Server) -> None:
    """By kubectl, and by the API server that asks whether we are there."""
    _, groups = await server.as_api_server("/apis")
    assert [group["name"] for group in groups["groups"]] == ["external.metrics.k8s.io", "custom.metrics.k8s.io"]
    _, found = await server.as_api_server(EXTERNAL)
    assert (found["kind"], found["groupVersion"]) == ("APIResourceList", "external.metrics.k8s.io/v1beta1")
    assert [item["name"] for item in found["resources"]] == ["lagscaler_desired_replicas"]


@pytest.mark.parametrize("path", ["/apis", EXTERNAL, f"{CUSTOM}/v1beta1", f"{CUSTOM}/v1beta2"])
async def test_the_api_servers_own_discovery_needs_no_rights(server: Server, path: str) -> None:
    """It comes as a user without any group; refused, the HPA would find no API. Strangers see nothing all the same."""
    aggregator = {"X-Remote-User": "system:kube-aggregator"}
    assert (await server.as_api_server(path, aggregator))[0] == 200
    assert (await server.get(path, aggregator))[0] == 401


async def test_who_has_no_rights_is_refused(server: Server) -> None:
    """403 for a known user without them."""
    code, answer = await server.as_api_server(ONE, {"X-Remote-User": "bob"})
    assert (code, answer["reason"]) == (403, "Forbidden")


async def test_a_token_is_as_good_as_its_rights(server: Server) -> None:
    """Prometheus, or a person, at the pod itself."""
    assert (await server.get(ONE, {"Authorization": "Bearer good"}))[0] == 200
    assert (await server.get(ONE, {"Authorization": "Bearer bad"}))[0] == 401


async def test_forged_headers_are_refused_at_the_pod_itself(server: Server) -> None:
    """No certificate, or one of the right CA with another name: 401. One of another CA does not get past TLS."""
    masters = {"X-Remote-User": "admin", "X-Remote-Group": "readers"}
    assert (await server.get(ONE, masters))[0] == 401
    assert (await server.get(ONE, masters, server.authority.client("kubelet")))[0] == 401
    with pytest.raises(aiohttp.ClientError):
        await server.get(ONE, masters, Authority().client("front-proxy-client"))


async def test_nobody_can_write(server: Server) -> None:
    """Whatever their rights."""
    context = server.context(server.pair.ca, server.authority.client("front-proxy-client"))
    async with (
        aiohttp.ClientSession(connector=aiohttp.TCPConnector(ssl=context)) as session,
        session.post(
            f"https://127.0.0.1:{server.port}{ONE}", headers=AS_ANN, server_hostname="lagscaler.ops.svc"
        ) as answer,
    ):
        assert answer.status == 403


class Api:
    """An API server that keeps a Secret and an APIService."""

    def __init__(self) -> None:
        self.objects: dict[str, dict[str, Any]] = {"/apis/apiregistration.k8s.io/v1/apiservices/v1": {"spec": {}}}

    async def find(self, path: str) -> dict[str, Any] | None:
        return self.objects.get(path)

    async def apply(self, path: str, body: Any) -> dict[str, Any]:
        self.objects[path] = dict(body)
        return self.objects[path]

    async def merge(self, path: str, body: Any) -> dict[str, Any]:
        self.objects[path]["spec"].update(body["spec"])
        return self.objects[path]

    @property
    def bundle(self) -> bytes:
        return base64.b64decode(self.objects["/apis/apiregistration.k8s.io/v1/apiservices/v1"]["spec"]["caBundle"])


async def test_certificates_rotate_under_requests_without_one_that_fails(server: Server) -> None:
    """Each request is a new connection that trusts what the APIService's caBundle says at that moment; ten rotations."""
    api = Api()
    client = server.authority.client("front-proxy-client")

    async def use(pair: Pair) -> None:
        await server.listener.use(server_context(pair.certificate, pair.key, server.authority.pem))

    wanted = Wanted("ops", "serving", NAMES, timedelta(hours=1), ("v1",), spread_seconds=0.05)
    own = OwnCertificate(api, wanted, use)
    now = datetime.now(UTC)
    await own.check(now)
    codes: list[int] = []
    rotating = True

    async def ask() -> None:
        while rotating:
            connector = aiohttp.TCPConnector(ssl=server.context(api.bundle, client))
            async with (
                aiohttp.ClientSession(connector=connector) as session,
                session.get(
                    f"https://127.0.0.1:{server.port}{ONE}", headers=AS_ANN, server_hostname="lagscaler.ops.svc"
                ) as answer,
            ):
                codes.append(answer.status)

    def asked(wanted: int) -> None:
        assert len(codes) >= wanted or any(task.done() for task in asking)

    asking = [asyncio.create_task(ask()) for _ in range(4)]
    bundles = set()
    for _ in range(10):
        # Two thirds of its life are over.
        aged = make_pair(NAMES, timedelta(hours=1), now - timedelta(minutes=50))
        await own.keep(aged)
        await own.check(now)
        bundles.add(api.bundle)
        await eventually_async(partial(asked, len(codes) + 4))
    rotating = False
    await asyncio.gather(*asking)
    assert set(codes) == {200}
    assert len(bundles) == 10
