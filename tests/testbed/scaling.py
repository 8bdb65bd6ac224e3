"""What an autoscaler does over time, seen from outside: a table of lag, replicas asked for, and replicas ready."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from threading import Event, Thread
from types import TracebackType
from typing import Any

from testbed.cluster import Cluster, CommandFailed

LOOK_SECONDS = 2.0
PROBE_SECONDS = 2.0


@dataclass(frozen=True)
class Look:
    """One moment; ``at_seconds`` since the watch began, ``lag`` in messages, None where there is no number."""

    at_seconds: float
    lag: int | None
    desired: int | None
    asked: int
    ready: int


class Watch:
    """Looks at a LagAutoscaler and its Deployment, both of ``name``, until the block ends."""

    def __init__(self, cluster: Cluster, name: str) -> None:
        self._cluster = cluster
        self._name = name
        self._stop = Event()
        self._began = time.monotonic()
        self._thread = Thread(target=self._run)
        self.looks: list[Look] = []

    def __enter__(self) -> "Watch":
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        self._thread.join()

    @property
    def latest(self) -> Look:
        """The last look. Raises ``AssertionError`` before the first."""
        assert self.looks, "nothing was seen yet"
        return self.looks[-1]

    @property
    def most_ready(self) -> int:
        """The most replicas that were ready at once."""
        return max((look.ready for look in self.looks), default=0)

    def turns(self) -> int:
        """How often the number of replicas turned from growing to shrinking or back; out and in again is one."""
        asked = [look.asked for look in self.looks]
        steps = [after - before for before, after in pairwise(asked) if after != before]
        return sum((before > 0) != (after > 0) for before, after in pairwise(steps))

    def drained_after_seconds(self) -> float:
        """From the first look with a backlog to the last."""
        behind = [look.at_seconds for look in self.looks if look.lag]
        return behind[-1] - behind[0] if behind else 0.0

    def table(self) -> str:
        """The looks at which something had changed."""
        lines = ["seconds      lag  desired  asked  ready"]
        last: Look | None = None
        for look in self.looks:
            if last is None or (look.desired, look.asked, look.ready, bool(look.lag)) != (
                last.desired,
                last.asked,
                last.ready,
                bool(last.lag),
            ):
                lag, desired = ("–" if value is None else f"{value}" for value in (look.lag, look.desired))
                lines.append(f"{look.at_seconds:7.0f} {lag:>8} {desired:>8} {look.asked:6} {look.ready:6}")
                last = look
        return "\n".join(lines)

    def _run(self) -> None:
        while not self._stop.wait(LOOK_SECONDS):
            try:
                status = self._cluster.get("lagautoscaler", self._name)[0].get("status", {})
                deployment = self._cluster.get("deployment", self._name)[0]
            except CommandFailed:
                continue
            self.looks.append(
                Look(
                    time.monotonic() - self._began,
                    status.get("lag"),
                    status.get("desiredReplicas"),
                    deployment["spec"]["replicas"],
                    deployment["status"].get("readyReplicas", 0),
                )
            )


class Probe:
    """Asks again and again until the block ends, and remembers what went wrong."""

    def __init__(self, ask: Callable[[], object]) -> None:
        self._ask = ask
        self._stop = Event()
        self._thread = Thread(target=self._run)
        self.answers = 0
        self.failures: list[str] = []

    def __enter__(self) -> "Probe":
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._stop.wait(PROBE_SECONDS):
            try:
                self._ask()
                self.answers += 1
            except AssertionError as failure:
                self.failures.append(str(failure))


def existing(cluster: Cluster, kind: str, name: str) -> dict[str, Any]:
    """An ``AssertionError`` where there is none."""
    try:
        return cluster.get(kind, name)[0]
    except CommandFailed as error:
        raise AssertionError(str(error)) from error


def statuses(cluster: Cluster, kind: str, name: str) -> dict[str, str]:
    """Each condition's status, by its type."""
    conditions = existing(cluster, kind, name).get("status", {}).get("conditions", [])
    return {"ScalingActive": "", "Ready": ""} | {item["type"]: item["status"] for item in conditions}


def owned_hpa(cluster: Cluster, name: str) -> dict[str, Any]:
    """What of the HPA is the operator's."""
    found = existing(cluster, "hpa", name)
    owners = [owner["kind"] for owner in found["metadata"].get("ownerReferences", [])]
    spec = found["spec"]
    return {
        "owners": owners,
        **{key: spec.get(key) for key in ("scaleTargetRef", "minReplicas", "maxReplicas", "metrics", "behavior")},
    }
