"""Papers and money, which SSBD writes as free text more often than not."""

from __future__ import annotations

import html
import re
from collections.abc import Iterator
from typing import Final
from urllib.parse import unquote

from harvester import parts
from harvester.fields import Notes, Raw
from harvester.protocols.rocrate import Entity
from index.record import Funding, Publication, Related

FILLER: Final = "Please specify the funding organization"
"""How SSBD's form for funding begins; two submitters left it as it was."""

_DOI = re.compile(r"https?://(?:dx\.)?doi\.org/(.+)")
_PMID = re.compile(r"https?://(?:www\.ncbi\.nlm\.nih\.gov/pubmed|pubmed\.ncbi\.nlm\.nih\.gov)/(\d+)/?")
_PMCID = re.compile(r"https?://\S+/(PMC\d+)/?")
_INITIALS = re.compile(r"(?:and )?\S.* [A-Z]{1,4}")
_BY_YEAR = re.compile(
    r"(?P<authors>[^()]+?)[, ]* \((?P<year>\d{4})\) +(?P<title>.+)\. +(?P<journal>[^.]+?), Volume .+"
)
_BY_JOURNAL = re.compile(r"(?P<title>.+[.?!]) +(?P<journal>[^.]+?) *\. +(?P<year>\d{4})\b.*")
_AWARDS = (
    ("Japan Society for the Promotion of Science", re.compile(r"\b(?:JP)?\d{2}[A-Z]{1,2}\d{4,5}\b")),
    ("Japan Science and Technology Agency", re.compile(r"\bJPMJ[A-Z]{2} ?[0-9A-Z]{4}\b")),
    (
        "Japan Agency for Medical Research and Development",
        re.compile(r"\b(?:JP)?\d{2}(?:[a-z]{2}\d|[a-z]{3})\d{6}\b"),
    ),
)
"""Forms of award numbers that only one funder uses: KAKENHI (19H04868, 24KJ0236), JST (JPMJCR2021), AMED
(JP19gm1310003, JP22ama221517)."""


def read(root: Entity, notes: Notes) -> tuple[list[Publication], list[Related]]:
    """Take the papers, and what stands among them without being one."""
    publications, others = [], []
    for article in root.entities("seeAlso"):
        address = article.iri or ""
        same = [address, *article.texts("sameAs")]
        name = article.text("name")
        paper = parts.publication(
            notes,
            doi=_doi(address, notes),
            pmid=_first(_PMID, same),
            pmcid=_first(_PMCID, same),
            **_citation(name, article.text("datePublished"), notes),
        )
        if paper is not None:
            publications.append(paper)
        elif other := parts.related("References", address or name):
            others.append(other)
    return publications, others


def funding(root: Entity, notes: Notes) -> Iterator[Funding]:
    """Take grants: the statement as it is, and the award numbers in it that tell their funder."""
    for grant in root.entities("funder"):
        said = grant.text("name")
        if said is None or said.startswith(FILLER):
            continue
        whole = parts.funding(notes, evidence="funder", title=said)
        if whole is None:
            continue
        yield whole
        for funder, form in _AWARDS:
            for award in dict.fromkeys(form.findall(said)):
                number = award.replace(" ", "")
                yield Funding(funder=funder, award=number, evidence="award number in the text of funder")


def _doi(address: str, notes: Notes) -> str | None:
    match = _DOI.fullmatch(address)
    if match is None:
        return None
    name = unquote(match[1])
    if match := re.fullmatch(r"(?:0\.)?(1\d{3}/.+)", name):  # doi.org/1038/s4..., doi.org/0.1039/d3...
        notes.found.append(("doi: put right", address))
        return f"10.{match[1]}"
    return name


def _first(form: re.Pattern[str], addresses: list[str]) -> str | None:
    return next((match[1] for address in addresses if (match := form.fullmatch(address))), None)


def _citation(name: str | None, year: str | None, notes: Notes) -> dict[str, Raw]:
    """Take a name apart where it is a whole citation, as it is in a third of the crates.

    Where the name is just an address, the year beside it was cut from its digits: PubMed's 27271939 is
    said to be of 1939.
    """
    if name is None or name.startswith(("http://", "https://")):
        if year is not None:
            notes.found.append(("publication: year cut from an address", f"{year} | {name}"))
        return {}
    line = " ".join(html.unescape(name).split())  # "&lt;em&gt;Drosophila&lt;/em&gt;"
    match = _BY_YEAR.fullmatch(line)
    authors, _, rest = line.partition(". ")
    if match is None and all(map(_INITIALS.fullmatch, authors.split(", "))):
        match = _BY_JOURNAL.fullmatch(rest)
    if match is None:
        return {"title": line, "year": year}
    return {"authors": authors, "year": year} | {
        key: value.rstrip(".") for key, value in match.groupdict().items() if key != "year" or year is None
    }
