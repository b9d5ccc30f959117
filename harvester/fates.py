"""What becomes of each path of a source's documents, as the table beside the source tells; see `losses`."""

from __future__ import annotations

from functools import cache, lru_cache
from importlib.resources import files

import orjson

from harvester import registry
from harvester.source import Source
from index.losses import Fates

FILE = "fates.json"


def fates_of(source: Source) -> Fates:
    """Answer what becomes of each path of a source's documents.

    Raises:
        FileNotFoundError: nobody made the table; `make losses` does.
    """
    return Fates(mapped_of(source.card.name), source.ignored)


@cache
def mapped_of(name: str) -> dict[str, list[str]]:
    """Answer the table beside a source."""
    told = orjson.loads(files(f"harvester.sources.{name}").joinpath(FILE).read_bytes())
    return {**told["elsewhere"], **told["here"]}


@lru_cache(maxsize=8192)
def is_known(name: str, path: str) -> bool:
    """Tell whether a path of a source was met before; asked for every path of every batch."""
    return fates_of(registry.source(name)).knows(path)
