"""What a newcomer reads once everything runs."""

import json
import shlex
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import urlencode
from uuid import UUID

AD = "44bb7845-5133-4d7e-bfc4-30747fe38f1d"


def summary(base_url: str, logs: Path, infra: dict[str, str], click_id: UUID, now: datetime) -> str:
    """Ready-made calls with ``click_id`` and the time ``now`` (aware), where the servers are, and how to stop."""
    click = {"clickId": str(click_id), "ad_id": AD, "name": "mc donalds", "ip": "127.0.0.1", "timestamp": _rfc3339(now)}
    range_query = urlencode({"start": _rfc3339(now - timedelta(hours=1)), "end": _rfc3339(now + timedelta(hours=1))})
    postgres = f"postgresql://{infra['DB_USER']}:{infra['DB_PASSWORD']}@{infra['DB_HOST']}:{infra['DB_PORT']}/{infra['DB_NAME']}"
    return f"""
Everything runs. Base URL: {base_url}    (to read the API: {base_url}/docs)

  Send a click (again with the same clickId: it still counts once):
    curl -X POST {base_url}/ads/click -H 'Content-Type: application/json' -d '{json.dumps(click)}'

  Ask for the counts:
    curl {base_url}/ads
    curl {base_url}/ads/analytics
    curl '{base_url}/ads/{AD}/analytics?{range_query}'
    curl {base_url}/audit
    .venv/bin/adclicks audit --recount     (in the clone; it finds this stack where nothing else is set)

  Kafka {infra["KAFKA_ADDRESS"]}  ·  {postgres}  ·  Valkey {infra["REDIS_ADDR"]}
  Logs: {logs}
  Ctrl-C stops everything; the next start finds the data again.
"""


def environment_lines(environment: dict[str, str]) -> str:
    """To paste into a shell or a .env file."""
    return "".join(f"export {name}={shlex.quote(value)}\n" for name, value in sorted(environment.items()))


def _rfc3339(time: datetime) -> str:
    return time.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
