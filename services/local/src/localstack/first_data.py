"""What the services expect to find: the schema, the topics, and some ads to click on."""

from importlib.resources import files

import msgspec
import psycopg
from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient

from adclicks import kafka, schema
from adclicks.settings import KafkaSettings
from localstack.child import StartError
from localstack.settings import LocalSettings
from localstack.stack import Infra
from localstack.together import together


class Campaign(msgspec.Struct, frozen=True):
    """A row of ``campaigns``."""

    id: str
    name: str


class Ad(msgspec.Struct, frozen=True):
    """A row of ``ads``."""

    id: str
    name: str
    campaign_id: str
    media: str


class Samples(msgspec.Struct, frozen=True):
    """The content of ``samples.json``."""

    campaigns: list[Campaign]
    ads: list[Ad]


def make(settings: LocalSettings, infra: Infra) -> None:
    """Brings schema, topics and samples to where they should be; safe on data that has them. Raises ``StartError``."""

    def fill_database() -> None:
        with infra.postgres.connect() as connection:
            schema.migrate(connection)
            insert_samples(connection)

    def make_topics() -> None:
        where = KafkaSettings(infra.environment["KAFKA_ADDRESS"], settings.topic)
        # Its own notes on standard error would stand between the ticks.
        admin = AdminClient({**kafka.client_config(where, "adclicks-local"), "log_level": 0})
        kafka.create_topics(admin, where, settings.partitions, replication_factor=1)

    try:
        together(infra.guardian, [fill_database, make_topics])
    except (psycopg.Error, schema.SchemaError, kafka.KafkaUnavailableError, KafkaException) as error:
        raise StartError(f"The schema or the topics can't be made: {error}") from error


def samples() -> Samples:
    """The sample campaigns and ads."""
    return msgspec.json.decode(files("localstack").joinpath("samples.json").read_bytes(), type=Samples)


def insert_samples(connection: psycopg.Connection) -> None:
    """Those that are missing; what was changed since stays changed."""
    found = samples()
    with connection.cursor() as cursor:
        cursor.executemany(
            "insert into campaigns (id, name) values (%s, %s) on conflict do nothing",
            [(campaign.id, campaign.name) for campaign in found.campaigns],
        )
        cursor.executemany(
            "insert into ads (id, name, campaign_id, media) values (%s, %s, %s, %s) on conflict do nothing",
            [(ad.id, ad.name, ad.campaign_id, ad.media) for ad in found.ads],
        )
