"""The table of contents: every source, in the order in which people should meet them."""

from __future__ import annotations

from harvester.source import Source
from harvester.sources import dryad, empiar, figshare, idr, ssbd, zenodo

SOURCES: tuple[Source, ...] = (empiar, idr, figshare, dryad, ssbd, zenodo)


class UnknownSource(Exception):  # the name says what is wrong
    """Nobody by that name."""


def source(name: str) -> Source:
    """Find a source by name.

    Raises:
        UnknownSource: there is none; the text lists those there are.
    """
    for module in SOURCES:
        if module.card.name == name:
            return module
    known = ", ".join(module.card.name for module in SOURCES)
    raise UnknownSource(f"no source named {name!r}; there are {known}")
