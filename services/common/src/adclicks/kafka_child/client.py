"""A Kafka client that lives in the child process."""

import asyncio
import itertools
from collections.abc import Mapping
from typing import Any

from adclicks.kafka import KafkaUnavailableError
from adclicks.kafka_child.messages import (
    AnswerBody,
    Body,
    Cause,
    Close,
    ConfigValue,
    Failed,
    GroupOffsets,
    Open,
    ReadGroup,
    ReadTopic,
    TopicOffsets,
)
from adclicks.kafka_child.process import Child, ChildEndedError, KafkaProcess

REQUEST_TIMEOUT_SECONDS = 4.0
# A topic's description, the group, the offsets: one after the other.
_REQUESTS = 3
# Beyond the time that Kafka may take: the start of the process, on a machine that is busy.
_SLACK_SECONDS = 15.0
_numbers = itertools.count()


class AskError(KafkaUnavailableError):
    """Kafka gave no answer. ``causes`` are Kafka's errors, none where the child process ended."""

    def __init__(self, message: str, causes: tuple[Cause, ...] = ()) -> None:
        self.causes = causes
        super().__init__(message)


class BadConfigError(AskError):
    """No client can be made with this configuration: a certificate that is none, a setting that does not exist."""


class KafkaClient:
    """Asks by ``process``, with librdkafka's ``config``; what is no text or number in it (a logger) is left out.

    After a request that Kafka did not answer the child makes another client: no request depends on a client, or on
    connections, that failed before.
    """

    def __init__(
        self, process: KafkaProcess, config: Mapping[str, Any], timeout_seconds: float = REQUEST_TIMEOUT_SECONDS
    ) -> None:
        self._process = process
        self._timeout_seconds = timeout_seconds
        self._config: dict[str, ConfigValue] = {
            name: value for name, value in config.items() if isinstance(value, str | int | float)
        }
        self._opening = asyncio.Lock()
        self._opened: tuple[Child, int] | None = None

    async def topic(self, topic: str) -> TopicOffsets:
        """The topic's id and offsets. Raises ``AskError``, within a bounded time."""
        child, number = await self._open()
        found = await self._ask(child, ReadTopic(number, topic, self._timeout_seconds))
        if not isinstance(found, TopicOffsets):
            raise TypeError(f"no answer to ReadTopic: {found}")
        return found

    async def group(self, topic: str, group: str) -> GroupOffsets:
        """The same, and how far ``group`` is. Raises ``AskError``, within a bounded time."""
        child, number = await self._open()
        found = await self._ask(child, ReadGroup(number, topic, group, self._timeout_seconds))
        if not isinstance(found, GroupOffsets):
            raise TypeError(f"no answer to ReadGroup: {found}")
        if found.member_count is None:
            # Its request may still be under way, and is not to be found there by its own late timeout.
            self.close()
        return found

    def close(self) -> None:
        """Ends the client in the child, not the child. The next request makes another one."""
        opened, self._opened = self._opened, None
        if opened is not None:
            child, number = opened
            child.tell(Close(number))

    async def _open(self) -> tuple[Child, int]:
        async with self._opening:
            try:
                child = await self._process.child()
            except OSError as error:
                raise AskError(f"Kafka could not be asked: no process could be started: {error}") from error
            if self._opened is None or self._opened[0] is not child:
                number = next(_numbers)
                made = await self._answer(child, Open(number, self._config))
                if isinstance(made, Failed):
                    raise BadConfigError(made.causes[0].text, made.causes)
                self._opened = child, number
            return self._opened

    async def _ask(self, child: Child, body: Body) -> AnswerBody:
        answer = await self._answer(child, body)
        if isinstance(answer, Failed):
            if not _is_kafkas(answer.causes[0]):
                self.close()
            reason, *last = (each.text for each in answer.causes)
            told = "".join(f" ({text})" for text in last)
            raise AskError(f"Kafka could not be asked: {reason}{told}", answer.causes)
        return answer

    async def _answer(self, child: Child, body: Body) -> AnswerBody:
        try:
            return await child.ask(body, _REQUESTS * self._timeout_seconds + _SLACK_SECONDS)
        except ChildEndedError as error:
            raise AskError(f"Kafka could not be asked: {error}") from error


def _is_kafkas(cause: Cause) -> bool:
    """Whether a broker answered with it; librdkafka's own errors say that none did."""
    return bool(cause.name) and not cause.name.startswith("_")
