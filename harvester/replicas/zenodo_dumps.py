"""The replica's exporter: the list of dumps, the tars of JSON and XML, the list of deleted records.

A dump is made, and stamped, when somebody asks for the list and the holdings are not those of the last one.
"""

from __future__ import annotations

import csv
import gzip
import hashlib
import io
import tarfile
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import IO

import orjson
from aiohttp import web

from harvester.protocols.oai_records import payload_of
from harvester.protocols.xml import local, parse_xml
from harvester.replicas import zenodo_search, zenodo_xml
from harvester.replicas import zenodo_shapes as shapes
from harvester.replicas.holdings import Holding, Listed
from harvester.replicas.server import Replica, json_answer

_HEADER = "record_id doi parent_id parent_doi removal_note removal_reason removal_date citation_text"
_AT_ONCE = 256 * 1024
_SMALL = 16 * 1024 * 1024
"""Bytes up to which a dump is answered in one piece, so that faults can damage it."""


@dataclass(frozen=True, slots=True)
class Dump:
    """One file the exporter offers."""

    key: str
    version: str
    created: datetime
    content: IO[bytes]
    size: int
    md5: str

    def entry(self) -> dict[str, object]:
        """Describe it in the list."""
        address = f"{shapes.SITE}/api/exporter/{self.key}"
        return {
            "version_id": self.version,
            "created": self.created.isoformat(),
            "is_head": True,
            "size": self.size,
            "checksum": f"md5:{self.md5}",
            "links": {"self": f"{address}/{self.version}", "self_head": address},
        }


def routes(replica: Replica) -> list[web.RouteDef]:
    """Answer the exporter's paths."""

    async def listing(_request: web.Request) -> web.Response:
        dumps = _dumps(replica)
        return json_answer(orjson.dumps({key: [dump.entry()] for key, dump in dumps.items()}))

    async def content(request: web.Request) -> web.StreamResponse:
        dump = _dumps(replica).get(request.match_info["key"])
        if dump is None or request.match_info.get("version") not in {None, dump.version}:
            return json_answer(b'{"status": 404, "message": "ObjectVersion not found"}', status=404)
        dump.content.seek(0)
        if dump.size <= _SMALL:
            return web.Response(body=dump.content.read(), content_type="application/octet-stream")
        response = web.StreamResponse()
        response.content_length = dump.size
        await response.prepare(request)
        while piece := dump.content.read(_AT_ONCE):
            await response.write(piece)
        return response

    return [
        web.get("/api/exporter", listing),
        web.get("/api/exporter/{key}", content),
        web.get("/api/exporter/{key}/{version}", content),
    ]


def _dumps(replica: Replica) -> dict[str, Dump]:
    held = replica.holdings
    state = (len(held), len(getattr(held, "withdrawn", {})))
    kept: tuple[tuple[int, int], dict[str, Dump]] | None = replica.memory.get("dumps")
    if kept is None or kept[0] != state:
        kept = state, _make(replica)
        replica.memory["dumps"] = kept
    return kept[1]


def _make(replica: Replica) -> dict[str, Dump]:
    now = (datetime.now(UTC) + timedelta(seconds=1)).replace(microsecond=0)
    made = {
        "records-json.tar.gz": _tar(replica, "json", _as_json),
        "records-xml.tar.gz": _tar(replica, "xml", _as_xml),
        "records-deleted.csv.gz": _deleted(replica),
    }
    dumps = {}
    for key, content in made.items():
        if content is None:
            continue
        size = content.seek(0, io.SEEK_END)
        content.seek(0)
        digest = hashlib.md5(usedforsecurity=False)
        while piece := content.read(_AT_ONCE):
            digest.update(piece)
        dumps[key] = Dump(key, str(uuid.uuid4()), now, content, size, digest.hexdigest())
    return dumps


def _tar(replica: Replica, ending: str, write: Callable[[Holding], bytes | None]) -> IO[bytes] | None:
    """Pack every record that can be written so; None when there is none."""
    if ending == "xml" and not isinstance(replica.holdings, Listed):
        return None  # of a million generated records one dump is enough
    file = io.BytesIO()
    count = 0
    with (
        gzip.GzipFile(fileobj=file, mode="wb", compresslevel=1, mtime=0) as packed,
        tarfile.open(fileobj=packed, mode="w|") as archive,
    ):
        for holding in _each(replica):
            body = write(holding)
            if body is not None and holding.id.isdigit():
                member = tarfile.TarInfo(f"{holding.id}.{ending}")
                member.size = len(body)
                archive.addfile(member, io.BytesIO(body))
                count += 1
    return file if count else None


def _each(replica: Replica) -> Iterator[Holding]:
    for place in range(len(replica.holdings)):
        yield replica.holdings[place]


def _as_json(holding: Holding) -> bytes | None:
    return None if zenodo_search.is_xml(holding) else holding.body


def _as_xml(holding: Holding) -> bytes | None:
    if not zenodo_search.is_xml(holding):
        native = zenodo_search.native(holding)
        return zenodo_xml.oai_datacite(native) if native else None
    root = parse_xml(holding.body)
    payload = payload_of(root) if local(root) == "record" else root
    whole = payload is not None and local(payload) in {"oai_datacite", "resource"}
    return holding.body if whole and local(root) != "record" else None


def _deleted(replica: Replica) -> IO[bytes]:
    rows = io.StringIO()
    writer = csv.writer(rows)
    writer.writerow(_HEADER.split())
    held = replica.holdings if isinstance(replica.holdings, Listed) else Listed()
    for id_, at in held.withdrawn.items():
        holding = held.held.get(id_)
        native = (zenodo_search.native(holding) if holding else None) or {}
        parent, doi = (native.get("parent") or {}).get("id"), shapes.doi_of(native.get("pids") or {})
        writer.writerow([id_, doi, parent, "", "", "take-down-request", at, ""])
    return io.BytesIO(gzip.compress(rows.getvalue().encode(), mtime=0))
