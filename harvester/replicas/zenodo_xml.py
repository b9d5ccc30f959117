"""A native record of Zenodo written as XML: DataCite's and Dublin Core.

Rules of invenio-rdm-records' serializers (read August 2026): files are not named; DataCite's descriptions
lose their HTML, Dublin Core's are escaped once more.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from xml.sax.saxutils import escape, quoteattr

from harvester.fields import Raw
from harvester.protocols.datacite_words import RELATIONS, ROLES
from harvester.replicas.zenodo_shapes import SITE, doi_of

_GENERAL = {
    "dataset": "Dataset",
    "software": "Software",
    "image": "Image",
    "video": "Audiovisual",
    "audio": "Sound",
    "lesson": "InteractiveResource",
    "poster": "Poster",
    "presentation": "Presentation",
    "publication-article": "JournalArticle",
    "publication-book": "Book",
    "publication-section": "BookChapter",
    "publication-preprint": "Preprint",
    "publication-journal": "Journal",
    "publication-report": "Report",
    "publication": "Text",
}
_TAG = re.compile(r"<[^>]*>")


def oai_datacite(native: dict[str, Raw]) -> bytes:
    """Write DataCite's XML in its OAI-PMH wrapper, as the dump and OAI-PMH have it."""
    return (
        b'<oai_datacite xmlns="http://schema.datacite.org/oai/oai-1.1/"><schemaVersion>4.5</schemaVersion>'
        b"<datacentreSymbol>CERN.ZENODO</datacentreSymbol><payload>%s</payload></oai_datacite>"
    ) % datacite(native)


def datacite(native: dict[str, Raw]) -> bytes:
    """Write DataCite's XML."""
    metadata, recid = native["metadata"], str(native["id"])
    doi, year = doi_of(native.get("pids") or {}), str(metadata.get("publication_date"))[:4]
    subjects = [(each.get("subject"), each.get("id")) for each in metadata.get("subjects") or ()]
    parts = [
        '<resource xmlns="http://datacite.org/schema/kernel-4"><alternateIdentifiers>',
        f'<alternateIdentifier alternateIdentifierType="URL">{SITE}/records/{recid}</alternateIdentifier>',
        f'<alternateIdentifier alternateIdentifierType="oai">oai:zenodo.org:{recid}</alternateIdentifier>',
        "</alternateIdentifiers>",
        _people("creator", metadata.get("creators")),
        f"<titles><title>{escape(metadata.get('title') or '')}</title></titles>",
        f"<publisher>{escape(metadata.get('publisher') or 'Zenodo')}</publisher>",
        f"<publicationYear>{year}</publicationYear>",
        _wrap("subjects", (_subject(label, id_) for label, id_ in subjects)),
        _people("contributor", metadata.get("contributors")),
        f'<dates><date dateType="Issued">{metadata.get("publication_date")}</date>',
        f'<date dateType="Updated">{str(native.get("updated"))[:10]}</date></dates>',
        _one("language", next((each["id"] for each in metadata.get("languages") or ()), None)),
        f'<resourceType resourceTypeGeneral="{_kind(metadata["resource_type"]["id"])}"/>',
        f'<identifier identifierType="DOI">{escape(doi or "")}</identifier>',
        _wrap("relatedIdentifiers", _relations(native)),
        _one("version", metadata.get("version")),
        _wrap("rightsList", _rights(native)),
        _wrap("descriptions", _descriptions(metadata)),
        _wrap("fundingReferences", (_funding(each) for each in metadata.get("funding") or ())),
        "</resource>",
    ]
    return "".join(parts).encode()


def oai_dc(native: dict[str, Raw]) -> bytes:
    """Write Dublin Core."""
    metadata, doi = native["metadata"], doi_of(native.get("pids") or {})
    concept = doi_of((native.get("parent") or {}).get("pids") or {})
    rights = metadata.get("rights") or ()
    terms = [
        *(("creator", each["person_or_org"]["name"]) for each in metadata.get("creators") or ()),
        ("date", metadata.get("publication_date")),
        ("description", escape(metadata["description"]) if metadata.get("description") else None),
        ("identifier", f"https://doi.org/{doi}"),
        ("identifier", f"oai:zenodo.org:{native['id']}"),
        *(("language", each["id"]) for each in metadata.get("languages") or ()),
        ("publisher", metadata.get("publisher")),
        ("relation", f"https://doi.org/{concept}" if concept else None),
        ("rights", _access_term(native)),
        *(("rights", (each.get("title") or {}).get("en")) for each in rights),
        *(("subject", each.get("subject")) for each in metadata.get("subjects") or ()),
        ("title", metadata.get("title")),
        ("type", "info:eu-repo/semantics/other"),
    ]
    body = "".join(f"<dc:{term}>{escape(said)}</dc:{term}>" for term, said in terms if said)
    head = (
        '<oai_dc:dc xmlns:dc="http://purl.org/dc/elements/1.1/"'
        ' xmlns:oai_dc="http://www.openarchives.org/OAI/2.0/oai_dc/">'
    )
    return f"{head}{body}</oai_dc:dc>".encode()


def sets(native: dict[str, Raw]) -> list[str]:
    """Name the OAI-PMH sets of a record."""
    kinds = {"software": "software", "dataset": "openaire_data"}
    kind = kinds.get(native["metadata"]["resource_type"]["id"])
    communities = ((native.get("parent") or {}).get("communities") or {}).get("entries") or ()
    return [*([kind] if kind else []), *(f"user-{each['slug']}" for each in communities)]


def _kind(id_: str) -> str:
    return _GENERAL.get(id_) or _GENERAL.get(id_.partition("-")[0], "Other")


def _one(name: str, said: str | None) -> str:
    return f"<{name}>{escape(said)}</{name}>" if said else ""


def _wrap(name: str, inner: Iterable[str]) -> str:
    body = "".join(inner)
    return f"<{name}>{body}</{name}>" if body else ""


def _people(role: str, entries: Raw) -> str:
    return _wrap(f"{role}s", (_person(role, each) for each in entries or ()))


def _person(role: str, entry: dict[str, Raw]) -> str:
    said, kind = entry["person_or_org"], ROLES.get((entry.get("role") or {}).get("id", ""), "Other")
    type_ = said.get("type", "personal").title()
    inner = [f'<{role}Name nameType="{type_}">{escape(said["name"])}</{role}Name>']
    inner += [_one("givenName", said.get("given_name")), _one("familyName", said.get("family_name"))]
    for each in said.get("identifiers") or ():
        scheme = f'nameIdentifierScheme="{each["scheme"].upper()}"'
        inner.append(f"<nameIdentifier {scheme}>{each['identifier']}</nameIdentifier>")
    for each in entry.get("affiliations") or ():
        ror = f' affiliationIdentifier="https://ror.org/{each["id"]}"' if each.get("id") else ""
        inner.append(f"<affiliation{ror}>{escape(each.get('name') or each.get('id'))}</affiliation>")
    attribute = f' contributorType="{kind}"' if role == "contributor" else ""
    return f"<{role}{attribute}>{''.join(inner)}</{role}>"


def _subject(label: str | None, id_: str | None) -> str:
    mark = f" valueURI={quoteattr(id_)}" if id_ else ""
    return f"<subject{mark}>{escape(label or id_ or '')}</subject>"


def _relations(native: dict[str, Raw]) -> Iterator[str]:
    form = "<relatedIdentifier relationType=%s relatedIdentifierType=%s%s>%s</relatedIdentifier>"
    for each in native["metadata"].get("related_identifiers") or ():
        relation, scheme = RELATIONS.get(each["relation_type"]["id"], "References"), each.get("scheme", "url")
        kind = (each.get("resource_type") or {}).get("id")
        general = f' resourceTypeGeneral="{_kind(kind)}"' if kind else ""
        yield form % (f'"{relation}"', quoteattr(scheme.upper()), general, escape(each["identifier"]))
    parent = native.get("parent") or {}
    if concept := doi_of(parent.get("pids") or {}):
        yield form % ('"IsVersionOf"', '"DOI"', "", escape(concept))
    for each in (parent.get("communities") or {}).get("entries") or ():
        yield form % ('"IsPartOf"', '"URL"', "", f"{SITE}/communities/{each['slug']}/")


def _rights(native: dict[str, Raw]) -> Iterator[str]:
    for each in native["metadata"].get("rights") or ():
        url = (each.get("props") or {}).get("url") or each.get("link") or ""
        name, id_ = (each.get("title") or {}).get("en") or "", each.get("id") or ""
        marks = f" rightsURI={quoteattr(url)} rightsIdentifier={quoteattr(id_)}"
        yield f"<rights{marks}>{escape(name)}</rights>"
    yield f'<rights rightsURI="{_access_term(native)}"/>'


def _access_term(native: dict[str, Raw]) -> str:
    status = (native.get("access") or {}).get("status", "open")
    return f"info:eu-repo/semantics/{'closed' if status == 'metadata-only' else status}Access"


def _descriptions(metadata: dict[str, Raw]) -> Iterator[str]:
    kinds = {"methods": "Methods", "technical-info": "TechnicalInfo"}
    further = metadata.get("additional_descriptions") or ()
    told = [("Abstract", metadata.get("description"))]
    told += [(kinds.get(each["type"]["id"], "Other"), each.get("description")) for each in further]
    for kind, said in told:
        if said:
            yield f'<description descriptionType="{kind}">{escape(_TAG.sub("", said))}</description>'


def _funding(entry: dict[str, Raw]) -> str:
    award, funder = entry.get("award") or {}, entry.get("funder") or {}
    inner = [_one("funderName", funder.get("name"))]
    if ror := funder.get("id"):
        address = f"https://ror.org/{ror}"
        inner.append(f'<funderIdentifier funderIdentifierType="ROR">{address}</funderIdentifier>')
    title = (award.get("title") or {}).get("en")
    inner += [_one("awardNumber", award.get("number")), _one("awardTitle", title)]
    return f"<fundingReference>{''.join(inner)}</fundingReference>"
