"""Harvesting for ever: every source when it is due, side by side, whatever becomes of the others.

When a source is due is read from the ledger (`config/timetable.py`), never from what a timer remembers; after
a restart, a night without power or a harvest by hand the next moment is the right one. The timer
(apscheduler) holds one appointment a source and is looked over every minute, so that it follows a clock
that was set and a machine that slept.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

import structlog
from apscheduler.schedulers.asyncio import AsyncIOScheduler
from apscheduler.triggers.date import DateTrigger
from apscheduler.triggers.interval import IntervalTrigger

from config.settings import Settings
from config.timetable import Due, Schedule, next_due, schedule
from harvester import registry
from harvester.alerts import Teller
from harvester.channels import NotSent, ready
from harvester.http import Http
from harvester.jobs import Wanted, order_of
from harvester.proof import prove
from harvester.rehearse import replicas
from harvester.run import Watch, harvest
from index import ledger
from index.past import Past, note_schedules, pasts
from index.pauses import pauses
from index.store import SourceState, Store

log = structlog.get_logger()

LOOK_EVERY = 60
"""Seconds between two looks at the ledger: another process may have harvested, or somebody set the clock."""

LOOK = "look over all appointments"
"""Name of the timer's own appointment; no source is called so."""

PAUSE = timedelta(seconds=60)
"""Between two tries at a source, whatever the ledger says: a try may fail before it is in the ledger."""

Clock = Callable[[], datetime]


def effective(settings: Settings, names: Sequence[str]) -> dict[str, Schedule]:
    """Answer how often sources are due: as the operator wants it, else as their cards say."""
    return {name: schedule(settings.schedule(name) or registry.source(name).card.schedule) for name in names}


@dataclass(slots=True)
class Lanes:
    """Room for harvests side by side.

    A source whose last run failed waits in a lane of its own: while its upstream lets us wait, which may take
    minutes a request, it takes no room from those that answer.
    """

    sound: asyncio.Semaphore
    troubled: asyncio.Semaphore

    @classmethod
    def of(cls, at_once: int) -> Lanes:
        return cls(asyncio.Semaphore(at_once), asyncio.Semaphore(at_once))

    def of_source(self, past: Past | None) -> asyncio.Semaphore:
        return self.troubled if past is not None and past.failures else self.sound


@dataclass(slots=True)
class Keeper:
    """Harvests sources when they are due."""

    store: Store
    http: Http
    settings: Settings
    schedules: Mapping[str, Schedule]
    bases: Mapping[str, str]
    """Replicas, by source; none for live upstreams."""
    note: Callable[[str, str], None]
    watch: Watch
    ended: Callable[[], None]
    """Told after each harvest."""
    clock: Clock
    lanes: Lanes
    timer: AsyncIOScheduler
    under_way: dict[str, asyncio.Task[None]] = field(default_factory=dict)
    is_stopping: bool = False
    _not_before: dict[str, datetime] = field(default_factory=dict)
    _looking: int = 0

    def dues(self) -> dict[str, Due]:
        """Answer when each source is due."""
        known, states = pasts(self.store), self.store.source_states()
        return {name: self._due(name, known.get(name), states.get(name)) for name in self.schedules}

    async def arrange(self) -> None:
        """Make an appointment for every source that is not under way."""
        self._looking += 1
        try:
            dues = await asyncio.to_thread(self.dues)
            for name, due in dues.items():
                if name not in self.under_way and not self.is_stopping:
                    self._appoint(name, due.at)
        finally:
            self._looking -= 1

    async def stop(self) -> None:
        """End what is under way; each harvest keeps what it has."""
        self.is_stopping = True
        self.timer.pause()
        for task in self.under_way.values():
            task.cancel()
        while self.under_way or self._looking:  # noqa: ASYNC110  # each takes itself out when it has ended
            await asyncio.sleep(0.01)
        self.timer.shutdown(wait=False)
        await asyncio.sleep(0)  # the timer stops on the loop's next turn

    def _due(self, name: str, past: Past | None, state: SourceState | None) -> Due:
        if past is not None and past.paused:
            return next_due(self.schedules[name], past, self.clock(), name=name)
        wants = "replica" if name in self.bases else "live"
        if state is not None and state.origin != wants:
            if wants == "replica":
                return Due(None, "offline; what was read live stays")
            past = replace(past, fresh_at=None) if past is not None and past.origin == wants else None
        scope = self.settings.source(name).scope
        if state is not None and scope is not None and scope != state.scope:
            past = None
        return next_due(self.schedules[name], past, self.clock(), name=name)

    def _appoint(self, name: str, at: datetime | None) -> None:
        appointment = self.timer.get_job(name)
        if at is None:
            if appointment is not None:
                self.timer.remove_job(name)
            return
        if appointment is not None and appointment.next_run_time <= datetime.now(UTC):
            return  # it is about to be kept; a moment of cron's that was just reached must not be put off
        now = self.clock()
        wait = max(at, self._not_before.get(name, now)) - now
        self.timer.add_job(
            self._keep_appointment,
            DateTrigger(datetime.now(UTC) + wait),
            args=[name],
            id=name,
            replace_existing=True,
        )

    async def _keep_appointment(self, name: str) -> None:
        if name in self.under_way or self.is_stopping:
            return
        task = self.under_way[name] = asyncio.create_task(self._harvest(name))
        await asyncio.wait({task})  # however it ends, it is no error of the timer's
        self._not_before[name] = self.clock() + PAUSE
        del self.under_way[name]
        if not self.is_stopping:
            self.ended()
            # Not here: the timer holds that this appointment is being kept until we return.
            self.timer.modify_job(LOOK, next_run_time=datetime.now(UTC))

    async def _harvest(self, name: str) -> None:
        known = await asyncio.to_thread(pasts, self.store)
        async with self.lanes.of_source(known.get(name)):
            if name in await asyncio.to_thread(pauses, self.store):  # since the appointment was made
                return
            try:
                await self._once(name)
            except ledger.Busy as busy:
                self.note(name, str(busy))
            except (
                Exception
            ):  # a fault of ours, or of the disk: the other sources go on, this one is tried again
                log.exception("harvest failed", source=name)

    async def _once(self, name: str) -> None:
        states = await asyncio.to_thread(self.store.source_states)
        scope = self.settings.source(
            name
        ).scope  # else the one that somebody chose when it was harvested first
        wanted = Wanted([name], scope or (states[name].scope if name in states else None))
        order = order_of(self.store, self.settings, wanted, name, self.bases.get(name))
        report = await harvest(self.store, self.http, order, self.watch)
        await prove(self.store, self.http, order, report)


@asynccontextmanager
async def keeping(  # what it works on, and whom it tells
    store: Store,
    settings: Settings,
    names: Sequence[str],
    note: Callable[[str, str], None],
    watch: Watch,
    clock: Clock = lambda: datetime.now(UTC),
) -> AsyncIterator[Keeper]:
    """Harvest sources whenever they are due, and tell what happened, while the block runs."""
    schedules = effective(settings, names)
    # Another process, the API's perhaps, shows when they are due; it cannot ask the harvester.
    off = {name: "off" for name, own in settings.sources.items() if not own.enabled}
    words = {**off, **{name: when.text for name, when in schedules.items()}}
    await asyncio.to_thread(note_schedules, store, words)
    node = settings.public_url or socket.gethostname()
    teller = Teller(store, settings.alerts, schedules, node, settings.stale_after, clock)
    async with AsyncExitStack() as stack:
        running = await stack.enter_async_context(replicas(names if settings.offline else ()))
        http = await stack.enter_async_context(Http.of(settings))
        keeper = Keeper(
            store,
            http,
            settings,
            schedules,
            {name: replica.base for name, replica in running.items()},
            note,
            watch,
            teller.nudge,
            clock,
            Lanes.of(settings.harvests_at_once),
            _timer(),
        )
        stack.push_async_callback(_ended, asyncio.create_task(teller.keep_telling()))
        _check_channels(settings)
        keeper.timer.start()
        stack.push_async_callback(keeper.stop)
        keeper.timer.add_job(keeper.arrange, IntervalTrigger(seconds=LOOK_EVERY), id=LOOK, max_instances=9)
        for name, due in (await asyncio.to_thread(keeper.dues)).items():
            note(name, _in_words(due, clock()))
        await keeper.arrange()
        yield keeper


def _timer() -> AsyncIOScheduler:
    """Make a timer that comes late rather than not at all, and never twice at once."""
    late = {"misfire_grace_time": None, "coalesce": True, "max_instances": 1}
    return AsyncIOScheduler(timezone=UTC, job_defaults=late)


def _check_channels(settings: Settings) -> None:
    for name, channel in settings.alerts.items():
        try:
            ready(channel)
        except NotSent as error:
            log.warning("this channel cannot tell anything", channel=name, why=str(error))


def _in_words(due: Due, now: datetime) -> str:
    if due.at is None:
        return f"is not harvested ({due.why})"
    when = "now" if due.at <= now else f"{due.at:%Y-%m-%d %H:%M} UTC"
    return f"due {when} ({due.why})"


async def _ended(task: asyncio.Task[None]) -> None:
    task.cancel()
    await asyncio.wait({task})
