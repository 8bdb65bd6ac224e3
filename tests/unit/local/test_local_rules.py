"""Small rules of the local stack."""

import json
import re
import shlex
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID

from adclicks.settings import read
from localstack.first_data import samples
from localstack.jars import cache_folder, pinned
from localstack.log_files import cut
from localstack.proxy import end_to_end
from localstack.settings import LocalSettings
from localstack.summary import AD, summary

INFRA = {
    "DB_USER": "ads", "DB_PASSWORD": "ads", "DB_HOST": "127.0.0.1", "DB_PORT": "1", "DB_NAME": "ads",
    "KAFKA_ADDRESS": "127.0.0.1:2", "REDIS_ADDR": "127.0.0.1:3",
}  # fmt: skip


def test_every_jar_is_pinned_by_its_hash() -> None:
    """A file that was changed on its way is never run."""
    assert {"kafka_2.13", "kafka-clients", "slf4j-simple"} <= {jar.artifact for jar in pinned()}
    assert all(re.fullmatch("[0-9a-f]{64}", jar.sha256) for jar in pinned())


def test_the_cache_is_shared_by_clones() -> None:
    """XDG_CACHE_HOME where it is set, and ~/.cache where it is not, or is empty."""
    assert cache_folder({"XDG_CACHE_HOME": "/c"}, Path("/home/x")) == Path("/c/adclicks")
    assert cache_folder({"XDG_CACHE_HOME": ""}, Path("/home/x")) == Path("/home/x/.cache/adclicks")


def test_two_things_on_one_port_are_named_before_anything_starts() -> None:
    """PORT=8081 is where analytics listens unless it is told otherwise."""
    assert read(LocalSettings, {"PORT": "8081"}).shared_ports() == ["PORT and LOCAL_ANALYTICS_PORT are both 8081"]
    assert read(LocalSettings, {}).shared_ports() == []


def test_the_sample_ads_hold_together() -> None:
    """Three campaigns, eight ads, among them those of the documented calls; each ad in a campaign that is there."""
    found = samples()
    assert len(found.campaigns) == 3
    ids = {ad.id for ad in found.ads}
    assert len(ids) == 8
    assert {AD, "64bb7845-5133-4d7e-bfc4-30747fe38f1d"} <= ids
    assert {ad.campaign_id for ad in found.ads} == {campaign.id for campaign in found.campaigns}


def test_headers_between_neighbours_are_not_handed_on() -> None:
    """The fixed ones, and those that Connection names."""
    headers = [(b"Connection", b"close, X-Once"), (b"x-once", b"1"), (b"Upgrade", b"h2c"), (b"Accept", b"*/*")]
    assert end_to_end(headers) == [(b"accept", b"*/*")]


def test_a_long_log_is_cut_and_its_writer_goes_on(tmp_path: Path) -> None:
    """What it said is beside, and the next line is the first."""
    log = tmp_path / "kafka.log"
    with log.open("ab", buffering=0) as writer:
        writer.write(b"x" * 11)
        cut(tmp_path, bytes_max=10)
        writer.write(b"y")
    assert log.read_bytes() == b"y"
    assert (tmp_path / "kafka.log.1").read_bytes() == b"x" * 11


def test_the_summary_s_click_can_be_pasted() -> None:
    """A shell reads the line as curl with a JSON body of the five fields."""
    now = datetime(2026, 5, 4, 3, 2, 1, tzinfo=UTC)
    text = summary("http://localhost:8080", Path("/logs"), INFRA, UUID(int=7), now)
    line = next(line for line in text.splitlines() if "-X POST" in line)
    words = shlex.split(line)
    assert words[:3] == ["curl", "-X", "POST"]
    assert json.loads(words[-1]) == {
        "clickId": str(UUID(int=7)), "ad_id": AD, "name": "mc donalds", "ip": "127.0.0.1", "timestamp": "2026-05-04T03:02:01Z",
    }  # fmt: skip
