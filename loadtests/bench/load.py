"""The load: k6 and wrk, and what they found."""

import re
from collections.abc import Mapping
from pathlib import Path
from uuid import uuid4

import msgspec

from bench.measurement import NotMeasured
from bench.process import Runner, require

LOADTESTS = Path(__file__).resolve().parents[1]
_LUA = Path(__file__).resolve().parent / "clicks.lua"
# k6's exit code for thresholds that were crossed: a result, not a failure to measure.
_THRESHOLDS_CROSSED = 99
CONNECTIONS = 256
# k6 is written in Go: collecting garbage less often took 10 to 20 % off its CPU time, and it shares the machine.
_K6_ENVIRONMENT = {"GOGC": "400"}


class Latency(msgspec.Struct, frozen=True):
    """Milliseconds."""

    p50: float
    p99: float


class Ledger(msgspec.Struct, frozen=True):
    """Clicks, as the test counted them."""

    sent: int
    acknowledged: int
    queryable: int
    lost: int
    counted_twice: int
    audit_adds_up: bool


class Seconds(msgspec.Struct, frozen=True):
    """Since the first request."""

    answered: float | None
    queryable: float | None


class K6Result(msgspec.Struct, frozen=True):
    """The JSON summary of a script, as far as it is of use here."""

    ledger: Ledger
    seconds: Seconds
    failures: list[str]
    latency_ms: Latency | None = None
    visible_after_ms: Latency | None = None
    read_latency_ms: Latency | None = None

    @property
    def wrong(self) -> str:
        """What was lost or counted twice; empty where nothing was."""
        ledger = self.ledger
        if ledger.lost or ledger.counted_twice:
            return f"{ledger.lost} lost, {ledger.counted_twice} counted twice"
        return "" if ledger.audit_adds_up else "the audit does not add up"


class BareResult(msgspec.Struct, frozen=True):
    """The same load against a server that does nothing with it."""

    seconds: float
    p50_ms: float
    p99_ms: float


class WrkResult(msgspec.Struct, frozen=True):
    """``requests`` that were answered in ``seconds``; ``errors``: other answers than 2xx, and none."""

    requests: int
    seconds: float
    errors: int
    p50_ms: float
    p99_ms: float


def k6(runner: Runner, script: str, name: str, timeout_seconds: float, settings: Mapping[str, str]) -> K6Result:
    """Runs a script of loadtests/; ``name``: of its result. Raises ``NotMeasured``, ``TimeoutError``."""
    return msgspec.json.decode(_run_k6(runner, script, name, timeout_seconds, settings), type=K6Result)


def k6_bare(runner: Runner, timeout_seconds: float, settings: Mapping[str, str]) -> BareResult:
    """The benchmark's load against a bare server. Raises as ``k6``."""
    return msgspec.json.decode(_run_k6(runner, "bench/bare.js", "bare", timeout_seconds, settings), type=BareResult)


def _run_k6(runner: Runner, script: str, name: str, timeout_seconds: float, settings: Mapping[str, str]) -> bytes:
    program = require("k6", "make setup")
    variables = [word for key, value in settings.items() for word in ("-e", f"{key}={value}")]
    # Without its own HTTP interface, whose port may be taken.
    command = (program, "run", "--quiet", "--no-usage-report", "--address", "", *variables, str(LOADTESTS / script))
    result = runner.folder / f"{name}.json"
    # k6 ends with 0 where it could not write its result: an older one would be taken for it.
    result.unlink(missing_ok=True)
    ended = runner.run("k6", command, timeout_seconds, {**_K6_ENVIRONMENT, "RESULTS": str(runner.folder)})
    if ended.exit_code not in (0, _THRESHOLDS_CROSSED):
        raise NotMeasured(f"k6 ended with {ended.exit_code}:\n{ended.output[-2000:]}")
    if not result.exists():
        raise NotMeasured(f"k6 wrote no result:\n{ended.output[-2000:]}")
    return result.read_bytes()


def wrk(
    runner: Runner, url: str, seconds: int, connections: int, batch: int = 1, connection_field: str | None = None
) -> WrkResult:
    """Unique clicks from ``connections`` connections for ``seconds``, with a Connection field where one is given.

    Raises ``NotMeasured``, ``TimeoutError``.
    """
    program = require("wrk", "apt install wrk, brew install wrk")
    run = uuid4().hex[:12]
    fields = (connection_field,) if connection_field else ()
    command = (program, "-t1", f"-c{connections}", f"-d{seconds}s", "--timeout", "10s", "-s", str(_LUA), url)
    ended = runner.run("wrk", (*command, "--", run, str(batch), *fields), seconds + 30)
    found = re.search(r"^RESULT (\{.*\})$", ended.output, re.MULTILINE)
    if ended.exit_code or not found:
        raise NotMeasured(f"wrk ended with {ended.exit_code}:\n{ended.output[-2000:]}")
    return msgspec.json.decode(found[1], type=WrkResult)
