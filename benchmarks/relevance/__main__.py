"""How good is the order of a search, beside plain BM25 in Tantivy and SQLite FTS5, on judged questions.

    make bench name=relevance                               the records bundled with the replicas
    make bench name=relevance ARGS="--also FOLDER"          with recorded answers, a folder per source
    make bench name=relevance ARGS="--also FOLDER --losers 12"

All systems are asked in one run, over the same texts. Questions are split in halves by the hash of their id:
ranking is tuned on one and believed on the other. Known items are asked for by the title of a linked
paper, and by four words of it where no system is shown the paper. The last line is JSON.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import orjson

from benchmarks.relevance import material, semantic
from benchmarks.relevance.measures import Figures, chance, figures, means
from benchmarks.relevance.questions import HALVES, Question, judged, papers, remembered
from benchmarks.relevance.systems import Fused, Headwater, PlainSqlite, PlainTantivy, System
from benchmarks.report import last_line, machine, say
from index.entry import entry_of
from index.loosen import MATCHES
from index.record import Record
from index.search import Catalogue

Group = tuple[str, list[Question], list[System]]


def main() -> None:
    options = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    options.add_argument("--also", type=Path, metavar="FOLDER", help="recorded upstream answers")
    options.add_argument("--losers", type=int, default=0, help="list so many questions we do worst in")
    options.add_argument("--semantic", action="store_true", help="ask embedding models too, where installed")
    asked = options.parse_args()
    records = material.bundled()
    here = len(records)
    if asked.also:
        records = {**material.found(asked.also), **records}
        if len(records) == here:
            options.error(f"{asked.also} holds no document of a source; it needs a folder for each")
    more = "" if asked.also else "; --also FOLDER adds recorded upstream answers"
    say(f"{len(records):,} records, {here:,} of them bundled{more}")
    last_line(measured(records, asked.losers, with_models=asked.semantic))


def measured(records: Mapping[str, Record], losers: int, *, with_models: bool) -> dict[str, Any]:
    """Ask every group of questions of every system."""
    found: dict[str, Any] = {}
    with groups(records, with_models=with_models) as asked:
        for name, questions, systems in asked:
            found[name] = compared(name, questions, systems)
            if losers and name == "judged":
                told(questions, systems, losers)
    return {"benchmark": "relevance", "machine": machine(), "records": len(records), "groups": found}


@contextmanager
def groups(records: Mapping[str, Record], *, with_models: bool) -> Iterator[list[Group]]:
    """Fill the systems twice: with everything, and with the papers withheld."""
    questions = [question.among(records) for question in judged()]
    known = papers(records.values())
    withheld = [record.model_copy(update={"publications": ()}) for record in records.values()]
    with tempfile.TemporaryDirectory(prefix="headwater-relevance-") as made:
        whole = material.catalogue(records.values(), Path(made) / "whole")
        blind = material.catalogue(withheld, Path(made) / "blind")
        systems = list(all_systems(whole, with_models=with_models))
        yield [
            ("judged", [question for question in questions if question.is_answerable], systems),
            ("paper by title", known, systems),
            ("paper withheld, four words", remembered(known), list(all_systems(blind, with_models=False))),
        ]
        for catalogue in (whole, blind):
            catalogue.engine.close()
            catalogue.store.close()


def all_systems(catalogue: Catalogue, *, with_models: bool) -> Iterator[System]:
    """Yield the systems, filled with what the catalogue holds."""
    ours = [Headwater(catalogue, match) for match in MATCHES]
    texts = dict(searched_texts(catalogue))
    yield from ours
    for every in (True, False):
        yield PlainTantivy(texts, every=every)
        yield PlainSqlite(texts, every=every)
    if with_models:
        for model in semantic.installed(dict(telling_texts(catalogue))):
            yield model
            for one in ours:
                yield Fused(f"{one.name} with {model.name}", (one, model))


def searched_texts(catalogue: Catalogue) -> Iterator[tuple[str, str]]:
    """Yield what our engine searches of each record, so that every system has the same words."""
    current, _ = catalogue.store.changes(0, catalogue.store.revision())
    for kept in current:
        entry = entry_of(kept.rid, kept.revision, None, orjson.loads(kept.json))
        yield kept.id, "\n".join(entry["text"])


def telling_texts(catalogue: Catalogue) -> Iterator[tuple[str, str]]:
    """Yield what tells the topic of each record; a model is misled by file names and affiliations."""
    current, _ = catalogue.store.changes(0, catalogue.store.revision())
    for kept in current:
        record = orjson.loads(kept.json)
        terms = [term["label"] for name in ("organisms", "imaging_methods") for term in record.get(name, ())]
        words = [record.get("title", ""), record.get("description", "")[:1200], *terms]
        yield kept.id, ". ".join([*words, *record.get("keywords", ())[:15]])


def compared(name: str, questions: Sequence[Question], systems: Sequence[System]) -> dict[str, Any]:
    """Ask the questions of all systems; answer the figures of both halves."""
    halves = {half: [question.id for question in questions if question.half == half] for half in HALVES}
    table: dict[str, Any] = {"questions": {half: len(ids) for half, ids in halves.items()}}
    first: Figures | None = None
    for system in systems:
        began = time.perf_counter()
        each = figures(questions, {question.id: system.ask(question.words) for question in questions})
        row: dict[str, Any] = {half: means(each, ids) for half, ids in halves.items()}
        if first is not None:
            row["p of ndcg10"] = {half: versus(first, each, ids) for half, ids in halves.items()}
        first = first or each
        table[system.name] = row
        say(f"{name:28} {system.name:26} {shown(row)}  {time.perf_counter() - began:5.1f} s")
    return table


def versus(ours: Figures, theirs: Figures, ids: Sequence[str]) -> float:
    return round(chance([ours[id_]["ndcg10"] for id_ in ids], [theirs[id_]["ndcg10"] for id_ in ids]), 4)


def shown(row: Mapping[str, Mapping[str, float]]) -> str:
    return " | ".join(" ".join(f"{value:.3f}" for value in row[half].values()) for half in HALVES)


def told(questions: Sequence[Question], systems: Sequence[System], count: int) -> None:
    """List the questions in which another system is furthest ahead of ours."""
    by_system = {
        system.name: figures(questions, {question.id: system.ask(question.words) for question in questions})
        for system in systems
    }
    rows = []
    for question in questions:
        ours, *others = (by_system[system.name][question.id]["ndcg10"] for system in systems)
        rows.append((ours - max(others), ours, max(others), question))
    for _, ours, best, question in sorted(rows, key=lambda row: row[:3])[:count]:
        say(f"{ours:.3f} of {best:.3f}  {question.half:8}  {question.words}")


if __name__ == "__main__":
    main()
