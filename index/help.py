"""Help for whoever searches: suggestions, the spelling that was meant, and why nothing was found."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from index.engines import Snapshot
from index.entry import UP_FIELDS, VOCABULARIES
from index.misspelled import Spelling, nearest, respelled
from index.query import Both, Everything, OneOf, Query, Words, parse, unparse
from index.query.nodes import both
from index.search import EVERYDAY, Answer, Catalogue, Request
from index.suggest import KINDS, Kind, Suggester, Suggestion

LITTLE = 3
"""Records: a search that finds no more may be misspelled."""
PARTS_LOOKED_AT = 16
"""Of a search that finds nothing; each costs two counts."""
TITLES = 3
"""Titles suggested at most."""
WORDS, FREQUENT = 3, 20_000
"""Ends of a last word suggested at most, and only after words that are in fewer records: each is counted."""


_TERMS = VOCABULARIES | {up: VOCABULARIES[field] for field, up in UP_FIELDS.items()}


@dataclass(frozen=True, slots=True)
class Part:
    """One part of a search that found nothing: some words or one filter."""

    name: str
    """`q`, or the name of the filter."""
    text: str
    without: int
    """Records the search finds without it."""
    alone: int
    """Records it finds alone."""
    words: str
    """The words of the search without it."""
    filters: Mapping[str, Sequence[str]]
    """The filters of the search without it."""


@dataclass(frozen=True, slots=True)
class WhyEmpty:
    """Why a search found nothing."""

    parts: tuple[Part, ...]
    unlooked: int
    """Parts beyond those looked at."""

    @property
    def sentence(self) -> str:
        """Say it to people."""
        nowhere = [part for part in self.parts if not part.alone]
        if nowhere:
            named = ", ".join(part.text for part in nowhere)
            return f"No record has {named}."
        helping = [part for part in self.parts if part.without]
        if helping:
            best = max(helping, key=lambda part: part.without)
            return f"Each part is there, but not together; without {best.text} there are {best.without:,}."
        return "Each part is there, but no record has all of them, nor all but one."


class Helper:
    """Helps those who ask a catalogue; to be asked from many threads."""

    def __init__(self, catalogue: Catalogue) -> None:
        self.catalogue = catalogue
        self._suggester = Suggester()

    # ---- as somebody types -------------------------------------------------------------------

    def suggest(self, typed: str, size: int = 10, kinds: Sequence[Kind] = ()) -> list[Suggestion]:
        """Suggest what to ask for: values by kind, titles, words; each finds what its count says."""
        snapshot = self.catalogue.engine.snapshot()
        words = snapshot.help.words(typed)
        if not words:
            return []
        found: list[Suggestion] = []
        for field, token in self._suggester.suggest(snapshot, typed, size):
            if kinds and KINDS[field] not in kinds:
                continue
            count = self.catalogue.total(Request(filters={field: [token]}, collapse=EVERYDAY))
            if count:
                label = self.catalogue.label(snapshot, field, token)
                found.append(Suggestion(KINDS[field], label, count, {field: token}))
        titles = list(self._titles(snapshot, words, size)) if not kinds or "title" in kinds else []
        found = found[: max(size - len(titles), size - TITLES)] + titles
        if len(found) < size and (not kinds or "word" in kinds):
            found += self._words(snapshot, words, size - len(found), {one.text.casefold() for one in found})
        return found[:size]

    def _titles(self, snapshot: Snapshot, words: Sequence[str], size: int) -> Iterator[Suggestion]:
        places = snapshot.help.titled(words, min(size, TITLES))
        for kept in self.catalogue.store.fetch(places).values():
            title = kept.stored.get("title", "")
            asks = {"q": unparse(Words(title))}
            count = self.catalogue.total(Request(asks["q"], collapse=EVERYDAY))
            if count:
                yield Suggestion("title", title, count, asks, kept.id)

    def _words(
        self, snapshot: Snapshot, words: Sequence[str], size: int, known: set[str]
    ) -> Iterator[Suggestion]:
        """Yield ends for the last word; a tombstone's words are not in the list, so each finds something."""
        *whole, last = words
        if whole and min(map(snapshot.help.frequency, whole)) > FREQUENT:
            return
        before = " ".join((*whole, ""))
        for word, _ in snapshot.help.beginning(last, min(size, WORDS)):
            if word in whole:  # "mus mus" finds what "mus" finds
                continue
            text = before + word
            count = 0 if text in known else self.catalogue.total(Request(text, collapse=EVERYDAY))
            if count:
                yield Suggestion("word", text, count, {"q": text})

    # ---- when little was found ---------------------------------------------------------------

    def did_you_mean(self, request: Request, answer: Answer) -> Spelling | None:
        """Find the spelling that was meant, where a word is hardly known; None when none finds more.

        An answer of a part of the index does not tell what is hardly known, or not found.
        """
        if answer.searched or answer.total > LITTLE or request.cursor or not request.words.strip():
            return None
        snapshot = self.catalogue.engine.snapshot()
        meant = respelled(request.words, lambda word: nearest(snapshot.help, self.catalogue.store, word))
        if meant is None:
            return None
        total = self.catalogue.total(replace(request, words=meant.words), answer.snapshot)
        return Spelling(meant.words, total, meant.changed) if total > answer.total else None

    def why_empty(self, request: Request, answer: Answer) -> WhyEmpty | None:
        """Tell which part of a search that finds nothing is to blame; None when something was found."""
        if answer.searched or answer.total or request.cursor:
            return None
        parts = parts_of(parse(request.words))
        names = [name for name, values in request.filters.items() if any(value.strip() for value in values)]
        blamed = []
        for place, part in enumerate(parts[:PARTS_LOOKED_AT]):
            rest = both(parts[:place] + parts[place + 1 :])
            words = "" if isinstance(rest, Everything) else unparse(rest)
            without = self.catalogue.total(replace(request, words=words), answer.snapshot)
            alone = self.catalogue.total(replace(request, words=unparse(part), filters={}), answer.snapshot)
            blamed.append(Part("q", readable(part), without, alone, words, request.filters))
        for name in names[: PARTS_LOOKED_AT - len(blamed)]:
            others, own = dict(request.filters), {name: request.filters[name]}
            text = f"{name}={' or '.join(_called(name, value) for value in others.pop(name))}"
            without = self.catalogue.total(replace(request, filters=others), answer.snapshot)
            alone = self.catalogue.total(replace(request, words="", filters=own), answer.snapshot)
            blamed.append(Part(name, text, without, alone, request.words, others))
        return WhyEmpty(tuple(blamed), len(parts) + len(names) - len(blamed)) if blamed else None


def parts_of(query: Query) -> list[Query]:
    """List the parts of a search that must all hold; with an OR between them the whole is one part."""
    parts = query.parts if isinstance(query, Both) else (query,)
    return [part for part in parts if not isinstance(part, Everything)]


def readable(part: Query) -> str:
    """Write a part as people would: a term by its name, where a search knows it by its id."""
    if isinstance(part, OneOf):
        part = replace(part, values=tuple(_called(part.field, value) for value in part.values))
    return unparse(part)


def _called(field: str, value: str) -> str:
    vocabulary = _TERMS.get(field.removeprefix("-"))
    return (vocabulary.label(value) if vocabulary else None) or value
