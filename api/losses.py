"""What becomes of each field of a source's documents: /api/v1/sources/{name}/loss, its page, its command."""

from __future__ import annotations

from collections import Counter
from typing import Annotated, Any

import orjson
import typer
from aiohttp import web
from rich.markup import escape

from api import terminal
from api.node import NODE, Node
from api.options import Data, Json, examples, settings_of
from api.sources import named
from api.status import Trouble
from index.losses import ALL, Row, drift, table
from index.store import Store

sources = typer.Typer(name="sources", rich_markup_mode="markdown")
"""The command `headwater sources`; the command line adds what it does by itself."""


@sources.command(epilog=examples("headwater sources loss idr", "headwater sources loss zenodo --json"))
def loss(
    name: Annotated[str, typer.Argument(metavar="SOURCE", help="Name of a source")],
    data: Data = None,
    json: Json = False,
) -> None:
    """Show what becomes of each field of a source's documents: mapped, left out on purpose, or unknown."""
    settings = settings_of(data=data)
    if not settings.store_path.exists():
        raise Trouble(f"nothing was harvested into {settings.data} yet; start with `headwater quickstart`")
    with Store(settings.store_path) as store:
        if name not in store.source_states():
            raise Trouble(f"{name} was never harvested into {settings.data}; try `headwater harvest {name}`")
        found = gather(store, name)
    if json:
        terminal.emit(found)
    else:
        _show(found)


async def losses(request: web.Request) -> web.Response:
    """Answer the fields of one source's documents."""
    body = await found_for(request)
    return web.Response(body=orjson.dumps(body), content_type="application/json")


async def found_for(request: web.Request) -> dict[str, Any]:
    """Gather what a request asks for.

    Raises:
        Problem: 404 for a source that was never harvested.
    """
    node: Node = request.app[NODE]
    return await node.off_loop(gather, node.store, named(request))


def gather(store: Store, name: str) -> dict[str, Any]:
    """Gather what becomes of a source's fields, the unknown first."""
    rows = table(store, name)
    return {
        "source": name,
        "counts": {"unknown": 0, "mapped": 0, "ignored": 0} | Counter(row.fate.becomes for row in rows),
        "forms": {row.path.partition(":")[0]: row.documents for row in rows},
        "drift": drift(store, name).get(name, []),
        "paths": [_shape(row) for row in rows],
    }


def _shape(row: Row) -> dict[str, Any]:
    form, _, path = row.path.partition(":")
    return {
        "form": form,
        "path": path,
        "becomes": row.fate.becomes,
        "fields": [name for name in row.fate.fields if name != ALL],
        "why": row.fate.why if ALL not in row.fate.fields else "without it the document cannot be read",
        "seen": row.seen,
        "documents": row.documents,
        "example": row.example,
        "first_run": row.first_run,
        "last_run": row.last_run,
    }


def _show(found: dict[str, Any]) -> None:
    """Print it for people."""
    for what in found["drift"]:
        terminal.warn(escape(f"{found['source']}: drift, {what}"))
    rows = [
        (
            f"{row['form']}:{row['path']}",
            row["seen"],
            row["documents"],
            row["becomes"],
            ", ".join(row["fields"]) or row["why"],
            row["example"],
        )
        for row in found["paths"]
    ]
    terminal.table(("field", "seen", "of", "", "into, or why not", "example"), terminal.unmarked(rows))
    counts = found["counts"]
    terminal.say(
        f"\n{counts['mapped']} mapped, {counts['ignored']} left out on purpose, {counts['unknown']} unknown; "
        "documents in which a field said something, of those looked at"
    )
