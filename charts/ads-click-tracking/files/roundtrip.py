"""Sends one click to ingest, twice, and reads it back from analytics: it must be counted once."""
# ruff: noqa: S310, T201 it asks the two URLs it is given, and its prints are the log of `helm test`

import json
import sys
import time
import urllib.error
import urllib.parse
import urllib.request
import uuid
from datetime import UTC, datetime, timedelta

ingest, analytics = sys.argv[1:]
GIVE_UP_SECONDS = 60
deadline = time.monotonic() + GIVE_UP_SECONDS


def ask(request: urllib.request.Request | str) -> dict:
    """Asked again while it is refused, as every client should: 503 means "not yet"."""
    while True:
        try:
            with urllib.request.urlopen(request, timeout=10) as answer:
                return json.load(answer)
        except urllib.error.URLError as error:
            status = getattr(error, "code", 503)
            if status != 503 or time.monotonic() > deadline:
                sys.exit(f"{error}: {error.read().decode() if status != 503 else 'still so after a minute'}")
        time.sleep(0.2)


ad, now = str(uuid.uuid4()), datetime.now(UTC)
click = {
    "clickId": str(uuid.uuid4()),
    "ad_id": ad,
    "name": "helm test",
    "ip": "127.0.0.1",
    "timestamp": now.isoformat(),
}
for _ in range(2):
    body, headers = json.dumps(click).encode(), {"Content-Type": "application/json"}
    print("POST /ads/click:", ask(urllib.request.Request(f"{ingest}/ads/click", body, headers)))
times = {"start": (now - timedelta(hours=1)).isoformat(), "end": (now + timedelta(hours=1)).isoformat()}
url = f"{analytics}/ads/{ad}/analytics?{urllib.parse.urlencode(times)}"
count = 0
while not count and time.monotonic() < deadline:
    answer = ask(url)
    count = answer["data"]["totalclicks"]
    time.sleep(0.2)
print("GET /ads/{ad_id}/analytics:", answer)
sys.exit(0 if count == 1 else f"the click was counted {count} times, not once")
