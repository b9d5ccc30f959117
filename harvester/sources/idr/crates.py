"""RO-Crates of IDR's studies, which foundingGIDE makes from the study files; IDR itself gives none.

A crate is turned back into a study file, so that one mapping serves both. Its sizes are left out: of the 74
that state one, 20 are off by more than twice, up to 874 TB for 4.8 (idr0078, April 2026).
"""

from __future__ import annotations

import re
from urllib.parse import unquote

from harvester.protocols.rocrate import Crate, Entity
from harvester.sources.idr.study_file import Columns, StudyFile

_PICTURE = re.compile(r"https://idr\.openmicroscopy\.org/webgateway/render_thumbnail/(\d+)/")
_ORCID = "https://orcid.org/"


def study_file_of(crate: Crate) -> StudyFile:
    """Turn a crate back into the study file it was made from.

    Raises:
        BadRecord: it has no root, or is no JSON-LD.
    """
    root = crate.root()
    study: Columns = {
        "title": root.texts("name"),
        "description": root.texts("description"),
        "public release date": root.texts("datePublished"),
        "license url": root.texts("license"),
        "copyright": root.texts("copyrightNotice"),
        "key words": [word for text in root.texts("keywords") for word in re.split(r"[;,]\s*", text)],
    }
    papers = root.entities("seeAlso")
    study["publication title"] = [paper.text("name") or "" for paper in papers]
    study["doi"] = [paper.iri or "" for paper in papers]
    _add_people(study, root)
    part: Columns = {"sample type": []}
    _add_terms(study, "organism", [each for each in root.entities("about") if "Taxon" in each.types])
    for sample in root.entities("about"):
        if "BioSample" in sample.types:
            part["sample type"] += sample.texts("name")
    methods = [each for each in root.entities("measurementMethod") if "FBbi" in (each.iri or "")]
    _add_terms(part, "imaging method", methods)
    return StudyFile(study, [part])


def picture_of(crate: Crate) -> int | None:
    """Find the number of the example image."""
    found = map(_PICTURE.fullmatch, crate.root().texts("thumbnailUrl"))
    return next((int(match[1]) for match in found if match), None)


def _add_people(study: Columns, root: Entity) -> None:
    people = root.entities("author")
    ids = [unquote(person.iri or "") for person in people]
    study["person last name"] = [person.text("familyName") or person.text("name") or "" for person in people]
    study["person first name"] = [person.text("givenName") or "" for person in people]
    study["person address"] = [person.text("address") or "" for person in people]
    study["person orcid"] = [id_ if id_.startswith(_ORCID) else "" for id_ in ids]
    study["person roles"] = ["submitter" for _ in people]  # the crates name the submitters only


def _add_terms(columns: Columns, key: str, terms: list[Entity]) -> None:
    columns[key] = [term.text("scientificName") or term.text("name") or "" for term in terms]
    columns[f"{key} term accession"] = [(term.iri or "").rpartition("/")[2] for term in terms]
