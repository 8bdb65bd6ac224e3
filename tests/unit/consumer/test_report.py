"""What a worker tells its pool, across processes."""

import multiprocessing

from consumer.report import MAX_PARTITIONS, WorkerReport


def test_another_process_tells() -> None:
    """What it tells arrives; a partition beyond the bound is not told; ``clear`` is for the next worker."""
    report = WorkerReport()
    context = multiprocessing.get_context("spawn")
    processes = [
        context.Process(target=report.beat, args=(12.5,)),
        context.Process(target=report.assigned, args=({7, MAX_PARTITIONS - 1, MAX_PARTITIONS},)),
    ]
    for process in processes:
        process.start()
    for process in processes:
        process.join(60)

    assert [process.exitcode for process in processes] == [0, 0]
    assert report.heartbeat_seconds == 12.5
    assert report.partitions == {7, MAX_PARTITIONS - 1}

    report.clear()

    assert (report.heartbeat_seconds, report.partitions, report.writing) == (0.0, frozenset(), False)


def test_what_changes_is_told() -> None:
    """Partitions come and go; writing lasts as long as its block."""
    report = WorkerReport()
    report.assigned({0, 7})
    report.assigned({7, 8})
    with report.while_writing():
        assert report.writing

    assert report.partitions == {7, 8}
    assert not report.writing
