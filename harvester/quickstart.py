"""From nothing to something to search: every source once, politely and little.

The three imaging archives are taken whole, the three general repositories by their 200 newest imaging
records: about 15 requests and some more pages. An upstream that does not answer within seconds is replaced
by its replica, and every answer says so. What is already here is kept: a second start goes on.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from config.settings import Settings
from harvester import registry
from harvester.http import Http, Manners
from harvester.proof import prove
from harvester.rehearse import REPLICAS, Stock
from harvester.replicas.server import Replica
from harvester.run import Kind, Order, Report, Watch, harvest
from harvester.source import Source
from index import ledger
from index.store import SourceState, Store

NEWEST = 200
"""Records of each general repository; 8 to 200 requests at their published pace."""

FRESH_ENOUGH = timedelta(days=1)
WHOLE = ("idr", "empiar", "ssbd")
LIGHT: Mapping[str, Mapping[str, str]] = {"idr": {"light": "yes"}}
"""IDR without its thumbnails and study files: 6 requests instead of some 180."""


@dataclass(frozen=True, slots=True)
class Told:
    """Something worth telling while it goes on."""

    source: str
    text: str


Tell = Callable[[Told], None]


@dataclass(frozen=True, slots=True)
class Plan:
    """How a source is taken."""

    kind: Kind
    newest: int | None
    options: Mapping[str, str]

    @classmethod
    def of(cls, source: Source, replica: str | None) -> Plan:
        """Spare the upstream; a replica holds little and is taken whole."""
        name = source.card.name
        if name in WHOLE or replica is not None:
            return cls("full", None, {} if replica else LIGHT.get(name, {}))
        return cls("sample", NEWEST, {})


async def gather(
    store: Store, settings: Settings, *, names: Sequence[str], tell: Tell, watch: Watch
) -> list[Report]:
    """Harvest the sources side by side; one that fails does not hold up the others."""
    reach = settings.reach_seconds
    hurried = Manners(attempts=1, connect=reach, read=max(20.0, reach), total=120.0)
    async with Http.of(settings, hurried) as http:
        tasks = [_one(store, http, registry.source(name), tell, watch) for name in names]
        found = await asyncio.gather(*tasks)
    return [report for report in found if report is not None]


async def _one(store: Store, http: Http, source: Source, tell: Tell, watch: Watch) -> Report | None:
    name = source.card.name
    before = store.source_states().get(name)
    if before is not None and _is_fresh(before, offline=http.offline):
        tell(Told(name, f"already here ({before.origin}, as of {before.fresh_at})"))
        return None
    if not http.offline:
        report = await _try(store, http, source, None, tell, watch)
        if report is None or report.state == "complete" or report.pages:
            return report
        if before is not None and before.origin == "live" and before.fresh_at is not None:
            tell(Told(name, f"not reached ({report.error}); what was read {before.fresh_at} stays"))
            return report
        tell(Told(name, f"not reached ({report.error}); its replica answers instead, origin: replica"))
    async with _replica(name) as replica:
        return await _try(store, http, source, replica.base, tell, watch)


async def _try(
    store: Store, http: Http, source: Source, replica: str | None, tell: Tell, watch: Watch
) -> Report | None:
    plan = Plan.of(source, replica)
    order = Order(source, source.card.scopes[0], plan.kind, replica, plan.newest, plan.options)
    try:
        report = await harvest(store, http, order, watch)
    except ledger.Busy as busy:
        tell(Told(source.card.name, str(busy)))
        return None
    await prove(store, http, order, report, ask=False)  # a first start asks as little as it can
    return report


def _is_fresh(state: SourceState, *, offline: bool) -> bool:
    """Tell whether a source needs no asking: finished lately, and live unless we are offline."""
    if state.fresh_at is None or state.bookmark is not None:
        return False
    if state.origin == "replica" and not offline:
        return False
    old = datetime.now(UTC) - datetime.fromisoformat(state.fresh_at) > FRESH_ENOUGH
    return offline or not old


@asynccontextmanager
async def _replica(name: str) -> AsyncIterator[Replica]:
    async with AsyncExitStack() as stack:
        replica = Replica(REPLICAS[name], await asyncio.to_thread(Stock().of, name))
        yield await stack.enter_async_context(replica)
