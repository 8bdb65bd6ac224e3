"""Kafka's jars, from Maven Central into a cache that all clones of a user share.

``kafka-4.3.1.jars`` pins each by its SHA-256, as requirements files do for wheels: made from jgo's resolution of
kafka_2.13 and kafka-tools 4.3.1 and slf4j-simple 1.7.36, less the Connect runtime and its web server, which no broker loads.
"""

import hashlib
import re
import shutil
import tempfile
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

import requests

from localstack.child import StartError

KAFKA_VERSION = "4.3.1"
DOWNLOADS = 8
TIMEOUT_SECONDS = 30
ATTEMPTS = 3


@dataclass(frozen=True)
class Jar:
    """One pinned artifact of Maven Central."""

    group: str
    artifact: str
    version: str
    sha256: str

    @property
    def file_name(self) -> str:
        """As Maven names it."""
        return f"{self.artifact}-{self.version}.jar"


def pinned() -> list[Jar]:
    """The jars a broker needs, in the order of its class path."""
    text = files("localstack").joinpath(f"kafka-{KAFKA_VERSION}.jars").read_text()
    return [Jar(*re.split("[: ]", line)) for line in text.splitlines()]


def cache_folder(environ: Mapping[str, str], home: Path) -> Path:
    """Where things are kept that every clone of this user needs: XDG_CACHE_HOME, else ~/.cache.

    Raises ``StartError`` where Java could not read from there.
    """
    named = Path(environ.get("XDG_CACHE_HOME", ""))
    # The XDG specification has a relative one ignored; the broker, in another folder, would look elsewhere.
    folder = (named if named.is_absolute() else home / ".cache") / "adclicks"
    # It separates the entries of Java's class path, which has no way to write it otherwise.
    if ":" in str(folder):
        raise StartError(f"Java can't read jars from {folder}, for the colon: set XDG_CACHE_HOME to another folder.")
    return folder


def is_complete(cache: Path) -> bool:
    """Whether ``cache`` has every jar."""
    return all((cache / f"kafka-{KAFKA_VERSION}" / jar.file_name).exists() for jar in pinned())


def fetch(cache: Path, progress: Callable[[int, int], None]) -> list[Path]:
    """Every pinned jar as a file in ``cache``; ``progress(done, all)`` is told of downloads. Raises ``StartError``."""
    folder = cache / f"kafka-{KAFKA_VERSION}"
    jars = pinned()
    missing = [jar for jar in jars if not (folder / jar.file_name).exists()]
    if missing:
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise StartError(
                f"Kafka's jars can't be kept in {folder}: {error.strerror}. Set XDG_CACHE_HOME to another folder."
            ) from error
        _download(missing, folder, progress)
    return [folder / jar.file_name for jar in jars]


def _download(jars: list[Jar], folder: Path, progress: Callable[[int, int], None]) -> None:
    # A file gets its name in the cache once it is whole and verified, so a start that is cut short harms none.
    with tempfile.TemporaryDirectory(dir=folder) as unverified, ThreadPoolExecutor(DOWNLOADS) as pool:
        progress(0, len(jars))
        try:
            for done, _ in enumerate(pool.map(lambda jar: _bring(jar, Path(unverified), folder), jars), start=1):
                progress(done, len(jars))
        except (requests.RequestException, RuntimeError, OSError) as error:
            pool.shutdown(wait=False, cancel_futures=True)
            raise StartError(
                f"Kafka's jars could not be fetched from Maven Central: {error}\n"
                "  They are needed once; then they are kept in the cache. Behind a proxy set HTTPS_PROXY (and "
                "REQUESTS_CA_BUNDLE for a company's certificates);\n"
                "  a mirror is named in ~/.config/jgo.conf under [repositories]."
            ) from error


def _bring(jar: Jar, unverified: Path, folder: Path) -> None:
    """Through jgo, so that the user's own Maven repository and mirrors serve where they have it."""
    for attempt in range(1, ATTEMPTS + 1):
        try:
            found = _resolve(jar, unverified, local=attempt == 1)
            digest = hashlib.sha256(found.read_bytes()).hexdigest()
            if digest == jar.sha256:
                whole = unverified / jar.file_name
                shutil.copyfile(found, whole)
                whole.replace(folder / jar.file_name)
                return
            problem: Exception = RuntimeError(f"{jar.file_name} has the SHA-256 {digest}, not the pinned {jar.sha256}")
        except (requests.RequestException, RuntimeError) as error:
            problem = error
        shutil.rmtree(unverified / jar.artifact, ignore_errors=True)
    raise problem


def _resolve(jar: Jar, unverified: Path, *, local: bool) -> Path:
    # Imported late: it takes a third of a second, and only the first start needs it.
    from jgo.config import GlobalSettings
    from jgo.constants import MAVEN_CENTRAL_URL
    from jgo.maven import MavenContext

    settings = GlobalSettings.load()
    context = MavenContext(
        repo_cache=unverified / jar.artifact,
        local_repos=[settings.repo_cache] if local else [],
        remote_repos={**settings.repositories, "central": MAVEN_CENTRAL_URL},
        timeout=TIMEOUT_SECONDS,
    )
    component = context.project(jar.group, jar.artifact).at_version(jar.version)
    return Path(component.artifact().resolve())
