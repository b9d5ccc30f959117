"""The shapes in which Dryad's API answers, told apart: pages, datasets, versions, files, errors."""

from __future__ import annotations

import re
from collections.abc import Iterator
from urllib.parse import unquote

import orjson

from harvester.errors import BadRecord
from harvester.fields import Raw, listed
from harvester.source import Document

_DOI = re.compile(r"(?:doi:)?10\.\d{4,9}/\S+", re.IGNORECASE | re.ASCII)
_OF_A_DATASET = {"_links", "title", "authors", "abstract", "message", "curationStatus", "versionNumber"}
_LISTS = ("stash:datasets", "stash:versions")


def documents(body: bytes) -> Iterator[Document]:
    """Split any answer into documents: one for each dataset or version in it.

    Raises:
        BadRecord: the answer holds none.
    """
    parsed = _json(body)
    found = [entry for entry in _listed(parsed) if isinstance(entry, dict)]
    if not found:
        raise BadRecord(_instead(parsed))
    for entry in found:
        yield Document(identity(entry.get("dataset", entry)), orjson.dumps(entry))


def identity(entry: Raw) -> str | None:
    """Find the upstream's own id of a dataset, "doi:10.5061/dryad.x", wherever this shape keeps it.

    A new deposit has it in `id`, where all others have a number; a version has it only in a link.
    """
    if not isinstance(entry, dict):
        return None
    links = [unquote(href(entry, name) or "") for name in ("stash:dataset", "self")]
    linked = (link.partition("/datasets/")[2].partition("/versions")[0] for link in links)
    for said in (entry.get("identifier"), entry.get("id"), *linked):
        if isinstance(said, str) and _DOI.fullmatch(said.strip()):
            return said.strip()
    return None


def is_hidden(entry: dict[str, Raw]) -> bool:
    """Tell whether Dryad answers a message in place of a dataset, which it has but does not show."""
    named = bool(entry.keys() & {"identifier", "id"})
    return named and "message" in entry and not entry.keys() & {"_links", "title"}


def href(entry: dict[str, Raw], name: str) -> str | None:
    """Read a link."""
    links = entry.get("_links")
    link = links.get(name) if isinstance(links, dict) else None
    address = link.get("href") if isinstance(link, dict) else None
    return address if isinstance(address, str) else None


def _json(body: bytes) -> Raw:
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError as error:
        start = body[:80].decode(errors="replace").strip()
        kind = f"markup ({start.split()[0]})" if start.startswith("<") else f"no JSON: {start!r}"
        raise BadRecord(f"{kind}, not an answer of the API") from error


def _listed(parsed: Raw) -> list[Raw]:
    if isinstance(parsed, list):
        return [entry for entry in parsed if _is_dataset(entry)]
    if not isinstance(parsed, dict):
        return []
    if isinstance(parsed.get("dataset"), dict):
        return [parsed]
    embedded = parsed.get("_embedded")
    if isinstance(embedded, dict):
        return [entry for name in _LISTS for entry in listed(embedded.get(name))]
    return [parsed] if _is_dataset(parsed) else []


def _is_dataset(entry: Raw) -> bool:
    return (
        isinstance(entry, dict)
        and identity(entry) is not None
        and not _is_file(entry)
        and "_embedded" not in entry
        and bool(entry.keys() & _OF_A_DATASET)
    )


def _is_file(entry: dict[str, Raw]) -> bool:
    return "path" in entry and bool(entry.keys() & {"digest", "mimeType", "size"})


def _instead(parsed: Raw) -> str:
    """Say what an answer is that holds no dataset."""
    if not isinstance(parsed, dict):
        return "no Dryad dataset in this answer"
    embedded = parsed.get("_embedded")
    kinds = (
        ("error" in parsed, f"an error answer: {str(parsed.get('error'))[:80]}"),
        (isinstance(embedded, dict) and "stash:files" in embedded, "a list of files, not of datasets"),
        (isinstance(embedded, dict), "a page without datasets"),
        (_is_file(parsed), "a file, not a dataset"),
        ("title" in parsed and "authors" in parsed, "a deposit before it has a DOI"),
        (parsed.keys() == {"_links"}, "links only, such as the root of the API"),
    )
    return next((text for holds, text in kinds if holds), "no Dryad dataset in this answer")
