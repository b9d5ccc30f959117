"""The native record of InvenioRDM: members of records-json.tar.gz, and the API asked for it by name."""

from __future__ import annotations

from harvester import parts
from harvester.fields import Notes, Raw, listed, mappings
from harvester.sources.zenodo import facts, people, tombstones
from index.record import (
    Access,
    Dates,
    Files,
    Funding,
    License,
    Metrics,
    Publication,
    Record,
    Related,
    Subject,
)
from index.values import dates, identifiers, text

_DESCRIPTIONS = ("abstract", "methods", "technical-info", "notes", "other")
_ACCESS: dict[str, Access] = {
    "open": "open",
    "embargoed": "embargoed",
    "restricted": "restricted",
    "metadata-only": "metadata-only",
}


def read(record: dict[str, Raw], notes: Notes, mapping_version: int) -> Record:
    """Take a record's fields out of a native document."""
    take = record.pop
    recid = str(take("id"))
    metadata = record.get("metadata") or {}
    custom = record.get("custom_fields") or {}
    parent, access = record.get("parent") or {}, record.get("access") or {}
    pids = take("pids", None) or {}
    doi = notes.clean(identifiers.doi, (pids.get("doi") or {}).get("identifier"))
    concept = (parent.pop("pids", None) or {}).get("doi") or pids.get("concept-doi") or {}
    concept_doi = notes.clean(identifiers.doi, concept.get("identifier"))
    status = _access(access)
    holder = record.get("files") or {}
    preview, enabled = holder.pop("default_preview", None), bool(holder.pop("enabled", True))
    files = _files(recid, holder, metadata.pop("formats", None))
    rights = _rights(metadata, notes)
    governing = next((right for right in rights if right.spdx), rights[0] if rights else None)
    related, publications = _relations(metadata, notes)
    grants = (_grant(entry, notes) for entry in mappings(metadata.get("funding")))
    keywords, subjects = _subjects(metadata, notes)
    languages = mappings(metadata.pop("languages", None))
    updated, kind = take("updated", None), (metadata.pop("resource_type", None) or {}).get("id")
    return Record(
        id=f"zenodo:{recid}",
        source="zenodo",
        kind=facts.kind_of(kind),
        title=notes.clean(text.line_from_html, metadata.pop("title", None)),
        description=_description(metadata, notes),
        language=notes.clean(text.line, next((each.get("id") for each in languages), None)),
        version=notes.clean(text.line, metadata.pop("version", None)),
        identifiers=facts.own(recid, doi, parent.pop("id", None), concept_doi, _others(record, pids)),
        doi=doi,
        concept_doi=concept_doi,
        creators=people.natives(metadata.get("creators"), notes),
        contributors=people.native_contributors(metadata.get("contributors"), notes),
        publisher=notes.clean(text.line, metadata.pop("publisher", None)),
        dates=Dates(
            published=notes.clean(dates.day, metadata.pop("publication_date", None)),
            created=notes.clean(dates.clean, take("created", None)),
            modified=notes.clean(dates.clean, updated),
            available=_embargo_end(access, notes),
        ),
        withdrawn=tombstones.of_record(record, recid),
        license=governing,
        rights=tuple(right for right in rights if right is not governing),
        access=status,
        keywords=keywords,
        subjects=subjects + _communities(parent),
        funding=tuple(filter(None, grants)),
        related=tuple(dict.fromkeys(related + facts.source_code(custom))),
        publications=tuple(dict.fromkeys(publications)),
        files=files,
        links=facts.links_of(recid, files, preview=preview, open_=status == "open" and enabled),
        metrics=_metrics(take("stats", None) or {}),
        upstream_modified=updated,
        mapping_version=mapping_version,
        **facts.domain(custom, notes),
    )


def _others(record: dict[str, Raw], pids: dict[str, Raw]) -> list[tuple[str, Raw]]:
    found = [(scheme, (pids.get(scheme) or {}).get("identifier")) for scheme in ("oai", "handle")]
    found.append(("swh", (record.pop("swh", None) or {}).get("swhid")))
    found.append(("isbn", ((record.get("custom_fields") or {}).get("imprint:imprint") or {}).get("isbn")))
    alternates = mappings((record.get("metadata") or {}).pop("identifiers", None))
    return found + [(str(each.get("scheme") or "other"), each.get("identifier")) for each in alternates]


def _relations(metadata: dict[str, Raw], notes: Notes) -> tuple[list[Related], list[Publication]]:
    """Read related identifiers and references, and the papers among them."""
    found = []
    for entry in mappings(metadata.get("related_identifiers")):
        relation, kind = entry.pop("relation_type", None) or {}, entry.pop("resource_type", None) or {}
        said, scheme = entry.pop("identifier", None), entry.pop("scheme", None)
        found.append(facts.related(relation.get("id"), said, scheme, kind.get("id")))
    bibliography = mappings(metadata.pop("references", None))
    found += [facts.cited(e.get("reference"), e.get("identifier"), e.get("scheme")) for e in bibliography]
    related = [each for each in found if each]
    papers = (parts.paper(notes, each) for each in related)
    return related, [paper for paper in papers if paper]


def _access(access: dict[str, Raw]) -> Access:
    status, files = access.pop("status", None), access.pop("files", None)
    if (known := _ACCESS.get(str(status))) is not None:
        return known
    if (access.get("embargo") or {}).get("active"):
        return "embargoed"
    return "open" if files == "public" else "restricted" if files == "restricted" else "unknown"


def _embargo_end(access: dict[str, Raw], notes: Notes) -> str | None:
    until = (access.pop("embargo", None) or {}).get("until")
    return notes.keep(dates.day(until, embargo=True), until)


def _files(recid: str, holder: dict[str, Raw], stated: Raw) -> Files:
    """Sum the files up; a restricted record lists none, but may count them."""
    entries = holder.pop("entries", None) or {}
    pairs = entries.items() if isinstance(entries, dict) else ((e.get("key"), e) for e in mappings(entries))
    files = facts.files_of(recid, ((str(key), e.get("size"), e.get("checksum")) for key, e in pairs if e))
    count, total = holder.pop("count", None) or None, holder.pop("total_bytes", None)
    kinds = files.formats or tuple(dict.fromkeys(str(kind) for kind in listed(stated)))
    summed = int(total) if total else files.bytes
    return files.model_copy(update={"count": count or files.count, "bytes": summed, "formats": kinds})


def _description(metadata: dict[str, Raw], notes: Notes) -> str | None:
    told = [(0, metadata.pop("description", None))]
    for entry in mappings(metadata.pop("additional_descriptions", None)):
        kind = (entry.get("type") or {}).get("id")
        told.append((_DESCRIPTIONS.index(kind) if kind in _DESCRIPTIONS else 9, entry.get("description")))
    if len(told) > 1:
        told.sort(key=lambda each: each[0])
    texts = (notes.clean(text.from_html, said) for _, said in told)
    return "\n".join(dict.fromkeys(filter(None, texts))) or None


def _rights(metadata: dict[str, Raw], notes: Notes) -> list[License]:
    found = []
    for entry in mappings(metadata.pop("rights", None)):
        title, props = entry.get("title") or {}, entry.get("props") or {}
        name = title.get("en") or next(iter(title.values()), None)
        found.append(parts.license_(notes, name, props.get("url") or entry.get("link"), id_=entry.get("id")))
    if owner := notes.clean(text.line, metadata.pop("copyright", None)):
        found.append(License(name=owner))
    return [license_ for license_ in found if license_]


def _subjects(metadata: dict[str, Raw], notes: Notes) -> tuple[tuple[str, ...], tuple[Subject, ...]]:
    free, terms = [], []
    for entry in mappings(metadata.pop("subjects", None)):
        id_, said, scheme = entry.get("id"), entry.get("subject"), entry.get("scheme")
        if id_ is None:
            free.append(said)
        elif label := notes.clean(text.line, said or id_):
            terms.append(Subject(label=label, id=id_, scheme=None if scheme == "url" else scheme))
    return notes.clean_all(text.line, free), tuple(dict.fromkeys(terms))


def _communities(parent: dict[str, Raw]) -> tuple[Subject, ...]:
    entries = mappings((parent.get("communities") or {}).pop("entries", None))
    return facts.communities(entry.get("slug") for entry in entries)


def _grant(entry: dict[str, Raw], notes: Notes) -> Funding | None:
    """Read a grant; an award's id alone says the funder's ROR id and the number: "00k4n6c32::755021"."""
    funder, award = entry.pop("funder", None) or {}, entry.pop("award", None) or {}
    titles, id_ = award.get("title") or {}, str(award.get("id") or "")
    urls = (
        each.get("identifier") for each in mappings(award.get("identifiers")) if each.get("scheme") == "url"
    )
    return parts.funding(
        notes,
        evidence="metadata.funding",
        funder=funder.get("name"),
        funder_id=funder.get("id") or id_.partition("::")[0],
        award=award.get("number") or id_.partition("::")[2],
        title=titles.get("en") or next(iter(titles.values()), None) or award.get("acronym"),
        url=next(urls, None),
    )


def _metrics(stats: dict[str, Raw]) -> Metrics:
    """Read the use of this version; older records know only that of all versions."""
    counts = stats.get("this_version") or stats.get("all_versions") or {}
    return Metrics(
        views=facts.count_of(counts.get("views")), downloads=facts.count_of(counts.get("downloads"))
    )
