"""A record as RIS, as reference managers import it: `TY  - DATA`, a tag a line, CRLF, UTF-8."""

from __future__ import annotations

from collections.abc import Iterator

from index.record import Json

TYPES = {"Software": "COMP", "JournalArticle": "JOUR", "Preprint": "UNPB", "Audiovisual": "VIDEO"}
"""DataCite resourceTypeGeneral to RIS; anything else is DATA, an image as well (FIGURE is one figure)."""


def write(record: Json) -> bytes:
    """Write one reference; tags of which nothing is known are left out."""
    # A line end inside a value would begin a tag of its own.
    lines = [f"{tag}  - {' '.join(value.split())}\r\n" for tag, value in _tags(record) if value]
    return "".join([*lines, "ER  - \r\n\r\n"]).encode()


def _tags(record: Json) -> Iterator[tuple[str, str | None]]:
    links, published = record.get("links") or {}, (record.get("dates") or {}).get("published") or ""
    yield "TY", TYPES.get(record.get("kind", "Dataset"), "DATA")
    yield "ID", record["id"]
    yield "TI", record.get("title")
    yield from (("AU", _author(person)) for person in record.get("creators", ()))
    yield "PY", published[:4]
    yield "DA", _date(published)
    yield "AB", record.get("description")
    yield "ET", record.get("version")
    yield "PB", record.get("publisher")
    yield "LA", record.get("language")
    yield "DO", record.get("doi")
    yield "UR", links.get("landing")
    yield from (("KW", word) for word in record.get("keywords", ()))
    yield "DB", record["source"]
    yield "N1", (record.get("license") or {}).get("spdx")


def _author(person: Json) -> str:
    if person.get("family"):
        return ", ".join(part for part in (person["family"], person.get("given")) if part)
    name: str = person["name"]
    return name


def _date(published: str) -> str:
    """Write YYYY/MM/DD/, with what is not known left empty."""
    return "/".join([*[*published.split("-"), "", ""][:3], ""]) if published else ""
