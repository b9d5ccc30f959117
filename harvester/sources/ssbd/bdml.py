"""The old BDML API, v1 and v3: quantitative data, mostly tracks of nuclei and molecules.

v1 keeps the description in `meta_data`, v3 is flat. Only v3 says which study a data set is of (`SID`, the
number that the crates have, too: 2-Kyoda, 4-Keller, 5-Keller, 73-Fujii).
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from harvester import parts
from harvester.errors import BadRecord
from harvester.fields import Notes, Raw, because
from harvester.source import Reading, reading
from index.record import Contributor, Creator, Dates, File, Files, Links, Record, Related, Subject
from index.values import dates, organisms, text

IGNORED = (
    because("of the file's format", "schema_ver", "bdml_multipart_type")
    | because('"available", always', "status")
    | because("a row's number, not the data set's", "resource_uri")
    | because("said outside, too", "meta_data.localid")
    | because("a person's address, telephone and street are nobody's business", "E_mail", "phone",
              "address", "meta_data.E_mail", "meta_data.phone", "meta_data.address")
)  # fmt: skip

API = "http://ssbd.qbic.riken.jp/SSBD/api/v1/data/?bdmlUUID__icontains="
"""The only page about one data set; the form of its client, Java_SSBDapi."""

_FAMILY_FIRST = re.compile(r"(?:and )?([^,]+, (?:[A-Z]\. ?-?)+)(?:,? |$)")


def read(entry: dict[str, Raw], mapping_version: int) -> Reading:
    """Map one data set.

    Raises:
        BadRecord: it has no UUID, which alone identifies a BDML data set.
    """
    notes = Notes()
    uuid = entry.pop("bdmlID", None) or entry.pop("bdmlUUID", None)
    if not uuid:
        raise BadRecord("neither bdmlID nor bdmlUUID; /meta_data/ does not say which data set it is of")
    told = entry.get("meta_data") or entry
    take = told.pop
    lines = notes.clean_all(text.clean, [take("description", None), take("method_summary", None)])
    paper = parts.publication(notes, pmid=take("PMID", None), title=take("citation", None))
    organism = notes.clean(organisms.clean, take("organism", None))
    record = Record(
        id=f"ssbd:bdml-{uuid}",
        source="ssbd",
        title=notes.clean(text.line, take("title", None)),
        description="\n".join(lines) or None,
        identifiers=parts.own_identifiers(("bdml", uuid)),
        creators=tuple(_creators(take("contributors", None), notes)),
        contributors=tuple(_contact(told, notes)),
        publisher="SSBD:database",
        dates=Dates(published=notes.clean(dates.day, entry.pop("release", None))),
        license=parts.license_(notes, take("license", None)),
        access="open",
        keywords=notes.clean_all(text.line, [entry.pop("localid", None), entry.pop("localID", None)]),
        subjects=tuple(_genes(told)),
        organisms=(organism,) if organism else (),
        study_type=notes.clean_all(text.line, [take("datatype", None), take("basedon", None)]),
        related=tuple(_related(entry, told)),
        publications=(paper,) if paper else (),
        **_files(entry, f"{API}{uuid}"),
        mapping_version=mapping_version,
    )
    return reading(record, entry, IGNORED, notes)


def _creators(said: Raw, notes: Notes) -> Iterator[Creator]:
    """Split "Bao, Z., Murray, J.I., and Waterston, R.H." and "Koji Kyoda, Mari Furukawa"."""
    whole = text.line(said)[0] or ""
    family_first = _FAMILY_FIRST.findall(whole)
    for name in family_first or re.split(r",? and |, ", whole):
        if found := parts.creator(notes, name):
            yield found


def _contact(told: dict[str, Raw], notes: Notes) -> Iterator[Contributor]:
    names = [told.pop(part, None) for part in ("organization", "laboratory", "department")]
    inner = parts.affiliation(notes, ", ".join(filter(None, names[1:])))
    places = [place for place in (parts.affiliation(notes, names[0]), inner) if place]
    person = parts.creator(notes, told.pop("name", None), affiliations=places)
    if found := parts.contributor(person, "ContactPerson"):
        yield found


def _genes(told: dict[str, Raw]) -> Iterator[Subject]:
    for scheme in ("gene", "orf"):
        if label := text.line(told.pop(scheme, None))[0]:
            yield Subject(label=label, scheme=scheme)


def _related(entry: dict[str, Raw], told: dict[str, Raw]) -> Iterator[Related]:
    study = str(entry.pop("SID", None) or "")
    if study.isdecimal():
        yield Related(relation="IsPartOf", id=f"ssbd-repos-{int(study):06}", scheme="ssbd", kind="Dataset")
    for field in ("dblink", "URL"):
        if found := parts.related("References", told.pop(field, None)):
            yield found


def _files(entry: dict[str, Raw], page: str) -> dict[str, Raw]:
    """Take the addresses of the files: the data, a viewer's copy of it, and the contributor's own files."""
    data, copy, own = (entry.pop(f"external_{kind}", None) for kind in ("bdml", "pdpml", "source"))
    listed = [File(name=url.rstrip("/").rpartition("/")[2], url=url) for url in (data, copy) if url]
    formats = ("bdml",) if data else ()
    return {
        "files": Files(formats=formats, listed=tuple(listed)),
        "links": Links(landing=page, download=own or data, api=page),
    }
