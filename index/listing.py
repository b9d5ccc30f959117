"""A facet to its end: every value, in a total order, page by page.

Values come most frequent first, then by value, as they stood at one revision; a cursor says after which of
them, so it means the same in every process and lasts as long as the store. Counting stops where a page ends
and goes on where the next begins.
"""

from __future__ import annotations

import threading
from bisect import bisect_right
from collections import OrderedDict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from index.entry import FACETS, UP_FIELDS, fold
from index.hierarchy import TOP, children, is_called
from index.query import BadQuery, token

Counted = tuple[str, int]

FOLDED = frozenset({"kind", "funder", "keyword", "affiliation", "creator"})
"""Fields whose tokens are folded names: the engine finds those that begin so. Others have few values."""

LISTS_KEPT = 8
"""Lists that are kept for the next page; one of 400,000 creators takes 60 MB."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which values of a facet."""

    field: str
    prefix: str = ""
    """Names that begin so; case does not matter."""
    parent: str | None = None
    """Of a hierarchy, what stands directly below this value; `TOP` for what has nothing above it."""
    size: int = 50
    cursor: str | None = None


@dataclass(slots=True)
class Listed:
    """Values that were counted so far."""

    rest: Iterator[Counted]
    counted: list[Counted] = field(default_factory=list)
    below: dict[str, int] = field(default_factory=dict)
    """By value, how many stand directly below it among the hits."""
    lock: threading.Lock = field(default_factory=threading.Lock)

    def after(self, place: Counted | None, size: int) -> list[Counted]:
        """Answer so many values after one of them, and one more if there is one."""
        with self.lock:
            start = 0
            if place is not None:
                while (not self.counted or _key(self.counted[-1]) <= _key(place)) and self._count_one():
                    pass
                start = bisect_right(self.counted, _key(place), key=_key)
            while len(self.counted) <= start + size and self._count_one():
                pass
            return self.counted[start : start + size + 1]

    def _count_one(self) -> bool:
        following = next(self.rest, None)
        if following is not None:
            self.counted.append(following)
        return following is not None


class Lists:
    """Lists that are read page by page."""

    def __init__(self) -> None:
        self._lists: OrderedDict[object, Listed] = OrderedDict()
        self._lock = threading.Lock()

    def of(self, name: object, make: Callable[[], Listed]) -> Listed:
        """Answer a list that was begun, or begin it."""
        with self._lock:
            known = self._lists.get(name)
            if known is None:
                known = self._lists[name] = make()
            self._lists.move_to_end(name)
            while len(self._lists) > LISTS_KEPT:
                self._lists.popitem(last=False)
            return known


def checked(wanted: Wanted) -> Wanted:
    """Refuse what cannot be listed, and write names as the index does.

    Raises:
        BadQuery: no such facet, or a parent where there is no hierarchy.
    """
    if wanted.field not in FACETS:
        raise BadQuery(f"no facet named {wanted.field!r}; there are {', '.join(FACETS)}")
    parent = wanted.parent
    if parent is not None and wanted.field not in UP_FIELDS:
        hint = f"there are {', '.join(UP_FIELDS)}"
        raise BadQuery(f"facet_parent is of a hierarchy, which {wanted.field} is not", hint=hint)
    parent = parent if parent in {None, TOP} else token(wanted.field, parent or "")
    return Wanted(wanted.field, fold(wanted.prefix), parent, wanted.size, wanted.cursor)


def listed(
    wanted: Wanted,
    values: Callable[[str], Iterator[Counted]],
    above: Callable[[], dict[str, int]],
    label: Callable[[str], str],
) -> Listed:
    """Begin a list.

    Args:
        wanted: which values.
        values: yields those that begin so, in order.
        above: counts every value of a hierarchy.
        label: says how a value is shown.
    """
    prefix = wanted.prefix
    if wanted.parent is not None:
        counts = above()
        below = children(wanted.field, counts)
        chosen = [value for value in below.get(wanted.parent, ()) if is_called(wanted.field, value, prefix)]
        ordered = sorted(((value, counts[value]) for value in chosen), key=_key)
        return Listed(iter(ordered), below={value: len(below.get(value, ())) for value in chosen})
    if wanted.field in FOLDED or not prefix:
        return Listed(values(prefix))
    if wanted.field in UP_FIELDS:
        return Listed(pair for pair in values("") if is_called(wanted.field, pair[0], prefix))
    return Listed(
        pair
        for pair in values("")
        if any(fold(name).startswith(prefix) for name in (pair[0], label(pair[0])))
    )


def _key(pair: Counted) -> tuple[int, str]:
    return -pair[1], pair[0]
