"""Bring the engine up to the store's revision; make it again when its fingerprint differs.

Changes are brought in the order of their revisions, a batch per commit, so an index that was killed
between two commits simply goes on: nothing is lost and nothing doubled.
"""

from __future__ import annotations

from collections.abc import Callable

import orjson

from index.engines import Engine
from index.entry import entry_of
from index.record import Json
from index.store import Kept, Store

BATCH = 5_000
"""Revisions per commit, about a second of indexing; smaller batches spend their time committing."""

Watch = Callable[[int, int], None]


def sync(store: Store, engine: Engine, watch: Watch = lambda _done, _all: None) -> int:
    """Bring the engine up to date.

    Args:
        store: the truth.
        engine: the index; waits while another thread of this process writes it.
        watch: told the revision reached and the one to reach, after each commit.

    Returns:
        How many revisions were brought.

    Raises:
        EngineBusy: another process keeps the index up to date.
    """
    if engine.revision() == store.revision():
        return 0  # who only looks takes no lock from others
    with engine.turn():
        start = at = engine.revision()
        goal = store.revision()
        if at > goal:  # the store was restored from a backup or replaced; the index is of no worth
            engine.clear()
            start = at = 0
        while at < goal:
            until = min(at + BATCH, goal)
            current, over = store.changes(at, until)
            engine.write(map(entry, current), map(entry, over), store.purged(at, until), until)
            at = until
            watch(at, goal)
        return at - start


def rebuild(store: Store, engine: Engine, watch: Watch = lambda _done, _all: None) -> int:
    """Throw the index away and make it again from the store."""
    engine.clear()
    return sync(store, engine, watch)


def entry(kept: Kept) -> Json:
    """Make the entry of a kept version."""
    return entry_of(kept.rid, kept.revision, kept.to_revision, orjson.loads(kept.json))
