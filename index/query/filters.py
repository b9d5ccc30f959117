"""Filters and facets, as parameters name them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from index.entry import FACETS, TOKEN_FIELDS
from index.query.fields import value
from index.query.nodes import BadQuery, Query, either, without
from index.query.ranges import QUANTITIES

FILTERS = (*TOKEN_FIELDS, *QUANTITIES, "has", "is")


def filters(asked: Mapping[str, Sequence[str]]) -> list[Query]:
    """Read filters: a repeated one means OR, different ones AND, and a name after "-" excludes.

    Raises:
        BadQuery: a value that cannot be understood.
    """
    found: list[Query] = []
    for name, values in asked.items():
        field = name.removeprefix("-")
        if field not in FILTERS:
            raise BadQuery(f"no filter named {field!r}", hint=f"there are {', '.join(FILTERS)}")
        parts = [value(field, each) for each in values if each.strip()]
        if not parts:
            continue
        query = either(parts)
        found.append(without(query) if name.startswith("-") else query)
    return found


def facets(asked: Sequence[str]) -> tuple[str, ...]:
    """Read the facets asked for.

    Raises:
        BadQuery: one there is not.
    """
    names = [name.strip() for value in asked for name in value.split(",") if name.strip()]
    for name in names:
        if name not in FACETS:
            raise BadQuery(f"no facet named {name!r}; there are {', '.join(FACETS)}")
    return tuple(dict.fromkeys(names))
