"""What kopf is asked to do, and what it must not do."""

from __future__ import annotations

from typing import Any

import kopf
import pytest

from lagscaler import handlers, watching
from lagscaler.connection import Connection
from lagscaler.runner import Runner
from lagscaler.watching import Watching

CONNECTION = Connection("http://127.0.0.1:1")


def test_no_handler_would_put_a_finalizer_on_an_object() -> None:
    """All that is owned is garbage-collected. A finalizer would keep objects, and with them namespaces, where the operator is
    uninstalled together with them.
    """
    made = handlers.registry(CONNECTION, lambda *_: None, lambda *_: None)
    assert not list(made._spawning.get_all_handlers())
    assert not list(made._changing.get_all_handlers())
    assert len(list(made._watching.get_all_handlers())) == 3


def test_finalizer_peering_and_annotations_have_names_of_our_own() -> None:
    """kopf's defaults are every operator's that was made with it: two of them would take each other's for theirs."""
    ours, defaults = handlers.settings(), kopf.OperatorSettings()
    assert ours.persistence.finalizer == "adclicks.dev/finalizer" != defaults.persistence.finalizer
    assert ours.peering.name == "lagscaler" != defaults.peering.name
    assert not ours.peering.mandatory
    assert not ours.posting.enabled


async def test_watching_that_ends_is_begun_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whether kopf gave up or failed; the LagAutoscalers go on meanwhile."""
    begun: list[int] = []

    async def watch(_registry: Any, _namespaces: Any, stop: Any) -> None:
        begun.append(1)
        if len(begun) == 1:
            raise OSError("the API server is away")
        if len(begun) > 2:
            stop.set()

    monkeypatch.setattr(handlers, "watch", watch)
    monkeypatch.setattr(watching, "_BACKOFF", watching.Backoff(first_seconds=0.01, limit_seconds=0.01))
    made = Watching(CONNECTION, ("shop",), Runner(lambda _body: pytest.fail("nothing was seen")))
    made.start()
    assert made.is_alive
    made._thread.join(10)
    assert len(begun) == 3
    await made.close()
    assert not made.is_alive
