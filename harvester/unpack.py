"""Unpacking what strangers packed: never more than we can hold, never out of proportion.

gzip packs zeros a thousand times smaller; what upstreams send is packed five to thirty times. A body that
unpacks to more than two hundred times its size is meant to fill our memory.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator

GZIP = b"\x1f\x8b\x08"
STEEPEST = 200
"""Bytes unpacked for each byte that came."""
ROOM = 16 * 1024 * 1024
"""Bytes below which proportion does not matter."""
AT_ONCE = 1024 * 1024
"""Bytes unpacked in one go, however well they were packed."""
SMALLEST_MEMBER = 512
"""Bytes a gzip member has on average, or there are more members than data."""
FIRST_MEMBERS = 1_000

_RAW, _ZLIB, _GZIP = -15, 15, 31


class Bomb(Exception):  # what it means is the caller's to say
    """Unpacked it would be larger than allowed, or than it can honestly be."""


class Steepness:
    """Watches how much came and how much it became."""

    def __init__(self, most: int | None = None) -> None:
        """Watch; `most` are the bytes that may come out, None for any number."""
        self.most, self.came, self.became, self.members = most, 0, 0, 0

    def check(self) -> None:
        """Say stop.

        Raises:
            Bomb: it is too much, or too steep, or too many members without content.
        """
        if self.most is not None and self.became > self.most:
            raise Bomb(f"unpacks to more than {self.most} bytes")
        if self.became > ROOM + STEEPEST * self.came:
            raise Bomb(f"unpacks to more than {STEEPEST} times its size")
        if self.members > FIRST_MEMBERS + self.came // SMALLEST_MEMBER:
            raise Bomb("consists of empty gzip members")


def inflated(packed: bytes, most: int, *, wbits: int = _GZIP) -> Iterator[bytes]:
    """Unpack piece by piece, gzip members one after the other.

    Raises:
        Bomb: it becomes too large.
        EOFError: it is cut.
        zlib.error: it is broken.
    """
    watch, unpacker, rest = Steepness(most), zlib.decompressobj(wbits=wbits), packed
    watch.came = len(packed)
    while True:
        piece = unpacker.decompress(rest, AT_ONCE)
        watch.became += len(piece)
        watch.check()
        if piece:
            yield piece
        rest = unpacker.unconsumed_tail
        if unpacker.eof:
            if not unpacker.unused_data.startswith(GZIP):
                return  # padding, which tape drives and some mirrors add
            watch.members += 1
            rest, unpacker = unpacker.unused_data, zlib.decompressobj(wbits=wbits)
        elif not piece and not rest:
            raise EOFError("cut in the middle")


def gunzip(packed: bytes, most: int) -> bytes:
    """Unpack gzip whole; raises as `inflated` does."""
    return b"".join(inflated(packed, most))


def decoded(body: bytes, encoding: str, most: int) -> bytes:
    """Take off the encoding in which a body came.

    What does not begin as gzip is taken as it is, whatever the header says: servers label plain bodies so.

    Raises:
        Bomb: it becomes too large.
        EOFError: it is cut.
        zlib.error: it is broken.
        LookupError: an encoding we did not offer.
    """
    for name in reversed([part.strip().lower() for part in encoding.split(",")]):
        if name in {"gzip", "x-gzip"}:
            body = gunzip(body, most) if body.startswith(GZIP) else body
        elif name == "deflate" and body:
            # RFC 9110 means zlib's wrapping; some servers send the bare stream.
            wbits = _ZLIB if body[0] & 0x0F == 8 and int.from_bytes(body[:2], "big") % 31 == 0 else _RAW
            body = b"".join(inflated(body, most, wbits=wbits))
        elif name not in {"", "identity", "deflate"}:
            raise LookupError(name)
    return body
