"""What a search finds, counted for charts: tables of which every row can be searched for.

Counts are of one state of the index for one table, by the same filters as the search itself; what a table
leaves out is told.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from index.entry import VOCABULARIES
from index.query import token
from index.search import Answer, Catalogue, FacetValue, Request

SOURCES = 8
"""Repositories that a chart of years tells apart; colors that everybody can tell apart are no more."""
SIDE = 12
"""Organisms and methods of the heat map."""
LISTED = 20
"""Bars of licenses and institutions."""


@dataclass(frozen=True, slots=True)
class Cell:
    """A count, what it is of, and how to search for it."""

    labels: tuple[str, ...]
    count: int
    filters: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Table:
    """What a chart shows."""

    columns: tuple[str, ...]
    cells: tuple[Cell, ...]
    total: int
    """Hits of the search."""
    missing: int
    """Hits that state nothing of it."""
    note: str
    """What is left out."""
    revision: int


Count = Callable[[Catalogue, Request], Table]


def years(catalogue: Catalogue, request: Request) -> Table:
    """Count hits by year and repository."""
    whole = _found(catalogue, request, ("source", "year"), 100)
    named = _values(request, whole, "source")
    cells = [
        Cell((year.label, source.label), year.count, (("year", year.value), ("source", source.value)))
        for source in named[:SOURCES]
        for year in _values(
            request, _found(catalogue, _only(request, "source", source.value), ("year",), 100), "year"
        )
    ]
    cells.sort(key=lambda cell: cell.labels)
    note = f"The {SOURCES} repositories with the most hits." if len(named) > SOURCES else ""
    return _table(("year", "source"), cells, whole, note)


def methods(catalogue: Catalogue, request: Request) -> Table:
    """Count hits by imaging method and organism; what is below a term counts for it as well."""
    whole = _found(catalogue, request, ("organism", "imaging_method"), 100)
    across = {each.value: each.label for each in _values(request, whole, "imaging_method")[:SIDE]}
    cells = [
        Cell(
            (across[method.value], organism.label),
            method.count,
            (("imaging_method", method.value), ("organism", organism.value)),
        )
        for organism in _values(request, whole, "organism")[:SIDE]
        for method in _found(catalogue, _only(request, "organism", organism.value), ("imaging_method",), 100)
        .facets["imaging_method"]
        .values
        if method.value in across
    ]
    note = f"The {SIDE} organisms and methods with the most hits at most; a term counts what is below it."
    return _table(("imaging_method", "organism"), cells, whole, note)


def of_facet(name: str) -> Count:
    """Make what counts hits by the values of one facet."""

    def count(catalogue: Catalogue, request: Request) -> Table:
        whole = _found(catalogue, request, (name,), 100)
        named = _values(request, whole, name)
        cells = [Cell((each.label,), each.count, ((name, each.value),)) for each in named[:LISTED]]
        note = f"The {LISTED} most frequent." if len(named) > LISTED else ""
        return _table((name,), cells, whole, note)

    return count


def sizes(catalogue: Catalogue, request: Request) -> Table:
    """Count hits by powers of ten of their size in bytes."""
    whole = catalogue.search(replace(request, size=0, cursor=None, facets=(), histograms=("bytes",)))
    counted = whole.histograms["bytes"]
    cells = [Cell((str(bar.low),), bar.count, (("bytes", f"{bar.low}..{bar.high}"),)) for bar in counted.bars]
    return Table(("bytes",), tuple(cells), whole.total, counted.missing, "", whole.snapshot)


TABLES: Mapping[str, Count] = {
    "years": years,
    "methods": methods,
    "licenses": of_facet("license"),
    "sizes": sizes,
    "institutions": of_facet("affiliation"),
}


def _found(catalogue: Catalogue, request: Request, facets: tuple[str, ...], size: int) -> Answer:
    """Count facets without their own filters: a link puts its value in their place, and must find as many."""
    return catalogue.search(
        replace(
            request,
            size=0,
            cursor=None,
            facets=facets,
            facet_size=size,
            histograms=(),
            facet_mode="disjunctive",
        )
    )


def _values(request: Request, answer: Answer, name: str) -> list[FacetValue]:
    """Answer the values of a facet that are asked for: all, or those chosen and what is below them."""
    chosen = {token(name, each) for each in request.filters.get(name, ())} if name != "year" else set()
    above = VOCABULARIES[name].parents if name in VOCABULARIES else lambda _: ()
    return [
        each
        for each in answer.facets[name].values
        if not chosen or each.value in chosen or not chosen.isdisjoint(above(each.value))
    ]


def _only(request: Request, name: str, value: str) -> Request:
    """Ask for one value in the place of a field's filter."""
    return replace(request, filters={**request.filters, name: [value]})


def _table(columns: tuple[str, ...], cells: Sequence[Cell], whole: Answer, note: str) -> Table:
    missing = max(whole.facets[name].missing for name in columns)
    return Table(columns, tuple(cells), whole.total, missing, note, whole.snapshot)
