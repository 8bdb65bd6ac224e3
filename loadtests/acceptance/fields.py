"""Each field of a click by the grammar that ingest accepts: a text, and what it means. Pure; randomness comes in.

What a text means is worked out here from its parts, by no parser that ingest or the consumer use.
"""

import string
from datetime import date
from random import Random

from adclicks.click import NAME_LENGTH_MAX

MICROS = 1_000_000
_DAY_MICROS = 86_400 * MICROS
_EPOCH = date(1970, 1, 1).toordinal()
# 0001-01-02 and 9999-12-30 are the bounds of a timestamp; its local date may lie a day beyond them.
_FIRST_DAY, _LAST_DAY = date(1, 1, 4).toordinal(), date(9999, 12, 28).toordinal()
_WHOLE_NAMES = ("null", "NULL", "\\N", "\\.", '"', '""', "'", ",", "{}", "[]", " ", "\\", "\\\\", "\ufeff", "a,b", "%s")
# First and last code points: C0, DEL and C1 are not accepted, surrogates are no characters.
_CODE_POINTS = (
    (0x20, 0x7E),
    (0xA0, 0x24F),
    (0x300, 0x36F),
    (0x590, 0x6FF),
    (0x2000, 0x206F),
    (0x3040, 0x9FFF),
    (0xD7A0, 0xD7FF),
    (0xE000, 0xE0FF),
    (0xFDD0, 0xFDEF),
    (0xFFF0, 0xFFFF),
    (0x1F300, 0x1FAFF),
    (0x1FFF0, 0x1FFFF),
    (0x10FFF0, 0x10FFFF),
)
_SPECIAL = "\\\"',;/{}[]\u2028\u2029\u202e\ufffe\uffff\ufeff\u00a0 %$"
_PLAIN = string.ascii_letters + string.digits + " "
# Of each range its ends and some between, as often as all of the special ones.
_CHARACTERS = [
    chr(point) for low, high in _CODE_POINTS for point in {*range(low, high, max(1, (high - low) // 97)), high}
]
_CHARACTERS += _SPECIAL * (len(_CHARACTERS) // len(_SPECIAL) // 2)


def uuid(random: Random) -> tuple[str, str]:
    """An id in one of the spellings that are accepted, and in its usual one."""
    value = random.getrandbits(128) if random.random() < 0.98 else random.choice((0, 2**128 - 1, 1, 2**127))
    digits = f"{value:032x}"
    usual = f"{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:]}"
    return _in_any_case(random, usual if random.random() < 0.8 else digits), usual


def unique_uuid(random: Random, number: int) -> tuple[str, str]:
    """As ``uuid``, never the same for two numbers below 2**64."""
    digits = f"{random.getrandbits(64):016x}{number:016x}"
    usual = f"{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:]}"
    return _in_any_case(random, usual if random.random() < 0.8 else digits), usual


def name(random: Random) -> str:
    """1 to 200 characters, none of them a control character."""
    kind = random.random()
    if kind < 0.1:
        return random.choice(_WHOLE_NAMES)
    length = random.randint(1, 12) if kind < 0.97 else random.randint(1, NAME_LENGTH_MAX)
    return "".join(random.choices(_PLAIN if kind < 0.3 else _CHARACTERS, k=length))


def address(random: Random) -> tuple[str, bytes]:
    """An IP address in any spelling that is accepted, and its 4 or 16 bytes."""
    if random.random() < 0.5:
        packed = random.randbytes(4)
        return ".".join(map(str, packed)), packed
    groups = [random.choice((0, 0, 0, 1, 0xFFFF, random.getrandbits(16))) for _ in range(8)]
    if random.random() < 0.2:
        groups[:6] = [0, 0, 0, 0, 0, random.choice((0, 0xFFFF))]
    packed = b"".join(group.to_bytes(2, "big") for group in groups)
    return _in_any_case(random, _spelled(random, groups)), packed


def _spelled(random: Random, groups: list[int]) -> str:
    texts = [f"{group:0{random.choice((1, 1, 4))}x}" for group in groups]
    if random.random() < 0.2:
        texts[6:] = [".".join(str(byte) for group in groups[6:] for byte in group.to_bytes(2, "big"))]
    zeros = [index for index, text in enumerate(texts) if "." not in text and int(text, 16) == 0]
    if not zeros or random.random() < 0.3:
        return ":".join(texts)
    begin = end = random.choice(zeros)
    while end in zeros:
        end += 1
    return ":".join(texts[:begin]) + "::" + ":".join(texts[end:])


def instant(random: Random, latest: int) -> tuple[str, int]:
    """A timestamp with any offset, and the microseconds since 1970 that it means; not after ``latest``."""
    text, micros = _any_instant(random, latest)
    while micros > latest:
        text, micros = _any_instant(random, latest)
    return text, micros


def _any_instant(random: Random, latest: int) -> tuple[str, int]:
    newest_day = latest // _DAY_MICROS + _EPOCH
    spread = random.random()
    oldest_day = newest_day - 400 if spread < 0.9 else _FIRST_DAY
    day = random.randint(oldest_day, min(newest_day + 1, _LAST_DAY))
    second = random.choice((0, 86_399, random.randrange(86_400)))
    fraction, micros = _fraction(random)
    offset, offset_minutes = _offset(random)
    local = (day - _EPOCH) * 86_400 + second
    text = (
        f"{date.fromordinal(day).isoformat()}{random.choice('TTTt ')}"
        f"{second // 3600:02}:{second // 60 % 60:02}:{second % 60:02}{fraction}{offset}"
    )
    return text, (local - offset_minutes * 60) * MICROS + micros


def _fraction(random: Random) -> tuple[str, int]:
    if random.random() < 0.2:
        return "", 0
    digits = "".join(random.choices("0000123456789999", k=random.choice((1, 3, 3, 6, 6, 7, 9, 12))))
    # Beyond six digits it is rounded, a half upwards.
    return f".{digits}", int(digits[:6].ljust(6, "0")) + (digits[6:7] >= "5")


def _offset(random: Random) -> tuple[str, int]:
    if random.random() < 0.3:
        return random.choice(("Z", "Z", "z", "+00:00", "-00:00")), 0
    minutes = random.choice((random.randrange(24 * 60), random.randrange(24 * 60), 23 * 60 + 59, 16 * 60, 15 * 60 + 59))
    sign = random.choice((1, -1))
    colon = ":" if random.random() < 0.95 else ""
    return f"{'+' if sign > 0 else '-'}{minutes // 60:02}{colon}{minutes % 60:02}", sign * minutes


def _in_any_case(random: Random, text: str) -> str:
    kind = random.random()
    if kind < 0.8:
        return text
    return text.upper() if kind < 0.98 else "".join(random.choice((c.upper(), c.lower())) for c in text)
