"""What stands above and below a value of a facet that is a hierarchy: organisms, imaging methods."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from index.entry import fold
from index.values.imaging_methods import IMAGING_METHODS
from index.values.organisms import ORGANISMS
from index.values.terms import Vocabulary

HIERARCHIES: Mapping[str, Vocabulary] = {"organism": ORGANISMS, "imaging_method": IMAGING_METHODS}
"""The fields of `UP`, each with its vocabulary."""

TOP = "top"
"""Stands for what has nothing above it."""


def parents(field: str, value: str) -> tuple[str, ...]:
    """Answer what stands directly above a value: what is above it and above nothing else that is."""
    vocabulary = HIERARCHIES[field]
    above = vocabulary.parents(value)
    direct: list[str] = []
    covered: set[str] = set()
    for each in above:  # nearest first: of a tree the first covers all others
        if each not in covered:
            direct.append(each)
            covered |= set(vocabulary.parents(each))
    return tuple(each for each in direct if each not in covered)


def children(field: str, values: Iterable[str]) -> dict[str, list[str]]:
    """Sort values under what stands directly above each; what has nothing above it stands under `TOP`."""
    below: dict[str, list[str]] = {}
    for value in values:
        for parent in parents(field, value) or (TOP,):
            below.setdefault(parent, []).append(value)
    return below


def is_called(field: str, value: str, prefix: str) -> bool:
    """Tell whether a name of a value begins so; `prefix` is folded."""
    names = (value, *HIERARCHIES[field].synonyms(value))
    return any(fold(name).startswith(prefix) for name in names)
