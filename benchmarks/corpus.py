"""Made-up records for measuring search: as many as wanted, the same for the same seed.

Words are drawn from 60,000 by Zipf-Mandelbrot's law (exponent 1.07, shift 2.7), as in titles and descriptions
of real metadata; the frequent ones are words of the field. Names, keywords, organisms, licenses and the
like have skewed frequencies of their own. What is missing is topic: words do not cluster in records, so
phrases and conjunctions of rare words find less than in real metadata, and those of frequent words more.
"""

from __future__ import annotations

import math
import random
from collections.abc import Iterator, Sequence
from itertools import accumulate
from typing import Generic, TypeVar

from index import vocab
from index.record import (
    Affiliation,
    Creator,
    Dates,
    Files,
    Identifier,
    License,
    Links,
    Record,
    Term,
)

Item = TypeVar("Item")

VOCABULARY = 60_000
SOURCES = (("zenodo", 68), ("figshare", 20), ("dryad", 9), ("empiar", 2), ("idr", 1))
LICENSES = (
    ("CC-BY-4.0", 60),
    ("CC0-1.0", 24),
    ("CC-BY-NC-4.0", 7),
    ("MIT", 4),
    ("CC-BY-SA-4.0", 3),
    (None, 2),
)
KINDS = (("Dataset", 80), ("Image", 12), ("Software", 5), ("Text", 3))
ACCESS = (("open", 88), ("restricted", 6), ("embargoed", 3), ("metadata-only", 3))

_COMMON = """
the of and in to for a data from with by on set is were are at as images this image using analysis
cells cell imaging supplementary microscopy dataset files figure study model protein human
expression results gene between mouse raw high temperature species code time brain effect
experimental structure surface different growth water climate fluorescence scripts resolution tissue
sequence soil light populations spatial response light-sheet confocal zebrafish embryo Drosophila
mitosis segmentation nuclei membrane actin tubulin electron cryo tomography tracking live
development screen antibody staining neurons cortex kinase binding diversity genome simulation
measurements survey variation marine forest plant bacterial virus evolution phylogeny diffraction
spectra quantum
"""

_BEGINNINGS = (*"bcdfghklmnprstvz", "br", "cl", "gr", "ph", "pr", "st", "th", "tr")
_VOWELS = (*"aeiouy", "ae", "io")


class _Skewed(Generic[Item]):
    """Items with weights, to choose from."""

    def __init__(self, items: Sequence[Item], weights: Sequence[float]) -> None:
        self._items, self._sums = items, list(accumulate(weights))

    def some(self, chance: random.Random, count: int) -> list[Item]:
        return chance.choices(self._items, cum_weights=self._sums, k=count)

    def one(self, chance: random.Random) -> Item:
        return self.some(chance, 1)[0]


def _zipf(items: Sequence[Item]) -> _Skewed[Item]:
    return _Skewed(items, [(rank + 2.7) ** -1.07 for rank in range(1, len(items) + 1)])


def _weighed(pairs: Sequence[tuple[Item, int]]) -> _Skewed[Item]:
    return _Skewed([item for item, _ in pairs], [weight for _, weight in pairs])


def _invented(chance: random.Random, count: int, syllables: tuple[int, int]) -> list[str]:
    """Invent words that can be spoken."""
    words: dict[str, None] = {}
    while len(words) < count:
        length = chance.randint(*syllables)
        word = "".join(chance.choice(_BEGINNINGS) + chance.choice(_VOWELS) for _ in range(length))
        words[word + chance.choice(("", "", "n", "s", "x", "l"))] = None
    return list(words)


def _terms(table: str) -> list[Term]:
    return [Term(label=row["label"], id=row["id"]) for row in vocab.rows(table)]


class Corpus:
    """Records, and the words to search them with."""

    def __init__(self, seed: int = 1) -> None:
        chance = random.Random(seed)
        common = list(dict.fromkeys(_COMMON.split()))
        self.vocabulary = common + _invented(chance, VOCABULARY - len(common), (2, 4))
        self._words = _zipf(self.vocabulary)
        self._keywords = _zipf([" ".join(self._words.some(chance, 2)) for _ in range(8_000)])
        self._places = _zipf([f"University of {name.title()}" for name in _invented(chance, 4_000, (2, 3))])
        families = _invented(chance, 40_000, (2, 3))
        self._people = _zipf([f"{name.title()}, {chance.choice('ABCDEFGHJKLMNPRST')}." for name in families])
        self._organisms = _zipf(_terms("organisms"))
        self._methods = _zipf(_terms("imaging_methods"))
        self._sources, self._licenses = _weighed(SOURCES), _weighed(LICENSES)
        self._kinds, self._access = _weighed(KINDS), _weighed(ACCESS)
        self.seed = seed

    def records(self, count: int) -> Iterator[Record]:
        """Make so many records."""
        chance = random.Random(self.seed + 1)
        for number in range(1, count + 1):
            yield self._record(chance, number)

    def _record(self, chance: random.Random, number: int) -> Record:
        source = self._sources.one(chance)
        doi = f"10.5072/{source}.{number}"
        license_ = self._licenses.one(chance)
        length = min(400, int(chance.lognormvariate(math.log(75), 0.7)))
        biological = chance.random() < 0.35
        return Record(
            id=f"{source}:{number}",
            source=source,
            kind=self._kinds.one(chance),
            title=" ".join(self._words.some(chance, chance.randint(6, 14))).capitalize(),
            description=" ".join(self._words.some(chance, length)) + ".",
            identifiers=(Identifier(scheme="doi", value=doi),),
            doi=doi,
            creators=tuple(self._creators(chance)),
            publisher=source.title(),
            dates=Dates(
                published=f"{2026 - min(20, int(chance.expovariate(0.25)))}-{chance.randint(1, 12):02}-01"
            ),
            license=License(spdx=license_, open=True) if license_ else None,
            access=self._access.one(chance),
            keywords=tuple(dict.fromkeys(self._keywords.some(chance, chance.randint(0, 6)))),
            organisms=(self._organisms.one(chance),) if biological else (),
            imaging_methods=(self._methods.one(chance),) if biological and chance.random() < 0.6 else (),
            files=Files(count=chance.randint(1, 40), bytes=int(chance.lognormvariate(17, 3))),
            links=Links(landing=f"https://doi.org/{doi}"),
            retrieved_at="2026-11-01T00:00:00Z",
        )

    def _creators(self, chance: random.Random) -> Iterator[Creator]:
        for name in dict.fromkeys(self._people.some(chance, chance.randint(1, 6))):
            places = (Affiliation(name=self._places.one(chance)),) if chance.random() < 0.5 else ()
            yield Creator(name=name, affiliations=places)
