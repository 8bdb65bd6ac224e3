"""One fault, and what becomes of the clicks."""

import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

import psycopg

from kafkafaults.faults import Fault
from kafkafaults.stack import Stack
from testbed.brokers import freeze, thaw
from testbed.clicks import Json
from testbed.load import Load
from testbed.polling import POLL_SECONDS, eventually

# Acknowledged after the return, before ingest counts as working.
_SOME = 20
_LOOK_SECONDS = 0.2


@dataclass(frozen=True)
class Outcome:
    """Seconds since Kafka's return: until all was read that Kafka had then, and until clicks were acknowledged again.

    None: not within the bound. ``lost``: acknowledged, and not stored. ``double``: counted beyond the stored clicks.
    """

    fault: Fault
    read_seconds: float | None
    acknowledged_seconds: float | None
    lost: int
    double: int
    replaced_workers: int
    replaced_producers: int


def run(stack: Stack, load: Load, fault: Fault, patience_seconds: float) -> Outcome:
    """Does ``fault`` to the stack while ``load`` is running, and waits until all is well, at most ``patience_seconds``."""
    workers, producers = stack.replaced_workers(), stack.replaced_producers()
    before = len(load.acknowledged)
    _do(stack, fault)
    returned_at = time.monotonic()
    acknowledged = len(load.acknowledged)
    target = eventually(stack.ends)
    read_seconds, acknowledged_seconds = _watch(stack, load, target, acknowledged, returned_at, patience_seconds)
    promised = load.acknowledged[before:acknowledged]
    return Outcome(
        fault,
        read_seconds,
        acknowledged_seconds,
        # What was not read in time is late, not lost: the next trial of the stack waits for it.
        0 if read_seconds is None else lost(stack, promised),
        double(stack),
        stack.replaced_workers() - workers,
        stack.replaced_producers() - producers,
    )


def lost(stack: Stack, clicks: Sequence[Json]) -> int:
    """How many of ``clicks`` are not stored."""
    ids = [UUID(str(click["clickId"])) for click in clicks]
    rows = stack.installation.sql("select count(*) from click_ids where click_id = any(%(ids)s)", {"ids": ids})
    return len(ids) - int(rows[0][0])


def double(stack: Stack) -> int:
    """How many clicks are counted beyond those that are stored."""
    rows = stack.installation.sql(
        "select (select coalesce(sum(clicks), 0) from ad_totals) - (select count(*) from click_ids)"
    )
    return int(rows[0][0])


def _do(stack: Stack, fault: Fault) -> None:
    brokers = [stack.brokers.all[number] for number in fault.brokers]
    if fault.kind == "freeze":
        freeze(brokers)
    else:
        for broker in brokers:
            broker.kill()
    threading.Event().wait(fault.seconds)
    if fault.kind == "freeze":
        thaw(brokers)
    else:
        stack.brokers.start(brokers)


def _watch(
    stack: Stack, load: Load, target: dict[int, int], acknowledged: int, returned_at: float, patience_seconds: float
) -> tuple[float | None, float | None]:
    read_seconds = acknowledged_seconds = None
    while time.monotonic() - returned_at < patience_seconds:
        if read_seconds is None and _is_read(stack, target):
            read_seconds = time.monotonic() - returned_at
        if acknowledged_seconds is None and len(load.acknowledged) >= acknowledged + _SOME:
            acknowledged_seconds = time.monotonic() - returned_at
        if read_seconds is not None and acknowledged_seconds is not None:
            break
        time.sleep(max(POLL_SECONDS, _LOOK_SECONDS))
    return read_seconds, acknowledged_seconds


def _is_read(stack: Stack, target: dict[int, int]) -> bool:
    try:
        positions = stack.positions()
    except psycopg.OperationalError:
        return False
    return all(positions.get(partition, 0) >= end for partition, end in target.items())
