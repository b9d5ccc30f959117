"""The public JSON of the REST API: today's, which imitates the old one, and that of before October 2023."""

from __future__ import annotations

from typing import get_args

from harvester import parts
from harvester.errors import BadRecord
from harvester.fields import Notes, Raw, listed, mappings
from harvester.sources.zenodo import facts, people
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

_ACCESSES = get_args(Access)


def read(record: dict[str, Raw], notes: Notes, mapping_version: int) -> Record:
    """Take a record's fields out of a document of the REST API."""
    take = record.pop
    metadata = record.get("metadata") or {}
    of = metadata.pop
    custom = metadata.get("custom") or {}
    doi = notes.clean(identifiers.doi, take("doi", None) or metadata.get("doi"))
    recid = _recid(record, doi)
    concept_doi = notes.clean(identifiers.doi, take("conceptdoi", None))
    access = of("access_right", None)
    listing = take("files", None)
    files = _files(recid, listing)
    related, publications = _relations(metadata, concept_doi, notes)
    licenses = _licenses(of("license", None), notes)
    grants = (_grant(entry, notes) for entry in mappings(of("grants", None)))
    embargo, updated = of("embargo_date", None), take("updated", None) or take("modified", None)
    return Record(
        id=f"zenodo:{recid}",
        source="zenodo",
        kind=_kind(of("resource_type", None) or {}),
        title=notes.clean(text.line_from_html, of("title", None) or record.get("title")),
        description=_description(metadata, notes),
        language=notes.clean(text.line, of("language", None)),
        version=notes.clean(text.line, of("version", None)),
        identifiers=facts.own(
            recid,
            doi,
            take("conceptrecid", None) or _concept(metadata),
            concept_doi,
            _alternates(record, metadata),
        ),
        doi=doi,
        concept_doi=concept_doi,
        creators=people.flat(metadata.get("creators"), notes),
        contributors=people.flat_contributors(metadata.get("contributors"), notes)
        + people.flat_contributors((of("thesis", None) or {}).get("supervisors"), notes, "Supervisor"),
        publisher="Zenodo",
        dates=Dates(
            published=notes.clean(dates.day, of("publication_date", None)),
            created=notes.clean(dates.clean, take("created", None)),
            modified=notes.clean(dates.clean, updated),
            available=notes.keep(dates.day(embargo, embargo=True), embargo),
        ),
        license=licenses,
        access=access if access in _ACCESSES else "unknown",
        keywords=notes.clean_all(text.line, listed(of("keywords", None))),
        subjects=_subjects(metadata, notes),
        funding=tuple(filter(None, grants)),
        related=tuple(dict.fromkeys(related + facts.source_code(custom))),
        publications=tuple(dict.fromkeys(publications)),
        files=files,
        links=facts.links_of(recid, files, open_=access == "open" and listing != []),
        metrics=_metrics(take("stats", None) or {}),
        upstream_modified=updated,
        mapping_version=mapping_version,
        **facts.domain(custom, notes),
    )


def _recid(record: dict[str, Raw], doi: str | None) -> str:
    recid = record.pop("id", None) or record.pop("recid", None) or record.pop("record_id", None)
    if recid is None and doi and doi.startswith("10.5281/zenodo."):
        recid = doi.rpartition(".")[2]
    if recid is None:
        raise BadRecord("a record without a number")
    return str(recid)


def _concept(metadata: dict[str, Raw]) -> Raw:
    for version in mappings((metadata.get("relations") or {}).get("version")):
        return (version.get("parent") or {}).get("pid_value")
    return None


def _kind(said: dict[str, Raw]) -> str:
    return facts.kind_of("-".join(filter(None, (said.get("type"), said.get("subtype")))))


def _description(metadata: dict[str, Raw], notes: Notes) -> str | None:
    raws = [metadata.pop(name, None) for name in ("description", "method", "notes")]
    return "\n".join(dict.fromkeys(filter(None, (notes.clean(text.from_html, raw) for raw in raws)))) or None


def _alternates(record: dict[str, Raw], metadata: dict[str, Raw]) -> list[tuple[str, Raw]]:
    found = [("swh", (record.pop("swh", None) or {}).get("swhid"))]
    found.append(("isbn", (metadata.pop("imprint", None) or {}).get("isbn")))
    for entry in mappings(metadata.pop("alternate_identifiers", None)):
        said = identifiers.related(entry.get("identifier"), entry.get("scheme"))
        if said:
            found.append((said[1] or "other", said[0]))
    return found


def _relations(
    metadata: dict[str, Raw], concept_doi: str | None, notes: Notes
) -> tuple[list[Related], list[Publication]]:
    found = []
    for entry in mappings(metadata.get("related_identifiers")):
        relation, kind = entry.pop("relation", None), entry.pop("resource_type", None)
        said, scheme = entry.pop("identifier", None), entry.pop("scheme", None)
        found.append(facts.related(relation, said, scheme, kind))
    found += [facts.cited(reference) for reference in listed(metadata.pop("references", None))]
    # Before October 2023 the DOI of all versions stood among the related ones as well.
    related = [each for each in found if each and (each.relation, each.id) != ("IsVersionOf", concept_doi)]
    papers = (parts.paper(notes, each) for each in related)
    return related, [paper for paper in papers if paper]


def _licenses(said: Raw, notes: Notes) -> License | None:
    if not isinstance(said, dict):
        return parts.license_(notes, said)
    return parts.license_(notes, said.get("title"), said.get("url"), id_=said.get("id"))


def _subjects(metadata: dict[str, Raw], notes: Notes) -> tuple[Subject, ...]:
    found = [
        Subject(label=label, id=entry.get("identifier") or None)
        for entry in mappings(metadata.pop("subjects", None))
        if (label := notes.clean(text.line, entry.get("term")))
    ]
    slugs = (each.get("id") or each.get("identifier") for each in mappings(metadata.pop("communities", None)))
    return tuple(dict.fromkeys(found)) + facts.communities(slugs)


def _grant(entry: dict[str, Raw], notes: Notes) -> Funding | None:
    """Read a grant; its internal id is the funder's DOI or ROR id and the number, "10.13039/...::654241"."""
    funder, internal = entry.pop("funder", None) or {}, str(entry.pop("internal_id", None) or "")
    return parts.funding(
        notes,
        evidence="metadata.grants",
        funder=funder.get("name"),
        funder_id=funder.get("doi") or internal.partition("::")[0],
        award=entry.pop("code", None) or internal.partition("::")[2],
        title=entry.pop("title", None) or entry.get("acronym"),
        url=entry.pop("url", None),
    )


def _files(recid: str, raw: Raw) -> Files:
    entries = mappings(raw)
    return facts.files_of(
        recid,
        (
            (
                str(entry.get("key") or entry.get("filename") or entry.get("id")),
                entry.get("size") or entry.get("filesize"),
                entry.get("checksum"),
            )
            for entry in entries
        ),
    )


def _metrics(stats: dict[str, Raw]) -> Metrics:
    """Read the use of this version.

    Today `version_views` counts this version and `views` all of them; before October 2023 it was the other
    way round (seen in a record of 2020). One version is never used more than all.
    """
    views, downloads = (
        [count for name in (what, f"version_{what}") if (count := facts.count_of(stats.get(name)))]
        for what in ("views", "downloads")
    )
    return Metrics(
        views=min(views, key=lambda each: each.value, default=None),
        downloads=min(downloads, key=lambda each: each.value, default=None),
    )
