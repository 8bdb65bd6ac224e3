"""What an error of Kafka asks for. Pure: it goes by the error's name, as the protocol and librdkafka spell it."""

from enum import Enum
from typing import Protocol


class KafkaErrorLike(Protocol):
    """What is needed of a ``confluent_kafka.KafkaError``."""

    def name(self) -> str:
        """Such as ``MSG_SIZE_TOO_LARGE``; librdkafka's own begin with an underscore."""

    def fatal(self) -> bool:
        """Whether the client that raised it can't be used any more."""


class Remedy(Enum):
    """What helps.

    ``RETRY``: the same again, later. ``ADMINISTER``: Kafka answers and refuses, until somebody changes a permission, a topic or
    a setting. ``CHANGE_RECORD``: this record can never be written as it is; others can. ``NEW_CLIENT``: this client is
    unusable; one made anew may work.
    """

    RETRY = "retry"
    ADMINISTER = "administer"
    CHANGE_RECORD = "change the record"
    NEW_CLIENT = "new client"


# https://kafka.apache.org/protocol#protocol_error_codes: those whose cause lies in the record alone.
_RECORD = frozenset(
    {
        "INVALID_MSG_SIZE",
        "INVALID_RECORD",
        "INVALID_TIMESTAMP",
        "MSG_SIZE_TOO_LARGE",
        "RECORD_LIST_TOO_LARGE",
        "_BAD_MSG",
        "_KEY_SERIALIZATION",
        "_VALUE_SERIALIZATION",
    }
)
_CLIENT = frozenset(
    {
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
)
# What brokers, networks and groups pass through by themselves.
_PASSING = frozenset(
    {
        "BROKER_NOT_AVAILABLE",
        "CONCURRENT_TRANSACTIONS",
        "COORDINATOR_LOAD_IN_PROGRESS",
        "COORDINATOR_NOT_AVAILABLE",
        "DUPLICATE_SEQUENCE_NUMBER",
        "ELIGIBLE_LEADERS_NOT_AVAILABLE",
        "FENCED_LEADER_EPOCH",
        "FENCED_MEMBER_EPOCH",
        "FENCED_STATE_EPOCH",
        "FETCH_SESSION_ID_NOT_FOUND",
        "ILLEGAL_GENERATION",
        "INCONSISTENT_TOPIC_ID",
        "INVALID_FETCH_SESSION_EPOCH",
        "INVALID_MSG",
        "INVALID_SHARE_SESSION_EPOCH",
        "KAFKA_STORAGE_ERROR",
        "LEADER_NOT_AVAILABLE",
        "LISTENER_NOT_FOUND",
        "MEMBER_ID_REQUIRED",
        "NETWORK_EXCEPTION",
        "NOT_CONTROLLER",
        "NOT_COORDINATOR",
        "NOT_ENOUGH_REPLICAS",
        "NOT_ENOUGH_REPLICAS_AFTER_APPEND",
        "NOT_LEADER_FOR_PARTITION",
        "NO_ERROR",
        "OFFSET_NOT_AVAILABLE",
        "OPERATION_NOT_ATTEMPTED",
        "PREFERRED_LEADER_NOT_AVAILABLE",
        "REASSIGNMENT_IN_PROGRESS",
        "REBALANCE_IN_PROGRESS",
        "REBOOTSTRAP_REQUIRED",
        "REPLICA_NOT_AVAILABLE",
        "REQUEST_TIMED_OUT",
        "SHARE_SESSION_LIMIT_REACHED",
        "SHARE_SESSION_NOT_FOUND",
        "STALE_BROKER_EPOCH",
        "STALE_CTRL_EPOCH",
        "STALE_MEMBER_EPOCH",
        "THROTTLING_QUOTA_EXCEEDED",
        "TRANSACTION_ABORTABLE",
        "UNKNOWN_LEADER_EPOCH",
        "UNKNOWN_MEMBER_ID",
        "UNKNOWN_TOPIC_ID",
        "UNRELEASED_INSTANCE_ID",
        "UNSTABLE_OFFSET_COMMIT",
        "_ALL_BROKERS_DOWN",
        "_ASSIGNMENT_LOST",
        "_ASSIGN_PARTITIONS",
        "_CONFLICT",
        "_DESTROY_BROKER",
        "_FAIL",
        "_INTR",
        "_INVALID_DIFFERENT_RECORD",
        "_IN_PROGRESS",
        "_ISR_INSUFF",
        "_MAX_POLL_EXCEEDED",
        "_MSG_TIMED_OUT",
        "_NODE_UPDATE",
        "_NOOP",
        "_NO_OFFSET",
        "_OUTDATED",
        "_PARTIAL",
        "_PARTITION_EOF",
        "_PREV_IN_PROGRESS",
        "_PURGE_INFLIGHT",
        "_PURGE_QUEUE",
        "_QUEUE_FULL",
        "_RESOLVE",
        "_RETRY",
        "_REVOKE_PARTITIONS",
        "_TIMED_OUT",
        "_TIMED_OUT_QUEUE",
        "_TRANSPORT",
        "_UNDERFLOW",
        "_UNKNOWN_BROKER",
        "_WAIT_CACHE",
        "_WAIT_COORD",
    }
)


def remedy(error: KafkaErrorLike) -> Remedy:
    """What to do about ``error``. One that is not known here is told to somebody (``ADMINISTER``), never passed over."""
    name = error.name()
    if error.fatal() or name in _CLIENT:
        return Remedy.NEW_CLIENT
    if name in _RECORD:
        return Remedy.CHANGE_RECORD
    return Remedy.RETRY if name in _PASSING else Remedy.ADMINISTER
