"""figshare's articles as its OAI-PMH shows them: oai_dc and oai_datacite, and the sets they are in.

oai_dc follows the documentation's example (2016): the prefix dc bound to the namespace of the qualified
terms, the account's number behind a creator's name, HTML in titles. Of oai_datacite no recorded answer is
known; it is written as kernel 4 with what an article says.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from xml.sax.saxutils import escape, quoteattr

from harvester.fields import Raw
from harvester.replicas.holdings import Holding

_DC = (
    '<oai_dc:dc xmlns:dc="http://purl.org/dc/terms/"'
    ' xmlns:oai_dc="http://www.openarchives.org/OAI/2.0/oai_dc/">%s</oai_dc:dc>'
)
_RESOURCE = '<resource xmlns="http://datacite.org/schema/kernel-4">%s</resource>'
_GENERAL = {1: "Image", 2: "Audiovisual", 3: "Dataset", 5: "Image", 7: "Other", 8: "Text", 9: "Software"}


def identifier(holding: Holding) -> str:
    """Answer the OAI identifier of an article."""
    return f"oai:figshare.com:article/{holding.id}"


def sets(holding: Holding) -> list[str]:
    """Answer the sets an article is in."""
    article = holding.json()
    published: datetime = holding.changed
    return [
        *(f"category_{category['id']}" for category in article.get("categories") or []),
        *([f"portal_{article['group_id']}"] if article.get("group_id") else []),
        f"item_type_{article.get('defined_type')}",
        f"month_year_{published:%m_%Y}",
    ]


def dublin_core(holding: Holding) -> bytes:
    """Write an article as oai_dc."""
    article = holding.json()
    people = [f"{person['full_name']} ({person.get('id') or 0})" for person in article.get("authors") or []]
    terms = [
        ("title", article.get("title")),
        *(("creator", person) for person in people),
        *(("subject", category["title"]) for category in article.get("categories") or []),
        *(("subject", tag) for tag in article.get("tags") or []),
        ("description", article.get("description")),
        ("date", article.get("published_date")),
        ("type", str(article.get("defined_type_name") or "").title()),
        ("identifier", article.get("doi")),
        ("relation", article.get("url_public_html")),
        ("rights", (article.get("license") or {}).get("name")),
    ]
    return (_DC % "".join(_element(f"dc:{name}", said) for name, said in terms)).encode()


def datacite(holding: Holding) -> bytes:
    """Write an article as oai_datacite."""
    return (_RESOURCE % "".join(_parts(holding.json()))).encode()


def _parts(article: dict[str, Raw]) -> Iterator[str]:
    published, kind = str(article.get("published_date") or ""), article.get("defined_type")
    yield _element("identifier", article.get("doi"), identifierType="DOI")
    yield _all_of("creators", (_creator(person) for person in article.get("authors") or []))
    yield f"<titles>{_element('title', article.get('title'))}</titles>"
    yield _element("publisher", "figshare")
    yield _element("publicationYear", published[:4])
    categories = (category["title"] for category in article.get("categories") or [])
    yield _all_of(
        "subjects", (_element("subject", said) for said in [*categories, *(article.get("tags") or [])])
    )
    grants = (_grant(grant) for grant in article.get("funding_list") or [])
    yield _all_of("fundingReferences", grants)
    stamps = {
        "Issued": published,
        "Created": article.get("created_date"),
        "Updated": article.get("modified_date"),
    }
    yield _all_of("dates", (_element("date", said, dateType=name) for name, said in stamps.items()))
    named = str(article.get("defined_type_name") or "").capitalize()
    yield _element("resourceType", named, resourceTypeGeneral=_GENERAL.get(kind or 0, "Other"))
    yield _all_of("relatedIdentifiers", map(_related, article.get("related_materials") or []))
    yield _all_of("sizes", [_element("size", f"{article['size']} Bytes" if article.get("size") else None)])
    yield _element("version", article.get("version"))
    license_ = article.get("license") or {}
    yield _all_of(
        "rightsList", [_element("rights", license_.get("name"), rightsURI=license_.get("url") or "")]
    )
    text = _element("description", article.get("description"), descriptionType="Abstract")
    yield _all_of("descriptions", [text])


def _creator(person: dict[str, Raw]) -> str:
    name = _element("creatorName", f"{person['full_name']} ({person.get('id') or 0})")
    orcid = _element("nameIdentifier", person.get("orcid_id"), nameIdentifierScheme="ORCID")
    return f"<creator>{name}{orcid}</creator>"


def _related(material: dict[str, Raw]) -> str:
    kind, relation = material["identifier_type"], material["relation"]
    named = {"relatedIdentifierType": kind, "relationType": relation}
    return _element("relatedIdentifier", material["identifier"], **named)


def _grant(grant: dict[str, Raw]) -> str:
    said = _element("funderName", grant.get("funder_name")) + _element("awardNumber", grant.get("grant_code"))
    return f"<fundingReference>{said}{_element('awardTitle', grant.get('title'))}</fundingReference>"


def _all_of(name: str, parts: Iterator[str] | list[str]) -> str:
    whole = "".join(parts)
    return f"<{name}>{whole}</{name}>" if whole else ""


def _element(name: str, said: Raw, **attributes: str) -> str:
    if said is None or not str(said).strip():
        return ""
    written = "".join(f" {key}={quoteattr(value)}" for key, value in attributes.items() if value)
    return f"<{name}{written}>{escape(str(said))}</{name}>"
