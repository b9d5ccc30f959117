"""The commands `pause`, `resume` and `actions`: what operators do by hand, from the command line."""

from __future__ import annotations

import getpass
from dataclasses import asdict
from typing import Annotated

import typer
from rich.markup import escape

from api import terminal
from api.acting import Operator, Refused, Wish, act
from api.options import Data, Json, examples, settings_of
from api.status import Trouble, stored
from config.settings import Settings
from index.actions import actions as logged
from index.pauses import pauses

app = typer.Typer()

Source = Annotated[str, typer.Argument(help="Name of a source that was harvested")]
Who = Annotated[str | None, typer.Option("--who", help="Who does it [default: the user of this machine]")]


@app.command(epilog=examples('headwater pause ssbd --why "their server moves until Monday"'))
def pause(
    source: Source,
    why: Annotated[str, typer.Option("--why", help="The reason, for whoever wonders later")],
    who: Who = None,
    data: Data = None,
) -> None:
    """Keep the schedule from harvesting a source; a run under way goes on (`harvest --cancel` stops it)."""
    _act(settings_of(data=data), Wish("pause", source, why=why), who)


@app.command(epilog=examples("headwater resume ssbd"))
def resume(source: Source, who: Who = None, data: Data = None) -> None:
    """Let a source be harvested by schedule again."""
    _act(settings_of(data=data), Wish("resume", source), who)


@app.command(epilog=examples("headwater actions", "headwater actions --size 200 --json"))
def actions(
    size: Annotated[int, typer.Option(min=1, help="Actions to list")] = 50,
    before: Annotated[int | None, typer.Option(min=1, help="Only those before this number")] = None,
    data: Data = None,
    json: Json = False,
) -> None:
    """List what operators did by hand, over the web or here, the newest first."""
    with stored(settings_of(data=data)) as store:
        found = logged(store, size, before=before)
    if json:
        terminal.emit({"actions": [asdict(each) for each in found]})
        return
    rows = [
        (str(a.number), a.at, a.who, a.where_from, f"{a.action} {a.about}", a.why, f"{a.outcome}: {a.told}")
        for a in found
    ]
    columns = ("number", "at", "who", "from", "what", "why", "outcome")
    terminal.table(columns, terminal.unmarked(rows))


def left_out(settings: Settings, names: list[str]) -> list[str]:
    """Leave out the sources that are paused, and say so."""
    if not settings.store_path.exists():
        return names
    with stored(settings) as store:
        paused = pauses(store)
    for name in names:
        if name in paused:
            terminal.warn(f"{name} is left out, {escape(paused[name].in_words())}; name it to harvest it")
    return [name for name in names if name not in paused]


def _act(settings: Settings, wish: Wish, who: str | None) -> None:
    operator = Operator(who or getpass.getuser(), "command line")
    try:
        with stored(settings) as store:
            terminal.say(escape(act(store, wish, operator).told))
    except Refused as error:
        raise Trouble(str(error)) from error
