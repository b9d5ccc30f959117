"""figshare: data, figures and media of researchers, institutions and publishers, run by Digital Science.

Asked:    imaging: `POST /v2/articles/search`, a list of searches by file extension and by words, then
          `GET /v2/articles/{id}` for each article found; everything: OAI-PMH, oai_datacite, in windows of
          90 days, since a million details at one a second take twelve days.
Changes:  `modified_since`, oldest change first, and the details of each; OAI-PMH's datestamp is when an
          article was published, so it misses edits.
Deleted:  the details answer 404; OAI-PMH may show a deleted header for a while (transient).
Quirks:   a list tells no total and ends with a short page; one query gives 9,000 articles at most; a list
          item has few fields and a bare date in `timeline.firstOnline`; `files` is null under embargo and
          [] for metadata only; absent strings are "", the grant code 0; on publishers' portals `doi` may be
          the paper's; one API serves all portals, with DOIs of many prefixes; tokens live an hour; pages
          without records and with a token occur.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime, timedelta

import orjson

from harvester.errors import BadRecord
from harvester.fields import Notes, mappings
from harvester.paths import Told, of_xml
from harvester.protocols import oaipmh
from harvester.protocols.oaipmh import OaiPage
from harvester.protocols.xml import parse_xml
from harvester.source import Ask, Assumption, Card, Counter, Document, Fetch, Page, Reading, reading
from harvester.sources.figshare import article, details, oai, searches, shapes, v1
from index.record import Record, Withdrawal

OAI = "https://api.figshare.com/v2/oai"
SPAN = timedelta(days=90)
"""A window; a token that expired on the way costs one of these, not more."""

card = Card(
    name="figshare",
    title="figshare",
    homepage="https://figshare.com",
    hosts=("api.figshare.com", "api.datacite.org"),
    pictures=(
        "https://previews.figshare.com/",
        "https://s3-eu-west-1.amazonaws.com/pfigshare-u-previews/",
        "https://s3-eu-west-1.amazonaws.com/ppreviews-plos-725668748/",
    ),
    scopes=("imaging", "everything"),
    license_note="metadata under CC0; each article states the license of its files",
    incremental="articles modified since, by the search's modified_since, and the details of each",
    deletions="404 when asked for; a deleted header of OAI-PMH",
    # figshare publishes no counts. This is our guess at a tenth of what the searches give (2026); it only has
    # to catch a search that has stopped finding.
    at_least=10_000,
    pace=1.0,
    pace_from="published: at most one request a second is recommended (documentation of OAI-PMH, 2024)",
    schedule="weekly",
    mapping_version=1,
    counted_by=(
        Counter(
            "DataCite",
            "https://api.datacite.org/dois?client-id=figshare.ars&page[size]=1",
            "meta.total",
            "DOIs of figshare.com, of versions too; not those of institutions' portals",
        ),
    ),
)

ignored = article.IGNORED | oai.IGNORED

assumptions: tuple[Assumption, ...] = (
    Assumption(
        "the search answers a list of articles with both dates, oldest first, and a cursor",
        f"{searches.API}/search",
        post=b'{"item_type":3,"order":"published_date","order_direction":"asc","page":1,"page_size":2}',
        paths=("0.id", "0.published_date", "0.modified_date", "1.id"),
        headers={"x-cursor": "*"},
    ),
    Assumption(
        "a page of more than 1,000 articles is refused",
        f"{searches.API}/search",
        post=b'{"page":1,"page_size":1001}',
        status=422,
    ),
    Assumption(
        "details have files, keywords, categories and related materials",
        f"{searches.API}/14763051",
        paths=("files.0.download_url", "keywords", "categories.0.source_id", "related_materials"),
        facts={"id": 14763051, "doi": "10.6084/m9.figshare.14763051.v1", "license.name": "CC BY 4.0"},
    ),
    Assumption(
        "a collection's number is no article's",
        f"{searches.API}/8708104",
        status=404,
        facts={"code": "EntityNotFound"},
    ),
    Assumption(
        "OAI-PMH announces deletions for a while",
        f"{OAI}?verb=Identify",
        expect="xml",
        holds=b"<deletedRecord>transient</deletedRecord>",
    ),
    Assumption(
        "OAI-PMH writes oai_datacite",
        f"{OAI}?verb=ListRecords&metadataPrefix=oai_datacite&from=2021-06-10T00:00:00Z&until=2021-06-11T00:00:00Z",
        expect="xml",
        holds=b"<resource",
    ),
)


async def pages(fetch: Fetch, ask: Ask) -> AsyncIterator[Page]:
    """Harvest in the way that the scope and the kind of harvest call for."""
    everything = ask.scope == "everything"
    if ask.newest is not None:
        one = searches.EVERYTHING if everything else searches.IMAGING_AT_ONCE
        found = details.sample(fetch, one, ask.newest, ask.bookmark)
    elif everything and ask.since is None:
        found = _everything(fetch, ask.bookmark)
    else:
        asked = (searches.EVERYTHING,) if everything else searches.IMAGING
        found = details.harvest(fetch, asked, since=ask.since, bookmark=ask.bookmark)
    async for page in found:
        yield page


def documents(body: bytes) -> Iterator[Document]:
    """Split any answer of the API, old or new, and of OAI-PMH; see `shapes`."""
    return shapes.documents_in(body)


def read(document: Document) -> Reading:
    """Map one article, or one record of OAI-PMH."""
    notes = Notes()
    if document.body.lstrip().startswith(b"<"):
        record, unmapped = oai.read(document.body, notes)
        return Reading(
            record.model_copy(update={"mapping_version": card.mapping_version}), unmapped, tuple(notes.found)
        )
    found = orjson.loads(document.body)
    if (refusal := shapes.not_an_article(found)) is not None:
        raise BadRecord(refusal)
    number = shapes.number_of(found)
    if number is None:
        raise BadRecord("no article's number, neither as id nor in a DOI or an address")
    if "article_id" in found:
        found = v1.modernized(found, notes)
    found.pop("id", None)
    if found.get("title") is None:
        notes.found.append(("article: a fragment", number))
    elif "files" not in found:
        notes.found.append(("article: from a list, without details", number))
    fields = article.fields_of(found, number, notes)
    record = Record(
        id=f"figshare:{number}", source="figshare", mapping_version=card.mapping_version, **fields
    )
    return reading(record, found, article.IGNORED, notes)


def told(document: Document) -> Told:
    """Lay out one article; the fields of an institution's own form are told by their names."""
    if document.body.lstrip().startswith(b"<"):
        return of_xml(parse_xml(document.body))
    found = orjson.loads(document.body)
    for form in ("custom_fields", "custom_fields_list"):
        if isinstance(found.get(form), list):
            found[form] = {str(entry.get("name")): entry.get("value") for entry in mappings(found[form])}
    return Told("v1" if "article_id" in found else "article", found)


async def gone(fetch: Fetch, upstream_id: str) -> Withdrawal | None:
    """Ask for one article; a withdrawn one answers 404."""
    answer = await details.detail(fetch, upstream_id)
    return details.GONE if answer.status == 404 else None


async def _everything(fetch: Fetch, bookmark: str | None) -> AsyncIterator[Page]:
    start = datetime.now(UTC) if bookmark else (await oaipmh.identify(fetch, OAI)).earliest
    walk = oaipmh.windows(
        fetch,
        OAI,
        prefix="oai_datacite",
        start=start,
        end=datetime.now(UTC),
        span=SPAN,
        resumable=True,
        bookmark=bookmark,
    )
    async for page, after in walk:
        yield _page(page, after)


def _page(page: OaiPage, bookmark: str) -> Page:
    found, withdrawn = [], {}
    for record in page.records:
        number = shapes.oai_number(record.identifier)
        if number is not None and record.deleted:
            withdrawn[number] = oai.tombstone_of(record.datestamp)
        else:
            found.append(Document(number, record.xml, "application/xml"))
    return Page(page.url, tuple(found), bookmark, page.asked_at, withdrawn=withdrawn)
