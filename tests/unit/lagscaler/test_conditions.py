"""What the status says."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from tests.unit.lagscaler.test_spec import GOOD

from lagscaler import conditions, learned
from lagscaler.conditions import Finding, bad, good
from lagscaler.events import event
from lagscaler.policy.observations import Observation, PartitionOffsets
from lagscaler.policy.plan import plan
from lagscaler.resources import Identity
from lagscaler.spec import parse

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
FINE = [
    good(conditions.SPEC_VALID, "Valid"),
    good(conditions.TARGET_FOUND, "Found"),
    good(conditions.OBSERVING, "Observed"),
    good(conditions.SCALING_ACTIVE, "KeepingUp"),
    good(conditions.HPA_OWNED, "HorizontalPodAutoscalerApplied"),
]


def changed(*findings: Finding) -> list[Finding]:
    replaced = {finding.type: finding for finding in findings}
    return [replaced.get(finding.type, finding) for finding in FINE]


def test_ready_tells_the_policys_reason_when_all_is_well() -> None:
    """What a user wants to see in `kubectl get`."""
    ready = conditions.ready(FINE)
    assert (ready.status, ready.reason) == (True, "KeepingUp")


def test_ready_tells_the_first_thing_to_mend() -> None:
    """An HPA that could not be applied because of a bad spec is the spec's fault."""
    wrong = changed(bad(conditions.HPA_OWNED, "ApplyFailed", "x"), bad(conditions.TARGET_FOUND, "TargetNotFound", "y"))
    assert conditions.ready(wrong).reason == "TargetNotFound"


def test_a_number_that_is_held_is_a_number() -> None:
    """Kafka away for less than holdSeconds: the pool is scaled on, so Ready stays."""
    held = changed(
        bad(conditions.OBSERVING, "KafkaUnreachable", "no"), good(conditions.SCALING_ACTIVE, "HoldingLastGood")
    )
    assert conditions.ready(held).status is True


def test_without_a_number_ready_tells_why_kafka_could_not_be_asked() -> None:
    """`NoFreshLag` alone is nothing that anybody can mend."""
    away = changed(
        bad(conditions.OBSERVING, "SecretNotFound", "spec.kafka.sasl"),
        bad(conditions.SCALING_ACTIVE, "NoFreshLag", "no number"),
    )
    assert conditions.ready(away) == bad(conditions.READY, "SecretNotFound", "spec.kafka.sasl")


def test_a_transition_is_a_change_of_the_status_and_nothing_else() -> None:
    """lastTransitionTime by the API conventions."""
    first = conditions.conditions(FINE, [], 1, NOW)
    later = NOW + timedelta(minutes=1)
    same = conditions.conditions(changed(good(conditions.SCALING_ACTIVE, "Draining")), first, 2, later)
    worse = conditions.conditions(changed(bad(conditions.HPA_OWNED, "AnotherHPA", "x")), same, 2, later)
    assert {item["lastTransitionTime"] for item in same} == {"2026-03-01T12:00:00Z"}
    assert {item["observedGeneration"] for item in same} == {2}
    moved = {item["type"] for item in worse if item["lastTransitionTime"] == "2026-03-01T12:01:00Z"}
    assert moved == {"Ready", "HPAOwned"}


def test_every_bad_field_is_in_the_message() -> None:
    """Of an object that an older CRD let pass."""
    from lagscaler.policy.settings import Problem

    found = conditions.invalid_spec([Problem("spec.maxReplicas", "must be set"), Problem("spec.kafka", "must be set")])
    assert (found.status, found.reason) == (False, "InvalidSpec")
    assert found.message == "spec.maxReplicas: must be set; spec.kafka: must be set"


def test_an_event_tells_of_ready_when_it_becomes_good_or_bad_and_not_of_every_reason() -> None:
    """The policy's reason changes all day."""
    me = Identity("shop", "consumer", "uid-1")
    fine = conditions.conditions(FINE, [], 1, NOW)
    draining = conditions.conditions(changed(good(conditions.SCALING_ACTIVE, "Draining")), fine, 1, NOW)
    broken = conditions.conditions(changed(bad(conditions.HPA_OWNED, "AnotherHPA", "field: x")), fine, 1, NOW)
    assert event(me, fine, draining, NOW) is None
    told = event(me, draining, broken, NOW)
    assert told is not None
    assert (told["type"], told["reason"], told["message"]) == ("Warning", "AnotherHPA", "field: x")
    mended = event(me, broken, fine, NOW)
    assert mended is not None
    assert mended["type"] == "Normal"


def test_what_was_learned_is_gone_on_from_only_for_the_same_topic_group_and_guess() -> None:
    """A rate of another topic, or from before somebody corrected the guess, would mislead."""
    spec = parse(GOOD)
    seen = Observation(0.0, "id", (PartitionOffsets(0, 0, 10, 10),), 1, 1, 1)
    kept = learned.to_status(spec, plan([seen], spec.policy, None, 0.0))
    resumed = learned.from_status(spec, {"learned": kept})
    assert resumed is not None
    assert (resumed.per_second, resumed.usual_per_second) == (5000, 5000)
    assert learned.from_status(parse(GOOD | {"ratePerConsumer": 100}), {"learned": kept}) is None
    assert learned.from_status(parse(GOOD | {"kafka": GOOD["kafka"] | {"group": "x"}}), {"learned": kept}) is None
    assert learned.from_status(spec, {}) is None


def test_both_memories_of_the_rate_survive_a_restart() -> None:
    """The slow hour's, and the usual one; a status of before has one rate, which is both."""
    spec = parse(GOOD)
    rates = {"topic": "clicks", "group": "adclicks-consumer", "configuredRate": 5000.0, "ratePerConsumer": 1000.0}
    slow, older = (learned.from_status(spec, {"learned": rates | more}) for more in ({"usualRate": 4000.0}, {}))
    assert slow is not None
    assert (slow.per_second, slow.usual_per_second) == (1000, 4000)
    assert older is not None
    assert (older.per_second, older.usual_per_second) == (1000, 1000)


def test_what_is_not_known_yet_is_unknown_and_no_failure() -> None:
    """At a start: no Event, and nothing for an alert."""
    starting = changed(
        Finding(conditions.OBSERVING, None, "Starting", ""), Finding(conditions.SCALING_ACTIVE, None, "Starting", "")
    )
    assert conditions.ready(starting).status is None
    assert event(Identity("shop", "consumer", "1"), [], conditions.conditions(starting, [], 1, NOW), NOW) is None
