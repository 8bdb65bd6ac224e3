"""Clicks as real clients send them, recorded from the wire: each takes the fast lane, and its offers change nothing."""

import pytest

from adclicks.errors import Problem
from ingest.door import Door
from ingest.fast_lane import INCOMPLETE, FastLane

# The fields of each head.
FIELDS = {
    "curl 7.88": (
        "Host: x:8080",
        "User-Agent: curl/7.88.1",
        "Accept: */*",
        "Content-Type: application/json",
        "Content-Length: 2",
    ),
    "curl --http2": (
        "Host: x:8080",
        "User-Agent: curl/7.88.1",
        "Accept: */*",
        "Connection: Upgrade, HTTP2-Settings",
        "Upgrade: h2c",
        "HTTP2-Settings: AAMAAABkAAQCAAAAAAIAAAAA",
        "Content-Type: application/json",
        "Content-Length: 2",
    ),
    "Java HttpClient 17": (
        "Connection: Upgrade, HTTP2-Settings",
        "Content-Length: 2",
        "Host: x:8080",
        "HTTP2-Settings: AAEAAEAAAAIAAAAAAAMAAAAAAAQBAAAAAAUAAEAAAAYABgAA",
        "Upgrade: h2c",
        "User-Agent: Java-http-client/17.0.15",
        "Content-Type: application/json",
    ),
    "Java HttpURLConnection 17": (
        "Content-Type: application/json",
        "User-Agent: Java/17.0.15",
        "Host: x:8080",
        "Accept: text/html, image/gif, image/jpeg, */*; q=0.2",
        "Connection: keep-alive",
        "Content-Length: 2",
    ),
    "Go 1.2x net/http": (
        "Host: x:8080",
        "User-Agent: Go-http-client/1.1",
        "Content-Length: 2",
        "Content-Type: application/json",
        "Accept-Encoding: gzip",
    ),
    "Node's fetch (undici)": (
        "host: x:8080",
        "connection: keep-alive",
        "Content-Type: application/json",
        "accept: */*",
        "accept-language: *",
        "sec-fetch-mode: cors",
        "user-agent: node",
        "accept-encoding: gzip, deflate",
        "content-length: 2",
    ),
    "Python http.client": (
        "Host: x:8080",
        "Accept-Encoding: identity",
        "Content-Length: 2",
        "Content-Type: application/json",
    ),
    "python-requests 2.34": (
        "Host: x:8080",
        "User-Agent: python-requests/2.34.2",
        "Accept-Encoding: gzip, deflate",
        "Accept: */*",
        "Connection: keep-alive",
        "Content-Length: 2",
        "Content-Type: application/json",
    ),
    "httpx 0.28": (
        "Host: x:8080",
        "Accept: */*",
        "Accept-Encoding: gzip, deflate",
        "Connection: keep-alive",
        "User-Agent: python-httpx/0.28.1",
        "Content-Length: 2",
        "Content-Type: application/json",
    ),
    "aiohttp 3.14": (
        "Host: x:8080",
        "Accept: */*",
        "Accept-Encoding: gzip, deflate",
        "User-Agent: Python/3.11 aiohttp/3.14.5",
        "Content-Length: 2",
        "Content-Type: application/json",
    ),
    # Not recorded: composed from what the browsers document.
    "Chrome": (
        "Host: x:8080",
        "Connection: keep-alive",
        "Content-Length: 2",
        'sec-ch-ua-platform: "Linux"',
        "User-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 "
        "Safari/537.36",
        'sec-ch-ua: "Chromium";v="140", "Not=A?Brand";v="24"',
        "Content-Type: application/json",
        "sec-ch-ua-mobile: ?0",
        "Accept: */*",
        "Origin: http://x:8080",
        "Sec-Fetch-Site: same-origin",
        "Sec-Fetch-Mode: cors",
        "Sec-Fetch-Dest: empty",
        "Referer: http://x:8080/",
        "Accept-Encoding: gzip, deflate, br, zstd",
        "Accept-Language: en-US,en;q=0.9",
    ),
    "Firefox": (
        "Host: x:8080",
        "User-Agent: Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0",
        "Accept: */*",
        "Accept-Language: en-US,en;q=0.5",
        "Accept-Encoding: gzip, deflate, br, zstd",
        "Referer: http://x:8080/",
        "Content-Type: application/json",
        "Content-Length: 2",
        "Origin: http://x:8080",
        "Connection: keep-alive",
        "Sec-Fetch-Dest: empty",
        "Sec-Fetch-Mode: cors",
        "Sec-Fetch-Site: same-origin",
        "Priority: u=4",
    ),
}
# Those that send the body in a segment of its own.
BODY_APART = {"Java HttpClient 17", "Chrome", "Firefox", "python-requests 2.34", "Java HttpURLConnection 17"}


class Refusing(Door):
    """Says no to each click, so that the answer is at hand at once."""

    def __init__(self) -> None:
        self.bodies: list[bytes] = []

    def take(self, body: bytes, peer: str, done: object) -> None:
        """Remembers it."""
        self.bodies.append(body)
        raise Problem(400, "BAD_REQUEST", f"from {peer}")


class Unmeasured:
    """Stands for the metrics."""

    def observe(self, *_observation: object) -> None:
        """Nothing."""


@pytest.mark.parametrize("client", FIELDS)
def test_a_real_client_takes_the_fast_lane(client: str) -> None:
    """However many segments it sends; its body is what it was."""
    head = "\r\n".join(["POST /ads/click HTTP/1.1", *FIELDS[client], "", ""]).encode()
    segments = [head, b"{}"] if client in BODY_APART else [head + b"{}"]
    door = Refusing()
    answered: list[object] = []
    lane = FastLane(door, (), Unmeasured())  # type: ignore[arg-type]  # of the metrics one method is used

    data = segments[0]
    for segment in segments[1:]:
        assert lane.take(data, "192.0.2.1", lambda *answer: answered.append(answer)) == INCOMPLETE
        data += segment
    assert lane.take(data, "192.0.2.1", lambda *answer: answered.append(answer)) == len(data)
    assert (door.bodies, len(answered)) == ([b"{}"], 1)
