"""Marking: the quick way, which cuts only words that may be it, marks what the thorough way marks."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from index import spelling
from index.engines.tantivy.queries import analyzer
from index.marking import Marker, Sought

MARKER = Marker(analyzer(stemmed=True).analyze)
TURNED = [
    "oedema", "aetiology", "oesophagus", "foetal", "haemoglobin", "anaesthesia", "archaeology", "naevus",
    "RNAseq", "ATACseq", "scRNAseqs", "abcdefseq", "DNAs", "iPSCs", "3D", "H2B", "lightsheet", "mice",
    "tumours", "manoeuvre", "sulphur", "eye", "ox", "seq", *sorted(filter(str.isascii, spelling._table())),
]  # fmt: skip
"""Words that are put right in every way there is, the first letter included."""

words = st.sampled_from(TURNED).flatmap(lambda word: st.sampled_from([word, word.upper(), word.title()]))
signs = st.sampled_from([" ", "-", "/", ". ", "'s ", "", "' "])
texts = st.lists(st.tuples(words, signs).map("".join), min_size=1, max_size=8).map("".join)
stems = st.sampled_from(sorted({stem for word in TURNED for stem in MARKER._stems(word)}))
sought = st.one_of(
    stems.map(lambda stem: Sought((stem,))),
    st.tuples(stems, st.integers(1, 4)).map(lambda cut: Sought((cut[0][: cut[1]],), prefix=True)),
)


@settings(max_examples=600, deadline=None)
@given(texts, st.lists(sought, min_size=1, max_size=3))
def test_both_ways_find_the_same(text: str, wanted: list[Sought]) -> None:
    assert MARKER._alone(text, wanted) == MARKER._together(text, wanted)


def test_a_word_is_marked_as_it_was_written_with_its_possessive() -> None:
    assert MARKER.mark("A tumour's edge & Tumors", [Sought(("tumor",))], 100) == (
        "A <mark>tumour&#x27;s</mark> edge &amp; <mark>Tumors</mark>"
    )


def test_words_that_follow_each_other_are_marked_as_one() -> None:
    marked = MARKER.mark("Light-sheet and light, sheets", [Sought(("light", "sheet"))], 100)
    assert marked == "<mark>Light-sheet</mark> and <mark>light, sheets</mark>"
