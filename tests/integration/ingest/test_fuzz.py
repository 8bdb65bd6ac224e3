"""10,000 malformed bodies: none is a 5xx, each is answered in the envelope, and the service still answers."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from random import Random

from testbed.clicks import EXAMPLE, encode, new_click
from testbed.http import JSON, client
from testbed.services import Service

BODIES = 10_000
CLIENTS = 4
# Bytes that mean something to JSON, to UTF-8, or to both.
SALT = (
    b'"',
    b"{",
    b"}",
    b"[",
    b"]",
    b",",
    b":",
    b"\\",
    b"\\u",
    b"\x00",
    b"\xff",
    b"\xc0\x80",
    b"\xed\xa0\x80",
    b"1e999",
    b"-0",
    b"NaN",
)
VALUES: tuple[object, ...] = (
    None,
    True,
    0,
    -1,
    1e308,
    2**70,
    "",
    "x",
    "\u0000",
    "\ud800",
    "9" * 300,
    [],
    {},
    [[]],
    {"a": 1},
)


def bodies(seed: int, count: int) -> Iterator[tuple[str, bytes]]:
    """``(path, body)``: a valid click or batch, damaged; the same for the same seed."""
    random = Random(seed)
    for _ in range(count):
        several = random.random() < 0.3
        click = {**EXAMPLE, random.choice(list(EXAMPLE)): random.choice(VALUES)}
        if random.random() < 0.3:
            del click[random.choice(list(click))]
        body = encode([click] * random.randrange(1, 4) if several else click)
        yield "/ads/clicks" if several else "/ads/click", _damaged(body, random)


def _damaged(body: bytes, random: Random) -> bytes:
    for _ in range(random.randrange(1, 4)):
        begin = random.randrange(len(body) + 1)
        end = min(len(body), begin + random.randrange(20))
        piece = random.choice((b"", random.choice(SALT), random.randbytes(random.randrange(8)), body[begin:end] * 3))
        body = body[:begin] + piece + body[end:]
    return body


def test_no_malformed_body_is_a_5xx(ingest: Service) -> None:
    """Whatever was done to a body: 202 where it still is a click, else 400, and the next good click is taken."""

    def send(seed: int) -> list[tuple[int, bytes]]:
        odd = []
        with client(ingest.url) as opened:
            for path, body in bodies(seed, BODIES // CLIENTS):
                answer = opened.post(path, body, JSON)
                if answer.status == 400:
                    assert answer.error["details"], body
                elif answer.status != 202:
                    odd.append((answer.status, body))
        return odd

    with ThreadPoolExecutor(CLIENTS) as threads:
        odd = [found for part in threads.map(send, range(CLIENTS)) for found in part]

    assert odd == []
    with client(ingest.url) as opened:
        assert opened.post("/ads/click", encode(new_click())).status == 202
    assert "Traceback" not in ingest.log_text()
