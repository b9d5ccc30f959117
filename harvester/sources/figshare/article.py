"""One article of API v2, from its details or from a list, to a record."""

from __future__ import annotations

import re
from collections.abc import Iterator
from urllib.parse import urlsplit

from harvester import parts
from harvester.fields import Notes, Raw, because, listed
from harvester.sources.figshare import custom, facts
from index.record import Count, Dates, Files, Identifier, Links, Metrics
from index.values import dates, identifiers, text

PAGE = "https://figshare.com/articles/dataset/_/{}"
"""Leads to the article whatever its type and title, on whatever portal."""
DETAILS = "https://api.figshare.com/v2/articles/{}"

KINDS = {
    1: ("Image", "figure"),
    2: ("Audiovisual", "media", "video"),
    3: ("Dataset", "dataset"),
    4: ("Dataset", "fileset"),  # until 2018: a data set of several files
    5: ("Image", "poster"),  # so figshare itself registers posters with DataCite
    6: ("JournalArticle", "journal contribution", "journal_contribution", "paper"),
    7: ("Other", "presentation"),
    8: ("Dissertation", "thesis"),
    9: ("Software", "software", "code"),
    11: ("InteractiveResource", "online resource", "online_resource", "metadata"),
    12: ("Preprint", "preprint"),
    13: ("Book", "book"),
    14: ("ConferencePaper", "conference contribution", "conference_contribution"),
    15: ("BookChapter", "chapter"),
    16: ("PeerReview", "peer review", "peer_review"),
    17: ("Other", "educational resource", "educational_resource"),
    18: ("Report", "report"),
    19: ("Standard", "standard"),
    20: ("Other", "composition"),
    21: ("Award", "funding"),
    22: ("PhysicalObject", "physical object", "physical_object"),
    23: ("OutputManagementPlan", "data management plan", "data_management_plan"),
    24: ("Workflow", "workflow"),
    25: ("Book", "monograph"),
    26: ("Event", "performance"),
    27: ("Event", "event"),
    28: ("Service", "service"),
    29: ("Model", "model"),
}
"""figshare's item types (its API description, 2026) to DataCite's resourceTypeGeneral, and their names."""

_BY_NAME = {name: kind for kind, *names in KINDS.values() for name in names}
_TYPE_IN_ADDRESS = re.compile(r"/articles/(?:online_)?([a-z_]+)/[^/]+/\d+")

IGNORED = (
    because("an address or a number that other fields say better, or that only an account may use",
            "url_private_api", "url_private_html", "url_public_api", "url", "group_id", "group_resource_id",
            "project_id", "account_id", "master_publisher_id", "license.value", "funding_list[].id",
            "funding_list[].is_user_defined", "related_materials[].id", "related_materials[].is_linkout",
            "categories[].parent_id", "categories[].path")
    | because("what an account is, rather than who the author is", "authors[].id", "authors[].is_active",
              "authors[].is_public", "authors[].url_name", "authors[].group_id", "authors[].institution_id",
              "authors[].job_title", "owner")
    | because("the whole name is split where no family name is told", "authors[].first_name")
    | because("the type's number wins; used where there is none", "defined_type_name")
    | because("the sum that figshare computed wins; used where there is none", "files[].supplied_md5")
    | because("whether a file is only an address, which it then has", "files[].is_link_only")
    | because("the list of grants wins; used where there is none", "funding")
    | because("the identifier wins; used where there is none", "related_materials[].link")
    | because("the number of a list of categories, which a category's own number needs no more",
              "categories[].taxonomy_id")
    | because("API v1; the files' host is gone, the number still leads to the file",
              "v1:files[].download_url", "v1:files[].mime_type")
    | because("API v1; a row's number", "v1:links[].id", "v1:tags[].id")
    | because("e-mail addresses are not kept", "authors[].email")
    | because("a state that holds for everything the public API lists", "status", "is_public", "is_active",
              "curation_status")
    | because("the wording around an embargo or a restriction, which is taken", "confidential_reason",
              "metadata_reason", "embargo_type", "embargo_title", "embargo_reason", "embargo_options")
    | because("when this version was posted and revised; the first and the papers' dates are taken",
              "timeline")
    | because("how a file is stored and previewed", "files[].status", "files[].viewer_type",
              "files[].preview_state", "files[].upload_token", "files[].upload_url")
    | because("the name's extension says more: microscopes' formats are octet-stream here",
              "files[].mimetype")
    | because("API v1; the host is gone", "files[].thumb")
    | because("API v1; the same as the file set's DOIs", "files[].doi")
    | because("API v1; the description, stripped", "description_nohtml")
    | because("API v1; clicks on a button", "shares")
    | because("an institution's own form; what is common to several was taken", "custom_fields",
              "custom_fields_list")
)  # fmt: skip


def fields_of(article: dict[str, Raw], number: str, notes: Notes) -> dict[str, Raw]:
    """Take an article's fields out, as keyword arguments for a Record."""
    take = article.pop
    title = take("title", None)
    address = landing(article)
    doi = facts.own_doi(article, notes)
    related = list(facts.relations(article))
    access = facts.access(article)
    held = facts.files(article, notes)
    forms = custom.read(article.get("custom_fields") or article.get("custom_fields_list"), notes)
    modified = take("modified_date", None)
    return {
        "kind": _kind(article, address, notes),
        "title": notes.clean(text.line_from_html, title),
        "description": notes.clean(text.from_html, take("description", None)),
        "language": forms.language,
        "version": str(version) if (version := take("version", None)) else None,
        "identifiers": _identifiers(article, number, doi, notes),
        "doi": doi,
        "concept_doi": concept_of(doi),
        "creators": tuple(facts.creators(article, notes)),
        "contributors": tuple(forms.contributors),
        "publisher": facts.publisher(article, title) or forms.publisher or host_name(address),
        "dates": _dates(article, modified, notes),
        "license": _license(article, notes),
        "access": access,
        "keywords": notes.clean_all(text.line, _keywords(article)),
        "subjects": tuple(dict.fromkeys(facts.subjects(article, notes))),
        "organisms": tuple(forms.organisms),
        "funding": tuple(dict.fromkeys([*facts.grants(article, notes), *forms.funding])),
        "related": tuple(related),
        "publications": tuple(dict.fromkeys([*facts.papers(article, related, notes), *forms.publications])),
        "files": held,
        "links": _links(article, number, address or PAGE.format(number), held),
        "metrics": Metrics(views=_count(take("views", None)), downloads=_count(take("downloads", None))),
        "upstream_modified": modified or None,
    }


def concept_of(doi: str | None) -> str | None:
    """Answer the DOI of all versions: the version's without ".v5"; None when it names no version."""
    match = re.fullmatch(r"(.+)\.v\d+", doi or "")
    return match[1] if match else None


def landing(article: dict[str, Raw]) -> str | None:
    """Answer the article's page: of the portal it belongs to, else of figshare."""
    pages = [_https(article.pop(key, None)) for key in ("url_public_html", "figshare_url")]
    return next(filter(None, pages), None)


def host_name(address: str | None) -> str | None:
    """Name the portal when nothing names the publisher."""
    host = urlsplit(address or "").hostname
    return "figshare" if host in {"figshare.com", "www.figshare.com", "api.figshare.com"} else host


def _https(raw: Raw) -> str | None:
    if not isinstance(raw, str) or not raw.startswith(("https://", "http://")):
        return None
    return "https://" + raw.partition("://")[2]


def _kind(article: dict[str, Raw], address: str | None, notes: Notes) -> str:
    number, name = article.pop("defined_type", None), article.pop("defined_type_name", None)
    if isinstance(number, int) and number in KINDS:
        return KINDS[number][0]
    told = _TYPE_IN_ADDRESS.search(address or "")
    for word in (name, number, told[1] if told else None):
        if isinstance(word, str) and word.lower() in _BY_NAME:
            return _BY_NAME[word.lower()]
    notes.found.append(
        ("kind: unknown item type" if name or number else "kind: not told", str(name or number))
    )
    return "Other"


def _dates(article: dict[str, Raw], modified: Raw, notes: Notes) -> Dates:
    """Date the first publication: version 1's, or an earlier day where a publisher's portal came later."""
    timeline = article.get("timeline")
    first = timeline.pop("firstOnline", None) if isinstance(timeline, dict) else None
    stamps = [first or None, article.pop("published_date", None) or None]
    days = [day for stamp in stamps if (day := notes.clean(dates.day, stamp))]
    until = article.pop("embargo_date", None) or None
    return Dates(
        published=min(days) if days else None,
        created=notes.clean(dates.clean, article.pop("created_date", None)),
        modified=notes.clean(dates.clean, modified),
        available=notes.keep(dates.day(until, embargo=True), until),
    )


def _license(article: dict[str, Raw], notes: Notes) -> Raw:
    stated = article.get("license")
    if isinstance(stated, dict):
        return parts.license_(notes, stated.pop("name", None), stated.pop("url", None))
    article.pop("license", None)
    return parts.license_(notes, stated)


def _keywords(article: dict[str, Raw]) -> Iterator[Raw]:
    for key in ("keywords", "tags"):
        for tag in listed(article.pop(key, None)):
            yield tag.get("name") if isinstance(tag, dict) else tag


def _links(article: dict[str, Raw], number: str, page: str, held: Files) -> Links:
    """Lead to the one file, or to the page that lists several: the bundle's address refuses programs."""
    one = held.listed[0].url if len(held.listed) == 1 else None
    return Links(
        landing=page,
        thumbnail=_https(article.pop("thumb", None)),
        download=one or (page if held.listed else None),
        api=DETAILS.format(number),
    )


def _identifiers(
    article: dict[str, Raw], number: str, doi: str | None, notes: Notes
) -> tuple[Identifier, ...]:
    further = [identifiers.doi(raw)[0] for raw in listed(article.pop("further_dois", None))]
    handle = notes.clean(text.line, article.pop("handle", None) or None)
    dois = (("doi", each) for each in (doi, *further))
    return parts.own_identifiers(("figshare", number), *dois, ("handle", handle))


def _count(raw: Raw) -> Count | None:
    return Count(value=raw, said_by="figshare") if isinstance(raw, int) and raw >= 0 else None
