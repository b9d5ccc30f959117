"""The questions that benchmarks/search.py asks every system, in a form that each can translate."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import Literal
from urllib.parse import urlencode

from benchmarks.corpus import Corpus
from index.expand import expand
from index.query import Query, filters, parse
from index.query.nodes import both

Kind = Literal[
    "one word", "three words", "phrase", "filter and six facets", "eight facets", "facets without own filter",
    "hierarchy", "expansion", "versions", "families", "by date", "deep page", "suggest",
]  # fmt: skip
KINDS: tuple[Kind, ...] = (
    "one word", "three words", "phrase", "filter and six facets", "eight facets", "facets without own filter",
    "hierarchy", "expansion", "versions", "families", "by date", "deep page", "suggest",
)  # fmt: skip
NEEDS: dict[Kind, str] = {
    "versions": "collapse", "families": "collapse", "facets without own filter": "facet_mode"
}  # fmt: skip
"""Parameters without which a node has no such search."""
OURS: frozenset[Kind] = frozenset({"facets without own filter", "suggest"})
"""Kinds that only Headwater is asked: no peer has anything that means the same."""

SIX = ("source", "organism", "imaging_method", "license", "access", "year")
EIGHT = (*SIX, "kind", "keyword")
FACETS: dict[Kind, tuple[str, ...]] = {
    "filter and six facets": SIX, "eight facets": EIGHT, "facets without own filter": EIGHT
}  # fmt: skip
COLLAPSE: dict[Kind, str] = {"versions": "version", "families": "family"}
SIZE = 20

ABOVE = (
    ("organism", "Mammalia"), ("organism", "Rodentia"), ("organism", "Vertebrata"), ("organism", "Insecta"),
    ("organism", "Fungi"), ("organism", "Eukaryota"), ("organism", "Viridiplantae"),
    ("imaging_method", "light microscopy"), ("imaging_method", "electron microscopy"),
    ("imaging_method", "super-resolution"),
)  # fmt: skip
"""Terms with others below them, as people type them."""
NAMES = (
    "zebrafish", "mouse", "human", "fruit fly", "budding yeast", "thale cress", "rat", "C. elegans",
    "E. coli", "Xenopus laevis", "confocal", "light-sheet", "cryo-EM", "FIB-SEM",
)  # fmt: skip
"""Names that stand for a term and for its other names."""


@dataclass(slots=True)
class Question:
    """One search: the best or newest 20 of all that match, and how many match."""

    kind: Kind
    words: tuple[str, ...]
    license: str | None = None
    years: tuple[int, int] | None = None
    above: tuple[str, str] | None = None
    """A filter by what stands above: its name and the term."""
    after: int | None = None
    """The place in the order by date where a deep page begins."""
    cursor: str | None = None
    """The same place, as Headwater says it."""

    @property
    def by_date(self) -> bool:
        return self.kind in {"by date", "deep page"}

    @property
    def facets(self) -> tuple[str, ...]:
        return FACETS.get(self.kind, ())

    @property
    def group(self) -> str | None:
        """What is one hit: all of a version group or of a family."""
        return COLLAPSE.get(self.kind)

    @property
    def typed(self) -> str:
        """The words as they are typed."""
        words = " ".join(self.words)
        return f'"{words}"' if self.kind == "phrase" else words

    @property
    def meaning(self) -> Query:
        """What is looked for, but for license and years, which every system has columns for."""
        query = parse(self.typed)
        if self.kind == "expansion":
            query, _told = expand(query)
        return both([query, *filters({self.above[0]: [self.above[1]]} if self.above else {})])

    @property
    def whole(self) -> Query:
        """What is looked for, with everything."""
        return both([self.meaning, *filters(self._columns())])

    def path(self, known: frozenset[str] = frozenset()) -> str:
        """Answer the question as a request to the API.

        Args:
            known: those of `expand`, `collapse` and `facet_mode` that the node knows. What it does by itself
                and peers do not, it is told to leave.
        """
        if self.kind == "suggest":
            return "/api/v1/suggest?" + urlencode({"q": self.typed})
        asked = {"q": self.typed, "size": str(SIZE)}
        asked |= {name: values[0] for name, values in self._columns().items()}
        asked |= {self.above[0]: self.above[1]} if self.above else {}
        asked |= {"facets": ",".join(self.facets)} if self.facets else {}
        asked |= {"sort": "newest"} if self.by_date else {}
        asked |= {"cursor": self.cursor} if self.cursor else {}
        said = {
            "expand": "yes" if self.kind == "expansion" else "no",
            "collapse": self.group or "none",
            "facet_mode": "disjunctive" if self.kind == "facets without own filter" else "conjunctive",
        }
        return "/api/v1/search?" + urlencode(asked | {name: said[name] for name in said if name in known})

    def _columns(self) -> dict[str, list[str]]:
        if not self.license or not self.years:
            return {}
        return {"license": [self.license], "year": [f"{self.years[0]}..{self.years[1]}"]}


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
    found = Question(kind, (_word(corpus, chance),))
    match kind:
        case "three words":
            found.words = tuple(chance.sample(sorted(set(next(texts))), 3))
        case "phrase":
            text = next(texts)
            place = chance.randrange(len(text) - 1)
            found.words = text[place], text[place + 1]
        case "deep page":
            found.words = (corpus.vocabulary[chance.randrange(20, 400)],)
        case "filter and six facets" | "facets without own filter":
            low = chance.randint(2012, 2022)
            found.license = chance.choice(("CC-BY-4.0", "CC-BY-4.0", "CC0-1.0", "CC-BY-NC-4.0"))
            found.years = low, low + chance.randint(1, 6)
        case "hierarchy":
            found.above = chance.choice(ABOVE)
        case "expansion":
            found.words = chance.choice(names()), _word(corpus, chance, 3.0)
        case "suggest":
            found.words = (_beginning(corpus, chance),)
        case _:
            pass
    return found


@cache
def names() -> tuple[str, ...]:
    """List the names that stand for something by the vocabularies in use."""
    return tuple(name for name in NAMES if expand(parse(name))[1])


def _word(corpus: Corpus, chance: random.Random, most: float = 4.3) -> str:
    """Choose a word: as often one of the tens as of the thousands most frequent."""
    return corpus.vocabulary[int(10 ** chance.uniform(1.0, most))]


def _beginning(corpus: Corpus, chance: random.Random) -> str:
    """Choose what somebody has typed so far: of a word, a person or a term."""
    term = chance.choice((*names(), *(name for _, name in ABOVE)))
    whole = chance.choice((_word(corpus, chance), chance.choice(corpus.surnames), term))
    return whole[: chance.randint(1, len(whole))]


def _texts(corpus: Corpus) -> Iterator[list[str]]:
    """Yield the words of descriptions, so that what is asked for is there."""
    for record in corpus.records(1_000_000):
        words = (record.description or "").strip(".").split()
        if len(set(words)) > 10:
            yield words
