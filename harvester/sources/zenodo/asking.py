"""Which way to ask, and where each way goes on."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import orjson

from harvester.errors import Refused
from harvester.fields import Raw
from harvester.protocols import oaipmh
from harvester.protocols.oai_records import stamp
from harvester.source import Ask, Document, Fetch, Page
from harvester.sources.zenodo import dump, facts, search, shapes

OAI = f"{facts.SITE}/oai2d"
ROUTES = ("dump", "oai", "rest")
DAY = timedelta(days=1)
SHORT, HALF_A_YEAR = timedelta(days=60), timedelta(days=182)
"""Two months are walked day by day. Of years the first are thin, and what lists too many is halved."""
TAKES = timedelta(days=3)
"""A dump is stamped when it is done and holds what was there when it was begun, some hours before."""


async def pages(fetch: Fetch, ask: Ask) -> AsyncIterator[Page]:
    """Choose by the option `route`, else by scope and kind of harvest."""
    default = "rest" if ask.scope == "imaging" or ask.since else "dump"
    route = ask.options.get("route", default)
    if route not in ROUTES:
        raise Refused(f"zenodo has no route {route!r}", hint=f"there are {', '.join(ROUTES)}")
    if ask.newest is not None:
        found = search.newest(fetch, ask, ask.bookmark)
    elif route == "rest":
        found = search.slices(fetch, ask, ask.bookmark)
    elif route == "oai":
        found = _windows(fetch, ask)
    else:
        found = _everything(fetch, ask)
    async for page in found:
        yield page


async def _everything(fetch: Fetch, ask: Ask) -> AsyncIterator[Page]:
    """Read the dump, then who was withdrawn, then what changed since the dump was begun."""
    state: dict[str, Raw] = orjson.loads(ask.bookmark) if ask.bookmark else {}
    recent = dump.Recent(since="9")
    if "from" not in state:
        records, deleted = await dump.newest(fetch)
        begun = state.get("begun") or stamp(datetime.fromisoformat(records.created) - TAKES)
        recent.since = begun.removesuffix("Z")
        following = {"begun": begun, **deleted.at(0)} if deleted else {"from": begun}
        if state.get("key") != dump.DELETED:
            async for page in dump.records(fetch, records, state, _write(following), recent):
                yield page
            state = following
        if deleted is not None:
            async for page in dump.withdrawn(fetch, deleted, state, _write({"from": begun})):
                yield page
        state = {"from": begun}
    async for page in search.slices(fetch, ask, _write(state)):
        yield replace(page, documents=tuple(each for each in page.documents if not recent.holds(each)))


async def _windows(fetch: Fetch, ask: Ask) -> AsyncIterator[Page]:
    """Walk OAI-PMH windows, from a bookmark, the last harvest or the beginning, to now."""
    start, now = ask.since, datetime.now(UTC)
    if ask.bookmark:
        start = datetime.fromisoformat(orjson.loads(ask.bookmark)["from"])
    elif start is None:
        start = (await oaipmh.identify(fetch, OAI)).earliest
    found = oaipmh.windows(
        fetch,
        OAI,
        prefix=ask.options.get("prefix", "oai_datacite"),
        start=start,
        end=now,
        span=DAY if now - start < SHORT else HALF_A_YEAR,
        resumable=False,
        bookmark=ask.bookmark,
    )
    async for page, after in found:
        documents = tuple(
            Document(shapes.recid_of(each.identifier), each.xml, "application/xml") for each in page.records
        )
        yield Page(page.url, documents, after, page.asked_at)


def _write(state: dict[str, Raw]) -> str:
    return orjson.dumps(state).decode()
