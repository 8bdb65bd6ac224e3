"""A traceback says where it went wrong, and shows no values."""

import logging
import sys
from collections.abc import Iterator
from io import StringIO

import pytest
import structlog

from adclicks import logs
from adclicks.settings import LogSettings

SECRET = "Bearer 0123456789"


@pytest.fixture(autouse=True)
def unchanged_logging() -> Iterator[None]:
    """Gives the test run its own logging back."""
    root = logging.getLogger()
    handlers, level = root.handlers, root.level
    yield
    root.handlers, root.level = handlers, level
    structlog.reset_defaults()


def fail(authorization: str) -> None:
    """Raises with a secret in a local, and another one two frames up."""
    headers = {"authorization": authorization}
    raise ValueError(f"{len(headers)} header is wrong")


@pytest.mark.parametrize("terminal", [False, True])
@pytest.mark.parametrize("log_format", ["json", "console", "auto"])
def test_tracebacks_show_no_locals(monkeypatch: pytest.MonkeyPatch, log_format: str, *, terminal: bool) -> None:
    """In each format, on a terminal or not, from our loggers and from libraries'."""
    written = StringIO()
    written.isatty = lambda: terminal  # type: ignore[method-assign]
    monkeypatch.setattr(sys, "stderr", written)
    logs.configure(LogSettings(format=log_format), "test")
    cookie = SECRET
    try:
        fail(cookie)
    except ValueError as error:
        structlog.get_logger().error("ours", exc_info=error)
        logging.getLogger("a.library").error("theirs", exc_info=error)

    text = written.getvalue()
    assert SECRET not in text
    assert text.count("1 header is wrong") == 2
    assert text.count("in fail") == 2
