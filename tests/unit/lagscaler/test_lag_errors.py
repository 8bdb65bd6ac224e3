"""What Kafka's refusals become: a reason, and the field to mend."""

from __future__ import annotations

import pytest
from confluent_kafka import KafkaError

from adclicks.kafka_child.client import AskError, BadConfigError
from adclicks.kafka_child.messages import Cause
from lagscaler.lag import unavailable


def failed(*codes: int) -> AskError:
    """Of the request, then of the client's connections."""
    errors = [KafkaError(code) for code in codes]
    return AskError("no", tuple(Cause(error.name(), error.str()) for error in errors))


@pytest.mark.parametrize(
    ("code", "reason", "field"),
    [
        (KafkaError.UNKNOWN_TOPIC_OR_PART, "TopicNotFound", "spec.kafka.topic"),
        (KafkaError.TOPIC_AUTHORIZATION_FAILED, "NotAuthorized", "spec.kafka.topic"),
        (KafkaError.GROUP_AUTHORIZATION_FAILED, "NotAuthorized", "spec.kafka.group"),
        (KafkaError._TRANSPORT, "KafkaUnreachable", "spec.kafka.bootstrapServers"),
    ],
)
def test_a_refusal_names_the_field_that_it_is_about(code: int, reason: str, field: str) -> None:
    """An ACL is not mended at the brokers' address."""
    told = unavailable(failed(code))
    assert (told.reason, str(told).split(": ")[0]) == (reason, field)


@pytest.mark.parametrize(
    ("met", "reason", "field"),
    [
        (KafkaError._AUTHENTICATION, "LoginRefused", "spec.kafka.sasl"),
        (KafkaError._SSL, "TlsFailed", "spec.kafka.tls"),
        (KafkaError._RESOLVE, "KafkaUnreachable", "spec.kafka.bootstrapServers"),
    ],
)
def test_a_request_without_an_answer_tells_what_was_met_on_its_way(met: int, reason: str, field: str) -> None:
    """A wrong password and an untrusted certificate show as nothing but silence."""
    told = unavailable(failed(KafkaError._TIMED_OUT, met))
    assert (told.reason, str(told).split(": ")[0]) == (reason, field)


def test_a_configuration_that_is_none_and_a_child_that_ended_are_told() -> None:
    """The first is mended in a Secret; the second mends itself."""
    assert unavailable(BadConfigError("ssl.ca.pem is none")).reason == "BadCredentials"
    assert unavailable(AskError("its process ended")).reason == "KafkaUnreachable"
