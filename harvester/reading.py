"""Recorded upstream answers to records, without network and without a store: `headwater read`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import orjson

from harvester.errors import BadRecord
from harvester.source import Document, Reading, Source

LARGEST_FILE = 512 * 1024 * 1024


def read_files(source: Source, paths: Iterable[Path]) -> Iterator[dict[str, Any]]:
    """Read files; a folder stands for the files in it. One mapping per document.

    Yields:
        {"file", "document", "record", "unmapped", "notes"} for a document that became a record, and
        {"file", "document", "quarantined"} for one that did not, or for a file that holds none.
    """
    for path in paths:
        for file in _files(path):
            yield from _read_file(source, file)


def documents_in(source: Source, folder: Path) -> Iterator[Document]:
    """Find every document of a source in a folder; files that hold none are passed over.

    In a folder of several sources, each looks into the one that bears its name.
    """
    own = folder / source.card.name
    for file in _files(own if own.is_dir() else folder):
        try:
            yield from source.documents(file.read_bytes())
        except (BadRecord, ValueError):
            continue


def attempt(source: Source, document: Document) -> Reading | str:
    """Read one document; a bad one answers the reason instead."""
    try:
        return source.read(document)
    except BadRecord as error:
        return str(error)
    except Exception as error:  # noqa: BLE001  # read() is pure: whatever it raises is about this document
        # A shape nobody foresaw. The document waits in quarantine with this reason and its raw text.
        return f"{type(error).__name__}: {error}"[:300]


def _files(path: Path) -> Iterator[Path]:
    if path.is_dir():
        yield from sorted(file for file in path.rglob("*") if file.is_file())
    else:
        yield path


def _read_file(source: Source, file: Path) -> Iterator[dict[str, Any]]:
    at = {"file": str(file)}
    try:
        if file.stat().st_size > LARGEST_FILE:
            raise BadRecord(f"file larger than {LARGEST_FILE} bytes")
        found = list(source.documents(file.read_bytes()))
    except OSError as error:
        yield {**at, "quarantined": f"cannot be read: {error.strerror}"}
        return
    except orjson.JSONDecodeError as error:
        yield {**at, "quarantined": f"broken JSON ({error})"}
        return
    except BadRecord as error:
        yield {**at, "quarantined": str(error)}
        return
    for document in found:
        yield {**at, "document": document.id, **_outcome(source, document)}


def _outcome(source: Source, document: Document) -> dict[str, Any]:
    result = attempt(source, document)
    if isinstance(result, str):
        return {"quarantined": result}
    return {
        "record": result.record.model_dump(mode="json"),
        "unmapped": list(result.unmapped),
        "notes": [{"reason": reason, "value": value} for reason, value in result.notes],
    }
