"""How a harvest behaves: requests per record, seconds from a change to a search hit, faults and how they end.

    make bench name=harvest                     every source and route, 1,000 documents; about 5 minutes
    make bench name=harvest ARGS="--documents 200 --source empiar"

Every source is harvested from its replica by the real client and runner. A request more than the least the
upstream's protocol allows shows up here; so does a fault that ends in the wrong state or loses a record.
"""

from __future__ import annotations

import argparse
import asyncio
import tempfile
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from benchmarks.report import last_line, machine, say
from harvester import registry
from harvester.http import Http, Manners
from harvester.rehearse import REPLICAS
from harvester.replicas.holdings import Listed
from harvester.replicas.server import Fault, Replica
from harvester.run import Kind, Order, Report, harvest
from harvester.source import Scope
from index.engines.tantivy import TantivyEngine
from index.search import Catalogue, Request
from index.store import Store
from index.sync import sync

FAULTS = (
    *("503", "503-date", "429", "429-after", "429-long", "403", "410", "422"),
    *("html", "empty-202", "waf-202", "broken", "cut"),
)
QUICK = Manners(attempts=3, first_backoff=0.01, longest_wait=2.0, connect=2, read=2.0, total=30)


@dataclass(frozen=True, slots=True)
class Way:
    """A way to harvest a source, and the fewest requests its protocol allows for so many documents."""

    source: str
    scope: Scope
    page: int
    """Documents one request can bring; 0 where one request brings all."""
    each: int = 0
    """Further requests a record in scope needs."""
    options: tuple[tuple[str, str], ...] = ()

    def fewest(self, documents: int, records: int) -> int:
        return (-(-documents // self.page) if self.page else 1) + self.each * records


WAYS = (
    Way("empiar", "everything", 500),
    Way("idr", "everything", 0, options=(("light", "yes"),)),
    Way("ssbd", "everything", 0),
    Way("figshare", "everything", 50),
    Way("figshare", "imaging", 1000, each=1),
    Way("dryad", "everything", 100),
    Way("zenodo", "everything", 0),
    Way("zenodo", "everything", 50, options=(("route", "oai"),)),
    Way("zenodo", "imaging", 25),
)


def main() -> None:
    options = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    options.add_argument("--documents", type=int, default=1000)
    options.add_argument("--source")
    asked = options.parse_args()
    ways = [way for way in WAYS if asked.source in {None, way.source}]
    last_line(asyncio.run(measured(ways, asked.documents)))


async def measured(ways: list[Way], documents: int) -> dict[str, Any]:
    """Measure every way."""
    found = []
    for way in ways:
        name = " ".join([way.source, way.scope, *(value for _, value in way.options)])
        with tempfile.TemporaryDirectory(prefix="headwater-harvest-") as folder:
            result = {
                "way": name,
                **await requests(way, documents, Path(folder)),
                "seconds_from_change_to_hit": await change_to_hit(way, Path(folder)),
                "faults": {kind: await fault(way, kind, Path(folder)) for kind in FAULTS},
            }
        say(str(result))
        found.append(result)
    return {"benchmark": "harvest", "machine": machine(), "ways": found}


@asynccontextmanager
async def bench(way: Way, holdings: Listed, file: Path) -> AsyncIterator[tuple[Store, Replica, Http]]:
    with Store(file) as store:
        async with (
            Replica(REPLICAS[way.source], holdings) as replica,
            Http(user_agent="Headwater/bench (+loopback)", offline=True, manners=QUICK) as http,
        ):
            yield store, replica, http


async def harvested(way: Way, store: Store, replica: Replica, http: Http, kind: Kind = "full") -> Report:
    order = Order(registry.source(way.source), way.scope, kind, replica.base, None, dict(way.options))
    return await harvest(store, http, order)


async def requests(way: Way, documents: int, folder: Path) -> Mapping[str, Any]:
    """Count the requests of a full harvest of generated documents, and of a second one."""
    made = REPLICAS[way.source].generated(documents, 1)
    holdings = Listed.of(made[place] for place in range(documents))
    async with bench(way, holdings, folder / "requests.sqlite") as (store, replica, http):
        report = await harvested(way, store, replica, http)
        first = len(replica.asked)
        held = store.counts()[way.source].get("current", 0)
    return {
        "state": report.state,
        "documents": documents,
        "records": held,
        "requests": first,
        "requests_per_document": round(first / documents, 4),
        "fewest": round(way.fewest(documents, held) / documents, 4),
    }


async def change_to_hit(way: Way, folder: Path) -> float:
    """Measure from a change upstream, over a harvest of changes, to the first search that finds it."""
    async with bench(way, REPLICAS[way.source].bundled(), folder / "change.sqlite") as (store, replica, http):
        await harvested(way, store, replica, http)
        engine = TantivyEngine(folder / "index", writing=True)
        sync(store, engine)
        upstream_id = store.upstream_id(min(id_ for id_ in store.ids(way.source)))
        began = time.perf_counter()
        replica.change(upstream_id or "", "Quokkas by microscopy", datetime.now(UTC))
        tells = not registry.source(way.source).card.incremental.startswith("no")
        await harvested(way, store, replica, http, "changes" if tells else "full")
        sync(store, engine)
        found = Catalogue(store, engine).search(Request(words="quokkas")).total
        took = time.perf_counter() - began
        engine.close()
    return round(took, 2) if found == 1 else float("nan")


async def fault(way: Way, kind: str, folder: Path) -> str:
    """Say how a harvest ends that meets a fault on its second request, and what a second one then holds."""
    calm, struck = folder / f"calm-{kind}.sqlite", folder / f"struck-{kind}.sqlite"
    async with bench(way, REPLICAS[way.source].bundled(), calm) as (store, replica, http):
        await harvested(way, store, replica, http)
        expected = content(store)
    async with bench(way, REPLICAS[way.source].bundled(), struck) as (store, replica, http):
        replica.faults.append(Fault(kind, at=2))
        report = await harvested(way, store, replica, http)
        replica.faults.clear()
        await harvested(way, store, replica, http)
        return report.state if content(store) == expected else f"{report.state}, AND RECORDS DIFFER"


def content(store: Store) -> dict[str, bytes]:
    ids = [id_ for source in store.counts() for id_ in store.ids(source)]
    return {id_: kept.json for id_ in ids if (kept := store.get(id_))}


if __name__ == "__main__":
    main()
