"""Where Kafka's log of clicks ends: the audit's lag is what lies between the ledger and there."""

import asyncio
from concurrent.futures import ThreadPoolExecutor

import structlog

from adclicks import kafka
from adclicks.kafka import KafkaUnavailableError, RenewedAdmin
from adclicks.mounted_files import MountedFiles
from adclicks.settings import KafkaSettings

# The audit is worth having without the lag, so nobody waits long for it.
TIMEOUT_SECONDS = 2.0
_log = structlog.get_logger()

# The next offset to be written of each (topic id, partition).
Ends = dict[tuple[str, int], int]


class LogEnds:
    """Asks Kafka in a thread of its own; one question at a time, so that Kafka's absence can't use up threads."""

    def __init__(self, settings: KafkaSettings) -> None:
        self._settings = settings
        self._thread = ThreadPoolExecutor(1, "log-ends")
        # Made after the fork, and kept while Kafka answers: connecting takes longer than asking.
        self._client = RenewedAdmin(lambda: kafka.admin(settings))
        self._files = MountedFiles(settings.files())
        self._asking: asyncio.Future[Ends] | None = None

    def close(self) -> None:
        """Does not wait for a question that is under way."""
        self._thread.shutdown(wait=False, cancel_futures=True)

    async def read(self) -> Ends | None:
        """None where Kafka does not tell in time. All who ask meanwhile get the same answer."""
        if self._asking is None or self._asking.done():
            self._asking = asyncio.get_running_loop().run_in_executor(self._thread, self._read)
        try:
            return await asyncio.wait_for(asyncio.shield(self._asking), TIMEOUT_SECONDS)
        except (KafkaUnavailableError, TimeoutError) as error:
            _log.warning("kafka could not be asked for the ends of the log", error=str(error) or "no answer in time")
            return None

    def _read(self) -> Ends:
        if self._files.rotated():
            # A client reads certificates only when it is made.
            self._files = MountedFiles(self._settings.files())
            self._client.renew()
        topic = self._settings.topic
        topic_id = kafka.topic_id(self._client, topic)
        partitions = range(kafka.partition_count(self._client, topic))
        marks = kafka.watermarks(self._client, topic, partitions)
        return {(topic_id, partition): mark.high for partition, mark in marks.items()}
