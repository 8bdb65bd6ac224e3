"""Asks Kafka for a topic and a group. Runs in the child: its group requests may abort the process."""

import asyncio
import time
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import Future
from typing import Any

from confluent_kafka import (
    ConsumerGroupTopicPartitions,
    IsolationLevel,
    KafkaError,
    KafkaException,
    TopicCollection,
    TopicPartition,
)
from confluent_kafka.admin._group import ConsumerGroupDescription
from confluent_kafka.admin._listoffsets import OffsetSpec
from confluent_kafka.admin._topic import TopicDescription

from adclicks.kafka_admin import Admin
from adclicks.kafka_child.messages import Cause, Failed, GroupOffsets, ReadGroup, ReadTopic, TopicOffsets

# The request's own bound is the one that should speak.
_GRACE_SECONDS = 1.0
# A group request that times out in librdkafka aborts the process when its coordinator is found later. So it does not time out:
# it is not waited for any longer, and the asking side ends the client, which ends its requests without harm.
_GROUP_REQUEST_SECONDS = 600.0
_Members = tuple[dict[int, str], int | None]


async def answer(client: Admin, asked: ReadTopic | ReadGroup) -> TopicOffsets | GroupOffsets | Failed:
    """Bounded to three times ``asked.timeout_seconds`` and a little."""
    # An error of an earlier outage must not be told as the reason of this one.
    client.forget()
    reading = _Reading(client, asked.topic, asked.timeout_seconds)
    try:
        return await (reading.group(asked.group) if isinstance(asked, ReadGroup) else reading.topic())
    except (KafkaException, TimeoutError) as error:
        # A refused login shows as a request that was not answered; the error of the client's connections tells more.
        last = client.met()
        return Failed((cause(error), *([Cause(last.name(), last.str())] if last else [])))


def cause(error: Exception) -> Cause:
    """``error`` as a message."""
    if isinstance(error, KafkaException) and isinstance(error.args[0], KafkaError):
        return Cause(error.args[0].name(), error.args[0].str())
    return Cause("", str(error) or "no answer in time")


class _Reading:
    def __init__(self, client: Admin, topic: str, timeout_seconds: float) -> None:
        self._client, self._topic, self._timeout_seconds = client, topic, timeout_seconds

    async def topic(self) -> TopicOffsets:
        described = await self._describe_topic()
        return await self._offsets(str(described.topic_id), [partition.id for partition in described.partitions])

    async def group(self, group: str) -> GroupOffsets:
        described = await self._describe_topic()
        numbers = [partition.id for partition in described.partitions]
        # Both are under way at once. Commits before ends: the other way round a busy group is ahead of its topic.
        asked = self._client.describe_consumer_groups([group], request_timeout=_GROUP_REQUEST_SECONDS)
        committed = await self._committed(group, numbers)
        owners, member_count = await self._members(asked[group])
        return GroupOffsets(await self._offsets(str(described.topic_id), numbers), committed, owners, member_count)

    async def _describe_topic(self) -> TopicDescription:
        asked = self._client.describe_topics(TopicCollection([self._topic]), request_timeout=self._timeout_seconds)
        described: TopicDescription = await self._result(asked[self._topic])
        if not described.partitions:
            raise KafkaException(KafkaError(KafkaError.UNKNOWN_TOPIC_OR_PART))
        return described

    async def _committed(self, group: str, numbers: Sequence[int]) -> dict[int, int]:
        request = ConsumerGroupTopicPartitions(group, [TopicPartition(self._topic, number) for number in numbers])
        asked = self._client.list_consumer_group_offsets([request], request_timeout=_GROUP_REQUEST_SECONDS)
        found: ConsumerGroupTopicPartitions = await self._result(asked[group])
        parts = found.topic_partitions or []
        for part in parts:
            if part.error is not None:
                raise KafkaException(part.error)
        # A partition without a commit has a negative offset.
        return {part.partition: part.offset for part in parts if part.offset >= 0}

    async def _members(self, asked: Future[ConsumerGroupDescription]) -> _Members:
        """Who reads the topic. A group that can't be described is no failure: the caller does without it."""
        try:
            described: ConsumerGroupDescription = await self._result(asked)
        except KafkaException as error:
            unknown_group = error.args[0].code() == KafkaError.GROUP_ID_NOT_FOUND
            return {}, 0 if unknown_group else None
        except TimeoutError:
            return {}, None
        owners = {
            part.partition: member.member_id
            for member in described.members
            for part in (member.assignment.topic_partitions if member.assignment else [])
            if part.topic == self._topic
        }
        return owners, len(described.members)

    async def _offsets(self, topic_id: str, numbers: Iterable[int]) -> TopicOffsets:
        partitions = [TopicPartition(self._topic, number) for number in numbers]
        asked_at_seconds = time.monotonic()
        starts, ends = self._list(partitions, OffsetSpec.earliest()), self._list(partitions, OffsetSpec.latest())
        start, end = await self._numbers(starts), await self._numbers(ends)
        return TopicOffsets(topic_id, start, end, time.monotonic() - asked_at_seconds)

    def _list(self, partitions: Sequence[TopicPartition], spec: OffsetSpec) -> dict[TopicPartition, Future[Any]]:
        # The records of an open transaction can't be read yet: they are nobody's work before its end.
        return self._client.list_offsets(
            dict.fromkeys(partitions, spec),
            isolation_level=IsolationLevel.READ_COMMITTED,
            request_timeout=self._timeout_seconds,
        )

    async def _numbers(self, futures: Mapping[TopicPartition, Future[Any]]) -> dict[int, int]:
        return {part.partition: int((await self._result(future)).offset) for part, future in futures.items()}

    async def _result(self, future: Future[Any]) -> Any:
        # Waited for without cancelling it: the client's thread would find a cancelled future where it puts its answer.
        asked = asyncio.wrap_future(future)
        done, _ = await asyncio.wait([asked], timeout=self._timeout_seconds + _GRACE_SECONDS)
        if not done:
            raise TimeoutError
        return asked.result()
