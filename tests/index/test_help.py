"""Help: what is suggested is there, what is meant is found, and what is to blame is counted."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from index.help import Helper, parts_of, readable
from index.match import CERTAIN, Asked, Matcher, meant
from index.misspelled import apart, respelled
from index.query import parse
from index.query.nodes import both
from index.record import Creator, Dates, Identifier, Publication, Record, Related, Term, Withdrawal
from index.search import EVERYDAY, Catalogue, Request
from index.similar import similar
from index.store import Store
from index.sync import sync
from tests.index.filling import catalogue, fill

MOUSE, FISH = Term(label="Mus musculus", id="NCBITaxon:10090"), Term(label="Danio rerio", id="NCBITaxon:7955")
LIGHT_SHEET = "selective plane illumination fluorescence microscopy"
SPIM = Term(label="light sheet", id="FBbi:00000369")


def a(id_: str, title: str = "Something", **given_: object) -> Record:
    return Record.model_validate({"id": f"demo:{id_}", "source": "demo", "title": title, **given_})


MICE = [
    a(
        f"mouse{n}", f"Mitosis in mouse embryo number {n}", organisms=(MOUSE,),
        creators=(Creator(name="Müller, Jørgen", orcid="0000-0002-1825-0097"),), keywords=("Cell cycle",),
    )
    for n in range(12)
]  # fmt: skip
FISHES = [
    a("fish1", "Gastrulation of zebrafish", organisms=(FISH,), imaging_methods=(SPIM,), doi="10.1234/fish1",
      identifiers=(Identifier(scheme="doi", value="10.1234/fish1"),),
      dates=Dates(published="2021-02"), creators=(Creator(name="Doe, Jane"),)),
    a("fish2", "Neurulation of zebrafish", organisms=(FISH,), imaging_methods=(SPIM,),
      concept_doi="10.1234/fishes", doi="10.1234/fish2",
      identifiers=(Identifier(scheme="doi", value="10.1234/fish2"),
                   Identifier(scheme="doi", value="10.1234/fishes"))),
    a("fish3", "Neurulation of zebrafish, again", organisms=(FISH,), concept_doi="10.1234/fishes",
      identifiers=(Identifier(scheme="doi", value="10.1234/fish3"),
                   Identifier(scheme="doi", value="10.1234/fishes")),
      publications=(Publication(doi="10.1038/paper", pmid="24943848"),)),
    a("worm", "Elegance of worms", related=(Related(relation="IsCitedBy", id="10.1038/paper"),)),
]  # fmt: skip


@pytest.fixture(scope="module")
def zoo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Catalogue]:
    """Twelve mice by one person with accents, three fishes, two of them versions, a worm; one withdrawn."""
    folder = tmp_path_factory.mktemp("zoo")
    with Store(folder / "store.sqlite") as store:
        fill(store, [*MICE, *FISHES, a("gone", "Zeppelins", keywords=("zeppelin",))])
        gone = a("gone", "Zeppelins", keywords=("zeppelin",), withdrawn=Withdrawal(reason="retracted"))
        fill(store, [gone])
        searched = catalogue(store, folder)
        yield searched
        searched.engine.close()


@pytest.fixture
def helper(zoo: Catalogue) -> Helper:
    return Helper(zoo)


# ---- suggestions -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("typed", "kind", "text"),
    [
        ("mus m", "organism", "Mus musculus"),
        ("musc", "organism", "Mus musculus"),  # by any of its words
        ("mou", "organism", "Mus musculus"),  # by its common name
        ("zebraf", "organism", "Danio rerio"),
        ("SPIM", "method", "selective plane"),
        ("cell cy", "term", "Cell cycle"),
        ("muller", "creator", "Müller, Jørgen"),  # without accents
        ("MÜLL", "creator", "Müller, Jørgen"),
        ("jorgen mull", "creator", "Müller, Jørgen"),  # in any order
        ("gastru", "title", "Gastrulation of zebrafish"),
        ("gastrulation zeb", "title", "Gastrulation of zebrafish"),
        ("neuru", "word", "neurulation"),
    ],
)
def test_suggestions_have_their_kind(helper: Helper, typed: str, kind: str, text: str) -> None:
    found = [(one.kind, one.text.lower()) for one in helper.suggest(typed, 10)]
    assert any(each == kind and text.lower() in said for each, said in found), found


@given(st.text(alphabet='mouseü zbraf,-()"*10', max_size=12))
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_suggestion_finds_what_its_count_says(zoo: Catalogue, typed: str) -> None:
    for one in Helper(zoo).suggest(typed, 10):
        asks = dict(one.asks)
        words = asks.pop("q", "")
        filters = {name: [value] for name, value in asks.items()}
        answer = zoo.search(Request(words, filters, size=0, collapse=EVERYDAY))
        assert answer.total == one.count > 0, one


def test_what_was_withdrawn_is_not_suggested(helper: Helper) -> None:
    assert helper.suggest("zepp") == []


def test_suggestions_can_be_of_one_kind(helper: Helper) -> None:
    assert {one.kind for one in helper.suggest("zebrafish", kinds=("title",))} == {"title"}


def test_no_kind_pushes_out_the_others(helper: Helper) -> None:
    assert {"organism", "creator", "title"} <= {one.kind for one in helper.suggest("m", 8)} | {"title"}


def test_what_was_indexed_since_is_suggested(tmp_path: Path) -> None:
    with Store(tmp_path / "store.sqlite") as store:
        fill(store, [a("1", keywords=("alpha",))])
        searched = catalogue(store, tmp_path)
        helper = Helper(searched)
        assert [one.text for one in helper.suggest("alp")] == ["alpha"]
        fill(store, [a("1", keywords=("alpha",)), a("2", keywords=("alpaca",))])
        sync(store, searched.engine)
        assert {"alpha", "alpaca"} <= {one.text for one in helper.suggest("alp")}
        searched.engine.close()


# ---- spelling --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("typed", "meant_"),
    [
        ("mitozis", "mitosis"),
        ("mitsosi mouse", "mitosis mouse"),  # two letters off, in a long word
        ("motuse", "mouse"),
        ("embyro -fish", "embryo -fish"),
        ('"mose embryo"', '"mouse embryo"'),
        ("title:mitozis -organism:mose", "title:mitosis -organism:mose"),
        ("(mitozis OR gastrulatoin) mouse", "(mitosis OR gastrulation) mouse"),
    ],
)
def test_a_misspelled_word_is_mended(helper: Helper, zoo: Catalogue, typed: str, meant_: str) -> None:
    answer = zoo.search(Request(typed))
    spelling = helper.did_you_mean(Request(typed), answer)
    assert spelling is not None
    assert spelling.words == meant_
    assert spelling.total == zoo.search(Request(meant_)).total > answer.total


@pytest.mark.parametrize(
    "typed", ["mouse", "quagmire", "*", "10.1234/fish1", "mou*", "mouse zeppelin", "mitozis~", "-mitozis"]
)
def test_what_is_right_or_like_nothing_is_left(helper: Helper, zoo: Catalogue, typed: str) -> None:
    assert helper.did_you_mean(Request(typed), zoo.search(Request(typed))) is None


def slowly(one: str, other: str) -> int:
    """The same distance, written as its definition says."""
    if not one or not other:
        return len(one) + len(other)
    ways = [slowly(one[1:], other) + 1, slowly(one, other[1:]) + 1]
    ways.append(slowly(one[1:], other[1:]) + (one[0] != other[0]))
    if len(one) > 1 and len(other) > 1 and one[0] == other[1] and one[1] == other[0]:
        ways.append(slowly(one[2:], other[2:]) + 1)
    return min(ways)


@given(st.text("abc", max_size=5), st.text("abc", max_size=5), st.integers(1, 2))
@settings(deadline=None)
def test_distances_are_as_defined(one: str, other: str, most: int) -> None:
    assert min(apart(one, other, most), most + 1) == min(slowly(one, other), most + 1)


# ---- nothing found ---------------------------------------------------------------------------

PIECES = ["mouse", "zebrafish", '"mouse embryo"', "-mouse", "NOT zebrafish", "(mouse OR fish)", "quagmire"]


@given(
    st.lists(st.sampled_from(PIECES), max_size=4),
    st.dictionaries(
        st.sampled_from(["organism", "-organism", "year"]), st.sampled_from([["mouse"], ["2021"]])
    ),
)
@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_what_is_to_blame_is_counted(
    zoo: Catalogue, pieces: list[str], filters: dict[str, list[str]]
) -> None:
    filters = {name: ["2021"] if name == "year" else ["mouse"] for name in filters}
    asked = Request(" ".join(pieces), filters)
    answer = zoo.search(asked)
    why = Helper(zoo).why_empty(asked, answer)
    if answer.total:
        assert why is None
        return
    assert why is not None
    assert len(why.parts) == len(pieces) + len(filters)
    for part in why.parts:
        assert part.without == zoo.search(Request(part.words, part.filters, size=0)).total
    for part, piece in zip(why.parts, pieces, strict=False):
        assert part.text == piece.replace("-", "NOT ").strip("()")
        assert part.alone == zoo.search(Request(piece, size=0)).total


@pytest.mark.parametrize(
    ("words", "parts"),
    [
        ("a b", ["a", "b"]),
        ("a AND b", ["a", "b"]),
        ("a OR b", ["a OR b"]),
        ('"a b" -c', ['"a b"', "NOT c"]),
        ("a -(b OR c) d", ["a", "NOT (b OR c)", "d"]),
        ("NOT a (b (c d))", ["NOT a", "b", "c", "d"]),
        ("-a", ["NOT a"]),
        ('title:"a b" year:2019', ['title:"a b"', "year:2019"]),
        ("organism:mouse", ['organism:"Mus musculus"']),  # not by the number that is searched
        ("*", []),
    ],
)
def test_a_search_is_cut_where_its_parts_are_joined(words: str, parts: list[str]) -> None:
    assert [readable(part) for part in parts_of(parse(words))] == parts
    assert all(parse(readable(part)) == both([part]) for part in parts_of(parse(words)))


def test_a_loosely_matched_search_is_helped_as_it_was_asked(helper: Helper, zoo: Catalogue) -> None:
    asked = Request("mitozis quagmire", {"source": ["demo"]}, match="any")
    meant_ = helper.did_you_mean(asked, zoo.search(asked))
    assert meant_ is not None
    assert (meant_.words, meant_.total) == ("mitosis quagmire", 12)
    why = helper.why_empty(asked, zoo.search(asked))
    assert why is not None
    assert [(part.text, part.without) for part in why.parts] == [
        ("mitozis", 0), ("quagmire", 0), ("source=demo", 0),
    ]  # fmt: skip


def test_a_word_that_is_a_field_as_well_is_mended_as_a_word_only() -> None:
    mended = respelled("title:title", {"title": "tilde"}.get)
    assert mended is not None
    assert mended.words == "title:tilde"
    assert respelled("title:right", {"title": "tilde"}.get) is None


def test_an_identifier_is_no_misspelled_word() -> None:
    assert respelled("EMPIAR-10310 10.1234/empiar", {"EMPIAR": "empire", "empiar": "empire"}.get) is None


def test_the_sentence_names_the_word_nobody_has(helper: Helper, zoo: Catalogue) -> None:
    asked = Request("mouse quagmire")
    why = helper.why_empty(asked, zoo.search(asked))
    assert why is not None
    assert why.sentence == "No record has quagmire."
    asked = Request("mouse zebrafish")
    why = helper.why_empty(asked, zoo.search(asked))
    assert why is not None
    assert why.sentence == "Each part is there, but not together; without zebrafish there are 12."


# ---- similar ---------------------------------------------------------------------------------


def of(zoo: Catalogue, id_: str) -> list[str]:
    kept = zoo.store.get(id_)
    assert kept is not None
    return [one.kept.id for one in similar(zoo, kept, 50)]


def test_similar_records_share_what_is_rare(zoo: Catalogue) -> None:
    assert of(zoo, "demo:fish1") == ["demo:fish2", "demo:fish3"]  # the one with the method comes first


def test_versions_of_a_record_are_not_similar_to_it(zoo: Catalogue) -> None:
    assert of(zoo, "demo:fish2") == ["demo:fish1"]
    assert of(zoo, "demo:fish3") == ["demo:fish1"]


def test_words_that_any_text_has_make_nothing_similar(tmp_path: Path) -> None:
    with Store(tmp_path / "store.sqlite") as store:
        texts = ("These were used with chromosomes", "Those were used with worms", "One chromosome")
        fill(store, [a(str(n), f"Study {n}", description=text) for n, text in enumerate(texts)])
        searched = catalogue(store, tmp_path)
        kept = store.get("demo:0")
        assert kept is not None
        found = {one.kept.id: one.shared for one in similar(searched, kept, 9)}
        searched.engine.close()
    assert "chromosomes" in {one.value for one in found["demo:2"]}  # as the record writes it, not its stem
    assert {one.value for one in found.get("demo:1", ())} <= {"study"}


def test_a_record_that_shares_nothing_has_none_similar(zoo: Catalogue) -> None:
    assert of(zoo, "demo:worm") == []


def test_what_is_shared_is_said_and_sums_up(zoo: Catalogue) -> None:
    kept = zoo.store.get("demo:fish1")
    assert kept is not None
    best = similar(zoo, kept, 1)[0]
    assert {(one.field, one.value, one.records) for one in best.shared} >= {
        ("imaging_method", LIGHT_SHEET, 2), ("organism", "Danio rerio", 3),
    }  # fmt: skip
    worse = similar(zoo, kept, 2)[1]
    assert best.score > worse.score > 0


# ---- matching --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "meaning", "id_", "least"),
    [
        ("demo:fish1", "id", "demo:fish1", 1.0),
        ("10.1234/FISH1", "doi", "demo:fish1", 1.0),
        ("https://doi.org/10.1234/fish1", "doi", "demo:fish1", 1.0),
        ("https://example.org/dataset/doi:10.1234/fish1?x=1", "doi", "demo:fish1", 1.0),
        ("PMID: 24943848", "pmid", "demo:fish3", 0.8),
        ("gastrulation of ZEBRAFISH!", "title", "demo:fish1", 0.95),
        ("The gastrulation of zebrafish", "title", "demo:fish1", 0.6),
        ("0000-0002-1825-0097", "orcid", "demo:mouse11", 0.5),
    ],
)
def test_a_row_is_matched(zoo: Catalogue, text: str, meaning: str, id_: str, least: float) -> None:
    found = Matcher(zoo).match(Asked(text, {}))
    assert found.meaning == meaning
    assert found.matches[0].kept.id == id_
    assert least <= found.matches[0].confidence <= 1
    assert found.is_certain == (least >= CERTAIN)


def test_records_that_point_at_a_doi_are_less_sure(zoo: Catalogue) -> None:
    found = Matcher(zoo).match(Asked("10.1038/paper", {}))
    assert {each.kept.id for each in found.matches} == {"demo:fish3", "demo:worm"}
    assert not found.is_certain


def test_several_bearers_of_one_doi_are_none_for_certain(zoo: Catalogue) -> None:
    found = Matcher(zoo).match(Asked("10.1234/fishes", {}))
    assert found.total == 2
    assert [each.confidence for each in found.matches] == [0.9, 0.9]
    assert not found.is_certain


def test_what_else_agrees_makes_a_title_surer(zoo: Catalogue) -> None:
    def sure(**hints: str) -> float:
        return Matcher(zoo).match(Asked("On gastrulation of zebrafish", hints)).matches[0].confidence

    assert sure(year="2020") < sure() < sure(creator="Jane Doe") < sure(creator="Jane Doe", year="2021")


@pytest.mark.parametrize(
    "text", ["", "  ", "quagmire and mire", "10.9999/none", "https://example.org/", "((("]
)
def test_what_is_not_here_matches_nothing(zoo: Catalogue, text: str) -> None:
    assert Matcher(zoo).match(Asked(text, {})).matches == ()


@given(st.text(max_size=30))
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_row_breaks_matching(zoo: Catalogue, text: str) -> None:
    Matcher(zoo).match(Asked(text, {}))


@pytest.mark.parametrize(
    ("text", "meaning"),
    [
        ("https://www.ebi.ac.uk/empiar/EMPIAR-10310/", ("accession", "EMPIAR-10310")),
        ("EMPIAR\u201110310", ("accession", "EMPIAR-10310")),
        ("https://zenodo.org/record/1234567?utm_source=a", ("url", "zenodo.org/records/1234567")),
        ("www.example.org/fish/", ("url", "example.org/fish")),  # as it is copied, without https://
        ("https://pubmed.ncbi.nlm.nih.gov/24943848/", ("pmid", "24943848")),
        ("https://orcid.org/0000-0002-1825-0097", ("orcid", "0000-0002-1825-0097")),
        ("24943848", ("title", "24943848")),  # a bare number may be anything
    ],
)
def test_a_row_is_taken_for_what_it_looks_like(text: str, meaning: tuple[str, str]) -> None:
    assert meant(text) == meaning
