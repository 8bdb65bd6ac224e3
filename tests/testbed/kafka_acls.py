"""Who may do what in Kafka. The chart asks Strimzi for exactly this (tests/chart holds it to it)."""

from dataclasses import dataclass

REPLAY_GROUP = "adclicks-dead-letters-replay"


@dataclass(frozen=True)
class Acl:
    """``operations`` on the resource of this type ("topic", "group") and name."""

    type: str
    name: str
    operations: tuple[str, ...]


def acls(topic: str, group: str) -> dict[str, list[Acl]]:
    """What each service needs, and no more; command line tools act as the consumer."""
    dead = f"{topic}.dead"
    return {
        "ingest": [Acl("topic", topic, ("Describe", "Write"))],
        "consumer": [
            Acl("topic", topic, ("Describe", "Read", "Write")),
            Acl("topic", dead, ("Describe", "Read", "Write")),
            Acl("group", group, ("Describe", "Read")),
            Acl("group", REPLAY_GROUP, ("Describe", "Read")),
        ],
        "analytics": [Acl("topic", topic, ("Describe",))],
        "operator": [Acl("topic", topic, ("Describe",)), Acl("group", group, ("Describe",))],
    }
