"""DataCite's XML in three generations, and Dublin Core."""

from __future__ import annotations

import pytest

from harvester.errors import BadRecord
from harvester.fields import Notes
from harvester.protocols import datacite_xml, dublin_core
from harvester.protocols.xml import parse_xml

KERNEL_2 = """<resource xmlns="http://datacite.org/schema/kernel-2.2">
 <identifier identifierType="DOI">10.1234/ABC
 </identifier><creators><creator><creatorName>Roe, Ann</creatorName></creator></creators>
 <titles><title>Two</title></titles>
 <publisher>P</publisher><publicationYear>2011</publicationYear><rights>CC0 1.0</rights>
 <resourceType resourceTypeGeneral="Image">Scan</resourceType></resource>"""

PREFIXED_3 = """<oai_datacite><payload><d:resource xmlns:d="http://datacite.org/schema/kernel-3">
 <d:identifier identifierType="URL">https://doi.org/10.1234/three</d:identifier>
 <d:creators><creator><creatorName>Roe, Ann</creatorName><nameIdentifier nameIdentifierScheme="orcid">
 0000-0002-1825-0097</nameIdentifier></creator></d:creators>
 <d:titles><d:title titleType="Subtitle">Part</d:title><d:title>Three</d:title></d:titles>
 <d:contributors><d:contributor contributorType="Funder">
 <d:contributorName>European Commission</d:contributorName>
 <d:nameIdentifier nameIdentifierScheme="info">info:eu-repo/grantAgreement/EC/FP7/283595/</d:nameIdentifier>
 </d:contributor></d:contributors>
 <d:descriptions><d:description descriptionType="Methods">How</d:description>
 <d:description descriptionType="Abstract">One<d:br/>two &lt;b&gt;bold&lt;/b&gt;</d:description>
 </d:descriptions>
 <d:dates><d:date dateType="Available">2031-01-01</d:date><d:date dateType="Issued">2012</d:date></d:dates>
 <d:sizes><d:size>1 Files</d:size><d:size>2 kB</d:size><d:size>17</d:size></d:sizes>
 <d:rightsList><d:rights rightsURI="info:eu-repo/semantics/embargoedAccess"/><d:rights
 rightsURI="http://creativecommons.org/licenses/by/4.0/">CC BY</d:rights></d:rightsList>
 <d:relatedIdentifiers>
 <d:relatedIdentifier relatedIdentifierType="DOI" relationType="IsVersionOf">10.1234/all
 </d:relatedIdentifier><d:relatedIdentifier relatedIdentifierType="DOI" relationType="IsSupplementTo">
 10.1038/x</d:relatedIdentifier></d:relatedIdentifiers><d:novelty>new</d:novelty></d:resource></payload>
 </oai_datacite>"""


def test_kernel_2_is_read() -> None:
    fields, unmapped = datacite_xml.fields_of(parse_xml(KERNEL_2.encode()), Notes())
    assert (fields["doi"], fields["title"], fields["kind"]) == ("10.1234/abc", "Two", "Image")
    assert fields["dates"].published == "2011"
    assert fields["license"].spdx == "CC0-1.0"
    assert unmapped == ()


def test_kernel_3_is_read_with_prefixes_and_children_in_no_namespace() -> None:
    fields, unmapped = datacite_xml.fields_of(parse_xml(PREFIXED_3.encode()), Notes())
    assert (fields["doi"], fields["concept_doi"], fields["title"]) == (
        "10.1234/three",
        "10.1234/all",
        "Three",
    )
    assert fields["creators"][0].orcid == "0000-0002-1825-0097"
    assert fields["description"] == "One\ntwo bold\nHow"
    assert (fields["funding"][0].funder, fields["funding"][0].award) == ("European Commission", "283595")
    assert (fields["access"], fields["dates"].available) == ("embargoed", "2031-01-01")
    assert fields["license"].spdx == "CC-BY-4.0"
    assert (fields["files"].count, fields["files"].bytes) == (1, 2000)
    assert [paper.doi for paper in fields["publications"]] == ["10.1038/x"]
    assert unmapped == ("novelty",)


def test_an_answer_without_a_resource_is_no_datacite() -> None:
    with pytest.raises(BadRecord, match="without a DataCite <resource>"):
        datacite_xml.fields_of(parse_xml(b"<oai_datacite/>"), Notes())


DUBLIN_CORE = """<dc><title>Four &lt;i&gt;mice&lt;/i&gt;</title><creator>Roe, Ann (12345)</creator>
 <date>Issued: 2018-01-18</date><date>info:eu-repo/date/embargoEnd/2031-01-01</date>
 <description>&amp;lt;p&amp;gt;R&amp;amp;D, a &amp;lt; b&amp;lt;/p&amp;gt;</description>
 <identifier>https://doi.org/10.1234/DC</identifier><identifier>oai:toy:1</identifier><identifier>doi:10.5072/t
 </identifier><relation>https://doi.org/10.1038/x</relation><relation>see also my page</relation>
 <relation>info:eu-repo/grantAgreement/EC/H2020/654241/</relation><rights>info:eu-repo/semantics/openAccess</rights>
 <rights>Creative Commons Attribution 4.0 International</rights>
 <rights>https://creativecommons.org/licenses/by/4.0/legalcode</rights><type>Text</type>
 <type>info:eu-repo/semantics/article</type><subject>mice</subject><novelty>x</novelty></dc>"""


def test_dublin_core_is_told_by_the_form_of_its_values() -> None:
    fields, unmapped = dublin_core.fields_of(parse_xml(DUBLIN_CORE.encode()), Notes())
    assert (fields["doi"], fields["title"], fields["kind"]) == ("10.1234/dc", "Four mice", "JournalArticle")
    assert fields["description"] == "R&D, a < b"
    assert fields["creators"][0].name == "Roe, Ann"
    assert (fields["dates"].published, fields["dates"].available) == ("2018-01-18", "2031-01-01")
    assert [(grant.funder, grant.award) for grant in fields["funding"]] == [("EC", "654241")]
    assert (fields["license"].spdx, fields["rights"], fields["access"]) == ("CC-BY-4.0", (), "open")
    assert [found.id for found in fields["related"]] == ["10.1038/x"]
    assert unmapped == ("novelty",)
