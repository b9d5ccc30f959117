"""Filters, field by field: a facet can be counted as if its own filter were not there.

What is chosen of one field - several values, and having none - is one choice: any of it. What is excluded
stays excluded from every count.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from index.engines import HISTOGRAMS
from index.entry import FACETS
from index.query import FILTERS, BadQuery, OneOf, Query, filters
from index.query.nodes import both, either, without

MISSING = "missing"
CHOICES = (*FILTERS, MISSING)
"""What can be asked besides words."""

FIELDS = tuple(dict.fromkeys((*FACETS, *HISTOGRAMS)))
"""Of these it can be asked that nothing is stated."""


@dataclass(frozen=True, slots=True)
class Choices:
    """The filters of a search."""

    chosen: Mapping[str, Query]
    """By field, what is any of."""
    excluded: tuple[Query, ...]

    def query(self, words: Query, but: str | None = None) -> Query:
        """Join words and filters, but for those of one field."""
        parts = [part for field, part in self.chosen.items() if field != but]
        return both([words, *parts, *self.excluded])

    def apart(self, words: Query, fields: Sequence[str]) -> dict[str, Query]:
        """Answer, for each field of which something is chosen, the search without that."""
        return {field: self.query(words, field) for field in fields if field in self.chosen}


def choices(asked: Mapping[str, Sequence[str]]) -> Choices:
    """Read filters; see `index.query.filters`. `missing=organism` asks for records that state none.

    Raises:
        BadQuery: a filter there is not, or a value that cannot be understood.
    """
    chosen: dict[str, list[Query]] = {}
    excluded: list[Query] = []
    for name, values in asked.items():
        field, is_excluded = name.removeprefix("-"), name.startswith("-")
        for of, query in _read(name, field, values):
            if is_excluded:
                excluded.append(query)
            else:
                chosen.setdefault(of, []).append(query)
    return Choices(
        {field: either(parts) for field, parts in chosen.items()},
        tuple(excluded),
    )


def _read(name: str, field: str, values: Sequence[str]) -> list[tuple[str, Query]]:
    """Answer the queries of one parameter, each with the field it chooses from."""
    if field != MISSING:
        return [(field, query) for query in filters({name: values})]
    found = [(of, lacking(of)) for of in (value.strip() for value in values) if of]
    return [(of, without(query) if name != field else query) for of, query in found]


def lacking(field: str) -> Query:
    """Match what states nothing of a field.

    Raises:
        BadQuery: a field there is not.
    """
    if field not in FIELDS:
        raise BadQuery(f"missing={field!r} is unknown; there are {', '.join(FIELDS)}")
    if field == "bytes":
        return without(OneOf("has", ("bytes",)))
    return OneOf("none", (field,))
