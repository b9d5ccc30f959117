"""A record as CSL-JSON (citation style language 1.0.2), type `dataset`, as Zotero and citeproc read it."""

from __future__ import annotations

from typing import Any, TypeAlias

import orjson

from index.record import Json

Item: TypeAlias = dict[str, Any]  # JSON

TYPES = {
    "Software": "software",
    "JournalArticle": "article-journal",
    "Preprint": "article",
    "Image": "graphic",
    "Audiovisual": "motion_picture",
}
"""DataCite resourceTypeGeneral to CSL; anything else is a data set."""


def write(record: Json) -> bytes:
    """Write one item; variables of which nothing is known are left out."""
    dates = record.get("dates") or {}
    item: Item = {
        "id": record["id"],
        "type": TYPES.get(record.get("kind", "Dataset"), "dataset"),
        "title": record.get("title"),
        "author": [_name(person) for person in record.get("creators", ())],
        "issued": _date(dates.get("published")),
        "publisher": record.get("publisher"),
        "version": record.get("version"),
        "language": record.get("language"),
        "DOI": record.get("doi"),
        "URL": (record.get("links") or {}).get("landing"),
        "abstract": record.get("description"),
        "keyword": ", ".join(record.get("keywords", ())),
        "license": (record.get("license") or {}).get("spdx"),
        "source": record["source"],
    }
    return orjson.dumps({name: value for name, value in item.items() if value})


def _name(person: Json) -> Item:
    if person.get("family"):
        parts = {"family": person["family"], "given": person.get("given")}
        return {name: part for name, part in parts.items() if part}
    return {"literal": person["name"]}


def _date(text: str | None) -> Item | None:
    return {"date-parts": [[int(part) for part in text.split("-")]]} if text else None
