"""Groups that change while somebody turns pages: a walk is right to its end, or is refused."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from index.engines import COLLAPSES, Regrouped
from index.engines.tantivy import groups
from index.entry import FACETS
from index.families.decisions import decide, decisions, undo
from index.listing import Wanted
from index.record import Dates, Record
from index.search import Catalogue, Request
from index.store import Store
from index.sync import sync
from index.walk import ORDERS, Walk
from tests.index.filling import catalogue, fill
from tests.index.plain import Plain, in_commits, keep, walk
from tests.index.test_exact import check_facet, check_hits, lists, requests, slow

pytestmark = pytest.mark.usefixtures("one_and_three")


def a(number: int, **fields: Any) -> Record:
    return Record(id=f"demo:{number}", source="demo", **{"title": f"Title {number}", **fields})


@pytest.fixture
def five(store: Store, tmp_path: Path) -> Iterator[Catalogue]:
    """Five records, the newest first 5 to 1; 1 and 2 are versions of one thing."""
    dated = [a(n, dates=Dates(published=f"2020-01-0{n}"), keywords=("k", f"k{n}")) for n in range(1, 6)]
    fill(store, [record.model_copy(update={"concept_doi": CONCEPT}) for record in dated[:2]] + dated[2:])
    searched = catalogue(store, tmp_path)
    yield searched
    searched.engine.close()


CONCEPT = "10.1234/all"
NEWEST = Request(sort="newest", size=2, collapse="version")


def join(searched: Catalogue, one: str, other: str) -> None:
    decide(searched.store, "join", one, other, kind="version", why="they are", who="test")
    sync(searched.store, searched.engine)


def names(hits: Any) -> list[str]:
    return [hit.kept.id for hit in hits]


def test_a_page_is_refused_when_what_came_before_it_would_be_left_out_or_come_again(five: Catalogue) -> None:
    first = five.search(NEWEST)
    assert (first.total, names(first.hits)) == (4, ["demo:5", "demo:4"])
    join(five, "demo:5", "demo:1")  # 2 and 1 stand behind 5 now: 2 would never be shown
    with pytest.raises(Regrouped):
        five.search(replace(NEWEST, cursor=first.next))
    assert names(walk(five, NEWEST)) == ["demo:5", "demo:4", "demo:3"]
    rest = five.search(replace(NEWEST, collapse="none", size=5))
    assert rest.total == 5


def test_every_decision_taken_back_is_seen_as_well(five: Catalogue) -> None:
    join(five, "demo:5", "demo:3")
    first = five.search(NEWEST)
    undo(five.store, decisions(five.store)[0].number, "test")
    sync(five.store, five.engine)
    with pytest.raises(Regrouped):
        five.search(replace(NEWEST, cursor=first.next))


def test_groups_elsewhere_and_records_to_come_disturb_nobody(five: Catalogue) -> None:
    of_three = replace(NEWEST, filters={"year": ["2020"]}, size=1)
    first = five.search(of_three)
    fill(five.store, [a(n, concept_doi="10.1234/other", dates=Dates(published="2021")) for n in (8, 9)])
    sync(five.store, five.engine)
    rest = five.search(replace(of_three, cursor=first.next, size=10))
    assert names((*first.hits, *rest.hits)) == ["demo:5", "demo:4", "demo:3", "demo:2"]


def test_a_walk_of_every_record_goes_on_whatever_is_grouped(five: Catalogue) -> None:
    every = replace(NEWEST, collapse="none")
    first = five.search(every)
    join(five, "demo:5", "demo:1")
    rest = five.search(replace(every, cursor=first.next, size=10))
    assert names((*first.hits, *rest.hits)) == [f"demo:{n}" for n in (5, 4, 3, 2, 1)]


def test_a_list_of_values_is_refused_as_well_and_never_told_from_memory(five: Catalogue) -> None:
    first = five.facet(NEWEST, Wanted("keyword", size=1))
    assert [(value.value, value.count) for value in first.values] == [("k", 4)]
    join(five, "demo:5", "demo:1")
    with pytest.raises(Regrouped):
        five.facet(NEWEST, Wanted("keyword", size=1, cursor=first.next))
    assert five.facet(NEWEST, Wanted("keyword", size=1)).values[0].count == 3


def test_an_export_goes_on_only_among_the_same_groups(five: Catalogue) -> None:
    def rows(found: Walk, after: str | None = None) -> list[str]:
        place = found.place(after) if after else None
        return [row.id for part in found.rows(place) for row in part]

    for sort in ORDERS:
        asked = Request(sort=sort, collapse="version")
        whole = rows(Walk(five, asked))
        assert len(whole) == Walk(five, asked).total == 4
        for number, id_ in enumerate(whole, 1):
            assert rows(Walk(five, asked), id_) == whole[number:]
    before = Walk(five, NEWEST)
    join(five, "demo:5", "demo:1")
    after = Walk(five, replace(NEWEST, as_of=str(before.revision)))
    assert (before.revision, before.total) == (after.revision, 4)
    assert after.total == 3
    assert before.grouping != after.grouping  # it is part of the ETag


@settings(slow, max_examples=20)
@given(
    before=lists,
    writes=st.lists(lists, min_size=1, max_size=3),
    sort=st.sampled_from([*ORDERS, "relevance"]),
    collapse=st.sampled_from(COLLAPSES),
    batch=st.sampled_from([1, 2, 5_000]),
)
def test_a_walk_among_writes_gives_the_groups_of_its_first_page_or_is_refused(
    before: Any, writes: Any, sort: Any, collapse: Any, batch: int, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("regrouped")
    with Store(folder / "s") as store, pytest.MonkeyPatch.context() as patch:
        keep(store, before)
        searched = in_commits(store, folder, 2)
        patch.setattr("index.sync.BATCH", batch)
        request = Request(sort=sort, size=1, collapse=collapse)
        plain = Plain(store, store.revision())
        page, left = searched.search(request), [*writes]
        hits, refused = list(page.hits), False
        while page.next and not refused:
            if left:
                keep(store, left.pop())
                sync(store, searched.engine)
            try:
                page = searched.search(replace(request, cursor=page.next))
            except Regrouped:
                refused = True
            else:
                hits += page.hits
        groups = [plain.numbers[collapse].get(h.kept.rid, h.kept.rid) if collapse != "none" else h.kept.rid
                  for h in hits]  # fmt: skip
        assert len(groups) == len(set(groups))
        if not refused:
            assert len(groups) == plain.count(plain.candidates(request), collapse)
        searched.engine.close()
        assert not (refused and collapse == "none")


@settings(slow, max_examples=30)
@given(
    before=lists,
    writes=st.lists(lists, min_size=2, max_size=4),
    request=requests,
    collapse=st.sampled_from(["family", "version"]),
    most_changed=st.sampled_from([groups.MOST_CHANGED, 100.0, 100.0]),
)
def test_counts_of_groups_are_exact_after_every_write(
    before: Any,
    writes: Any,
    request: Any,
    collapse: Any,
    most_changed: Any,
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    folder = tmp_path_factory.mktemp("grown")
    with Store(folder / "s") as store, pytest.MonkeyPatch.context() as patch:
        patch.setattr(groups, "MOST_CHANGED", most_changed)  # so that tables grow although they are small
        keep(store, before)
        searched, request = in_commits(store, folder, 2), replace(request, as_of=None, collapse=collapse)
        searched.search(request)  # tables and masks of this state are kept
        for write in writes:
            keep(store, write)
            sync(store, searched.engine)
            plain, answer = Plain(store, store.revision()), searched.search(request)
            check_hits(searched, plain, request, answer)
            for name in FACETS:
                check_facet(searched, plain, request, answer, name)
        searched.engine.close()
