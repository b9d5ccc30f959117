"""What a query is made of, for every engine and every reader; and what is wrong with one that is none."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import TypeAlias

FUZZIEST = 2
"""Letters that may differ in `word~2`; with three nearly every short word would be near every other."""
SLOPPIEST = 100
"""Places that may lie between the words of a phrase; words further apart are better asked for one by one."""
LONGEST_WORD = 80
"""Bytes; longer runs of letters (sequences, keys) are not indexed."""


@dataclass(frozen=True, slots=True)
class Everything:
    """All records."""


@dataclass(frozen=True, slots=True)
class Words:
    """One word, or several that must stand together."""

    text: str
    prefix: bool = False
    slop: int = 0
    """So many places the words of a phrase may be moved, all moves together."""
    fuzzy: int = 0
    """So many letters of each word may be wrong, missing, too many or exchanged with the next."""
    field: str | None = None
    """Only in this text: one of `entry.WORD_FIELDS`; None is anywhere."""


@dataclass(frozen=True, slots=True)
class Lookup:
    """An identifier: records that bear it come first, then those that point at it or name it."""

    value: str
    words: Words


@dataclass(frozen=True, slots=True)
class Both:
    """All of these."""

    parts: tuple[Query, ...]


@dataclass(frozen=True, slots=True)
class Either:
    """Any of these."""

    parts: tuple[Query, ...]


@dataclass(frozen=True, slots=True)
class Without:
    """Not this."""

    part: Query


@dataclass(frozen=True, slots=True)
class OneOf:
    """A field holds one of these tokens."""

    field: str
    values: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Between:
    """A number lies between these, both included; None is open. Days are numbers: 20210228."""

    field: str
    low: int | None
    high: int | None


Query: TypeAlias = Everything | Words | Lookup | Both | Either | Without | OneOf | Between


class BadQuery(ValueError):
    """Something that cannot be understood; the text says what it should look like."""

    def __init__(
        self, message: str, *, hint: str | None = None, position: int | None = None, length: int = 0
    ) -> None:
        """Say what is wrong.

        Args:
            message: what is wrong.
            hint: what to write instead.
            position: where in the words it is, in characters from 0; None for other parameters.
            length: how many characters are meant.
        """
        super().__init__(message if hint is None else f"{message}; {hint}")
        self.message, self.hint, self.position, self.length = message, hint, position, length

    def at(self, position: int, length: int) -> BadQuery:
        """Answer the same, with its place."""
        return BadQuery(self.message, hint=self.hint, position=position, length=length)


@dataclass(frozen=True, slots=True)
class Note:
    """How something was taken that may have been meant otherwise, and where it stands in the words."""

    message: str
    position: int
    """In characters, from 0."""
    length: int

    def __str__(self) -> str:
        return f"{self.message} (character {self.position + 1} of the query)"


def lookup(value: str) -> Lookup:
    """Look an identifier up; texts that name it are found too."""
    folded = value.lower()
    return Lookup(folded, Words(folded))


def both(parts: Iterable[Query]) -> Query:
    """Join by AND; a query of exclusions alone excludes from everything."""
    flat = [each for part in parts for each in (part.parts if isinstance(part, Both) else (part,))]
    kept: list[Query] = [part for part in flat if not isinstance(part, Everything)]
    if all(isinstance(part, Without) for part in kept):
        kept.insert(0, Everything())
    return kept[0] if len(kept) == 1 else Both(tuple(kept))


def either(parts: Iterable[Query]) -> Query:
    """Join by OR; tokens of one field become one list, so that `a:(x OR y)` is the filter `a=x&a=y`."""
    flat = [each for part in parts for each in (part.parts if isinstance(part, Either) else (part,))]
    tokens: dict[str, dict[str, None]] = {}
    for part in flat:
        if isinstance(part, OneOf):
            tokens.setdefault(part.field, {}).update(dict.fromkeys(part.values))
    merged = [OneOf(p.field, tuple(tokens[p.field])) if isinstance(p, OneOf) else p for p in flat]
    found = tuple(dict.fromkeys(merged))
    return found[0] if len(found) == 1 else Either(found)


def without(part: Query) -> Query:
    """Exclude; what is excluded twice is asked for."""
    match part:
        case Without(inner) | Both((Everything(), Without(inner))):
            return inner
        case _:
            return Without(part)


def highlights(query: Query) -> Iterator[Words]:
    """Yield the words that are worth showing in a snippet, wherever they were asked for."""
    match query:
        case Words():
            yield replace(query, field=None)
        case Lookup():
            yield query.words
        case Both(parts) | Either(parts):
            for part in parts:
                yield from highlights(part)
        case _:
            return


def mentions(query: Query, field: str) -> bool:
    """Tell whether a query asks for tokens of a field anywhere."""
    match query:
        case OneOf():
            return query.field == field
        case Both(parts) | Either(parts):
            return any(mentions(part, field) for part in parts)
        case Without(part):
            return mentions(part, field)
        case _:
            return False
