"""A Valkey cluster of several primaries, without replicas, on this machine."""

from dataclasses import replace
from functools import cached_property, partial
from pathlib import Path

import redis

from localstack.child import Program
from localstack.guardian import Guardian
from localstack.ports import HOST, free_port
from localstack.valkey import Valkey
from testbed.polling import eventually

_SLOTS = 16_384


class _Node(Valkey):
    @cached_property
    def gossip_port(self) -> int:
        """Where it talks to the other nodes."""
        return free_port()

    def _program(self) -> Program:
        program = super()._program()
        # Its gossip port is 10,000 above its own by default, which need not exist.
        options = (
            "--cluster-enabled",
            "yes",
            "--cluster-port",
            str(self.gossip_port),
            "--cluster-node-timeout",
            "2000",
        )
        return replace(program, arguments=(*program.arguments, *options))


class ValkeyCluster:
    """The slots are divided evenly between ``nodes`` of them."""

    def __init__(self, folder: Path, guardian: Guardian, nodes: int) -> None:
        self._nodes = [
            _Node("valkey-node", folder / str(index), free_port(), folder / f"{index}.log", guardian)
            for index in range(nodes)
        ]

    @property
    def address(self) -> tuple[str, int]:
        """One node's."""
        return HOST, self._nodes[0].port

    def start(self) -> None:
        """Returns when each node knows who has each slot."""
        share = _SLOTS // len(self._nodes)
        for index, node in enumerate(self._nodes):
            node.start()
            with redis.Redis(host=HOST, port=node.port) as client:
                last = _SLOTS if index == len(self._nodes) - 1 else (index + 1) * share
                client.execute_command("CLUSTER", "ADDSLOTSRANGE", index * share, last - 1)
                client.execute_command("CLUSTER", "SET-CONFIG-EPOCH", index + 1)
        with redis.Redis(host=HOST, port=self._nodes[0].port) as client:
            for node in self._nodes[1:]:
                client.execute_command("CLUSTER", "MEET", HOST, node.port, node.gossip_port)
        for node in self._nodes:
            eventually(partial(_require_whole, node.port))

    def stop(self) -> None:
        """Ends all nodes."""
        for node in self._nodes:
            node.stop()


def _require_whole(port: int) -> None:
    with redis.Redis(host=HOST, port=port) as client:
        assert client.cluster("INFO")["cluster_state"] == "ok"
