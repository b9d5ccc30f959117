"""The questions that benchmarks/search.py asks every system, in a form that each can translate."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal
from urllib.parse import urlencode

from benchmarks.corpus import Corpus

Kind = Literal["one word", "three words", "phrase", "filter and six facets", "by date", "deep page"]
KINDS: tuple[Kind, ...] = (
    "one word",
    "three words",
    "phrase",
    "filter and six facets",
    "by date",
    "deep page",
)
FACETS = ("source", "organism", "imaging_method", "license", "access", "year")
SIZE = 20


@dataclass(slots=True)
class Question:
    """One search: the best or newest 20 of all that match, and how many match."""

    kind: Kind
    words: tuple[str, ...]
    license: str | None = None
    years: tuple[int, int] | None = None
    after: int | None = None
    """The place in the order by date where a deep page begins."""
    cursor: str | None = None
    """The same place, as Headwater says it."""

    @property
    def is_phrase(self) -> bool:
        return self.kind == "phrase"

    @property
    def by_date(self) -> bool:
        return self.kind in {"by date", "deep page"}

    @property
    def facets(self) -> tuple[str, ...]:
        return FACETS if self.kind == "filter and six facets" else ()

    def path(self) -> str:
        """Answer the question as a request to the API."""
        words = " ".join(self.words)
        asked = {"q": f'"{words}"' if self.is_phrase else words, "size": str(SIZE)}
        if self.license and self.years:
            asked |= {"license": self.license, "year": f"{self.years[0]}..{self.years[1]}"}
        if self.facets:
            asked["facets"] = ",".join(self.facets)
        if self.by_date:
            asked["sort"] = "newest"
        if self.cursor:
            asked["cursor"] = self.cursor
        return "/api/v1/search?" + urlencode(asked)


def questions(corpus: Corpus, kind: Kind, count: int) -> list[Question]:
    """Make questions, each different from the others."""
    chance = random.Random(f"{corpus.seed} {kind}")
    made: dict[str, Question] = {}
    texts = _texts(corpus)
    while len(made) < count:
        question = _question(corpus, kind, chance, texts)
        made.setdefault(question.path(), question)
    return list(made.values())


def _question(corpus: Corpus, kind: Kind, chance: random.Random, texts: Iterator[list[str]]) -> Question:
    match kind:
        case "three words":
            return Question(kind, tuple(chance.sample(sorted(set(next(texts))), 3)))
        case "phrase":
            text = next(texts)
            place = chance.randrange(len(text) - 1)
            return Question(kind, (text[place], text[place + 1]))
        case "deep page":
            return Question(kind, (corpus.vocabulary[chance.randrange(20, 400)],))
        case "filter and six facets":
            low = chance.randint(2012, 2022)
            license_ = chance.choice(("CC-BY-4.0", "CC-BY-4.0", "CC0-1.0", "CC-BY-NC-4.0"))
            return Question(kind, (_word(corpus, chance),), license_, (low, low + chance.randint(1, 6)))
        case _:
            return Question(kind, (_word(corpus, chance),))


def _word(corpus: Corpus, chance: random.Random) -> str:
    """Choose a word: as often one of the tens as of the thousands most frequent."""
    return corpus.vocabulary[int(10 ** chance.uniform(1.0, 4.3))]


def _texts(corpus: Corpus) -> Iterator[list[str]]:
    """Yield the words of descriptions, so that what is asked for is there."""
    for record in corpus.records(1_000_000):
        words = (record.description or "").strip(".").split()
        if len(set(words)) > 10:
            yield words
