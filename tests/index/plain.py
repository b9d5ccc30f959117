"""Records in groups, indexed as `sync` does, and a count of them by looking at every one."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeAlias

import orjson

from index.engines.tantivy import TantivyEngine
from index.entry import UP_FIELDS, entry_of
from index.listing import Wanted
from index.record import Term
from index.search import Catalogue, Request
from index.store import Store

Groups: TypeAlias = Mapping[str, Mapping[str, int]]
"""By kind, the group of each record that is in one."""

MOUSE, HUMAN = Term(label="Mus musculus", id="NCBITaxon:10090"), Term(label="human", id="NCBITaxon:9606")
MAMMALIA = Term(label="Mammalia", id="NCBITaxon:40674")

# ---- a store with groups -----------------------------------------------------------------------


def grouped(store: Store, folder: Path, groups: Groups, commits: int = 1) -> Catalogue:
    """Index a store as `sync` does, with records in groups."""
    engine = TantivyEngine(folder / "index", writing=True)
    goal, rids = store.revision(), rids_of(store)
    numbers = {kind: numbered(groups.get(kind, {}), rids) for kind in ("family", "version")}

    def entry(kept: Any) -> Any:
        made = entry_of(kept.rid, kept.revision, kept.to_revision, orjson.loads(kept.json))
        in_groups = {kind: numbers[kind][kept.rid] for kind in numbers if kept.rid in numbers[kind]}
        return {**made, **in_groups, "grouped": list(in_groups)}

    at = 0
    for step in range(1, commits + 1):
        until = goal * step // commits
        current, over = store.changes(at, until)
        engine.write(map(entry, current), map(entry, over), [], until)
        at = until
    return Catalogue(store, engine)


def rids_of(store: Store) -> dict[str, int]:
    current, over = store.changes(0, store.revision())
    return {orjson.loads(kept.json)["id"]: kept.rid for kept in (*current, *over)}


def numbered(groups: Mapping[str, int], rids: Mapping[str, int]) -> dict[int, int]:
    """By record number, the lowest number of its group, for groups with more than one member."""
    members = defaultdict(list)
    for id_, group in groups.items():
        if id_ in rids:
            members[group].append(rids[id_])
    return {rid: min(some) for some in members.values() if len(some) > 1 for rid in some}


# ---- the plain count ---------------------------------------------------------------------------


class Plain:
    """All that is held at a revision, counted by looking at every record."""

    def __init__(self, store: Store, groups: Groups, revision: int) -> None:
        rids = rids_of(store)
        self.numbers = {kind: numbered(groups.get(kind, {}), rids) for kind in ("family", "version")}
        current, over = store.changes(0, store.revision())
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
        if gone != (request.withdrawn == "only") and request.withdrawn != "include":
            return False
        words = " ".join(entry["title"]).split()
        if not all(word in words for word in request.words.split()):
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

    def group(self, entry: Any, collapse: str) -> int:
        rid: int = entry["rid"]
        return self.numbers.get(collapse, {}).get(rid, rid)

    def count(self, entries: Iterable[Any], collapse: str) -> int:
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
