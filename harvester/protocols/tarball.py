"""A gzipped tar read while it arrives: no seeking, no disk, and no more memory than one member takes.

Only plain files with plain paths come out. Links, devices, sparse files and paths that lead out of the
archive are passed over and named: whoever reads a member by its name must not be handed another file.
"""

from __future__ import annotations

import tarfile
import zlib
from collections.abc import Iterator

from harvester.errors import BrokenOff, Changed
from harvester.unpack import AT_ONCE, Bomb, Steepness

_BLOCK = tarfile.BLOCKSIZE
_PLAIN = {tarfile.REGTYPE, tarfile.AREGTYPE, tarfile.CONTTYPE}
_WITHOUT_DATA = {
    tarfile.LNKTYPE, tarfile.SYMTYPE, tarfile.CHRTYPE, tarfile.BLKTYPE, tarfile.DIRTYPE, tarfile.FIFOTYPE,
}  # fmt: skip
"""Nothing follows these, whatever size they claim."""
_HEADERS = {
    tarfile.DIRTYPE, tarfile.XHDTYPE, tarfile.XGLTYPE, tarfile.SOLARIS_XHDTYPE,
    tarfile.GNUTYPE_LONGNAME, tarfile.GNUTYPE_LONGLINK,
}  # fmt: skip
"""These say something of others and hold no document."""
_NAMED = 100
"""Refused members to name; an archive may hold millions."""


class TarGz:
    """Feed it the pieces of a download; it answers the members that are whole.

    A member larger than `largest` is passed over and named in `oversized`, no plain file in `refused`.
    """

    def __init__(self, largest: int, *, where: str) -> None:
        self.largest, self.where = largest, where
        self.oversized: list[str] = []
        self.refused: list[str] = []
        self._watch = Steepness()
        self._gzip = zlib.decompressobj(wbits=31)
        self._buffer = bytearray()
        self._member: tarfile.TarInfo | None = None
        self._to_drop = 0
        self._ended = False

    def feed(self, piece: bytes) -> Iterator[tuple[str, bytes]]:
        """Take a piece of the download.

        Raises:
            BrokenOff: this is no gzip, or no tar.
            Changed: it unpacks to more than any honest archive.
        """
        self._watch.came += len(piece)
        while piece and not self._ended:
            try:
                unpacked = self._gzip.decompress(piece, AT_ONCE)
            except zlib.error as error:
                raise BrokenOff(f"broken gzip ({error})", url=self.where) from error
            self._take(unpacked)
            piece = self._gzip.unconsumed_tail
            if self._gzip.eof and self._gzip.unused_data:
                piece, self._gzip = self._gzip.unused_data, zlib.decompressobj(wbits=31)
                self._watch.members += 1
            yield from self._members()

    def _take(self, unpacked: bytes) -> None:
        self._watch.became += len(unpacked)
        try:
            self._watch.check()
        except Bomb as error:
            raise Changed(f"the archive {error}", url=self.where) from error
        self._buffer += unpacked

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
        if member.size < 0:
            raise BrokenOff("broken tar (a member of negative size)", url=self.where)
        is_plain = member.type in _PLAIN and _stays_inside(member.name)
        if is_plain and member.size <= self.largest:
            self._member = member
            return
        if is_plain:
            self.oversized.append(member.name)
        elif member.type not in _HEADERS and len(self.refused) < _NAMED:
            self.refused.append(member.name)
        self._to_drop = 0 if member.type in _WITHOUT_DATA else _padded(member.size)


def _stays_inside(name: str) -> bool:
    return not name.startswith(("/", "\\")) and ".." not in name.replace("\\", "/").split("/")


def _padded(size: int) -> int:
    return -(-size // _BLOCK) * _BLOCK
