"""The grouped documents of a state of the index, each with a bit, so that groups are counted by arithmetic.

Bits of a group stand side by side under one guard bit that no document has. Adding the highest number the
bits of a group can hold, all ones, carries into the guard exactly where a document of the group is set; the
guards set are the groups. A candidate set is a number of some 200,000 bits, one value of a facet another, and
what has both is one AND.

The table of the next state is grown from the one before: groups that changed are placed anew at its end, and
the bits where they stood are nobody's. So a mask that is kept for a value lacks no more than those groups.
"""

from __future__ import annotations

import threading
from array import array
from bisect import bisect_left, bisect_right
from collections import OrderedDict
from collections.abc import Callable, Collection, Iterable, Sequence
from itertools import groupby
from typing import TypeAlias

MASKS = 512
"""Masks of facet values that a table keeps; one of 150,000 grouped documents takes 25 kB."""

NO_BIT = -1 << 31
"""Where no version that is grouped began: whoever looks there anyway meets an IndexError."""

SPARSE = 32
"""An array of four bytes for so many revisions takes as much memory as a dict takes for one."""

TABLES = 4
"""Tables kept: two kinds of groups, of the newest state and of the one before it."""

FEW = 5_000
"""Bits of a number that are set in bytes."""

WORN = 10_000
"""Bits of nobody, besides as many as there are documents, that are too few to make a table anew for."""

Group: TypeAlias = tuple[int, int]
"""The number of a group and the first revision of a version in it."""

Name: TypeAlias = tuple[str, str]
"""A field and a value."""

Sums: TypeAlias = tuple[int, int, int]
"""How many documents are grouped, the sum of their first revisions, and that of their groups' numbers."""


class Table:
    """The grouped documents of one state, each with its bit."""

    def __init__(self, members: Iterable[Group] = ()) -> None:
        ordered = sorted(members)
        self._bits = _by_revision([revision for _, revision in ordered])
        self._blocks: dict[int, int] = {}  # by the number of a group, its place in the next three
        self._starts, self._numbers, self._revisions = array("q"), array("q"), array("q")
        self._width = self._guard = self._ones = 0
        self._masks: OrderedDict[Name, tuple[int, int]] = OrderedDict()  # with the width they were made for
        self._lock = threading.Lock()
        self._place(ordered)

    def grown(self, numbers: Collection[int], members: Iterable[Group]) -> Table:
        """Answer a table in which these groups have these members, and all others what they had."""
        new = Table()
        new._bits = self._bits[:] if isinstance(self._bits, array) else dict(self._bits)
        new._blocks = dict(self._blocks)
        new._starts, new._numbers, new._revisions = self._starts[:], self._numbers[:], self._revisions[:]
        new._width, new._guard, new._ones = self._width, self._guard, self._ones
        with self._lock:
            new._masks = self._masks.copy()
        new._drop(numbers)
        new._place(sorted(members))
        return new

    def __len__(self) -> int:
        return self._ones.bit_count()

    def __contains__(self, number: object) -> bool:
        """Whether there is a group with a number; whoever has another stands alone."""
        return number in self._blocks

    @property
    def sums(self) -> Sums:
        """Tell these documents from any others that the same index may hold later."""
        blocks = self._blocks.items()
        numbers = sum(number * (self._end(block) - self._starts[block] - 1) for number, block in blocks)
        return len(self), sum(self._revisions[block] for _, block in blocks), numbers

    @property
    def is_worn(self) -> bool:
        """Whether so many groups were placed anew that a new table is smaller."""
        return self._width > 2 * (len(self) + len(self._blocks)) + WORN

    def mask(self, revisions: Iterable[int]) -> int:
        """Answer the number in which the versions that began at these revisions are set."""
        bits = self._bits
        return self._number([bits[revision] for revision in revisions])

    def others(self, mask: int) -> int:
        """Answer the mask of all that are not set."""
        return self._ones ^ mask

    def groups(self, mask: int) -> int:
        """Count the groups of which a version is set."""
        return ((mask + self._ones) & self._guard).bit_count()

    def surplus(self, mask: int) -> int:
        """Count the versions that are not the first of their group."""
        return mask.bit_count() - self.groups(mask)

    def numbers(self, revisions: Iterable[int]) -> set[int]:
        """Answer the numbers of the groups in which these versions are here; some may be in none."""
        bits = (self._bit(revision) for revision in revisions)
        return {self._numbers[bisect_right(self._starts, bit) - 1] for bit in bits if bit is not None}

    def kept(self, name: Name, make: Callable[[Collection[int] | None], int]) -> int:
        """Answer a mask that is kept, or make it.

        Args:
            name: what it is of.
            make: makes it; given numbers of groups, of these only.
        """
        with self._lock:
            known = self._masks.get(name)
        if known is None:
            mask = make(None)
        elif known[1] == self._width:
            return known[0]
        else:
            anew = self._placed_since(known[1])
            mask = known[0] | make(anew) if anew else known[0]
        with self._lock:
            self._masks[name] = mask, self._width
            while len(self._masks) > MASKS:
                self._masks.popitem(last=False)
        return mask

    # ---- bits --------------------------------------------------------------------------------

    def _place(self, members: Sequence[Group]) -> None:
        if members and isinstance(self._bits, array):
            last = max(revision for _, revision in members)
            self._bits.extend(array("i", [NO_BIT]) * (last + 1 - len(self._bits)))
        begin = at = self._width
        guards: list[int] = []
        for number, group in groupby(members, key=lambda member: member[0]):
            revisions = [revision for _, revision in group]
            self._blocks[number] = len(self._starts)
            self._starts.append(at)
            self._numbers.append(number)
            self._revisions.append(sum(revisions))
            for revision in revisions:
                self._bits[revision] = at
                at += 1
            guards.append(at)
            at += 1
        self._width = at
        guard = self._number(guards)
        self._guard |= guard
        self._ones |= ((1 << at) - (1 << begin)) ^ guard

    def _drop(self, numbers: Iterable[int]) -> None:
        blocks = [self._blocks.pop(number) for number in numbers if number in self._blocks]
        nobodys = self._number(
            [bit for block in blocks for bit in range(self._starts[block], self._end(block))]
        )
        self._guard &= ~nobodys
        self._ones &= ~nobodys

    def _end(self, block: int) -> int:
        return self._starts[block + 1] if block + 1 < len(self._starts) else self._width

    def _bit(self, revision: int) -> int | None:
        if isinstance(self._bits, dict):
            return self._bits.get(revision)
        bit = self._bits[revision] if revision < len(self._bits) else NO_BIT
        return None if bit == NO_BIT else bit

    def _placed_since(self, width: int) -> list[int]:
        first = bisect_left(self._starts, width)
        placed = enumerate(self._numbers[first:], first)
        return [number for block, number in placed if self._blocks.get(number) == block]

    def _number(self, places: Sequence[int]) -> int:
        # Setting bits of the number itself would copy it for each. Few are set in bytes, in a tenth of the
        # time of a text of binary digits; of many each takes twice as long so.
        if len(places) < FEW:
            octets = bytearray(self._width // 8 + 1)
            for place in places:
                octets[place >> 3] |= 1 << (place & 7)
            return int.from_bytes(octets, "little")
        digits, last = bytearray(b"0") * (self._width + 1), self._width
        for place in places:
            digits[last - place] = 49
        return int(digits, 2)


def _by_revision(revisions: Sequence[int]) -> dict[int, int] | array[int]:
    """Answer what keeps the bit of each revision: an array where it is not much larger than a dict.

    Looking 25,000 of them up, in the order of the index, takes an array half the time.
    """
    return array("i") if max(revisions, default=0) < SPARSE * len(revisions) else {}


class Tables:
    """The tables of an index's newest states; each is made when it is first needed."""

    def __init__(self) -> None:
        self._tables: OrderedDict[tuple[str, str], tuple[int, Table]] = OrderedDict()
        self._lock = threading.Lock()

    def of(
        self, state: str, kind: str, revision: int, make: Callable[[tuple[int, Table] | None], Table]
    ) -> Table:
        """Answer a table; who asks for one that is being made waits for it.

        Args:
            state: the state of the index.
            kind: of groups.
            revision: the revision that the state holds.
            make: makes the table, given one of an earlier state, if there is any, and its revision.
        """
        with self._lock:
            known = self._tables.get((state, kind))
            if known is None:
                earlier = (
                    held for (_, of), held in self._tables.items() if of == kind and held[0] <= revision
                )
                known = revision, make(max(earlier, key=lambda held: held[0], default=None))
            self._tables[state, kind] = known
            self._tables.move_to_end((state, kind))
            while len(self._tables) > TABLES:
                self._tables.popitem(last=False)
            return known[1]
