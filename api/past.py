"""What the command `diff` does with a node that may not be serving."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rich.markup import escape

from api import terminal
from api.changes import difference
from api.status import Trouble, stored
from config.settings import Settings
from index.compare import KINDS
from index.query import BadQuery


def diff(settings: Settings, asked: Mapping[str, str], size: int, *, json: bool) -> None:
    """Compare two moments and print what differs; as JSON it is what the API answers."""
    with stored(settings) as store:
        try:
            found = difference(store, asked, size)
        except BadQuery as error:
            raise Trouble(str(error)) from error
    if json:
        terminal.emit(found)
    else:
        show(found)


def show(found: Mapping[str, Any]) -> None:
    """Print a comparison for people."""
    ends = [f"revision {found[end]['revision']:,} ({found[end]['at'] or 'empty'})" for end in ("from", "to")]
    terminal.say(f"from {ends[0]} to {ends[1]}")
    if not found["sources"]:
        terminal.say("nothing differs")
        return
    rows = [*found["sources"].items(), ("all", found["total"])]
    terminal.table(("source", *KINDS), [(name, *(count[kind] for kind in KINDS)) for name, count in rows])
    terminal.say()
    listed = [
        (each["difference"], each["id"], escape(each["title"] or ""), ", ".join(each["fields"]))
        for each in found["records"]
    ]
    terminal.table(("difference", "record", "title", "fields"), listed)
    if found["next"] is not None:
        terminal.say(f"{sum(found['total'].values()) - len(listed):,} more; --size lists more")
