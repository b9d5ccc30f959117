"""What `headwater subscriptions` does: who is told of which search, and ending one."""

from __future__ import annotations

from typing import Annotated

import typer

from api import process, terminal
from api.options import Data, Json, examples, settings_of
from api.status import stored
from index import subscriptions as kept

app = typer.Typer(rich_markup_mode="markdown")


@app.command(
    epilog=examples(
        "headwater subscriptions",
        "headwater subscriptions --json",
        "headwater subscriptions --end 9f86d081884c7d65",
    )
)
def subscriptions(
    end: Annotated[str | None, typer.Option(metavar="ID", help="End this one")] = None,
    data: Data = None,
    json: Json = False,
) -> None:
    """List who is told of which search, how far, and what went wrong; end one with --end."""
    with stored(settings_of(data=data)) as store:
        found = {each.id: each for each in kept.listed(store)}
        if end is not None:
            if end not in found:
                raise process.Usage(f"no subscription {end!r}; `headwater subscriptions` lists them")
            kept.end(store, end)
            terminal.say(f"{end} is ended")
            return
        columns = ("id", "state", "query", "url", "created_at", "told", "failures", "error")
        rows = [[getattr(each, name) for name in columns] for each in found.values()]
    if json:
        terminal.emit([dict(zip(columns, row, strict=True)) for row in rows])
    else:
        terminal.table(columns, terminal.unmarked(rows))
