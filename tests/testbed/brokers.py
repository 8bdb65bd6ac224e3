"""Kafka as faults need it: behind a proxy, without the new group protocol, three brokers; frozen, or killed."""

import os
import signal
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from localstack.guardian import Guardian
from localstack.java import Java
from localstack.kafka import Kafka, new_cluster_id
from localstack.ports import HOST, free_port
from localstack.together import together


class ConfiguredKafka(Kafka):
    """One broker with ``options`` on top of the usual ones."""

    def __init__(
        self, folder: Path, port: int, log: Path, guardian: Guardian, java: Java, options: Mapping[str, str]
    ) -> None:
        super().__init__(folder, port, log, guardian, java)
        self._more = options

    def _options(self) -> Mapping[str, str]:
        return {**super()._options(), **self._more}


@dataclass(frozen=True)
class Place:
    """Where a broker of a cluster is."""

    port: int
    controller_port: int


class ClusterKafka(Kafka):
    """One of several brokers, each a controller too, which keep three replicas of everything."""

    # Three that start on a busy machine.
    start_timeout_seconds = 240.0

    def __init__(
        self, folder: Path, log: Path, guardian: Guardian, java: Java, places: Sequence[Place], node: int, cluster: str
    ) -> None:
        super().__init__(folder, places[node].port, log, guardian, java)
        self._places = places
        self._node = node
        self._cluster = cluster

    @classmethod
    def three(cls, folder: Path, guardian: Guardian, java: Java) -> list[Self]:
        """The brokers of a new cluster, not started."""
        places = [Place(free_port(), free_port()) for _ in range(3)]
        cluster = new_cluster_id()
        return [
            cls(folder / f"kafka-{node}", folder / f"kafka-{node}.log", guardian, java, places, node, cluster)
            for node in range(3)
        ]

    def format(self) -> None:
        """Makes its data folder: before the start, so that the tools of all of them need not run at once."""
        self.folder.mkdir(parents=True, exist_ok=True)
        self._prepare()

    def environment(self) -> Mapping[str, str]:
        """As a client is told it: all brokers."""
        return {"KAFKA_ADDRESS": ",".join(f"{HOST}:{place.port}" for place in self._places)}

    def _options(self) -> Mapping[str, str]:
        mine = self._places[self._node]
        return {
            **super()._options(),
            "node.id": str(self._node + 1),
            "controller.quorum.voters": ",".join(
                f"{node + 1}@{HOST}:{place.controller_port}" for node, place in enumerate(self._places)
            ),
            "listeners": f"PLAINTEXT://{HOST}:{mine.port},CONTROLLER://{HOST}:{mine.controller_port}",
            "default.replication.factor": "3",
            "offsets.topic.replication.factor": "3",
            "transaction.state.log.replication.factor": "3",
            "min.insync.replicas": "2",
        }

    def _cluster_id(self) -> str:
        return self._cluster


class Brokers:
    """One or several, as a whole: what clients are told of them, and what is done to some of them at once."""

    def __init__(self, all_of_them: Sequence[Kafka], guardian: Guardian) -> None:
        self.all = list(all_of_them)
        self._guardian = guardian

    def environment(self) -> Mapping[str, str]:
        """``KAFKA_*`` of the services."""
        return self.all[0].environment()

    def start(self, some: Sequence[Kafka] | None = None) -> None:
        """Returns when all answer."""
        together(self._guardian, [broker.start for broker in (self.all if some is None else some)])

    def stop(self) -> None:
        """Ends all in order."""
        together(self._guardian, [broker.stop for broker in self.all])


def freeze(brokers: Sequence[Kafka]) -> None:
    """SIGSTOP: sockets stay open, and nothing answers."""
    for broker in brokers:
        os.kill(broker.child.pid, signal.SIGSTOP)


def thaw(brokers: Sequence[Kafka]) -> None:
    """SIGCONT."""
    for broker in brokers:
        os.kill(broker.child.pid, signal.SIGCONT)
