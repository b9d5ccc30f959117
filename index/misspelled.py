"""The nearest spelling among the words the index holds.

No dictionary is kept: the engine's automaton finds records with a word so near, their own words are looked
at, and the index says how many records have each. A word is believed wrong only beside one that is far more
frequent, and two letters off only if it is long: "mouse" is not a misspelled "moose".
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace

from index.engines.help import Help
from index.entry import entry_of
from index.query import BadQuery, Both, Either, Query, Words, parse, unparse
from index.store import Store

LOOKED_AT = 40
"""Records whose words are looked at; frequent words come first in any of them."""
KNOWN, FAR_MORE = 3, 10
"""A word in more records than KNOWN is right; a better one is in FAR_MORE times as many."""
LONG = 6
"""Letters from which on two may be wrong."""
_WORD = re.compile(r"[^\W\d_]{3,}")


@dataclass(frozen=True, slots=True)
class Respelled:
    """Words with some spelled otherwise."""

    words: str
    changed: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Spelling:
    """A search as it may have been meant."""

    words: str
    total: int
    """Records it finds."""
    changed: Mapping[str, str]


def respelled(words: str, better: Callable[[str], str | None]) -> Respelled | None:
    """Spell the words of a search better; None where all are right.

    Only what is searched as words is looked at: not identifiers, names of fields, whole values, exclusions,
    nor words that are asked for by their beginning or nearly. What was typed is kept but for these words,
    unless it would then mean something else.
    """
    query = parse(words)
    found = {word: new for word in dict.fromkeys(_spelled(query)) if (new := better(word)) is not None}
    if not found:
        return None
    meant, typed = _mended(query, found), _put(words, found)
    return Respelled(typed if _is_read_as(typed, meant) else unparse(meant), found)


def _spelled(query: Query) -> Iterator[str]:
    match query:
        case Words(prefix=False, fuzzy=0):
            yield from _WORD.findall(query.text)
        case Both(parts) | Either(parts):
            for part in parts:
                yield from _spelled(part)
        case _:
            return


def _mended(query: Query, better: Mapping[str, str]) -> Query:
    match query:
        case Words(prefix=False, fuzzy=0):
            return replace(query, text=_put(query.text, better))
        case Both(parts) | Either(parts):
            return replace(query, parts=tuple(_mended(part, better) for part in parts))
        case _:
            return query


def _put(text: str, better: Mapping[str, str]) -> str:
    for word, new in better.items():
        text = re.sub(rf"(?<![^\W_]){re.escape(word)}(?![^\W_])", new, text)
    return text


def _is_read_as(words: str, query: Query) -> bool:
    try:
        return parse(words) == query
    except BadQuery:  # as when a word is the name of a field as well
        return False


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
