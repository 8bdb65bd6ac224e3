"""Each error of Kafka is told apart by what helps: waiting, an administrator, another record, another client."""

from collections import defaultdict

import pytest
from confluent_kafka import KafkaError

from adclicks import kafka_errors
from adclicks.kafka_errors import Remedy, remedy

CODES = {name: getattr(KafkaError, name) for name in dir(KafkaError) if name.isupper()}
BY_REMEDY: dict[Remedy, set[str]] = defaultdict(set)
for _name, _code in CODES.items():
    BY_REMEDY[remedy(KafkaError(_code))].add(_name)


def test_what_lies_in_the_record_alone_is_never_tried_again_as_it_is() -> None:
    """The whole list: a record that is too large, and what brokers or the client find malformed."""
    assert BY_REMEDY[Remedy.CHANGE_RECORD] == {
        "INVALID_MSG_SIZE",
        "INVALID_RECORD",
        "INVALID_TIMESTAMP",
        "MSG_SIZE_TOO_LARGE",
        "RECORD_LIST_TOO_LARGE",
        "_BAD_MSG",
        "_KEY_SERIALIZATION",
        "_VALUE_SERIALIZATION",
    }


def test_a_client_that_is_fenced_or_broken_is_replaced() -> None:
    """The whole list; and whatever is fatal, by any name."""
    assert BY_REMEDY[Remedy.NEW_CLIENT] == {
        "FENCED_INSTANCE_ID",
        "INVALID_PRODUCER_EPOCH",
        "INVALID_PRODUCER_ID_MAPPING",
        "OUT_OF_ORDER_SEQUENCE_NUMBER",
        "PRODUCER_FENCED",
        "TRANSACTION_COORDINATOR_FENCED",
        "UNKNOWN_PRODUCER_ID",
        "_DESTROY",
        "_FATAL",
        "_FENCED",
        "_GAPLESS_GUARANTEE",
        "_INCONSISTENT",
        "_STATE",
    }
    for code in CODES.values():
        assert remedy(KafkaError(code, "a reason", True)) is Remedy.NEW_CLIENT


@pytest.mark.parametrize(
    "name",
    [
        "CLUSTER_AUTHORIZATION_FAILED",
        "GROUP_AUTHORIZATION_FAILED",
        "INVALID_CONFIG",
        "INVALID_PARTITIONS",
        "INVALID_REPLICATION_FACTOR",
        "INVALID_REQUEST",
        "POLICY_VIOLATION",
        "SASL_AUTHENTICATION_FAILED",
        "TOPIC_ALREADY_EXISTS",
        "TOPIC_AUTHORIZATION_FAILED",
        "TOPIC_EXCEPTION",
        "UNKNOWN",
        "UNKNOWN_TOPIC_OR_PART",
        "UNSUPPORTED_COMPRESSION_TYPE",
        "UNSUPPORTED_VERSION",
        "_AUTHENTICATION",
        "_INVALID_ARG",
        "_SSL",
        "_UNKNOWN_TOPIC",
        "_UNSUPPORTED_FEATURE",
    ],
)
def test_what_kafka_refuses_until_somebody_acts_is_no_unavailability(name: str) -> None:
    """Permissions, topics, settings, versions."""
    assert remedy(KafkaError(CODES[name])) is Remedy.ADMINISTER


@pytest.mark.parametrize(
    "name",
    [
        "COORDINATOR_LOAD_IN_PROGRESS",
        "KAFKA_STORAGE_ERROR",
        "LEADER_NOT_AVAILABLE",
        "NETWORK_EXCEPTION",
        "NOT_ENOUGH_REPLICAS",
        "NOT_LEADER_FOR_PARTITION",
        "REBALANCE_IN_PROGRESS",
        "REQUEST_TIMED_OUT",
        "THROTTLING_QUOTA_EXCEEDED",
        "_ALL_BROKERS_DOWN",
        "_MSG_TIMED_OUT",
        "_PURGE_INFLIGHT",
        "_PURGE_QUEUE",
        "_QUEUE_FULL",
        "_RESOLVE",
        "_TIMED_OUT",
        "_TRANSPORT",
    ],
)
def test_what_passes_by_itself_is_tried_again(name: str) -> None:
    """Elections, timeouts, quotas, networks."""
    assert remedy(KafkaError(CODES[name])) is Remedy.RETRY


def test_every_code_has_a_remedy_and_every_listed_name_a_code() -> None:
    """A name that the library does not know would never be found; one that is listed twice would contradict itself."""
    listed = [kafka_errors._RECORD, kafka_errors._CLIENT, kafka_errors._PASSING]
    assert frozenset().union(*listed) <= CODES.keys()
    assert sum(map(len, listed)) == len(frozenset().union(*listed))
    assert set().union(*BY_REMEDY.values()) == CODES.keys()
