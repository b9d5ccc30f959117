"""A gzipped tar read while it arrives: no seeking, no disk, and no more memory than one member takes."""

from __future__ import annotations

import tarfile
import zlib
from collections.abc import Iterator

from harvester.errors import BrokenOff

_BLOCK = tarfile.BLOCKSIZE
_AT_ONCE = 1024 * 1024
"""Bytes unpacked in one go, however well they were packed."""


class TarGz:
    """Feed it the pieces of a download; it answers the members that are whole.

    A member larger than `largest` is passed over and named in `oversized`.
    """

    def __init__(self, largest: int, *, where: str) -> None:
        self.largest, self.where = largest, where
        self.oversized: list[str] = []
        self._gzip = zlib.decompressobj(wbits=31)
        self._buffer = bytearray()
        self._member: tarfile.TarInfo | None = None
        self._to_drop = 0
        self._ended = False

    def feed(self, piece: bytes) -> Iterator[tuple[str, bytes]]:
        """Take a piece of the download.

        Raises:
            BrokenOff: this is no gzip, or no tar.
        """
        while piece and not self._ended:
            try:
                self._buffer += self._gzip.decompress(piece, _AT_ONCE)
            except zlib.error as error:
                raise BrokenOff(f"broken gzip ({error})", url=self.where) from error
            piece = self._gzip.unconsumed_tail
            if self._gzip.eof and self._gzip.unused_data:
                piece, self._gzip = self._gzip.unused_data, zlib.decompressobj(wbits=31)
            yield from self._members()

    def close(self) -> None:
        """End.

        Raises:
            BrokenOff: the archive ended in the middle.
        """
        if not self._ended:
            raise BrokenOff("an archive ended early", url=self.where)

    def _members(self) -> Iterator[tuple[str, bytes]]:
        buffer = self._buffer
        while not self._ended:
            if self._to_drop:
                dropped = min(self._to_drop, len(buffer))
                del buffer[:dropped]
                self._to_drop -= dropped
            if self._to_drop or (self._member is None and len(buffer) < _BLOCK):
                return
            if self._member is None:
                self._begin(bytes(buffer[:_BLOCK]))
                del buffer[:_BLOCK]
            elif len(buffer) < self._member.size:
                return
            else:
                member, self._member = self._member, None
                yield member.name, bytes(buffer[: member.size])
                self._to_drop = _padded(member.size)

    def _begin(self, header: bytes) -> None:
        try:
            member = tarfile.TarInfo.frombuf(header, "utf-8", "replace")
        except tarfile.EOFHeaderError:  # type: ignore[attr-defined]  # typeshed leaves it out
            self._ended = True
            return
        except tarfile.HeaderError as error:
            raise BrokenOff(f"broken tar ({error})", url=self.where) from error
        if member.isfile() and member.size <= self.largest:
            self._member = member
            return
        if member.isfile():
            self.oversized.append(member.name)
        self._to_drop = _padded(member.size)


def _padded(size: int) -> int:
    return -(-size // _BLOCK) * _BLOCK
