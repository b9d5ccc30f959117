"""Zenodo in XML: DataCite from the dump and from OAI-PMH, Dublin Core, and the headers of deleted records."""

from __future__ import annotations

from lxml import etree

from harvester.errors import BadRecord
from harvester.fields import Notes, Raw, because
from harvester.protocols import datacite_xml, dublin_core, oaipmh
from harvester.protocols.xml import local, said_in
from harvester.sources.zenodo import facts, shapes, tombstones
from index.record import Identifier, Record, Related, Subject, Withdrawal
from index.values import dates

IGNORED = datacite_xml.IGNORED | dublin_core.IGNORED
IGNORED |= because("the general type wins; used where there is none", "datacite:resourceType")
IGNORED |= because("where an article appeared, in words; what is an identifier or an address is taken",
                   "dc:dc/source", "dc:dc/type")  # fmt: skip
IGNORED |= because("a family name that is told apart tells a person; used where there is none",
                   "datacite:contributors/contributor/contributorName@nameType",
                   "datacite:creators/creator/creatorName@nameType")  # fmt: skip
_KINDS_BY_SET = {"software": "Software", "openaire_data": "Dataset"}


def read(root: etree._Element, notes: Notes, mapping_version: int) -> tuple[Record, tuple[str, ...]]:
    """Read an OAI-PMH <record>, or a member of the dump.

    Returns:
        The record, and the paths of elements nobody took.
    """
    if local(root) != "record":
        return _member(root, notes, mapping_version)
    header = next((child for child in root if local(child) == "header"), None)
    if header is None:
        raise BadRecord("an OAI-PMH record without a header")
    said = [(local(fact), said_in(fact) or "") for fact in header]
    sets = [value for name, value in said if name == "setSpec"]
    facts_of = dict(said)
    recid = shapes.recid_of(facts_of.get("identifier"))
    if recid is None:
        raise BadRecord(f"no Zenodo record: {facts_of.get('identifier') or 'an empty OAI identifier'}")
    stamp = facts_of.get("datestamp")
    if header.get("status") == "deleted":
        date, page = notes.clean(dates.clean, stamp), f"{facts.SITE}/records/{recid}"
        withdrawn = Withdrawal(date=date, reason="deleted, says OAI-PMH", url=page)
        return tombstones.bare(recid, withdrawn, None, None, None, mapping_version), ()
    payload = oaipmh.payload_of(root)
    if payload is None:
        raise BadRecord("a record without metadata")
    simple = local(payload) not in {"resource", "oai_datacite"}
    of = dublin_core if simple else datacite_xml
    fields, unmapped = of.fields_of(payload, notes)
    if simple:
        _concept_last(fields)
    if fields["kind"] == "Other":
        # oai_dc calls data sets, software and posters alike "info:eu-repo/semantics/other"
        fields["kind"] = next((_KINDS_BY_SET[name] for name in sets if name in _KINDS_BY_SET), "Other")
    slugs = [name.removeprefix("user-") for name in sets if name.startswith("user-")]
    return _record(recid, fields, slugs, stamp, notes, mapping_version), unmapped


def _member(root: etree._Element, notes: Notes, mapping_version: int) -> tuple[Record, tuple[str, ...]]:
    recid = shapes.member_number(root)
    if recid is None:
        raise BadRecord("DataCite XML that names no Zenodo record")
    fields, unmapped = datacite_xml.fields_of(root, notes)
    return _record(recid, fields, [], None, notes, mapping_version), unmapped


def _record(
    recid: str,
    fields: dict[str, Raw],
    slugs: list[str],
    stamp: str | None,
    notes: Notes,
    mapping_version: int,
) -> Record:
    related: list[Related] = []
    for found in fields["related"]:
        if found.id.startswith(facts.COMMUNITIES):
            slugs.append(found.id.removeprefix(facts.COMMUNITIES).strip("/"))
        else:
            related.append(found)
    concept_doi = fields.get("concept_doi")
    concept = shapes.number_in(concept_doi)
    own = facts.own(recid, fields["doi"], concept, concept_doi, _others(fields["identifiers"]))
    subjects: tuple[Subject, ...] = fields.get("subjects", ())
    modified = notes.clean(dates.clean, stamp)
    fields |= {
        "identifiers": own,
        "related": tuple(related),
        "subjects": subjects + facts.communities(slugs),
        "links": facts.links_of(
            recid, fields["files"], open_=fields.get("access", "unknown") in {"open", "unknown"}
        ),
    }
    if modified:
        fields["dates"] = fields["dates"].model_copy(update={"modified": modified})
    return Record(
        id=f"zenodo:{recid}",
        source="zenodo",
        upstream_modified=stamp or fields["dates"].modified,
        mapping_version=mapping_version,
        **fields,
    )


def _others(own: tuple[Identifier, ...]) -> list[tuple[str, Raw]]:
    """Leave out the address of the landing page, which is a link and no identifier."""
    pairs = [(each.scheme, each.value) for each in own]
    return [(scheme, value) for scheme, value in pairs if not value.startswith(f"{facts.SITE}/record")]


def _concept_last(fields: dict[str, Raw]) -> None:
    """Take the concept DOI out of the relations of Dublin Core, where it stands last.

    The serializer writes related identifiers, communities, the DOI of all versions, in this order
    (invenio-rdm-records, August 2026); a record under another's DOI has none.
    """
    related = fields["related"]
    if not related or not str(fields["doi"]).startswith("10.5281/zenodo."):
        return
    last = related[-1].id
    if last.startswith("10.5281/zenodo.") and last != fields["doi"]:
        fields["concept_doi"] = last
        fields["related"] = related[:-1]
