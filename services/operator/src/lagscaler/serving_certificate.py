"""Keeps the serving certificate: one of our own in a Secret, trusted by the APIServices; or a mounted one."""

from __future__ import annotations

import asyncio
import base64
import binascii
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Protocol

import structlog

from adclicks.mounted_files import MountedFiles
from lagscaler.certificates import Pair, bundle, make_pair
from lagscaler.cluster import ApiError, path

APIREGISTRATION = "apiregistration.k8s.io/v1"
# From a new caBundle until every API server has it; only then the new certificate is served.
SPREAD_SECONDS = 10.0
# When to look again after something was missing: Helm makes the APIServices after the pod.
SOON_SECONDS = 5.0

Use = Callable[[Pair], Awaitable[None]]

_log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Wanted:
    """What certificate there should be, where it is kept, and who should trust it."""

    namespace: str
    secret: str
    names: tuple[str, ...]
    life: timedelta
    api_services: tuple[str, ...]
    spread_seconds: float = SPREAD_SECONDS


class Api(Protocol):
    """What is needed of the API server; `Cluster` has it."""

    async def find(self, path: str) -> dict[str, Any] | None: ...
    async def apply(self, path: str, body: Mapping[str, Any]) -> dict[str, Any]: ...
    async def merge(self, path: str, body: Mapping[str, Any]) -> dict[str, Any]: ...


class OwnCertificate:
    """Level-based: each check brings Secret, caBundles and what is served to where they should be."""

    def __init__(self, api: Api, wanted: Wanted, use: Use) -> None:
        self._api, self._wanted, self._use = api, wanted, use
        self._served: Pair | None = None
        self._missing: set[str] = set()

    @property
    def check_seconds(self) -> float:
        """Often enough within the last third of a short life, and once a minute at the least."""
        return min(60.0, self._wanted.life.total_seconds() / 30)

    async def run(self) -> None:
        """For ever; an API server that is away is asked again soon."""
        while True:
            try:
                complete = await self.check(datetime.now(UTC))
                wait_seconds = self.check_seconds if complete else min(SOON_SECONDS, self.check_seconds)
            except (ApiError, OSError) as error:
                _log.warning("the serving certificate could not be looked after", error=str(error))
                wait_seconds = min(SOON_SECONDS, self.check_seconds)
            await asyncio.sleep(wait_seconds)

    async def check(self, now: datetime) -> bool:
        """Whether every APIService was there to be told. Raises `ApiError`."""
        stored = await self._stored()
        if stored is None:
            # A Secret that somebody deleted gets back what is served, which is trusted already.
            usable = self._served is not None and self._served.renewed_at() > now
            await self._renew(self._served if usable and self._served else self._make(now), now)
        elif stored.renewed_at() <= now:
            _log.info("the serving certificate is renewed")
            if self._served is None and not stored.is_over(now):
                # A process that has just begun: callers trust this one already, and the next once its CA has spread.
                await self._trust([stored.ca], now)
                await self._serve(stored)
            await self._renew(self._make(now), now)
        else:
            await self._trust([stored.ca], now)
            await self._serve(stored)
        return not self._missing

    async def _renew(self, new: Pair, now: datetime) -> None:
        """First trusted, then kept, then served; killed in between, the next check goes on from either."""
        old = [self._served.ca] if self._served else []
        changed = await self._trust([new.ca, *old], now)
        if changed and self._served:
            await asyncio.sleep(self._wanted.spread_seconds)
        await self.keep(new)
        await self._serve(new)

    async def _serve(self, pair: Pair) -> None:
        if pair != self._served:
            await self._use(pair)
            self._served = pair

    def _make(self, now: datetime) -> Pair:
        return make_pair(self._wanted.names, self._wanted.life, now)

    async def _stored(self) -> Pair | None:
        """What the Secret has, None if it can't be used."""
        found = await self._api.find(self._secret_path)
        data = (found or {}).get("data") or {}
        try:
            pair = Pair(*(base64.b64decode(data[name]) for name in ("tls.crt", "tls.key", "ca.crt")))
        except (KeyError, binascii.Error):
            return None
        return pair if pair.is_for(self._wanted.names) else None

    async def keep(self, pair: Pair) -> None:
        """Into the Secret, from which the next check takes it. Raises `ApiError`."""
        data = {"tls.crt": pair.certificate, "tls.key": pair.key, "ca.crt": pair.ca}
        await self._api.apply(
            self._secret_path,
            {
                "apiVersion": "v1",
                "kind": "Secret",
                "metadata": {"name": self._wanted.secret, "namespace": self._wanted.namespace},
                "data": {name: base64.b64encode(value).decode() for name, value in data.items()},
            },
        )

    @property
    def _secret_path(self) -> str:
        return path("v1", "secrets", self._wanted.namespace, self._wanted.secret)

    async def _trust(self, cas: list[bytes], now: datetime) -> bool:
        """Whether a caBundle had to be changed. An APIService that does not exist yet gets it at a later check."""
        changed = False
        for name in self._wanted.api_services:
            where = path(APIREGISTRATION, "apiservices", name=name)
            found = await self._api.find(where)
            if found is None:
                if name not in self._missing:
                    _log.warning("there is no such APIService yet", name=name)
                self._missing.add(name)
                continue
            self._missing.discard(name)
            before = base64.b64decode((found.get("spec") or {}).get("caBundle") or "")
            after = bundle(before, cas, now)
            if after != before:
                await self._api.merge(where, {"spec": {"caBundle": base64.b64encode(after).decode()}})
                changed = True
        return changed


class MountedCertificate:
    """A certificate that somebody else keeps in files."""

    def __init__(self, certificate_file: str, key_file: str, use: Use, check_seconds: float = 10.0) -> None:
        self._certificate, self._key = Path(certificate_file), Path(key_file)
        self._use, self._check_seconds = use, check_seconds

    async def run(self) -> None:
        """For ever; in mid-rotation the files may not fit, and are read again."""
        used: MountedFiles | None = None
        while True:
            if used is None or used.rotated():
                now = MountedFiles([str(self._certificate), str(self._key)])
                try:
                    await self._use(Pair(self._certificate.read_bytes(), self._key.read_bytes(), b""))
                    used = now
                except OSError as error:
                    _log.warning("the mounted certificate could not be used", error=str(error))
            await asyncio.sleep(self._check_seconds)
