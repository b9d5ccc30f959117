"""What is compared with Headwater in benchmarks/search.py, and the records as the peers take them.

Peers hold the texts that Headwater's engine holds, in its one spelling, and are asked for what it makes of
the words. So all answer the same question, and totals can be compared; stems are each one's own.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, TypeAlias

import tantivy
from tantivy import Occur

from benchmarks.questions import SIZE, Question
from benchmarks.report import say
from index.engines.tantivy import TantivyEngine
from index.query import Both, Either, Expanded, OneOf, Query, Words
from index.record import Json
from index.spelling import spellings, words
from index.store import Store
from index.sync import entries

SEAM = " 0seam0 "
"""Stands between two texts of a record, so that no phrase reaches over."""

STEP = 10_000
"""Revisions a peer takes in one transaction."""


@dataclass(frozen=True, slots=True)
class Row:
    """A record as a peer takes it."""

    entry: Json
    json: bytes

    @property
    def title(self) -> str:
        return _plain(self.entry["title"])

    @property
    def text(self) -> str:
        return _plain(self.entry["text"])

    @property
    def up(self) -> str:
        """Its terms with all above them, as words that no text has."""
        return " ".join(
            as_word(id_) for name in ("organism_up", "imaging_method_up") for id_ in self.entry[name]
        )

    def one(self, name: str) -> str | None:
        """Answer the value of a field that has one at most."""
        return next(iter(self.entry[name]), None)


class Keeper(Protocol):
    """A peer that holds the records itself."""

    name: str

    def reached(self) -> int:
        """Answer the revision up to which it has taken records."""
        ...

    def take(self, rows: Sequence[Row], until: int) -> None:
        """Take records up to a revision, all or nothing."""
        ...

    def finish(self) -> None:
        """Make what searching wants, once all is taken; does nothing where that is there."""
        ...


class Peer(Protocol):
    """A system that is asked what Headwater is asked."""

    name: str

    def ask(self, question: Question) -> int:
        """Answer a question: hits with their records, total, facets; returns the total."""
        ...


def fill(store: Store, keepers: Sequence[Keeper]) -> None:
    """Bring peers to the store's revision; each goes on where it was."""
    last = store.revision()
    for start in range(min((keeper.reached() for keeper in keepers), default=last), last, STEP):
        until = min(start + STEP, last)
        current, _over = store.changes(start, until)
        made = entries(store, current)
        rows = [Row(entry, kept.json) for entry, kept in zip(made, current, strict=True)]
        for keeper in keepers:
            if keeper.reached() < until:
                keeper.take(rows, until)
        if until % (20 * STEP) == 0:
            say(f"  peers hold the records up to revision {until:,}")
    for keeper in keepers:
        keeper.finish()


def _plain(texts: Sequence[str]) -> str:
    """Write texts as words with spaces between: PostgreSQL sees paths and addresses in other signs."""
    return SEAM.join(" ".join(words(text)) for text in texts)


def as_word(id_: str) -> str:
    """Write the id of a term as one word."""
    return id_.lower().replace(":", "")


# ---- questions as texts ------------------------------------------------------------------------

Phrase: TypeAlias = Callable[[Sequence[str]], str]


@dataclass(frozen=True, slots=True)
class Language:
    """How a peer writes a search."""

    phrase: Phrase
    """Words that must stand together."""
    term: Callable[[str], str]
    """The word of a term's id."""
    both: str
    either: str

    def write(self, query: Query) -> str:
        """Write a query.

        Raises:
            TypeError: it has a part that no question of the benchmark has.
        """
        match query:
            case Words(prefix=False, fuzzy=0, slop=0, field=None):
                cut = dict.fromkeys(tuple(words(each)) for each in spellings(query.text))
                return self._joined(self.either, [self.phrase(each) for each in cut])
            case OneOf("organism_up" | "imaging_method_up", values):
                return self._joined(self.either, [self.term(as_word(value)) for value in values])
            case Expanded(part, also):
                return self._joined(self.either, [self.write(each) for each in (part, *also)])
            case Both(parts):
                return self._joined(self.both, [self.write(part) for part in parts])
            case Either(parts):
                return self._joined(self.either, [self.write(part) for part in parts])
            case _:
                message = f"{query} cannot be asked of a peer"
                raise TypeError(message)

    def _joined(self, how: str, parts: Sequence[str]) -> str:
        return parts[0] if len(parts) == 1 else f"({how.join(parts)})"


# ---- Tantivy alone -----------------------------------------------------------------------------


class RawTantivy:
    """The library in this process, on the same index: no HTTP, no records, highlights, parsing or groups."""

    name = "tantivy"

    def __init__(self, folder: Path, shards: int = 1) -> None:
        self.snapshot = TantivyEngine(folder, shards=shards).snapshot()
        self.searcher = self.snapshot.searcher
        self._made: dict[int, tantivy.Query] = {}

    def prepare(self, questions: Sequence[Question]) -> None:
        """Make the queries."""
        self._made = {id(question): self._query(question) for question in questions}

    def ask(self, question: Question) -> int:
        """Answer a question: record numbers, total and facets; returns the total."""
        query = self._made[id(question)]
        order = "newest" if question.by_date else None
        found = self.searcher.search(query, limit=SIZE, order_by_field=order)
        self.searcher.fast_field_values("rid", [address for _, address in found.hits])
        if question.facets:
            self.searcher.aggregate(query, {name: {"terms": {"field": name}} for name in question.facets})
        return int(found.count)  # type: ignore[attr-defined]  # there, but missing in the stub of 0.27

    def place(self, question: Question, depth: int) -> int | None:
        """Answer the sort key of the hit at a depth, if there are so many."""
        query = self.snapshot.queries.compile(question.whole)
        hits = self.searcher.search(query, limit=1, offset=depth - 1, order_by_field="newest").hits
        return int(hits[0][0]) if hits else None

    def _query(self, question: Question) -> tantivy.Query:
        compiler = self.snapshot.queries if question.by_date else self.snapshot.queries.scoring
        query = compiler.compile(question.whole)
        if not question.after:
            return query
        before = self.snapshot.queries.range("newest", None, question.after - 1)
        return tantivy.Query.boolean_query([(Occur.Must, query), (Occur.Must, before)])
