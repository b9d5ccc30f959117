"""The nearest spelling among the words the index holds.

No dictionary is kept: the engine's automaton finds records with a word so near, their own words are looked
at, and the index says how many records have each. A word is believed wrong only beside one that is far more
frequent, and two letters off only if it is long: "mouse" is not a misspelled "moose".
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from index.engines.help import Help
from index.entry import entry_of
from index.store import Store

LOOKED_AT = 40
"""Records whose words are looked at; frequent words come first in any of them."""
KNOWN, FAR_MORE = 3, 10
"""A word in more records than KNOWN is right; a better one is in FAR_MORE times as many."""
LONG = 6
"""Letters from which on two may be wrong."""


@dataclass(frozen=True, slots=True)
class Spelling:
    """A search as it may have been meant."""

    words: str
    total: int
    """Records it finds."""
    changed: Mapping[str, str]


def nearest(help_: Help, store: Store, typed: str) -> str | None:
    """Answer the word of the index that somebody meant; None for a word that is known or like no other."""
    cut = help_.words(typed)
    if len(cut) != 1 or help_.frequency(cut[0]) > KNOWN:
        return None
    (word,) = cut
    own = help_.frequency(word)
    for distance in (1, 2) if len(word) >= LONG else (1,):
        candidates = {near: help_.frequency(near) for near in _near(help_, store, word, distance)}
        better = {near: count for near, count in candidates.items() if count > own * FAR_MORE}
        if better:
            return max(better, key=lambda near: (better[near], near))
    return None


def _near(help_: Help, store: Store, word: str, distance: int) -> Iterator[str]:
    seen = {word}
    for kept in store.fetch(help_.spelled(word, distance, LOOKED_AT)).values():
        names = entry_of(kept.rid, kept.revision, None, kept.stored)["names"]
        for near in dict.fromkeys(each for name in names for each in help_.words(name)):
            if near not in seen and apart(word, near, distance) <= distance:
                seen.add(near)
                yield near


def apart(one: str, other: str, most: int) -> int:
    """Count the letters to add, drop, change or swap with their neighbor; anything above `most` is alike."""
    if abs(len(one) - len(other)) > most:
        return most + 1
    before: list[int] = []
    row = list(range(len(other) + 1))
    for i, letter in enumerate(one, 1):
        earlier, before, row = before, row, [i]
        for j, wanted in enumerate(other, 1):
            cost = min(before[j] + 1, row[j - 1] + 1, before[j - 1] + (letter != wanted))
            if i > 1 and j > 1 and letter == other[j - 2] and one[i - 2] == wanted:
                cost = min(cost, earlier[j - 2] + 1)
            row.append(cost)
        if min(row) > most:
            return most + 1
    return row[-1]
