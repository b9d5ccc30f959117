"""How fast does the result page come, as people ask for it, and how large is it?

    make bench name=page                              1,000,000 records
    make bench name=page ARGS="--records 100000"
    make bench name=page ARGS="--folder /tmp/corpus"  keeps the records for the next time

The questions are those of benchmarks/search.py, each asked once of `headwater serve` in a process of its own,
by one client that shares its cores; then once more, when what was counted is kept. The page counts its facets
and bars, takes versions as one and looks for other names, as it does for everybody. Charts are asked for by
themselves.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
import urllib.request
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from benchmarks.building import build
from benchmarks.corpus import Corpus
from benchmarks.load import over_http
from benchmarks.processes import serving
from benchmarks.questions import Kind, Question, questions
from benchmarks.report import last_line, machine, percentiles, say
from index.exploring import TABLES
from index.store import Store

ASKED: tuple[Kind, ...] = ("one word", "three words", "filter and six facets")
WARMING = 20
WEIGHED = 10
"""Pages whose size is looked at."""


def main() -> None:
    options = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    options.add_argument("--records", type=int, default=1_000_000, help="a multiple of 1000")
    options.add_argument("--questions", type=int, default=100, help="of each kind")
    options.add_argument("--folder", type=Path, help="keep the records here and use them again")
    asked = options.parse_args()
    with tempfile.TemporaryDirectory(prefix="headwater-page-") as made:
        folder = (asked.folder or Path(made)).absolute()
        folder.mkdir(parents=True, exist_ok=True)
        last_line(measured(folder, asked.records, asked.questions))


def measured(folder: Path, records: int, count: int) -> dict[str, Any]:
    corpus, kinds = Corpus(), dict[str, Any]()
    with Store(folder / "store.sqlite") as store, serving(folder) as node:
        build(store, corpus, records, folder, node)
        for kind in ASKED:
            paths = [page_of(question) for question in questions(corpus, kind, WARMING + count)]
            over_http(node.base, paths[:WARMING], 1)
            first = over_http(node.base, paths[WARMING:], 1)
            again = over_http(node.base, paths[WARMING:], 1)
            weights = [len(taken(node.base + path)) for path in paths[:WEIGHED]]
            kinds[kind] = {
                "first": first.shown(), "again": again.shown(), "html_kb_most": round(max(weights) / 1e3, 1),
            }  # fmt: skip
            say(f"{kind}: {kinds[kind]}")
        charts = [chart_seconds(node.base, name) for name in TABLES]
        sources = percentiles(over_http(node.base, ["/sources"] * 10, 1).seconds)
    return {
        "benchmark": "page", "machine": machine(), "records": records, "kinds": kinds,
        "chart_seconds_p50": round(statistics.median(charts), 2), "sources": sources,
    }  # fmt: skip


def page_of(question: Question) -> str:
    """Answer where people would find a question's results."""
    filters = {"license": question.license, "year": "..".join(map(str, question.years or ()))}
    return "/?" + urlencode({"q": question.typed} | {name: value for name, value in filters.items() if value})


def chart_seconds(base: str, name: str) -> float:
    """Time a chart of everything, drawn for the first time."""
    began = time.perf_counter()
    taken(f"{base}/explore/{name}.svg")
    return time.perf_counter() - began


def taken(address: str) -> bytes:
    with urllib.request.urlopen(address, timeout=120) as answer:
        body: bytes = answer.read()
    return body


if __name__ == "__main__":
    main()
