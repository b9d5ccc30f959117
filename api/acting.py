"""What operators do to a node: run, cancel, retry, pause, resume, join, split, undo; every one is in the log.

What was refused is in the log as well. Harvests and second readings are programs of their own, begun by
`Errands`: the server knows no harvester, and a harvest outlasts no server that began it.
"""

from __future__ import annotations

import asyncio
import importlib.util
import logging
import sys
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from api.quarantine import harmless
from index import ledger
from index.actions import Action, Outcome, note
from index.families import decisions
from index.families.grouping import Kind
from index.pauses import pause, resume
from index.store import Store

log = logging.getLogger("headwater.api")

LONG = ("run", "retry")
"""Actions that take long."""
TELLS_AT_MOST = 300
"""Characters of a program's last word that the log keeps."""
PATIENCE = 20.0
"""Seconds that a harvest has to put away what it holds when the node ends; it needs one or two."""


COUNTED = ("seen", "added", "changed", "withdrawn", "restored", "quarantined")


class Refused(Exception):  # the name says what is wrong
    """An action that cannot be; the text says why."""


@dataclass(frozen=True, slots=True)
class Operator:
    """Who acts."""

    who: str
    where_from: str
    """Address of the client, or "command line"."""


@dataclass(frozen=True, slots=True)
class Wish:
    """What somebody wants done."""

    action: str
    source: str = ""
    one: str = ""
    """Of two records."""
    other: str = ""
    number: int = 0
    """Of a decision."""
    why: str = ""
    kind: Kind = "family"

    @property
    def about(self) -> str:
        """Say what it is about, for the log."""
        if self.source:
            return self.source
        return f"decision {self.number}" if self.number else f"{self.one} {self.other} ({self.kind})"


def act(store: Store, wish: Wish, operator: Operator) -> Action:
    """Do what is done at once.

    Raises:
        Refused: it cannot be; that it was tried is in the log.
    """
    try:
        told = AT_ONCE[wish.action](store, wish, operator.who)
    except (Refused, decisions.Refused) as error:
        _noted(store, wish, operator, "refused", str(error))
        raise Refused(str(error)) from error
    return _noted(store, wish, operator, "done", told)


def _cancel(store: Store, wish: Wish, _who: str) -> str:
    run_id = ledger.cancel(store, _held(store, wish.source))
    if run_id is None:
        raise Refused(f"no harvest of {wish.source} is under way")
    return f"run {run_id} was asked to stop; it keeps what it has"


def _pause(store: Store, wish: Wish, who: str) -> str:
    if not wish.why.strip():
        raise Refused("say why, for whoever wonders later")
    if not pause(store, _held(store, wish.source), why=wish.why.strip(), who=who):
        raise Refused(f"{wish.source} is paused already")
    return f"{wish.source} is not harvested by schedule until it is resumed"


def _resume(store: Store, wish: Wish, _who: str) -> str:
    if not resume(store, _held(store, wish.source)):
        raise Refused(f"{wish.source} is not paused")
    return f"{wish.source} is harvested when it is due"


def _join(store: Store, wish: Wish, who: str) -> str:
    made = decisions.decide(store, "join", wish.one, wish.other, why=wish.why, who=who, kind=wish.kind)
    return _decided(made)


def _split(store: Store, wish: Wish, who: str) -> str:
    return _decided(decisions.decide(store, "split", wish.one, wish.other, why=wish.why, who=who))


def _undo(store: Store, wish: Wish, who: str) -> str:
    return f"undone: {_decided(decisions.undo(store, wish.number, who))}"


AT_ONCE: Mapping[str, Callable[[Store, Wish, str], str]] = {
    "cancel": _cancel, "pause": _pause, "resume": _resume, "join": _join, "split": _split, "undo": _undo,
}  # fmt: skip
ACTIONS = (*LONG, *AT_ONCE)


@dataclass(slots=True)
class Errands:
    """Harvests and second readings that operators began, each in a process of its own."""

    store: Store
    data: Path
    offline: bool
    most: int = 4
    _tasks: dict[tuple[str, str], asyncio.Task[None]] = field(default_factory=dict)
    _processes: set[Process] = field(default_factory=set)
    _is_closing: bool = False

    async def begin(self, wish: Wish, operator: Operator) -> Action:
        """Begin something that takes long; when it has ended, the log says how.

        Raises:
            Refused: it cannot be; that it was tried is in the log.
        """
        try:
            arguments = await asyncio.to_thread(self._arguments, wish)
            if (wish.action, wish.source) in self._tasks:
                raise Refused(f"{wish.action} of {wish.source} was begun before and goes on")
            if len(self._tasks) >= self.most:
                raise Refused(f"{self.most} were begun by hand and go on; wait until one has ended")
        except Refused as error:
            await asyncio.to_thread(_noted, self.store, wish, operator, "refused", str(error))
            raise
        told = "its end will be told here as well"
        begun = await asyncio.to_thread(_noted, self.store, wish, operator, "begun", told)
        task = asyncio.create_task(self._follow(arguments, wish, begun))
        self._tasks[wish.action, wish.source] = task
        return begun

    async def close(self) -> None:
        """End what goes on; each harvest keeps what it has."""
        self._is_closing = True
        for process in self._processes:
            process.terminate()
        if self._tasks:
            await asyncio.wait(self._tasks.values(), timeout=PATIENCE)
        for process in self._processes:
            log.warning("a harvest begun by hand did not end when it was asked to; it is killed")
            process.kill()
        await asyncio.gather(*self._tasks.values())

    def _arguments(self, wish: Wish) -> list[str]:
        """Answer what the command line is given."""
        name = _held(self.store, wish.source)
        if importlib.util.find_spec("harvester") is None:
            raise Refused("the harvester is not installed beside this server; run it where it is")
        if wish.action == "retry":
            return ["quarantine", "retry", "--source", name, "--data", str(self.data)]
        scope = self.store.source_states()[name].scope
        reach = "--offline" if self.offline else "--live"
        return ["harvest", name, "--scope", scope, reach, "--data", str(self.data)]

    async def _follow(self, arguments: Sequence[str], wish: Wish, begun: Action) -> None:
        """Start a program, wait for its end and note it."""
        try:
            last = await asyncio.to_thread(_last_run, self.store, wish.source)
            code, said = await self._run(arguments)
            run = await asyncio.to_thread(_last_run, self.store, wish.source)
            came = run is not None and (last is None or run["id"] > last["id"])
            told = _in_words(run) if run and came else f"ended with code {code}: {said or 'nothing to do'}"
            ended = replace(begun, outcome="ended", told=told, begun_by=begun.number)
            await asyncio.to_thread(note, self.store, ended)
        except Exception:
            log.exception("%s of %s, begun by hand, cannot be followed", wish.action, wish.source)
        finally:
            del self._tasks[wish.action, wish.source]

    async def _run(self, arguments: Sequence[str]) -> tuple[int, str]:
        """Run a command of ours; answer its exit code and its last word."""
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-P", "-m", "api.cli", *arguments, stdin=DEVNULL, stdout=DEVNULL, stderr=PIPE
        )
        self._processes.add(process)
        if self._is_closing:
            process.terminate()
        try:
            said = await _said(process)
            return await process.wait(), said
        finally:
            self._processes.discard(process)


async def _said(process: Process) -> str:
    """Pass on what a program says, as it says it; answer its last line."""
    last = b""
    while process.stderr is not None and (part := await process.stderr.read(1 << 14)):
        sys.stderr.write(part.decode(errors="replace"))
        last = (last + part)[-TELLS_AT_MOST:]
    lines = last.decode(errors="replace").strip().splitlines()
    return harmless(lines[-1]) if lines else ""


def _last_run(store: Store, source: str) -> dict[str, Any] | None:
    return next(iter(store.runs(source, 1)), None)


def _in_words(run: Mapping[str, Any]) -> str:
    counts = ", ".join(f"{run[name]:,} {name}" for name in COUNTED if run[name]) or "nothing new"
    return f"run {run['id']} ended {run['state']}: {counts}" + (f" ({run['error']})" if run["error"] else "")


def _held(store: Store, source: str) -> str:
    """Check that a source was harvested before.

    Raises:
        Refused: it was not.
    """
    if source not in store.source_states():
        raise Refused(
            f"no source {source!r} was ever harvested here; begin with `headwater harvest {source}`"
        )
    return source


def _decided(made: decisions.Decision) -> str:
    return f"decision {made.number}: {made.verb} {made.one} and {made.other} ({made.kind})"


def _noted(store: Store, wish: Wish, operator: Operator, outcome: Outcome, told: str) -> Action:
    who, where_from, why = operator.who, operator.where_from, wish.why.strip()
    return note(store, Action(who, where_from, wish.action, wish.about, why, outcome, harmless(told)))
