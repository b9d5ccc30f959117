"""People, organizations and funders in DataCite's XML."""

from __future__ import annotations

from lxml import etree

from harvester import parts
from harvester.fields import Notes
from harvester.protocols.dublin_core import grant_of
from harvester.protocols.xml import local, said_in
from index.record import Creator, Funding
from index.values import text


def person(element: etree._Element, notes: Notes) -> Creator | None:
    """Read a `<creator>` or `<contributor>`."""
    said: dict[str, str | None] = {}
    affiliations, organization = [], False
    for child in element:
        name = local(child)
        if name == "affiliation":
            affiliations.append(parts.affiliation(notes, said_in(child), child.get("affiliationIdentifier")))
        elif name != "nameIdentifier" or (child.get("nameIdentifierScheme") or "").upper() == "ORCID":
            said[name] = said_in(child)
            organization |= child.get("nameType") == "Organizational"
    where = tuple(filter(None, affiliations))
    whole = said.get("creatorName") or said.get("contributorName")
    if organization and (line := notes.clean(text.line, whole)):
        return Creator(name=line, affiliations=where)
    return parts.creator(
        notes,
        whole,
        given=said.get("givenName"),
        family=said.get("familyName"),
        orcid=said.get("nameIdentifier"),
        affiliations=where,
    )


def grant(element: etree._Element, notes: Notes) -> Funding | None:
    """Read a `<fundingReference>`."""
    said = {local(child): child for child in element}
    number = said.get("awardNumber")
    return parts.funding(
        notes,
        evidence="fundingReferences",
        url=None if number is None else number.get("awardURI"),
        **{
            fact: said_in(said[name])
            for fact, name in (
                ("funder", "funderName"),
                ("funder_id", "funderIdentifier"),
                ("award", "awardNumber"),
                ("title", "awardTitle"),
            )
            if name in said
        },
    )


def funder(element: etree._Element, notes: Notes) -> Funding | None:
    """Read a `<contributor contributorType="Funder">`, kernel 3's way to name a grant."""
    said = {local(child): said_in(child) for child in element}
    agreement = grant_of(said.get("nameIdentifier"))
    return parts.funding(
        notes,
        evidence="contributorType Funder",
        funder=said.get("contributorName") or agreement.get("funder"),
        funder_id=said.get("nameIdentifier"),
        award=agreement.get("award"),
    )
