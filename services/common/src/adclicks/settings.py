"""Settings from the environment: one frozen class a service, read once at start, all errors of it at once.

A class declares its fields with ``setting(...)``; classes nest, so that services share groups (``KafkaSettings``).
"""

import os
import re
import sys
from collections.abc import Callable, Mapping
from dataclasses import MISSING, Field, dataclass, field, fields, is_dataclass
from pathlib import Path
from typing import Any, Protocol, TypeVar, cast, get_type_hints, runtime_checkable

from dotenv import dotenv_values

from adclicks.mounted_files import certificate_files

T = TypeVar("T")

# PGHOSTADDR is used beside an explicit host; a service fills what is left out; the others win over what a connection asks
# for in its options: times would be of another zone, and dates of another order.
_LIBPQ_VARIABLES = ("PGHOSTADDR", "PGSERVICE", "PGSERVICEFILE", "PGOPTIONS", "PGTZ", "PGDATESTYLE", "PGCLIENTENCODING")


class SettingsError(Exception):
    """Every wrong or missing variable, a line each. Values are not repeated: one of them may be a secret."""

    def __init__(self, problems: list[str]) -> None:
        self.problems = problems
        super().__init__("Settings are wrong or missing:\n" + "\n".join(f"  {problem}" for problem in problems))


@runtime_checkable
class Checked(Protocol):
    """A group of settings that knows which combinations can't work."""

    def problems(self) -> list[str]:
        """A line each, naming the variables."""


def setting(
    name: str, doc: str, parse: Callable[[str], Any], default: Any = MISSING, *, secret: bool = False
) -> Any:  # what dataclasses.field itself returns to the type checker
    """A field read from the variable ``name``. ``parse`` raises ``ValueError`` whose text completes "NAME must …"."""
    metadata = {"name": name, "doc": doc, "parse": parse}
    return field(default=default, repr=not secret, metadata=metadata)


def environment() -> dict[str, str]:
    """The process environment over ``.env`` in the working folder."""
    file = {key: value for key, value in dotenv_values(".env").items() if value is not None}
    return {**file, **os.environ}


def read(cls: type[T], environ: Mapping[str, str] | None = None) -> T:
    """An instance of ``cls`` from ``environ`` (by default ``environment()``).

    Raises ``SettingsError`` with all that is wrong.
    """
    problems: list[str] = []
    instance = _read(cls, environment() if environ is None else environ, problems)
    if problems:
        raise SettingsError(problems)
    return instance


def ignore_libpq_variables() -> None:
    """Takes out of the process environment what would make libpq reach another server, or talk otherwise, than DB_* say.

    What completes TLS or a login to the same server (``PGSSLCERT``, ``PGTARGETSESSIONATTRS`` …) stays.
    """
    for name in _LIBPQ_VARIABLES:
        os.environ.pop(name, None)


def read_or_exit(cls: type[T]) -> T:
    """For a service's first line: as ``read``, but prints what is wrong and ends the process with exit code 2."""
    ignore_libpq_variables()
    try:
        return read(cls)
    except SettingsError as error:
        print(error, file=sys.stderr)  # noqa: T201 there is no log yet
        sys.exit(2)


def describe(cls: type[Any]) -> list[tuple[str, str, str]]:
    """``(variable, default, meaning)`` of each setting of ``cls``; the default is "required" where there is none."""
    rows = []
    for item in fields(cls):
        if "name" in item.metadata:
            default = "required" if item.default is MISSING else "" if item.default is None else str(item.default)
            rows.append((item.metadata["name"], default, item.metadata["doc"]))
        else:
            rows.extend(describe(get_type_hints(cls)[item.name]))
    return rows


def _read(cls: type[T], environ: Mapping[str, str], problems: list[str]) -> T:
    hints = get_type_hints(cls)
    values: dict[str, Any] = {}
    for item in fields(cast("Any", cls)):
        if "name" in item.metadata:
            values[item.name] = _value(item, environ, problems)
        elif is_dataclass(hints[item.name]):
            values[item.name] = _read(hints[item.name], environ, problems)
    instance = cls(**values)
    if not problems and isinstance(instance, Checked):
        problems.extend(instance.problems())
    return instance


def _value(item: Field[Any], environ: Mapping[str, str], problems: list[str]) -> Any:
    name = item.metadata["name"]
    # An empty variable counts as unset: compose files and charts write "" for what was left out.
    text = environ.get(name, "")
    if text == "":
        if item.default is MISSING:
            problems.append(f"{name} is not set: {item.metadata['doc']}")
        return item.default
    try:
        return item.metadata["parse"](text)
    except ValueError as error:
        problems.append(f"{name} must {error}")
        return None


def text(value: str) -> str:
    """Any text."""
    return value


def whole(low: int, high: int) -> Callable[[str], int]:
    """A whole number from ``low`` to ``high``."""

    def parse(value: str) -> int:
        if not re.fullmatch(r"-?[0-9]{1,18}", value) or not low <= int(value) <= high:
            raise ValueError(f"be a whole number from {low} to {high}")
        return int(value)

    return parse


def number(low: float, high: float) -> Callable[[str], float]:
    """A decimal number from ``low`` to ``high``."""

    def parse(value: str) -> float:
        if not re.fullmatch(r"-?[0-9]{1,12}(\.[0-9]{1,9})?", value) or not low <= float(value) <= high:
            raise ValueError(f"be a number from {low:g} to {high:g}")
        return float(value)

    return parse


def one_of(*choices: str) -> Callable[[str], str]:
    """One of ``choices``."""

    def parse(value: str) -> str:
        if value not in choices:
            raise ValueError(f"be one of {', '.join(choices)}")
        return value

    return parse


def boolean(value: str) -> bool:
    """``true`` or ``false``."""
    if value not in {"true", "false"}:
        raise ValueError("be true or false")
    return value == "true"


def readable_file(value: str) -> str:
    """The path of a file that can be read."""
    if not Path(value).is_file() or not os.access(value, os.R_OK):
        raise ValueError("be the path of a file that can be read")
    return value


def readable_certificates(value: str) -> str:
    """The path of a file that can be read, or of a folder with such ``*.crt``."""
    found = certificate_files(value)
    if not found or not all(path.is_file() and os.access(path, os.R_OK) for path in found):
        raise ValueError("be the path of a file that can be read, or of a folder with *.crt files")
    return value


def host_port(value: str) -> tuple[str, int]:
    """``host:port``; an IPv6 host in brackets."""
    match = re.fullmatch(r"(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+):([0-9]{1,5})", value)
    if not match or not 1 <= int(match[2]) <= 65535:
        raise ValueError("be host:port, such as localhost:6379")
    return match[1].strip("[]"), int(match[2])


def host_ports(value: str) -> str:
    """``host:port[,host:port…]``, kept as text, as Kafka clients take it."""
    for part in value.split(","):
        try:
            host_port(part.strip())
        except ValueError:
            raise ValueError("be host:port[,host:port…], such as localhost:9092") from None
    return value


def topic_name(value: str) -> str:
    """A Kafka topic's name that leaves room for the dead-letter suffix (Kafka allows 249 characters)."""
    if not re.fullmatch(r"[A-Za-z0-9._-]{1,240}", value) or value in {".", ".."}:
        raise ValueError("be a Kafka topic name: letters, digits, '.', '_', '-', at most 240")
    return value


@dataclass(frozen=True)
class KafkaSettings:
    """Where the clicks are kept."""

    address: str = setting("KAFKA_ADDRESS", "Kafka's bootstrap servers, host:port[,host:port…]", host_ports)
    topic: str = setting(
        "KAFKA_TOPIC", "the topic of the clicks; its dead letters go to <topic>.dead", topic_name, "clicks"
    )

    security_protocol: str = setting(
        "KAFKA_SECURITY_PROTOCOL",
        "plaintext, ssl, sasl_plaintext or sasl_ssl",
        one_of("plaintext", "ssl", "sasl_plaintext", "sasl_ssl"),
        "plaintext",
    )
    sasl_mechanism: str = setting(
        "KAFKA_SASL_MECHANISM",
        "how to log in where the protocol is sasl_…",
        one_of("SCRAM-SHA-512", "SCRAM-SHA-256", "PLAIN"),
        "SCRAM-SHA-512",
    )
    username: str | None = setting("KAFKA_USERNAME", "the user of sasl_…", text, None)
    password: str | None = setting("KAFKA_PASSWORD", "that user's password", text, None, secret=True)
    ca_file: str | None = setting(
        "KAFKA_CA_FILE",
        "the CA that signed the brokers' certificates; of a folder, every *.crt is believed",
        readable_certificates,
        None,
    )
    cert_file: str | None = setting("KAFKA_CERT_FILE", "our client certificate", readable_file, None)
    key_file: str | None = setting("KAFKA_KEY_FILE", "its private key", readable_file, None)

    def problems(self) -> list[str]:
        """Combinations that can't work."""
        found = []
        if self.security_protocol.startswith("sasl") and not (self.username and self.password):
            found.append(f"KAFKA_USERNAME and KAFKA_PASSWORD must be set for {self.security_protocol}")
        if bool(self.cert_file) != bool(self.key_file):
            found.append("KAFKA_CERT_FILE and KAFKA_KEY_FILE must be set together")
        return found

    def files(self) -> list[str]:
        """The mounted files that a client reads when it is made, and never again."""
        return [name for name in (self.ca_file, self.cert_file, self.key_file) if name]

    @property
    def dead_letter_topic(self) -> str:
        """Where records go that can't be read or stored."""
        return f"{self.topic}.dead"


@dataclass(frozen=True)
class PostgresSettings:
    """The truth."""

    host: str = setting(
        "DB_HOST", "PostgreSQL's host, or several, host1,host2: the one that takes writes is used", text
    )
    user: str = setting("DB_USER", "PostgreSQL's user", text)
    password: str = setting("DB_PASSWORD", "that user's password", text, secret=True)
    port: int = setting("DB_PORT", "PostgreSQL's port", whole(1, 65535), 5432)
    dialect: str = setting("DB_DIALECT", "the database's kind; only postgres", one_of("postgres"), "postgres")
    name: str = setting("DB_NAME", "the database", text, "ads")
    ssl: str = setting(
        "DB_SSL",
        "TLS to PostgreSQL, libpq's sslmode",
        one_of("disable", "allow", "prefer", "require", "verify-ca", "verify-full"),
        "prefer",
    )
    root_cert: str | None = setting("DB_SSL_ROOT_CERT", "the CA for verify-ca and verify-full", readable_file, None)


@dataclass(frozen=True)
class RedisSettings:
    """The cache of live totals."""

    address: tuple[str, int] = setting("REDIS_ADDR", "Redis or Valkey, host:port", host_port)
    username: str | None = setting("REDIS_USERNAME", "its ACL user", text, None)
    password: str | None = setting("REDIS_PASSWORD", "its password", text, None, secret=True)
    tls: bool = setting("REDIS_TLS", "true to speak TLS to it", boolean, default=False)
    ca_file: str | None = setting("REDIS_CA_FILE", "the CA that signed its certificate", readable_file, None)
    db: int = setting("REDIS_DB", "its database number", whole(0, 1_000_000), 0)

    def files(self) -> list[str]:
        """The mounted files that a client may read once only."""
        return [self.ca_file] if self.ca_file else []


@dataclass(frozen=True)
class LogSettings:
    """What is logged, and how."""

    level: str = setting(
        "LOG_LEVEL", "the least level that is logged", one_of("debug", "info", "warning", "error"), "info"
    )
    format: str = setting(
        "LOG_FORMAT", "json, console, or auto: console on a terminal", one_of("auto", "json", "console"), "auto"
    )
