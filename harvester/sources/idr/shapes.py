"""The answers IDR gives, told apart by what is in them, and split into studies.

A study is one document: {"accession", "containers", "annotations", "sizes", "downloads", "images",
"study_txt"}, each part verbatim as IDR gave it. A single answer gives studies with that part alone.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable, Iterator

import orjson

from harvester.errors import BadRecord
from harvester.fields import Raw, mappings
from harvester.source import Document
from harvester.sources.idr import study_file

STUDY_NS = "idr.openmicroscopy.org/study/info"
PARTS = {"containers", "annotations", "sizes", "downloads", "images", "study_txt", "json_ld", "crate"}

_ACCESSION = re.compile(r"idr\d{4,7}(?!\d)")
"""Four digits so far; more are allowed for."""
_CONTAINERS = ("#Project", "#Screen")
_STUDY_PAGE = re.compile(r"https?://idr\.openmicroscopy\.org/study/(idr\d{4,7})/")
_TABLES = {
    "Date\tData release": "IDR's table of releases",
    "idrid\timage_id": "IDR's table of download addresses",
    "image_id\tproject_id": "a table of example images",
}
_ELSE = {
    "datasets": "data sets of a project",
    "plates": "plates of a screen",
    "images": "images",
    "tags": "tags",
    "results": "an answer of the search engine",
}


def accession_of(name: object) -> str | None:
    """Answer the accession with which a container's name begins."""
    match = _ACCESSION.match(name) if isinstance(name, str) else None
    return match[0] if match else None


def documents(body: bytes) -> Iterator[Document]:
    """Split any answer of IDR into studies.

    Raises:
        BadRecord: it holds none; the text says what it is instead.
    """
    start = body.lstrip(b"\xef\xbb\xbf \t\r\n")[:1]
    if not start:
        raise BadRecord("an empty answer")
    if start == b"<":
        raise BadRecord("an HTML or XML page; IDR gives its data as JSON and as tab-separated text")
    if start in b"{[":
        try:
            parsed = orjson.loads(body)
        except orjson.JSONDecodeError as error:
            raise BadRecord(f"broken JSON ({error})") from error
        studies = _of_json(parsed)
    else:
        studies = _of_text(study_file.decode(body))
    for accession, study in studies.items():
        yield Document(accession, orjson.dumps({"accession": accession, **study}))


def rows(text: str) -> list[dict[str, Raw]]:
    """Read one of IDR's tab-separated tables; quotes mean nothing in them."""
    return list(csv.DictReader(text.splitlines(), delimiter="\t", quoting=csv.QUOTE_NONE, restkey="more"))


def by_study(entries: Iterable[Raw], part: str) -> dict[str, dict[str, list[Raw]]]:
    """Group objects or rows by the study they belong to; what belongs to none is left out."""
    found: dict[str, dict[str, list[Raw]]] = {}
    for entry in entries:
        accession = accession_of(name_of(entry))
        if accession is not None:
            found.setdefault(accession, {}).setdefault(part, []).append(entry)
    return found


def name_of(entry: Raw) -> Raw:
    """Answer the name that tells the study: of an OMERO object, an annotation, or a row of a table."""
    if "link" in entry:
        return parent_of(entry).get("name")
    return entry.get("Name") or entry.get("Study") or entry.get("idrid")


def parent_of(annotation: dict[str, Raw]) -> dict[str, Raw]:
    """Answer what an annotation is attached to."""
    link = annotation.get("link")
    parent = link.get("parent") if isinstance(link, dict) else None
    return parent if isinstance(parent, dict) else {}


def is_study_info(annotation: Raw) -> bool:
    """Tell the study's key-value pairs from tables of results and lists of components."""
    return bool(annotation.get("class") == "MapAnnotationI" and annotation.get("ns") == STUDY_NS)


def _of_json(parsed: Raw) -> dict[str, dict[str, Raw]]:
    if isinstance(parsed, dict):
        if _ACCESSION.fullmatch(str(parsed.get("accession"))) and parsed.keys() & PARTS:
            return {str(parsed.pop("accession")): parsed}
        if page := _STUDY_PAGE.match(str(parsed.get("url"))):
            return {page[1]: {"json_ld": parsed}}
        if "@graph" in parsed:
            return _of_crate(parsed)
    entries = _entries(parsed)
    containers = [each for each in entries if str(each.get("@type")).endswith(_CONTAINERS)]
    annotations = [each for each in entries if is_study_info(each)]
    found = by_study(containers, "containers") or by_study(annotations, "annotations")
    if not found:
        raise BadRecord(_what_else(parsed, entries))
    return found


def _of_crate(parsed: Raw) -> dict[str, dict[str, Raw]]:
    for entity in mappings(parsed["@graph"]):
        about = entity.get("about") if "conformsTo" in entity else None
        page = _STUDY_PAGE.match(str(about.get("@id"))) if isinstance(about, dict) else None
        if page:
            return {page[1]: {"crate": parsed}}
    raise BadRecord("an RO-Crate that is not about a study of IDR")


def _entries(parsed: Raw) -> list[dict[str, Raw]]:
    """Find the objects of an answer: a list, a single one, or one that stands alone."""
    if not isinstance(parsed, dict):
        return mappings(parsed)
    for key in ("data", "annotations"):
        if key in parsed:
            return mappings(parsed[key])
    return [parsed]


def _of_text(text: str) -> dict[str, dict[str, Raw]]:
    for start, what in _TABLES.items():
        if text.startswith(start):
            raise BadRecord(f"{what}, not of studies")
    if text.startswith("Study\tContainer\t"):
        return by_study(rows(text), "sizes")
    file = study_file.parse(text)
    names = [*file.take("accession"), *(name for part in file.parts for name in part.get("name", []))]
    accession = next(filter(None, map(accession_of, names)), None)
    if accession is None:
        raise BadRecord("text that is neither a study file of IDR nor its table of studies")
    return {accession: {"study_txt": study_file.without_emails(text)}}


def _what_else(parsed: Raw, entries: list[dict[str, Raw]]) -> str:
    """Say what an answer without studies is; the first thing it holds tells."""
    first = next(iter(entries), {})
    kind = str(first.get("@type") or first.get("class") or "").rpartition("#")[2]
    if kind in {"Project", "Screen"}:
        return f"{kind}s whose names bear no IDR accession"
    if kind.endswith("AnnotationI"):
        return f"annotations, none of them of the namespace {STUDY_NS}"
    if kind:
        return f"{kind} objects, not projects or screens"
    if isinstance(parsed, dict) and (what := _what_object(parsed)):
        return what
    return f"no study of IDR in this JSON ({', '.join(map(str, first))[:60] or 'it is empty'})"


def _what_object(parsed: dict[str, Raw]) -> str | None:
    said = parsed.get("message") or parsed.get("errorMessage")
    if said:
        return f"an error message: {str(said)[:200]}"
    if any(str(value).startswith("data:image/") for value in parsed.values()):
        return "thumbnails, not studies"
    if parsed and all(isinstance(value, dict) and "image" in value for value in parsed.values()):
        return "example images of projects and screens, not studies"
    return next(
        (f"{what}, not studies" for key, what in _ELSE.items() if isinstance(parsed.get(key), list)), None
    )
