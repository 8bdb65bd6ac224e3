"""What workers counted stays counted when they have ended, exactly, and in a bounded number of files."""

import asyncio
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterable, Iterator
from itertools import count
from pathlib import Path
from typing import Any

import falcon.asgi
import falcon.testing
import pytest
from prometheus_client.mmap_dict import MmapedDict, mmap_key
from prometheus_client.parser import text_string_to_metric_families

from adclicks import dead_workers, metrics, metrics_folder
from adclicks.errors import Problem
from adclicks.http import operations

COUNTER = mmap_key("clicks", "clicks_total", [], [], "Clicks")
BUCKETS = [
    mmap_key("seconds", "seconds_bucket", ["route", "le"], ["/ads", le], "Seconds") for le in ("0.1", "1.0", "+Inf")
]
SUM = mmap_key("seconds", "seconds_sum", ["route"], ["/ads"], "Seconds")
GAUGE = mmap_key("waiting", "waiting", [], [], "Waiting")


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the workers of a service keep their metrics."""
    monkeypatch.setenv(metrics_folder.VARIABLE, str(tmp_path))
    return tmp_path


def worker(folder: Path, pid: int, clicks: int = 1) -> None:
    """One that has counted ``clicks``, the half of a second each, and ended."""
    write(folder / f"counter_{pid}.db", {COUNTER: clicks})
    write(folder / f"histogram_{pid}.db", {BUCKETS[0]: 0, BUCKETS[1]: clicks, BUCKETS[2]: 0, SUM: clicks / 2})
    write(folder / f"gauge_livesum_{pid}.db", {GAUGE: 7})


def write(file: Path, values: dict[str, float]) -> None:
    """As prometheus_client does."""
    written = MmapedDict(str(file))
    for key, value in values.items():
        written.write_value(key, value, 0.0)
    written.close()


def samples() -> dict[str, float]:
    """What a scrape reads, by name and bucket."""
    families = text_string_to_metric_families(metrics.exposition().decode())
    return {sample.name + sample.labels.get("le", ""): sample.value for family in families for sample in family.samples}


def clicks_of(total: int) -> dict[str, float]:
    """What a scrape has to read when ``total`` clicks were counted by workers that have ended."""
    return {
        "clicks_total": total,
        "seconds_bucket0.1": 0,
        "seconds_bucket1.0": total,
        "seconds_bucket+Inf": total,
        "seconds_count": total,
        "seconds_sum": total / 2,
    }


def test_a_thousand_dead_workers_leave_two_files(folder: Path) -> None:
    """One of counters and one of histograms; nothing that they counted is lost, and their gauges are gone."""
    for pid in range(1, 1_001):
        worker(folder, pid, clicks=pid)
        metrics.forget_process(pid)
    assert samples() == clicks_of(1_000 * 1_001 // 2)
    assert {file.name for file in folder.glob("*.db")} == {"counter_0.db", "histogram_0.db"}


def test_the_living_are_left_alone(folder: Path) -> None:
    """And a process number may come again."""
    worker(folder, 11)
    worker(folder, 1)
    metrics.forget_process(1)
    worker(folder, 1, clicks=3)
    assert samples() == {**clicks_of(5), "waiting": 14}
    metrics.forget_process(1)
    metrics.forget_process(1)
    assert samples() == {**clicks_of(5), "waiting": 7}


def test_a_file_without_a_size_is_of_a_worker_that_starts(folder: Path) -> None:
    """A scrape does not fail for it, and a worker that died there has counted nothing."""
    worker(folder, 1)
    (folder / "counter_2.db").touch()
    assert samples()["clicks_total"] == 1
    metrics.forget_process(2)
    assert not (folder / "counter_2.db").exists()


class KilledError(Exception):
    """The process ends here."""


def killed_at(step: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Has the file operation number ``step`` raise ``KilledError`` instead; of a write, half is done."""
    steps = count()

    def dying(operation: Callable[..., Any]) -> Callable[..., Any]:
        def run(path: Path, *arguments: Any, **options: Any) -> Any:
            if next(steps) != step:
                return operation(path, *arguments, **options)
            if operation is write_bytes:
                operation(path, arguments[0][: len(arguments[0]) // 2])
            raise KilledError

        return run

    write_bytes = Path.write_bytes
    for name in ("rename", "unlink", "write_bytes"):
        monkeypatch.setattr(Path, name, dying(getattr(Path, name)))


# To write, to rename, to remove, to rename, for two kinds; and the gauges.
STEPS = 9


@pytest.mark.parametrize("step", range(STEPS))
def test_a_merge_that_is_killed_loses_nothing_and_counts_nothing_twice(
    folder: Path, monkeypatch: pytest.MonkeyPatch, step: int
) -> None:
    """Wherever it is killed: for the scrape after it, and for the merge after that."""
    for pid in (1, 2):
        worker(folder, pid, clicks=pid)
    dead_workers.absorb(folder, 1)
    with monkeypatch.context() as patched:
        killed_at(step, patched)
        with pytest.raises(KilledError):
            dead_workers.absorb(folder, 2)
    read = samples()
    assert {name: value for name, value in read.items() if name != "waiting"} == clicks_of(3)
    worker(folder, 3, clicks=3)
    dead_workers.absorb(folder, 3)
    dead_workers.absorb(folder, 2)
    assert samples() == clicks_of(6)
    assert {file.suffix for file in folder.iterdir()} == {".db", ".lock"}


MERGER = """
import sys
from pathlib import Path
from adclicks import dead_workers
for pid in map(int, sys.argv[2:]):
    dead_workers.absorb(Path(sys.argv[1]), pid)
"""


def mergers(folder: Path, pids: Iterable[int]) -> Iterator["subprocess.Popen[bytes]"]:
    """Three processes, each of which merges all of ``pids`` in an order of its own."""
    words = [str(pid) for pid in pids]
    for order in (words, words[::-1], words[1::2] + words[::2]):
        yield subprocess.Popen([sys.executable, "-c", MERGER, str(folder), *order], env=os.environ.copy())


def test_several_merges_at_once_while_scrapes_read(folder: Path) -> None:
    """Each scrape reads every click once, whatever is being merged."""
    for pid in range(1, 201):
        worker(folder, pid)
        (folder / f"gauge_livesum_{pid}.db").unlink()
    running = list(mergers(folder, range(1, 201)))
    reads = 0
    while any(process.poll() is None for process in running):
        try:
            assert samples() == clicks_of(200)
            reads += 1
        except Problem:
            # Read again and again while files went: the scrape fails, it does not lie.
            continue
    assert [process.returncode for process in running] == [0, 0, 0]
    assert samples() == clicks_of(200)
    assert len(list(folder.glob("*.db"))) == 2
    assert reads


def test_a_folder_without_room_ends_nobody(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The dead worker's file stays and counts: an exception would end gunicorn's master."""
    worker(folder, 1)

    def full(*_arguments: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(Path, "write_bytes", full)
        metrics.forget_process(1)
    assert samples()["clicks_total"] == 1
    metrics.forget_process(1)
    assert samples() == clicks_of(1)


async def test_a_scrape_does_not_keep_requests_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    """It reads files in a thread, one scrape at a time; the event loop answers meanwhile."""
    may_end, reading = threading.Event(), count()

    def slow(_collectors: object) -> bytes:
        next(reading)
        assert may_end.wait(60)
        return b"clicks_total 1"

    monkeypatch.setattr(metrics, "exposition", slow)
    app = falcon.asgi.App()
    operations.add_routes(app, live={}, ready={}, document={})
    async with falcon.testing.ASGIConductor(app) as client:
        scrapes = [asyncio.create_task(client.simulate_get("/metrics")) for _ in range(3)]
        for _ in range(3):
            assert (await client.simulate_get("/healthz/live")).status_code == 200
        may_end.set()
        assert [(await scrape).text for scrape in scrapes] == ["clicks_total 1"] * 3
    assert next(reading) == 3
