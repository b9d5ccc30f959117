"""The forms in which a whole result is exported: how it begins, how each record is written, how it ends.

All forms but Parquet are resumable: what stands between two records is the same wherever a body was cut, so
that a beginning and what follows its last record are together, byte for byte, the whole.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from typing import Protocol

import orjson

from api.formats import bibtex, csl, datacite, flat, ris, schema_org
from index.query import BadQuery
from index.record import Json, Record
from index.walk import Row


class Writer(Protocol):
    """Writes one body."""

    def open(self) -> bytes:
        """Answer what stands before the first record."""
        ...

    def write(self, rows: Sequence[Row]) -> bytes:
        """Write records."""
        ...

    def close(self) -> bytes:
        """Answer what stands after the last."""
        ...


@dataclass(frozen=True, slots=True)
class Form:
    """One form."""

    name: str
    media_type: str
    extension: str
    means: str
    resumable: bool = True


FORMS = {
    form.name: form
    for form in (
        Form(
            "ndjson",
            "application/x-ndjson",
            "ndjson",
            "the record, one JSON object a line; nothing is left out",
        ),
        Form("csv", "text/csv", "csv", "one row a record, for spreadsheets; see the columns"),
        Form(
            "parquet", "application/vnd.apache.parquet", "parquet", "the same columns, typed", resumable=False
        ),
        Form("bibtex", "application/x-bibtex", "bib", "BibLaTeX, @dataset"),
        Form("ris", "application/x-research-info-systems", "ris", "RIS, TY - DATA"),
        Form("csl-json", "application/vnd.citationstyles.csl+json", "json", "CSL-JSON, one array"),
        Form("datacite", "application/vnd.datacite.datacite+x-ndjson", "ndjson", "DataCite JSON, one a line"),
        Form("jsonld", "application/ld+json", "jsonl", "schema.org JSON-LD, one node a line"),
    )
}


def form(name: str | None) -> Form:
    """Find a form by its name; ndjson when none is named.

    Raises:
        BadQuery: there is none of this name, or what it needs is not installed.
    """
    found = FORMS.get(name or "ndjson")
    if found is None:
        raise BadQuery(f"format={name!r} is unknown; there are {', '.join(FORMS)}")
    if found.name == "parquet" and not has_parquet():
        message = "format=parquet needs pyarrow, which is not installed here; the operator gets it with "
        raise BadQuery(message + "pip install 'headwater[parquet]'. csv has the same columns")
    return found


@cache
def has_parquet() -> bool:
    """Tell whether Parquet can be written here."""
    return find_spec("pyarrow") is not None


def writer(wanted: Form, base: str, about: dict[str, str], *, resumed: bool = False) -> Writer:
    """Make a writer.

    Args:
        wanted: the form.
        base: address of the node, for forms that name it.
        about: what a form with room for it says of where the records come from.
        resumed: the beginning was written before; go on after its last record.

    Raises:
        BadQuery: a form that cannot be resumed is to be.
    """
    if resumed and not wanted.resumable:
        raise BadQuery(f"format={wanted.name} cannot go on after a record; leave out `after` and start again")
    if wanted.name == "parquet":
        return _Table(about)
    opening, between, closing = _FRAMES.get(wanted.name, (b"", b"", b""))
    return _Joined(_writes(wanted.name, base), (opening, between, closing), resumed=resumed)


_FRAMES = {
    "csv": (flat.HEADING, b"", b""),
    "csl-json": (b"[\n", b",\n", b"\n]\n"),
    "bibtex": (b"", b"\n", b""),
}
"""What stands before, between and after records."""


def _writes(name: str, base: str) -> Callable[[Sequence[Row]], Iterable[bytes]]:
    match name:
        case "ndjson":
            return lambda rows: map(_line, rows)
        case "csv":
            return lambda rows: [flat.write([stored(row) for row in rows])]
        case "jsonld":
            return lambda rows: (
                orjson.dumps(schema_org.write(Record.model_validate_json(row.body), base)) + b"\n"
                for row in rows
            )
        case _:
            write = {
                "bibtex": bibtex.write, "ris": ris.write, "csl-json": csl.write, "datacite": datacite.line,
            }[name]  # fmt: skip
            return lambda rows: (write(stored(row)) for row in rows)


def stored(row: Row) -> Json:
    """Answer a row as JSON: the stored record, with where it came from and when it began."""
    record: Json = orjson.loads(row.body)
    record["origin"], record["revision"] = row.origin, row.revision
    return record


def _line(row: Row) -> bytes:
    """Write the same without reading it: the body is an object that is never empty, for it has an id."""
    return b'%s,"origin":"%s","revision":%d}\n' % (row.body[:-1], row.origin.encode(), row.revision)


class _Joined:
    """Writes records one after the other."""

    def __init__(
        self,
        write: Callable[[Sequence[Row]], Iterable[bytes]],
        frame: tuple[bytes, bytes, bytes],
        *,
        resumed: bool,
    ) -> None:
        self._write, self._resumed, self._begun = write, resumed, resumed
        self._opening, self._between, self._closing = frame

    def open(self) -> bytes:
        return b"" if self._resumed else self._opening

    def write(self, rows: Sequence[Row]) -> bytes:
        if not rows:
            return b""
        lead = self._between if self._begun else b""
        self._begun = True
        return lead + self._between.join(self._write(rows))

    def close(self) -> bytes:
        return self._closing


class _Table:
    """Writes Parquet, whose module is loaded only now, as it may not be there."""

    def __init__(self, about: dict[str, str]) -> None:
        from api.formats.parquet import ParquetWriter  # noqa: PLC0415  # an extra

        self._inner = ParquetWriter(about)

    def open(self) -> bytes:
        return self._inner.open()

    def write(self, rows: Sequence[Row]) -> bytes:
        return self._inner.write([stored(row) for row in rows])

    def close(self) -> bytes:
        return self._inner.close()
