"""What else a query may mean: names of one thing stand for each other, and are told to who asked.

A word, or words side by side, that name one term of a vocabulary also find what bears the term or one below
it, and what names it in other words. Three rules keep this safe, because an expansion that goes wrong is
harder to see than one that is missing:

- Words in quotes mean these words. So do words cut short with *, and words of one field.
- A name that more often means something else (`vocab/careful.csv`: storm, palm, stem) stands for its term
  only where it is written in capitals as the vocabulary does, and is never looked for in place of another.
  One that is narrower than its term (a strain, dSTORM) finds the term's records only by its own words.
- Nothing is chosen: a name that two terms bear stands for neither.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache

from index import vocab
from index.entry import UP_FIELDS, VOCABULARIES
from index.query import Both, Either, Expanded, OneOf, Query, Without, Words
from index.spelling import key, words

LONGEST_NAME = 7
"""Words; the longest names people write side by side ("focused ion beam scanning electron microscopy")."""


@dataclass(frozen=True, slots=True)
class Expansion:
    """What was looked for besides."""

    word: str
    as_: tuple[str, ...]
    because: str


@dataclass(frozen=True, slots=True)
class _Meaning:
    """What a name stands for: a term of a vocabulary, or other words."""

    terms: tuple[OneOf, ...]
    names: tuple[str, ...]
    told: tuple[str, ...]
    because: str


def expand(query: Query) -> tuple[Query, tuple[Expansion, ...]]:
    """Look for what a query means besides what it says.

    Returns:
        The query to search with, and what was added to it, in the order of the words.
    """
    told: dict[str, Expansion] = {}
    return _expanded(query, told), tuple(told.values())


def _expanded(query: Query, told: dict[str, Expansion]) -> Query:
    match query:
        case Both(parts):
            found = tuple(_side_by_side(parts, told))
            return found[0] if len(found) == 1 else Both(found)
        case Either(parts):
            return Either(tuple(_expanded(part, told) for part in parts))
        case Without(part):
            return Without(_expanded(part, told))
        case Words():
            return next(_side_by_side((query,), told))
        case _:
            return query


def _side_by_side(parts: Sequence[Query], told: dict[str, Expansion]) -> Iterator[Query]:
    """Read the parts of an AND; words that stand side by side may be one name, the longest counts."""
    at = 0
    while at < len(parts):
        run = _run(parts[at : at + LONGEST_NAME])
        for count in range(len(run), 0, -1):
            text = " ".join(word.text for word in run[:count])
            meaning = _meaning(text)
            if meaning is not None:
                yield _with(run[:count], text, meaning, told)
                at += count
                break
        else:
            yield parts[at] if isinstance(parts[at], Words) else _expanded(parts[at], told)
            at += 1


def _run(parts: Iterable[Query]) -> list[Words]:
    """Take the bare words at the beginning: no phrase, nothing cut short, no field of their own."""
    run: list[Words] = []
    for part in parts:
        # A Words with anything but its text was asked for in a special way, and means just that.
        if not isinstance(part, Words) or part != Words(part.text) or " " in part.text:
            break
        run.append(part)
    return run


def _with(run: Sequence[Words], text: str, meaning: _Meaning, told: dict[str, Expansion]) -> Query:
    told.setdefault(text, Expansion(text, meaning.told, meaning.because))
    also: tuple[Words | OneOf, ...] = (*meaning.terms, *map(Words, meaning.names))
    if len(run) == 1:
        return Expanded(run[0], also)
    # Together they are the name; apart they are still what was asked for.
    return Either((Both(tuple(run)), Expanded(Words(text), also)))


def _meaning(text: str) -> _Meaning | None:
    """Answer what a name stands for; the vocabularies in use are part of the question."""
    return _meant(text, vocab.fingerprint()) if any(map(str.isalpha, text)) else None


@lru_cache(20_000)
def _meant(text: str, _vocabularies: str) -> _Meaning | None:
    found = [(field, id_) for field, each in VOCABULARIES.items() if (id_ := each.spoken(text)) is not None]
    found = [(field, id_) for field, id_ in found if _is_meant(text, VOCABULARIES[field].synonyms(id_))]
    if len(found) == 1:
        return _as_term(text, *found[0])
    return None if found else _as_words(text)


def _as_term(text: str, field: str, id_: str) -> _Meaning:
    vocabulary = VOCABULARIES[field]
    label = vocabulary.label(id_) or id_
    names = _fewest(text, vocabulary.synonyms(id_))
    below = f"{field.replace('_', ' ')} {label} and what is below it"
    because = (
        f"{text} is {label} ({id_})" if key(text) == key(label) else f"{text} is a name of {label} ({id_})"
    )
    return _Meaning((OneOf(UP_FIELDS[field], (id_,)),), names, (below, *names), because)


def _as_words(text: str) -> _Meaning | None:
    group = _synonyms().get(key(text))
    if group is None or not _is_meant(text, group):
        return None
    names = _fewest(text, group)
    return _Meaning((), names, names, f"{text} and {names[0]} mean the same") if names else None


def _is_meant(text: str, names: Iterable[str]) -> bool:
    """Tell whether a name is likely meant; a doubtful one only where capitals are typed as its table has."""
    looked_for = _careful().get(key(text))
    if looked_for is None:
        return True
    return not looked_for and text in names and sum(map(str.isupper, text)) > 1


def _fewest(text: str, names: Iterable[str]) -> tuple[str, ...]:
    """Choose the names to look for: none that another one finds, none that means something else as a rule.

    Whoever looks for "light sheet" finds "light-sheet microscopy".
    """
    wanted: dict[str, str] = {}
    for name in names:
        wanted.setdefault(key(name), name)
    kept = {key(text): text}
    for folded in sorted(wanted, key=lambda folded: len(words(folded))):
        is_held = any(f" {each} " in f" {folded} " for each in kept)
        if folded and _careful().get(folded, True) and not is_held:
            kept[folded] = wanted[folded]
    return tuple(name for folded, name in wanted.items() if folded in kept and name is kept[folded])


@cache
def _careful() -> dict[str, bool]:
    """List the names that do not simply mean their term, and whether they are looked for in its place."""
    return {key(row["name"]): row["looked_for"] == "yes" for row in vocab.rows("careful")}


@cache
def _synonyms() -> dict[str, tuple[str, ...]]:
    """List the names that stand for each other without an id, by each of them."""
    groups = [(row["name"], *row["also"].split("|")) for row in vocab.rows("synonyms")]
    return {key(name): group for group in groups for name in group}
