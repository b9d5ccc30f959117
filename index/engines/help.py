"""What an engine tells beyond a search: words and values it holds, their counts, what is new, what is alike.

All of it is of one snapshot and, unless said otherwise, of what stands today, tombstones left out.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol, TypeAlias

from index.engines import Tombstones
from index.query import Query

Place: TypeAlias = tuple[int, int]
"""Record number and first revision of a version."""


@dataclass(frozen=True, slots=True)
class Trait:
    """Something a record has that others may have too."""

    field: str
    """A token field of the entry; `title` or `text` for a word in it."""
    token: str


@dataclass(frozen=True, slots=True)
class Weighed:
    """A trait with how many records have it, and what sharing it says."""

    trait: Trait
    records: int
    weight: float


class Help(Protocol):
    """What a snapshot can tell."""

    def words(self, text: str) -> list[str]:
        """Cut text into words as the index does: lower case, without accents, not stemmed."""
        ...

    def stems(self, text: str) -> set[str]:
        """Cut text into the stems that titles and texts are searched by."""
        ...

    def recent(  # where to begin and to end, and which way
        self,
        query: Query,
        *,
        after: int,
        before: int | None,
        size: int,
        latest_first: bool,
        withdrawn: Tombstones = "exclude",
    ) -> list[Place]:
        """List current versions by the revision that made them, after one revision and before another."""
        ...

    def frequency(self, word: str) -> int:
        """Say in how many versions a word (see `words`) of titles, terms and names stands."""
        ...

    def beginning(self, start: str, size: int) -> list[tuple[str, int]]:
        """List words of titles, terms and names that begin so, most frequent first."""
        ...

    def popular(self, fields: Sequence[str], size: int) -> Mapping[str, list[tuple[str, int]]]:
        """List the most frequent tokens of fields; near enough for ordering, not to be shown as counts."""
        ...

    def among(self, words: Sequence[str], fields: Sequence[str], size: int) -> Mapping[str, list[str]]:
        """List tokens of records whose names hold all words, the last one a beginning if it is long enough.

        Nothing is listed where too many records do: then `popular` has the better answer.
        """
        ...

    def titled(self, words: Sequence[str], size: int) -> list[Place]:
        """List records whose title holds all words, the last one a beginning; none if too many do."""
        ...

    def spelled(self, word: str, distance: int, size: int) -> list[Place]:
        """List records with a word in title, terms or names that differs by so many letters at most."""
        ...

    def weigh(self, traits: Sequence[Trait], most: int, postings: int, least: int = 2) -> list[Weighed]:
        """Weigh traits by how rare they are; of those that tell something, the rarest.

        Args:
            traits: what to weigh; words are stemmed here.
            most: keep so many at most.
            least: leave out what fewer records have.
            postings: and so many that not more records than this have them, counted together.
        """
        ...

    def alike(
        self, traits: Sequence[Weighed], apart: Sequence[Query], size: int
    ) -> list[tuple[Place, float]]:
        """List records that share traits, with the sum of the weights shared; highest first."""
        ...
