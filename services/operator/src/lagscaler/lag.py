"""What Kafka says of a topic and a group; asks, and decides nothing."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from adclicks.kafka_child.client import AskError, BadConfigError, KafkaClient
from adclicks.kafka_child.messages import GroupOffsets
from adclicks.kafka_child.process import KafkaProcess
from lagscaler.policy.observations import PartitionOffsets

REQUEST_TIMEOUT_SECONDS = 4.0
# What a refusal is about: the condition's reason, and the field of spec.kafka to mend.
_REFUSALS = {
    "UNKNOWN_TOPIC_OR_PART": ("TopicNotFound", "topic"),
    "TOPIC_AUTHORIZATION_FAILED": ("NotAuthorized", "topic"),
    "GROUP_AUTHORIZATION_FAILED": ("NotAuthorized", "group"),
    "_AUTHENTICATION": ("LoginRefused", "sasl"),
    "_SSL": ("TlsFailed", "tls"),
}


class LagUnavailableError(Exception):
    """Kafka could not be asked, now. `reason` is a condition's."""

    def __init__(self, reason: str, message: str) -> None:
        self.reason = reason
        super().__init__(message)


@dataclass(frozen=True, slots=True)
class Reading:
    """One look at a topic and a group; `at_seconds` is the clock's when the ends were asked for."""

    at_seconds: float
    topic_id: str
    partitions: tuple[PartitionOffsets, ...]
    member_count: int | None


class KafkaLag:
    """Reads one topic and one group, by a client in the child process: requests about a group can abort the one who asks."""

    def __init__(
        self,
        process: KafkaProcess,
        config: Mapping[str, Any],
        topic: str,
        group: str,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._client = KafkaClient(process, config, REQUEST_TIMEOUT_SECONDS)
        self._topic, self._group, self._clock = topic, group, clock

    async def read(self) -> Reading:
        """One look, bounded to a few times `REQUEST_TIMEOUT_SECONDS`. Raises `LagUnavailableError`."""
        try:
            found = await self._client.group(self._topic, self._group)
        except AskError as error:
            raise unavailable(error) from error
        at_seconds = self._clock() - found.topic.age_seconds
        return Reading(at_seconds, found.topic.topic_id, _partitions(found), found.member_count)

    def close(self) -> None:
        """Ends the client; another `read` would make one."""
        self._client.close()


def unavailable(error: AskError) -> LagUnavailableError:
    """What to tell of `error`: the reason, and the field that is about it.

    A refused login shows as a request that was not answered; the last error of the client's connections tells more.
    """
    if isinstance(error, BadConfigError):
        return LagUnavailableError("BadCredentials", f"spec.kafka: {error}")
    for cause in error.causes:
        if cause.name in _REFUSALS:
            reason, field = _REFUSALS[cause.name]
            return LagUnavailableError(reason, f"spec.kafka.{field}: {cause.text}")
    return LagUnavailableError("KafkaUnreachable", f"spec.kafka.bootstrapServers: {error}")


def _partitions(found: GroupOffsets) -> tuple[PartitionOffsets, ...]:
    topic = found.topic
    return tuple(
        PartitionOffsets(number, topic.starts[number], end, found.committed.get(number), found.owners.get(number))
        for number, end in topic.ends.items()
    )
