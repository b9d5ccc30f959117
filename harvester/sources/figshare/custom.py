"""What institutions ask in their own forms, as far as several of them ask the same.

Each portal of figshare adds fields of its own to an article. Names seen: "Research Institution(s)",
"Associated Preprint DOI", "Contact email" (figshare.com and its journals), "Publisher", "Language",
"Supervisor(s)", "Rights holder", "Author affiliation" (universities), "Data contact name" (Ag Data Commons),
"Contributor nameIdentifier" with a ROR id (La Trobe, Adelaide).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from harvester import parts
from harvester.fields import Notes, Raw, listed, mappings
from index.record import Contributor, Funding, Publication, Term
from index.values import identifiers, organisms, text

_ROLES = {
    "supervisor": "Supervisor",
    "principal supervisor": "Supervisor",
    "advisor": "Supervisor",
    "rights holder": "RightsHolder",
    "copyright holder": "RightsHolder",
    "data contact name": "ContactPerson",
    "contact person": "ContactPerson",
    "contact name": "ContactPerson",
    "editor": "Editor",
    "contributor": "Other",
    "research institution": "HostingInstitution",
    "author affiliation": "HostingInstitution",
    "contributor nameidentifier": "HostingInstitution",
}
"""Names of fields, without a plural's "(s)", to DataCite's contributorType."""
_LANGUAGES = {
    "english": "en",
    "french": "fr",
    "german": "de",
    "spanish": "es",
    "portuguese": "pt",
    "italian": "it",
    "dutch": "nl",
    "chinese": "zh",
}
"""Languages that forms spell out, to ISO 639 codes."""


@dataclass(slots=True)
class Forms:
    """What was found."""

    language: str | None = None
    publisher: str | None = None
    contributors: list[Contributor] = field(default_factory=list)
    organisms: list[Term] = field(default_factory=list)
    funding: list[Funding] = field(default_factory=list)
    publications: list[Publication] = field(default_factory=list)


def read(fields: Raw, notes: Notes) -> Forms:
    """Read custom fields: a list of objects with a name and a value, or an object."""
    forms = Forms()
    pairs = list(fields.items()) if isinstance(fields, dict) else _pairs(fields)
    for name, value in pairs:
        label = re.sub(r"(?<=[a-z])(?:\(s\)|s)$", "", str(name).strip().lower())
        for said in _values(value, notes):
            _take(forms, label, said, notes)
    return forms


def _pairs(fields: Raw) -> list[tuple[Raw, Raw]]:
    return [(entry.get("name"), entry.get("value")) for entry in mappings(fields)]


def _values(value: Raw, notes: Notes) -> Iterator[str]:
    for each in listed(value):
        said = notes.clean(text.from_html, each) if isinstance(each, str) else None
        if said and "@" not in said and said != text.EMAIL_REMOVED:
            yield said


def _take(forms: Forms, label: str, said: str, notes: Notes) -> None:
    if label == "language":
        forms.language = forms.language or _LANGUAGES.get(said.lower(), said.lower())
    elif label == "publisher":
        forms.publisher = forms.publisher or text.line(said)[0]
    elif label in {"organism", "specie"}:
        forms.organisms += filter(None, [notes.keep(organisms.clean(said), said)])
    elif label in {"funder", "funding", "funding body"}:
        forms.funding += filter(None, [parts.funding(notes, evidence=f"custom field {label}", funder=said)])
    elif label == "associated preprint doi":
        paper = parts.publication(notes, doi=said, preprint=True)
        forms.publications += filter(None, [paper if paper and paper.doi else None])
    elif label in _ROLES:
        forms.contributors += _contributors(_ROLES[label], said, notes)


def _contributors(role: str, said: str, notes: Notes) -> Iterator[Contributor]:
    for name in filter(None, (line.strip(" ;") for line in re.split(r"[\n;]", said))):
        if identifiers.ror(name)[0] is not None:
            continue  # an id without a name; a record names people and institutions
        if found := parts.contributor(parts.creator(notes, name), role):
            yield found
