"""One harvest of one source: ask, keep, read, store.

Each of the four works on its own page while the others work on theirs. Whatever ends the run - an error, a
kill, Ctrl-C - the bookmark stands after the last page that was kept, and what was not read waits.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import AsyncGenerator, Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import Literal, TypeVar

import structlog
from structlog.contextvars import bound_contextvars

from config import VERSION
from harvester.errors import Changed, Refused, Unavailable, UpstreamError
from harvester.fates import fates_of
from harvester.http import Http, Polite
from harvester.reader import Reader, Readings, read_batch
from harvester.source import Ask, Card, Document, Page, Scope, Source
from harvester.stages import OnTheWay, ahead
from index import intake, ledger, losses
from index.batch import Raw, Unread
from index.prepared import digest_of
from index.record import Withdrawal
from index.sql import now
from index.store import Store

log = structlog.get_logger()

Kind = Literal["full", "changes", "sample"]

HEARTBEAT, LOOK_UP = 15.0, 1.0
"""Seconds between two signs of life, and between two looks whether somebody wants the run to stop."""

SHORT = 0.005
"""More than this share of what an upstream announced may not be missing from a complete list. Lists change
while they are walked; of Dryad's 65,000 some ten move in an hour."""

SHRINK_REFUSED = 0.10
"""More than this share of a source vanishing at once is taken for a fault of the upstream, or ours."""
ASKED_ONE_BY_ONE = 500
"""At most so many vanished documents are asked for in one run; the rest waits for the next."""

Given = TypeVar("Given")
Got = TypeVar("Got")

_STATES: dict[type[UpstreamError], str] = {
    Unavailable: "partial",
    Refused: "refused",
    Changed: "changed",
}


def _state_of(error: UpstreamError) -> str:
    """Name the end of a run; a page without documents is an answer we do not know."""
    return next((state for kind, state in _STATES.items() if isinstance(error, kind)), "changed")


@dataclass(frozen=True, slots=True)
class Order:
    """What to harvest, and how."""

    source: Source
    scope: Scope
    kind: Kind
    replica: str | None = None
    newest: int | None = None
    options: Mapping[str, str] = field(default_factory=dict)
    schedule: str | None = None
    """How often the operator wants it harvested; None for the card's own word."""

    @property
    def origin(self) -> str:
        return "live" if self.replica is None else "replica"


@dataclass(slots=True)
class Report:
    """What came of a run so far; the last one says how it ended."""

    source: str
    origin: str
    run_id: int
    harvest_run: int
    """The first run of the harvest that this one belongs to."""
    state: str = "running"
    error: str | None = None
    pages: int = 0
    announced: int | None = None
    counts: Counter[str] = field(default_factory=Counter)
    looked: Counter[str] = field(default_factory=Counter)
    """Documents of each form whose paths were counted."""


Watch = Callable[[Report], None]


async def harvest(store: Store, http: Http, order: Order, watch: Watch = lambda _: None) -> Report:
    """Harvest one source once.

    Returns:
        The report; its state says how the run ended: complete; partial, when the upstream could not be
        asked to the end or its list was short; refused; changed; canceled, when somebody asked for it.

    Raises:
        ledger.Busy: another process harvests this source.
    """
    card = order.source.card
    begun = ledger.begin(
        store,
        card.name,
        origin=order.origin,
        scope=order.scope,
        kind=order.kind,
        card=shown(card, order.schedule),
        code=VERSION,
    )
    report = Report(card.name, order.origin, begun.run_id, begun.harvest_run)
    client = http.client(card, replica=order.replica)
    with (
        bound_contextvars(source=card.name, run=begun.run_id),
        ThreadPoolExecutor(1, thread_name_prefix=f"keep-{card.name}") as worker,
    ):
        reader = Reader(order.source, order.scope)
        run = _Run(store, client, order, begun, report, watch, worker, reader)
        whole = asyncio.create_task(run.whole())
        pulse = asyncio.create_task(run.pulse(whole))
        try:
            await whole
            report.state = "complete"
        except UpstreamError as error:
            report.state, report.error = _state_of(error), str(error)
            log.warning("harvest ended", source=card.name, state=report.state, error=str(error))
        except asyncio.CancelledError:
            report.state, report.error = "canceled", "stopped by the operator"
            if not pulse.done():
                raise
        except Exception as error:
            report.state, report.error = "partial", f"a fault of ours: {type(error).__name__}: {error}"[:300]
            raise
        finally:
            reader.close()
            await _ended(pulse)
            await _ended(whole)
            traffic = client.traffic
            ledger.end(
                store,
                begun.run_id,
                state=report.state,
                error=report.error,
                traffic={
                    "requests": traffic.requests,
                    "bytes": traffic.bytes,
                    "retries": traffic.retries,
                    "waited": round(traffic.waited, 3),
                    "unchanged_answers": traffic.unchanged,
                },
            )
    watch(report)
    return report


def shown(card: Card, schedule: str | None = None) -> dict[str, str]:
    """Choose what readers of the node should know of a source."""
    return {
        "title": card.title,
        "homepage": card.homepage,
        "license_note": card.license_note,
        "incremental": card.incremental,
        "deletions": card.deletions,
        "schedule": schedule or card.schedule,
        "pictures": " ".join(card.pictures),
        "pace": str(card.pace),
    }


def reread(
    store: Store,
    source: Source,
    watch: Watch = lambda _: None,
    documents: Iterable[list[Unread]] | None = None,
) -> Report:
    """Read stored documents of a source again, after its mapping changed; no network.

    Args:
        store: where they are kept.
        source: whose they are.
        watch: told after each batch.
        documents: batches of them; all when None.
    """
    states = store.source_states()
    name = source.card.name
    origin = states[name].origin if name in states else "live"
    scope = states[name].scope if name in states else source.card.scopes[0]
    run_id = ledger.begin_reread(store, name, origin=origin, scope=scope, code=VERSION)
    report = Report(name, origin, run_id, run_id)
    losses.keep_fates(store, name, fates_of(source))
    with bound_contextvars(source=name, run=run_id):
        for batch in intake.all_documents(store, name, 500) if documents is None else documents:
            _keep_readings(store, report, source.card, read_batch(source, scope, batch))
            watch(report)
    ledger.end_reread(store, run_id)
    report.state = "complete"
    return report


@dataclass(frozen=True, slots=True)
class _Run:
    """The parts of one run."""

    store: Store
    client: Polite
    order: Order
    begun: ledger.Begun
    report: Report
    watch: Watch
    worker: ThreadPoolExecutor
    """Writes to the store, one thing after the other."""
    reader: Reader
    on_the_way: OnTheWay = field(default_factory=OnTheWay)

    async def whole(self) -> None:
        source = self.order.source
        await asyncio.to_thread(losses.keep_fates, self.store, source.card.name, fates_of(source))
        await self._read_leftovers()
        asked = ahead(self.order.source.pages(self.client, self._ask()))
        kept = ahead(self._keep(asked))
        read = ahead(self._read(kept))
        async with aclosing(read):
            async for readings in read:
                await self._off_loop(self._store, readings)
                self.on_the_way.arrived()
                self.watch(self.report)
        await self._off_loop(_judge, (self.store, self.report))
        self._believe()
        if self.order.kind == "full":
            await self._bury_the_vanished()

    async def pulse(self, whole: asyncio.Task[None]) -> None:
        """Show that the run is alive while an upstream makes us wait; end it when somebody asks for it."""
        beaten = time.monotonic()
        while not await asyncio.to_thread(ledger.is_cancel_asked, self.store, self.begun.run_id):
            await asyncio.sleep(LOOK_UP)
            if time.monotonic() - beaten >= HEARTBEAT:
                beaten = time.monotonic()
                await asyncio.to_thread(ledger.beat, self.store, self.begun.run_id)
        whole.cancel()

    def _ask(self) -> Ask:
        return Ask(
            scope=self.order.scope,
            since=self.begun.since if self.order.kind == "changes" else None,
            bookmark=self.begun.bookmark,
            newest=self.order.newest,
            options=self.order.options,
        )

    async def _keep(self, pages: AsyncGenerator[Page, None]) -> AsyncGenerator[Sequence[Unread], None]:
        async with aclosing(pages):
            async for page in pages:
                if self.begun.displaces and not self.report.pages:
                    await self._off_loop(self._make_room, self.order)
                if page.withdrawn:
                    # What is listed and later withdrawn must arrive before it can go; and it goes before the
                    # page is kept, so that a kill in between leaves the bookmark before the withdrawals.
                    await self.on_the_way.all_arrived()
                    await self._off_loop(self._withdraw, page.withdrawn)
                self.on_the_way.set_out()
                yield await self._off_loop(self._keep_page, page)

    async def _read(self, kept: AsyncGenerator[Sequence[Unread], None]) -> AsyncGenerator[Readings, None]:
        async with aclosing(kept):
            async for batch in kept:
                yield await self.reader.read(batch)

    def _store(self, readings: Readings) -> None:
        _keep_readings(self.store, self.report, self.order.source.card, readings)

    async def _off_loop(self, work: Callable[[Given], Got], given: Given) -> Got:
        return await asyncio.get_running_loop().run_in_executor(self.worker, work, given)

    def _make_room(self, order: Order) -> None:
        card = shown(order.source.card, order.schedule)
        forgotten = ledger.make_room(self.store, self.begun.run_id, card)
        log.info("made room", origin=order.origin, records=forgotten)

    async def _read_leftovers(self) -> None:
        if self.begun.displaces:
            return  # they are of another origin, and would be taken for ours
        while batch := await asyncio.to_thread(intake.unread, self.store, self.report.source, 500):
            await self._off_loop(self._store, await self.reader.read(batch))

    def _withdraw(self, gone: Mapping[str, Withdrawal]) -> None:
        count = intake.withdraw(self.store, self.begun.run_id, self.report.source, gone)
        self.report.counts["withdrawn"] += count

    def _keep_page(self, page: Page) -> list[Unread]:
        card = self.order.source.card
        raws = [Raw(_identity(document), document.body, document.media_type) for document in page.documents]
        waiting = intake.keep_page(
            self.store,
            self.begun.run_id,
            source=card.name,
            url=page.url,
            asked_at=page.asked_at.strftime("%Y-%m-%dT%H:%M:%SZ"),
            raws=raws,
            bookmark=page.bookmark,
            announced=page.announced,
            mapping_version=card.mapping_version,
        )
        self.report.pages += 1
        self.report.announced = page.announced or self.report.announced
        self.report.counts["seen"] += len(raws)
        self.report.counts["unchanged"] += len(raws) - len(waiting)
        return waiting

    def _believe(self) -> None:
        """Refuse to call a harvest complete that holds too little.

        Raises:
            Changed: far less than such an upstream holds.
            Unavailable: less than the upstream itself announced; the next harvest begins anew.
        """
        if self.order.kind == "full" and (announced := self.report.announced):
            listed = intake.listed(self.store, self.report.source, self.begun.harvest_run)
            if listed < announced * (1 - SHORT):
                ledger.begin_anew(self.store, self.report.source)
                raise Unavailable(
                    f"the upstream announced {announced} documents and listed {listed}",
                    hint="nothing was withdrawn; the next harvest begins anew",
                )
        card, seen = self.order.source.card, self.report.counts["seen"]
        resumed = self.begun.bookmark is not None
        live_and_full = self.order.kind == "full" and self.order.origin == "live"
        if live_and_full and not resumed and seen < card.at_least:
            raise Changed(
                f"a complete harvest found {seen} documents, {card.name} holds at least {card.at_least}",
                hint="nothing was withdrawn; look at the upstream and at the source's card",
            )

    async def _bury_the_vanished(self) -> None:
        """Ask one by one for what a complete harvest no longer listed; the withdrawn become tombstones."""
        card = self.order.source.card
        if not card.absent_means_gone:
            return
        vanished = intake.unseen(self.store, card.name, self.begun.harvest_run)
        held = len(vanished) + self.report.counts["seen"]
        if len(vanished) > max(10, SHRINK_REFUSED * held):
            raise Changed(
                f"{len(vanished)} of {held} documents vanished at once",
                hint="nothing was withdrawn; look at the upstream, then harvest again",
            )
        gone: dict[str, Withdrawal] = {}
        for upstream_id in vanished[:ASKED_ONE_BY_ONE]:
            withdrawal = await self.order.source.gone(self.client, upstream_id)
            if withdrawal is not None:
                gone[upstream_id] = withdrawal
        await self._off_loop(self._withdraw, gone)


async def _ended(task: asyncio.Task[None]) -> None:
    """Wait until a task has ended; how it ended was looked at before."""
    task.cancel()
    await asyncio.wait({task})


def _judge(run: tuple[Store, Report]) -> None:
    """Note the paths that most documents had and none of this run has."""
    store, report = run
    if gone := losses.judge(store, report.run_id, report.source, report.looked):
        log.warning("mapped fields vanished", source=report.source, paths=gone[:10])


def _keep_readings(store: Store, report: Report, card: Card, readings: Readings) -> None:
    counts = intake.keep_readings(
        store,
        report.run_id,
        readings.outcomes,
        source=card.name,
        origin=report.origin,
        retrieved_at=now(),
        mapping_version=card.mapping_version,
        findings=readings.findings,
        paths=readings.paths,
    )
    report.counts.update(counts)
    forms = {path[:-1]: seen.documents for path, seen in readings.paths.items() if path.endswith(":")}
    report.looked.update(forms)


def _identity(document: Document) -> str:
    return document.id or f"?{digest_of(document.body).hex()}"
