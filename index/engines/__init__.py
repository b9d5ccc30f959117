"""The engine: a search index that can be thrown away and made again from the store.

`Engine` is what every engine offers; `tantivy.py` is the embedded one. An engine holds entries of record
versions (see `index/entry.py`) and knows up to which revision of the store it has come.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, Protocol, TypeAlias

from index.query import Query
from index.record import Json

if TYPE_CHECKING:
    from index.engines.help import Help

Sort: TypeAlias = Literal["relevance", "newest", "oldest", "largest", "changed", "kept"]
"""`changed`: what this node saw change last comes first; no two versions have the same revision. `kept` is
the order in which the node first kept the records: their numbers, which never change."""

Tombstones: TypeAlias = Literal["exclude", "include", "only"]
TOMBSTONES: tuple[Tombstones, ...] = ("exclude", "include", "only")
"""What a search does with tombstones."""

SORTS: tuple[Sort, ...] = ("relevance", "newest", "oldest", "largest", "changed", "kept")

Collapse: TypeAlias = Literal["family", "version", "none"]
COLLAPSES: tuple[Collapse, ...] = ("family", "version", "none")
"""What is one hit: a family of versions and copies, the versions of one thing, or every record."""

HISTOGRAMS = ("year", "bytes")
"""Numbers of which the answer may hold bars."""


class SnapshotGone(Exception):  # the name says what is wrong
    """The state of the index that a cursor belongs to is no longer there."""


class Regrouped(SnapshotGone):
    """Records that a cursor leads through belong to other groups than when it was made."""


@dataclass(frozen=True, slots=True)
class Position:
    """Where a page of results ends: after a sort key, or after so many results of one index state."""

    after: int
    state: str | None = None
    """For relevance: the index state whose order is meant; scores of another state may differ."""
    grouping: str | None = None
    """Where groups are hits: what `Snapshot.grouping` told of them."""


@dataclass(frozen=True, slots=True)
class FacetCount:
    """The values of a field among all hits, most frequent first."""

    values: tuple[tuple[str, int], ...]
    missing: int
    """Hits without any value."""
    other: int | None
    """Values counted but not listed; for single-valued fields these are hits. None where groups are counted
    and there are more values than are worth counting for it."""


@dataclass(frozen=True, slots=True)
class Bar:
    """The hits between two numbers, both included."""

    low: int
    high: int
    count: int


@dataclass(frozen=True, slots=True)
class HistogramCount:
    """Hits by a number, from the smallest on; bars without hits are left out."""

    bars: tuple[Bar, ...]
    missing: int


@dataclass(frozen=True, slots=True)
class Counts:
    """What is to be counted among the hits."""

    facets: tuple[str, ...] = ()
    facet_size: int = 10
    histograms: tuple[str, ...] = ()
    apart: Mapping[str, Query] = field(default_factory=dict)
    """Fields that are counted among the hits of another query: the same without their own filter."""
    until: float | None = None
    """The moment, by the monotonic clock, after which no further count is begun, and the hits of no further
    shard are looked for. Who needs everything says none."""


@dataclass(frozen=True, slots=True)
class Searched:
    """How much of an index was searched until there was no time left."""

    shards: int
    of: int


Hits: TypeAlias = tuple[tuple[int, int, float | None], ...]
"""Record number, first revision of the version, and score (None when sorted by a field)."""
Members: TypeAlias = tuple[int, ...]
"""For each hit, how many hits its group has; empty where every record is a hit."""


@dataclass(frozen=True, slots=True)
class Found:
    """One page of results. Hits, total and facets come from the same state of the index."""

    total: int
    hits: Hits
    facets: Mapping[str, FacetCount] = field(default_factory=dict)
    next: Position | None = None
    members: Members = ()
    histograms: Mapping[str, HistogramCount] = field(default_factory=dict)
    uncounted: tuple[str, ...] = ()
    """Facets and histograms that were not begun in time."""
    searched: Searched | None = None
    """Where time was over before all shards were begun: hits and total are of those, every record is a hit,
    and nothing else is counted. None where everything was searched."""


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
        collapse: Collapse = "none",
        counts: Counts | None = None,
        seen: Callable[[Hits, Members], None] | None = None,
    ) -> Found:
        """Find the versions that stood at a revision; tombstones as `withdrawn` says.

        With `collapse`, the total and every count is of groups with a member among the candidates, and a hit
        is a group's best member. `counts` takes the place of `facets` and `facet_size`. `seen` is called with
        what is on the page as soon as that is known: what it fetches comes while facets are still counted.

        Raises:
            SnapshotGone: the position belongs to a state that is no longer there.
            Regrouped: or to other groups.
        """
        ...

    def total(
        self, query: Query, *, at: int, withdrawn: Tombstones = "exclude", collapse: Collapse = "none"
    ) -> int:
        """Count what `search` would find."""
        ...

    def grouping(
        self,
        query: Query,
        *,
        at: int,
        withdrawn: Tombstones = "exclude",
        collapse: Collapse = "none",
    ) -> str | None:
        """Tell how candidates are grouped: the same for as long as they are; None where every one is a hit.

        A version keeps its revisions but not its group: what is learned later regroups the past as well.
        """
        ...

    def values(  # a search is these choices
        self,
        query: Query,
        *,
        at: int,
        field: str,
        prefix: str = "",
        withdrawn: Tombstones = "exclude",
        collapse: Collapse = "none",
    ) -> Iterator[tuple[str, int]]:
        """Yield every value of a field that begins so, with its count: most frequent first, then by value."""
        ...

    def above(
        self,
        query: Query,
        *,
        at: int,
        field: str,
        withdrawn: Tombstones = "exclude",
        collapse: Collapse = "none",
    ) -> dict[str, int]:
        """Count every value of a hierarchy, those above what is stated too."""
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

    def begun(self) -> int:
        """Answer up to which revision some of it may have come, when it was stopped in the middle of a write.

        That is `revision` where it was not. Searches do not see more than that.
        """
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
