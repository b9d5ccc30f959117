"""Lines in sorted order, however many: what is too much for memory waits in temporary files."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from heapq import merge
from types import TracebackType
from typing import IO

HELD = 200_000
"""Lines in memory, some 25 MB; a result of six million goes to disk in thirty sorted parts."""


class SortedLines:
    """Lines, to be read again in the order of their bytes, as `LC_ALL=C sort` has them.

    A context manager; what went to disk is removed at its end.
    """

    def __init__(self, held: int = HELD) -> None:
        self._most, self._held = held, list[bytes]()
        self._parts: list[IO[bytes]] = []
        self._open = ExitStack()

    def __enter__(self) -> SortedLines:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._open.close()

    def add(self, lines: Iterable[bytes]) -> None:
        """Take lines; each must end with its only line feed."""
        self._held.extend(lines)
        if len(self._held) >= self._most:
            self._held.sort()
            part = tempfile.TemporaryFile(prefix="headwater-lines-")  # noqa: SIM115  # closed at our end
            self._open.callback(part.close)
            part.writelines(self._held)
            self._parts.append(part)
            self._held = []

    def __iter__(self) -> Iterator[bytes]:
        """Read all lines, sorted; one reader at a time."""
        self._held.sort()
        for part in self._parts:
            part.seek(0)
        return merge(*self._parts, self._held)
