"""Search knows the field: what a scientist types, what it must find, and what it must not."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from index.entry import UP_FIELDS, VOCABULARIES, tokens_of, up_of
from index.expand import expand
from index.query import Both, Either, Expanded, OneOf, Query, Without, Words, parse
from index.record import Record, Term
from index.search import Catalogue, Request
from index.store import Store
from tests.index.filling import catalogue, fill

TEXTS = {
    "mouse-by-its-latin-name": "Cortical slices of Mus musculus",
    "mice-in-words": "Behaviour of two mice in a maze",
    "computer-mouse-and-man": "Homo sapiens at a desk",
    "fish-in-words": "Zebrafish larvae, four days old",
    "fish-in-latin": "Development of Danio rerio",
    "yeast-in-latin": "Budding of Saccharomyces cerevisiae cells",
    "yeast-of-another-kind": "Fission in Schizosaccharomyces pombe",
    "sheet-with-hyphen": "Light-sheet movie of a gastrula",
    "sheet-as-one-word": "A lightsheet volume",
    "sheet-as-spim": "Multi-view SPIM of an embryo",
    "light-apart-from-sheet": "A light cover on a sheet of cells",
    "cryo-with-hyphen": "Cryo-EM of a ribosome",
    "cryo-in-full": "Ribosomes by cryo-electron microscopy",
    "correlative-in-full": "Correlative light and electron microscopy of neurons",
    "storm-the-weather": "Soil after a storm in May",
    "storm-the-method": "Actin by stochastic optical reconstruction microscopy",
    "error-bars": "Growth, mean and SEM of three experiments",
    "rna-with-hyphen": "RNA-Seq of liver",
    "rna-as-one-word": "RNAseq of kidney",
    "rna-in-full": "RNA sequencing of heart",
    "tumour-in-britain": "Tumour fibres, colour-coded",
    "tumor-in-america": "Tumor fiber, color coded",
    "greek": "TNF-α in β-cells",
    "greek-in-letters": "TNF-alpha in beta cells",
    "reporter": "H2B-mCherry reporter line in C57BL/6J",
    "reporter-joined": "H2BmCherry signal",
    "histone-alone": "H2B antibody",
    "umlaut": "Data of Frühwirth",
    "umlaut-in-letters": "Data of Fruehwirth",
    "local": "A local field",
    "localized": "Protein localisation",
    "blood": "Anaemia and haemoglobin",
    "p53": "p53 mutants",
    "p5": "P5 pups",
    "strain": "Lungs of C57BL/6 animals",
}

TERMS = {
    "annotated-mouse": (Term(label="Mus musculus", id="NCBITaxon:10090"), None),
    "annotated-rat": (Term(label="Rattus norvegicus", id="NCBITaxon:10116"), None),
    "annotated-fly": (Term(label="Drosophila melanogaster", id="NCBITaxon:7227"), None),
    "annotated-spim": (None, Term(label="SPIM", id="FBbi:00000369")),
    "annotated-confocal": (None, Term(label="confocal", id="FBbi:00000251")),
    "annotated-tem": (None, Term(label="TEM", id="FBbi:00000258")),
    "annotated-by-word-alone": (None, Term(label="light sheet microscopy")),
}

FINDS = [
    ("mouse", {"mouse-by-its-latin-name", "mice-in-words", "annotated-mouse", "strain"}, {"annotated-rat"}),
    ("mice", {"mouse-by-its-latin-name", "mice-in-words", "annotated-mouse"}, {"computer-mouse-and-man"}),
    ("Mus musculus", {"mouse-by-its-latin-name", "mice-in-words", "annotated-mouse"}, {"annotated-rat"}),
    ("C57BL/6", {"strain"}, {"mice-in-words", "annotated-mouse"}),
    ("Mammalia", {"annotated-mouse", "annotated-rat"}, {"annotated-fly", "fish-in-latin"}),
    ("rodents", {"annotated-mouse", "annotated-rat"}, {"annotated-fly"}),
    ("zebrafish", {"fish-in-words", "fish-in-latin"}, {"mice-in-words"}),
    ("brewer's yeast", {"yeast-in-latin"}, {"yeast-of-another-kind"}),
    ("baker’s yeast cells", {"yeast-in-latin"}, {"yeast-of-another-kind"}),
    ("light sheet", {"sheet-with-hyphen", "sheet-as-one-word", "sheet-as-spim", "annotated-spim"}, set()),
    ("lightsheet", {"sheet-with-hyphen", "sheet-as-one-word", "sheet-as-spim", "annotated-by-word-alone"},
     {"light-apart-from-sheet", "annotated-confocal"}),
    ("light-sheet", {"sheet-with-hyphen", "sheet-as-one-word", "sheet-as-spim"}, {"light-apart-from-sheet"}),
    ('"light sheet"', {"sheet-with-hyphen", "sheet-as-one-word"}, {"sheet-as-spim"}),
    ("SPIM", {"sheet-with-hyphen", "sheet-as-one-word", "sheet-as-spim"}, {"light-apart-from-sheet"}),
    ("light microscopy", {"annotated-spim", "annotated-confocal"}, {"annotated-tem"}),
    ("fluorescence", {"annotated-spim", "annotated-confocal"}, {"annotated-tem"}),
    ("cryo-EM", {"cryo-with-hyphen", "cryo-in-full"}, {"annotated-tem"}),
    ("cryoEM", {"cryo-with-hyphen", "cryo-in-full"}, {"annotated-tem"}),
    ("cryo EM", {"cryo-with-hyphen", "cryo-in-full"}, {"annotated-tem"}),
    ("CLEM", {"correlative-in-full"}, {"annotated-tem"}),
    ("storm", {"storm-the-weather"}, {"storm-the-method"}),
    ("STORM", {"storm-the-method"}, set()),
    ("scanning electron microscopy", set(), {"error-bars"}),
    ("RNA-Seq", {"rna-with-hyphen", "rna-as-one-word", "rna-in-full"}, set()),
    ("RNAseq", {"rna-with-hyphen", "rna-as-one-word", "rna-in-full"}, set()),
    ("RNA sequencing", {"rna-with-hyphen", "rna-as-one-word", "rna-in-full"}, set()),
    ("tumor", {"tumour-in-britain", "tumor-in-america"}, set()),
    ('"tumour fibre"', {"tumour-in-britain", "tumor-in-america"}, set()),
    ("tumou*", {"tumour-in-britain"}, {"local"}),
    ("colour", {"tumour-in-britain", "tumor-in-america"}, set()),
    ("anemia hemoglobin", {"blood"}, set()),
    ("TNFα", {"greek", "greek-in-letters"}, set()),
    ("TNF-alpha", {"greek", "greek-in-letters"}, set()),
    ("β-cell", {"greek", "greek-in-letters"}, set()),
    ("H2B-mCherry", {"reporter", "reporter-joined"}, {"histone-alone"}),
    ("H2BmCherry", {"reporter", "reporter-joined"}, {"histone-alone"}),
    ("C57BL/6J", {"reporter"}, {"strain"}),
    ("p53", {"p53"}, {"p5"}),
    ("Frühwirth", {"umlaut"}, set()),
    ("fruhwirth", {"umlaut"}, set()),
    ("Fruehwirth", {"umlaut", "umlaut-in-letters"}, set()),
    ("local", {"local"}, {"localized"}),
    ("localization", {"localized"}, {"local"}),
    ("-mouse", {"annotated-rat"}, {"mice-in-words", "annotated-mouse"}),
]  # fmt: skip


def _records() -> Iterator[Record]:
    for name, title in TEXTS.items():
        yield Record(id=f"demo:{name}", source="demo", title=title)
    for name, (organism, method) in TERMS.items():
        yield Record(
            id=f"demo:{name}", source="demo", title="Untitled",
            organisms=(organism,) if organism else (), imaging_methods=(method,) if method else (),
        )  # fmt: skip


@pytest.fixture(scope="module")
def searched(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Catalogue]:
    folder = tmp_path_factory.mktemp("field")
    with Store(folder / "store.sqlite") as store:
        fill(store, _records())
        made = catalogue(store, folder)
        yield made
        made.engine.close()


def found(searched: Catalogue, words: str, **asked: bool) -> set[str]:
    answer = searched.search(Request(words=words, size=100, **asked))  # type: ignore[arg-type]
    return {hit.kept.id.removeprefix("demo:") for hit in answer.hits}


@pytest.mark.parametrize(("words", "must", "must_not"), FINDS, ids=[words for words, _, _ in FINDS])
def test_it_finds_what_is_meant(searched: Catalogue, words: str, must: set[str], must_not: set[str]) -> None:
    hits = found(searched, words)
    assert must <= hits
    assert not must_not & hits


def test_switched_off_it_finds_what_is_written(searched: Catalogue) -> None:
    assert found(searched, "mouse", expand=False) == {"mice-in-words"}
    assert found(searched, "zebrafish", expand=False) == {"fish-in-words"}
    assert "annotated-rat" not in found(searched, "Mammalia", expand=False)


def test_the_readers_own_words_come_first(searched: Catalogue) -> None:
    first = searched.search(Request(words="zebrafish")).hits[0]
    assert first.kept.id == "demo:fish-in-words"


def test_what_is_found_and_what_is_excluded_are_all(searched: Catalogue) -> None:
    everything = found(searched, "*")
    for words in ("mouse", "lightsheet", "Mammalia", "RNA-Seq"):
        assert found(searched, words) | found(searched, f"-{words}") == everything
        assert not found(searched, words) & found(searched, f"-{words}")


def test_names_that_were_found_instead_are_marked(searched: Catalogue) -> None:
    hits = searched.search(Request(words="mouse")).hits
    titles = {hit.kept.id: hit.title for hit in hits}
    assert titles["demo:mouse-by-its-latin-name"] == "Cortical slices of <mark>Mus musculus</mark>"
    assert titles["demo:mice-in-words"] == "Behaviour of two <mark>mice</mark> in a maze"


# ---- hierarchies -------------------------------------------------------------------------------


@pytest.mark.parametrize("field", UP_FIELDS)
def test_a_filter_finds_the_union_of_all_below(searched: Catalogue, field: str) -> None:
    vocabulary = VOCABULARIES[field]
    tokens = {r.id: tokens_of(r.model_dump(mode="json", exclude_none=True))[field] for r in _records()}
    asked = {
        above for held in tokens.values() for token in held for above in (token, *vocabulary.parents(token))
    }
    assert len(asked) > 8
    for term in asked:
        below = {
            id_ for id_, held in tokens.items() if any(term in (t, *vocabulary.parents(t)) for t in held)
        }
        answer = searched.search(Request(filters={field: [term]}, size=100))
        assert {hit.kept.id for hit in answer.hits} == below
        without = searched.search(Request(filters={f"-{field}": [term]}, size=100))
        assert without.total == len(tokens) - len(below)


def test_filters_take_any_name(searched: Catalogue) -> None:
    for name in ("Mammalia", "mammals", "NCBITaxon:40674", "mammal"):
        assert searched.search(Request(filters={"organism": [name]})).total == 2


def test_nothing_is_above_itself_and_all_above_is_above_the_parents_too() -> None:
    for field, vocabulary in VOCABULARIES.items():
        for id_ in list(vocabulary._table.rows)[::7]:  # type: ignore[attr-defined]
            above = vocabulary.parents(id_)
            assert id_ not in above
            assert len(above) == len(set(above))
            assert all(set(vocabulary.parents(each)) <= set(above) for each in above), (field, id_)


def test_an_entry_holds_a_term_and_all_above_it() -> None:
    up = up_of({"organism": ["NCBITaxon:10090", "a chimera"], "imaging_method": []})
    assert up["organism_up"][:2] == ["NCBITaxon:10090", "NCBITaxon:10088"]
    assert {"NCBITaxon:40674", "a chimera"} <= set(up["organism_up"])
    assert up["imaging_method_up"] == []


# ---- the expansion itself ----------------------------------------------------------------------


@pytest.mark.parametrize(
    "typed",
    ['"light sheet"', '"mouse"', "mous*", "storm", "fish", "turkey", "plant", "glycine", "stem", "dSTORM",
     "Airyscan", "C57BL/6", "animal", "brain", "10.1234/mouse", "2021", "*", "", "µ"],
)  # fmt: skip
def test_what_is_not_clear_is_left_alone(typed: str) -> None:
    query = parse(typed)
    assert expand(query) == (query, ())


def test_words_side_by_side_are_one_name_the_longest_counts() -> None:
    query, told = expand(parse("light sheet microscopy of mice"))
    assert [each.word for each in told] == ["light sheet microscopy", "mice"]
    assert isinstance(query, Both)
    name, of, mice = query.parts
    assert isinstance(name, Either)
    assert name.parts[0] == Both((Words("light"), Words("sheet"), Words("microscopy")))
    assert of == Words("of")
    assert isinstance(mice, Expanded)
    assert OneOf("organism_up", ("NCBITaxon:10090",)) in mice.also


def test_why_is_told() -> None:
    _, (told,) = expand(parse("SPIM"))
    assert told.because == (
        "SPIM is a name of selective plane illumination fluorescence microscopy (FBbi:00000369)"
    )
    assert "light-sheet" in told.as_
    assert "light-sheet microscopy" not in told.as_  # found by "light-sheet" anyhow


def test_a_name_that_means_something_else_is_not_looked_for() -> None:
    _, (told,) = expand(parse("scanning AND electron AND microscopy"))
    assert "SEM" not in told.as_


def _bare(query: Query) -> Query:
    """Take the expansion out again."""
    match query:
        case Expanded(part, _):
            return part
        case Either((Both() as apart, Expanded(part))) if " " in part.text:  # only side by side
            return apart
        case Both(parts):
            flat: list[Query] = []
            for part in map(_bare, parts):
                flat += part.parts if isinstance(part, Both) else [part]
            return Both(tuple(flat))
        case Either(parts):
            return Either(tuple(map(_bare, parts)))
        case Without(part):
            return Without(_bare(part))
        case _:
            return query


@settings(max_examples=200, deadline=None)
@given(
    st.lists(
        st.sampled_from(["mouse", "light", "sheet", "of", "cryo", "EM", "-rat", "OR", '"a b"', "x*"]),
        min_size=1, max_size=7,
    )
)  # fmt: skip
def test_expanding_only_adds(pieces: list[str]) -> None:
    query = parse(" ".join(pieces))
    expanded, told = expand(query)
    assert _bare(expanded) == query
    assert (expanded == query) == (not told)
    assert expand(query) == (expanded, told)
