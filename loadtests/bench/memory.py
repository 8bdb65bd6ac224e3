"""The most memory that a worker of a service has while it is under load."""

import threading
from types import TracebackType

from bench.service import Service

_SAMPLE_SECONDS = 0.5


class Peak:
    """``with Peak(service) as peak: …`` and then ``peak.megabytes`` (10^6 bytes) of the largest worker."""

    def __init__(self, service: Service) -> None:
        self._service = service
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._sample, daemon=True)
        self.megabytes = 0.0

    def __enter__(self) -> "Peak":
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ending.set()
        self._thread.join()
        self._look()

    def _sample(self) -> None:
        while not self._ending.wait(_SAMPLE_SECONDS):
            self._look()

    def _look(self) -> None:
        self.megabytes = max(self.megabytes, self._service.largest_worker_mb())
