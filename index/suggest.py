"""Suggestions as somebody types: values one can ask for, titles, and words, each with how often it is there.

Three places are asked, cheapest first. The most frequent values of each field stand in memory, by every word
they begin with; that serves short beginnings, which millions of values share. What is rarer is looked up
in the index: values and titles of the few records that hold all words. Last come single words.
Counts are those a search gives; nothing here depends on case, accents or punctuation.
"""

from __future__ import annotations

import heapq
import threading
import time
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

from index.engines import Snapshot
from index.engines.help import Help
from index.entry import VOCABULARIES

Kind: TypeAlias = Literal["organism", "method", "term", "creator", "title", "word"]

KINDS: Mapping[str, Kind] = {
    "organism": "organism", "imaging_method": "method", "keyword": "term", "creator": "creator",
}  # fmt: skip
"""Fields whose values are suggested, and how they are called."""

POPULAR = 10_000
"""Values of each field kept in memory; some ten megabytes in all."""
RARE = 50
"""Values of each field looked at, of the few records that hold what was typed."""
LONGEST = 200
"""Characters: nobody types more while suggestions are looked at."""
WORTH = 50
"""Popular values are read again when what was read is so many times older than reading took: 2% of a core."""


@dataclass(frozen=True, slots=True)
class Suggestion:
    """Something to ask for."""

    kind: Kind
    text: str
    count: int
    """Records a search with `asks` finds."""
    asks: Mapping[str, str]
    """Parameters of that search."""
    record: str | None = None
    """Of a title: the id of the record."""


@dataclass(frozen=True, slots=True)
class _Value:
    field: str
    token: str
    records: int


class Popular:
    """The most frequent values, found by the beginning of any of their words."""

    def __init__(self, help_: Help) -> None:
        pairs: list[tuple[str, _Value]] = []
        for field, values in help_.popular(tuple(KINDS), POPULAR).items():
            for token, records in values:
                value = _Value(field, token, records)
                pairs += [(start, value) for start in _starts(help_, names_of(field, token))]
        pairs.sort(key=lambda pair: pair[0])
        self._starts = [start for start, _ in pairs]
        self._values = [value for _, value in pairs]

    def beginning(self, typed: str, size: int) -> list[_Value]:
        """List values with words that begin so; whole ones first, then the frequent."""
        low = bisect_left(self._starts, typed)
        high = bisect_left(self._starts, typed + "\U0010ffff")
        found: dict[_Value, bool] = {}
        for place in range(low, high):
            value = self._values[place]
            found[value] = found.get(value, False) or self._starts[place] == typed
        # A creator's name is one of a hundred thousand; of equals the one with more records is meant.
        return heapq.nlargest(size, found, key=lambda value: (found[value], value.records, value.token))


class Suggester:
    """Suggests from the newest snapshot it is given; to be asked from many threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._popular: Popular | None = None
        self._state, self._read_at, self._took = -1, 0.0, 0.0
        self._is_reading = False

    def suggest(self, snapshot: Snapshot, typed: str, size: int) -> list[tuple[str, str]]:
        """List fields and tokens of values that what was typed may mean, most likely first."""
        help_ = snapshot.help
        words = help_.words(typed[:LONGEST])
        if not words:
            return []
        found = {(v.field, v.token): None for v in self._known(snapshot).beginning(" ".join(words), size * 2)}
        if len(found) < size:
            found |= dict.fromkeys(self._rare(help_, words, size))
        return list(_mixed(list(found), size))

    def _rare(self, help_: Help, words: Sequence[str], size: int) -> Iterator[tuple[str, str]]:
        """Yield values of the few records that hold all words, whatever their order."""
        for field, tokens in help_.among(words, tuple(KINDS), RARE).items():
            yield from ((field, token) for token in tokens if _holds(help_, names_of(field, token), words))

    def _known(self, snapshot: Snapshot) -> Popular:
        """Answer the popular values; what was read is used on while newer is read beside us."""
        popular = self._popular
        if popular is None:
            with self._lock:
                return self._popular or self._read(snapshot)
        is_old = time.monotonic() - self._read_at > WORTH * self._took
        if snapshot.revision != self._state and is_old and not self._is_reading:
            self._is_reading = True
            threading.Thread(target=self._read, args=(snapshot,), name="popular", daemon=True).start()
        return popular

    def _read(self, snapshot: Snapshot) -> Popular:
        began = time.monotonic()
        try:
            popular = Popular(snapshot.help)
            self._popular, self._state = popular, snapshot.revision
            self._read_at, self._took = time.monotonic(), time.monotonic() - began
        finally:
            self._is_reading = False
        return popular


def names_of(field: str, token: str) -> list[str]:
    """List what people may call a value: of a vocabulary's term, every name."""
    vocabulary = VOCABULARIES.get(field)
    return (vocabulary.synonyms(token) if vocabulary else []) or [token]


def _starts(help_: Help, names: Iterable[str]) -> set[str]:
    """Answer names from each of their words on."""
    cut = [help_.words(name) for name in names]
    # Not from initials: whoever types "m" wants mice rather than everybody called M.
    return {
        " ".join(words[at:])
        for words in cut
        for at in range(min(len(words), 8))
        if at == 0 or len(words[at]) > 1
    }


def _holds(help_: Help, names: Iterable[str], words: Sequence[str]) -> bool:
    *whole, last = words
    for name in names:
        has = help_.words(name)
        if set(whole) <= set(has) and any(word.startswith(last) for word in has):
            return True
    return False


def _mixed(values: Sequence[tuple[str, str]], size: int) -> Iterator[tuple[str, str]]:
    """Yield the first values, but let no field have more than half while others wait."""
    room, later = size, []
    taken = dict.fromkeys(KINDS, 0)
    for field, token in values:
        if taken[field] * 2 >= size:
            later.append((field, token))
            continue
        taken[field] += 1
        room -= 1
        yield field, token
        if not room:
            return
    yield from later[:room]
