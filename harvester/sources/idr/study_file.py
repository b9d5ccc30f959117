"""IDR's study files, `idrNNNN-study.txt`: a key at the start of a line, its values in the columns after it.

They are filled in by hand, and IDR's own parser refuses some of them. So they are read leniently: a tab
that was typed as a space ("Screen Type primary screen", idr0171), hints left after "#", quotes around
values, old names of keys, Windows and Mac line ends, Latin-1 (idr0108). Seen in 816 versions of 2016-2026.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field

_LINE_END = re.compile(r"\r\n|\r|\n")
_EMAIL_LINE = re.compile(r"^Study Person Email\b.*(?:\r\n|\r|\n|\Z)", re.MULTILINE)
_OWNED = re.compile(r"(study|screen|experiment) (.+)")
_COMMENT = re.compile(r"comment\[idr (study|screen|experiment) (accession|name)\]")

_STUDY_KEYS = (
    "accession|title|description|type|type term source ref|type term accession|publication title"
    "|author list|organism|organism term source ref|organism term accession|version history"
    "|biostudies accession|bioimage archive accession|empiar accession|publication preprint|pubmed id"
    "|pmc id|doi|copyright|license|license url|license comment|data publisher|data doi"
    "|experiments number|screens number|external url|public release date|person last name"
    "|person first name|person email|person address|person roles|person orcid|key words|example images"
)
_PART_KEYS = (
    "number|name|description|sample type|type|type term source ref|type term accession|technology type"
    "|technology type term source ref|technology type term accession|imaging method"
    "|imaging method term source ref|imaging method term accession|organism|organism term source ref"
    "|organism term accession|data doi|data publisher|size|example images|comments"
    "|assay file|assay file format"
)
_OTHER_KEYS = {
    "phenotype term name": "phenotype",
    "phenotype term accession": "phenotype term accession",
    "raw image data format": "raw image data format",
    "cell line or strain": "cell line or strain",
}
"""Keys that bear no owner's name and are wanted; all others are of protocols, libraries and result tables."""

_OLD_NAMES = {
    "key word": "key words",
    "target organism": "organism",
    "organism term source": "organism term source ref",
    "technology term source ref": "technology type term source ref",
    "technology term accession": "technology type term accession",
    "example image": "example images",
    "idr example image": "example images",
    "experiment type": "type",
}

Columns = dict[str, list[str]]


@dataclass(slots=True)
class StudyFile:
    """A study file: what it says of the study, and of each screen or experiment."""

    study: Columns = field(default_factory=dict)
    parts: list[Columns] = field(default_factory=list)

    def take(self, key: str) -> list[str]:
        """Take the values the file states for the study, those left empty included."""
        return self.study.pop(key, [])


def decode(body: bytes) -> str:
    """Decode a text file: UTF-8 mostly, Latin-1 now and then."""
    try:
        return body.decode("utf-8-sig")
    except UnicodeDecodeError:
        return body.decode("cp1252", errors="replace")


def without_emails(text: str) -> str:
    """Leave out the line with the submitters' e-mail addresses; nobody needs them here."""
    return _EMAIL_LINE.sub("", text)


def parse(text: str) -> StudyFile:
    """Read a study file; lines that belong to nothing we want are passed over."""
    found = StudyFile()
    for line in _LINE_END.split(text):
        entry = _entry(line)
        if entry is None:
            continue
        owner, key, values = entry
        if owner == "study":
            column = found.study
        else:
            if key == "number" or not found.parts:
                found.parts.append({})
            column = found.parts[-1]
        column.setdefault(key, []).extend(values)
    return found


def others(text: str) -> Columns:
    """Answer the lines that `parse` passes over, by their first cells."""
    found: Columns = {}
    for line in _LINE_END.split(text):
        first, *rest = line.split("\t")
        key, values = " ".join(first.strip(' "').split()), _trimmed([_tidy(cell) for cell in rest])
        if key and values and _entry(line) is None:
            found.setdefault(key, []).extend(values)
    return found


def _entry(line: str) -> tuple[str, str, list[str]] | None:
    """Split a line into whose it is, the key, and the values."""
    first, *rest = line.split("\t")
    whole = " ".join(first.strip(' "').split())
    values = [_tidy(cell) for cell in rest]
    low = whole.lower()
    if match := _COMMENT.fullmatch(low):
        return match[1], match[2], _trimmed(values)
    if low in _OTHER_KEYS:
        return "part", _OTHER_KEYS[low], _trimmed(values)
    match = _OWNED.fullmatch(low)
    if match is None:
        return None
    owner, key = match[1], match[2].rstrip(" :")
    known = set((_STUDY_KEYS if owner == "study" else _PART_KEYS).split("|"))
    key = key if key in known else key.removesuffix(" number")
    key = _OLD_NAMES.get(key, key)
    if key not in known:
        key, typed = _missing_tab(key, whole[len(owner) + 1 :], known)
        values = [*typed, *values]
    return (owner, key, _trimmed(values)) if rest or key in known else None


def _missing_tab(key: str, whole: str, known: Iterable[str]) -> tuple[str, list[str]]:
    """Find a known key and its value in one cell; a key nobody knows stays as it is."""
    for name in sorted(known, key=len, reverse=True):
        if key.startswith(f"{name} ") and not key.startswith(f"{name} term "):
            return name, [_tidy(whole[len(name) :])]
    return key, []


def _tidy(cell: str) -> str:
    """Take quotes off a value; a hint that was left in its place is no value."""
    cell = cell.strip()
    if len(cell) > 1 and cell[0] == cell[-1] == '"':
        cell = cell[1:-1].replace('""', '"')
    cell = cell.strip(' "') if cell.count('"') == 1 else cell.strip()
    return "" if cell.startswith("#") else cell


def _trimmed(values: list[str]) -> list[str]:
    while values and not values[-1]:
        values.pop()
    return values
