"""What people type becomes a query; nothing they type is an error."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from index.query import (
    BadQuery,
    Between,
    Both,
    Either,
    Everything,
    Lookup,
    OneOf,
    Without,
    Words,
    facets,
    filters,
    parse,
)


@given(st.text())
def test_nothing_typed_is_an_error(typed: Any) -> None:
    assert parse(typed) is not None


@given(
    st.lists(
        st.sampled_from(["a", "-b", "OR", "AND", "NOT", "(", ")", '"', '"x y"', "mi*", "-", "*"]), max_size=30
    )
)
def test_no_mixture_of_signs_is_an_error(pieces: Any) -> None:
    assert parse(" ".join(pieces)) is not None


@pytest.mark.parametrize(
    ("typed", "query"),
    [
        ("", Everything()),
        ("*", Everything()),
        ("soil", Words("soil")),
        ("soil water", Both((Words("soil"), Words("water")))),
        ("soil AND NOT water", Both((Words("soil"), Without(Words("water"))))),
        ("soil -water", Both((Words("soil"), Without(Words("water"))))),
        ("-water", Both((Everything(), Without(Words("water"))))),
        ("soil OR water", Either((Words("soil"), Words("water")))),
        ('"light sheet" fish', Both((Words("light sheet"), Words("fish")))),
        ("(a OR b) c", Both((Either((Words("a"), Words("b"))), Words("c")))),
        ("microscop*", Words("microscop", prefix=True)),
        ("EMPIAR-10310", Lookup("empiar-10310", Words("empiar-10310"))),
        ("https://doi.org/10.6019/EMPIAR-10310",
         Lookup("10.6019/empiar-10310", Words("10.6019/empiar-10310"))),
        ("5' UTR", Both((Words("5'"), Words("UTR")))),
        ('"unbalanced', Words("unbalanced")),
        ("a:b", Words("a:b")),
    ],
)  # fmt: skip
def test_words_mean_what_they_say(typed: Any, query: Any) -> None:
    assert parse(typed) == query


def test_a_repeated_filter_means_or_and_different_ones_and() -> None:
    assert filters({"source": ["idr", "empiar"], "license": ["CC BY 4.0"]}) == [
        OneOf("source", ("idr", "empiar")),
        OneOf("license", ("CC-BY-4.0",)),
    ]


def test_a_minus_excludes() -> None:
    assert filters({"-source": ["idr"]}) == [Without(OneOf("source", ("idr",)))]


@pytest.mark.parametrize(
    ("name", "value", "query"),
    [
        ("organism", "mouse", OneOf("organism", ("NCBITaxon:10090",))),
        ("organism", "NCBITaxon:10090", OneOf("organism", ("NCBITaxon:10090",))),
        ("organism", "A Chimera", OneOf("organism", ("a chimera",))),
        ("imaging_method", "SPIM", OneOf("imaging_method", ("FBbi:00000369",))),
        ("funder", "Wellcome  Trust", OneOf("funder", ("wellcome trust",))),
        ("funder", "https://ror.org/00k4n6c32", OneOf("funder_id", ("00k4n6c32",))),
        ("creator", "0000-0002-1825-0097", OneOf("creator_id", ("0000-0002-1825-0097",))),
        ("year", "2021", Between("year", 2021, 2021)),
        ("year", "2019..2022", Between("year", 2019, 2022)),
        ("year", "2019..", Between("year", 2019, None)),
        ("bytes", "1GB..", Between("bytes", 10**9, None)),
        ("bytes", "..100kB", Between("bytes", None, 10**5)),
    ],
)
def test_filters_understand_names_and_ids(name: Any, value: Any, query: Any) -> None:
    assert filters({name: [value]}) == [query]


@pytest.mark.parametrize(
    ("name", "value"), [("nope", "x"), ("year", "soon"), ("bytes", "big"), ("has", "wings")]
)
def test_a_filter_that_makes_no_sense_is_refused_with_advice(name: Any, value: Any) -> None:
    with pytest.raises(BadQuery, match=r"there are|write"):
        filters({name: [value]})


def test_facets_are_read_and_unknown_ones_refused() -> None:
    assert facets(["source,organism", "source"]) == ("source", "organism")
    with pytest.raises(BadQuery, match="no facet named"):
        facets(["colour"])
