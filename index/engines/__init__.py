"""The engine: a search index that can be thrown away and made again from the store.

`Engine` is what every engine offers; `tantivy.py` is the embedded one. An engine holds entries of record
versions (see `index/entry.py`) and knows up to which revision of the store it has come.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, Protocol, TypeAlias

from index.query import Query
from index.record import Json

if TYPE_CHECKING:
    from index.engines.help import Help

Sort: TypeAlias = Literal["relevance", "newest", "oldest", "largest", "kept"]
"""`kept` is the order in which the node first kept the records: their numbers, which never change."""

Tombstones: TypeAlias = Literal["exclude", "include", "only"]
TOMBSTONES: tuple[Tombstones, ...] = ("exclude", "include", "only")
"""What a search does with tombstones."""

SORTS: tuple[Sort, ...] = ("relevance", "newest", "oldest", "largest", "kept")


class SnapshotGone(Exception):  # the name says what is wrong
    """The state of the index that a cursor belongs to is no longer there."""


@dataclass(frozen=True, slots=True)
class Position:
    """Where a page of results ends: after a sort key, or after so many results of one index state."""

    after: int
    state: str | None = None
    """For relevance: the index state whose order is meant; scores of another state may differ."""


@dataclass(frozen=True, slots=True)
class FacetCount:
    """The values of a field among all hits, most frequent first."""

    values: tuple[tuple[str, int], ...]
    missing: int
    """Hits without any value."""
    other: int
    """Values counted but not listed; for single-valued fields these are hits."""


@dataclass(frozen=True, slots=True)
class Found:
    """One page of results. Hits, total and facets come from the same state of the index."""

    total: int
    hits: tuple[tuple[int, int, float | None], ...]
    """Record number, first revision of the version, and score (None when sorted by a field)."""
    facets: Mapping[str, FacetCount] = field(default_factory=dict)
    next: Position | None = None


class Snapshot(Protocol):
    """One state of the index; it does not change while it is held."""

    revision: int

    def search(  # noqa: PLR0913  # a search is these choices
        self,
        query: Query,
        *,
        at: int,
        sort: Sort,
        size: int,
        after: Position | None,
        facets: Sequence[str],
        facet_size: int,
        withdrawn: Tombstones = "exclude",
    ) -> Found:
        """Find the versions that stood at a revision; tombstones as `withdrawn` says.

        Raises:
            SnapshotGone: the position belongs to a state that is no longer there.
        """
        ...

    def snippets(self, query: Query, texts: Sequence[str], length: int) -> list[str | None]:
        """Cut the telling part out of each text, HTML-escaped, with <mark> around the words found."""
        ...

    def one(self, field: str, token: str) -> tuple[int, int] | None:
        """Find any version with a token, a current one if there is one: its number and revision."""
        ...

    @property
    def help(self) -> Help:
        """What it tells beyond a search."""
        ...

    def held(self, low: int | None, high: int | None) -> list[tuple[int, int, int]]:
        """List the versions of records numbered from one number to another, both included, in no order.

        Returns:
            Record number, first revision and end of each; one that is held twice comes twice.
        """
        ...


class Engine(Protocol):
    """An index on disk or elsewhere."""

    def snapshot(self, state: str | None = None) -> Snapshot:
        """Take the newest state, or an older one that is still held.

        Raises:
            SnapshotGone: the older one is no longer there.
        """
        ...

    def revision(self) -> int:
        """Answer the store's revision up to which the index has come; 0 when it is new."""
        ...

    def turn(self) -> AbstractContextManager[None]:
        """Be the only one, over all threads and processes, that writes while the block runs.

        What has come in is asked inside the block: before it, another may be at work on the same revisions.

        Raises:
            EngineBusy: another process writes.
        """
        ...

    def write(
        self, entries: Iterable[Json], closed: Iterable[Json], removed: Iterable[int], revision: int
    ) -> None:
        """Bring the index to a revision: new versions, versions that are over, records purged. Atomic."""
        ...

    def clear(self) -> None:
        """Throw everything away; the revision is 0 again."""
        ...

    def close(self) -> None:
        """Let go of files and locks."""
        ...
