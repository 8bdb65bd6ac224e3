"""What can't be read or stored is kept, with its reason and where it was; it is counted, and can be sent once more."""

from uuid import uuid4

from confluent_kafka import Message

from testbed.clicks import encode, new_click
from testbed.installation import Installation
from testbed.services import Service

UNREADABLE = (b"", b"not json", b"[1]", b"\xff\xfe", b'{"clickId": 1}')


def headers_of(message: Message) -> dict[str, str]:
    """The headers as text."""
    headers = message.headers()
    assert isinstance(headers, list)
    return {name: value.decode() for name, value in headers if isinstance(value, bytes)}


def test_unreadable_records_become_dead_letters_with_their_place(installation: Installation, pool: Service) -> None:
    """Each goes to <topic>.dead as it was, and is counted as rejected; the good clicks around it are counted."""
    good = [new_click() for _ in range(3)]
    installation.produce([encode(good[0]), *UNREADABLE, encode(good[1])], partition=1)
    installation.produce([encode(good[2])], partition=2)

    audit = installation.settled()

    assert (audit.total.stored, audit.total.rejected) == (3, len(UNREADABLE))
    letters = installation.records(installation.kafka.dead_letter_topic)
    places = [(headers_of(letter)["source_partition"], headers_of(letter)["source_offset"]) for letter in letters]
    assert places == [("1", str(offset)) for offset in range(1, 1 + len(UNREADABLE))]
    assert [letter.value() or b"" for letter in letters] == list(UNREADABLE)
    assert {headers_of(letter)["source_topic"] for letter in letters} == {installation.topic}
    assert {headers_of(letter)["source_topic_id"] for letter in letters} == {audit.partitions[0].topic_id}
    reasons = [headers_of(letter)["reason"] for letter in letters]
    assert "not valid JSON" in reasons[1]
    assert all(field in reasons[4] for field in ("clickId", "ad_id", "name", "ip", "timestamp"))


def test_a_row_that_postgresql_alone_refuses_is_found_by_splitting(installation: Installation, pool: Service) -> None:
    """One bad row among hundreds in one batch: it alone is rejected, and the others are counted."""
    before = installation.settled().total
    installation.sql("alter table clicks add constraint no_thirteens check (name <> 'thirteen')")
    ad = str(uuid4())
    clicks = [new_click(ad_id=ad, name="thirteen" if number == 137 else "a name") for number in range(400)]
    installation.produce([encode(click) for click in clicks])

    audit = installation.settled()

    assert audit.total.stored - before.stored == 399
    assert audit.total.rejected - before.rejected == 1
    assert installation.counts()[ad] == 399
    letter = installation.records(installation.kafka.dead_letter_topic)[-1]
    assert letter.value() == encode(clicks[137])
    assert "no_thirteens" in headers_of(letter)["reason"]


def test_dead_letters_are_listed_and_replayed_once(installation: Installation, pool: Service) -> None:
    """When its cause is gone a replay has the click counted; a second replay sends nothing again."""
    before = installation.settled().total
    installation.sql("alter table clicks drop constraint no_thirteens")
    letters = len(installation.records(installation.kafka.dead_letter_topic))

    listed = installation.adclicks("dead-letters", "list")
    trial = installation.adclicks("dead-letters", "replay", "--dry-run")
    replayed = installation.adclicks("dead-letters", "replay")

    assert f"{letters} dead letters" in listed.stdout
    assert "no_thirteens" in listed.stdout
    assert f"{letters} dead letters would be sent again" in trial.stdout
    assert f"{letters} dead letters sent again" in replayed.stdout, replayed.stderr
    after = installation.settled().total
    assert after.stored - before.stored == 1
    assert after.rejected - before.rejected == letters - 1
    # Those that are still bad are dead letters anew; only they are left to replay.
    again = installation.adclicks("dead-letters", "replay", "--dry-run")
    assert f"{letters - 1} dead letters would be sent again" in again.stdout


def test_the_audit_command_agrees(installation: Installation, pool: Service) -> None:
    """After all that, `adclicks audit --recount` still ends with 0."""
    installation.settled()

    audit = installation.adclicks("audit", "--recount")

    assert audit.returncode == 0, audit.stdout + audit.stderr
