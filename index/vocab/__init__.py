"""Tables of terms as facts, read with `importlib.resources`; NOTE.md says where each comes from.

A node may hold fuller tables, made by `headwater vocab update` from published ontologies; they stand in
`vocab/` of the data folder and take the place of the bundled ones. `use` says which folder that is.
"""

from __future__ import annotations

import csv
import hashlib
from functools import cache
from importlib.resources import files
from pathlib import Path

from index.vocab.tables import Bundled, Kept, Table

KEPT = ("organisms", "imaging_methods")
"""The tables that a published ontology may replace."""

_in_use: dict[str, Path | None] = {"folder": None}


def rows(name: str) -> list[dict[str, str]]:
    """Read one table of this folder; a list of rows, keys from the header line."""
    text = files("index.vocab").joinpath(f"{name}.csv").read_text(encoding="utf-8")
    return list(csv.DictReader(text.splitlines()))


def use(folder: Path | None) -> None:
    """Take tables from a folder where it holds any, else the bundled ones; for the whole process."""
    _in_use["folder"] = folder
    table.cache_clear()
    fingerprint.cache_clear()


def folder() -> Path | None:
    """Answer the folder that `use` was told, to tell it to another process."""
    return _in_use["folder"]


@cache
def table(name: str) -> Table:
    """Answer the table in use."""
    kept = kept_file(_in_use["folder"], name)
    if kept is not None and kept.is_file():
        return Kept(kept)
    return bundled(name)


@cache
def bundled(name: str) -> Bundled:
    """Answer the table that Headwater brings along."""
    return Bundled(rows(name))


def kept_file(folder: Path | None, name: str) -> Path | None:
    """Answer where the table of a name stands once an ontology was loaded."""
    return None if folder is None else folder / f"{name}.sqlite"


@cache
def fingerprint() -> str:
    """Answer what tells these tables from others: entries made by them are made again when they change."""
    digest = hashlib.blake2b(digest_size=8)
    for name in ("organisms", "imaging_methods", "imaging_methods_obsolete", "spellings"):
        digest.update(files("index.vocab").joinpath(f"{name}.csv").read_bytes())
    for name in KEPT:
        held = table(name)
        digest.update(held.fingerprint.encode() if isinstance(held, Kept) else b"bundled")
    return digest.hexdigest()
