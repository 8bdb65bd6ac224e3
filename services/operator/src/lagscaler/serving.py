"""The two ports: TLS with whatever certificate and CA are the newest, and plain HTTP."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

from aiohttp import web

from lagscaler import metrics_api, plain_http, request_header_trust
from lagscaler.authentication import Authenticator, RequestHeaders
from lagscaler.authorization import Authorizer
from lagscaler.certificates import Pair, server_context, service_names
from lagscaler.cluster import Cluster
from lagscaler.listener import TlsListener, bind, runner
from lagscaler.numbered import Numbers
from lagscaler.serving_certificate import SPREAD_SECONDS, MountedCertificate, OwnCertificate, Wanted
from lagscaler.settings import OperatorSettings


class Serving:
    """Binds both ports at once (raises OSError); TLS is served as soon as there is a certificate."""

    def __init__(
        self, settings: OperatorSettings, cluster: Cluster, numbers: Numbers, is_alive: Callable[[], bool]
    ) -> None:
        self._settings, self._cluster = settings, cluster
        self._authenticator = Authenticator(cluster)
        app = metrics_api.create_app(numbers, self._authenticator, Authorizer(cluster))
        self._tls = TlsListener(app, bind(settings.address, settings.serving.port))
        plain = plain_http.create_app(numbers, is_alive, lambda: is_alive() and self._tls.is_serving)
        self._plain = runner(plain)
        self._plain_socket = bind(settings.address, settings.port)
        self._pair: Pair | None = None

    async def start(self) -> None:
        await self._plain.setup()
        await web.SockSite(self._plain, self._plain_socket).start()

    async def keep_certificate(self) -> None:
        """For ever."""
        serving = self._settings.serving
        if serving.cert_file and serving.key_file:
            await MountedCertificate(serving.cert_file, serving.key_file, self._use_pair).run()
            return
        life = timedelta(days=serving.cert_days)
        wanted = Wanted(
            namespace=self._settings.pod_namespace,
            secret=serving.secret,
            names=service_names(serving.service, self._settings.pod_namespace),
            life=life,
            api_services=serving.api_services,
            spread_seconds=min(SPREAD_SECONDS, life.total_seconds() / 20),
        )
        await OwnCertificate(self._cluster, wanted, self._use_pair).run()

    async def keep_request_header_trust(self) -> None:
        """For ever."""
        await request_header_trust.keep(self._cluster, self._use_headers)

    async def close(self) -> None:
        await self._tls.close()
        await self._plain.cleanup()

    async def _use_pair(self, pair: Pair) -> None:
        self._pair = pair
        await self._renew()

    async def _use_headers(self, known: RequestHeaders) -> None:
        # First the listener: while it still verifies against the old CA, the new one's names must not count.
        if known.client_ca != self._authenticator.known.client_ca:
            self._authenticator.known = RequestHeaders()
            await self._renew(known.client_ca)
        self._authenticator.known = known

    async def _renew(self, client_ca: str | None = None) -> None:
        if self._pair is not None:
            ca = self._authenticator.known.client_ca if client_ca is None else client_ca
            await self._tls.use(server_context(self._pair.certificate, self._pair.key, ca))
