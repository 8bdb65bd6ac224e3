"""As much of Kubernetes' API as the operator uses. It can be killed, and comes back with all that it knew, as etcd has it."""

import asyncio
import json
from collections.abc import Iterator, Mapping
from contextlib import suppress
from copy import deepcopy
from pathlib import Path
from typing import Any
from uuid import uuid4

import yaml
from aiohttp import web

from lagscaler.listener import bind

Json = dict[str, Any]
# By API version: the plural, the kind, and whether it is in a namespace. kopf waits for the ones that are in none.
RESOURCES = {
    "v1": ("namespaces", "Namespace", False),
    "apiextensions.k8s.io/v1": ("customresourcedefinitions", "CustomResourceDefinition", False),
    "adclicks.dev/v1alpha1": ("lagautoscalers", "LagAutoscaler", True),
    "autoscaling/v2": ("horizontalpodautoscalers", "HorizontalPodAutoscaler", True),
}
VERBS = ["get", "list", "watch", "create", "patch", "delete"]


class Objects:
    """What is kept, by path, with every change in order."""

    def __init__(self) -> None:
        self.found: dict[str, Json] = {}
        self.changes: list[tuple[str, str, Json]] = []
        self.changed = asyncio.Event()

    def put(self, path: str, body: Json, told: bool = True) -> Json:
        """Creates or replaces. The generation counts specs; what is the same is no change; not `told`: a watch misses it."""
        before = self.found.get(path)
        collection, _, name = path.rpartition("/")
        known = before["metadata"] if before else {"uid": uuid4().hex, "generation": 1}
        metadata = known | body.get("metadata", {}) | {"name": name}
        if "/namespaces/" in collection:
            metadata["namespace"] = collection.split("/")[-2]
        if before and before.get("spec") != body.get("spec"):
            metadata["generation"] += 1
        after = body | {"metadata": metadata}
        if after != before:
            self._change("MODIFIED" if before else "ADDED", path, after, told)
        return self.found[path]

    def patch(self, path: str, changes: Mapping[str, Any], told: bool = True) -> Json:
        """A merge patch."""
        return self.put(path, _merged(self.found[path], changes), told)

    def delete(self, path: str) -> None:
        """With what it owns, as the garbage collector does."""
        gone = self.found.pop(path)
        self._change("DELETED", path, gone, told=True)
        for other, item in list(self.found.items()):
            owners = item["metadata"].get("ownerReferences") or []
            if any(owner["uid"] == gone["metadata"]["uid"] for owner in owners) and other in self.found:
                self.delete(other)

    def below(self, collection: str) -> list[Json]:
        return [item for path, item in self.found.items() if path.rpartition("/")[0] == collection]

    def since(self, collection: str, version: int) -> Iterator[tuple[int, Json]]:
        for number, (kind, path, item) in enumerate(self.changes[version:], start=version + 1):
            if path.rpartition("/")[0] == collection:
                yield number, {"type": kind, "object": item}

    def _change(self, kind: str, path: str, item: Json, told: bool) -> None:
        item = deepcopy(item)
        item["metadata"]["resourceVersion"] = str(len(self.changes) + 1)
        if kind != "DELETED":
            self.found[path] = item
        self.changes.append((kind, path if told else "", item))
        self.changed.set()
        self.changed = asyncio.Event()


class ApiServer:
    """Plain HTTP on a port of its own; it asks nobody who they are."""

    def __init__(self) -> None:
        self.objects = Objects()
        self._socket = bind("127.0.0.1", 0)
        self.port = int(self._socket.getsockname()[1])
        self._runner: web.AppRunner | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    async def start(self) -> None:
        app = web.Application()
        app.router.add_route("*", "/{path:.*}", self._answer)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await self._runner.setup()
        if self._socket.fileno() < 0:
            self._socket = bind("127.0.0.1", self.port)
        await web.SockSite(self._runner, self._socket).start()

    async def kill(self) -> None:
        """All connections end, and nobody answers."""
        if self._runner is not None:
            await self._runner.cleanup()
        self._socket.close()

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        if (found := _discovery(request.path)) is not None:
            return web.json_response(found)
        if request.method == "GET" and request.query.get("watch"):
            return await self._watch(request)
        body = json.loads(await request.read() or b"{}")
        try:
            return web.json_response(self._act(request, body))
        except KeyError:
            return web.json_response(
                {"kind": "Status", "code": 404, "message": f"{request.path} not found"}, status=404
            )

    def _act(self, request: web.Request, body: Json) -> Json:
        path, objects = request.path, self.objects
        if request.method == "GET":
            if path in objects.found:
                return objects.found[path]
            if path.rpartition("/")[2] in {plural for plural, _, _ in RESOURCES.values()}:
                return {"items": objects.below(path), "metadata": {"resourceVersion": str(len(objects.changes))}}
            raise KeyError(path)
        if request.method == "POST":
            return objects.put(f"{path}/{body.get('metadata', {}).get('name') or uuid4().hex}", body)
        if request.method == "DELETE":
            objects.delete(path)
            return {}
        if path.endswith("/status"):
            return objects.patch(path.removesuffix("/status"), {"status": body["status"]})
        if "apply" in request.content_type:
            return objects.put(path, _merged(objects.found.get(path, {}), body))
        return objects.patch(path, body)

    async def _watch(self, request: web.Request) -> web.StreamResponse:
        stream = web.StreamResponse(headers={"Content-Type": "application/json"})
        await stream.prepare(request)
        version = int(request.query.get("resourceVersion") or 0)
        # Until the watcher is gone, which may be by kill -9.
        with suppress(ConnectionResetError):
            while True:
                changed = self.objects.changed
                for number, event in self.objects.since(request.path, version):
                    version = number
                    await stream.write(json.dumps(event).encode() + b"\n")
                await changed.wait()
        return stream


def kubeconfig(api: ApiServer, folder: Path) -> Path:
    """How a process finds it."""
    named = {"name": "it"}
    config = {
        "current-context": "it",
        "contexts": [named | {"context": {"cluster": "it", "user": "it"}}],
        "clusters": [named | {"cluster": {"server": api.url}}],
        "users": [named | {"user": {"token": "any"}}],
    }
    (folder / "kubeconfig").write_text(yaml.safe_dump(config))
    return folder / "kubeconfig"


def _discovery(path: str) -> Json | None:
    if path in ("/api", "/version"):
        return {"versions": ["v1"]}
    if path == "/apis":
        versions = {name: {"groupVersion": name, "version": name.split("/")[1]} for name in RESOURCES if "/" in name}
        return {
            "groups": [
                {"name": name.split("/")[0], "versions": [version], "preferredVersion": version}
                for name, version in versions.items()
            ]
        }
    api_version = path.removeprefix("/apis/").removeprefix("/api/")
    if api_version not in RESOURCES:
        return None
    plural, kind, namespaced = RESOURCES[api_version]
    named = {"name": plural, "singularName": kind.lower(), "kind": kind}
    return {"resources": [named | {"namespaced": namespaced, "verbs": VERBS}]}


def _merged(before: Mapping[str, Any], changes: Mapping[str, Any]) -> Json:
    """RFC 7386."""
    after = dict(before)
    for name, value in changes.items():
        if value is None:
            after.pop(name, None)
        elif isinstance(value, Mapping):
            old = after.get(name)
            after[name] = _merged(old if isinstance(old, Mapping) else {}, value)
        else:
            after[name] = value
    return after
