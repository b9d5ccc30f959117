"""The measures: nDCG@10, MRR@10, recall@100 by ir-measures, and whether a difference may be chance."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TypeAlias

import ir_measures
import numpy as np
from ir_measures import RR, Judged, R, nDCG

from benchmarks.relevance.questions import GOOD, Question

MEASURES = {
    "ndcg10": nDCG @ 10,
    "mrr10": RR(rel=GOOD) @ 10,
    "recall100": R(rel=GOOD) @ 100,
    "judged10": Judged @ 10,
}
"""Gains are the grades; for the reciprocal rank and the recall a good answer counts, for nDCG every grade.
What nobody judged counts as no answer; `judged10` is the share of the first ten that somebody judged."""
FLIPS = 20_000

Figures: TypeAlias = Mapping[str, Mapping[str, float]]
"""By question, then by measure."""


def figures(questions: Sequence[Question], answers: Mapping[str, Sequence[str]]) -> Figures:
    """Measure the answers to each question; one without an answer has 0 of everything, and nothing judged."""
    run = {id_: {hit: -float(rank) for rank, hit in enumerate(hits)} for id_, hits in answers.items() if hits}
    qrels = {question.id: dict(question.grades) for question in questions}
    found = {question.id: dict.fromkeys(MEASURES, 0.0) for question in questions}
    names = {measure: name for name, measure in MEASURES.items()}
    for metric in ir_measures.iter_calc(MEASURES.values(), qrels, run):
        found[metric.query_id][names[metric.measure]] = float(metric.value)
    for id_ in found.keys() - run.keys():
        del found[id_]["judged10"]
    return found


def means(each: Figures, ids: Iterable[str]) -> dict[str, float]:
    """Average over questions; `judged10` over those that were answered."""
    chosen = [each[id_] for id_ in ids]
    columns = {name: [one[name] for one in chosen if name in one] for name in MEASURES}
    return {name: round(float(np.mean(column)), 4) for name, column in columns.items() if column}


def chance(ours: Sequence[float], theirs: Sequence[float]) -> float:
    """Answer how often a difference of means this large comes by chance.

    A paired randomization test, two sided: who of each pair is ours is thrown anew (Smucker et al., 2007).
    """
    differences = np.asarray(ours, dtype=float) - np.asarray(theirs, dtype=float)
    if not differences.any():
        return 1.0
    signs = np.random.default_rng(1).choice((-1.0, 1.0), size=(FLIPS, len(differences)))
    thrown = np.abs((signs * differences).mean(axis=1))
    return float((1 + np.count_nonzero(thrown >= abs(differences.mean()) - 1e-12)) / (1 + FLIPS))
