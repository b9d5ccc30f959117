"""The measure of relevance: its questions are whole, its figures are what their names say."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.relevance.__main__ import compared, groups, searched_texts
from benchmarks.relevance.material import bundled, catalogue
from benchmarks.relevance.measures import chance, figures, means
from benchmarks.relevance.questions import HALVES, Question, judged, papers, remembered
from benchmarks.relevance.systems import DEPTH, Fused, Headwater, PlainSqlite, PlainTantivy
from harvester import registry
from index.record import Publication, Record

ASKED = Question("q", "method", "light sheet", {"demo:1": 3, "demo:2": 2, "demo:3": 1, "demo:4": 0})
TITLE = "Light sheet microscopy reveals embryo movements"
TEXTS = {
    "demo:both": "light sheet microscopy of a mouse",
    "demo:one": "the sheet of an old book",
    "demo:none": "soil and water",
}


def a(id_: str, *titles: str) -> Record:
    publications = tuple(Publication(title=title) for title in titles)
    return Record(id=f"demo:{id_}", source="demo", title=id_, publications=publications)


class Scripted:
    """A system that answers what it is told to."""

    def __init__(self, name: str, *ids: str) -> None:
        self.name, self._ids = name, list(ids)

    def ask(self, words: str) -> list[str]:
        return self._ids


# ---- the questions -----------------------------------------------------------------------------


def test_there_are_enough_judged_questions_in_both_halves() -> None:
    asked = judged()
    assert len(asked) >= 60
    assert min(Counter(question.half for question in asked).values()) >= 30
    assert len({question.id for question in asked}) == len(asked)
    assert all(question.is_answerable for question in asked)


def test_judgments_are_grades_of_record_ids_and_hold_no_word_of_an_upstream() -> None:
    sources = "|".join(source.card.name for source in registry.SOURCES)
    for question in judged():
        assert set(question.grades.values()) <= {0, 1, 2, 3}
        for id_ in question.grades:
            assert re.fullmatch(rf"(?:{sources}):\S{{1,80}}", id_), id_


def test_a_judgment_of_no_question_and_a_question_without_one_are_told(tmp_path: Path) -> None:
    (tmp_path / "questions.tsv").write_text("id\tkind\twords\twanted\nlone\tmethod\tx\ty\n")
    (tmp_path / "judgments.tsv").write_text("question\trecord\tgrade\nother\tdemo:1\t3\n")
    with pytest.raises(ValueError, match=r"'other'.*'lone'"):
        judged(tmp_path)


def test_only_records_that_are_held_can_answer() -> None:
    assert ASKED.among({"demo:1", "demo:4"}).grades == {"demo:1": 3, "demo:4": 0}
    assert not ASKED.among({"demo:3", "demo:4"}).is_answerable


def test_a_paper_is_asked_for_once_and_all_its_data_sets_answer() -> None:
    (paper,) = papers([a("1", TITLE), a("2", TITLE + "."), a("3", "Too short")])
    assert paper.words == TITLE
    assert paper.grades == {"demo:1": 3, "demo:2": 3}
    (words,) = remembered([paper])
    assert len(words.words.split()) == 4
    assert set(words.words.split()) <= set(TITLE.split())
    assert words == remembered([paper])[0]


# ---- the figures -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (["demo:1", "demo:2", "demo:3"], {"ndcg10": 1.0, "mrr10": 1.0, "recall100": 1.0, "judged10": 1.0}),
        (["demo:4", "demo:3", "demo:1"], {"mrr10": 0.3333, "recall100": 0.5}),
        (["demo:9", "demo:1"], {"mrr10": 0.5, "recall100": 0.5, "judged10": 0.5}),
        ([], {"ndcg10": 0.0, "mrr10": 0.0, "recall100": 0.0}),
    ],
)
def test_figures_are_what_their_names_say(answer: list[str], expected: dict[str, float]) -> None:
    found = figures([ASKED], {"q": answer})["q"]
    assert {name: round(found[name], 4) for name in expected} == expected


def test_a_question_without_an_answer_lowers_the_mean_but_not_the_share_judged() -> None:
    other = Question("r", "method", "x", {"demo:1": 3})
    found = means(figures([ASKED, other], {"q": ["demo:1", "demo:2", "demo:3"], "r": []}), ["q", "r"])
    assert found == {"ndcg10": 0.5, "mrr10": 0.5, "recall100": 0.5, "judged10": 1.0}


scores = st.lists(st.floats(0, 1), min_size=2, max_size=12)


@given(scores)
def test_a_system_never_differs_from_itself(mine: list[float]) -> None:
    assert chance(mine, mine) == 1.0


@given(scores)
def test_chance_is_a_share_and_the_same_both_ways(mine: list[float]) -> None:
    theirs = mine[::-1]
    assert 0 < chance(mine, theirs) <= 1
    assert chance(mine, theirs) == chance(theirs, mine)


def test_thirty_questions_better_are_no_chance_and_one_better_tells_nothing() -> None:
    assert chance([0.6] * 30, [0.5] * 30) < 0.001
    assert chance([0.6, *[0.5] * 29], [0.5] * 30) > 0.9


# ---- the systems -------------------------------------------------------------------------------


@pytest.mark.parametrize("system", [PlainTantivy, PlainSqlite])
def test_plain_bm25_wants_all_words_or_takes_any(system: Any) -> None:
    assert system(TEXTS, every=True).ask("sheet, light!") == ["demo:both"]
    assert system(TEXTS, every=False).ask("light sheet") == ["demo:both", "demo:one"]
    assert system(TEXTS, every=False).ask("volcano") == []


def test_fusing_by_rank_finds_what_any_finds_and_prefers_what_all_find() -> None:
    fused = Fused("both", [Scripted("a", "x", "y"), Scripted("b", "z", "y")])
    assert fused.ask("anything") == ["y", "x", "z"]


def test_all_systems_answer_over_the_bundled_records_and_every_half_has_figures(tmp_path: Path) -> None:
    records = bundled()
    searched = catalogue(list(records.values())[:80], tmp_path)
    ours = Headwater(searched)
    assert len(dict(searched_texts(searched))) == 80
    questions = [question.among(records) for question in judged()][:12]
    table = compared("some", questions, [ours, Scripted("nothing")])
    assert set(table["headwater"]) == set(HALVES)
    assert table["nothing"]["p of ndcg10"].keys() == set(HALVES)
    assert len(ours.ask("cells")) <= DEPTH
    searched.engine.close()
    searched.store.close()


def test_no_system_is_shown_the_papers_that_are_withheld() -> None:
    record = a("1", "Quokkas seen by light sheet microscopy")
    with groups({record.id: record}, with_models=False) as asked:
        (_, _, shown), (_, whole, _), (name, _, withheld) = asked
        assert name == "paper withheld, four words"
        assert len(whole) == 1
        assert all(system.ask("quokkas") == [record.id] for system in shown)
        assert all(system.ask("quokkas") == [] for system in withheld)
