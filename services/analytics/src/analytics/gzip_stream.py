"""One gzip stream of parts that were compressed one by one, at different times. Pure.

Each part is raw DEFLATE that ends at a byte and refers to nothing before it, so parts can be joined in any order. The
stream's checksum is made of the parts' own, so that no part has to be unpacked for it.
"""

import zlib
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache

# Fast: a part is compressed again whenever one of its rows changes.
_LEVEL = 1
_RAW = -15
_POLYNOMIAL = 0xEDB88320
# Deflate, no name, no time, unknown system.
HEADER = b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\xff"
_LAST_BLOCK = zlib.compressobj(_LEVEL, zlib.DEFLATED, _RAW).flush(zlib.Z_FINISH)
TRAILER_BYTES = len(_LAST_BLOCK) + 8


@dataclass(frozen=True, slots=True)
class Part:
    """``packed`` unpacks to ``size`` bytes whose CRC-32 is ``crc``."""

    packed: bytes
    size: int
    crc: int


def pack(plain: bytes) -> Part:
    """Compresses a part."""
    compressor = zlib.compressobj(_LEVEL, zlib.DEFLATED, _RAW)
    packed = compressor.compress(plain) + compressor.flush(zlib.Z_FULL_FLUSH)
    return Part(packed, len(plain), zlib.crc32(plain))


def unpack(part: Part) -> bytes:
    """The bytes that it was made of."""
    return zlib.decompressobj(_RAW).decompress(part.packed)


def trailer(parts: Iterable[Part]) -> bytes:
    """What follows after all ``parts``."""
    crc, size = 0, 0
    for part in parts:
        crc = _times(_shift(part.size), crc) ^ part.crc
        size += part.size
    return _LAST_BLOCK + crc.to_bytes(4, "little") + (size % 2**32).to_bytes(4, "little")


@lru_cache(4096)
def _shift(size: int) -> int:
    """The factor that moves a CRC before ``size`` more bytes: x^(8 size) modulo the polynomial."""
    factor, square, left = 1 << 31, 1 << 23, size
    while left:
        if left & 1:
            factor = _times(square, factor)
        square = _times(square, square)
        left >>= 1
    return factor


def _times(left: int, right: int) -> int:
    """The product of two polynomials over GF(2), modulo CRC-32's; bit 31 is the constant term."""
    product = 0
    for bit in range(31, -1, -1):
        if left >> bit & 1:
            product ^= right
        right = right >> 1 ^ (_POLYNOMIAL if right & 1 else 0)
    return product
