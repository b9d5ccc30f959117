"""Made-up records for measuring search: as many as wanted, the same for the same seed.

Words are drawn from 60,000 by Zipf-Mandelbrot's law (exponent 1.07, shift 2.7), as in titles and descriptions
of real metadata; the frequent ones are words of the field. Names, keywords, organisms, licenses and the
like have skewed frequencies of their own. What is missing is topic: words do not cluster in records, so
phrases and conjunctions of rare words find less than in real metadata, and those of frequent words more.

15 of 100 records belong to a family of two to five: versions, told by a concept DOI or by what they replace,
and in three families of ten a copy in another repository. Organisms and imaging methods bear the ids of
their vocabularies, so that what stands above them finds them. A record depends on its number and the seed
alone: a corpus that was made in part is gone on with, and a larger one begins with the smaller.
"""

from __future__ import annotations

import math
import random
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
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
    Related,
    Term,
)

Item = TypeVar("Item")

CORPUS_VERSION = 2
"""Raised when the same seed makes other records; kept records of another version are not gone on with."""

VOCABULARY = 60_000

BLOCK, GROUPED = 1_000, 150
"""So many of so many records that follow each other are in families, and no family reaches beyond."""
FAMILY_SIZES = ((2, 60), (3, 22), (4, 11), (5, 7))
COPIED = 0.3
"""Families whose last member is a copy in another repository."""

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

# Human, mouse, zebrafish, fruit fly, yeast, thale cress, rat, worm, coli, clawed frog.
_STUDIED = [f"NCBITaxon:{number}" for number in (9606, 10090, 7955, 7227, 4932, 3702, 10116, 6239, 562, 8355)]
# Confocal, fluorescence, cryo-EM, light-sheet, TEM, SEM, bright-field, wide-field, FIB-SEM, STED.
_USED = [f"FBbi:{number:08}" for number in (251, 246, 100014, 369, 258, 257, 243, 100013, 50000, 334)]
_IMAGING = "FBbi:00000222"

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


@dataclass(frozen=True, slots=True)
class Family:
    """Records that are versions or copies of one thing, by their numbers."""

    numbers: tuple[int, ...]
    """Ascending; of each version the next one is the next version."""
    has_copy: bool
    """The last one is the same thing in another repository."""


@lru_cache(maxsize=8)
def families(seed: int, block: int) -> dict[int, Family]:
    """Answer the families of a block of records, by the number of each member."""
    chance = random.Random(f"{seed} families {block}")
    numbers = chance.sample(range(block * BLOCK + 1, (block + 1) * BLOCK + 1), GROUPED)
    sizes, found = _weighed(FAMILY_SIZES), dict[int, Family]()
    while numbers:
        size = min(sizes.one(chance), len(numbers))
        if len(numbers) - size == 1:  # nobody is a family alone
            size = size - 1 if size > 2 else size + 1
        members = Family(tuple(sorted(numbers[:size])), chance.random() < COPIED)
        numbers = numbers[size:]
        found |= dict.fromkeys(members.numbers, members)
    return found


def _frequent_first(table: str, frequent: Sequence[str], others: Iterable[dict[str, str]]) -> _Skewed[Term]:
    """Order terms by how often repositories state them, so that skew makes them so."""
    labels = {row["id"]: row["label"] for row in vocab.rows(table)}
    ids = dict.fromkeys((*frequent, *(row["id"] for row in others)))
    return _zipf([Term(label=labels[id_], id=id_) for id_ in ids])


def _organisms() -> _Skewed[Term]:
    species = (row for row in vocab.rows("organisms") if row["rank"] == "species")
    return _frequent_first("organisms", _STUDIED, species)


def _methods() -> _Skewed[Term]:
    below = (row for row in vocab.rows("imaging_methods") if _IMAGING in row["parents"].split("|"))
    return _frequent_first("imaging_methods", _USED, below)


class Corpus:
    """Records, and the words to search them with."""

    def __init__(self, seed: int = 1) -> None:
        chance = random.Random(seed)
        common = list(dict.fromkeys(_COMMON.split()))
        self.vocabulary = common + _invented(chance, VOCABULARY - len(common), (2, 4))
        self._words = _zipf(self.vocabulary)
        self._keywords = _zipf([" ".join(self._words.some(chance, 2)) for _ in range(8_000)])
        self._places = _zipf([f"University of {name.title()}" for name in _invented(chance, 4_000, (2, 3))])
        self.surnames = _invented(chance, 40_000, (2, 3))
        self._people = _zipf(
            [f"{name.title()}, {chance.choice('ABCDEFGHJKLMNPRST')}." for name in self.surnames]
        )
        self._organisms, self._methods = _organisms(), _methods()
        self._sources, self._licenses = _weighed(SOURCES), _weighed(LICENSES)
        self._kinds, self._access = _weighed(KINDS), _weighed(ACCESS)
        self.seed = seed

    def records(self, count: int, after: int = 0) -> Iterator[Record]:
        """Make the records numbered up to a count, those after a number."""
        yield from map(self.record, range(after + 1, count + 1))

    def record(self, number: int) -> Record:
        """Make one record."""
        family = families(self.seed, (number - 1) // BLOCK).get(number)
        if family is None:
            return self._alone(number)
        return self._member(family, number)

    def _member(self, family: Family, number: int) -> Record:
        """Make a version or copy: what the first record says, with its own id, date and last words."""
        first, place = self._alone(family.numbers[0]), family.numbers.index(number)
        chance = self._chance(number, "member")
        is_copy = family.has_copy and number == family.numbers[-1]
        source = first.source
        while is_copy and source == first.source:
            source = self._sources.one(chance)
        doi = _doi(source, number)
        words = (first.description or "").strip(".").split()
        kept = words[: len(words) * 9 // 10]
        text = " ".join([*kept, *self._words.some(chance, len(words) - len(kept))]) + "."
        has_concept = first.source == "zenodo" and not is_copy
        changed = {
            "id": f"{source}:{number}", "source": source, "publisher": source.title(), "doi": doi,
            "identifiers": (Identifier(scheme="doi", value=doi),), "description": text,
            "version": None if is_copy else f"{place + 1}.0",
            "concept_doi": _doi(source, f"all-{family.numbers[0]}") if has_concept else None,
            "related": tuple(_relations(first.source, family, place, is_copy=is_copy)),
            "links": Links(landing=f"https://doi.org/{doi}"),
        }  # fmt: skip
        return first.model_copy(update=changed)

    def _chance(self, number: int, what: str = "record") -> random.Random:
        return random.Random(f"{self.seed} {what} {number}")

    def _alone(self, number: int) -> Record:
        chance = self._chance(number)
        source = self._sources.one(chance)
        doi = _doi(source, number)
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


def _doi(source: str, name: int | str) -> str:
    # A prefix that nobody has; DataCite's for tests, 10.5072, is a placeholder and claims nothing.
    return f"10.99999/{source}.{name}"


def _relations(source: str, family: Family, place: int, *, is_copy: bool) -> Iterator[Related]:
    """Yield what a member says of the others; Zenodo's versions have their concept DOI instead."""
    if is_copy:
        yield Related(relation="IsIdenticalTo", id=_doi(source, family.numbers[0]), scheme="doi")
    elif place > 0 and source != "zenodo":
        yield Related(relation="IsNewVersionOf", id=_doi(source, family.numbers[place - 1]), scheme="doi")
