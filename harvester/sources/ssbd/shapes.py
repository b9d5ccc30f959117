"""The shapes in which SSBD's metadata comes: archives, crates, BDML answers, and what holds no project.

A study's document is `{"number": 172, "crates": {path: crate, ...}}`, with the crates as they came. Where a
crate cannot be read, the reason stands in its place, so that it is seen in quarantine and not lost.
"""

from __future__ import annotations

import re
import tarfile
from collections.abc import Iterable, Iterator
from io import BytesIO
from typing import Final

import orjson

from harvester.errors import BadRecord
from harvester.fields import Raw, mappings
from harvester.source import Document

GZIP: Final = b"\x1f\x8b"
FOLDER: Final = "project-ro-crate"
LARGEST_CRATE: Final = 5 * 1024 * 1024
"""Bytes. The largest crate of May 2026 has 28 kB."""
NO_NUMBER: Final = 2**31
"""Documents without a number come after all that have one."""

_MEMBER = re.compile(rf"[^/]+/({FOLDER}/(?:database|repository)/[\w.-]+-ro-crate-metadata\.json)")
_NUMBER = re.compile(r"(?:ssbd-repos-)?0*([1-9]\d{0,8})(?:-\S+)?", re.IGNORECASE)
_ROOT = re.compile(r"https?://ssbd\.riken\.jp/(?:[^/]+/)*([^/]+)/?")


def members(archive: bytes) -> Iterator[tuple[str, Raw]]:
    """Yield the crates in an archive of the repository, by path; nothing touches the disk.

    Raises:
        BadRecord: it is cut or no archive.
    """
    try:
        with tarfile.open(fileobj=BytesIO(archive), mode="r|gz") as opened:
            for member in opened:
                match = _MEMBER.fullmatch(member.name)
                if not member.isreg():
                    continue  # a link of this name would hand over another file
                if match is not None and (file := opened.extractfile(member)) is not None:
                    big = member.size > LARGEST_CRATE
                    yield match[1], "larger than 5 MB" if big else _crate(file.read())
    except (tarfile.TarError, EOFError, OSError, ValueError, LookupError) as error:
        raise BadRecord(f"cut or broken archive ({error})") from error


def studies(crates: Iterable[tuple[str, Raw]]) -> list[Document]:
    """Gather crates into studies, in the order of their numbers."""
    found: dict[int | str, dict[str, Raw]] = {}
    for path, crate in crates:
        name = path.rpartition("/")[2].removesuffix("-ro-crate-metadata.json")
        found.setdefault(number(name) or path, {})[path] = crate
    return sorted((study(key, held) for key, held in found.items()), key=place)


def study(key: int | str, crates: dict[str, Raw]) -> Document:
    """Compose a study's document; without a number its path is its id."""
    body = orjson.dumps({"number": key if isinstance(key, int) else None, "crates": crates})
    return Document(str(key), body)


def place(document: Document) -> int:
    """Answer where a study stands in the list."""
    return int(document.id) if document.id is not None and document.id.isdecimal() else NO_NUMBER


def number(name: str) -> int | None:
    """Read the number that "172-Yoshida-ERKTracheaDev" and "ssbd-repos-000172" share."""
    match = _NUMBER.fullmatch(name)
    return int(match[1]) if match else None


def parse(body: bytes) -> Raw:
    """Parse a file as JSON.

    Raises:
        BadRecord: it is none; the text says what it seems to be.
    """
    start = body[:2000].lstrip(b"\xef\xbb\xbf \r\n\t").lower()
    if start.startswith((b"@prefix", b"@base", b"<?xml", b"<rdf:", b"# baseuri")):
        if b"ontolog" in body[:5000].lower():
            raise BadRecord("RDF of the SSBD ontology: terms and instances, not metadata of projects")
        raise BadRecord("RDF or XML, not an RO-Crate in JSON")
    if start.startswith((b"<!doctype", b"<html")):
        raise BadRecord("an HTML page")
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise BadRecord(f"no JSON ({error})") from error


def in_json(parsed: Raw) -> Iterator[Document]:
    """Take the documents out of parsed JSON.

    Raises:
        BadRecord: it holds none; the text says what it is instead.
    """
    if not isinstance(parsed, dict):
        raise BadRecord("a listing, not a project: the crates are in the files it names")
    if isinstance(parsed.get("crates"), dict):
        yield study(parsed.get("number") or "unnumbered", parsed["crates"])
    elif "@graph" in parsed:
        yield _of_crate(parsed)
    elif isinstance(parsed.get("objects"), list):
        yield from _of_bdml(parsed["objects"])
    elif _is_bdml(parsed):
        yield _bdml(parsed)
    else:
        raise BadRecord(_what(parsed))


def readable(crate: Raw) -> dict[str, Raw]:
    """Answer a crate of a study's document.

    Raises:
        BadRecord: the reason why it could not be read stands in its place.
    """
    if not isinstance(crate, dict):
        raise BadRecord(str(crate))
    return crate


def _crate(body: bytes) -> Raw:
    try:
        parsed = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        return f"broken JSON ({error})"
    return parsed if isinstance(parsed, dict) else "no JSON object"


def _of_crate(crate: dict[str, Raw]) -> Document:
    """Compose the document of one crate; its root's address tells the study and the path."""
    types = ((entity.get("@id"), entity.get("@type")) for entity in mappings(crate["@graph"]))
    roots = [str(id_) for id_, type_ in types if "Dataset" in (type_ if isinstance(type_, list) else [type_])]
    for root in roots:
        match = _ROOT.fullmatch(root)
        if match is not None and (found := number(match[1])) is not None:
            side = "repository" if match[1].lower().startswith("ssbd-repos") else "database"
            return study(found, {f"{FOLDER}/{side}/{match[1]}-ro-crate-metadata.json": crate})
    raise BadRecord(f"an RO-Crate of no SSBD project: {', '.join(roots) or 'no data set in it'}"[:300])


def _of_bdml(objects: list[Raw]) -> Iterator[Document]:
    found = [entry for entry in mappings(objects) if _is_bdml(entry)]
    if not found:
        raise BadRecord("a BDML answer without data sets: contacts, scales or coordinates")
    yield from map(_bdml, found)


def _is_bdml(entry: dict[str, Raw]) -> bool:
    """Tell data sets from coordinates and scales, which name a data set but do not describe it."""
    described = isinstance(entry.get("meta_data"), dict) or "contributors" in entry
    return described and ("bdmlID" in entry or "bdmlUUID" in entry or "basedon" in entry)


def _bdml(entry: dict[str, Raw]) -> Document:
    uuid = entry.get("bdmlID") or entry.get("bdmlUUID")
    return Document(f"bdml-{uuid}" if uuid else None, orjson.dumps(entry))


def _what(parsed: dict[str, Raw]) -> str:
    """Say what an answer is that holds no project."""
    if "commit" in parsed and "sha" in parsed:
        return "a commit of the crates' repository; the projects are in its archive"
    if "tree" in parsed:
        return "a listing of the crates' repository; the projects are in its archive"
    if "documentation_url" in parsed:
        return f"an error of GitHub: {parsed.get('message')}"
    return "no SSBD project in this answer"
