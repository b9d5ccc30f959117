"""Searching: hits, total and facets agree with a plain count, and pages neither repeat nor skip."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeAlias

import orjson
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from index.engines import TOMBSTONES, SnapshotGone
from index.entry import FACETS, tokens_of
from index.help import Helper
from index.query import BadQuery
from index.record import (
    Creator,
    Dates,
    Files,
    Funding,
    Identifier,
    License,
    Publication,
    Record,
    Related,
    Term,
    Withdrawal,
)
from index.search import Catalogue, Request
from index.store import Store
from index.sync import sync
from tests.index.filling import catalogue, fill

pytestmark = pytest.mark.usefixtures("one_and_three")

WORDS = ["mouse", "zebrafish", "embryo", "light", "sheet", "soil", "water", "microscopy", "mitosis", "brain"]

some = st.lists
texts = st.lists(st.sampled_from(WORDS), min_size=1, max_size=8).map(" ".join)
terms = st.sampled_from(
    [
        Term(label="Mus musculus", id="NCBITaxon:10090"),
        Term(label="mouse", id="NCBITaxon:10090"),
        Term(label="a chimera"),
    ]
)
records = st.builds(
    Record,
    id=st.integers(0, 60).map(lambda n: f"demo:{n}"),
    source=st.just("demo"),
    kind=st.sampled_from(["Dataset", "Image", "Software"]),
    title=texts,
    description=st.none() | texts,
    dates=st.builds(Dates, published=st.sampled_from([None, "2019", "2019-05", "2020-01-02", "2021-12-31"])),
    license=st.none()
    | st.builds(License, spdx=st.sampled_from(["CC-BY-4.0", "CC0-1.0", None]), name=st.just("x")),
    keywords=some(st.sampled_from(["Alpha", "beta", "Gamma ray"]), max_size=3, unique=True).map(tuple),
    organisms=some(terms, max_size=2).map(tuple),
    creators=some(st.builds(Creator, name=st.sampled_from(["Doe, Jane", "Roe, Rik"])), max_size=2).map(tuple),
    funding=some(
        st.builds(Funding, funder=st.sampled_from(["Wellcome Trust", "wellcome trust", "NSF"])), max_size=2
    ).map(tuple),
    files=st.builds(
        Files,
        bytes=st.sampled_from([None, 10, 10_000, 10_001, 5_000_000_000]),
        formats=some(st.sampled_from(["tif", "czi"]), max_size=2, unique=True).map(tuple),
    ),
    withdrawn=st.sampled_from([None, None, Withdrawal(date="2026-01-01", reason="retracted")]),
)  # fmt: skip
tombstones = st.sampled_from(TOMBSTONES)
catalogues = st.lists(records, max_size=40, unique_by=lambda record: record.id)
slow = settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


Filled: TypeAlias = Callable[..., Catalogue]


def a(id_: str, **fields: Any) -> Record:
    return Record(id=f"demo:{id_}", source="demo", **{"title": f"Title {id_}", **fields})


@pytest.fixture
def filled(store: Store, tmp_path: Path) -> Any:
    def make(*wanted: Record) -> Catalogue:
        fill(store, wanted)
        return catalogue(store, tmp_path)

    return make


def ids(found: Any) -> list[str]:
    return [hit.kept.id for hit in found.hits]


def walk(searched: Catalogue, size: int, **wanted: Any) -> list[str]:
    pages, cursor, seen = 0, None, []
    while True:
        answer = searched.search(Request(size=size, cursor=cursor, **wanted))
        seen += ids(answer)
        cursor, pages = answer.next, pages + 1
        assert pages < 200
        if cursor is None:
            return seen


# ---- properties --------------------------------------------------------------------------------


def wanted_of(held: list[Record], withdrawn: str) -> list[str]:
    """The ids a search for everything must find."""
    wanted = {"exclude": (False,), "only": (True,), "include": (False, True)}[withdrawn]
    return [record.id for record in held if (record.withdrawn is not None) in wanted]


@slow
@given(held=catalogues, word=st.sampled_from(["", *WORDS]), withdrawn=tombstones)
def test_facets_count_the_hits_exactly(
    held: Any, word: Any, withdrawn: Any, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("facets")
    with Store(folder / "s") as store:
        fill(store, held)
        searched = catalogue(store, folder)
        asked = Request(words=word, facets=FACETS, size=100, facet_size=100, withdrawn=withdrawn)
        answer = searched.search(asked)
        short = searched.search(replace(asked, facet_size=1))
        hits = [orjson.loads(hit.kept.json) for hit in answer.hits]
        assert answer.total == len(hits)
        assert {hit["id"] for hit in hits} <= set(wanted_of(held, withdrawn))
        for field in FACETS:
            values = [_values(field, hit) for hit in hits]
            counted = Counter(value for found in values for value in set(found))
            facet = answer.facets[field]
            assert {value.value: value.count for value in facet.values} == dict(counted)
            assert facet.missing == sum(not found for found in values)
            assert facet.other == 0
            cut = short.facets[field]
            assert [value.count for value in cut.values] == [most for _, most in counted.most_common(1)]
            assert (cut.missing, cut.other) == (
                facet.missing,
                counted.total() - sum(v.count for v in cut.values),
            )
        searched.engine.close()


def _values(field: Any, record: Any) -> Any:
    if field == "year":
        published = (record.get("dates") or {}).get("published")
        return [published[:4]] if published else []
    return tokens_of(record)[field]


@slow
@given(held=catalogues, field=st.sampled_from(FACETS), withdrawn=tombstones)
def test_a_facet_value_taken_as_filter_gives_as_many_hits_as_it_says(
    held: Any, field: Any, withdrawn: Any, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("filters")
    with Store(folder / "s") as store:
        fill(store, held)
        searched = catalogue(store, folder)
        asked = Request(facets=(field,), facet_size=100, withdrawn=withdrawn)
        for value in searched.search(asked).facets[field].values:
            having = replace(asked, filters={field: [value.value]})
            assert searched.search(having).total == value.count
            others = replace(asked, filters={f"-{field}": [value.value]})
            assert searched.search(others).total == len(wanted_of(held, withdrawn)) - value.count
        searched.engine.close()


@slow
@given(
    held=catalogues,
    size=st.integers(1, 7),
    sort=st.sampled_from(["relevance", "newest", "oldest", "largest"]),
    withdrawn=tombstones,
)
def test_pages_neither_repeat_nor_skip(
    held: Any, size: Any, sort: Any, withdrawn: Any, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("pages")
    with Store(folder / "s") as store:
        fill(store, held)
        searched = catalogue(store, folder)
        assert sorted(walk(searched, size, sort=sort, withdrawn=withdrawn)) == sorted(
            wanted_of(held, withdrawn)
        )
        some = Request(words="mouse OR light", withdrawn=withdrawn)
        seen = walk(searched, size, words=some.words, sort=sort, withdrawn=withdrawn)
        assert len(seen) == len(set(seen)) == searched.search(some).total
        searched.engine.close()


# ---- tombstones --------------------------------------------------------------------------------


GONE = Withdrawal(date="2026-01-01", reason="retracted")


def test_a_tombstone_is_found_only_by_who_asks_for_tombstones(filled: Filled) -> None:
    searched = filled(a("here"), a("gone", withdrawn=GONE))
    assert ids(searched.search(Request())) == ["demo:here"]
    assert ids(searched.search(Request(withdrawn="only"))) == ["demo:gone"]
    assert sorted(ids(searched.search(Request(withdrawn="include")))) == ["demo:gone", "demo:here"]
    assert searched.search(Request(words="gone")).total == 0
    assert searched.search(Request(words="gone", withdrawn="include")).total == 1


def test_a_tombstone_is_not_suggested(filled: Filled) -> None:
    searched = filled(a("1", title="Microtubules"), a("2", title="Micrographs", withdrawn=GONE))
    assert [one.text for one in Helper(searched).suggest("micro", kinds=("word",))] == ["microtubules"]


def test_a_facet_value_of_tombstones_alone_is_shown_as_they_write_it(filled: Filled) -> None:
    searched = filled(a("1"), a("2", funding=(Funding(funder="Wellcome Trust"),), withdrawn=GONE))
    (value,) = searched.search(Request(facets=("funder",), withdrawn="only")).facets["funder"].values
    assert (value.value, value.label) == ("wellcome trust", "Wellcome Trust")


# ---- what a search means -----------------------------------------------------------------------


def test_soil_and_not_water_finds_soil_without_water(filled: Filled) -> None:
    searched = filled(a("1", description="dry soil"), a("2", description="wet soil and water"), a("3"))
    assert ids(searched.search(Request(words="soil AND NOT water"))) == ["demo:1"]
    assert ids(searched.search(Request(words="soil -water"))) == ["demo:1"]


def test_a_word_in_the_title_comes_before_one_in_the_text(filled: Filled) -> None:
    searched = filled(
        a("text", description="mitosis seen once among many other words of a long description"),
        a("title", title="Mitosis"),
    )
    assert ids(searched.search(Request(words="mitosis"))) == ["demo:title", "demo:text"]


def test_who_bears_an_identifier_comes_before_who_points_at_it(filled: Filled) -> None:
    searched = filled(
        a("pointer", related=(Related(relation="IsDerivedFrom", id="10.6019/empiar-10310", scheme="doi"),),
          title="10.6019/EMPIAR-10310 EMPIAR-10310 again"),
        a("bearer", doi="10.6019/empiar-10310",
          identifiers=(Identifier(scheme="empiar", value="EMPIAR-10310"),)),
        a("other"),
    )  # fmt: skip
    for typed in ("10.6019/EMPIAR-10310", "https://doi.org/10.6019/empiar-10310"):
        assert ids(searched.search(Request(words=typed))) == ["demo:bearer", "demo:pointer"]
    assert ids(searched.search(Request(words="EMPIAR-10310")))[0] == "demo:bearer"


def test_a_paper_finds_its_data(filled: Filled) -> None:
    searched = filled(
        a("1", publications=(Publication(doi="10.1091/mbc.e13-04-0221", pmcid="PMC4142622"),)), a("2")
    )
    assert ids(searched.search(Request(words="10.1091/mbc.E13-04-0221"))) == ["demo:1"]
    assert ids(searched.search(Request(words="PMC4142622"))) == ["demo:1"]


def test_an_organism_is_found_by_all_its_names(filled: Filled) -> None:
    searched = filled(a("1", organisms=(Term(label="Mus musculus", id="NCBITaxon:10090"),)))
    assert searched.search(Request(words="mouse")).total == 1
    assert searched.search(Request(filters={"organism": ["house mouse"]})).total == 1


def test_words_are_found_by_stem_phrase_and_beginning(filled: Filled) -> None:
    searched = filled(
        a("1", description="Light-sheet microscopy of cells"), a("2", description="a sheet of light")
    )
    assert ids(searched.search(Request(words='"light sheet"'))) == ["demo:1"]
    assert ids(searched.search(Request(words="light-sheet"))) == ["demo:1"]
    assert ids(searched.search(Request(words="cell"))) == ["demo:1"]
    assert ids(searched.search(Request(words="microscopy*"))) == ["demo:1"]
    assert ids(searched.search(Request(words="micros*"))) == ["demo:1"]


def test_numbers_are_filtered_with_both_ends_included(filled: Filled) -> None:
    searched = filled(
        a("1", dates=Dates(published="2019"), files=Files(bytes=10**9)),
        a("2", dates=Dates(published="2022-12-31"), files=Files(bytes=2 * 10**9)),
        a("3"),
    )
    assert searched.search(Request(filters={"year": ["2019..2022"]})).total == 2
    assert searched.search(Request(filters={"year": ["2020.."]})).total == 1
    assert searched.search(Request(filters={"bytes": ["1GB..1GB"]})).total == 1
    assert searched.search(Request(filters={"year": ["2019", "2022"]})).total == 2
    assert searched.search(Request(filters={"has": ["bytes"]})).total == 2


def test_orders_put_what_is_unknown_last(filled: Filled) -> None:
    searched = filled(
        a("old", dates=Dates(published="2001"), files=Files(bytes=5)),
        a("new", dates=Dates(published="2021-03"), files=Files(bytes=7)),
        a("none"),
    )
    assert ids(searched.search(Request(sort="newest"))) == ["demo:new", "demo:old", "demo:none"]
    assert ids(searched.search(Request(sort="oldest"))) == ["demo:old", "demo:new", "demo:none"]
    assert ids(searched.search(Request(sort="largest"))) == ["demo:new", "demo:old", "demo:none"]


def test_snippets_are_escaped_and_marked(filled: Filled) -> None:
    searched = filled(a("1", title="<b>Mitosis</b>", description="about mitosis & <script>"))
    (hit,) = searched.search(Request(words="mitosis")).hits
    assert hit.title == "&lt;b&gt;<mark>Mitosis</mark>&lt;&#x2F;b&gt;" or "<mark>Mitosis</mark>" in (
        hit.title or ""
    )
    assert "<script>" not in (hit.snippet or "")
    assert "<mark>mitosis</mark>" in (hit.snippet or "")


def test_facet_values_are_shown_as_records_write_them(filled: Filled) -> None:
    searched = filled(
        a("1", funding=(Funding(funder="Wellcome Trust"),)),
        a("2", funding=(Funding(funder="wellcome trust"),)),
    )
    (value,) = searched.search(Request(facets=("funder",))).facets["funder"].values
    assert (value.value, value.count) == ("wellcome trust", 2)
    assert value.label in {"Wellcome Trust", "wellcome trust"}


# ---- cursors -----------------------------------------------------------------------------------


def test_a_walk_sees_the_state_it_began_with(store: Store, tmp_path: Path) -> None:
    fill(store, [a(str(n), dates=Dates(published=f"20{n:02}")) for n in range(10, 30)])
    searched = catalogue(store, tmp_path)
    first = searched.search(Request(sort="newest", size=7))
    fill(store, [a("29", title="changed"), a("12", title="changed"), a("99", dates=Dates(published="2015"))])
    sync(store, searched.engine)
    rest, cursor = [], first.next
    while cursor:
        page = searched.search(Request(sort="newest", size=7, cursor=cursor))
        assert page.total == first.total == 20
        rest += ids(page)
        cursor = page.next
    assert sorted(ids(first) + rest) == [f"demo:{n}" for n in range(10, 30)]
    assert searched.search(Request()).total == 21


def test_a_field_cursor_outlives_a_restart(store: Store, tmp_path: Path) -> None:
    fill(store, [a(str(n), dates=Dates(published=f"20{n:02}")) for n in range(10, 30)])
    searched = catalogue(store, tmp_path)
    first = searched.search(Request(sort="newest", size=15))
    searched.engine.close()
    again = catalogue(store, tmp_path)
    rest = again.search(Request(sort="newest", size=15, cursor=first.next))
    assert len(set(ids(first)) | set(ids(rest))) == 20


def test_a_relevance_cursor_is_refused_rather_than_answered_wrongly(store: Store, tmp_path: Path) -> None:
    fill(store, [a(str(n), title="mouse " * (n + 1)) for n in range(10)])
    searched = catalogue(store, tmp_path)
    first = searched.search(Request(words="mouse", size=5))
    fill(store, [a("new", title="mouse")])
    sync(store, searched.engine)
    assert len(ids(searched.search(Request(words="mouse", size=5, cursor=first.next)))) == 5  # still held
    searched.engine.close()
    elsewhere = catalogue(store, tmp_path)
    with pytest.raises(SnapshotGone):
        elsewhere.search(Request(words="mouse", size=5, cursor=first.next))


def test_a_cursor_of_another_search_is_refused(filled: Filled) -> None:
    searched = filled(*(a(str(n)) for n in range(5)))
    cursor = searched.search(Request(sort="newest", size=2)).next
    with pytest.raises(BadQuery, match="another search"):
        searched.search(Request(words="title", sort="newest", size=2, cursor=cursor))
    with pytest.raises(BadQuery, match="no cursor of ours"):
        searched.search(Request(sort="newest", cursor="garbage!"))


def test_suggestions_come_from_titles_keywords_and_names(filled: Filled) -> None:
    searched = filled(
        a("1", title="Microtubules"), a("2", keywords=("microscopy",)), a("3", description="microbes")
    )
    words = {one.text for one in Helper(searched).suggest("micro", kinds=("word",))}
    assert words == {"microtubules", "microscopy"}
