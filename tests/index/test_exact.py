"""Counts that agree: hits, total, facets and bars of every mode against a plain count in Python."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from index.engines import COLLAPSES, HISTOGRAMS, SORTS, TOMBSTONES
from index.engines.tantivy import counting, leaders
from index.engines.tantivy import table as tables
from index.engines.tantivy.table import Table
from index.entry import FACETS, UP_FIELDS
from index.hierarchy import TOP, children
from index.listing import Wanted
from index.record import Creator, Dates, Files, License, Record, Related, Term, Withdrawal
from index.search import FACET_MODES, Answer, Catalogue, Request
from index.store import Store
from tests.index.plain import HUMAN, MAMMALIA, MOUSE, Plain, in_commits, keep, to_the_end, walk

pytestmark = pytest.mark.usefixtures("one_and_three")

WORDS = ("soil", "water", "brain", "mitosis")
"""None is a name of an organism, so that only title and description hold them."""

ASKED = (
    "soil brain", "-soil", "water -brain", "organism:Mammalia", "soil -keyword:beta", "is:withdrawn",
    "-is:withdrawn year:2019..2020",
)  # fmt: skip

keywords = st.lists(st.sampled_from(["Alpha", "beta", "Gamma ray", "delta"]), max_size=3, unique=True)
organisms = st.lists(st.sampled_from([MOUSE, HUMAN, MAMMALIA, Term(label="a chimera")]), max_size=2)
names = st.lists(st.sampled_from(["Doe, J", "Roe, R", "Poe, E"]), max_size=2, unique=True)
concepts = [None, "10.1234/a", "10.1234/b"]
"""Who has one is a version of what has the same in its source, and a copy of what points at it elsewhere."""
copies = [(), (), *((Related(relation="IsIdenticalTo", id=doi),) for doi in ("10.1234/a", "10.1234/c"))]
contents = st.fixed_dictionaries(
    {
        "kind": st.sampled_from(["Dataset", "Image"]),
        "title": st.lists(st.sampled_from(WORDS), min_size=1, max_size=3).map(" ".join),
        "dates": st.builds(Dates, published=st.sampled_from([None, "2019", "2020-01-02", "2021-12-31"])),
        "license": st.none() | st.builds(License, spdx=st.sampled_from(["CC-BY-4.0", "CC0-1.0"])),
        "keywords": keywords.map(tuple),
        "organisms": organisms.map(tuple),
        "creators": names.map(lambda some: tuple(Creator(name=name) for name in some)),
        "files": st.builds(Files, bytes=st.sampled_from([None, 1, 9, 10, 999, 1000, 10**18])),
        "withdrawn": st.sampled_from([None, None, None, Withdrawal(date="2026-01-01", reason="retracted")]),
        "concept_doi": st.sampled_from(concepts),
        "related": st.sampled_from(copies),
    }
)
ids = st.integers(0, 14).map(lambda number: f"{'demo' if number < 10 else 'copy'}:{number}")
records = st.tuples(ids, contents).map(
    lambda made: Record(id=made[0], source=made[0].partition(":")[0], **made[1])
)
lists = st.lists(records, max_size=15, unique_by=lambda record: record.id)

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
    words=st.sampled_from(["", "", *WORDS, *ASKED]),
    match=st.sampled_from(["all", "any"]),
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


@contextmanager
def few_terms(steps: tuple[int, ...]) -> Iterator[None]:
    """Let a segment list so few terms that lists must be counted again and made longer."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(counting, "STEPS", steps)
        patch.setattr(counting, "SEGMENT_TERMS", steps[0])
        patch.setattr(leaders, "MEMBERS", steps[0] + 1)
        yield


# ---- everything agrees -------------------------------------------------------------------------


@slow
@given(
    held=st.tuples(lists, lists),
    commits=st.sampled_from([1, 3]),
    request=requests,
    steps=st.sampled_from([(1, 2), (2, 4), (10_000,)]),
)
def test_hits_total_facets_and_bars_agree_with_a_plain_count(
    held: Any,
    commits: Any,
    request: Any,
    steps: Any,
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    folder = tmp_path_factory.mktemp("exact")
    with Store(folder / "s") as store, few_terms(steps):
        keep(store, held[0])
        between = store.revision()
        keep(store, held[1])
        searched = in_commits(store, folder, commits)
        request = replace(request, as_of=str(between) if request.as_of else None)
        plain = Plain(store, between if request.as_of else store.revision())
        answer = searched.search(request)
        check_hits(searched, plain, request, answer)
        for name in FACETS:
            check_facet(searched, plain, request, answer, name)
        check_bars(plain, request, answer)
        check_levels(searched, plain, request)
        searched.engine.close()


def check_hits(searched: Catalogue, plain: Plain, request: Request, answer: Answer) -> None:
    found = plain.candidates(request)
    assert answer.total == plain.count(found, request.collapse)
    hits = [hit.kept.rid for hit in walk(searched, request)]
    in_order = [hit.kept.rid for hit in walk(searched, replace(request, collapse="none"))]
    assert sorted(in_order) == sorted(entry["rid"] for entry in found)
    if request.sort and request.sort != "relevance":
        key = {"changed": "from_revision", "kept": "rid"}.get(request.sort, request.sort)
        keys = {entry["rid"]: entry[key] for entry in found}
        is_ascending = request.sort in {"oldest", "kept"}
        assert in_order == sorted(in_order, key=lambda rid: keys[rid], reverse=not is_ascending)
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
    assert facet.other in {other, None if request.collapse != "none" or name in UP_FIELDS else other}
    assert to_the_end(searched, request, Wanted(name, size=2)) == ordered


def check_levels(searched: Catalogue, plain: Plain, request: Request) -> None:
    without = "organism" if request.facet_mode == "disjunctive" else None
    found = plain.candidates(request, without)
    below = children("organism", {value for entry in found for value in entry["organism_up"]})
    for parent in (TOP, MAMMALIA.id or ""):
        level = searched.facet(request, Wanted("organism", parent=parent, size=100)).values
        assert [(value.value, value.count) for value in level] == sorted(
            (
                (value, plain.count((e for e in found if value in e["organism_up"]), request.collapse))
                for value in below.get(parent, ())
            ),
            key=lambda pair: (-pair[1], pair[0]),
        )
        assert [value.children for value in level] == [len(below.get(value.value, ())) for value in level]


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


@given(
    groups=st.lists(st.integers(1, 6), max_size=40),
    chosen=st.sets(st.integers(1, 40)),
    others=st.sets(st.integers(1, 40)),
    few=st.sampled_from([0, 3, tables.FEW]),
)
def test_a_table_counts_the_groups_of_any_versions(groups: Any, chosen: Any, others: Any, few: int) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tables, "FEW", few)
        check_table(groups, chosen, others)


def check_table(groups: Sequence[int], chosen: set[int], others: set[int]) -> None:
    table = Table((group, revision) for revision, group in enumerate(groups, 1))
    there = set(range(1, len(groups) + 1))
    mask = table.mask(chosen & there) & table.mask(others & there)
    both = chosen & others & there
    assert table.groups(mask) == len({groups[revision - 1] for revision in both})
    assert table.surplus(mask) == len(both) - table.groups(mask)
    rest = {groups[revision - 1] for revision in there - both}
    assert table.groups(table.others(mask)) == len(rest)


@given(
    states=st.lists(
        st.dictionaries(st.integers(1, 30), st.integers(1, 6), max_size=20), min_size=2, max_size=5
    ),
    value=st.sets(st.integers(1, 30)),
    chosen=st.sets(st.integers(1, 30)),
)
def test_a_table_that_grew_counts_as_one_made_anew(states: Any, value: Any, chosen: Any) -> None:
    """States say in which group each version is; some versions have a value, whose mask is kept."""
    table, was = Table((group, revision) for revision, group in states[0].items()), states[0]

    def kept(table: Table, now: dict[int, int]) -> int:
        def make(numbers: Any) -> int:
            return table.mask(v for v in value & now.keys() if numbers is None or now[v] in numbers)

        return table.kept(("keyword", "soil"), make)

    kept(table, was)
    for change in states[1:]:
        now = was | change
        moved = {revision for revision in change if was.get(revision) != change[revision]}
        numbers = {now[revision] for revision in moved} | table.numbers(moved)
        table = table.grown(
            numbers, [(now[revision], revision) for revision in now if now[revision] in numbers]
        )
        anew = Table((group, revision) for revision, group in now.items())
        assert table.sums == anew.sums == (len(now), sum(now), sum(now.values()))
        both = value & chosen & now.keys()
        mask = table.mask(chosen & now.keys()) & kept(table, now)
        assert table.groups(mask) == len({now[revision] for revision in both})
        rest = table.others(table.mask(chosen & now.keys()))
        assert table.surplus(rest) == anew.surplus(anew.others(anew.mask(chosen & now.keys())))
        was = now
