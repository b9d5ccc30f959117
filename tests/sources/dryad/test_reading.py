"""How Dryad's datasets are read: states, people, works, links, and answers that hold no dataset."""

from __future__ import annotations

from pathlib import Path

import orjson
import pytest

from harvester.errors import BadRecord
from harvester.reading import documents_in, read_files
from harvester.rehearse import REPLICAS, Stock
from harvester.source import Document
from harvester.sources import dryad
from index.record import Affiliation, Record, Withdrawal
from tests.conftest import bench_of


def record_of(**said: object) -> Record:
    body = {"identifier": "doi:10.5061/dryad.Example", "title": "Example", **said}
    return dryad.read(Document("doi:10.5061/dryad.Example", orjson.dumps(body))).record


def test_the_id_is_the_doi_in_lower_case() -> None:
    record = record_of()
    assert record.id == "dryad:10.5061/dryad.example"
    assert record.doi == record.concept_doi == "10.5061/dryad.example"


def test_links_encode_the_doi_where_it_is_part_of_a_path_of_the_api() -> None:
    links = record_of().links
    assert links.landing == "https://datadryad.org/dataset/doi:10.5061/dryad.example"
    assert links.api == "https://datadryad.org/api/v2/datasets/doi%3A10.5061%2Fdryad.example"
    assert links.download == f"{links.api}/download"
    assert links.viewer is links.thumbnail is None


@pytest.mark.parametrize(
    ("status", "visibility", "access"),
    [
        ("Published", "public", "open"),
        ("Published", None, "open"),
        ("Published", "restricted", "restricted"),
        ("Embargoed", "public", "embargoed"),
        ("Queued for curation", "public", "restricted"),
        ("Retracted", "public", "closed"),
        (None, "public", "unknown"),
    ],
)
def test_access_follows_the_status_and_the_visibility(
    status: str | None, visibility: str | None, access: str
) -> None:
    assert record_of(curationStatus=status, visibility=visibility).access == access


def test_under_an_embargo_the_publication_date_is_its_end() -> None:
    dates = record_of(curationStatus="Embargoed", publicationDate="2031-05-01").dates
    assert (dates.published, dates.available) == (None, "2031-05-01")


def test_a_retracted_dataset_is_a_tombstone_with_the_statement() -> None:
    record = record_of(curationStatus="Retracted", usageNotes="<p>Withdrawn by its <b>authors</b>.</p>")
    assert record.withdrawn == Withdrawal(reason="Withdrawn by its authors.")
    assert record_of(curationStatus="Retracted").withdrawn == Withdrawal(reason="status Retracted")


def test_authors_stand_in_the_order_they_state() -> None:
    authors = [{"lastName": "Second", "order": 1}, {"lastName": "First", "order": 0}]
    assert [person.name for person in record_of(authors=authors).creators] == ["First", "Second"]


def test_a_single_name_is_kept_in_whichever_field_it_stands() -> None:
    authors = [{"firstName": "Museum of Slides", "lastName": ""}, {"lastName": "The Field Office"}]
    assert [person.name for person in record_of(authors=authors).creators] == [
        "Museum of Slides",
        "The Field Office",
    ]


def test_a_list_of_affiliations_is_preferred_to_the_first_of_them() -> None:
    author = {
        "lastName": "Doe",
        "affiliation": "One",
        "affiliations": [
            {"name": "One*"},
            {"name": "Two", "ror_id": "https://ror.org/05a28rw58"},
            {"name": ","},
        ],
    }
    assert record_of(authors=[author]).creators[0].affiliations == (
        Affiliation(name="One"),
        Affiliation(name="Two", ror="05a28rw58"),
    )


def test_a_funder_named_zero_is_none() -> None:
    assert record_of(funders=[{"organization": "N/A", "identifier": "0"}]).funding == ()


@pytest.mark.parametrize(
    ("license_", "doi", "spdx"),
    [
        ("https://spdx.org/licenses/CC0-1.0.html", "10.7280/D1KS3N", "CC0-1.0"),
        ("https://creativecommons.org/licenses/by/4.0/", "10.7272/Q6RV0KZ3", "CC-BY-4.0"),
        (None, "10.5061/dryad.example", "CC0-1.0"),
        (None, "10.7280/D1KS3N", None),
    ],
)
def test_a_license_left_out_is_cc0_under_dryads_own_prefix_only(
    license_: str | None, doi: str, spdx: str | None
) -> None:
    found = record_of(identifier=f"doi:{doi}", license=license_).license
    assert (found.spdx if found else None) == spdx


@pytest.mark.parametrize(
    ("word", "relation", "papers"),
    [
        ("primary_article", "IsSupplementTo", 1),
        ("article", "IsSupplementTo", 1),
        ("preprint", "IsSupplementTo", 1),
        ("IsSupplementTo", "IsSupplementTo", 1),
        ("IsCitedBy", "IsCitedBy", 1),
        ("dataset", "IsSupplementedBy", 0),
        ("software", "IsDerivedFrom", 0),
        ("supplemental_information", "IsSourceOf", 0),
        ("data_management_plan", "IsDocumentedBy", 0),
        ("undefined", "References", 0),
        (None, "References", 0),
    ],
)
def test_each_word_for_a_work_has_its_relation(word: str | None, relation: str, papers: int) -> None:
    work = {"relationship": word, "identifierType": "DOI", "identifier": "https://doi.org/10.1000/Work"}
    record = record_of(relatedWorks=[work])
    assert [(each.relation, each.id) for each in record.related] == [(relation, "10.1000/work")]
    assert [paper.doi for paper in record.publications] == ["10.1000/work"] * papers
    assert [paper.preprint for paper in record.publications] == [word == "preprint" or None] * papers


def test_an_email_address_among_the_works_is_dropped() -> None:
    works = [{"relationship": "software", "identifierType": "URL", "identifier": "mailto:me@example.org"}]
    assert record_of(relatedWorks=works).related == ()


def test_a_new_field_is_reported_and_the_known_ones_are_not() -> None:
    body = {"identifier": "doi:10.5061/dryad.a", "title": "A", "microscope": "Zeiss", "userId": 4}
    assert dryad.read(Document(None, orjson.dumps(body))).unmapped == ("microscope",)


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"<!DOCTYPE html><html><body>Back soon</body></html>", "markup"),
        (b'<?xml version="1.0"?><urlset/>', "markup"),
        (b"Unable to parse query request.", "no JSON"),
        (b'{"error":"not-acceptable"}', "not-acceptable"),
        (b'{"total":0,"_embedded":{"stash:datasets":[]}}', "a page without datasets"),
        (b'{"title":"A","authors":[],"abstract":"B"}', "a deposit before it has a DOI"),
        (b'{"article":{"article_title":"A"}}', "no Dryad dataset"),
        (b"[1, 2]", "no Dryad dataset"),
        (b"null", "no Dryad dataset"),
    ],
)
def test_an_answer_without_a_dataset_says_what_it_is_instead(body: bytes, reason: str) -> None:
    with pytest.raises(BadRecord, match=reason):
        list(dryad.documents(body))


def test_a_deposit_just_made_has_its_doi_in_the_id() -> None:
    (document,) = dryad.documents(b'{"id":"doi:10.5061/dryad.n","title":"New","authors":[]}')
    assert document.id == "doi:10.5061/dryad.n"


def test_recorded_answers_leave_nothing_valuable_behind(shared: Path) -> None:
    outcomes = list(read_files(dryad, [shared / "dryad"]))
    records = [outcome for outcome in outcomes if "record" in outcome]
    assert len(records) >= 30
    assert {path for outcome in records for path in outcome["unmapped"]} == set()


async def test_recorded_datasets_are_all_harvested_from_their_replica(shared: Path, tmp_path: Path) -> None:
    holdings = REPLICAS["dryad"].found(documents_in(dryad, shared / "dryad"))
    async with bench_of("dryad", tmp_path, Stock(folder=shared / "dryad")) as bench:
        report = await bench.harvest()
        assert report.state == "complete", report.error
        assert report.counts["quarantined"] == 0
        assert len(bench.content()) == len(holdings) > 20
