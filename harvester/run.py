"""One harvest of one source: ask, keep, read, store, mark.

The upstream is asked in one task while the last page is kept and read in a thread. Whatever ends the
run - an error, a kill, Ctrl-C - the bookmark stands after the last page that was kept.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import Literal

import structlog

from harvester import scope as scoping
from harvester.errors import BadRecord, Changed, Refused, Unavailable, UpstreamError
from harvester.http import Http, Polite
from harvester.source import Ask, Card, Document, Page, Scope, Source
from index import intake, ledger
from index.batch import Outcome
from index.intake import Raw, Unread
from index.record import Withdrawal
from index.store import Store, now

log = structlog.get_logger()

Kind = Literal["full", "changes", "sample"]

AHEAD = 2
"""Pages asked for while an earlier one is being kept; more would only fill memory."""

HEARTBEAT = 15.0
SHRINK_REFUSED = 0.10
"""More than this share of a source vanishing at once is taken for a fault of the upstream, or ours."""
ASKED_ONE_BY_ONE = 500
"""At most so many vanished documents are asked for in one run; the rest waits for the next."""

_STATES: dict[type[UpstreamError], str] = {
    Unavailable: "unavailable",
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

    @property
    def origin(self) -> str:
        return "live" if self.replica is None else "replica"


@dataclass(slots=True)
class Report:
    """What came of a run so far; the last one says how it ended."""

    source: str
    origin: str
    run_id: int
    state: str = "running"
    error: str | None = None
    pages: int = 0
    announced: int | None = None
    counts: Counter[str] = field(default_factory=Counter)


Watch = Callable[[Report], None]


async def harvest(store: Store, http: Http, order: Order, watch: Watch = lambda _: None) -> Report:
    """Harvest one source once.

    Returns:
        The report; its state says how the run ended: complete, unavailable, refused or changed.

    Raises:
        ledger.Busy: another process harvests this source.
    """
    card = order.source.card
    _make_room(store, order)
    begun = ledger.begin(
        store,
        card.name,
        origin=order.origin,
        scope=order.scope,
        kind=order.kind,
        card=shown(card),
    )
    report = Report(card.name, order.origin, begun.run_id)
    client = http.client(card, replica=order.replica)
    with ThreadPoolExecutor(1, thread_name_prefix=f"keep-{card.name}") as worker:
        run = _Run(store, client, order, begun, report, watch, worker)
        pulse = asyncio.create_task(run.pulse())
        try:
            await run.whole()
            report.state = "complete"
        except UpstreamError as error:
            report.state, report.error = _state_of(error), str(error)
            log.warning("harvest ended", source=card.name, state=report.state, error=str(error))
        except asyncio.CancelledError:
            report.state, report.error = "canceled", "stopped by the operator"
            raise
        finally:
            pulse.cancel()
            with suppress(asyncio.CancelledError):
                await pulse
            traffic = client.traffic
            ledger.end(
                store,
                begun.run_id,
                state=report.state if report.state != "running" else "failed",
                error=report.error,
                traffic={
                    "requests": traffic.requests,
                    "bytes": traffic.bytes,
                    "retries": traffic.retries,
                    "waited": round(traffic.waited, 3),
                },
            )
    watch(report)
    return report


def shown(card: Card) -> dict[str, str]:
    """Choose what readers of the node should know of a source."""
    return {
        "title": card.title,
        "homepage": card.homepage,
        "license_note": card.license_note,
        "incremental": card.incremental,
        "deletions": card.deletions,
        "schedule": card.schedule,
    }


def reread(store: Store, source: Source, watch: Watch = lambda _: None) -> Report:
    """Read all stored documents of a source again, after its mapping changed; no network."""
    states = store.source_states()
    name = source.card.name
    origin = states[name].origin if name in states else "live"
    scope = states[name].scope if name in states else source.card.scopes[0]
    run_id = ledger.begin_reread(store, name, origin=origin, scope=scope)
    report = Report(name, origin, run_id)
    for batch in intake.all_documents(store, name, 500):
        _read_and_keep(store, source, scope, report, batch)
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

    async def whole(self) -> None:
        await self._off_loop(self._read_leftovers)
        async for page in _ahead(self.order.source.pages(self.client, self._ask())):
            await self._off_loop(self._keep, page)
            self.watch(self.report)
        self._believe()
        if self.order.kind == "full":
            await self._bury_the_vanished()

    async def pulse(self) -> None:
        """Show that the run is alive while an upstream makes us wait."""
        while True:
            await asyncio.sleep(HEARTBEAT)
            await asyncio.to_thread(ledger.beat, self.store, self.begun.run_id)

    def _ask(self) -> Ask:
        return Ask(
            scope=self.order.scope,
            since=self.begun.since if self.order.kind == "changes" else None,
            bookmark=self.begun.bookmark,
            newest=self.order.newest,
            options=self.order.options,
        )

    async def _off_loop(self, work: Callable[..., None], *args: object) -> None:
        await asyncio.get_running_loop().run_in_executor(self.worker, work, *args)

    def _read_leftovers(self) -> None:
        while batch := intake.unread(self.store, self.report.source, 500):
            self._read(batch)

    def _keep(self, page: Page) -> None:
        card = self.order.source.card
        raws = [Raw(_identity(document), document.body, document.media_type) for document in page.documents]
        if page.withdrawn:  # first, so that a kill in between leaves the bookmark before them
            gone = intake.withdraw(self.store, self.begun.run_id, card.name, page.withdrawn)
            self.report.counts["withdrawn"] += gone
        waiting = intake.keep_page(
            self.store,
            self.begun.run_id,
            source=card.name,
            url=page.url,
            asked_at=page.asked_at.strftime("%Y-%m-%dT%H:%M:%SZ"),
            raws=raws,
            bookmark=page.bookmark,
            announced=page.announced,
            withdrawn=page.withdrawn,
            mapping_version=card.mapping_version,
        )
        self.report.pages += 1
        self.report.announced = page.announced or self.report.announced
        self.report.counts["seen"] += len(raws)
        self.report.counts["unchanged"] += len(raws) - len(waiting)
        self._read(waiting)

    def _read(self, batch: Sequence[Unread]) -> None:
        _read_and_keep(self.store, self.order.source, self.order.scope, self.report, batch)

    def _believe(self) -> None:
        """Refuse to call a harvest complete that holds far too little."""
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
        count = intake.withdraw(self.store, self.begun.run_id, card.name, gone)
        self.report.counts["withdrawn"] += count


def _make_room(store: Store, order: Order) -> None:
    """Forget replica records before the live upstream is harvested, and the reverse."""
    name = order.source.card.name
    before = store.source_states().get(name)
    if before is not None and before.origin != order.origin:
        count = intake.forget(store, name)
        log.info("made room", source=name, was=before.origin, now=order.origin, records=count)


def _read_and_keep(store: Store, source: Source, scope: str, report: Report, batch: Sequence[Unread]) -> None:
    card = source.card
    readings = [(waiting, _read(source, waiting.raw)) for waiting in batch]
    stays = _stays_in_scope(store, card.name, scope, readings)
    outcomes, findings = [], _Findings()
    for waiting, result in readings:
        if isinstance(result, str):
            outcomes.append(Outcome(waiting.did, None, reason=result))
            continue
        findings.add(result.unmapped, result.notes, waiting.raw.upstream_id)
        record = scoping.place(result.record, scope, stays)
        outcomes.append(Outcome(waiting.did, record))
    counts = intake.keep_readings(
        store,
        report.run_id,
        outcomes,
        source=card.name,
        origin=report.origin,
        retrieved_at=now(),
        mapping_version=card.mapping_version,
        findings=findings.found,
    )
    report.counts.update(counts)


def _read(source: Source, raw: Raw) -> scoping.Reading | str:
    """Read one document; a bad one answers the reason instead."""
    document = Document(raw.upstream_id, raw.body, raw.media_type)
    try:
        return source.read(document)
    except BadRecord as error:
        return str(error)
    except (ValueError, TypeError, KeyError, AttributeError, LookupError) as error:
        # A shape nobody foresaw. The document waits in quarantine with this reason and its raw text.
        return f"{type(error).__name__}: {error}"[:300]


def _stays_in_scope(
    store: Store, source: str, scope: str, readings: Iterable[tuple[Unread, scoping.Reading | str]]
) -> set[str]:
    if scope == "everything":
        return set()
    ids = [result.record.id for _, result in readings if not isinstance(result, str)]
    return intake.ids_held(store, source, ids)


def _identity(document: Document) -> str:
    return document.id or f"?{blake2b(document.body, digest_size=16).hexdigest()}"


class _Findings:
    """Counts what readings noticed, with one example each."""

    def __init__(self) -> None:
        self.found: dict[tuple[str, str], tuple[int, str]] = {}

    def add(self, unmapped: Iterable[str], notes: Iterable[tuple[str, str]], id_: str) -> None:
        for path in unmapped:
            self._count(("unmapped", path), id_)
        for reason, raw in notes:
            self._count(("value", reason), f"{id_}: {raw}")

    def _count(self, key: tuple[str, str], example: str) -> None:
        count, first = self.found.get(key, (0, example))
        self.found[key] = count + 1, first


async def _ahead(pages: AsyncIterator[Page]) -> AsyncIterator[Page]:
    """Ask for the next pages while the last one is being kept."""
    queue: asyncio.Queue[Page | BaseException | None] = asyncio.Queue(AHEAD)

    async def ask() -> None:
        try:
            async for page in pages:
                await queue.put(page)
            await queue.put(None)
        except UpstreamError as error:
            await queue.put(error)
        except Exception as error:  # noqa: BLE001  # carried over to the consumer, which raises it
            await queue.put(error)

    task = asyncio.create_task(ask())
    try:
        while (item := await queue.get()) is not None:
            if isinstance(item, BaseException):
                raise item
            yield item
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
