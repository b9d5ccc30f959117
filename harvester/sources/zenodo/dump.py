"""The monthly dump: every record of Zenodo in one tar, and the list of those that were withdrawn."""

from __future__ import annotations

import csv
import hashlib
import re
import zlib
from collections.abc import AsyncIterator, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime

import orjson
import structlog

from harvester.errors import BrokenOff, Changed, Unavailable
from harvester.fields import Raw, mappings
from harvester.protocols.tarball import TarGz
from harvester.source import Document, Fetch, Page
from harvester.sources.zenodo import facts, shapes, tombstones
from index.record import Withdrawal

log = structlog.get_logger()

EXPORTER = f"{facts.SITE}/api/exporter"
RECORDS = ("records-json.tar.gz", "records-xml.tar.gz")
"""Native JSON names files, ROR ids and communities; XML does not, and stands in where JSON is missing."""
DELETED = "records-deleted.csv.gz"
MEMBERS_PER_PAGE = 500
ROWS_PER_PAGE = 5_000
_UPDATED = re.compile(rb'"updated": ?"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)')
LARGEST_LIST = 1024 * 1024 * 1024
"""Bytes. The list of deleted records had 27 MB in September 2025."""
TRIES = 3
"""A download that breaks off is begun again so often; what was kept is passed over."""


@dataclass(frozen=True, slots=True)
class Dump:
    """One file of the exporter."""

    key: str
    version_id: str
    created: str
    checksum: str
    url: str
    asked_at: datetime

    def at(self, count: int) -> dict[str, Raw]:
        """Answer a bookmark inside of it."""
        return {"key": self.key, "version_id": self.version_id, "count": count}

    def reached(self, state: dict[str, Raw]) -> int:
        """Answer how far a bookmark is inside of this version; of any other version, nothing was seen."""
        same = (state.get("key"), state.get("version_id")) == (self.key, self.version_id)
        return int(state.get("count", 0)) if same else 0


@dataclass(slots=True)
class Recent:
    """Records that the dump holds as they were shortly before it was made, with their stamps."""

    since: str
    stamps: dict[str, str] = field(default_factory=dict)

    def look(self, document: Document) -> None:
        """Remember a record if it changed lately; the rest is not even parsed."""
        if any(stamp.decode() >= self.since for stamp in _UPDATED.findall(document.body)):
            updated = str(orjson.loads(document.body).get("updated"))[:19]
            if document.id and updated >= self.since:
                self.stamps[document.id] = updated

    def holds(self, document: Document) -> bool:
        """Tell whether the dump holds a record as it stands now."""
        updated = str(orjson.loads(document.body).get("updated"))[:19]
        return self.stamps.get(document.id or "", "") >= updated


async def newest(fetch: Fetch) -> tuple[Dump, Dump | None]:
    """Ask for the newest dump of records, and the list of deleted ones beside it.

    Raises:
        Changed: the exporter lists no dump of records.
    """
    answer = await fetch.get(EXPORTER, keep=True)
    listing = answer.json()
    heads: dict[str, Dump] = {}
    for key, versions in listing.items() if isinstance(listing, dict) else ():
        entries = mappings(versions)
        entry = next((each for each in entries if each.get("is_head")), None)
        if entry and "version_id" in entry:
            url = (entry.get("links") or {}).get("self") or f"{EXPORTER}/{key}"
            made, sum_ = str(entry.get("created")), str(entry.get("checksum"))
            heads[key] = Dump(key, str(entry["version_id"]), made, sum_, url, answer.asked_at)
    records = next((heads[key] for key in RECORDS if key in heads), None)
    if records is None:
        raise Changed("the exporter lists no dump of records", url=answer.url)
    return records, heads.get(DELETED)


async def records(
    fetch: Fetch, dump: Dump, state: dict[str, Raw], after: str, recent: Recent
) -> AsyncIterator[Page]:
    """Stream the dump; yield its members, and `after` as the bookmark once its checksum holds.

    The last page waits for the checksum. If that is wrong, the page leads back to the dump's start.
    """
    done, batch, digest = dump.reached(state), list[Document](), hashlib.md5(usedforsecurity=False)
    for attempt in range(1, TRIES + 1):
        digest, place = hashlib.md5(usedforsecurity=False), 0
        try:
            async for document in _members(fetch, dump, digest):
                place += 1
                recent.look(document)
                if place <= done:
                    continue
                if len(batch) == MEMBERS_PER_PAGE:
                    yield _page(dump, batch, _write(dump.at(done)))
                    batch = []
                batch.append(document)
                done += 1
            break
        except BrokenOff:
            if attempt == TRIES:
                raise
    if (sum_ := f"md5:{digest.hexdigest()}") != dump.checksum:
        yield _page(dump, batch, _write(dump.at(0)))
        raise Unavailable(f"the dump's checksum is {sum_}, not {dump.checksum}", url=dump.url)
    yield _page(dump, batch, after)


async def withdrawn(fetch: Fetch, deleted: Dump, state: dict[str, Raw], after: str) -> AsyncIterator[Page]:
    """Read the list of deleted records, once its checksum holds; the store takes those that it holds."""
    packed, skipped = await _whole(fetch, deleted), deleted.reached(state)
    found: dict[str, Withdrawal] = {}
    for count, row in enumerate(_rows(packed, deleted.url), 1):
        if count <= skipped:
            continue
        if len(found) == ROWS_PER_PAGE:
            yield _page(deleted, [], _write(state | deleted.at(count - 1)), found)
            found = {}
        found[row["record_id"]] = tombstones.of_row(row)
    yield _page(deleted, [], after, found)


async def _members(fetch: Fetch, dump: Dump, digest: hashlib._Hash) -> AsyncIterator[Document]:
    archive = TarGz(shapes.LARGEST_MEMBER, where=dump.url)
    async for piece in fetch.stream(dump.url):
        digest.update(piece)
        for name, body in archive.feed(piece):
            if (match := shapes.MEMBER.fullmatch(name)) is not None:
                yield Document(match[1], body, f"application/{match[2]}")
    archive.close()
    if archive.oversized or archive.refused:
        large, refused = archive.oversized[:10], archive.refused[:10]
        log.warning("members passed over", dump=dump.key, too_large=large, no_plain_files=refused)


async def _whole(fetch: Fetch, dump: Dump) -> bytes:
    """Download a small dump whole."""
    for attempt in range(1, TRIES + 1):
        try:
            packed = b"".join([piece async for piece in fetch.stream(dump.url, largest=LARGEST_LIST)])
            if (sum_ := f"md5:{hashlib.md5(packed, usedforsecurity=False).hexdigest()}") == dump.checksum:
                return packed
            raise BrokenOff(f"the list's checksum is {sum_}, not {dump.checksum}", url=dump.url)
        except BrokenOff:
            if attempt == TRIES:
                raise
    raise AssertionError  # the loop returns or raises


def _rows(packed: bytes, where: str) -> Iterator[dict[str, str]]:
    rows = csv.DictReader(_lines(packed, where))
    if not rows.fieldnames or "record_id" not in rows.fieldnames:
        raise Changed("the list of deleted records has other columns", url=where)
    return (row for row in rows if row.get("record_id"))


def _lines(packed: bytes, where: str) -> Iterator[str]:
    """Unpack line by line: a million rows of citations would fill memory."""
    unpacker, rest = zlib.decompressobj(wbits=31), b""
    try:
        while packed and not unpacker.eof:
            rest += unpacker.decompress(packed, 1024 * 1024)
            packed = unpacker.unconsumed_tail
            whole, newline, rest = rest.rpartition(b"\n")
            yield from (whole + newline).decode("utf-8", "replace").splitlines(keepends=True)
    except zlib.error as error:
        raise BrokenOff(f"broken gzip ({error})", url=where) from error
    if rest:
        yield rest.decode("utf-8", "replace")


def _page(
    dump: Dump, batch: Iterable[Document], bookmark: str, gone: dict[str, Withdrawal] | None = None
) -> Page:
    return Page(dump.url, tuple(batch), bookmark, dump.asked_at, withdrawn=gone or {})


def _write(state: dict[str, Raw]) -> str:
    return orjson.dumps(state).decode()
