"""From what is said of a study to a record."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import TypeAlias

from harvester import parts
from harvester.fields import Notes, Raw, mappings
from harvester.sources.idr import amounts, containers, people, terms
from harvester.sources.idr.containers import Container
from harvester.sources.idr.facts import Facts
from harvester.sources.idr.study_file import StudyFile
from index.record import Dates, Files, Images, License, Publication, Record, Related
from index.values import dates, identifiers, text

_Statement: TypeAlias = tuple[str, str, str | None, str | None]
"""Relation, identifier, kind and title."""

PUBLISHER = "Image Data Resource"


@dataclass(frozen=True, slots=True)
class Study:
    """A study's parts while they are read."""

    accession: str
    containers: list[Container]
    said: Facts
    file: StudyFile
    raw: dict[str, Raw]
    notes: Notes = field(default_factory=Notes)

    @property
    def name(self) -> str | None:
        return containers.study_name(self.containers, self.file)


def record(study: Study, mapping_version: int) -> Record:
    """Map a study."""
    said, notes = study.said, study.notes
    page: dict[str, Raw] = study.raw.get("json_ld") or {}
    authors = people.authors(said.papers, notes)
    contacts = people.contacts(study.file, authors, notes)
    publisher = notes.clean_all(text.line, said.take("Data Publisher"))
    doi, part_dois = _dois(said, notes)
    types = [*said.take("Study Type"), *said.take("Screen Type"), *said.take("Screen Technology Type")]
    study_types = notes.clean_all(text.line, types)
    licenses, rights = _rights(said, page, notes)
    modified = _modified(study)
    publications = tuple(dict.fromkeys(_publications(study)))
    links = amounts.links(study.accession, study.name, study.containers, study.raw)
    files, images = _files_and_images(study)
    return Record(
        id=f"idr:{study.accession}",
        source="idr",
        title=_title(study, page),
        description=containers.description(study.containers, study.file, notes)
        or notes.clean(text.clean, page.pop("description", None)),
        identifiers=parts.own_identifiers(("idr", study.accession), ("idr-name", study.name), ("doi", doi)),
        doi=doi,
        creators=people.creators(authors, contacts),
        contributors=tuple(contacts),
        publisher=publisher[0] if publisher else PUBLISHER,
        dates=Dates(
            published=min(notes.clean_all(dates.day, said.take("Release Date")), default=None),
            modified=notes.clean(dates.clean, modified),
        ),
        license=licenses,
        rights=rights,
        access="open",
        keywords=notes.clean_all(text.line, said.take("Key Words")),
        subjects=terms.subjects(study_types, said, notes),
        organisms=terms.species(said, notes),
        imaging_methods=terms.methods(said, notes),
        cell_lines=notes.clean_all(text.line, said.take("Cell Line")),
        study_type=study_types,
        related=tuple(dict.fromkeys(_related(study, part_dois))),
        publications=publications,
        files=files,
        images=images,
        links=links,
        upstream_modified=modified,
        mapping_version=mapping_version,
    )


def _title(study: Study, page: dict[str, Raw]) -> str | None:
    """Choose a title as IDR's own pages do; a list without annotations leaves the one in a description."""
    stated = [*study.said.take("Study Title"), *(paper.get("title") for paper in study.said.papers)]
    stated += [page.pop("name", None), containers.publication_title(study.containers), study.name]
    return study.notes.clean(text.line, next(filter(None, stated), None))


def _dois(said: Facts, notes: Notes) -> tuple[str | None, list[str]]:
    """Answer the DOI of the whole, and those of its parts; one DOI on all parts is that of the whole."""
    whole, of_parts = (
        notes.clean_all(identifiers.doi, map(_first_word, said.take(key))) for key in ("Data DOI", "Part DOI")
    )
    alone = of_parts if len(of_parts) == 1 else ()
    own = next(iter(whole or alone), None)
    return own, [doi for doi in (*whole, *of_parts) if doi != own]


def _rights(said: Facts, page: dict[str, Raw], notes: Notes) -> tuple[License | None, tuple[License, ...]]:
    """Read the license, and who holds the copyright, as far as that is stated."""
    stated = said.take("License") or [page.pop("license", None)]
    found = [license_ for each in stated if (license_ := parts.license_(notes, name=each))]
    holders = notes.clean_all(text.line, said.take("Copyright"))
    further = [*found[1:], *(License(name=f"Copyright: {holder}") for holder in holders)]
    return (found[0] if found else None), tuple(further)


def _modified(study: Study) -> str | None:
    """Take the newest stamp of an annotation. IDR annotates many studies anew at once; it tells little."""
    stamps = [each.pop("date", None) for each in mappings(study.raw.get("annotations"))]
    return max(filter(None, stamps), default=None)


def _files_and_images(study: Study) -> tuple[Files, Images]:
    rows = mappings(study.raw.get("sizes"))
    for row in rows:
        study.said.add("Sample Type", row.pop("Sample Type", None))
    return amounts.amounts(rows, study.containers, _formats(study), study.notes)


def _formats(study: Study) -> Iterator[str]:
    yield from amounts.formats_named(study.said.take("Raw Image Data Format"))
    zarr = [row.pop("is_zarr", None) for row in mappings(study.raw.get("downloads"))]
    if "True" in zarr:
        yield "ome.zarr"


def _publications(study: Study) -> Iterator[Publication]:
    said, notes = study.said, study.notes
    papers = said.papers or [{"title": containers.publication_title(study.containers) or ""}]
    for paper in papers:
        found = parts.publication(
            notes,
            doi=_first_word(paper.get("doi", "")),
            pmid=paper.get("pmid"),
            pmcid=paper.get("pmcid"),
            title=paper.get("title"),
            authors=paper.get("authors"),
        )
        if found:
            yield found
    for preprint in said.take("Preprint"):
        if known := identifiers.doi(preprint)[0]:
            yield Publication(doi=known, preprint=True)
        else:
            said.add("External URL", preprint)  # such as an address at biorxiv.org without the DOI


def _related(study: Study, part_dois: Iterable[str]) -> Iterator[Related]:
    said = study.said
    twins = [*said.take("BioStudies Accession"), *said.take("EMPIAR Accession")]
    for row in mappings(study.raw.get("downloads")):
        addresses = (row.pop("bia_ngff_id", None), row.pop("bia_url", None))
        twins += [str(address).rpartition("/")[2].removesuffix(".html") for address in addresses if address]
    stated: list[_Statement] = [("HasPart", doi, "Dataset", None) for doi in part_dois]
    # The same study in another archive, with other files: a copy as OME-NGFF, or what IDR left out.
    stated += [("IsVariantFormOf", _first_word(twin), "Dataset", None) for twin in twins]
    stated += [("References", _address(said_), None, None) for said_ in said.take("External URL")]
    for file in said.take("Annotation File"):
        name, _, address = file.rpartition(" ")
        stated.append(("HasMetadata", address, None, name or None))
    for relation, id_, kind, title in stated:
        if found := parts.related(relation, id_, kind=kind, title=title):
            yield found


def _address(said: str) -> str:
    """Complete an address that people typed as "www.sysgro.org"."""
    return said if "://" in said else f"https://{said}"


def _first_word(said: str) -> str:
    """Take the identifier from "10.17867/10000102 https://doi.org/10.17867/10000102"."""
    return said.split(maxsplit=1)[0] if said.split() else ""
