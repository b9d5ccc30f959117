"""Groups as one hit, and facets: what else could be chosen, hierarchies, bars, every value to the end."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeAlias

import pytest

from index.engines import SORTS
from index.engines.tantivy.counting import Counter
from index.engines.tantivy.snapshot import TantivySnapshot
from index.families.decisions import decide
from index.hierarchy import TOP, children, parents
from index.listing import Wanted
from index.query import BadQuery
from index.record import Dates, Files, License, Record, Term
from index.search import Catalogue, Request
from index.store import Store
from index.sync import sync
from tests.index.filling import catalogue, fill, opened
from tests.index.plain import HUMAN, MAMMALIA, MOUSE, to_the_end, walk

pytestmark = pytest.mark.usefixtures("one_and_three")

Made: TypeAlias = Callable[..., Catalogue]


def a(number: int, **fields: Any) -> Record:
    return Record(id=f"demo:{number}", source="demo", **{"title": f"Title {number}", **fields})


@pytest.fixture
def made(store: Store, tmp_path: Path) -> Iterator[Callable[..., Catalogue]]:
    engines = []

    def make(*wanted: Record, family: Sequence[tuple[str, str]] = ()) -> Catalogue:
        fill(store, wanted)
        for one, other in family:
            decide(store, "join", one, other, why="they are", who="test")
        searched = catalogue(store, tmp_path)
        engines.append(searched.engine)
        return searched

    yield make
    for engine in engines:
        engine.close()


def test_a_group_is_found_by_the_member_that_matches_and_counts_once(made: Made) -> None:
    searched = made(
        a(1, title="soil", license=License(spdx="CC0-1.0")), a(2, title="soil water"), a(3, title="soil"),
        family=[("demo:1", "demo:2")],
    )  # fmt: skip
    by_family = searched.search(Request(words="soil", collapse="family", facets=("license",)))
    assert by_family.total == 2
    assert sorted(hit.members or 0 for hit in by_family.hits) == [1, 2]
    (value,) = by_family.facets["license"].values
    assert (value.count, by_family.facets["license"].missing) == (1, 2)  # one of two states it, the other not
    (hit,) = searched.search(Request(words="water", collapse="family")).hits
    assert (hit.kept.id, hit.members) == ("demo:2", 1)
    assert searched.search(Request(words="soil", collapse="version")).total == 3


def test_what_is_asked_again_is_not_looked_for_again_until_something_is_written(
    made: Made, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    searched = made(a(1, title="soil", concept_doi="10.1234/all"), a(2, title="soil"))
    request = Request(words="soil", facets=("kind", "license"), histograms=("year",), collapse="version")
    first = searched.search(request)

    def refuse(*_: Any) -> Any:
        raise AssertionError("this was asked before")

    with monkeypatch.context() as patch:
        for of, name in ((TantivySnapshot, "_page"), (Counter, "facet"), (Counter, "histogram")):
            patch.setattr(of, name, refuse)
        assert searched.search(request) == first
        with pytest.raises(AssertionError, match="asked before"):
            searched.search(replace(request, sort="newest"))
    fill(store, [a(3, title="soil", concept_doi="10.1234/all")])
    sync(store, searched.engine)
    after = searched.search(request)
    assert (first.total, after.total) == (2, 2)
    assert sorted(hit.members or 0 for hit in first.hits) == [1, 1]
    assert sorted(hit.members or 0 for hit in after.hits) == [1, 2]


def test_a_group_larger_than_many_pages_is_one_hit_of_one_page(made: Made) -> None:
    days = [Dates(published=f"2020-01-{n % 28 + 1:02}") for n in range(120)]
    crowd = [a(n, dates=day, concept_doi="10.1234/all") for n, day in enumerate(days)]
    alone = [a(1000 + n, dates=Dates(published="2001")) for n in range(3)]
    searched = made(*crowd, *alone)
    for sort in SORTS:
        hits = walk(searched, Request(sort=sort, size=1, collapse="version"))
        assert sorted(hit.members or 0 for hit in hits) == [1, 1, 1, 120]


# ---- facets ------------------------------------------------------------------------------------


def test_a_facet_shows_what_else_could_be_chosen(made: Made) -> None:
    searched = made(a(1, kind="Image"), a(2, kind="Dataset"), a(3, kind="Dataset", keywords=("x",)))
    chosen = Request(filters={"kind": ["image"]}, facets=("kind", "keyword"))
    answer = searched.search(chosen)
    assert [(v.value, v.count) for v in answer.facets["kind"].values] == [("dataset", 2), ("image", 1)]
    assert answer.facets["keyword"].missing == 1
    with_own = searched.search(replace(chosen, facet_mode="conjunctive"))
    assert [(v.value, v.count) for v in with_own.facets["kind"].values] == [("image", 1)]


def test_nothing_stated_is_a_value_like_any_other(made: Made) -> None:
    searched = made(a(1, organisms=(MOUSE,)), a(2), a(3, organisms=(HUMAN,)))
    assert searched.search(Request(filters={"missing": ["organism"]})).total == 1
    assert searched.search(Request(filters={"missing": ["organism"], "organism": ["mouse"]})).total == 2
    assert searched.search(Request(filters={"-missing": ["organism"]})).total == 2
    with pytest.raises(BadQuery, match="there are source"):
        searched.search(Request(filters={"missing": ["wings"]}))


def test_a_hierarchy_opens_level_by_level(made: Made) -> None:
    searched = made(a(1, organisms=(MOUSE,)), a(2, organisms=(HUMAN,)), a(3, organisms=(MAMMALIA,)))
    flat = searched.search(Request(facets=("organism",))).facets["organism"].values
    assert [(value.value, value.count) for value in flat] == [
        (MAMMALIA.id, 3), (MOUSE.id, 1), (HUMAN.id, 1),
    ]  # fmt: skip
    level, path = TOP, []
    while level != MAMMALIA.id:
        (below,) = searched.facet(Request(), Wanted("organism", parent=level)).values
        assert below.count == 3
        assert below.parents == parents("organism", below.value)
        assert level in (below.parents or (TOP,))
        path.append(below.value)
        level = below.value
    assert len(path) > 1
    under = searched.facet(Request(), Wanted("organism", parent="Mammalia")).values
    assert sum(value.count for value in under) == 2
    found = [searched.search(Request(filters={"organism": [value.value]})).total for value in under]
    assert found == [value.count for value in under]


def test_a_record_of_a_hundred_organisms_is_counted_like_any_other(made: Made) -> None:
    crowd = tuple(Term(label=f"an organism that no vocabulary knows, number {n}") for n in range(100))
    searched = made(a(1, organisms=(*crowd, MOUSE)), a(2, organisms=(MOUSE,)), a(3))
    facet = searched.search(Request(facets=("organism",), facet_size=200)).facets["organism"]
    counts = {value.value: value.count for value in facet.values}
    assert len(counts) == 101
    assert (counts[MOUSE.id or ""], counts[crowd[7].label], facet.missing) == (2, 1, 1)
    page = searched.facet(Request(), Wanted("organism", parent="Mammalia"))
    assert sum(value.count for value in page.values) == 2


def test_what_has_two_parents_stands_under_both() -> None:
    tomography = "FBbi:00001003"  # by X-rays: a kind of X-ray imaging, and of tomography
    assert children("imaging_method", [tomography]) == {
        "FBbi:00001001": [tomography], "FBbi:00001004": [tomography],
    }  # fmt: skip


def test_values_are_found_by_how_their_names_begin(made: Made) -> None:
    searched = made(
        a(1, organisms=(MOUSE,), keywords=("Gamma Ray", "beta"), license=License(spdx="CC-BY-4.0")),
        a(2, organisms=(HUMAN,), keywords=("gamma",), license=License(spdx="CC0-1.0")),
    )

    def named(field: str, prefix: str) -> list[str]:
        return [value.value for value in searched.facet(Request(), Wanted(field, prefix)).values]

    assert named("keyword", "GAM") == ["gamma", "gamma ray"]
    assert named("organism", "mous") == [MOUSE.id]
    assert named("license", "cc-by") == ["CC-BY-4.0"]
    with pytest.raises(BadQuery, match="hierarchy"):
        searched.facet(Request(), Wanted("keyword", parent="x"))


def test_a_walk_through_a_facet_sees_the_state_it_began_with_even_in_another_process(
    store: Store, tmp_path: Path
) -> None:
    fill(store, [a(n, keywords=(f"k{n % 7}", f"only {n}")) for n in range(20)])
    searched = catalogue(store, tmp_path)
    whole = to_the_end(searched, Request(), Wanted("keyword", size=5))
    first = searched.facet(Request(), Wanted("keyword", size=5))
    searched.engine.close()
    fill(store, [a(n, keywords=("k0", "new")) for n in range(10)])
    again = Catalogue(store, opened(tmp_path))
    sync(store, again.engine)
    rest = again.facet(Request(), Wanted("keyword", size=100, cursor=first.next))
    assert [(v.value, v.count) for v in (*first.values, *rest.values)] == whole
    with pytest.raises(BadQuery, match="another list"):
        again.facet(Request(words="title"), Wanted("keyword", cursor=first.next))
    with pytest.raises(BadQuery, match="no cursor of a facet"):
        again.facet(Request(), Wanted("keyword", cursor="garbage!"))
    again.engine.close()


def test_bars_say_exactly_what_they_hold(made: Made) -> None:
    sizes = [1, 9, 10, 99, 100, 10**15 - 1, 10**15, 10**18]
    searched = made(*(a(n, files=Files(bytes=size)) for n, size in enumerate(sizes)))
    bars = searched.search(Request(histograms=("bytes",))).histograms["bytes"].bars
    assert [(bar.low, bar.count) for bar in bars] == [
        (1, 2), (10, 2), (100, 1), (10**14, 1), (10**15, 1), (10**18, 1),
    ]  # fmt: skip
    for bar in bars:
        assert searched.search(Request(filters={"bytes": [f"{bar.low}..{bar.high}"]})).total == bar.count


# ---- time --------------------------------------------------------------------------------------


@pytest.mark.parametrize("one_and_three", [1], indirect=True)
def test_without_time_hits_are_exact_and_what_is_not_counted_is_named(made: Made) -> None:
    searched = made(a(1), a(2))
    searched.seconds = 0.0
    answer = searched.search(Request(facets=("kind", "license"), histograms=("year",)))
    assert (answer.total, len(answer.hits)) == (2, 2)
    assert answer.facets == {}
    assert answer.uncounted == ("kind", "license", "year")
    searched.seconds = 60.0
    assert searched.search(Request(facets=("kind",))).uncounted == ()
