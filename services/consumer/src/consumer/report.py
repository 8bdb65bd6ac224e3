"""What a worker process tells its pool, through memory that both see: reading it never waits for the worker."""

import ctypes
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from multiprocessing.sharedctypes import RawValue

# More partitions than any topic of clicks has; a byte each. Those beyond are read, but their readers are not watched.
MAX_PARTITIONS = 16_384


class _Shared(ctypes.Structure):
    """Each field is written by one instruction, so no lock is needed."""

    first_step_seconds: float
    heartbeat_seconds: float
    writing: bool
    halted: bool
    partitions: "ctypes.Array[ctypes.c_bool]"
    _fields_ = (
        ("first_step_seconds", ctypes.c_double),
        ("heartbeat_seconds", ctypes.c_double),
        ("writing", ctypes.c_bool),
        ("halted", ctypes.c_bool),
        ("partitions", ctypes.c_bool * MAX_PARTITIONS),
    )


class WorkerReport:
    """Written by one worker, read by the pool's parent. Can be handed to a spawned process as an argument."""

    def __init__(self) -> None:
        self._shared = RawValue(_Shared)
        self._told: frozenset[int] = frozenset()

    @property
    def heartbeat_seconds(self) -> float:
        """The monotonic time of the worker's last step; 0 before its first."""
        return self._shared.heartbeat_seconds

    @property
    def first_step_seconds(self) -> float:
        """The monotonic time of its first."""
        return self._shared.first_step_seconds

    @property
    def writing(self) -> bool:
        """Whether a batch is with PostgreSQL, or waits for its turn there."""
        return self._shared.writing

    @property
    def halted(self) -> bool:
        """Whether the worker keeps its clicks in Kafka because PostgreSQL refuses too many."""
        return self._shared.halted

    @property
    def partitions(self) -> frozenset[int]:
        """The partitions that are assigned to the worker."""
        return frozenset(number for number, has in enumerate(bytes(self._shared.partitions)) if has)

    def clear(self) -> None:
        """For the next worker in this place."""
        ctypes.memset(ctypes.addressof(self._shared), 0, ctypes.sizeof(self._shared))

    def beat(self, now_seconds: float) -> None:
        """The worker has made a step."""
        self._shared.first_step_seconds = self._shared.first_step_seconds or now_seconds
        self._shared.heartbeat_seconds = now_seconds

    def tell_halted(self, halted: bool) -> None:
        """See ``halted``."""
        self._shared.halted = halted

    def assigned(self, partitions: Iterable[int]) -> None:
        """The worker has these partitions now. Cheap where nothing has changed."""
        now = frozenset(partition for partition in partitions if partition < MAX_PARTITIONS)
        for partition in now ^ self._told:
            self._shared.partitions[partition] = ctypes.c_bool(partition in now)
        self._told = now

    @contextmanager
    def while_writing(self) -> Iterator[None]:
        """Around what waits for PostgreSQL alone."""
        self._shared.writing = True
        try:
            yield
        finally:
            self._shared.writing = False
