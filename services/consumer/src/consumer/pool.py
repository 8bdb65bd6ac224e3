"""The consumer service: ``python -m consumer.pool``."""

import sys

from adclicks import metrics_folder
from adclicks.settings import read_or_exit
from consumer.settings import ConsumerSettings


def main() -> int:
    """Runs the pool until SIGTERM or SIGINT; returns the exit code."""
    settings = read_or_exit(ConsumerSettings)
    folder = metrics_folder.share()
    try:
        # Imported late: it imports prometheus_client, which decides at its import whether processes share metrics.
        from consumer.service import serve

        serve(settings)
    finally:
        metrics_folder.remove_folder(folder)
    return 0


if __name__ == "__main__":
    sys.exit(main())
