"""What the commands `status`, `search` and `reindex` do with a node that may not be serving."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from multidict import MultiDict

from api import terminal
from api.due import in_words, shape_due
from api.helping import besides
from api.language import pointed
from api.node import Node, age
from api.search import question, shape
from api.sources import shape_proof
from config.settings import Settings
from index.engines.tantivy import EngineBusy, TantivyEngine
from index.past import pasts
from index.query import BadQuery
from index.search import Behind
from index.store import Store
from index.sync import rebuild, sync
from index.tables import StoreTooNew


class Trouble(Exception):  # the name says what is wrong
    """Something a person can mend; the text says how."""


@contextmanager
def stored(settings: Settings) -> Iterator[Store]:
    """Open a node's store."""
    if not settings.store_path.exists():
        message = f"nothing was harvested into {settings.data} yet; start with `headwater quickstart`"
        raise Trouble(message)
    try:
        store = Store(settings.store_path)
    except StoreTooNew as error:
        raise Trouble(str(error)) from error
    with store:
        yield store


@contextmanager
def opened(settings: Settings) -> Iterator[Node]:
    """Open a node's store and index, bringing the index up to date when nobody else does."""
    with stored(settings) as store:
        engine = TantivyEngine(settings.index_path, shards=settings.index_shards)
        try:
            if engine.revision() < store.revision():
                sync(store, engine)
        except EngineBusy:
            terminal.warn("another process brings the index up to date; answers may be some seconds behind")
        node = Node(store, engine, search_seconds=settings.search_seconds)
        try:
            yield node
        finally:
            node.close()
            engine.close()


def gather(settings: Settings) -> dict[str, Any]:
    """Gather what `headwater status` shows."""
    with opened(settings) as node:
        counts, known = node.store.counts(), pasts(node.store)
        size = sum(file.stat().st_size for file in settings.data.rglob("*") if file.is_file())
        return {
            "data": str(settings.data),
            "bytes": size,
            "revision": node.store.revision(),
            "indexed": node.engine.revision(),
            "sources": {
                name: {
                    "origin": state.origin,
                    "scope": state.scope,
                    "state": state.last_state,
                    "error": state.last_error,
                    "fresh_at": state.fresh_at,
                    "announced": state.announced,
                    "code": state.code,
                    "unchanged_answers": state.unchanged_answers,
                    "completeness": shape_proof(node.proofs().get(name)),
                    "unfinished": state.bookmark is not None,
                    **shape_due(name, state.card.get("schedule"), known.get(name)),
                    **{
                        key: counts.get(name, {}).get(key, 0)
                        for key in ("current", "withdrawn", "quarantined")
                    },
                }
                for name, state in node.states().items()
            },
            "warnings": node.warnings(),
        }


def show(found: dict[str, Any]) -> None:
    """Print the status for people."""
    for warning in found["warnings"]:
        terminal.warn(warning)
    rows = [
        (
            name,
            entry["current"],
            entry["completeness"]["words"] if entry["completeness"] else "not proved yet",
            entry["withdrawn"],
            entry["quarantined"],
            age(entry["fresh_at"]),
            (entry["state"] or "") + (", goes on at the next harvest" if entry["unfinished"] else ""),
            f"{in_words(entry['next'])} ({entry['due']})".strip(),
            "origin: replica" if entry["origin"] == "replica" else entry["origin"],
        )
        for name, entry in found["sources"].items()
    ]
    columns = (
        "source",
        "records",
        "complete",
        "withdrawn",
        "quarantined",
        "fresh",
        "last harvest",
        "next",
        "origin",
    )
    terminal.table(columns, rows)
    behind = found["revision"] - found["indexed"]
    terminal.say(
        f"\nrevision {found['revision']:,}, index {'up to date' if behind <= 0 else f'{behind:,} behind'}, "
        f"{found['bytes'] / 1e6:,.1f} MB in {found['data']}"
    )


def search(settings: Settings, pairs: Sequence[tuple[str, str]]) -> dict[str, Any]:
    """Search as the API does."""
    with opened(settings) as node:
        try:
            asked = question(MultiDict(pairs))
            answer = node.catalogue.search(asked)
            return shape(node, answer) | besides(node, asked, answer)
        except BadQuery as error:
            raise Trouble(pointed(dict(pairs).get("q", ""), error)) from error
        except Behind as error:
            raise Trouble(str(error)) from error


def reindex(settings: Settings) -> None:
    """Make the index again."""
    if not settings.store_path.exists():
        message = f"nothing was harvested into {settings.data} yet; start with `headwater quickstart`"
        raise Trouble(message)
    with Store(settings.store_path) as store, terminal.rows() as rows:
        try:
            engine = TantivyEngine(settings.index_path, writing=True, shards=settings.index_shards)
        except EngineBusy as error:
            raise Trouble(f"{error}; stop it first") from error
        rebuild(
            store,
            engine,
            lambda done, goal: rows.update("index", "", done=done, total=goal, ended=done == goal),
        )
        terminal.say(f"indexed up to revision {engine.revision():,}")
        engine.close()
