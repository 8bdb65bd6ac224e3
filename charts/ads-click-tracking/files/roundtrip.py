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


def ask(request: urllib.request.Request | str) -> dict:
    with urllib.request.urlopen(request, timeout=10) as answer:
        return json.load(answer)


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
deadline = time.monotonic() + GIVE_UP_SECONDS
count, last = 0, ""
while time.monotonic() < deadline:
    try:
        answer = ask(url)
        count, last = answer["data"]["totalclicks"], str(answer)
    except urllib.error.URLError as error:
        last = str(error)
    if count:
        break
    time.sleep(0.2)
print("GET /ads/{ad_id}/analytics:", last)
sys.exit(0 if count == 1 else f"the click was counted {count} times, not once")
