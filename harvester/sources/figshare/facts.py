"""The parts of an article of API v2: people, papers, grants, subjects, files, and who may have them."""

from __future__ import annotations

import re
from collections.abc import Iterator

from harvester import parts
from harvester.fields import Notes, Raw, listed, mappings
from index.record import Access, Creator, File, Files, Funding, Publication, Related, Subject
from index.values import formats, identifiers, sizes, text

LISTED = 200
"""Files a record lists at most."""

_NDOWNLOADER = "https://ndownloader.figshare.com/files/"
_FOR_2020 = 100
"""Number of the taxonomy whose `source_id` is a code of the ANZSRC Fields of Research, 2020."""

_TYPES = (
    "Figure|Media|Dataset|Fileset|Poster|Paper|Journal contribution|Presentation|Thesis|Software|Code"
    "|Online resource|Preprint|Book|Conference contribution|Chapter|Peer review|Educational resource|Report"
    "|Standard|Composition|Funding|Physical object|Data management plan|Workflow|Monograph|Performance"
    "|Event|Service|Model"
)
_PUBLISHER = re.compile(
    rf"[\s.?!]*(?P<name>[^\n]{{2,120}}?)\.(?:\s*(?:{_TYPES})\b|\s*\n|\s+https?:|\s+10\.\d|\s*$)",
    re.IGNORECASE,
)


def creators(article: dict[str, Raw], notes: Notes) -> Iterator[Creator]:
    """Read the authors; figshare gives no affiliations, and before 2022 no parts of names."""
    cited = _cited_families(article.get("citation"))
    for place, author in enumerate(mappings(article.get("authors"))):
        whole = author.pop("full_name", None) or author.pop("name", None)
        given, family = author.pop("first_name", None), author.pop("last_name", None)
        family = family or (cited[place] if place < len(cited) else None)
        if family:
            given, family = _parted(whole, given, family)
        orcid = author.pop("orcid_id", None) or author.pop("orcid", None)
        if person := parts.creator(notes, whole, given=given, family=family, orcid=orcid):
            yield person


def _cited_families(citation: Raw) -> list[str]:
    """Take the family names out of "Deng, Yunyan; Yao, Jianting; et al. (2016)", where the authors stand."""
    listing = re.match(r"([^()\n]+)\(\d{0,4}\)", citation) if isinstance(citation, str) else None
    return [name.partition(",")[0].strip() for name in listing[1].split(";")] if listing else []


def _parted(whole: Raw, given: Raw, family: str) -> tuple[str | None, str | None]:
    """Part a name where a family name ends it; the whole is written with more care ("Sam p." Brown, 2015)."""
    tidy, family = (" ".join(str(said or "").split()) for said in (whole, family))
    if family and tidy.endswith(f" {family}"):
        return tidy.removesuffix(family).strip(), family
    return (given, family) if given else (None, None)


def publisher(article: dict[str, Raw], title: Raw) -> str | None:
    """Take the publisher out of the citation that figshare writes: "...). Title. Publisher. Type. DOI"."""
    citation = article.pop("citation", None)
    if not isinstance(citation, str) or not isinstance(title, str) or not title.strip():
        return None
    _before, found, after = citation.partition(title.strip())
    match = _PUBLISHER.match(after) if found else None
    return text.line_from_html(match["name"])[0] if match else None


def papers(article: dict[str, Raw], related: list[Related], notes: Notes) -> Iterator[Publication]:
    """Read the paper an article belongs to, as the publisher's portal says, and those among its relations."""
    timeline = article.get("timeline")
    known = article.pop("cited", None) or {}
    when = timeline.pop("publisherPublication", None) if isinstance(timeline, dict) else None
    first = parts.publication(
        notes,
        doi=article.pop("resource_doi", None) or None,
        title=known.get("title") or article.pop("resource_title", None),
        authors=known.get("authors"),
        journal=known.get("journal"),
        year=known.get("year") or when,
    )
    article.pop("resource_title", None)
    met = {first.doi} if first else set()
    if first:
        yield first
    for relation in related:
        paper = parts.paper(notes, relation)
        if paper is not None and paper.doi not in met:
            met.add(paper.doi)
            yield paper


def relations(article: dict[str, Raw]) -> Iterator[Related]:
    """Read the related materials, and the references they do not repeat."""
    met = set()
    for material in mappings(article.get("related_materials")):
        link, identifier = material.pop("link", None), material.pop("identifier", None)
        found = parts.related(
            material.pop("relation", None) or "References",
            identifier or link,
            scheme=material.pop("identifier_type", None),
            title=material.pop("title", None),
        )
        if found and found.id not in met:
            met.update({found.id, str(link)})
            yield found
    for reference in listed(article.pop("references", None)):
        if not isinstance(reference, str) or " " in reference.strip():
            continue  # "Link to references or related content" (2015)
        found = parts.related("References", reference)
        if found and found.id not in met and reference not in met:
            met.add(found.id)
            yield found


def grants(article: dict[str, Raw], notes: Notes) -> Iterator[Funding]:
    """Read the list of grants, or the free text that stood in its place before 2018."""
    said = article.pop("funding", None)
    listing = mappings(article.get("funding_list"))
    for grant in listing:
        found = parts.funding(
            notes,
            evidence="funding_list",
            funder=grant.pop("funder_name", None),
            award=grant.pop("grant_code", None),
            title=grant.pop("title", None),
            url=grant.pop("url", None),
        )
        if found:
            yield found
    if isinstance(said, str) and not listing:
        number = bool(re.fullmatch(r"\S*\d\S*", said.strip()))
        found = parts.funding(
            notes, evidence="funding", funder=None if number else said, award=said if number else None
        )
        if found:
            yield found


def subjects(article: dict[str, Raw], notes: Notes) -> Iterator[Subject]:
    """Read the categories: codes of the Fields of Research where they have one."""
    for category in mappings(article.get("categories")):
        label = notes.clean(text.line, category.pop("title", None))
        code, taxonomy = category.pop("source_id", None), category.pop("taxonomy_id", None)
        number = category.pop("id", None)
        if label is None:
            continue
        if code and taxonomy == _FOR_2020:
            yield Subject(label=label, scheme="ANZSRC FoR 2020", id=str(code))
        else:
            yield Subject(label=label, scheme="figshare", id=str(number) if number else None)


def files(article: dict[str, Raw], notes: Notes) -> Files:
    """Read the files; the list in an article's details may be shorter than the truth."""
    folders = article.pop("folder_structure", None)
    size, rounded = (
        notes.clean(sizes.clean, article.pop("size", None)),
        article.pop("sizes_are_rounded", False),
    )
    entries = mappings(article.get("files"))
    found = [file for entry in entries if (file := _file(entry, folders, notes))]
    kinds = tuple(dict.fromkeys(file.format for file in found if file.format))
    summed = sum(file.bytes or 0 for file in found)
    complete = rounded or not size or not found or summed >= size
    if not complete:
        notes.found.append(("files listed incompletely", f"{summed} of {size} bytes"))
    return Files(
        count=len(found) if found and complete else None,
        bytes=size or summed or None,
        formats=kinds,
        listed=tuple(found[:LISTED]),
    )


def _file(entry: dict[str, Raw], folders: Raw, notes: Notes) -> File | None:
    number = str(entry.pop("id", None) or "")
    name = notes.clean(text.line, entry.pop("name", None))
    address, linked = entry.pop("download_url", None), entry.pop("is_link_only", None)
    supplied, computed = entry.pop("supplied_md5", None), entry.pop("computed_md5", None)
    size = notes.clean(sizes.clean, entry.pop("size", None))
    if name is None:
        return None
    folder = folders.get(number) if isinstance(folders, dict) else None
    md5 = computed or supplied
    return File(
        name=f"{folder}/{name}" if folder else name,
        bytes=size,
        format=formats.of_file(name),
        checksum=f"md5:{md5}" if md5 and re.fullmatch(r"[0-9a-f]{32}", md5) else None,
        # figshare.com/ndownloader is behind a firewall that challenges programs; this host is not (2026).
        url=address if linked or not number else f"{_NDOWNLOADER}{number}",
    )


def access(article: dict[str, Raw]) -> Access:
    """Tell who may have the files."""
    confidential, embargoed = article.pop("is_confidential", None), article.pop("is_embargoed", None)
    bare, disabled = article.pop("is_metadata_record", None), article.pop("download_disabled", None)
    linked, options = article.pop("has_linked_file", None), article.get("embargo_options")
    until, entries = article.get("embargo_date"), article.get("files")
    if confidential:
        return "closed"
    if embargoed:  # without an end but with groups or networks that may: restricted for good
        return "restricted" if options and not until else "embargoed"
    if bare or (bare is None and entries == [] and not linked):
        return "metadata-only"
    if disabled:
        return "restricted"
    return "open" if entries or linked else "unknown"


def own_doi(article: dict[str, Raw], notes: Notes) -> str | None:
    """Answer the article's DOI; a portal of a publisher gives the paper's, which is not the data set's."""
    doi = notes.clean(identifiers.doi, article.pop("doi", None) or None)
    paper, _reason = identifiers.doi(article.get("resource_doi"))
    if doi is not None and doi == paper:
        notes.found.append(("doi: the paper's, not the data set's", doi))
        return None
    if doi is not None and "stagefigshare" in doi:
        notes.found.append(("doi: of figshare's staging server", doi))
        return None
    return doi
