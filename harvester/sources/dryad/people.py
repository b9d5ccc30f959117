"""The people and organizations of a dataset: its authors with their affiliations, and its funders."""

from __future__ import annotations

import re
from collections.abc import Iterator

from harvester import parts
from harvester.fields import Notes, Raw, mappings
from index.record import Affiliation, Creator, Funding

_FROM_NO_LIST = re.compile(r"\s*\*\s*$")
"""Dryad's mark on names that came from no list of organizations."""


def creators(authors: Raw, notes: Notes) -> Iterator[Creator]:
    """Read the authors, in the order they state."""
    people = mappings(authors)
    orders = [person.pop("order", None) for person in people]
    if all(isinstance(order, int) for order in orders):
        people = [person for _, person in sorted(zip(orders, people, strict=True), key=lambda pair: pair[0])]
    for person in people:
        given, family = person.pop("firstName", None), person.pop("lastName", None)
        creator = parts.creator(
            notes,
            None if family else given,  # an institution has one name, in either field
            given=given if family else None,
            family=family,
            orcid=person.pop("orcid", None),
            affiliations=_affiliations(person, notes),
        )
        if creator:
            yield creator


def _affiliations(person: dict[str, Raw], notes: Notes) -> tuple[Affiliation, ...]:
    """Read the list, or the single affiliation that stands beside it and alone in older answers."""
    first = (person.pop("affiliation", None), person.pop("affiliationROR", None))
    pairs = [
        (each.pop("name", None), each.pop("ror_id", None)) for each in mappings(person.get("affiliations"))
    ]
    built = (parts.affiliation(notes, _unmarked(name), ror) for name, ror in pairs or [first])
    return tuple(dict.fromkeys(found for found in built if found))


def funding(funders: Raw, notes: Notes) -> Iterator[Funding]:
    """Read the grants."""
    for funder in mappings(funders):
        funder.pop("order", None)
        kind, id_ = funder.pop("identifierType", None), funder.pop("identifier", None)
        found = parts.funding(
            notes,
            evidence="funders",
            funder=_unmarked(funder.pop("organization", None)),
            funder_id=id_ if kind in (None, "ror", "crossref_funder_id") else None,
            award=funder.pop("awardNumber", None),
            title=funder.pop("awardTitle", None),
            url=funder.pop("awardURI", None),
        )
        if found:
            yield found


def _unmarked(name: Raw) -> Raw:
    """Take Dryad's mark off; a lone "," stands for no name (indexing_resource.rb, August 2026)."""
    if not isinstance(name, str):
        return name
    return _FROM_NO_LIST.sub("", name) if any(map(str.isalnum, name)) else None
