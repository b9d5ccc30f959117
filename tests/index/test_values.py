"""Cleaners: what they make of what upstreams really write, and what holds for any string."""

from __future__ import annotations

import html
from datetime import date
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from index.values import (
    addresses,
    dates,
    days,
    formats,
    identifiers,
    imaging_methods,
    licenses,
    names,
    organisms,
    sizes,
    text,
)

TODAY = date(2026, 11, 22)
anything = st.one_of(st.text(), st.none(), st.integers(), st.floats(), st.booleans(), st.lists(st.text()))


# ---- for any value -----------------------------------------------------------------------------

CLEANERS = {
    "dates.clean": dates.clean,
    "dates.day": dates.day,
    "sizes.clean": sizes.clean,
    "text.clean": text.clean,
    "text.line": text.line,
    "identifiers.doi": identifiers.doi,
    "identifiers.ror": identifiers.ror,
    "identifiers.pmid": identifiers.pmid,
    "identifiers.pmcid": identifiers.pmcid,
    "identifiers.funder_doi": identifiers.funder_doi,
}


@pytest.mark.parametrize("cleaner", CLEANERS.values(), ids=CLEANERS)
@given(raw=anything)
def test_a_cleaner_never_raises_and_cleaning_again_changes_nothing(cleaner: Any, raw: Any) -> None:
    value, reason = cleaner(raw)
    assert reason is None or (isinstance(reason, str) and len(reason) < 60)
    if value is not None:
        assert cleaner(value)[0] == value


near_dates = st.from_regex(
    r"\d{1,4}[-/ ]\d{0,2}([-/T ]\d{0,2}(:\d\d){0,2}(Z|[+-]\d\d:?\d\d)?)?", fullmatch=True
)
near_identifiers = st.one_of(
    st.from_regex(r"(doi:|https://doi\.org/|DOI )?10\.\d{3,9}/\S{0,12}", fullmatch=True),
    st.from_regex(r"(https://orcid\.org/)?\d{4}-\d{4}-\d{4}-\d{3}[\dXx]", fullmatch=True),
    st.from_regex(r"(https://ror\.org/)?0[a-z0-9]{6}\d\d", fullmatch=True),
    st.from_regex(r"(PMC)?\d{1,9}( https://x\.y)?", fullmatch=True),
)


@given(near_dates)
def test_what_looks_like_a_date_is_a_partial_iso_date_or_refused(raw: Any) -> None:
    value, _ = dates.clean(raw, today=TODAY)
    assert value is None or (len(value) in {4, 7, 10, 20} and 1900 <= int(value[:4]) <= 2027)


@given(near_identifiers)
def test_what_looks_like_an_identifier_is_cleaned_once_and_for_all(raw: Any) -> None:
    for cleaner in (identifiers.doi, identifiers.orcid, identifiers.ror, identifiers.pmid, identifiers.pmcid):
        value, _ = cleaner(raw)
        if value is not None:
            assert cleaner(value) == (value, None)


@given(st.text(), st.one_of(st.none(), st.text()))
def test_any_license_text_gives_a_license_or_nothing(name: Any, url: Any) -> None:
    license_, reason = licenses.clean(name, url)
    assert license_ is None or license_.name or license_.url
    if license_ is not None and license_.spdx is not None:
        again, _ = licenses.clean(license_.spdx)
        assert again is not None
        assert again.spdx == license_.spdx
    assert license_ is not None or reason is None or reason.startswith("license:")


@given(st.text(), st.booleans())
def test_any_name_keeps_its_letters(raw: Any, initials_last: Any) -> None:
    found, _ = names.clean(raw, initials_last=initials_last)
    if found is not None:
        assert names.clean(found.name, initials_last=initials_last)[0] == found


@given(st.text(), st.one_of(st.none(), st.text(), st.integers()))
def test_any_label_and_id_give_a_term_whose_label_stays(label: Any, id_: Any) -> None:
    for cleaner in (organisms.clean, imaging_methods.clean):
        term, _ = cleaner(label, id_)
        assert term is None or term.label
        if term is not None:
            assert cleaner(term.label, term.id)[0] == term


@given(st.text())
def test_escaped_text_comes_out_as_it_went_in(raw: Any) -> None:
    assert text.from_html(html.escape(raw))[0] == text.clean(raw)[0]


@given(st.text(alphabet=st.characters(exclude_characters="<&@")))
def test_text_without_markup_is_only_tidied(raw: Any) -> None:
    assert text.from_html(raw)[0] == text.clean(raw)[0]


@given(st.emails(), st.text(alphabet="abc .,"))
def test_no_ordinary_email_address_is_left(address: Any, around: Any) -> None:
    value, _ = text.clean(f"{around} write to joe.doe@lab.example.org {around}")
    assert "joe.doe@" not in (value or "")


@given(st.text())
def test_any_file_name_has_a_short_lower_case_format_or_none(name: Any) -> None:
    found = formats.of_file(name)
    assert found is None or (found == found.lower() and len(found) < 30)


# ---- dates -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("raw", "value", "reason"),
    [
        ("2021", "2021", None),
        ("2021-2", "2021-02", None),
        ("2021-02-03", "2021-02-03", None),
        (2020, "2020", None),
        ("2026-08-11T09:52:34.774963+00:00", "2026-08-11T09:52:34Z", None),
        ("2019-06-04T10:43:19+01:00", "2019-06-04T09:43:19Z", None),  # IDR's annotations
        ("2021-06-10T14:45:37", "2021-06-10T14:45:37Z", None),  # Figshare's timeline has no zone
        ("15:08, Apr 24, 2015", "2015-04-24", None),  # Figshare API v1
        ("2018/2020-09", "2018", "date: range cut to its start"),
        ("1753-01-01", None, "date: year out of range"),
        ("2055", None, "date: year out of range"),
        ("2021-13", None, "date: no such day"),
        ("2021-02-30", None, "date: no such day"),
        ("last spring", None, "date: not a date"),
        ("", None, None),
        (None, None, None),
    ],
)
def test_dates_say_no_more_than_the_upstream_said(raw: Any, value: Any, reason: Any) -> None:
    assert dates.clean(raw, today=TODAY) == (value, reason)


def test_an_embargo_may_end_in_the_future() -> None:
    assert dates.day("2131-01-01", embargo=True) == ("2131-01-01", None)
    assert dates.day("2131-01-01", today=TODAY)[0] is None


# ---- sizes -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("raw", "size"),
    [
        ("305.5 GB", 305_500_000_000),
        ("2.10 TB", 2_100_000_000_000),
        ("5.37 KB", 5370),
        ("1,234 MB", 1_234_000_000),
        ("1 GiB", 1_073_741_824),
        (10_055_699_234_784, 10_055_699_234_784),
        ("0", None),
        ("", None),
        ("11 pages", None),
        ("9e99", None),
    ],
)
def test_sizes_are_bytes(raw: Any, size: Any) -> None:
    assert sizes.clean(raw)[0] == size


# ---- text --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("raw", "value"),
    [
        ("a<b and c>d", "a<b and c>d"),
        ("<p>if a<b and c>d</p>", "if a<b and c>d"),
        ("<div>one<br>two</div>", "one\ntwo"),
        ("x&nbsp;y &lt;z&gt;", "x y <z>"),
        ("&amp;lt;h3&amp;gt;", "&lt;h3&gt;"),  # decoded once, not twice
        ("<b>climate</b> models", "climate models"),  # Dryad marks what was searched for
        ("<script>alert(1)</script>x", "x"),
        ("<!-- hidden --> shown", "shown"),
        ("<a href='https://x.org' target=_blank>here</a>", "here"),
        ("5' UTR <http://foo>", "5' UTR <http://foo>"),
        ("ask joe@lab.example.org!", "ask (e-mail address removed)!"),
        ("\x00\ud800 \u200b", None),
        ("e\u0301", "é"),
    ],
)
def test_html_becomes_text_that_people_can_read(raw: Any, value: Any) -> None:
    assert text.from_html(raw)[0] == value


# ---- identifiers -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "raw",
    [
        "10.6019/EMPIAR-10988",
        "doi:10.6019/EMPIAR-10988",
        "https://doi.org/10.6019/EMPIAR-10988",
        "http://dx.doi.org/10.6019/empiar-10988",
        "10.6019/EMPIAR\u201010988",
        "10.6019%2FEMPIAR-10988",
        " 10.6019/EMPIAR-10988. ",
    ],
)
def test_a_doi_has_one_spelling(raw: Any) -> None:
    assert identifiers.doi(raw) == ("10.6019/empiar-10988", None)


def test_placeholders_are_no_dois() -> None:
    assert identifiers.doi("10.80507/dandi.123456/0.123456.1234")[0] is None
    assert identifiers.doi("10.5072/FK2708471V")[0] is None


@pytest.mark.parametrize(
    ("raw", "value"),
    [
        ("0000-0002-1825-0097", "0000-0002-1825-0097"),
        ("https://orcid.org/0000-0002-1694-233x", "0000-0002-1694-233X"),
        ("0000-0002-1825-0098", None),  # the checksum says no
        ("https://orcid.org/NA", None),  # seen in a rival's crates
        ("https://orcid.org/0000-0002-1825-9999 (Doe)", None),
    ],
)
def test_an_orcid_must_pass_its_checksum(raw: Any, value: Any) -> None:
    assert identifiers.orcid(raw)[0] == value


def test_identifiers_of_idr_stand_before_their_address() -> None:
    assert identifiers.pmid("24943848 https://www.ncbi.nlm.nih.gov/pubmed/24943848")[0] == "24943848"
    assert (
        identifiers.pmcid("PMC4142622 https://www.ncbi.nlm.nih.gov/pmc/articles/PMC4142622")[0]
        == "PMC4142622"
    )


@pytest.mark.parametrize(
    ("typed", "found"),
    [
        ("EMPIAR-10988", ("empiar", "EMPIAR-10988")),
        ("empiar 10988", ("empiar", "EMPIAR-10988")),
        ("EMPIAR\u201110988", ("empiar", "EMPIAR-10988")),
        ("idr0002", ("idr", "idr0002")),
        ("S-BIAD824", ("biostudies", "S-BIAD824")),
        ("doi:10.5281/ZENODO.8435696", ("doi", "10.5281/zenodo.8435696")),
        ("0000-0002-1825-0097", ("orcid", "0000-0002-1825-0097")),
        ("light sheet", None),
        ("12345678", None),
    ],
)
def test_what_somebody_typed_is_recognized(typed: Any, found: Any) -> None:
    assert identifiers.sniff(typed) == found


def test_related_identifiers_are_named_by_their_form() -> None:
    assert identifiers.related("EMD-11992") == ("EMD-11992", "emdb")
    assert identifiers.related("https://github.com/x") == ("https://github.com/x", "url")
    assert identifiers.related("arXiv:1706.03762", "arxiv") == ("arXiv:1706.03762", "arxiv")
    assert identifiers.related("https://doi.org/10.1083/JCB.201908065", "url") == (
        "10.1083/jcb.201908065",
        "doi",
    )
    assert identifiers.related("  ") is None


# ---- licenses ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "url", "spdx", "is_open"),
    [
        ("CC BY 4.0", None, "CC-BY-4.0", True),
        ("CC-BY 4.0", None, "CC-BY-4.0", True),
        ("cc-by-4.0", None, "CC-BY-4.0", True),
        ("CC BY 4.0 https://creativecommons.org/licenses/by/4.0/", None, "CC-BY-4.0", True),
        ("Creative Commons Attribution 4.0 International", "https://creativecommons.org/licenses/by/4.0/legalcode",
         "CC-BY-4.0", True),
        ("CC-BY", "http://creativecommons.org/licenses/by/3.0/us/", "CC-BY-3.0-US", True),
        ("CC-BY", None, None, True),  # every version is open, none is named
        (None, "https://creativecommons.org/publicdomain/zero/1.0/", "CC0-1.0", True),
        (None, "https://spdx.org/licenses/CC0-1.0.html", "CC0-1.0", True),
        ("Creative Commons Zero v1.0 Universal", None, "CC0-1.0", True),
        ("CC BY-NC-ND 4.0", None, "CC-BY-NC-ND-4.0", False),
        ("Creative Commons Attribution Non Commercial Share Alike 4.0 International", None,
         "CC-BY-NC-SA-4.0", False),
        ("GPL 3.0+", None, "GPL-3.0-or-later", True),
        ("MIT License", "https://opensource.org/licenses/MIT", "MIT", True),
        ("Open Data Commons Attribution License (ODC-By) v1.0", None, "ODC-By-1.0", True),
        ("Other (Open)", None, None, True),
        ("In Copyright", None, None, False),
        (None, "https://v18.proteinatlas.org/about/licence", None, None),
    ],
)  # fmt: skip
def test_licenses_go_to_spdx(name: Any, url: Any, spdx: Any, is_open: Any) -> None:
    license_, _ = licenses.clean(name, url)
    assert license_ is not None
    assert (license_.spdx, license_.open) == (spdx, is_open)


def test_a_license_that_says_nothing_is_none() -> None:
    assert licenses.clean("License Not Specified") == (None, "license: says nothing")


@pytest.mark.parametrize(
    ("raw", "access"),
    [
        ("info:eu-repo/semantics/openAccess", "open"),
        ("info:eu-repo/semantics/embargoedAccess", "embargoed"),
        ("info:eu-repo/semantics/restrictedAccess", "restricted"),
        ("closedAccess", "closed"),
        ("Creative Commons", None),
    ],
)
def test_access_terms_of_openaire_are_read(raw: Any, access: Any) -> None:
    assert licenses.access(raw) == access


# ---- names and terms ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("raw", "given", "family"),
    [
        ("Doe, Jane", "Jane", "Doe"),
        ("Fernández JM", "JM", "Fernández"),
        ("Bekker-Jensen S", "S", "Bekker-Jensen"),
        ("De Biasio A", "A", "De Biasio"),
        ("University of Birmingham", None, None),
    ],
)
def test_names_are_split_where_the_form_is_certain(raw: Any, given: Any, family: Any) -> None:
    found, _ = names.clean(raw, initials_last=True)
    assert found is not None
    assert (found.given, found.family) == (given, family)


def test_figshares_user_id_is_no_part_of_a_name() -> None:
    assert names.clean("Anthony W. Purcell (105036)")[0] == names.Name("Anthony W. Purcell")


def test_idrs_author_lists_are_split() -> None:
    assert names.split_list("Hériché JK, Lees JG, Morilla I.") == ["Hériché JK", "Lees JG", "Morilla I"]


@pytest.mark.parametrize(
    ("label", "id_", "kept"),
    [
        ("Mus musculus", "NCBITaxon_010090", "NCBITaxon:10090"),  # SSBD writes a zero too many
        ("Mus musculus", "https://www.ncbi.nlm.nih.gov/datasets/taxonomy/10090", "NCBITaxon:10090"),
        ("house mouse", None, "NCBITaxon:10090"),
        ("Homo sapiens", "9606", "NCBITaxon:9606"),
        ("Mus musculus", "9606", "NCBITaxon:10090"),  # the label is believed
        ("NCBITaxon:10090", None, "NCBITaxon:10090"),
        ("C57BL/6, ICR (Mus musculus)", "NCBITaxon_10090", "NCBITaxon:10090"),
        ("some new species", "99999999", "NCBITaxon:99999999"),  # newer than the table
        ("a chimera", "10090", None),
        ("a chimera", None, None),
    ],
)
def test_organisms_keep_the_label_and_an_id_that_agrees(label: Any, id_: Any, kept: Any) -> None:
    term, _ = organisms.clean(label, id_)
    assert term is not None
    assert term.id == kept


def test_imaging_methods_keep_the_label_and_lose_an_id_that_disagrees() -> None:
    term, reason = imaging_methods.clean("fiber photometry", "FBbi_00000284")  # "pulsed illumination" in FBbi
    assert term is not None
    assert (term.label, term.id) == ("fiber photometry", None)
    assert reason == "imaging method: id and label disagree"
    assert imaging_methods.IMAGING_METHODS.find("light sheet") == "FBbi:00000369"


@pytest.mark.parametrize(
    ("name", "format_"),
    [
        ("a.tif", "tif"), ("B.TIFF", "tif"), ("x.ome.tiff", "ome.tif"), ("brain.nii.gz", "nii.gz"),
        ("plate.ome.zarr.zip", "ome.zarr.zip"), ("README", None), ("combinedMatrix.txt~", "txt"),
        ("img.2021", None), ("Figure 1.JPEG", "jpg"),
    ],
)  # fmt: skip
def test_formats_come_from_file_names(name: Any, format_: Any) -> None:
    assert formats.of_file(name) == format_


@pytest.mark.parametrize(
    ("partial", "first", "last"),
    [
        ("2021", 20210101, 20211231),
        ("2020-02", 20200201, 20200229),
        ("2021-12", 20211201, 20211231),
        ("2021-02-03", 20210203, 20210203),
    ],
)
def test_a_partial_date_spans_its_days(partial: str, first: int, last: int) -> None:
    assert days.span(partial) == (first, last)
    assert days.moved(last, 1) > last
    assert days.written(first).startswith(partial)


@pytest.mark.parametrize(
    "text", ["", "21", "2021-13", "2021-02-30", "2021-2", "soon", "2021-02-03T10:00:00Z"]
)
def test_what_is_no_date_spans_nothing(text: str) -> None:
    with pytest.raises(ValueError, match=r"date|month|day"):
        days.span(text)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("https://zenodo.org/record/77", "http://www.zenodo.org/records/77/files/a.zip?download=1"),
        ("https://figshare.com/articles/dataset/A_title/123/2", "https://myuni.figshare.com/articles/123"),
        ("https://demo.example/A/", "demo.example/a?utm_source=mail#top"),
        ("https://demo.example/show?id=1", "https://demo.example/show?id=1&utm_medium=x"),
    ],
)
def test_addresses_of_one_page_are_equal(one: str, other: str) -> None:
    assert addresses.address(one) == addresses.address(other) is not None


def test_addresses_of_different_pages_differ() -> None:
    assert addresses.address("https://demo.example/show?id=1") != addresses.address(
        "https://demo.example/show?id=2"
    )
    assert addresses.address("not an address") is None
