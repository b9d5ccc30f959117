"""People: the authors of the first publication, and the contacts that the study file names."""

from __future__ import annotations

import unicodedata
from collections import Counter
from collections.abc import Iterable
from itertools import zip_longest

from harvester import parts
from harvester.fields import Notes
from harvester.sources.idr.facts import Paper
from harvester.sources.idr.study_file import StudyFile
from index.record import Contributor, Creator
from index.values import names

_ROLES = (
    ("investigator", "ProjectLeader"),
    ("study lead", "ProjectLeader"),
    ("submitter", "ContactPerson"),
    ("corresponding", "ContactPerson"),
    ("experimentalist", "DataCollector"),
)
"""Words in IDR's roles to DataCite's contributor types; the first word found decides."""


def authors(papers: Iterable[Paper], notes: Notes) -> list[Creator]:
    """Read the authors of the first publication that names some."""
    lists = (names.split_list(paper["authors"]) for paper in papers if "authors" in paper)
    found = (parts.creator(notes, name, initials_last=True) for name in next(lists, []))
    return [author for author in found if author]


def contacts(file: StudyFile, authors: list[Creator], notes: Notes) -> list[Contributor]:
    """Read the persons of the study file; their e-mail addresses are left out."""
    keys = ("last name", "first name", "address", "roles", "orcid")
    persons = list(zip_longest(*(file.take(f"person {key}") for key in keys), fillvalue=""))
    orcids = _orcids(persons)
    known = {key for author in authors if (key := _key(author))}
    found = (_contact(person[:4], orcids.get(place), known, notes) for place, person in enumerate(persons))
    return [contact for contact in found if contact]


def _orcids(persons: list[tuple[str, ...]]) -> dict[int, str]:
    """Find whose each ORCID iD is: the person's in its column, or the one it names.

    "0000-0002-7656-4086 (Robert Brewster)" stands in the column of another (idr0095).
    """
    found = {}
    for place, (*_, cell) in enumerate(persons):
        orcid, _, named = cell.partition(" ")
        owners = [at for at, person in enumerate(persons) if person[0] and person[0] in named]
        if orcid:
            found[owners[0] if owners else place] = orcid
    return found


def creators(authors: list[Creator], contacts: list[Contributor]) -> tuple[Creator, ...]:
    """Answer the authors with their ORCID iDs; without a publication the contacts made the data.

    IDR gives no ORCID iDs of authors. A contact whose family name and first initial fit one author, and
    no other contact, is that author.
    """
    if not authors:
        return tuple(Creator(**contact.model_dump(exclude={"role"})) for contact in contacts)
    alike = Counter(_key(author) for author in authors)
    orcids: dict[tuple[str, str], set[str]] = {}
    for contact in contacts:
        key = _key(contact)
        if key and contact.orcid and alike[key] == 1:
            orcids.setdefault(key, set()).add(contact.orcid)
    sure = {key: found.pop() for key, found in orcids.items() if len(found) == 1}
    return tuple(
        author.model_copy(update={"orcid": sure[key]}) if (key := _key(author)) in sure else author
        for author in authors
    )


def _contact(
    person: tuple[str, ...], orcid: str | None, known: set[tuple[str, str]], notes: Notes
) -> Contributor | None:
    last, first, address, role = person
    if _fold(last, first) not in known and _fold(first, last) in known:
        last, first = first, last  # some stand in the wrong column (idr0044)
    affiliation = parts.affiliation(notes, address)
    found = parts.creator(
        notes,
        None,
        given=first if first != last else None,  # "HPAIT", a group, is both (idr0043)
        family=last,
        orcid=orcid,
        affiliations=[affiliation] if affiliation else (),
    )
    return parts.contributor(found, _role(role))


def _role(said: str) -> str | None:
    low = said.lower()
    return next((role for word, role in _ROLES if word in low), said or None)


def _key(person: Creator) -> tuple[str, str] | None:
    return _fold(person.family, person.given) if person.family and person.given else None


def _fold(family: str, given: str) -> tuple[str, str]:
    """Fold a name to what a list of authors keeps of it: the family name and one initial, without accents."""
    plain = (
        unicodedata.normalize("NFKD", part).encode("ascii", "ignore").decode() for part in (family, given)
    )
    last, first = (" ".join(part.lower().replace("-", " ").split()) for part in plain)
    return last, first[:1]
