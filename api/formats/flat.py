"""A record as a row of a table: csv, and the columns that Parquet has as well.

docs/export.md lists the columns; what has no column (files one by one, image sizes) is in ndjson.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

from index.record import Json

Cell: TypeAlias = str | int | bool | list[str] | None
Kind: TypeAlias = Literal["text", "integer", "truth", "list"]

BETWEEN = " | "
"""Between the values of a list in a csv cell; names hold commas and keywords semicolons."""

FORMULA = ("=", "+", "-", "@", "\t", "\r")
"""How a cell begins that a spreadsheet would run (OWASP, CSV injection); it gets an apostrophe in front."""

_UNSAFE = re.compile('[",\r\n]')
"""What a cell must be quoted for (RFC 4180, section 2, rule 6)."""

Get: TypeAlias = Callable[[Sequence[Json]], Sequence[Cell]]


@dataclass(frozen=True, slots=True)
class Column:
    """One column: what it is called, what is in it, and how it is found in stored records."""

    name: str
    kind: Kind
    means: str
    get: Get
    """Reads many records at once: most have most cells empty, and a call for each took half of an export."""


def _field(name: str, otherwise: str | None = None) -> Get:
    return lambda records: [record.get(name, otherwise) for record in records]


def _inner(name: str, key: str) -> Get:
    return lambda records: [(record.get(name) or {}).get(key) for record in records]


def _each(name: str, key: str) -> Get:
    return _from(name, lambda parts: _once([part.get(key) for part in parts]))


def _from(name: str, make: Callable[[Any], Cell]) -> Get:
    """Make cells of one field, where it is stated."""
    return lambda records: [make(record[name]) if name in record else None for record in records]


def _once(values: Sequence[str | None]) -> list[str] | None:
    return list(dict.fromkeys([value for value in values if value])) or None


def _places(creators: Sequence[Json], key: str) -> list[str] | None:
    return _once([place.get(key) for person in creators for place in person.get("affiliations", ())])


def _words(records: Sequence[Json]) -> list[list[str] | None]:
    found = ((record.get("keywords", ()), record.get("subjects", ())) for record in records)
    return [
        _once([*keywords, *[subject.get("label") for subject in subjects]]) for keywords, subjects in found
    ]


def _year(dates: Json) -> int | None:
    published = dates.get("published")
    return int(published[:4]) if published else None


def _paper(paper: Json) -> str | None:
    return paper.get("doi") or (f"pmid:{paper['pmid']}" if paper.get("pmid") else paper.get("pmcid"))


COLUMNS = (
    Column("id", "text", "Source and upstream id; stable for ever", _field("id")),
    Column("source", "text", "Name of the repository's source", _field("source")),
    Column("kind", "text", "DataCite resourceTypeGeneral", _field("kind", "Dataset")),
    Column("title", "text", "Title, plain text", _field("title")),
    Column("description", "text", "Description, plain text", _field("description")),
    Column("doi", "text", "DOI of this version, lower case, bare", _field("doi")),
    Column("concept_doi", "text", "DOI that stands for all versions", _field("concept_doi")),
    Column(
        "identifiers", "list", "All its identifiers, as scheme:value",
        _from("identifiers", lambda identifiers: _once([f"{i['scheme']}:{i['value']}" for i in identifiers])),
    ),
    Column("version", "text", "Version as given", _field("version")),
    Column("language", "text", "ISO 639 code as given", _field("language")),
    Column("creators", "list", "Makers, in order", _each("creators", "name")),
    Column("orcids", "list", "Their ORCID iDs, as far as stated", _each("creators", "orcid")),
    Column(
        "affiliations", "list", "Their affiliations",
        _from("creators", lambda creators: _places(creators, "name")),
    ),
    Column(
        "rors", "list", "ROR ids of these, bare",
        _from("creators", lambda creators: _places(creators, "ror")),
    ),
    Column("publisher", "text", "Publisher", _field("publisher")),
    Column("published", "text", "Made public; partial dates stay partial", _inner("dates", "published")),
    Column("year", "integer", "Year of publication", _from("dates", _year)),
    Column("modified", "text", "Last changed, by the upstream's word", _inner("dates", "modified")),
    Column("available", "text", "End of an embargo", _inner("dates", "available")),
    Column("license", "text", "SPDX id", _inner("license", "spdx")),
    Column("license_name", "text", "License as given", _inner("license", "name")),
    Column("license_url", "text", "Address of its text", _inner("license", "url")),
    Column("license_open", "truth", "Conforms to the Open Definition 2.1", _inner("license", "open")),
    Column("access", "text", "Who may get the files", _field("access", "unknown")),
    Column("keywords", "list", "Keywords and subjects", _words),
    Column("organisms", "list", "Species imaged", _each("organisms", "label")),
    Column("organism_ids", "list", "NCBITaxon ids of these", _each("organisms", "id")),
    Column("imaging_methods", "list", "How it was imaged", _each("imaging_methods", "label")),
    Column("imaging_method_ids", "list", "FBbi ids of these", _each("imaging_methods", "id")),
    Column("funders", "list", "Funders", _each("funding", "funder")),
    Column("awards", "list", "Grant numbers as given", _each("funding", "award")),
    Column(
        "publications", "list", "Papers: DOI, else pmid:, else PMC id",
        _from("publications", lambda papers: _once([_paper(paper) for paper in papers])),
    ),
    Column("related", "list", "Other things it points at", _each("related", "id")),
    Column("files", "integer", "Number of files", _inner("files", "count")),
    Column("bytes", "integer", "Sum of sizes in bytes", _inner("files", "bytes")),
    Column("formats", "list", "File formats", _inner("files", "formats")),
    Column("landing", "text", "Page at the repository", _inner("links", "landing")),
    Column("download", "text", "Where the files are", _inner("links", "download")),
    Column("withdrawn", "text", "Why the upstream took it back", _inner("withdrawn", "reason")),
    Column("origin", "text", "live or replica: where it was read", _field("origin")),
    Column("revision", "integer", "Revision at which this version began", _field("revision")),
)  # fmt: skip

HEADING = (",".join(column.name for column in COLUMNS) + "\r\n").encode()


def write(records: Sequence[Json]) -> bytes:
    """Write rows of csv as RFC 4180 has it: CRLF, quotes doubled, UTF-8; what is not known is empty."""
    return rows([_SHOWN[column.kind](column.get(records)) for column in COLUMNS])


def rows(columns: Sequence[Sequence[str]]) -> bytes:
    """Write columns, whose cells are safe and quoted, as rows."""
    return "".join([",".join(row) + "\r\n" for row in zip(*columns, strict=True)]).encode()


def texts(cells: Sequence[Any]) -> list[str]:
    """Make cells of text: what a spreadsheet would run is made harmless, what is not known is empty."""
    return [_quoted("'" + cell if cell.startswith(FORMULA) else cell) if cell else "" for cell in cells]


def _quoted(text: str) -> str:
    # The csv module, which looks for each character in the line's end, took 16 of 35 microseconds a row.
    return '"' + text.replace('"', '""') + '"' if _UNSAFE.search(text) else text


def _lists(cells: Sequence[Any]) -> list[str]:
    return texts([cell and BETWEEN.join(cell) for cell in cells])


def _truths(cells: Sequence[Any]) -> list[str]:
    return ["" if cell is None else str(cell).lower() for cell in cells]


def _integers(cells: Sequence[Any]) -> list[str]:
    return ["" if cell is None else str(cell) for cell in cells]


_SHOWN: dict[Kind, Callable[[Sequence[Any]], list[str]]] = {
    "text": texts, "list": _lists, "truth": _truths, "integer": _integers,
}  # fmt: skip
