"""The files of a dataset, where a harvest asked for them, and its size, which every answer states."""

from __future__ import annotations

from harvester.fields import Notes, Raw, mappings
from harvester.sources.dryad.shapes import href
from index.record import File, Files
from index.values import formats, sizes, text


def files_of(whole: dict[str, Raw], entry: dict[str, Raw], notes: Notes) -> tuple[Files, list[Raw]]:
    """Sum the files up and list them; answer also what of them nobody took.

    Args:
        whole: the document: a dataset, or a dataset with its files and their number.
        entry: the dataset in it.
        notes: where reasons go.
    """
    size = entry.pop("storageSize", None)
    older = entry.pop("storage_size", None)  # its name in 2020
    raws = mappings(whole.get("files")) if entry is not whole else []
    found = tuple(file for raw in raws if (file := _file(raw, notes)) is not None)
    total = whole.get("total") if entry is not whole else None
    named = (file.format for file in found)
    files = Files(
        count=(total if type(total) is int else len(found)) or None,
        bytes=notes.clean(sizes.clean, size if size is not None else older),
        formats=tuple(dict.fromkeys(name for name in named if name)),
        listed=found,
    )
    return files, list(raws)


def _file(raw: dict[str, Raw], notes: Notes) -> File | None:
    """Map one file; its digest is MD5 in older deposits, SHA-256 since."""
    name = notes.clean(text.line, raw.pop("path", None))
    digest, kind = raw.pop("digest", None), raw.pop("digestType", None)
    size = raw.pop("size", None)
    if name is None:
        return None
    return File(
        name=name,
        bytes=size if type(size) is int else None,
        format=formats.of_file(name),
        checksum=f"{kind}:{digest}" if kind and digest else None,
        url=_address(raw),
    )


def _address(raw: dict[str, Raw]) -> str | None:
    """Build the address behind the landing page's button; the API's own wants an account (August 2026)."""
    number = (href(raw, "self") or "").rpartition("/files/")[2]
    return f"https://datadryad.org/downloads/file_stream/{number}" if number.isdigit() else None
