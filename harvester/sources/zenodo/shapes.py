"""What Zenodo answers, told apart and split into documents.

A document stands as it came: a native record, one of the public API, a <record> of OAI-PMH, a DataCite
member of the dump, a row of the list of deleted records, the schema.org text of a landing page.
"""

from __future__ import annotations

import csv
import io
import re
import tarfile
import zlib
from collections.abc import Iterator

import orjson
from lxml import etree

from harvester.errors import BadRecord
from harvester.fields import Raw
from harvester.protocols import oaipmh
from harvester.protocols.datacite_xml import resource_of
from harvester.protocols.xml import local, parse_xml, said_in
from harvester.source import Document
from harvester.unpack import Bomb, gunzip

MEMBER = re.compile(r"(\d+)\.(json|xml)")
DELETED_HEADER = b"record_id,doi,"
LARGEST_SAVED = 2 * 1024 * 1024 * 1024
"""Bytes that a file somebody saved may unpack to: it is read in memory."""
LARGEST_MEMBER = 32 * 1024 * 1024
"""Bytes. The largest records carry some thousand files or creators and stay below 3 MB."""

_JSON_LD = re.compile(rb"<script[^>]*application/ld\+json[^>]*>(.*?)</script>", re.IGNORECASE | re.DOTALL)
_OWN = re.compile(r"(?:oai:zenodo\.org:|zenodo\.org/records?/|10\.5281/zenodo\.)([1-9]\d*)", re.IGNORECASE)


def split(body: bytes) -> Iterator[Document]:
    """Split any answer.

    Raises:
        BadRecord: it holds no document; the text says what it is instead.
    """
    start = body[:512].removeprefix(b"\xef\xbb\xbf").lstrip()
    low = start.lower()
    if start.startswith(b"\x1f\x8b"):
        yield from _unpacked(body)
    elif start[:1] in {b"{", b"["}:
        yield from json_documents(_json(body))
    elif low.startswith((b"<!doctype html", b"<html")):
        yield _landing_page(body)
    elif start.startswith(b"<"):
        yield from _xml(body)
    elif start.startswith(DELETED_HEADER):
        yield from deleted_rows(body.decode("utf-8", "replace"))
    else:
        raise BadRecord("neither JSON nor XML, nor a list of deleted records")


def number_in(said: str | None) -> str | None:
    """Find a record's number in one of its identifiers or addresses."""
    match = _OWN.search(said or "")
    return match[1] if match else None


def recid_of(identifier: str | None) -> str | None:
    """Read an OAI identifier; numbers are the rule, InvenioRDM's own names ("abcde-12345") are possible."""
    prefix, _, rest = (identifier or "").rpartition(":")
    return rest or None if prefix == "oai:zenodo.org" else number_in(identifier)


def json_documents(parsed: Raw) -> Iterator[Document]:
    """Split parsed JSON.

    Raises:
        BadRecord: it holds no record.
    """
    if isinstance(parsed, dict) and isinstance(parsed.get("hits"), dict):
        parsed = parsed["hits"].get("hits") or []
        if not parsed:
            raise BadRecord("a search without hits")
    found = parsed if isinstance(parsed, list) else [parsed]
    records = [record for record in found if _is_record(record)]
    if not records:
        raise BadRecord(_what(found[0]) if found else "an empty list")
    for record in records:
        recid = record.get("id") or record.get("recid") or number_in(str(record.get("doi")))
        if recid is None and ("@type" in record or "tombstone" in record):
            recid = number_in(orjson.dumps(record).decode())
        yield Document(None if recid is None else str(recid), orjson.dumps(record))


def deleted_rows(text: str) -> Iterator[Document]:
    """Make a document of each row of records-deleted.csv; one without rows holds none.

    Raises:
        BadRecord: there is no row.
    """
    rows = csv.reader(io.StringIO(text))
    header = next(rows)
    found = False
    for row in rows:
        if row:
            found = True
            line = io.StringIO()
            csv.writer(line).writerows([header, row])
            yield Document(row[0], line.getvalue().encode(), "text/csv")
    if not found:
        raise BadRecord("a list of deleted records without rows")


def _json(body: bytes) -> Raw:
    try:
        return orjson.loads(body.removeprefix(b"\xef\xbb\xbf"))
    except orjson.JSONDecodeError as error:
        raise BadRecord(f"broken JSON ({error})") from error


def _is_record(value: Raw) -> bool:
    if not isinstance(value, dict) or isinstance(value.get("entries"), list):
        return False
    if "tombstone" in value or ("@type" in value and "name" in value):
        return True
    return isinstance(value.get("metadata"), dict) and not value.keys() & {"slug", "checksum"}


def _what(value: Raw) -> str:
    """Say what a JSON value is that is no record."""
    if not isinstance(value, dict):
        return "JSON that is no record"
    if isinstance(value.get("entries"), list):
        address = str((value.get("links") or {}).get("self"))
        return f"a list of files of record {number_in(address.replace('/api/', '/'))}"
    if "slug" in value:
        return f"a community: {value['slug']}"
    if "checksum" in value:
        return "a list of files"
    if "message" in value:
        return f"an error, status {value.get('status')}: {value['message']}"
    listed = [each for versions in value.values() if isinstance(versions, list) for each in versions]
    dumps = any(isinstance(each, dict) and "version_id" in each for each in listed)
    return "the list of dumps" if dumps else "JSON that is no record"


def _landing_page(body: bytes) -> Document:
    match = _JSON_LD.search(body)
    if match is None:
        raise BadRecord("an HTML page without schema.org text")
    (document,) = json_documents(_json(match[1]))
    return document


def _xml(body: bytes) -> Iterator[Document]:
    root = parse_xml(body)
    if local(root) in {"oai_datacite", "resource"}:
        yield Document(member_number(root), body, "application/xml")
        return
    for record in oaipmh.split(body):
        id_ = recid_of(record.identifier) or record.identifier or None
        yield Document(id_, record.xml, "application/xml")


def member_number(root: etree._Element) -> str | None:
    """Find the record's number in DataCite XML: its OAI id or address, else its DOI."""
    own: list[str | None] = []
    for child in resource_of(root):
        if local(child) == "alternateIdentifiers":
            own[:0] = [said_in(each) for each in child]
        elif local(child) == "identifier":
            own.append(said_in(child))
    return next((number for said in own if (number := number_in(said))), None)


def _unpacked(body: bytes) -> Iterator[Document]:
    """Open a gzipped dump somebody saved; the harvest itself streams."""
    try:
        content = gunzip(body, LARGEST_SAVED)
    except (Bomb, EOFError, zlib.error) as error:
        raise BadRecord(f"broken gzip ({error})") from error
    if not tarfile.is_tarfile(io.BytesIO(content)):
        yield from split(content)
        return
    with tarfile.open(fileobj=io.BytesIO(content)) as archive:
        for member in archive:
            held = archive.extractfile(member) if member.isfile() else None
            if held is not None and MEMBER.fullmatch(member.name.rpartition("/")[2]):
                yield from split(held.read(LARGEST_MEMBER))
