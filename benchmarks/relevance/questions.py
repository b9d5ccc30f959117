"""The questions: judged ones from the tables, and known items made from the titles of linked papers."""

from __future__ import annotations

import csv
import hashlib
import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Literal

from index.record import Record

Half = Literal["tuning", "held out"]
HALVES: tuple[Half, ...] = ("tuning", "held out")
FOLDER = Path(__file__).parent
GOOD = 2
"""From this grade on a record is a good answer; 1 only touches the question."""
KNOWN = 200
"""So many papers are looked for; the choice does not depend on the order of the records."""
REMEMBERED = 4
"""Words one remembers of a title."""
SHORTEST_WORD = 5
"""Words of fewer letters are seldom what a title is remembered by."""


@dataclass(frozen=True, slots=True)
class Question:
    """Something asked, and how good each record is as an answer."""

    id: str
    kind: str
    words: str
    grades: Mapping[str, int]

    @property
    def half(self) -> Half:
        """Answer the half: by the hash of the id, so that a new question moves no other."""
        return "held out" if hashlib.sha256(self.id.encode()).digest()[0] % 2 else "tuning"

    def among(self, held: Collection[str]) -> Question:
        """Restrict the grades to records that are held."""
        grades = {id_: grade for id_, grade in self.grades.items() if id_ in held}
        return Question(self.id, self.kind, self.words, grades)

    @property
    def is_answerable(self) -> bool:
        return any(grade >= GOOD for grade in self.grades.values())


def judged(folder: Path = FOLDER) -> list[Question]:
    """Read the judged questions.

    Raises:
        ValueError: a judgment of no question, or a question without a judgment.
    """
    grades: dict[str, dict[str, int]] = {}
    for row in _rows(folder / "judgments.tsv"):
        grades.setdefault(row["question"], {})[row["record"]] = int(row["grade"])
    asked = [
        Question(row["id"], row["kind"], row["words"], grades.pop(row["id"], {}))
        for row in _rows(folder / "questions.tsv")
    ]
    without = [question.id for question in asked if not question.grades]
    if grades or without:
        raise ValueError(f"judgments of no question: {sorted(grades)}; questions without: {without}")
    return asked


def _rows(file: Path) -> Iterable[dict[str, str]]:
    with file.open(encoding="utf-8", newline="") as lines:
        yield from csv.DictReader(lines, delimiter="\t", quoting=csv.QUOTE_NONE)


def papers(records: Iterable[Record]) -> list[Question]:
    """Ask for each linked paper by its whole title; its data sets are the answer."""
    found: dict[str, dict[str, int]] = {}
    for record in records:
        for paper in record.publications:
            if paper.title and len(_telling(paper.title)) >= REMEMBERED:
                found.setdefault(" ".join(paper.title.split()).rstrip("."), {})[record.id] = 3
    made = [Question(_named("paper", title), "known item", title, ids) for title, ids in found.items()]
    return sorted(made, key=lambda question: question.id)[:KNOWN]


def remembered(whole: Iterable[Question]) -> list[Question]:
    """Ask for the same papers by four words of the title."""
    return [
        Question(_named("words", question.words), "known item", _some_of(question.words), question.grades)
        for question in whole
    ]


def _some_of(title: str) -> str:
    words = _telling(title)
    chosen = set(Random(title).sample(words, REMEMBERED))
    return " ".join(word for word in words if word in chosen)


def _telling(title: str) -> list[str]:
    return list(dict.fromkeys(re.findall(rf"[^\W\d_]{{{SHORTEST_WORD},}}", title)))


def _named(kind: str, title: str) -> str:
    return f"{kind}-{hashlib.sha256(title.encode()).hexdigest()[:12]}"
