"""A record as an entry of BibLaTeX (`@dataset`, manual of version 3.19), in UTF-8, as biber reads it."""

from __future__ import annotations

import re

from index.record import Json

_UNSAFE = re.compile(r"[\\{}$&#_%~^]")
_SAFE = {
    "\\": r"\textbackslash{}",
    # Braces are counted even behind a backslash: \{ alone would swallow the rest of the file.
    "{": r"\textbraceleft{}",
    "}": r"\textbraceright{}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
}
_VERBATIM = str.maketrans({"{": "%7B", "}": "%7D", "\\": "%5C", " ": "%20"})
_NO_KEY = re.compile(rb"[^A-Za-z0-9.:/+-]")
TYPES = {"Software": "software", "JournalArticle": "article", "Preprint": "online", "Image": "image"}
"""DataCite resourceTypeGeneral to entry types; anything else is a data set, as this node is about them."""


def write(record: Json) -> bytes:
    """Write one entry; fields of which nothing is known are left out."""
    fields = {
        "author": " and ".join(_author(person) for person in record.get("creators", ())),
        "title": f"{{{_text(record.get('title') or record['id'])}}}",
        "date": (record.get("dates") or {}).get("published"),
        "version": _text(record.get("version")),
        "publisher": _text(record.get("publisher")),
        "doi": _verbatim(record.get("doi")),
        "url": _verbatim((record.get("links") or {}).get("landing")),
        "keywords": _text(", ".join(word.replace(",", " ") for word in record.get("keywords", ()))),
        "abstract": _text(record.get("description")),
        "note": _text(_note(record)),
    }
    lines = "".join(f"  {name} = {{{value}}},\n" for name, value in fields.items() if value)
    kind = TYPES.get(record.get("kind", "Dataset"), "dataset")
    return f"@{kind}{{{key(record['id'])},\n{lines}}}\n".encode()


def key(id_: str) -> str:
    """Turn a record's id into a key; no two ids have the same, whatever characters they have."""
    return _NO_KEY.sub(lambda found: b"_%02x" % found[0][0], id_.encode()).decode()


def _author(person: Json) -> str:
    family, given = person.get("family"), person.get("given")
    if family:
        return ", ".join(_part(part) for part in (family, given) if part)
    name = person["name"]
    if name.count(",") == 1:
        return ", ".join(_part(part.strip()) for part in name.split(",") if part.strip())
    return f"{{{_text(name)}}}"  # an organization, or a person whose family name nobody stated


def _part(name: str) -> str:
    text = _text(name)
    return f"{{{text}}}" if "," in name or " and " in f" {name.lower()} " else text


def _note(record: Json) -> str:
    license_ = record.get("license") or {}
    withdrawn = (record.get("withdrawn") or {}).get("reason")
    terms = license_.get("spdx") or license_.get("name")
    return "; ".join(
        [*((f"License: {terms}",) if terms else ()), *((f"Withdrawn: {withdrawn}",) if withdrawn else ())]
    )


def _text(text: str | None) -> str:
    """Escape what TeX would act on; line ends become blanks."""
    return _UNSAFE.sub(lambda found: _SAFE.get(found[0], "\\" + found[0]), " ".join((text or "").split()))


def _verbatim(text: str | None) -> str:
    """Write an address: not escaped, as doi and url are verbatim; only braces could break the file."""
    return (text or "").translate(_VERBATIM)
