"""A native record of Zenodo written as its public JSON, and what a deleted one answers.

Rules of zenodo-rdm's serializer (read August 2026): the first license and the first affiliation are kept,
ROR ids and funders without a number are dropped.
"""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import quote

import orjson

from harvester.fields import Raw
from harvester.protocols.datacite_words import RELATIONS, ROLES

SITE = "https://zenodo.org"


def public(native: dict[str, Raw]) -> dict[str, Raw]:
    """Write the public JSON."""
    metadata, recid = native["metadata"], str(native["id"])
    pids, parent = native.get("pids") or {}, native.get("parent") or {}
    doi, concept = doi_of(pids), doi_of(parent.get("pids") or {})
    type_, _, subtype = metadata["resource_type"]["id"].partition("-")
    access = (native.get("access") or {}).get("status", "open")
    communities = (parent.get("communities") or {}).get("entries") or ()
    said = {
        "title": metadata.get("title"),
        "doi": doi,
        "publication_date": metadata.get("publication_date"),
        "description": metadata.get("description"),
        "access_right": "restricted" if access == "metadata-only" else access,
        "creators": [_person(each) for each in metadata.get("creators") or ()],
        "contributors": [_contributor(each) for each in metadata.get("contributors") or ()],
        "keywords": [each["subject"] for each in metadata.get("subjects") or () if "id" not in each],
        "related_identifiers": [_related(each) for each in metadata.get("related_identifiers") or ()],
        "version": metadata.get("version"),
        "language": next((each["id"] for each in metadata.get("languages") or ()), None),
        "resource_type": {
            "title": (metadata["resource_type"].get("title") or {}).get("en"),
            "type": type_,
            "subtype": subtype or None,
        },
        "license": next(({"id": each["id"]} for each in metadata.get("rights") or () if "id" in each), None),
        "grants": [grant for each in metadata.get("funding") or () if (grant := _grant(each))],
        "communities": [{"id": each["slug"]} for each in communities],
        "embargo_date": ((native.get("access") or {}).get("embargo") or {}).get("until"),
        "relations": {"version": [_version(native)]},
    }
    return {
        "created": native.get("created"),
        "modified": native.get("updated"),
        "id": int(recid),
        "conceptrecid": parent.get("id"),
        "doi": doi,
        "conceptdoi": concept,
        "doi_url": f"https://doi.org/{doi}",
        "metadata": {name: value for name, value in said.items() if value not in (None, [], {})},
        "title": metadata.get("title"),
        "links": {
            "self": f"{SITE}/api/records/{recid}",
            "self_html": f"{SITE}/records/{recid}",
            "files": f"{SITE}/api/records/{recid}/files",
            "archive": f"{SITE}/api/records/{recid}/files-archive",
        },
        "updated": native.get("updated"),
        "recid": recid,
        "revision": native.get("revision_id"),
        "files": [file for _, file in files(native)],
        "swh": native.get("swh") or {},
        "owners": [{"id": "1"}],
        "status": "published",
        "stats": _stats(native.get("stats") or {}),
        "state": "done",
        "submitted": True,
    }


def files(native: dict[str, Raw]) -> Iterator[tuple[str, dict[str, Raw]]]:
    """Write the files as the public JSON lists them."""
    entries = (native.get("files") or {}).get("entries") or {}
    for number, (key, entry) in enumerate(entries.items()):
        path = f"{SITE}/api/records/{native['id']}/files/{quote(key)}/content"
        yield (
            key,
            {
                "id": entry.get("id") or f"00000000-0000-4000-8000-{number:012}",
                "key": key,
                "size": entry.get("size"),
                "checksum": entry.get("checksum"),
                "links": {"self": path},
            },
        )


def tombstone(native: dict[str, Raw], at: str) -> bytes:
    """Write what a deleted record answers, with status 410."""
    said = {
        "removal_reason": {"id": "take-down-request"},
        "note": "",
        "removed_by": {"user": "system"},
        "removal_date": at,
        "citation_text": f"Zenodo. https://doi.org/{doi_of(native.get('pids') or {})}",
        "is_visible": True,
    }
    return orjson.dumps({"status": 410, "message": "Record deleted", "tombstone": said})


def doi_of(pids: dict[str, Raw]) -> str | None:
    """Answer the DOI among a record's persistent identifiers."""
    said = (pids.get("doi") or {}).get("identifier")
    return None if said is None else str(said)


def _person(entry: dict[str, Raw]) -> dict[str, Raw]:
    said = entry["person_or_org"]
    where = [each.get("name") for each in entry.get("affiliations") or ()]
    found = {"name": said.get("name"), "affiliation": where[0] if where else None}
    orcids = [each["identifier"] for each in said.get("identifiers") or () if each["scheme"] == "orcid"]
    return found | {"orcid": orcids[0]} if orcids else found


def _contributor(entry: dict[str, Raw]) -> dict[str, Raw]:
    return _person(entry) | {"type": ROLES.get((entry.get("role") or {}).get("id", ""))}


def _related(entry: dict[str, Raw]) -> dict[str, Raw]:
    name = RELATIONS.get(entry["relation_type"]["id"], entry["relation_type"]["id"])
    found = {"identifier": entry["identifier"], "relation": name[:1].lower() + name[1:]}
    kind = (entry.get("resource_type") or {}).get("id")
    return found | {"scheme": entry.get("scheme")} | ({"resource_type": kind} if kind else {})


def _grant(entry: dict[str, Raw]) -> dict[str, Raw] | None:
    award, funder = entry.get("award") or {}, entry.get("funder") or {}
    if not award.get("number") or not funder.get("id"):
        return None
    urls = [each["identifier"] for each in award.get("identifiers") or () if each["scheme"] == "url"]
    return {
        "code": award["number"],
        "internal_id": f"{funder['id']}::{award['number']}",
        "funder": {"name": funder.get("name")},
        "title": (award.get("title") or {}).get("en"),
        "url": urls[0] if urls else None,
    }


def _version(native: dict[str, Raw]) -> dict[str, Raw]:
    versions = native.get("versions") or {}
    return {
        "index": versions.get("index", 1) - 1,
        "is_last": versions.get("is_latest", True),
        "parent": {"pid_type": "recid", "pid_value": (native.get("parent") or {}).get("id")},
    }


def _stats(stats: dict[str, Raw]) -> dict[str, Raw]:
    whole, this = stats.get("all_versions") or {}, stats.get("this_version") or {}
    return {**whole, **{f"version_{name}": value for name, value in this.items()}}
