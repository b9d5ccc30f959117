"""Telling the operator what happened, once.

What is told is read from the ledger, not from the harvest in this process: each channel has, for each source,
a note (table `told`) of the last run it was told about, how that ended and whether the source was stale. So
a restart tells nothing twice and forgets nothing, a digest is nothing but waiting, and harvests started by
hand are told as well. The note is written after a message was taken: a crash in between sends it
again, with the same id. A channel that fails is tried again later; harvests know nothing of it.

A failure is told when it begins, when it becomes another one, and when it is over - not at every retry.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from hashlib import blake2b
from typing import Any

import orjson
import structlog

from config.alerts import Command, Mail, Policy, Webhook
from config.timetable import Schedule, stale_at
from harvester.channels import Event, Message, NotSent, send
from index import told
from index.past import FAILED, Past, pasts, runs_after
from index.store import Store

log = structlog.get_logger()

LOOK_EVERY = 60.0
"""Seconds between two looks, when no harvest ends meanwhile."""

FIRST_WAIT, LONGEST_WAIT = timedelta(minutes=1), timedelta(hours=1)
"""Before a channel that failed is tried again; doubled each time."""

CHANGES = ("added", "changed", "withdrawn", "restored")
COUNTED = (*CHANGES, "quarantined")

_ON_ERROR = frozenset({"failed", "recovered", "stale", "fresh"})
TOLD: Mapping[Policy, frozenset[str]] = {
    "on_error": _ON_ERROR,
    "on_change": _ON_ERROR | {"changed"},
    "always": _ON_ERROR | {"changed", "failing", "harvested", "canceled"},
}


@dataclass(frozen=True, slots=True)
class Note:
    """What a channel knows of a source."""

    run: int = 0
    ended: str = "complete"
    stale: bool = False

    def text(self) -> str:
        """Write it down."""
        return orjson.dumps(self).decode()


@dataclass(slots=True)
class Teller:
    """Tells every channel what it wants to know."""

    store: Store
    channels: Mapping[str, Webhook | Mail | Command]
    schedules: Mapping[str, Schedule]
    """Of the sources that are looked after; another one is never stale."""
    node: str
    stale_after: int = 2
    clock: Callable[[], datetime] = lambda: datetime.now(UTC)
    failed: Counter[str] = field(default_factory=Counter)
    """Failures in a row, by channel."""
    _again_at: dict[str, datetime] = field(default_factory=dict)
    _nudged: asyncio.Event = field(default_factory=asyncio.Event)

    def nudge(self) -> None:
        """Say that something happened."""
        self._nudged.set()

    async def keep_telling(self) -> None:
        """Tell for ever."""
        while self.channels:
            try:
                await self.look()
            except Exception:  # whatever fails here, also the store, must not end the harvests beside it
                log.exception("alerts could not be told")
            with suppress(TimeoutError):
                await asyncio.wait_for(self._nudged.wait(), LOOK_EVERY)
            self._nudged.clear()

    async def look(self) -> None:
        """Tell every channel what happened since it was told last."""
        await asyncio.gather(*(self._tell(name, channel) for name, channel in self.channels.items()))

    async def _tell(self, name: str, channel: Webhook | Mail | Command) -> None:
        now = self.clock()
        if now < self._again_at.get(name, now):
            return
        noted = await asyncio.to_thread(told.told, self.store)
        if name not in noted:
            await asyncio.to_thread(self._introduce, name)
            noted = await asyncio.to_thread(told.told, self.store)
        events, notes = await asyncio.to_thread(self._news, name, channel.policy, noted)
        if not events:
            if notes:
                await asyncio.to_thread(told.note, self.store, notes)
            return
        before = orjson.loads(noted[name])
        if before["at"] and now < datetime.fromisoformat(before["at"]) + channel.period:
            return
        await self._send(
            name, channel, Message(_id(name, notes), name, self.node, now, events), notes, before
        )

    async def _send(
        self,
        name: str,
        channel: Webhook | Mail | Command,
        message: Message,
        notes: dict[str, str],
        before: dict[str, Any],
    ) -> None:
        try:
            await send(channel, message)
        except NotSent as error:
            self.failed[name] += 1
            wait = min(FIRST_WAIT * 2 ** min(self.failed[name] - 1, 10), LONGEST_WAIT)
            self._again_at[name] = message.at + wait
            log.warning(
                "alert not sent", channel=name, why=str(error), failures=self.failed[name], again_in=str(wait)
            )
            after = {name: _count(before, failed=before["failed"] + 1)}
        else:
            self.failed[name] = 0
            log.info("alert sent", channel=name, about=message.subject)
            after = {name: _count(before, sent=before["sent"] + 1, at=f"{message.at.isoformat()}"), **notes}
        await asyncio.to_thread(told.note, self.store, after)

    def _introduce(self, name: str) -> None:
        """Let a new channel begin with today: of what was before it hears only what fails now."""
        notes = {name: orjson.dumps({"at": None, "sent": 0, "failed": 0}).decode()}
        for source in pasts(self.store):
            runs = runs_after(self.store, source, 0)
            if runs:
                last = runs[-1]
                notes[f"{name}/{source}"] = Note(last["id"] - (last["state"] in FAILED)).text()
        told.note(self.store, notes)

    def _news(
        self, name: str, policy: Policy, noted: Mapping[str, str]
    ) -> tuple[list[Event], dict[str, str]]:
        """Find what a channel does not know yet, and what it will know then."""
        events: list[Event] = []
        notes: dict[str, str] = {}
        for source, past in pasts(self.store).items():
            about = f"{name}/{source}"
            before = Note(**orjson.loads(noted[about])) if about in noted else Note()
            after, found = self._of_source(source, past, before)
            if after != before:
                notes[about] = after.text()
            events += merged([event for event in found if event.kind in TOLD[policy]])
        return events, notes

    def _of_source(self, source: str, past: Past, note: Note) -> tuple[Note, list[Event]]:
        found: list[Event] = []
        run_id, ended = note.run, note.ended
        for run in runs_after(self.store, source, note.run):
            found.append(event_of(run, ended))
            run_id = run["id"]
            ended = ended if run["state"] == "canceled" else run["state"]
        stale = self._is_stale(source, past, was=note.stale)
        if stale != note.stale:
            since = f"{past.fresh_at:%Y-%m-%d %H:%M} UTC" if past.fresh_at else "its first harvest"
            text = f"has not been fresh since {since}" if stale else f"is fresh again, as of {since}"
            at = f"{self.clock():%Y-%m-%dT%H:%M:%SZ}"
            found.append(Event(source, "stale" if stale else "fresh", text, at, error=past.error))
        return Note(run_id, ended, stale), found

    def _is_stale(self, source: str, past: Past, *, was: bool) -> bool:
        if past.paused:  # somebody wants it so and knows
            return was
        since, when = past.fresh_at or past.first_at, self.schedules.get(source)
        if since is None or when is None or (limit := stale_at(when, since, self.stale_after)) is None:
            return was
        return self.clock() >= limit


def event_of(run: Mapping[str, Any], before: str) -> Event:
    """Say what a run means to one who knows how the one before it ended."""
    state, counts = run["state"], {name: run[name] for name in COUNTED if run[name]}
    numbers = ", ".join(f"{count:,} {name}" for name, count in counts.items()) or "nothing new"
    if state in FAILED:
        kind = "failing" if _trouble(state) == _trouble(before) else "failed"
        text = f"{kind}: {state}" + (f" - {run['error']}" if run["error"] else "")
    elif state == "canceled":
        kind = text = "canceled"
    elif before in FAILED:
        kind, text = "recovered", f"recovered: {numbers}"
    else:
        kind = "changed" if any(run[name] for name in CHANGES) else "harvested"
        text = f"{kind}: {numbers}"
    return Event(run["source"], kind, text, run["ended_at"], 1, run["id"], state, run["error"], counts)


def merged(events: list[Event]) -> list[Event]:
    """Sum up events of one source: one of each kind, with the newest text and all counts."""
    found: dict[str, Event] = {}
    for event in events:
        before = found.pop(event.kind, None)
        if before is None:
            found[event.kind] = event
            continue
        counts, runs = Counter(before.counts) + Counter(event.counts), before.runs + event.runs
        numbers = ", ".join(f"{count:,} {name}" for name, count in counts.items())
        is_sum = event.kind in {"changed", "recovered", "harvested"} and numbers
        text = f"{event.kind}: {numbers} in {runs} runs" if is_sum else f"{event.text} ({runs} runs)"
        found[event.kind] = Event(
            event.source, event.kind, text, event.at, runs, event.run, event.state, event.error, dict(counts)
        )
    return list(found.values())


def _trouble(state: str) -> str:
    """Name a failure; a lost run is tried again as a partial one is, so it is no other trouble."""
    return "partial" if state == "lost" else state


def _count(before: dict[str, Any], **changed: object) -> str:
    return orjson.dumps({**before, **changed}).decode()


def _id(channel: str, notes: Mapping[str, str]) -> str:
    """Answer the same id for the same news, so that a receiver can tell a repetition."""
    content = orjson.dumps([channel, sorted(notes.items())])
    return blake2b(content, digest_size=12).hexdigest()
