"""One spelling for many: what is written alike after `normal`, and what must never become one."""

from __future__ import annotations

import html
import unicodedata

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from index import spelling
from index.marking import Marker, Sought
from index.spelling import beginnings, coded, held, key, normal, searchable, spellings, words

SAME = [
    ("tumour", "tumor"),
    ("Tumourigenesis", "tumorigenesis"),
    ("colour-coded", "color-coded"),
    ("behavioural", "behavioral"),
    ("fibres", "fibers"),
    ("micrometre", "micrometer"),
    ("localisation", "localization"),
    ("polarised", "polarized"),
    ("analysing", "analyzing"),
    ("analyses", "analysis"),
    ("haemoglobin", "hemoglobin"),
    ("leukaemic", "leukemic"),
    ("oesophagus", "esophagus"),
    ("oedema", "edema"),
    ("foetal", "fetal"),
    ("sulphate", "sulfate"),
    ("labelled", "labeled"),
    ("artefact", "artifact"),
    ("homologue", "homolog"),
    ("mice", "mouse"),
    ("nuclei", "nucleus"),
    ("hypotheses", "hypothesis"),
    ("mRNAs", "mRNA"),
    ("SNPs", "SNP"),
    ("TNFα", "TNFalpha"),
    ("β-catenin", "beta-catenin"),
    ("10 \u00b5m", "10 \u03bcm"),  # the micro sign and the Greek letter
    ("10 \u00b5m", "10 um"),
    ("\u03bc-opioid", "mu-opioid"),
    ("Müller", "Muller"),
    ("Mu\u0308ller", "Müller"),
    ("Ørsted", "Orsted"),
    ("Ca²⁺", "Ca2+"),
    ("Alzheimer’s disease", "Alzheimer disease"),
    ("lightsheet", "light sheet"),
    ("RNAseq", "RNA sequencing"),
    ("cryoEM", "cryo EM"),
]


@pytest.mark.parametrize(("one", "other"), SAME)
def test_two_spellings_become_one(one: str, other: str) -> None:
    assert normal(one) == normal(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("localization", "local"),
        ("organization", "organ"),
        ("polarization", "polar"),
        ("four", "for"),
        ("contour", "contor"),
        ("genes", "genesis"),
        ("doses", "dosis"),
        ("anaerobic", "anerobic"),
        ("p53", "p5"),
        ("Ras", "Ra"),
        ("H2B", "H2A"),
    ],
)
def test_two_words_stay_two(one: str, other: str) -> None:
    assert normal(one) != normal(other)


@pytest.mark.parametrize("name", ["H2B-mCherry", "C57BL/6", "p53", "Sox2", "CD8+", "Wnt3a", "GCaMP6s"])
def test_names_of_genes_and_strains_keep_their_letters(name: str) -> None:
    assert normal(name) == name.lower()


def test_words_with_hyphens_are_also_held_joined() -> None:
    assert searchable(["H2B-mCherry in C57BL/6 mice, 2019-2020, and/or"])[1] == "mice h2bmcherry c57bl6"
    assert "immunofluorescence" in spellings("immuno-fluorescence")
    assert "fruehwirth" in searchable(["Frühwirth"])[1]


@pytest.mark.parametrize("asked", ["dataset", "Data-set", "data sets", "datasets"])
@pytest.mark.parametrize("written", ["a dataset", "two data-sets", "DATA SETS", "Datasets, old"])
def test_a_compound_is_held_as_one_word_however_it_is_written(asked: str, written: str) -> None:
    assert held(asked) == ("dataset",)
    assert "dataset" in searchable([written])[1].split()


def test_a_compound_is_held_as_often_as_it_is_there() -> None:
    assert searchable(["data set, dataset", "light sheet"])[2] == "dataset dataset lightsheet"
    assert searchable(["a light on the sheet"]) == ["a light on the sheet"]
    assert coded(["dataset_1.csv", "b.csv"]) == ["data set_1.csv", "b.csv", "dataset"]
    assert held("data sets of cells") == ("data sets of cells",)


def test_a_word_cut_short_is_tried_as_it_is_held() -> None:
    assert beginnings("tumou") == ("tumou",)
    assert "tumour" in searchable(["a tumour"])[1]


def test_names_are_compared_without_the_plural() -> None:
    assert key("Light-sheet microscopes") == key("lightsheet microscope")
    assert key("virus") == "virus"


strange = st.text() | st.text(alphabet="aeiouyzsrnlthc-'’/ μµαß\u0308\u0345İ²ﬁ3A", max_size=30)
british = st.lists(st.sampled_from([word for pair in SAME for word in pair]), max_size=6).map("-".join)


@settings(max_examples=400, deadline=None)
@given(strange | british)
def test_applied_twice_is_applied_once_and_nothing_is_refused(text: str) -> None:
    once = normal(text)
    assert normal(once) == once
    assert all(isinstance(each, str) for each in (*searchable([text]), *spellings(text), *beginnings(text)))


@settings(max_examples=200, deadline=None)
@given(strange | british)
def test_how_a_text_is_composed_makes_no_difference(text: str) -> None:
    composed, apart = unicodedata.normalize("NFC", text), unicodedata.normalize("NFD", text)
    assert words(normal(composed)) == words(normal(apart))


# ---- marking -----------------------------------------------------------------------------------

MARKER = Marker(words)


@pytest.mark.parametrize(
    ("text", "asked", "marked"),
    [
        ("a Tumour grows", ["tumor"], "a <mark>Tumour</mark> grows"),
        ("by light-sheet imaging", ["light sheet"], "by <mark>light-sheet</mark> imaging"),
        ("by lightsheet imaging", ["light sheet"], "by <mark>lightsheet</mark> imaging"),
        ("a light on the sheet", ["light sheet"], None),
        ("TNFα & <b>", ["tnfalpha"], "<mark>TNFα</mark> &amp; &lt;b&gt;"),
        ("Alzheimer’s brain", ["alzheimer"], "<mark>Alzheimer’s</mark> brain"),
    ],
)
def test_words_are_marked_as_they_were_written(text: str, asked: list[str], marked: str | None) -> None:
    sought = [Sought(tuple(words(each))) for each in asked]
    assert MARKER.mark(text, sought, 200) == marked


def test_words_cut_short_are_marked() -> None:
    sought = [Sought(("micro",), prefix=True)]
    assert MARKER.mark("the microscope", sought, 99) == "the <mark>microscope</mark>"


def test_of_a_long_text_the_part_with_the_most_is_cut_out() -> None:
    text = "mouse " + "padding " * 60 + "a mouse and a mouse brain" + " padding" * 60
    cut = MARKER.mark(text, [Sought(("mouse",)), Sought(("brain",))], 80)
    assert cut is not None
    assert cut.count("<mark>") == 3
    assert len(cut.replace("<mark>", "").replace("</mark>", "")) <= 80


@settings(max_examples=200, deadline=None)
@given(strange, st.lists(strange, min_size=1, max_size=3), st.integers(10, 60))
def test_marking_adds_marks_and_takes_nothing_away(text: str, asked: list[str], length: int) -> None:
    sought = [Sought(tuple(cut)) for each in asked if (cut := words(normal(each)))]
    marked = MARKER.mark(text, sought, length)
    if marked is not None:
        plain = html.unescape(marked.replace("<mark>", "").replace("</mark>", ""))
        assert plain in text


@given(st.text(alphabet="aB1's -_.S", max_size=14))
def test_texts_without_accents_are_cut_in_a_quicker_way_that_gives_the_same(text: str) -> None:
    assert spelling.pieces(text) == spelling._PIECE.split(text)
