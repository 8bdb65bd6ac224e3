"""A Kafka client for topics, offsets and groups."""

import _thread
from contextlib import suppress
from typing import Any

from confluent_kafka import KafkaError
from confluent_kafka.admin import AdminClient


class Admin(AdminClient):
    """For topics and offsets. Knows the last error of its connections; a request only says that nobody answered it.

    Ends once nobody holds it, without keeping anybody waiting. Requests to a group's coordinator can abort the process
    (see ``adclicks.kafka_child``): they are made in a child process only.
    """

    def __init__(self, config: dict[str, Any]) -> None:
        self._met: KafkaError | None = None
        # Logged, it would be a line for each try to connect; it is told with the request that fails.
        quiet: dict[str, Any] = {**config, "error_cb": self._remember, "log_level": 0}
        super().__init__(quiet)

    def __del__(self) -> None:
        # Python collects garbage in any thread, also in the client's own as it brings an answer that nobody waits for any
        # more; ended by that one, librdkafka aborts the process. A Thread would be waited for until it has started: with the
        # locks held of whatever collects here, or, as the interpreter ends, for ever. Then there may be none at all.
        with suppress(RuntimeError):
            _thread.start_new_thread(self.__exit__, (None, None, None))

    def met(self) -> KafkaError | None:
        """What went wrong last, such as a certificate that was not believed; None where nothing did since ``forget``."""
        self.poll(0)
        return self._met

    def forget(self) -> None:
        """Kafka answers: what was met before explains no later failure."""
        self.poll(0)
        self._met = None

    def _remember(self, error: KafkaError) -> None:
        # That all brokers are down says less than what was met at one of them.
        if self._met is None or error.code() != KafkaError._ALL_BROKERS_DOWN:  # noqa: SLF001 its public name
            self._met = error
