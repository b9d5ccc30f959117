"""A record as a row of a table: csv, and the columns that Parquet has as well.

docs/export.md lists the columns; what has no column (files one by one, image sizes) is in ndjson.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Literal, TypeAlias

from index.record import Json

Cell: TypeAlias = str | int | bool | list[str] | None
Kind: TypeAlias = Literal["text", "integer", "truth", "list"]

BETWEEN = " | "
"""Between the values of a list in a csv cell; names hold commas and keywords semicolons."""

FORMULA = ("=", "+", "-", "@", "\t", "\r")
"""How a cell begins that a spreadsheet would run (OWASP, CSV injection); it gets an apostrophe in front."""


@dataclass(frozen=True, slots=True)
class Column:
    """One column: what it is called, what is in it, and how it is found in a stored record."""

    name: str
    kind: Kind
    means: str
    get: Callable[[Json], Cell]


def _field(name: str) -> Callable[[Json], Cell]:
    return lambda record: record.get(name)


def _inner(name: str, key: str) -> Callable[[Json], Cell]:
    return lambda record: (record.get(name) or {}).get(key)


def _each(name: str, key: str) -> Callable[[Json], Cell]:
    def get(record: Json) -> Cell:
        parts = record.get(name)  # most records have few of these, and an export asks for all
        return _once(part.get(key) for part in parts) if parts else None

    return get


def _once(values: Iterable[str | None]) -> list[str]:
    return list(dict.fromkeys(value for value in values if value))


def _places(record: Json) -> Iterator[Json]:
    for person in record.get("creators", ()):
        yield from person.get("affiliations", ())


def _words(record: Json) -> list[str]:
    subjects = (subject.get("label") for subject in record.get("subjects", ()))
    return _once([*record.get("keywords", ()), *subjects])


def _year(record: Json) -> int | None:
    published = (record.get("dates") or {}).get("published")
    return int(published[:4]) if published else None


def _papers(record: Json) -> list[str]:
    return _once(
        paper.get("doi") or (f"pmid:{paper['pmid']}" if paper.get("pmid") else paper.get("pmcid"))
        for paper in record.get("publications", ())
    )


COLUMNS = (
    Column("id", "text", "Source and upstream id; stable for ever", _field("id")),
    Column("source", "text", "Name of the repository's source", _field("source")),
    Column("kind", "text", "DataCite resourceTypeGeneral", lambda record: record.get("kind", "Dataset")),
    Column("title", "text", "Title, plain text", _field("title")),
    Column("description", "text", "Description, plain text", _field("description")),
    Column("doi", "text", "DOI of this version, lower case, bare", _field("doi")),
    Column("concept_doi", "text", "DOI that stands for all versions", _field("concept_doi")),
    Column(
        "identifiers", "list", "All its identifiers, as scheme:value",
        lambda record: _once(f"{i['scheme']}:{i['value']}" for i in record.get("identifiers", ())),
    ),
    Column("version", "text", "Version as given", _field("version")),
    Column("language", "text", "ISO 639 code as given", _field("language")),
    Column("creators", "list", "Makers, in order", _each("creators", "name")),
    Column("orcids", "list", "Their ORCID iDs, as far as stated", _each("creators", "orcid")),
    Column(
        "affiliations", "list", "Their affiliations", lambda record: _once(p["name"] for p in _places(record))
    ),
    Column(
        "rors", "list", "ROR ids of these, bare", lambda record: _once(p.get("ror") for p in _places(record))
    ),
    Column("publisher", "text", "Publisher", _field("publisher")),
    Column("published", "text", "Made public; partial dates stay partial", _inner("dates", "published")),
    Column("year", "integer", "Year of publication", _year),
    Column("modified", "text", "Last changed, by the upstream's word", _inner("dates", "modified")),
    Column("available", "text", "End of an embargo", _inner("dates", "available")),
    Column("license", "text", "SPDX id", _inner("license", "spdx")),
    Column("license_name", "text", "License as given", _inner("license", "name")),
    Column("license_url", "text", "Address of its text", _inner("license", "url")),
    Column("license_open", "truth", "Conforms to the Open Definition 2.1", _inner("license", "open")),
    Column("access", "text", "Who may get the files", lambda record: record.get("access", "unknown")),
    Column("keywords", "list", "Keywords and subjects", _words),
    Column("organisms", "list", "Species imaged", _each("organisms", "label")),
    Column("organism_ids", "list", "NCBITaxon ids of these", _each("organisms", "id")),
    Column("imaging_methods", "list", "How it was imaged", _each("imaging_methods", "label")),
    Column("imaging_method_ids", "list", "FBbi ids of these", _each("imaging_methods", "id")),
    Column("funders", "list", "Funders", _each("funding", "funder")),
    Column("awards", "list", "Grant numbers as given", _each("funding", "award")),
    Column("publications", "list", "Papers: DOI, else pmid:, else PMC id", _papers),
    Column("related", "list", "Other things it points at", _each("related", "id")),
    Column("files", "integer", "Number of files", _inner("files", "count")),
    Column("bytes", "integer", "Sum of sizes in bytes", _inner("files", "bytes")),
    Column(
        "formats", "list", "File formats", lambda record: list((record.get("files") or {}).get("formats", ()))
    ),
    Column("landing", "text", "Page at the repository", _inner("links", "landing")),
    Column("download", "text", "Where the files are", _inner("links", "download")),
    Column("withdrawn", "text", "Why the upstream took it back", _inner("withdrawn", "reason")),
    Column("origin", "text", "live or replica: where it was read", _field("origin")),
    Column("revision", "integer", "Revision at which this version began", _field("revision")),
)  # fmt: skip

_GETTERS = tuple(column.get for column in COLUMNS)
HEADING = (",".join(column.name for column in COLUMNS) + "\r\n").encode()


def cells(record: Json) -> list[Cell]:
    """Answer a record's cells, in the order of the columns."""
    return [get(record) for get in _GETTERS]


def write(records: Iterable[Json]) -> bytes:
    """Write rows of csv as RFC 4180 has it: CRLF, quotes doubled, UTF-8."""
    text = io.StringIO(newline="")
    rows = csv.writer(text, lineterminator="\r\n")
    rows.writerows([_shown(cell) for cell in cells(record)] for record in records)
    return text.getvalue().encode()


def _shown(cell: Cell) -> str:
    if cell is None:
        return ""
    if isinstance(cell, bool):
        return "true" if cell else "false"
    if isinstance(cell, int):
        return str(cell)
    text = cell if isinstance(cell, str) else BETWEEN.join(cell)
    return "'" + text if text.startswith(FORMULA) else text
