"""A count by looking at every record, to hold answers against."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

import orjson
import pytest

from index.engines import Collapse
from index.entry import UP_FIELDS, entry_of
from index.families import layer
from index.listing import Wanted
from index.record import Record, Term
from index.search import Catalogue, Request
from index.store import Store
from tests.index.filling import catalogue, fill

MOUSE, HUMAN = Term(label="Mus musculus", id="NCBITaxon:10090"), Term(label="human", id="NCBITaxon:9606")
MAMMALIA = Term(label="Mammalia", id="NCBITaxon:40674")


def keep(store: Store, records: Iterable[Record]) -> None:
    """Bring records in, each as a page of its own source."""
    by_source = defaultdict(list)
    for record in records:
        by_source[record.source].append(record)
    for source, some in by_source.items():
        fill(store, some, source)


def in_commits(store: Store, folder: Path, commits: int) -> Catalogue:
    """Index a store in several commits, so that the index has several segments."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("index.sync.BATCH", store.revision() // commits + 1)
        return catalogue(store, folder)


# ---- the plain count ---------------------------------------------------------------------------


class Plain:
    """All that is held at a revision, counted by looking at every record."""

    def __init__(self, store: Store, revision: int) -> None:
        current, over = store.changes(0, store.revision())
        with store.reading() as connection:
            kin = layer.kin_of(connection, {kept.rid for kept in (*current, *over)})
        self.numbers = {
            "family": {rid: own.family for rid, own in kin.items()},
            "version": {rid: own.version for rid, own in kin.items()},
        }
        stood = [
            kept for kept in (*current, *over)
            if kept.revision <= revision and (kept.to_revision is None or kept.to_revision > revision)
        ]  # fmt: skip
        self.entries = [entry_of(kept.rid, kept.revision, None, orjson.loads(kept.json)) for kept in stood]
        self.ids = {kept.rid: orjson.loads(kept.json)["id"] for kept in stood}

    def candidates(self, request: Request, without: str | None = None) -> list[Any]:
        return [entry for entry in self.entries if self._matches(entry, request, without)]

    def _matches(self, entry: Any, request: Request, without: str | None) -> bool:
        gone = "withdrawn" in entry["aside"]
        asked = "include" if "is:" in request.words and request.withdrawn == "exclude" else request.withdrawn
        if gone != (asked == "only") and asked != "include":
            return False
        if not says(entry, request):
            return False
        chosen: dict[str, list[bool]] = defaultdict(list)
        for name, values in request.filters.items():
            field = name.lstrip("-")
            for value in values:
                of = value if field == "missing" else field
                holds = not of_field(entry, of) if field == "missing" else has(entry, field, value)
                if name.startswith("-"):
                    if holds:
                        return False
                elif of != without:
                    chosen[of].append(holds)
        return all(any(some) for some in chosen.values())

    def group(self, entry: Any, collapse: Collapse) -> int:
        rid: int = entry["rid"]
        return self.numbers.get(collapse, {}).get(rid, rid)

    def count(self, entries: Iterable[Any], collapse: Collapse) -> int:
        return len({self.group(entry, collapse) for entry in entries})

    def facet(self, request: Request, name: str) -> tuple[dict[str, int], int]:
        """Each value's count, and how many state none."""
        without = name if request.facet_mode == "disjunctive" else None
        of = self.candidates(request, without)
        values = {value for entry in of for value in of_field(entry, name)}
        counts = {
            value: self.count(
                (e for e in of if value in of_field(e, UP_FIELDS.get(name, name))), request.collapse
            )
            for value in values
        }
        return counts, self.count((e for e in of if not of_field(e, name)), request.collapse)


def says(entry: Any, request: Request) -> bool:
    """Tell whether the words hold: plain ones, -word, field:value and is:withdrawn."""
    held = " ".join(entry["title"]).split()
    plain: list[bool] = []
    others: list[bool] = []
    for word in request.words.split():
        bare = word.removeprefix("-")
        name, colon, value = bare.partition(":")
        if name == "is":
            holds = "withdrawn" in entry["aside"]
        else:
            holds = has(entry, name, value) if colon else bare in held
        (others if colon or bare != word else plain).append(holds != (bare != word))
    return all(others) and (any(plain) or not plain if request.match == "any" else all(plain))


def of_field(entry: Any, name: str) -> list[str]:
    if name in {"year", "bytes"}:
        return [str(entry[name])] if name in entry else []
    return list(entry[name])


def has(entry: Any, field: str, value: str) -> bool:
    if field in {"year", "bytes"}:
        low, dots, high = value.partition("..")
        number = entry.get(field)
        return number is not None and int(low) <= number <= int(high or (10**19 if dots else low))
    return {"Mammalia": MAMMALIA.id, "Mus musculus": MOUSE.id}.get(value, value) in entry[
        UP_FIELDS.get(field, field)
    ]


def walk(searched: Catalogue, request: Request) -> list[Any]:
    """Turn all pages."""
    hits: list[Any] = []
    cursor = None
    for _ in range(100):
        answer = searched.search(replace(request, cursor=cursor))
        hits += answer.hits
        cursor = answer.next
        if cursor is None:
            return hits
    raise AssertionError("the pages do not end")


def to_the_end(searched: Catalogue, request: Request, wanted: Wanted) -> list[tuple[str, int]]:
    values: list[tuple[str, int]] = []
    cursor = None
    for _ in range(100):
        page = searched.facet(
            request, Wanted(wanted.field, wanted.prefix, wanted.parent, wanted.size, cursor)
        )
        values += [(value.value, value.count) for value in page.values]
        cursor = page.next
        if cursor is None:
            return values
    raise AssertionError("the values do not end")
