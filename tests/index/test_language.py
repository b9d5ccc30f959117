"""The query language: what is typed is understood, taken as text with a note, or refused with its place."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from index.query import (
    FIELDS,
    FILTERS,
    BadQuery,
    Between,
    Both,
    Either,
    Everything,
    Lookup,
    Note,
    OneOf,
    Without,
    Words,
    as_words,
    filters,
    highlights,
    mentions,
    parse,
    read,
    unparse,
)
from index.query.fields import ALIASES
from index.query.nodes import lookup
from index.query.words import DEEPEST, MOST_PIECES

PIECES = [
    "a", "cells", "5'", "C++", "p<0.05", "-b", "NOT", "OR", "AND", "or", "(", ")", '"', '"x y"', '"x y"~2',
    "mi*", "mi~",
    "mi~2", "-", "*", "title:", "title:a", "title:(", "creator:doe", 'creator:"Doe, Jane"', "creator:(",
    "year:2020",
    "year:>=2019", "bytes:<1GB", "published:2021-02..", "is:open", "is:withdrawn", "state:current", "has:doi",
    "source:(", "idr", "organism:mouse", "NCBITaxon:10090", "10.1234/One", "doi:10.1234/x.",
    "EMPIAR\u201310310",
    "https://zenodo.org/record/77?x=1", "0000-0002-1825-0097", "01pxwe438", "PMID:", "123", "12345678",
    "GO:0008150",
    "DNA:RNA", "poly(A)", "f(", "\u2013c", "--d", '"EMPIAR-10310"', '"5"', "é", "naïve", "\\", '"a\\"b"',
    "id:demo:one",
    "pmid:77", "PDB:1abc", "kind:dataset", "&&", "||", "*:*", "foo~", "x~0", '"???"',
]  # fmt: skip
mixed = st.lists(st.sampled_from(PIECES), max_size=12).map(" ".join)
glued = st.lists(st.sampled_from([*PIECES, " ", " "]), max_size=12).map("".join)
typed = st.text() | mixed | glued | st.text(alphabet='ab1 :"()-~*>.<OR', max_size=30)


# ---- properties ----------------------------------------------------------------------------------


@settings(max_examples=600, deadline=None)
@given(typed)
def test_whatever_is_typed_is_understood_or_refused_with_its_place(text: Any) -> None:
    try:
        about: Sequence[BadQuery | Note] = read(text).notes
    except BadQuery as error:
        about = [error]
    for each in about:
        assert each.position is not None
        assert 0 <= each.position < each.position + each.length <= len(text)
        assert each.message
        assert isinstance(each, Note) or each.hint


@settings(max_examples=600, deadline=None)
@given(typed)
def test_a_query_written_as_text_is_read_as_the_same_query(text: Any) -> None:
    try:
        query = parse(text)
    except BadQuery:
        return
    written = unparse(query)
    assert parse(written) == query
    assert unparse(parse(written)) == written


@settings(max_examples=300, deadline=None)
@given(typed)
def test_as_plain_words_everything_is_understood(text: Any) -> None:
    parse(as_words(text))


# ---- what the forms mean -------------------------------------------------------------------------


def words(text: str, **more: Any) -> Words:
    return Words(text, **more)


@pytest.mark.parametrize(
    ("text", "query"),
    [
        ("soil||water", Words("soil||water")),
        ("soil || water", Either((Words("soil"), Words("water")))),
        ("a b OR c", Either((Both((Words("a"), Words("b"))), Words("c")))),
        ("a (b OR c) -d", Both((Words("a"), Either((Words("b"), Words("c"))), Without(Words("d"))))),
        ("NOT NOT a", Words("a")),
        ("-(a OR b)", Both((Everything(), Without(Either((Words("a"), Words("b"))))))),
        ("a -(-b)", Both((Words("a"), Words("b")))),
        ("soil –water", Both((Words("soil"), Without(Words("water"))))),  # noqa: RUF001
        ("“light sheet”", Words("light sheet")),
        ('"light  sheet"~3', Words("light sheet", slop=3)),
        ("word~", Words("word", fuzzy=1)),
        ("word~2", Words("word", fuzzy=2)),
        ("word~0", Words("word")),
        ("title:light", Words("light", field="title")),
        ('title:"light sheet"', Words("light sheet", field="title")),
        ('description:"light sheet"~4', Words("light sheet", slop=4, field="description")),
        ("TITLE:micro*", Words("micro", prefix=True, field="title")),
        ("title:(a OR b)", Either((Words("a", field="title"), Words("b", field="title")))),
        ("title:(a b)", Both((Words("a", field="title"), Words("b", field="title")))),
        ("-title:a", Both((Everything(), Without(Words("a", field="title"))))),
        ("creator:doe", Words("doe", field="creator")),
        ("author:doe", Words("doe", field="creator")),
        ("creator:(jane doe)", Both((Words("jane", field="creator"), Words("doe", field="creator")))),
        ('creator:"Doe, Jane"', OneOf("creator", ("doe, jane",))),
        ("creator:0000-0002-1825-0097", OneOf("creator_id", ("0000-0002-1825-0097",))),
        ("affiliation:https://ror.org/01pxwe438", OneOf("affiliation_id", ("01pxwe438",))),
        ("funder_id:00k4n6c32", OneOf("funder_id", ("00k4n6c32",))),
        ("source:IDR", OneOf("source", ("idr",))),
        ("source:(idr OR empiar)", OneOf("source", ("idr", "empiar"))),
        ("source:idr OR source:empiar", OneOf("source", ("idr", "empiar"))),
        ("organism:(Mus musculus OR zebrafish)", OneOf("organism", ("NCBITaxon:10090", "NCBITaxon:7955"))),
        ("NCBITaxon:10090", OneOf("organism", ("NCBITaxon:10090",))),
        ("FBbi:00000369", OneOf("imaging_method", ("FBbi:00000369",))),
        ("licence:(CC BY 4.0)", OneOf("license", ("CC-BY-4.0",))),
        ("year:2019..2022", Between("year", 2019, 2022)),
        ("year:>=2019", Between("year", 2019, None)),
        ("year:>2019", Between("year", 2020, None)),
        ("year:<2019", Between("year", None, 2018)),
        ("year:<=2019", Between("year", None, 2019)),
        ("bytes:>1TB", Between("bytes", 10**12 + 1, None)),
        ("published:2021", Between("published", 20210101, 20211231)),
        ("published:2020-02", Between("published", 20200201, 20200229)),
        ("published:2021-02..", Between("published", 20210201, None)),
        ("published:>2021-02", Between("published", 20210301, None)),
        ("published:<2021-03", Between("published", None, 20210228)),
        ("updated:2021-02-15..2021-03", Between("updated", 20210215, 20210331)),
        ("is:open", OneOf("access", ("open",))),
        ("is:withdrawn", OneOf("aside", ("withdrawn",))),
        ("is:current", Both((Everything(), Without(OneOf("aside", ("withdrawn",)))))),
        ("state:withdrawn", OneOf("aside", ("withdrawn",))),
        ("has:Imaging-Method", OneOf("has", ("imaging_method",))),
        ("id:EMPIAR–10310", OneOf("identifier", ("empiar-10310",))),  # noqa: RUF001
        ("id:demo:one", OneOf("identifier", ("demo:one",))),
        ("accession:idr0002", OneOf("identifier", ("idr0002",))),
        ("*", Everything()),
        ("* -a", Both((Everything(), Without(Words("a"))))),
        ("microscopy *", Words("microscopy")),
    ],
)  # fmt: skip
def test_each_form_means_what_it_says(text: Any, query: Any) -> None:
    assert parse(text) == query


@pytest.mark.parametrize("name", FILTERS)
def test_a_value_in_words_and_a_filter_are_the_same_query(name: str) -> None:
    values = {
        "year": ["2020", "2019..2022", ">=2019"], "bytes": ["1GB..", "<5kB"], "published": ["2021-02..",
        "2021"],
        "updated": ["..2021-02-03"], "has": ["doi"], "is": ["open", "withdrawn"], "access": ["metadata-only"],
        "organism": ["mouse", "A Chimera"], "license": ["CC BY 4.0"], "funder": ["Wellcome  Trust",
        "00k4n6c32"],
        "creator": ["Doe, Jane", "0000-0002-1825-0097"],
    }  # fmt: skip
    asked = values.get(name, ["Some value", "other"])
    for each in asked:
        assert [parse(f'{name}:"{each}"')] == filters({name: [each]})
        assert parse(f'NOT {name}:"{each}"') == parse(f'-{name}:"{each}"')
        if " " not in each and name not in {"affiliation", "funder", "keyword", "creator"}:
            assert [parse(f"{name}:{each}")] == filters({name: [each]})
    several = " OR ".join(f'"{each}"' for each in asked)
    assert [parse(f"{name}:({several})")] == filters({name: asked})


def test_every_field_can_be_asked_for_by_name() -> None:
    values = {
        "doi": "10.1234/x", "orcid": "0000-0002-1825-0097", "creator_id": "0000-0002-1825-0097",
        "ror": "01pxwe438",
        "affiliation_id": "01pxwe438", "funder_id": "01pxwe438", "pmid": "77", "pmcid": "PMC123",
        "accession": "idr0002",
        "year": "2020", "bytes": "1GB", "published": "2020", "updated": "2020", "has": "doi", "is": "open",
        "state": "current", "access": "open",
    }  # fmt: skip
    for name in FIELDS:
        assert parse(f"{name}:{values.get(name, 'mouse')}") not in {Everything(), Words(name)}
    assert set(ALIASES.values()) <= set(FIELDS)
    assert not set(ALIASES) & set(FIELDS)


# ---- identifiers ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("pasted", "value"),
    [
        ("10.6019/EMPIAR-10310", "10.6019/empiar-10310"),
        ("DOI: 10.6019/EMPIAR‐10310", "10.6019/empiar-10310"),  # noqa: RUF001
        ("doi:10.1016/S0092-8674(00)80434-0", "10.1016/s0092-8674(00)80434-0"),
        ("http://dx.doi.org/10.1234/ONE", "10.1234/one"),
        ("https://doi.org/10.5061%2Fdryad.x1", "10.5061/dryad.x1"),
        ("https://datadryad.org/stash/dataset/doi:10.5061/dryad.x1", "10.5061/dryad.x1"),
        ("https://orcid.org/0000-0002-1825-0097", "0000-0002-1825-0097"),
        ("ORCID: 0000–0002–1825–0097", "0000-0002-1825-0097"),  # noqa: RUF001
        ("0000-0002-1694-233x", "0000-0002-1694-233x"),
        ("https://ror.org/01pxwe438", "01pxwe438"),
        ("ROR:01PXWE438", "01pxwe438"),
        ("01pxwe438", "01pxwe438"),
        ("PMID: 24943848", "24943848"),
        ("pmid:77", "77"),
        ("https://pubmed.ncbi.nlm.nih.gov/24943848/", "24943848"),
        ("pmc4142622", "pmc4142622"),
        ("PMCID: PMC4142622", "pmc4142622"),
        ("https://www.ncbi.nlm.nih.gov/pmc/articles/PMC4142622/", "pmc4142622"),
        ("empiar−10310", "empiar-10310"),  # noqa: RUF001
        ("EMPIAR 10310", "empiar-10310"),
        ("https://www.ebi.ac.uk/empiar/EMPIAR-10310/", "empiar-10310"),
        ("ebi.ac.uk/empiar/EMPIAR-10310", "empiar-10310"),
        ("IDR0002", "idr0002"),
        ("https://idr.openmicroscopy.org/study/idr0002/", "idr0002"),
        ("S–BIAD144", "s-biad144"),  # noqa: RUF001
        ("PDB: 1abc", "1abc"),
        ("https://zenodo.org/record/1234567", "zenodo.org/records/1234567"),
        ("http://www.zenodo.org/records/1234567/files/a.zip?download=1", "zenodo.org/records/1234567"),
        ("https://figshare.com/articles/dataset/Some_title/123456/2", "figshare.com/articles/123456"),
        ("https://Example.org/Page/?utm_source=mail", "example.org/page"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("around", ["{}", "see {} for soil", "({}).", "“{}”", "soil, {}; water"])
def test_an_identifier_pasted_anywhere_is_looked_up(pasted: str, value: str, around: str) -> None:
    query = parse(around.format(pasted))
    first = query.parts[0] if isinstance(query, Either) else query
    assert first == lookup(value)


@pytest.mark.parametrize("id_", ["zenodo:1234567", "idr:idr0002", "GO:0008150", "go:0008150"])
def test_an_id_with_a_prefix_is_looked_up_among_words_too(id_: str) -> None:
    assert parse(id_) == lookup(id_)
    assert lookup(id_) in getattr(parse(f"soil {id_}."), "parts", ())


@pytest.mark.parametrize(
    "text", ["idr 2019 data", "012345678901", "10:30", "S-BIAD", "orcid", "12-34", "1/2", "and/or"]
)
def test_what_only_looks_like_an_identifier_is_text(text: str) -> None:
    assert not isinstance(parse(text), Either)
    assert all(part.text for part in highlights(parse(text)))


def test_a_number_alone_is_looked_up_and_searched() -> None:
    assert parse("24943848") == Lookup("24943848", Words("24943848"))
    assert parse("cells 24943848") == Both((Words("cells"), Lookup("24943848", Words("24943848"))))


def test_quotes_and_parentheses_do_not_hide_an_identifier() -> None:
    assert parse('soil "10.1234/x"') == Either((lookup("10.1234/x"), Words("soil")))
    either = Either((Words("soil"), Words("water")))
    assert parse("EMPIAR-10310(soil OR water)") == Both((lookup("EMPIAR-10310"), either))
    assert parse('soil "24943848"') == Both((Words("soil"), lookup("24943848")))


def test_words_around_an_identifier_need_not_occur_but_restrictions_hold() -> None:
    assert parse("soil 10.1234/x -water year:2020") == Both(
        (Either((lookup("10.1234/x"), Words("soil"))), Without(Words("water")), Between("year", 2020, 2020))
    )
    assert parse("soil AND 10.1234/x") == Both((Words("soil"), lookup("10.1234/x")))
    (note,) = read("soil 10.1234/x").notes
    assert (note.position, note.length) == (5, 9)


# ---- text with signs -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "query", "place"),
    [
        ("5' UTR", Both((Words("5'"), Words("UTR"))), "5'"),
        ("C++", Words("C++"), "C++"),
        ("a/b", Words("a/b"), "a/b"),
        ("p<0.05", Words("p<0.05"), "p<0.05"),
        ('5" tube', Both((Words('5"'), Words("tube"))), '5"'),
        ('"light sheet', Both((Words("light"), Words("sheet"))), '"'),
        ("soil (wet", Both((Words("soil"), Words("wet"))), "("),
        ("soil) wet", Both((Words("soil"), Words("wet"))), ")"),
        ("poly(A)", Words("poly(A)"), "poly(A)"),
        ("soil AND", Words("soil"), "AND"),
        ("OR soil", Words("soil"), "OR"),
        ("soil -", Words("soil"), None),
        ("soil NOT", Words("soil"), "NOT"),
        ("soil or water", Both((Words("soil"), Words("or"), Words("water"))), "or"),
        ("title: soil", Both((Words("title:"), Words("soil"))), "title:"),
        ("*ology", Words("*ology"), "*ology"),
        ("???", Words(""), "???"),
        ("soil ()", Words("soil"), "("),
        ("a" * 90, Words("a" * 90), "a" * 90),
        ("10:30", Words("10:30"), None),
        ("DNA:RNA", Words("DNA:RNA"), None),
        ("brewer's yeast.", Both((Words("brewer's"), Words("yeast."))), None),
        ("soil & water", Both((Words("soil"), Words("water"))), None),
        ("std::vector", Words("std::vector"), None),
        ("organism:chimera", OneOf("organism", ("chimera",)), "chimera"),
    ],
)
def test_what_reads_like_text_is_text_with_a_note_of_its_place(text: Any, query: Any, place: Any) -> None:
    reading = read(text)
    assert reading.query == query
    assert [text[n.position : n.position + n.length] for n in reading.notes] == ([place] if place else [])


# ---- errors --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "place", "sentence"),
    [
        ("soil foo:bar", "foo:", "no field 'foo'"),
        ("tilte:soil", "tilte:", "did you mean 'title'"),
        ("yaer:2020", "yaer:", "did you mean 'year'"),
        ("year:soon", "soon", "write year:2021"),
        ("year:2019-2022", "2019-2022", "year:2019..2022"),
        ("year:[2019 TO 2022]", "[2019", "year:2019..2022"),
        ("year:2022..2019", "2022..2019", "ends before it begins"),
        ("year:..", "..", "a beginning or an end"),
        ("year:>9999", ">9999", "nothing can lie"),
        ("bytes:big", "big", "is no size"),
        ("published:2021-02-30", "2021-02-30", "is no date"),
        ("published:>9999-12-31", ">9999-12-31", "nothing can lie"),
        ("has:wings", "wings", "there are doi"),
        ("has:publications", "publications", "did you mean has:publication?"),
        ("is:opne", "opne", "did you mean is:open?"),
        ("access:free", "free", "there are open"),
        ("doi:nonsense", "nonsense", "not a DOI"),
        ("orcid:0000-0002-1825-0098", "0000-0002-1825-0098", "check digit"),
        ("funder_id:nobody", "nobody", "no id of a funder"),
        ("accession:soil", "soil", "no accession"),
        ("word~3", "word~3", "at most 2 letters"),
        ("word~0.8", "word~0.8", "at most 2 letters"),
        ('"a b"~101', '"a b"~101', "at most 100 places"),
        ("organism:mus*", "mus*", "whole values"),
        ("title:()", "title:(", "no value"),
        ("title:(source:idr)", "source:", "within the parentheses of title"),
        ("title:???", "???", "nothing to search for"),
        ("source:???", "???", "no value"),
        ('title:" soil', "title:", "no value"),
        ("(" * (DEEPEST + 1) + "a", "(", "deep"),
    ],
)
def test_what_can_hardly_be_text_is_refused_at_its_place(text: str, place: str, sentence: str) -> None:
    with pytest.raises(BadQuery) as refused:
        parse(text)
    error = refused.value
    assert error.position is not None
    assert text[error.position : error.position + error.length] == place
    assert sentence in str(error)
    assert error.hint
    parse(as_words(text))


def test_a_query_too_long_is_refused_where_it_is_too_long() -> None:
    parse("a " * MOST_PIECES)
    with pytest.raises(BadQuery, match=f"at most {MOST_PIECES} words") as refused:
        parse("a " * (MOST_PIECES + 1))
    assert refused.value.position == 2 * MOST_PIECES


def test_highlights_are_of_what_must_be_there_in_whatever_field() -> None:
    found = list(highlights(parse("title:light -water year:2020 (a OR b)")))
    assert found == [Words("light"), Words("a"), Words("b")]


def test_it_is_known_whether_a_query_asks_for_tombstones() -> None:
    assert mentions(parse("a (b OR -is:withdrawn)"), "aside")
    assert not mentions(parse("a (b OR is:open)"), "aside")
