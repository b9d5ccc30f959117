"""What `headwater sources` shows: every source there is, harvested or not."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from rich.markup import escape

from api import terminal
from api.due import in_words, shape_due
from api.node import age
from config.settings import Settings
from index.losses import drift
from index.past import pasts
from index.store import Store


def gather(settings: Settings, cards: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Gather what is held of each source beside what it says about itself."""
    with Store(settings.store_path) as store:
        states, counts, known = store.source_states(), store.counts(), pasts(store)
        drifted = drift(store)
    found = []
    for card in cards:
        name, state = card["name"], states.get(card["name"])
        found.append(
            {
                **card,
                "records": counts.get(name, {}).get("current", 0),
                "origin": state.origin if state else None,
                "fresh_at": state.fresh_at if state else None,
                "state": state.last_state if state else None,
                "drift": drifted.get(name, []),
                **shape_due(name, card["schedule"], known.get(name)),
            }
        )
    return found


def show(found: Sequence[Mapping[str, Any]]) -> None:
    """Print them for people."""
    for s in found:
        for what in s["drift"]:
            terminal.warn(escape(f"{s['name']}: drift, {what}; see headwater sources loss {s['name']}"))
    columns = ("source", "title", "scopes", "records", "fresh", "last harvest", "next", "origin")
    rows = [
        (
            s["name"],
            s["title"],
            ", ".join(s["scopes"]),
            s["records"],
            age(s["fresh_at"]),
            f"{s['state'] or 'never'}{', ' + age(s['last']) if s['last'] else ''}",
            f"{in_words(s['next'])} ({s['due']})".strip(),
            "origin: replica" if s["origin"] == "replica" else s["origin"] or "",
        )
        for s in found
    ]
    terminal.table(columns, rows)
