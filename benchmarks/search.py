"""How fast is a search over HTTP, beside Tantivy in process, SQLite FTS5 and PostgreSQL on the same records?

    make bench name=search                              1,000,000 records
    make bench name=search ARGS="--records 100000"
    make bench name=search ARGS="--folder /tmp/corpus"  keeps the records for the next time
    make bench name=search ARGS="--folder /tmp/corpus --cold"
    make bench name=search ARGS="--folder /tmp/corpus --records 6300000 --without sqlite"
    make bench name=search ARGS="--folder /tmp/corpus --shards 4"      makes the index again, of four

The node is `headwater serve` in a process of its own; the load generator shares its cores. No question is
asked twice of one system, except for the figures called "again": there the node is asked once more what it
was just asked. Peers are stopped after a minute; a peer is compared on the questions it got to.
PostgreSQL is a server of our own, of Debian's packages (apt-get install postgresql); where it is not
installed, the benchmark says so and goes on without it.

Warm figures: before measuring, 20 others of a kind are asked, so that files are in memory. Cold figures
(--cold): for each kind the node is stopped, the files of store and index leave the page cache - that they did
is looked up with mincore(2) - and it is started again; the first question and the first 20 are measured.

Building may be stopped and goes on at the next call with the same --folder; a folder of fewer records grows.
What it takes, measured in November 2026 on two busy cores with 100,000 records: store 166 MB, index 113 MB
(as much again while segments merge), SQLite 285 MB, PostgreSQL 409 MB (and at most 2 GB of its log); 80 s to
build and 105 s to fill the peers; 160 MB of memory to build and 190 MB in the node, no more than with 50,000.
With 6,300,000 store and index took 10.4 + 5.4 GB and an hour and a quarter. The peers were not filled: by the
figures above they need two hours, SQLite 18 GB (and 4 GB while it finishes), PostgreSQL 28 GB. Where the disk
has less, ask one peer at a time with --without. PostgreSQL takes a quarter of the memory, 4 GB at most; the
rest should hold store and index, 16 GB, or figures are not warm.
"""

from __future__ import annotations

import argparse
import shutil
import statistics
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import orjson

from benchmarks import cold
from benchmarks.building import build
from benchmarks.corpus import Corpus
from benchmarks.export import taken
from benchmarks.load import Load, in_process, over_http
from benchmarks.peers import Keeper, Peer, RawTantivy, fill
from benchmarks.postgres import Missing, Postgres, PostgresKeeper, Server
from benchmarks.processes import Node, serving, size_of
from benchmarks.questions import KINDS, NEEDS, OURS, Kind, Question, questions
from benchmarks.report import last_line, machine, percentiles, say
from benchmarks.sqlite import SqliteFts, SqliteKeeper
from benchmarks.worst import worst
from index.engines.tantivy import fingerprint
from index.store import Store

PEER_SECONDS = 60.0
"""A peer is stopped after so long with one kind of question."""
PEERS = ("sqlite", "postgres")
PEERS_MARK = "peers.txt"
"""Says what index the peers' texts belong to."""
WARMING, COMPARED = 20, 20
COLD_STARTS = 3
"""Of each kind; what the first question costs is their median."""


def main() -> None:
    options = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    options.add_argument("--records", type=int, default=1_000_000, help="a multiple of 1000")
    options.add_argument("--questions", type=int, default=200, help="of each kind, for one client and for 16")
    options.add_argument("--only", choices=KINDS, nargs="+", help="these kinds, without export and the worst")
    options.add_argument("--folder", type=Path, help="keep the records here and use them again")
    options.add_argument("--without", choices=PEERS, nargs="+", default=[], help="leave out these peers")
    options.add_argument("--shards", type=int, default=1, help="indexes that the node's index is made of")
    options.add_argument(
        "--cold", action="store_true", help="the first questions after a start, from the disk"
    )
    asked = options.parse_args()
    with tempfile.TemporaryDirectory(prefix="headwater-search-") as made:
        folder = (asked.folder or Path(made)).absolute()
        folder.mkdir(parents=True, exist_ok=True)
        chosen = [kind for kind in KINDS if not asked.only or kind in asked.only]
        if asked.cold:
            found = measured_cold(folder, asked.records, asked.questions, chosen, asked.shards)
        else:
            warm = Warm(folder, chosen, asked.without, asked.shards)
            found = warm.measured(asked.records, asked.questions)
        told = {"benchmark": "search", "machine": machine(), "records": asked.records}
        last_line({**told, "shards": asked.shards, **found})


def settings_of(shards: int) -> dict[str, str]:
    """Answer what makes a node's index of so many shards."""
    return {"HEADWATER_INDEX_SHARDS": str(shards)}


def known_to(base: str) -> frozenset[str]:
    """Ask a node which of the newer parameters it knows."""
    values = {"expand": "no", "collapse": "none", "facet_mode": "conjunctive"}
    return frozenset(name for name, value in values.items() if knows(base, name, value))


def knows(base: str, name: str, value: str) -> bool:
    try:
        with urllib.request.urlopen(
            f"{base}/api/v1/search?{urlencode({'size': 1, name: value})}", timeout=60
        ):
            return True
    except urllib.error.HTTPError as error:
        if error.code == 400:
            return False
        raise


def askable(chosen: Sequence[Kind], known: frozenset[str]) -> dict[Kind, str | None]:
    """Answer the kinds of questions, each with why the node cannot be asked it."""
    lacking = {kind: NEEDS[kind] for kind in chosen if kind in NEEDS and NEEDS[kind] not in known}
    return {kind: f"the node knows no {lacking[kind]}=" if kind in lacking else None for kind in chosen}


# ---- warm --------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Warm:
    """Everything asked of everybody, with files in memory."""

    folder: Path
    chosen: Sequence[Kind]
    without: Sequence[str]
    shards: int = 1

    def measured(self, records: int, count: int) -> dict[str, Any]:
        """Build what is missing, ask, and answer the figures."""
        corpus, kinds, more = Corpus(), dict[str, Any](), dict[str, Any]()
        settings = settings_of(self.shards)
        with ExitStack() as stack:
            store = stack.enter_context(Store(self.folder / "store.sqlite"))
            with serving(self.folder, settings) as node:
                built = build(store, corpus, records, self.folder, node, self.shards)
            peers, filled = self.peers(stack, store)
            with serving(self.folder, settings) as node:
                raw, known = RawTantivy(self.folder / "index", self.shards), known_to(node.base)
                for kind, why in askable(self.chosen, known).items():
                    asking = Compared(kind, corpus, node, known, raw, peers)
                    kinds[kind] = asking.measured(count) if why is None else {"left_out": why}
                    told = orjson.dumps(kinds[kind], option=orjson.OPT_NON_STR_KEYS).decode()
                    say(f"{kind}: {told}")
                if len(self.chosen) == len(KINDS):
                    more["export"] = exported(node)
            segments = raw.searcher.num_segments
        if more:
            more["worst"] = worst(corpus, self.folder, known, settings)
        return {
            "files": "warm", "segments": segments, "built": built, "peers": filled, "kinds": kinds, **more
        }  # fmt: skip

    def peers(self, stack: ExitStack, store: Store) -> tuple[list[Peer], dict[str, Any]]:
        """Fill the peers and start them; say what that cost, and why one is missing."""
        began = time.perf_counter()
        file, data = self.folder / "peer.sqlite", self.folder / "postgres"
        self._renew(file, data)
        told: dict[str, Any] = {name: {"left_out": "as asked"} for name in self.without}
        keepers, peers = list[Keeper](), list[Peer]()
        if "sqlite" not in told:
            keepers.append(SqliteKeeper(file))
            peers.append(SqliteFts(file))
        try:
            server = None if "postgres" in told else stack.enter_context(Server(data))
        except Missing as missing:
            server, told["postgres"] = None, {"left_out": str(missing)}
            say(f"PostgreSQL is left out: {missing}")
        if server is not None:
            keepers.append(PostgresKeeper(server))
            peers.append(Postgres(server))
        fill(store, keepers)
        sizes = {"sqlite": file.stat().st_size if file.exists() else 0, "postgres": size_of(data)}
        told |= {peer.name: {"mb": round(sizes[peer.name] / 1e6, 1)} for peer in peers}
        told["seconds"] = round(time.perf_counter() - began)
        say(f"peers are filled after {told['seconds']} s")
        return peers, told

    def _renew(self, file: Path, data: Path) -> None:
        """Throw away what was filled for an index with other entries: other texts, other totals."""
        mark = self.folder / PEERS_MARK
        if not mark.exists() or mark.read_text() != fingerprint():
            for old in self.folder.glob(f"{file.name}*"):
                old.unlink()
            shutil.rmtree(data, ignore_errors=True)
            mark.write_text(fingerprint())


class Compared:
    """One kind of question, asked of everybody."""

    def __init__(  # who is asked
        self,
        kind: Kind,
        corpus: Corpus,
        node: Node,
        known: frozenset[str],
        raw: RawTantivy,
        peers: Sequence[Peer],
    ) -> None:
        self.kind, self.corpus, self.base, self.known, self.raw = kind, corpus, node.base, known, raw
        self.peers: list[Peer] = [] if kind in OURS else [raw, *peers]

    def measured(self, count: int) -> dict[str, Any]:
        """Ask with one client and with sixteen, and answer the figures."""
        every = self._questions(count)
        count = (len(every) - WARMING) // 2
        if count < 1:
            return {"left_out": "too few questions have an answer among so few records"}
        if self.peers:
            self.raw.prepare(every)
        warming, one, sixteen = every[:WARMING], every[WARMING : WARMING + count], every[WARMING + count :]
        figures: dict[str, Any] = {"questions": count}
        loads: dict[tuple[str, int], Load] = {}
        for clients, asked in ((1, one), (16, sixteen)):
            loads |= {(name, clients): load for name, load in self._asked(warming, asked, clients).items()}
        figures |= {
            f"{name}, {clients}": {**load.shown(), "asked": len(load.seconds)}
            for (name, clients), load in loads.items()
        }
        return figures | (self._beside(loads) | self._totals(one) if self.peers else {})

    def _questions(self, count: int) -> list[Question]:
        if self.kind != "deep page":
            return questions(self.corpus, self.kind, WARMING + 2 * count)
        # Each costs many pages to get there.
        every = questions(self.corpus, self.kind, WARMING + 2 * (count // 5))
        depth = max(100, self.raw.searcher.num_docs // 20_000 * 100)
        return [question for question in every if self._deepened(question, depth)]

    def _asked(self, warming: Sequence[Question], asked: Sequence[Question], clients: int) -> dict[str, Load]:
        over_http(self.base, [question.path(self.known) for question in warming], 1)
        paths = [question.path(self.known) for question in asked]
        loads = {"headwater": over_http(self.base, paths, clients)}
        if clients == 1:
            loads["headwater again"] = over_http(self.base, paths, 1)
        for peer in self.peers:
            in_process(peer.ask, warming if peer is self.raw else warming[:5], 1, PEER_SECONDS)
            loads[peer.name] = in_process(peer.ask, asked, clients, PEER_SECONDS)
        return loads

    def _beside(self, loads: dict[tuple[str, int], Load]) -> dict[str, Any]:
        """Compare Headwater with each peer, on the questions that the peer got to."""
        faster, share = {}, {}
        for peer in self.peers:
            theirs = loads[peer.name, 1].seconds
            ours = percentiles(loads["headwater", 1].seconds[: len(theirs)])
            them = percentiles(theirs)
            faster[peer.name] = {name: round(them[name] / ours[name], 2) for name in ("p50_ms", "p95_ms")}
            share[peer.name] = {
                clients: round(loads["headwater", clients].qps / loads[peer.name, clients].qps, 2)
                for clients in (1, 16)
            }
        return {"times_faster_than": faster, "share_of_rate": share}

    def _totals(self, asked: Sequence[Question]) -> dict[str, Any]:
        """Count, among the first questions, those to which a peer gives the same total as Headwater."""
        compared = asked[:COMPARED]
        ours = [int(answer(self.base + question.path(self.known))["total"]) for question in compared]
        same = {}
        for peer in self.peers:
            # Tantivy alone counts records, not groups, and of a deep page what comes after the place.
            if peer is not self.raw or self.kind not in {"deep page", "versions", "families"}:
                agree = sum(
                    peer.ask(question) == total for question, total in zip(compared, ours, strict=True)
                )
                same[peer.name] = f"{agree} of {len(compared)}"
        return {"hits_p50": statistics.median_high(ours), "same_totals": same}

    def _deepened(self, question: Question, depth: int) -> bool:
        """Page down by date until the deep page, and remember where that is."""
        question.after = self.raw.place(question, depth)
        if question.after is None:
            return False
        path = question.path(self.known).replace("size=20", "size=100")
        cursor = ""
        for _ in range(depth // 100):
            question.cursor = answer(self.base + path + cursor)["next"]
            cursor = f"&cursor={question.cursor}"
        return question.cursor is not None


def answer(address: str) -> Any:
    with urllib.request.urlopen(address, timeout=300) as found:
        return orjson.loads(found.read())


def exported(node: Node) -> dict[str, float]:
    """Take everything away as ndjson; the other forms are measured by benchmarks/export.py."""
    found = taken(f"{node.base}/api/v1/export?format=ndjson", node.running.pid)
    say(f"export: {found}")
    return found


# ---- cold --------------------------------------------------------------------------------------


def measured_cold(
    folder: Path, records: int, count: int, chosen: Sequence[Kind], shards: int = 1
) -> dict[str, Any]:
    """Build what is missing, and ask the first questions after starts with nothing in memory."""
    corpus, kinds = Corpus(), dict[str, Any]()
    settings = settings_of(shards)
    with Store(folder / "store.sqlite") as store, serving(folder, settings) as node:
        built = build(store, corpus, records, folder, node, shards)
        known = known_to(node.base)
    for kind, why in askable(chosen, known).items():
        if why is not None:
            kinds[kind] = {"left_out": why}
        elif kind != "deep page":  # whoever pages down to it warms the files on the way
            asked = questions(corpus, kind, COLD_STARTS * min(count, WARMING))
            kinds[kind] = first_questions(folder, [question.path(known) for question in asked], settings)
            say(f"{kind}: {orjson.dumps(kinds[kind]).decode()}")
    return {"files": "cold", "built": built, "kinds": kinds}


def first_questions(
    folder: Path, paths: Sequence[str], settings: Mapping[str, str] | None = None
) -> dict[str, Any]:
    """Start a few times with nothing in memory, and ask an equal part of the questions each time."""
    each = len(paths) // COLD_STARTS
    held, starts, firsts, seconds = list[float](), list[float](), list[float](), list[float]()
    for start in range(COLD_STARTS):
        files = cold.files_in([folder / "index", *folder.glob("store.sqlite*")])
        cold.drop(files)
        held.append(cold.resident(files))
        began = time.perf_counter()
        with serving(folder, settings) as node:
            starts.append(time.perf_counter() - began)
            load = over_http(node.base, paths[start * each : (start + 1) * each], 1)
        firsts.append(load.seconds[0])
        seconds += load.seconds
    return {
        "start_seconds": round(statistics.median(starts), 2),
        "in_memory_before": round(max(held), 4),
        "first_ms": round(statistics.median(firsts) * 1000, 1),
        f"first_{each}": percentiles(seconds),
    }


if __name__ == "__main__":
    main()
