"""Counts that agree: hits, total, facets and bars of every mode against a plain count in Python."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeAlias

import orjson
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from index.engines import COLLAPSES, HISTOGRAMS, SORTS, TOMBSTONES
from index.engines.tantivy import TantivyEngine, counting, leaders
from index.entry import FACETS, UP, entry_of
from index.listing import Wanted
from index.record import Creator, Dates, Files, License, Record, Term, Withdrawal
from index.search import FACET_MODES, Answer, Catalogue, Request
from index.store import Store
from tests.index.filling import fill

Groups: TypeAlias = Mapping[str, Mapping[str, int]]
"""By kind, the group of each record that is in one."""

MOUSE, HUMAN = Term(label="Mus musculus", id="NCBITaxon:10090"), Term(label="human", id="NCBITaxon:9606")
MAMMALIA = Term(label="Mammalia", id="NCBITaxon:40674")

WORDS = ("soil", "water", "brain", "mitosis")
"""None is a name of an organism, so that only title and description hold them."""

keywords = st.lists(st.sampled_from(["Alpha", "beta", "Gamma ray", "delta"]), max_size=3, unique=True)
organisms = st.lists(st.sampled_from([MOUSE, HUMAN, MAMMALIA, Term(label="a chimera")]), max_size=2)
names = st.lists(st.sampled_from(["Doe, J", "Roe, R", "Poe, E"]), max_size=2, unique=True)
records = st.builds(
    Record,
    id=st.integers(0, 14).map(lambda number: f"demo:{number}"),
    source=st.just("demo"),
    kind=st.sampled_from(["Dataset", "Image"]),
    title=st.lists(st.sampled_from(WORDS), min_size=1, max_size=3).map(" ".join),
    dates=st.builds(Dates, published=st.sampled_from([None, "2019", "2020-01-02", "2021-12-31"])),
    license=st.none() | st.builds(License, spdx=st.sampled_from(["CC-BY-4.0", "CC0-1.0"])),
    keywords=keywords.map(tuple),
    organisms=organisms.map(tuple),
    creators=names.map(lambda some: tuple(Creator(name=name) for name in some)),
    files=st.builds(Files, bytes=st.sampled_from([None, 1, 9, 10, 999, 1000, 10**18])),
    withdrawn=st.sampled_from([None, None, None, Withdrawal(date="2026-01-01", reason="retracted")]),
)
lists = st.lists(records, max_size=15, unique_by=lambda record: record.id)
assigned = st.lists(st.integers(0, 5), min_size=15, max_size=15)
partitions = st.fixed_dictionaries({"family": assigned, "version": assigned})

FILTERS = {
    "keyword": ["alpha", "gamma ray"],
    "organism": ["Mammalia", "Mus musculus"],
    "license": ["CC0-1.0"],
    "year": ["2019..2020", "2021"],
    "bytes": ["1..9", "1000.."],
    "missing": ["organism", "license", "year", "bytes"],
}
asked = st.fixed_dictionaries(
    {},
    optional={
        f"{sign}{name}": st.lists(st.sampled_from(values), min_size=1, max_size=2, unique=True)
        for name, values in FILTERS.items()
        for sign in ("", "-")
    },
)
requests = st.builds(
    Request,
    words=st.sampled_from(["", "", *WORDS, "soil brain"]),
    filters=asked,
    facets=st.just(FACETS),
    sort=st.sampled_from(SORTS),
    size=st.integers(1, 5),
    facet_size=st.sampled_from([1, 2, 100]),
    withdrawn=st.sampled_from(TOMBSTONES),
    as_of=st.sampled_from([None, "between"]),
    collapse=st.sampled_from(COLLAPSES),
    facet_mode=st.sampled_from(FACET_MODES),
    histograms=st.just(HISTOGRAMS),
)
slow = settings(
    max_examples=40,
    deadline=None,
    suppress_health_check=list(HealthCheck),
    phases=(Phase.explicit, Phase.reuse, Phase.generate),  # shrinking makes a hundred indexes a minute
)


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


@contextmanager
def few_terms(steps: tuple[int, int]) -> Iterator[None]:
    """Let a segment list so few terms that lists must be counted again and made longer."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(counting, "STEPS", steps)
        patch.setattr(leaders, "MEMBERS", steps[0] + 1)
        yield


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
            value: self.count((e for e in of if value in of_field(e, UP.get(name, name))), request.collapse)
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
        UP.get(field, field)
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


# ---- everything agrees -------------------------------------------------------------------------


@slow
@given(
    held=st.tuples(lists, lists),
    partition=partitions,
    request=requests,
    steps=st.sampled_from([(1, 2), (2, 4), (1000, 10_000)]),
)
def test_hits_total_facets_and_bars_agree_with_a_plain_count(
    held: Any,
    partition: Any,
    request: Any,
    steps: Any,
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    folder = tmp_path_factory.mktemp("exact")
    groups = {kind: {f"demo:{n}": group for n, group in enumerate(of)} for kind, of in partition.items()}
    with Store(folder / "s") as store, few_terms(steps):
        fill(store, held[0])
        between = store.revision()
        fill(store, held[1])
        searched = grouped(store, folder, groups, commits=3)
        request = replace(request, as_of=str(between) if request.as_of else None)
        plain = Plain(store, groups, between if request.as_of else store.revision())
        answer = searched.search(request)
        check_hits(searched, plain, request, answer)
        for name in FACETS:
            check_facet(searched, plain, request, answer, name)
        check_bars(plain, request, answer)
        searched.engine.close()


def check_hits(searched: Catalogue, plain: Plain, request: Request, answer: Answer) -> None:
    found = plain.candidates(request)
    assert answer.total == plain.count(found, request.collapse)
    hits = [hit.kept.rid for hit in walk(searched, request)]
    in_order = [hit.kept.rid for hit in walk(searched, replace(request, collapse="none"))]
    assert sorted(in_order) == sorted(entry["rid"] for entry in found)
    if request.sort and request.sort != "relevance":
        key = "from_revision" if request.sort == "updated" else request.sort
        keys = {entry["rid"]: entry[key] for entry in found}
        assert in_order == sorted(in_order, key=lambda rid: keys[rid], reverse=request.sort != "oldest")
    members = Counter(plain.group(entry, request.collapse) for entry in found)
    group_of = {entry["rid"]: plain.group(entry, request.collapse) for entry in found}
    best: dict[int, int] = {}
    for rid in in_order:
        best.setdefault(group_of[rid], rid)
    assert hits == list(best.values())
    if request.collapse != "none":
        assert [hit.members for hit in walk(searched, request)] == [members[group] for group in best]


def check_facet(searched: Catalogue, plain: Plain, request: Request, answer: Answer, name: str) -> None:
    counts, missing = plain.facet(request, name)
    ordered = sorted(counts.items(), key=lambda pair: (-pair[1], pair[0]))
    facet = answer.facets[name]
    assert [(value.value, value.count) for value in facet.values] == ordered[: request.facet_size], name
    assert facet.missing == missing, name
    other = sum(count for _, count in ordered[request.facet_size :])
    assert facet.other in {other, None if request.collapse != "none" or name in UP else other}
    assert to_the_end(searched, request, Wanted(name, size=2)) == ordered


def check_bars(plain: Plain, request: Request, answer: Answer) -> None:
    for name in ("year", "bytes"):
        without = name if request.facet_mode == "disjunctive" else None
        found = plain.candidates(request, without)
        for bar in answer.histograms[name].bars:
            inside = [entry for entry in found if name in entry and bar.low <= entry[name] <= bar.high]
            assert bar.count == plain.count(inside, request.collapse)
            found = [entry for entry in found if entry not in inside]
        assert not any(name in entry for entry in found)  # every number stands in one bar
        assert answer.histograms[name].missing == plain.count(found, request.collapse)


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
