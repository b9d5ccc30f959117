"""Kill everything, again and again, and see that nothing is lost and nothing doubled.

    make soak                                200 kills over all six sources, 10 to 15 minutes
    make soak ARGS="--kills 20 --seed 7"

Replicas with a few hundred documents each change, withdraw and restore them, and answer with faults.
Harvests of random sources are killed (SIGKILL) at random moments, and so is the serving node with its
index, while a searcher asks on and checks that every answer agrees with itself. At the end all faults
are switched off and every source is harvested to the end: the store must hold what an undisturbed harvest
into a new store holds, and the engine what the store holds. The last line is JSON; the exit code is 1
when anything differs.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import random
import sys
import tempfile
import time
from collections import Counter
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp

from benchmarks.report import last_line, machine, say
from harvester import registry
from harvester.rehearse import REPLICAS
from harvester.replicas.holdings import Holding, Listed
from harvester.replicas.server import Fault, Replica
from index.engines.tantivy import TantivyEngine
from index.search import Catalogue, Request
from index.store import Store
from index.sync import sync

FAULTS = ("503", "503-date", "429", "429-after", "html", "empty-202", "broken", "cut", "slow")
AT_ONCE = 2
MOST_WITHDRAWN = 0.06
"""Share of a source's documents withdrawn at one time; from a tenth on a harvest refuses to believe it."""


@dataclass(slots=True)
class Soak:
    """What happens, and what happened."""

    folder: Path
    chance: random.Random
    kills: int
    replicas: dict[str, Replica]
    happened: Counter[str] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)
    address: str = ""
    gone: dict[str, dict[str, Holding]] = field(default_factory=dict)

    @property
    def is_over(self) -> bool:
        return self.happened["harvests killed"] + self.happened["nodes killed"] >= self.kills


def main() -> None:
    options = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    options.add_argument("--kills", type=int, default=200)
    options.add_argument("--documents", type=int, default=300, help="of each source")
    options.add_argument("--seed", type=int, default=1)
    asked = options.parse_args()
    with tempfile.TemporaryDirectory(prefix="headwater-soak-") as folder:
        result = asyncio.run(soaked(Path(folder), asked.kills, asked.documents, asked.seed))
    last_line(result)
    sys.exit(1 if result["wrong"] else 0)


async def soaked(folder: Path, kills: int, documents: int, seed: int) -> dict[str, Any]:
    """Soak, then compare."""
    began = time.monotonic()
    async with AsyncExitStack() as stack:
        running = {}
        for name, module in REPLICAS.items():
            made = module.generated(documents, seed)
            replica = Replica(module, Listed.of(made[place] for place in range(documents)))
            running[name] = await stack.enter_async_context(replica)
        soak = Soak(folder / "killed", random.Random(seed), kills, running)
        soak.folder.mkdir()
        async with asyncio.TaskGroup() as group:
            group.create_task(serving(soak))
            group.create_task(searching(soak))
            group.create_task(meddling(soak))
            for _ in range(AT_ONCE):
                group.create_task(harvesting(soak))
        say(f"{kills} kills after {time.monotonic() - began:.0f} s; now everything to the end")
        for replica in running.values():
            replica.faults.clear()
        await to_the_end(soak, soak.folder)
        calm = folder / "calm"
        await to_the_end(soak, calm)
    compare(soak, calm)
    return {
        "benchmark": "soak",
        "machine": machine(),
        "seed": seed,
        "documents": documents * len(running),
        "seconds": round(time.monotonic() - began),
        **soak.happened,
        "wrong": soak.wrong,
    }


# ---- what is killed ------------------------------------------------------------------------------


async def start(*words: str, loud: bool = False) -> asyncio.subprocess.Process:
    environment = {**os.environ, "HEADWATER_OFFLINE": "1"}
    pipe, nowhere = asyncio.subprocess.PIPE, asyncio.subprocess.DEVNULL
    command = [sys.executable, "-m", "api.cli", *words]
    return await asyncio.create_subprocess_exec(
        *command, env=environment, stdout=pipe, stderr=pipe if loud else nowhere
    )


def harvest_of(soak: Soak, name: str, folder: Path) -> tuple[str, ...]:
    base = soak.replicas[name].base
    return "harvest", name, f"--replica={base}", "--scope=everything", f"--data={folder}", "--json"


async def harvesting(soak: Soak) -> None:
    """Harvest random sources and kill most of the harvests."""
    while not soak.is_over:
        name = soak.chance.choice(list(soak.replicas))
        full = ("--full",) if soak.chance.random() < 0.5 else ()
        replica = soak.replicas[name]
        before = len(replica.asked)
        process = await start(*harvest_of(soak, name, soak.folder), *full)
        over = asyncio.create_task(process.communicate())
        while len(replica.asked) == before and not over.done():  # noqa: ASYNC110  # there is no event for it
            await asyncio.sleep(0.02)
        await asyncio.wait({over}, timeout=soak.chance.uniform(0.0, 2.5))  # from its first request on
        if process.returncode is None:
            process.kill()
            await over
            soak.happened["harvests killed"] += 1
            if soak.happened["harvests killed"] % 20 == 0:
                say(f"  {soak.happened['harvests killed']} harvests killed")
        else:
            soak.happened["harvests that came to an end"] += 1


async def serving(soak: Soak) -> None:
    """Serve, and kill the server with its index now and then."""
    while not soak.is_over:
        process = await start("serve", f"--data={soak.folder}", "--port=0")
        assert process.stdout is not None
        line = (await process.stdout.readline()).decode()
        soak.address = next((word for word in line.split() if word.startswith("http")), "")
        until = time.monotonic() + soak.chance.uniform(3.0, 12.0)
        while time.monotonic() < until and not soak.is_over:  # noqa: ASYNC110  # ends by the clock or by count
            await asyncio.sleep(0.2)
        soak.address = ""
        process.kill()
        await process.communicate()
        soak.happened["nodes killed"] += 1


# ---- what goes on meanwhile ----------------------------------------------------------------------


async def searching(soak: Soak) -> None:
    """Ask on, whoever is dead, and check that each answer agrees with itself."""
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(10)) as http:
        while not soak.is_over:
            await asyncio.sleep(0.1)
            if not soak.address:
                continue
            word = soak.chance.choice(["*", "cells", "light", "microscopy", "data"])
            asked = {"q": word, "facets": "source", "size": "100"}
            try:
                async with http.get(f"{soak.address}/api/v1/search", params=asked) as answer:
                    status, body = answer.status, await answer.json()
            except (aiohttp.ClientError, TimeoutError):
                soak.happened["answers lost with a killed node"] += 1
                continue
            soak.happened["answers"] += 1
            soak.wrong += [f"{word}: {fault}" for fault in faults_of(status, body)]


def faults_of(status: int, body: dict[str, Any]) -> list[str]:
    """Say what is wrong with an answer."""
    if status != 200:
        return [f"status {status}: {body}"]
    counted = sum(value["count"] for value in body["facets"]["source"]["values"])
    ids = [hit["id"] for hit in body["hits"]]
    found = []
    if counted != body["total"]:
        found.append(f"facets count {counted}, the total is {body['total']}")
    if len(set(ids)) != len(ids):
        found.append("a record stands twice on a page")
    if len(ids) != min(100, body["total"]):
        found.append(f"{len(ids)} hits of {body['total']}")
    return found


async def meddling(soak: Soak) -> None:
    """Change, withdraw and restore documents upstream, and switch faults on."""
    while not soak.is_over:
        await asyncio.sleep(0.5)
        name = soak.chance.choice(list(soak.replicas))
        replica = soak.replicas[name]
        held = replica.listed()
        gone = soak.gone.setdefault(name, {})
        tells = registry.source(name).card.absent_means_gone
        match soak.chance.choice(("change", "withdraw", "restore", "fault", "fault")):
            case "change":
                replica.change(soak.chance.choice(held.in_order()).id, f"Changed {soak.chance.random()}")
                soak.happened["changes"] += 1
            # Where absence says nothing, what was withdrawn stays held; an undisturbed harvest never saw it.
            case "withdraw" if tells and len(gone) < MOST_WITHDRAWN * len(held.held):
                chosen = soak.chance.choice(held.in_order())
                gone[chosen.id] = chosen
                held.withdraw(chosen.id)
                replica.memory.clear()
                soak.happened["withdrawals"] += 1
            case "restore" if gone:
                _, holding = gone.popitem()
                held.put(holding)
                replica.memory.clear()
                soak.happened["restorations"] += 1
            case _:
                replica.faults[:] = [fault for fault in replica.faults if fault.met < fault.at][-3:]
                replica.faults.append(Fault(soak.chance.choice(FAULTS), at=soak.chance.randint(1, 4)))
                soak.happened["faults switched on"] += 1


# ---- the end -------------------------------------------------------------------------------------


async def to_the_end(soak: Soak, folder: Path) -> None:
    """Harvest every source to the end, twice: what was interrupted, and then all of it."""
    for name in soak.replicas:
        for _ in range(2):
            process = await start(*harvest_of(soak, name, folder), "--full", loud=True)
            output, errors = await process.communicate()
            if process.returncode != 0:
                soak.wrong.append(f"{name} did not come to an end: {(output + errors[-600:]).decode()}")


def compare(soak: Soak, calm: Path) -> None:
    """Compare the store with one that was never disturbed, and the engine with the store."""
    with Store(soak.folder / "store.sqlite") as killed, Store(calm / "store.sqlite") as undisturbed:
        ours, expected = content(killed), content(undisturbed)
        for id_ in sorted(ours.keys() | expected.keys()):
            if ours.get(id_) != expected.get(id_):
                soak.wrong.append(f"{id_} differs from an undisturbed harvest")
        engine = TantivyEngine(soak.folder / "index", writing=True)
        sync(killed, engine)
        found = walk(Catalogue(killed, engine))
        engine.close()
        if sorted(found) != sorted(ours):
            soak.wrong.append(f"the engine holds {len(found)} records, the store {len(ours)}")
        soak.happened["records at the end"] = len(ours)
        soak.happened["tombstones at the end"] = sum(c.get("withdrawn", 0) for c in killed.counts().values())
        states = Counter(run["state"] for run in killed.runs(limit=100_000))
        soak.happened |= Counter({f"runs {state}": count for state, count in states.items()})


def content(store: Store) -> dict[str, bytes]:
    ids = [id_ for source in store.counts() for id_ in store.ids(source)]
    return {id_: kept.json for id_ in ids if (kept := store.get(id_))}


def walk(catalogue: Catalogue) -> list[str]:
    """Page through everything the engine holds."""
    found: list[str] = []
    cursor = None
    while True:
        answer = catalogue.search(Request(sort="newest", size=100, cursor=cursor))
        found += [hit.kept.id for hit in answer.hits]
        cursor = answer.next
        if cursor is None:
            return found


if __name__ == "__main__":
    main()
