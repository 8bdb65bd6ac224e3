"""`python -m lagscaler.simulate [--charts DIR] [--rebalance …]`: the tables of docs/autoscaling.md, and its charts.
`--burst SECONDS` instead: a prediction for tests/e2e/test_4_scaling.py, whose clicks are sent in so many seconds.

Exits with 1 if any rival setting is both faster and cheaper than the plan on a trace.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from lagscaler.simulate.burst import predict
from lagscaler.simulate.compare import compare
from lagscaler.simulate.report import report


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m lagscaler.simulate", description=__doc__)
    parser.add_argument("--charts", type=Path, metavar="DIR", help="write SVG charts there (needs matplotlib)")
    parser.add_argument("--rebalance", choices=["incremental", "stop-the-world"], default="incremental")
    parser.add_argument("--burst", type=int, metavar="SECONDS", help="predict the burst of the e2e test instead")
    parser.add_argument(
        "--start", type=int, nargs=2, default=(15, 30), metavar=("LEAST", "MOST"), help="of its pods, s"
    )
    parser.add_argument("--sync", type=int, default=15, metavar="SECONDS", help="how often its HPA looks")
    options = parser.parse_args(arguments)
    if options.burst:
        sys.stdout.write(predict(options.burst, tuple(options.start), options.sync))
        return 0
    comparison = compare(options.rebalance)
    sys.stdout.write(report(comparison))
    if options.charts:
        # Not at the top: the operator's image has no matplotlib, and the tables need none.
        from lagscaler.simulate.charts import draw

        for path in draw(comparison, options.charts):
            sys.stderr.write(f"wrote {path}\n")
    losses = comparison.better_in_both()
    for rival in losses:
        sys.stderr.write(f"{rival.scaler} is faster and cheaper than the plan on: {rival.trace}\n")
    return 1 if losses else 0


if __name__ == "__main__":
    sys.exit(main())
