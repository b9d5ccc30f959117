"""Tables of terms as facts, read with `importlib.resources`; NOTE.md says where each comes from."""

from __future__ import annotations

import csv
from importlib.resources import files


def rows(name: str) -> list[dict[str, str]]:
    """Read one table of this folder; a list of rows, keys from the header line."""
    text = files("index.vocab").joinpath(f"{name}.csv").read_text(encoding="utf-8")
    return list(csv.DictReader(text.splitlines()))
