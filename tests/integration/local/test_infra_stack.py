"""The embedded servers: what was acknowledged survives a kill, and a stop leaves nothing behind."""

from confluent_kafka import Consumer, Producer, TopicPartition
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic

from localstack.stack import InfraStack

TIMEOUT_SECONDS = 20


def produce(address: str, topic: str, value: bytes) -> None:
    """Returns once Kafka has acknowledged ``value``."""
    failures: list[object] = []
    producer = Producer({"bootstrap.servers": address, "acks": "all"})
    producer.produce(topic, value, on_delivery=lambda error, _: failures.append(error) if error else None)
    assert producer.flush(TIMEOUT_SECONDS) == 0
    assert failures == []


def first_value(address: str, topic: str) -> bytes | None:
    """The value of the first record."""
    consumer = Consumer({"bootstrap.servers": address, "group.id": "reader", "enable.auto.commit": False})
    consumer.assign([TopicPartition(topic, 0, 0)])
    message = consumer.poll(TIMEOUT_SECONDS)
    consumer.close()
    return message.value() if message else None


def test_a_produced_record_survives_a_killed_broker(infra: InfraStack) -> None:
    """kill -9 right after the acknowledgement, start again: same port, and the record is there."""
    address = infra.environment["KAFKA_ADDRESS"]
    topic = "survivor"
    admin = AdminClient({"bootstrap.servers": address})
    admin.create_topics([NewTopic(topic, 1, 1)])[topic].result(TIMEOUT_SECONDS)
    produce(address, topic, b"a click")

    infra.kafka.kill()
    infra.kafka.start()

    assert first_value(address, topic) == b"a click"


def test_a_commit_survives_a_killed_postgres(infra: InfraStack) -> None:
    """kill -9 of the server and all its processes right after a commit; the row is there after a start."""
    with infra.postgres.connect() as connection:
        connection.execute("create table survivor (id int)")
        connection.execute("insert into survivor values (7)")

    infra.postgres.kill()
    infra.postgres.start()

    with infra.postgres.connect() as connection:
        assert connection.execute("select id from survivor").fetchall() == [(7,)]


def test_a_stopped_server_starts_again_on_its_port(infra: InfraStack) -> None:
    """Each of the three, stopped in order and started: the environment that clients were given stays right."""
    for server in (infra.kafka, infra.postgres, infra.valkey):
        before = dict(server.environment())
        server.stop()
        assert server.child.exit_code() is not None
        server.start()
        assert server.environment() == before
