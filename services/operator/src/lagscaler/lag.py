"""What Kafka says of a topic and a group; asks, and decides nothing."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any

from confluent_kafka import (
    ConsumerGroupTopicPartitions,
    KafkaError,
    KafkaException,
    TopicCollection,
    TopicPartition,
)
from confluent_kafka.admin._group import ConsumerGroupDescription
from confluent_kafka.admin._listoffsets import OffsetSpec
from confluent_kafka.admin._topic import TopicDescription

from adclicks.kafka_admin import Admin
from lagscaler.policy.observations import PartitionOffsets

REQUEST_TIMEOUT_SECONDS = 4.0
# What a refusal is about: the condition's reason, and the field of spec.kafka to mend.
_REFUSALS = {
    KafkaError.UNKNOWN_TOPIC_OR_PART: ("TopicNotFound", "topic"),
    KafkaError.TOPIC_AUTHORIZATION_FAILED: ("NotAuthorized", "topic"),
    KafkaError.GROUP_AUTHORIZATION_FAILED: ("NotAuthorized", "group"),
    KafkaError._AUTHENTICATION: ("LoginRefused", "sasl"),  # noqa: SLF001 its public name
    KafkaError._SSL: ("TlsFailed", "tls"),  # noqa: SLF001 its public name
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


@dataclass(frozen=True, slots=True)
class _Members:
    """Who reads which partition; `count` None when the brokers don't say."""

    owners: Mapping[int, str]
    count: int | None


class KafkaLag:
    """Reads one topic and one group, with one client that is kept. Raises `LagUnavailableError` for a bad configuration."""

    def __init__(
        self,
        config: Mapping[str, Any],
        topic: str,
        group: str,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._topic, self._group, self._clock = topic, group, clock
        try:
            self._client = Admin(dict(config))
        except (KafkaException, ValueError, TypeError) as error:
            raise LagUnavailableError("BadCredentials", f"spec.kafka: {_words(error)}") from error

    async def read(self) -> Reading:
        """One look, bounded to a few times `REQUEST_TIMEOUT_SECONDS`. Raises `LagUnavailableError`."""
        # What was met in an earlier outage must not be told as the reason of this one.
        self._client.forget()
        try:
            return await self._ask()
        except (KafkaException, TimeoutError) as error:
            # A refused login shows as a request that was not answered; what the client met on its way tells more.
            raise unavailable(error, self._client.met()) from error

    async def _ask(self) -> Reading:
        described = await self._describe_topic()
        numbers = [partition.id for partition in described.partitions]
        # Both are under way at once. Commits before ends: the other way round a busy group is ahead of its topic.
        members = self._client.describe_consumer_groups([self._group], request_timeout=REQUEST_TIMEOUT_SECONDS)
        committed = await self._committed(numbers)
        read_by = await _members(members[self._group], self._topic)
        at_seconds = self._clock()
        starts, ends = self._offsets(numbers, OffsetSpec.earliest()), self._offsets(numbers, OffsetSpec.latest())
        start, end = await _results(starts), await _results(ends)
        offsets = tuple(
            PartitionOffsets(number, start[number], end[number], committed.get(number), read_by.owners.get(number))
            for number in numbers
        )
        return Reading(at_seconds, str(described.topic_id), offsets, read_by.count)

    async def _describe_topic(self) -> TopicDescription:
        asked = self._client.describe_topics(TopicCollection([self._topic]), request_timeout=REQUEST_TIMEOUT_SECONDS)
        described: TopicDescription = await _result(asked[self._topic])
        if not described.partitions:
            raise KafkaException(KafkaError(KafkaError.UNKNOWN_TOPIC_OR_PART))
        return described

    async def _committed(self, numbers: Sequence[int]) -> dict[int, int]:
        request = ConsumerGroupTopicPartitions(self._group, [TopicPartition(self._topic, number) for number in numbers])
        asked = self._client.list_consumer_group_offsets([request], request_timeout=REQUEST_TIMEOUT_SECONDS)
        found: ConsumerGroupTopicPartitions = await _result(asked[self._group])
        parts = found.topic_partitions or []
        for part in parts:
            if part.error is not None:
                raise KafkaException(part.error)
        # A partition without a commit has a negative offset.
        return {part.partition: part.offset for part in parts if part.offset >= 0}

    def _offsets(self, numbers: Sequence[int], spec: OffsetSpec) -> dict[TopicPartition, Future[Any]]:
        asked = {TopicPartition(self._topic, number): spec for number in numbers}
        return self._client.list_offsets(asked, request_timeout=REQUEST_TIMEOUT_SECONDS)


def unavailable(error: Exception, met: KafkaError | None) -> LagUnavailableError:
    """What to tell of `error`, where the client met `met` on its way: the reason, and the field that is about it."""
    refused = error.args[0] if isinstance(error, KafkaException) else None
    for cause in (refused, met):
        if cause is not None and cause.code() in _REFUSALS:
            reason, field = _REFUSALS[cause.code()]
            return LagUnavailableError(reason, f"spec.kafka.{field}: {cause.str()}")
    on_the_way = f" ({met.str()})" if met is not None else ""
    return LagUnavailableError("KafkaUnreachable", f"spec.kafka.bootstrapServers: {_words(error)}{on_the_way}")


async def _members(asked: Future[ConsumerGroupDescription], topic: str) -> _Members:
    """Who reads the topic. A group that can't be described is no failure: the policy does without it."""
    try:
        described: ConsumerGroupDescription = await _result(asked)
    except KafkaException as error:
        unknown_group = error.args[0].code() == KafkaError.GROUP_ID_NOT_FOUND
        return _Members({}, 0 if unknown_group else None)
    except TimeoutError:
        return _Members({}, None)
    owners = {
        part.partition: member.member_id
        for member in described.members
        for part in (member.assignment.topic_partitions if member.assignment else [])
        if part.topic == topic
    }
    return _Members(owners, len(described.members))


async def _result(future: Future[Any]) -> Any:
    # A little more than the request's own bound, which is the one that should speak. Waited for without cancelling it: the
    # client's thread would find a cancelled future where it puts its answer.
    asked = asyncio.wrap_future(future)
    done, _ = await asyncio.wait([asked], timeout=REQUEST_TIMEOUT_SECONDS + 1)
    if not done:
        raise TimeoutError
    return asked.result()


async def _results(futures: Mapping[TopicPartition, Future[Any]]) -> dict[int, int]:
    return {part.partition: int((await _result(future)).offset) for part, future in futures.items()}


def _words(error: Exception) -> str:
    if isinstance(error, KafkaException):
        return str(error.args[0].str())
    return str(error) or "no answer in time"
