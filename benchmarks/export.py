"""How fast is a whole result taken away over HTTP, in each form; does memory grow, do searches wait?

    make bench name=export                              100,000 records, about 3 minutes
    make bench name=export ARGS="--folder /tmp/corpus"  keeps the records for the next time

The node is `headwater serve` in a process of its own; this process takes what it sends and shares its cores.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import threading
import time
import urllib.request
from pathlib import Path
from typing import Any

from api.formats.forms import FORMS
from benchmarks.building import build
from benchmarks.corpus import Corpus
from benchmarks.processes import serving
from benchmarks.report import last_line, machine, memory_mb, percentiles, say
from index.store import Store

TAKEN = 1 << 20


def main() -> None:
    options = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    options.add_argument("--records", type=int, default=100_000)
    options.add_argument("--folder", type=Path, help="keep the records here and use them again")
    asked = options.parse_args()
    with tempfile.TemporaryDirectory(prefix="headwater-export-") as made:
        folder = asked.folder or Path(made)
        folder.mkdir(parents=True, exist_ok=True)
        last_line(measured(folder, asked.records))


def measured(folder: Path, records: int) -> dict[str, Any]:
    with Store(folder / "store.sqlite") as store, serving(folder) as node:
        base, pid = node.base, node.running.pid
        build(store, Corpus(), records, folder, node)
        take(f"{base}/api/v1/export?format=ndjson")  # files are in memory from here on
        before = memory_mb(pid)
        forms = {}
        for name in FORMS:
            forms[name] = taken(f"{base}/api/v1/export?format={name}", pid)
            say(f"{name}: {forms[name]}")
        newest = taken(f"{base}/api/v1/export?sort=newest", pid)
        began = time.perf_counter()
        take(f"{base}/api/v1/certificate")
        certificate = time.perf_counter() - began
        alone = searches(base, range(100))
        beside = while_exporting(base)
    return {
        "benchmark": "export",
        "machine": machine(),
        "records": records,
        "forms": forms,
        "ndjson_by_newest": newest,
        "memory_mb_before": before,
        "certificate_seconds": round(certificate, 2),
        "search_alone": alone,
        "search_beside_an_export": beside,
    }


def taken(address: str, pid: int) -> dict[str, float]:
    began = time.perf_counter()
    rows, length = take(address)
    seconds = time.perf_counter() - began
    return {
        "rows_per_second": round(rows / seconds),
        "mb_per_second": round(length / seconds / 1e6, 1),
        "memory_mb": memory_mb(pid),
    }


def take(address: str) -> tuple[int, int]:
    """Take a body and throw it away; answer its rows and bytes."""
    length = 0
    with urllib.request.urlopen(address, timeout=600) as answer:
        while part := answer.read(TAKEN):
            length += len(part)
        return int(answer.headers.get("X-Headwater-Count", 0)), length


def searches(base: str, numbers: range) -> dict[str, float]:
    """Ask for pages with facets; no question twice, as those asked before are kept."""
    seconds = []
    for number in numbers:
        began = time.perf_counter()
        take(f"{base}/api/v1/search?q=cell+OR+x{number}&facets=all&size=20")
        seconds.append(time.perf_counter() - began)
    return {**percentiles(seconds), "mean_ms": round(statistics.mean(seconds) * 1000, 2)}


def while_exporting(base: str) -> dict[str, float]:
    """Search while ndjson is streamed again and again."""
    done = threading.Event()

    def export() -> None:
        while not done.is_set():
            take(f"{base}/api/v1/export?format=ndjson")

    exporting = threading.Thread(target=export)
    exporting.start()
    try:
        return searches(base, range(100, 200))
    finally:
        done.set()
        exporting.join()


if __name__ == "__main__":
    main()
