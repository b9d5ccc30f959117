"""What all shapes of a Zenodo record have in common: words, links, files, communities, domain fields."""

from __future__ import annotations

import re
from collections.abc import Iterable
from urllib.parse import quote

from harvester import parts
from harvester.fields import Notes, Raw, listed
from harvester.protocols import datacite_words
from index.record import Count, File, Files, Identifier, Links, Related, Subject, Term
from index.values import formats, imaging_methods, organisms, text

SITE = "https://zenodo.org"
API = f"{SITE}/api/records"
COMMUNITIES = f"{SITE}/communities/"

_KEPT_IN_PATHS = "/!$&'()*+,;=:@"  # as Zenodo quotes file names in its own links
LISTED = 200
"""Files kept by name; the record's model says the same."""
LARGEST_ARCHIVE = 300 * 10**6
"""Zenodo packs files into one archive up to here (its invenio.cfg, August 2026); beyond, it refuses."""
VIEWABLE = frozenset({"gif", "jp2", "jpeg", "jpg", "png", "tif", "tiff"})
"""Extensions of images its IIIF server shows (InvenioRDM's RDM_IIIF_MANIFEST_FORMATS, August 2026)."""

KINDS = {
    "audio": "Sound",
    "dataset": "Dataset",
    "event": "Event",
    "image": "Image",
    "instrument": "Instrument",
    "lesson": "InteractiveResource",
    "model": "Model",
    "physicalobject": "PhysicalObject",
    "poster": "Poster",
    "presentation": "Presentation",
    "project": "Project",
    "publication": "Text",
    "publication-annotationcollection": "Collection",
    "publication-article": "JournalArticle",
    "publication-book": "Book",
    "publication-conferencepaper": "ConferencePaper",
    "publication-conferenceproceeding": "ConferenceProceeding",
    "publication-datamanagementplan": "OutputManagementPlan",
    "publication-datapaper": "DataPaper",
    "publication-dissertation": "Dissertation",
    "publication-journal": "Journal",
    "publication-peerreview": "PeerReview",
    "publication-preprint": "Preprint",
    "publication-report": "Report",
    "publication-section": "BookChapter",
    "publication-standard": "Standard",
    "publication-studyregistration": "StudyRegistration",
    "publication-thesis": "Dissertation",  # before October 2023
    "software": "Software",
    "software-computationalnotebook": "ComputationalNotebook",
    "video": "Audiovisual",
    "workflow": "Workflow",
}
"""Zenodo's resource types to DataCite's (InvenioRDM's vocabulary, August 2026)."""

LEFT_OUT = frozenset(
    "ac code dc dwc gbif gbif-dwc imprint journal legacy meeting mixs obo openbiodiv thesis".split()  # noqa: SIM905
)
_DOI_IN_TEXT = re.compile(r"\b10\.\d{4,9}/[^\s\"<>]+[^\s\"<>.,;)\]]")


def kind_of(type_: Raw) -> str:
    """Answer DataCite's resourceTypeGeneral; a sort of image is an image."""
    said = str(type_ or "").lower()
    return KINDS.get(said) or KINDS.get(said.partition("-")[0], "Other")


def own(
    recid: str, doi: str | None, concept: Raw, concept_doi: str | None, others: Iterable[tuple[str, Raw]] = ()
) -> tuple[Identifier, ...]:
    """List a record's identifiers: those that every shape knows, and others it names."""
    return parts.own_identifiers(
        ("zenodo", recid),
        ("doi", doi),
        ("zenodo-concept", str(concept) if concept else None),
        ("concept-doi", concept_doi),
        *others,
    )


def files_of(recid: str, entries: Iterable[tuple[str, Raw, Raw]]) -> Files:
    """Sum up files from their name, size and checksum."""
    found, total, named = 0, 0, []
    kinds: dict[str | None, None] = {}
    for name, size, checksum in entries:
        bytes_ = int(size) if isinstance(size, int | float) else None
        format_ = formats.of_file(name)
        found, total = found + 1, total + (bytes_ or 0)
        kinds[format_] = None
        if found <= LISTED:
            url = f"{API}/{recid}/files/{quote(name, safe=_KEPT_IN_PATHS)}/content"
            named.append(File(name=name, bytes=bytes_, format=format_, checksum=_digest(checksum), url=url))
    formats_ = tuple(kind for kind in kinds if kind)
    return Files(count=found or None, bytes=total or None, formats=formats_, listed=tuple(named))


def links_of(recid: str, files: Files, *, preview: Raw = None, open_: bool) -> Links:
    """Say where to go; to files and pictures only where everybody may have them."""
    page, api = f"{SITE}/records/{recid}", f"{API}/{recid}"
    if not open_:
        return Links(landing=page, api=api)
    packed = (files.bytes or 0) <= LARGEST_ARCHIVE
    picture = quote(_picture(files, preview) or "", safe="")
    shown = f"{SITE}/api/iiif/record:{recid}:{picture}/full/^250,/0/default.jpg"
    return Links(
        landing=page,
        api=api,
        download=f"{api}/files-archive" if packed else f"{api}/files",
        thumbnail=shown if picture else None,
    )


def communities(slugs: Iterable[Raw]) -> tuple[Subject, ...]:
    """Make communities subjects."""
    names = dict.fromkeys(str(slug) for slug in slugs if slug)
    return tuple(Subject(label=name, scheme="zenodo-community", id=f"{COMMUNITIES}{name}") for name in names)


def domain(custom: dict[str, Raw], notes: Notes) -> dict[str, Raw]:
    """Take what a record has a field for from the custom fields (Darwin Core, Audiovisual Core).

    The rest of the vocabularies we know describes specimens, sequences and places of printing; it is left
    out by its prefix, so that a new vocabulary shows.
    """

    def take(name: str) -> list[Raw]:
        return listed(custom.pop(name, None))

    if not custom:
        return {}
    species: tuple[Term, ...] = notes.clean_all(organisms.clean, take("dwc:scientificName"))
    methods: tuple[Term, ...] = notes.clean_all(imaging_methods.clean, take("ac:resourceCreationTechnique"))
    taken = {
        "organisms": species,
        "imaging_methods": methods,
        "instruments": notes.clean_all(text.line, take("ac:captureDevice")),
        "anatomy": notes.clean_all(text.line, take("ac:subjectPart")),
    }
    for name in [name for name in custom if name.partition(":")[0] in LEFT_OUT]:
        del custom[name]
    return taken


def source_code(custom: dict[str, Raw]) -> list[Related]:
    """Take the address of the repository a release of software was made from."""
    found = parts.related("IsDerivedFrom", custom.pop("code:codeRepository", None), kind="Software")
    return [found] if found else []


def _digest(checksum: Raw) -> str | None:
    """Name the algorithm: file lists before October 2023 left it out."""
    if not isinstance(checksum, str) or not checksum:
        return None
    return checksum if ":" in checksum else f"md5:{checksum}"


def _picture(files: Files, preview: Raw) -> str | None:
    """Choose as Zenodo does: the file marked for preview if it is an image, else the first image."""
    for name in (preview, *(file.name for file in files.listed)):
        if isinstance(name, str) and name.rpartition(".")[2].lower() in VIEWABLE:
            return name
    return None


def relation_of(said: Raw) -> str:
    """Answer a relation in DataCite's spelling."""
    return "IsIdenticalTo" if said == "isAlternateIdentifier" else datacite_words.relation(said)


def related(relation: Raw, said: Raw, scheme: Raw, kind: Raw) -> Related | None:
    """Build a relation from Zenodo's words for it."""
    return parts.related(relation_of(relation), said, scheme=scheme, kind=kind_of(kind) if kind else None)


def cited(reference: Raw, said: Raw = None, scheme: Raw = None) -> Related | None:
    """Read one entry of a bibliography; without an identifier, a DOI in its text will do."""
    if not said and isinstance(reference, str) and (match := _DOI_IN_TEXT.search(reference)):
        said, scheme = match[0], "doi"
    return parts.related("References", said, scheme=scheme, title=reference)


def count_of(value: Raw) -> Count | None:
    """Make a count; before October 2023 they were floats."""
    return Count(value=int(value), said_by="zenodo") if isinstance(value, int | float) else None
