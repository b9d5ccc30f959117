"""Words and filters, as people and programs write them, turned into a query no engine has seen yet.

Grammar: words are joined by AND; `OR`, `NOT`, `-word`, `"a phrase"`, `wor*` and parentheses do what they
say; anything else is text. Nothing a user types is an error: what makes no sense as syntax is searched
for as words. (Handing users' text to Tantivy's own parser fails on `5' UTR` and finds nothing for
`soil AND NOT water`.)
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from index.entry import FACETS, HAS, TOKEN_FIELDS, UP, fold
from index.values import identifiers, licenses, sizes
from index.values.imaging_methods import IMAGING_METHODS
from index.values.organisms import ORGANISMS


@dataclass(frozen=True, slots=True)
class Everything:
    """All records."""


@dataclass(frozen=True, slots=True)
class Words:
    """One word, or several that must stand together."""

    text: str
    prefix: bool = False


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
    """A number lies between these, both included; None is open."""

    field: str
    low: int | None
    high: int | None


Query: TypeAlias = Everything | Words | Lookup | Both | Either | Without | OneOf | Between


class BadQuery(ValueError):
    """A parameter that cannot be understood; the text says what it should look like."""


# ---- words -----------------------------------------------------------------------------------

_PIECE = re.compile(r'-?"[^"]*"|\(|\)|[^\s()"]+|"')
_DEEPEST = 20


def parse(text: str) -> Query:
    """Read what somebody typed into the search box; never raises."""
    text = text.strip()
    if text in {"", "*", "*:*"}:
        return Everything()
    found = identifiers.sniff(text.strip('"'))
    if found is not None:
        return Lookup(found[1].lower(), Words(text.strip('"')))
    query, _ = _alternatives(_PIECE.findall(text), 0, 0)
    return query or Words(text)


def _alternatives(pieces: Sequence[str], at: int, depth: int) -> tuple[Query | None, int]:
    """Read terms up to the end or a closing parenthesis; OR binds looser than AND."""
    groups: list[list[Query]] = [[]]
    while at < len(pieces):
        piece = pieces[at]
        if piece == ")" and depth:
            break
        if piece == "OR" and groups[-1]:
            groups.append([])
            at += 1
            continue
        term, at = _term(pieces, at, depth)
        if term is not None:
            groups[-1].append(term)
    found = [_joined(group) for group in groups if group]
    if not found:
        return None, at
    return (found[0] if len(found) == 1 else Either(tuple(found))), at


def _term(pieces: Sequence[str], at: int, depth: int) -> tuple[Query | None, int]:
    piece = pieces[at]
    if piece in {"AND", ")", '"', "-"}:
        return None, at + 1
    if piece == "(" and depth < _DEEPEST:
        query, end = _alternatives(pieces, at + 1, depth + 1)
        return query, end + 1
    if piece == "NOT" and at + 1 < len(pieces):
        query, end = _term(pieces, at + 1, depth)
        return (Without(query) if query else None), end
    if len(piece) > 1 and piece.startswith("-"):
        query = _word(piece[1:])
        return (Without(query) if query else None), at + 1
    return _word(piece), at + 1


def _word(piece: str) -> Query | None:
    bare = piece.strip('"')
    if not any(character.isalnum() for character in bare):
        return None
    prefix = bare.endswith("*") and not piece.startswith('"')
    return Words(bare.rstrip("*"), prefix)


def _joined(parts: list[Query]) -> Query:
    """Join by AND; a query of exclusions alone excludes from everything."""
    if all(isinstance(part, Without) for part in parts):
        parts = [Everything(), *parts]
    return parts[0] if len(parts) == 1 else Both(tuple(parts))


# ---- filters ---------------------------------------------------------------------------------

NUMBER_FILTERS = ("year", "bytes")
FILTERS = (*TOKEN_FIELDS, *NUMBER_FILTERS, "has")
_ID_FIELD = {"funder": "funder_id", "affiliation": "affiliation_id", "creator": "creator_id"}


def filters(asked: Mapping[str, Sequence[str]]) -> list[Query]:
    """Read filters: a repeated one means OR, different ones AND, and a name after "-" excludes.

    Raises:
        BadQuery: a value that cannot be understood.
    """
    found: list[Query] = []
    for name, values in asked.items():
        field = name.removeprefix("-")
        if field not in FILTERS:
            raise BadQuery(f"no filter named {field!r}; there are {', '.join(FILTERS)}")
        parts = tuple(_filter(field, value) for value in values if value.strip())
        if not parts:
            continue
        query = parts[0] if len(parts) == 1 else _merged(field, parts)
        found.append(Without(query) if name.startswith("-") else query)
    return found


def _merged(field: str, parts: tuple[Query, ...]) -> Query:
    of = UP.get(field, field)
    if all(isinstance(part, OneOf) and part.field == of for part in parts):
        return OneOf(of, tuple(value for part in parts if isinstance(part, OneOf) for value in part.values))
    return Either(parts)


def _filter(field: str, value: str) -> Query:
    if field == "year":
        return Between(field, *_span(value, _year))
    if field == "bytes":
        return Between(field, *_span(value, _size))
    if field == "has" and value not in HAS:
        raise BadQuery(f"has={value!r} is unknown; there are {', '.join(HAS)}")
    if field in _ID_FIELD and (id_ := _as_id(value)):
        return OneOf(_ID_FIELD[field], (id_,))
    return OneOf(UP.get(field, field), (token(field, value),))


def token(field: str, value: str) -> str:
    """Turn what somebody wrote into the token the index holds."""
    if field in {"source", "has", "access"}:
        return value.strip()
    if field == "organism":
        return ORGANISMS.find(value) or ORGANISMS.compact(value) or fold(value)
    if field == "imaging_method":
        return IMAGING_METHODS.find(value) or IMAGING_METHODS.compact(value) or fold(value)
    if field == "license":
        license_, _reason = licenses.clean(value)
        return license_.spdx if license_ and license_.spdx else fold(value)
    return fold(value)


def _as_id(value: str) -> str | None:
    for cleaner in (identifiers.orcid, identifiers.ror, identifiers.funder_doi):
        id_, _reason = cleaner(value)
        if id_ is not None:
            return id_
    return None


def _span(value: str, number: Callable[[str], int]) -> tuple[int | None, int | None]:
    low, dots, high = value.partition("..")
    if not dots:
        return number(value), number(value)
    return (number(low) if low.strip() else None), (number(high) if high.strip() else None)


def _year(text: str) -> int:
    if not re.fullmatch(r"\d{4}", text.strip(), re.ASCII):
        raise BadQuery(f"{text!r} is no year; write year=2021 or year=2019..2022 or year=2019..")
    return int(text)


def _size(text: str) -> int:
    size = 0 if text.strip() == "0" else sizes.clean(text)[0]
    if size is None:
        raise BadQuery(f"{text!r} is no size; write bytes=1GB.. or bytes=500MB..2TB or bytes=..100kB")
    return size


def highlights(query: Query) -> Iterator[Words]:
    """Yield the words that are worth showing in a snippet."""
    match query:
        case Words():
            yield query
        case Lookup():
            yield query.words
        case Both(parts) | Either(parts):
            for part in parts:
                yield from highlights(part)
        case _:
            return


def facets(asked: Sequence[str]) -> tuple[str, ...]:
    """Read the facets asked for.

    Raises:
        BadQuery: one there is not.
    """
    names = [name.strip() for value in asked for name in value.split(",") if name.strip()]
    for name in names:
        if name not in FACETS:
            raise BadQuery(f"no facet named {name!r}; there are {', '.join(FACETS)}")
    return tuple(dict.fromkeys(names))
