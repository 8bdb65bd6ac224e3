"""Several things at the same time, where the failure of one gives up the others."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed

from localstack.guardian import Guardian


def together(guardian: Guardian, tasks: Sequence[Callable[[], None]]) -> None:
    """Runs each of ``tasks`` in a thread and returns when all have ended.

    At the first failure, or when this thread is interrupted, starts that wait for an answer are given up; raises that failure.
    """
    with ThreadPoolExecutor(len(tasks)) as pool:
        try:
            for task in as_completed([pool.submit(task) for task in tasks]):
                task.result()
        except BaseException:
            guardian.closing.set()
            raise
