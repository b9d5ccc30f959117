"""What stands above and below a value of a facet that is a hierarchy: organisms, imaging methods."""

from __future__ import annotations

from collections.abc import Iterable

from index.entry import VOCABULARIES, fold

TOP = "top"
"""Stands for what has nothing above it."""


def parents(field: str, value: str) -> tuple[str, ...]:
    """Answer what stands directly above a value: what is above it and above nothing else that is."""
    vocabulary = VOCABULARIES[field]
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
    names = (value, *VOCABULARIES[field].synonyms(value))
    return any(fold(name).startswith(prefix) for name in names)
