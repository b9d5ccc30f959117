"""Creators and contributors: InvenioRDM's nested form, and the flat one of the public JSON."""

from __future__ import annotations

from harvester import parts
from harvester.fields import Notes, Raw, mappings
from harvester.protocols import datacite_words
from index.record import Affiliation, Contributor, Creator
from index.values import text


def natives(raw: Raw, notes: Notes) -> tuple[Creator, ...]:
    """Read the creators of a native record."""
    return tuple(filter(None, [_native(entry, notes) for entry in mappings(raw)]))


def native_contributors(raw: Raw, notes: Notes) -> tuple[Contributor, ...]:
    """Read the contributors of a native record."""
    found = []
    for entry in mappings(raw):
        role = (entry.pop("role", None) or {}).get("id")
        found.append(parts.contributor(_native(entry, notes), datacite_words.role(role)))
    return tuple(filter(None, found))


def flat(raw: Raw, notes: Notes) -> tuple[Creator, ...]:
    """Read the creators of public JSON, old or new."""
    return tuple(filter(None, [_flat(entry, notes) for entry in mappings(raw)]))


def flat_contributors(raw: Raw, notes: Notes, role: str | None = None) -> tuple[Contributor, ...]:
    """Read the contributors of public JSON; supervisors of a thesis stand in a list of their own."""
    found = []
    for entry in mappings(raw):
        said = datacite_words.role(entry.pop("type", None)) or role
        found.append(parts.contributor(_flat(entry, notes), said))
    return tuple(filter(None, found))


def _native(entry: dict[str, Raw], notes: Notes) -> Creator | None:
    said = entry.pop("person_or_org", None) or {}
    affiliations = mappings(entry.pop("affiliations", None))
    where = tuple(filter(None, [_affiliation(each, notes) for each in affiliations]))
    if said.get("type") == "organizational":
        name = notes.clean(text.line, said.get("name"))
        return Creator(name=name, affiliations=where) if name else None
    return parts.creator(
        notes,
        said.get("name"),
        given=said.get("given_name"),
        family=said.get("family_name"),
        orcid=_of_scheme(said, "orcid"),
        affiliations=where,
    )


def _affiliation(entry: dict[str, Raw], notes: Notes) -> Affiliation | None:
    id_ = entry.get("id")
    return parts.affiliation(notes, entry.get("name") or id_, _of_scheme(entry, "ror") or id_)


def _of_scheme(entry: dict[str, Raw], scheme: str) -> Raw:
    for each in mappings(entry.get("identifiers")):
        if each.get("scheme") == scheme:
            return each.get("identifier")
    return None


def _flat(entry: dict[str, Raw], notes: Notes) -> Creator | None:
    where = parts.affiliation(notes, entry.pop("affiliation", None))
    name, orcid = entry.pop("name", None), entry.pop("orcid", None)
    return parts.creator(notes, name, orcid=orcid, affiliations=[where] if where else ())
