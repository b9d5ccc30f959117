"""What is peculiar to figshare: many portals behind one API, lists without a total, papers' DOIs."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import orjson
import pytest

from harvester import probe, scope
from harvester.errors import BadRecord, Changed
from harvester.fields import Notes
from harvester.reading import read_files
from harvester.rehearse import Stock
from harvester.replicas import figshare as replica_module
from harvester.replicas import figshare_lists
from harvester.replicas.figshare_search import Text, parse
from harvester.replicas.holdings import Holding, Listed
from harvester.replicas.server import Fault
from harvester.source import Answer, Ask, Document
from harvester.sources import figshare
from harvester.sources.figshare import details, facts, searches
from index.record import Record
from tests.conftest import bench_of

PAGES = Path(__file__).parent / "pages"


def record_of(**article: Any) -> Record:
    whole = {"id": 5, "title": "T", "doi": "", **article}
    (document,) = figshare.documents(orjson.dumps(whole))
    return figshare.read(document).record


def file(number: int, name: str = "a.czi", size: int = 10) -> dict[str, Any]:
    return {"id": number, "name": name, "size": size}


# Links


def test_the_landing_page_is_the_portals_own() -> None:
    portal = "https://figshare.manchester.ac.uk/articles/dataset/Qubit/32055810"
    assert record_of(url_public_html=portal, figshare_url="https://figshare.com/a/5").links.landing == portal
    assert record_of(figshare_url="http://figshare.com/articles/x/5").links.landing == (
        "https://figshare.com/articles/x/5"
    )
    assert record_of(url_public_html="url_public_html_fake").links.landing == (
        "https://figshare.com/articles/dataset/_/5"
    )


def test_one_file_is_linked_and_several_are_found_on_the_page() -> None:
    assert record_of(files=[file(7)]).links.download == "https://ndownloader.figshare.com/files/7"
    several = record_of(files=[file(7), file(8)])
    assert several.links.download == several.links.landing
    assert record_of(files=[]).links.download is None


def test_an_empty_thumbnail_is_none() -> None:
    assert record_of(thumb="").links.thumbnail is None


# Access


@pytest.mark.parametrize(
    ("article", "access"),
    [
        ({"files": [file(1)]}, "open"),
        ({"files": None, "is_embargoed": True}, "embargoed"),
        ({"files": None, "is_embargoed": True, "embargo_options": [{"id": 1}]}, "restricted"),
        (
            {"files": [], "is_embargoed": True, "embargo_date": "2030-01-01", "embargo_options": [{"id": 1}]},
            "embargoed",
        ),
        ({"files": None, "is_confidential": True}, "closed"),
        ({"files": [], "is_embargoed": False}, "metadata-only"),
        ({"files": [], "is_metadata_record": True}, "metadata-only"),
        ({"files": [], "is_metadata_record": False}, "unknown"),
        ({"files": [file(1)], "download_disabled": True}, "restricted"),
        ({}, "unknown"),
    ],
)
def test_access_is_told_by_four_flags_and_the_files(article: dict[str, Any], access: str) -> None:
    assert record_of(**article).access == access


def test_a_shortened_list_of_files_gives_no_count() -> None:
    assert record_of(files=[file(1)], size=10).files.count == 1
    cut = record_of(files=[file(1)], size=5000).files
    assert (cut.count, cut.bytes) == (None, 5000)


# DOIs


def test_a_doi_without_a_version_has_no_concept() -> None:
    assert record_of(doi="10.57831/22306426").concept_doi is None
    assert record_of(doi="10.48420/32055810.v1").concept_doi == "10.48420/32055810"


def test_the_papers_doi_is_not_the_data_sets() -> None:
    paper = "10.1371/journal.pone.0039704"
    record = record_of(doi=paper, resource_doi=paper, resource_title="A paper")
    assert record.doi is None
    assert [(each.doi, each.title) for each in record.publications] == [(paper, "A paper")]


@pytest.mark.parametrize(
    ("doi", "number"),
    [
        ("10.6084/m9.figshare.34003890.v1", "34003890"),
        ("10.82444/warw.33820546.v1", "33820546"),
        ("10.57831/22306426", "22306426"),
        ("10.1371/journal.pone.0039704", None),  # PLOS's own number
        ("10.5281/zenodo.1217023", None),  # Zenodo's
    ],
)
def test_a_fragment_without_id_is_known_by_its_doi(doi: str, number: str | None) -> None:
    (document,) = figshare.documents(orjson.dumps({"doi": doi, "files": []}))
    assert document.id == number
    if number is None:
        with pytest.raises(BadRecord, match="no article's number"):
            figshare.read(document)


# Publisher, funding, names


@pytest.mark.parametrize(
    ("citation", "publisher"),
    [
        (
            "Paton, Steve (2019). T. Smithsonian Institute. Dataset. https://doi.org/10.25573/x",
            "Smithsonian Institute",
        ),
        ("Deng, Yunyan (2016): T. PLOS ONE. Dataset. https://doi.org/10.1371/x", "PLOS ONE"),
        ("Krafft, Dean (2016): T. figshare.\n 10.6084/m9.figshare.5\n Retrieved: 00 20", "figshare"),
        ("Chen, Longze (2019): T. U.S. Geological Survey. Journal contribution.", "U.S. Geological Survey"),
        ("Somebody Else (2019): Another title. figshare. Dataset.", None),
        ("", None),
    ],
)
def test_the_publisher_stands_in_the_citation(citation: str, publisher: str | None) -> None:
    assert facts.publisher({"citation": citation}, "T") == publisher


def test_without_a_citation_the_portals_host_is_named() -> None:
    assert record_of(url_public_html="https://kilthub.cmu.edu/articles/x/5").publisher == "kilthub.cmu.edu"
    assert record_of(url_public_html="https://figshare.com/articles/x/5").publisher == "figshare"
    assert record_of().publisher is None


def test_funding_in_free_text_is_an_award_when_it_is_one_number() -> None:
    assert [(each.funder, each.award) for each in record_of(funding="EP/K039687/1").funding] == [
        (None, "EP/K039687/1")
    ]
    assert [each.funder for each in record_of(funding="Wellcome Trust").funding] == ["Wellcome Trust"]
    assert record_of(funding="0", funding_list=[]).funding == ()


def test_names_are_parted_as_the_citation_does_when_nothing_else_parts_them() -> None:
    people = [{"full_name": "Leon van der Berg"}, {"full_name": "Ana Silva"}]
    record = record_of(
        authors=people, citation="van der Berg, Leon; Silva, Ana (2019): T. figshare. Dataset."
    )
    assert [(each.given, each.family) for each in record.creators] == [
        ("Leon", "van der Berg"),
        ("Ana", "Silva"),
    ]
    shortened = record_of(authors=people, citation="van der Berg, Leon; et al. (2019): T. figshare. Dataset.")
    assert [each.family for each in shortened.creators] == ["van der Berg", None]
    others = record_of(authors=people, citation="Doe, Jane; Roe, Richard (2019): T. figshare. Dataset.")
    assert [each.family for each in others.creators] == [None, None]


# What is no article


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"", "empty answer"),
        (b"<html><body>403 Forbidden</body></html>", "HTML page"),
        (
            b'{"message": "Entity not found: ArticleVersion", "code": "EntityNotFound"}',
            "error body: Entity not",
        ),
        (b'{"openapi": "3.0.0", "paths": {"/articles": {}}}', "description of the API"),
        (b'{"_status": 202, "_headers": {"x-amzn-waf-action": "challenge"}, "_body": ""}', "challenge"),
        (b'{"method": "GET", "status": 200, "headers": {"server": "nginx"}}', "HTTP exchange"),
        (b"[]", "empty list"),
        (
            b'{"id": 1, "title": "P", "url": "https://api.figshare.com/v2/projects/113166", "doi": ""}',
            "project",
        ),
        (
            b'[{"id": 1, "title": "C", "url": "https://api.figshare.com/v2/collections/5", "doi": ""}]',
            "collection",
        ),
        (b'{"id": 1, "title": "D", "doi": "", "status": "draft", "is_public": false}', "draft"),
        (b'{"id": 6530715, "name": "file", "download_url": null, "size": 7}', "a file, not an article"),
        (b'{"name": "figshare"}', "without an article"),
        (b'<OAI-PMH xmlns="http://www.openarchives.org/OAI/2.0/"><Identify/></OAI-PMH>', "Identify"),
    ],
)
def test_what_holds_no_article_says_what_it_is(body: bytes, reason: str) -> None:
    with pytest.raises(BadRecord, match=reason):
        list(figshare.documents(body))


def test_a_page_of_api_v1_holds_items() -> None:
    line = (PAGES / "v1_lines_with_times_before_dates_and_rounded_sizes.ndjson").read_bytes().splitlines()[0]
    body = b'{"page_nr": 1, "count": 1, "items": [' + line + b"]}"
    assert [document.id for document in figshare.documents(body)] == ["1394496"]


# The searches


def test_every_word_and_format_of_the_scope_is_searched_for() -> None:
    for kind in (searches.DATASET, searches.MEDIA, searches.FIGURE):
        said = " ".join(search.words or "" for search in searches.IMAGING if search.type == kind).lower()
        assert [term for term in scope.TERMS if term.strip(" ,").lower() not in said] == []
    asked = {word for search in searches.IMAGING for word in (search.words or "").split() if search.type == 3}
    assert [name for name in scope.FORMATS if name.split(".")[-1] not in asked | {"zip", "gz"}] == []


def test_the_replica_understands_the_searches() -> None:
    text = Text.of({"title": "A confocal stack", "tags": ["light sheet"], "files": [file(1, "x.CZI")]})
    for words, expected in (
        (":extension: czi OR :extension: nd2", True),
        (":extension: tif", False),
        (':title: "confocal stack"', True),
        (":tag: light", False),
        (":tag: light sheet AND NOT :title: stacks", False),
        ("(microscopy OR confocal) AND :extension: czi", True),
        ('"light sheet"', True),
        ("histology", False),
    ):
        assert parse(words)(text) is expected, words


# Walking the list


def article(number: int, day: str) -> dict[str, Any]:
    stamps = dict.fromkeys(("created_date", "published_date", "modified_date"), f"{day}T10:00:00Z")
    return {
        "id": number,
        "title": f"microscopy {number}",
        "doi": "",
        "defined_type": 3,
        "files": [],
        **stamps,
    }


def stock(*days: str) -> Listed:
    articles = [article(1000 + place, day) for place, day in enumerate(days)]
    stamp = datetime(2020, 1, 1, tzinfo=UTC)
    return Listed.of(Holding(str(each["id"]), stamp, orjson.dumps(each)) for each in articles)


DAYS = [f"2020-01-{day:02}" for day in range(1, 29) for _ in range(2)]


@pytest.mark.parametrize(
    "days",
    [DAYS, [*DAYS[:9], *["2020-01-05"] * 7, *DAYS[10:]], [*DAYS[:9], *["2020-01-05"] * 33, *DAYS[10:]]],
    ids=["few a day", "a day of several pages", "a day beyond the cap"],
)
async def test_every_article_of_a_long_list_is_asked_for_once(
    days: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(searches, "PAGE", 5)
    monkeypatch.setattr(searches, "PAGES", 2)
    monkeypatch.setattr(figshare_lists, "FURTHEST", 11)
    monkeypatch.setattr(searches, "IMAGING", (searches.Search(3, "microscopy"),))
    async with bench_of("figshare", tmp_path) as bench:
        bench.replica.holdings = stock(*days)
        report = await bench.harvest(scope="imaging")
        assert report.state == "complete", report.error
        assert len(bench.content()) == len(days)
        assert sum(asked.startswith("GET") for asked in bench.replica.asked) == len(days)


async def test_a_kill_costs_at_most_one_batch_of_details(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(searches, "IMAGING", (searches.Search(3, "microscopy"),))
    days = [*DAYS, *["2020-01-28"] * 40]
    async with bench_of("figshare", tmp_path) as bench:
        bench.replica.holdings = stock(*days)
        client = bench.http.client(figshare.card, replica=bench.replica.base)
        asked_before = 0
        async for page in figshare.pages(client, Ask(scope="imaging")):
            asked_before += len(page.documents)
            if asked_before >= 3 * details.BATCH:
                break
        rest = [
            document.id
            async for page in figshare.pages(client, Ask(scope="imaging", bookmark=page.bookmark))
            for document in page.documents
        ]
        assert asked_before + len(rest) == len(days)


async def test_an_edit_is_found_by_its_date_of_change(tmp_path: Path) -> None:
    async with bench_of("figshare", tmp_path) as bench:
        await bench.harvest(scope="everything", kind="full")
        bench.replica.asked.clear()
        bench.replica.change("14763051", "Another title")
        report = await bench.harvest(scope="everything", kind="changes")
        assert report.state == "complete", report.error
        kept = bench.store.get("figshare:14763051")
        assert kept is not None
        assert kept.record().title == "Another title"
        assert [asked for asked in bench.replica.asked if "14763051" in asked] == [
            "GET /v2/articles/14763051"
        ]


async def test_a_sample_asks_for_so_many_of_the_newest(tmp_path: Path) -> None:
    async with bench_of("figshare", tmp_path) as bench:
        report = await bench.harvest(scope="everything", kind="sample", newest=7)
        assert report.counts["seen"] == 7
        assert len(bench.replica.asked) == 8


async def test_what_vanishes_between_list_and_details_is_withdrawn(tmp_path: Path) -> None:
    async with bench_of("figshare", tmp_path) as bench:
        await bench.harvest(scope="everything")
        bench.replica.faults.append(Fault("404", path="/v2/articles/14763051"))
        report = await bench.harvest(scope="everything", kind="sample", newest=100)
        assert report.counts["withdrawn"] == 1
        kept = bench.store.get("figshare:14763051")
        assert kept is not None
        assert kept.state == "withdrawn"


class Scripted:
    """Answers what it was told to, in order."""

    def __init__(self, *bodies: object, headers: dict[str, str] | None = None) -> None:
        self.bodies, self.headers, self.asked = list(bodies), headers or {}, 0

    async def get(self, url: str, **_how: object) -> Answer:
        return self._answer(url)

    async def post(self, url: str, _body: bytes, **_how: object) -> Answer:
        return self._answer(url)

    def _answer(self, url: str) -> Answer:
        self.asked += 1
        body = self.bodies.pop(0) if len(self.bodies) > 1 else self.bodies[0]
        whole = body if isinstance(body, bytes) else orjson.dumps(body)
        return Answer(url, 200, self.headers, whole, datetime(2026, 1, 1, tzinfo=UTC), None)


LISTED: list[tuple[Callable[[], Scripted], str]] = [
    (lambda: Scripted({"items": []}), "something else than a list"),
    (lambda: Scripted([{"id": 5, "title": "T"}]), "without published_date"),
    (lambda: Scripted([article(1, "2020-02-01"), article(2, "2020-01-01")]), "not in the order"),
    (lambda: Scripted([article(1, "2020-02-01")], {"id": 2, "title": "T"}), "another id"),
    (lambda: Scripted([article(1, "2020-02-01")], {"id": 1}), "no title"),
]


@pytest.mark.parametrize(("fetch", "what"), LISTED, ids=[what for _, what in LISTED])
async def test_an_answer_of_another_form_stops_the_source(fetch: Callable[[], Scripted], what: str) -> None:
    with pytest.raises(Changed, match=what):
        async for _page in figshare.pages(fetch(), Ask(scope="imaging")):  # type: ignore[arg-type]
            pass


@pytest.mark.parametrize(
    ("headers", "what"), [({}, "no X-Cursor"), ({"x-cursor": "a"}, "same articles again")]
)
async def test_a_cursor_that_leads_nowhere_stops_the_source(
    headers: dict[str, str], what: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(searches, "PAGE", 2)
    monkeypatch.setattr(searches, "PAGES", 1)
    page = [article(1, "2020-02-01"), article(2, "2020-02-01")]
    with pytest.raises(Changed, match=what):
        async for _ in searches.walk(Scripted(page, headers=headers), searches.EVERYTHING, "published", None):  # type: ignore[arg-type]
            pass


# OAI-PMH


async def test_a_deleted_header_becomes_a_tombstone(tmp_path: Path) -> None:
    async with bench_of("figshare", tmp_path) as bench:
        await bench.harvest(scope="everything")
        bench.replica.listed().withdraw("14763051")
        bench.replica.memory.clear()
        report = await bench.harvest(scope="everything")
        assert report.counts["withdrawn"] == 1
        kept = bench.store.get("figshare:14763051")
        assert kept is not None
        assert kept.record().withdrawn is not None
        assert "OAI-PMH" in str(kept.record().withdrawn)


async def test_an_expired_token_costs_a_window_and_nothing_else(tmp_path: Path) -> None:
    async with bench_of("figshare", tmp_path, Stock(generate=400)) as bench:
        bench.replica.faults.append(Fault("expire-token", at=1))
        report = await bench.harvest(scope="everything")
        assert report.state == "complete", report.error
        assert bench.store.counts()["figshare"]["current"] == 400


def test_a_paper_in_dublin_core_is_told_from_a_part_of_it() -> None:
    body = (PAGES / "oai_dc_with_user_numbers_and_the_papers_doi.xml").read_bytes()
    for doi, own in (
        ("10.1371/journal.pone.0008619", None),
        ("10.1371/journal.pone.0008619.g004", "10.1371/journal.pone.0008619.g004"),
        ("10.6084/m9.figshare.145088.v1", "10.6084/m9.figshare.145088.v1"),
        ("10.25573/data.145088", "10.25573/data.145088"),
    ):
        first, _deleted = figshare.documents(body.replace(b"10.1371/journal.pone.0008619", doi.encode()))
        assert figshare.read(first).record.doi == own


# The replica, and all real material


async def test_the_replica_keeps_figshares_limits(tmp_path: Path) -> None:
    async with bench_of("figshare", tmp_path) as bench:
        session, base = bench.http.session, bench.replica.base
        for asked, status in (
            ({"page_size": 1000}, 200),
            ({"page_size": 1001}, 422),
            ({"page": 9, "page_size": 1000}, 200),
            ({"page": 10, "page_size": 1000}, 422),
            ({"order": "beauty"}, 422),
        ):
            async with session.post(f"{base}/v2/articles/search", json=asked) as response:
                assert response.status == status, asked
        async with session.get(f"{base}/v2/articles?item_type=3") as response:
            assert len(await response.json()) == 10
        async with session.get(f"{base}/v2/articles/14763051") as response:
            tag = response.headers["ETag"]
        async with session.get(f"{base}/v2/articles/14763051", headers={"If-None-Match": tag}) as response:
            assert response.status == 304
        for path, count in (("files", 2), ("versions", 1)):
            async with session.get(f"{base}/v2/articles/14763051/{path}") as response:
                assert len(await response.json()) == count
        async with session.get(f"{base}/v2/articles/1/versions/1") as response:
            assert (response.status, (await response.json())["code"]) == (404, "EntityNotFound")


async def test_the_sources_assumptions_hold_for_its_replica(tmp_path: Path) -> None:
    async with bench_of("figshare", tmp_path) as bench:
        found = await probe.probe(figshare, bench.http, bench.replica.base)
        assert [(each.what, each.differences) for each in found if not each.holds] == []


def test_generated_articles_are_numbers_and_are_read() -> None:
    held = replica_module.generated(50, 1)
    for place in range(50):
        article = Document(held[place].id, held[place].body)
        result = figshare.read(article)
        assert result.unmapped == ()
        assert result.record.title


def test_all_recorded_answers_are_read_or_set_aside_with_a_reason(shared: Path) -> None:
    outcomes = list(read_files(figshare, [shared / "figshare"]))
    records = [each["record"] for each in outcomes if "record" in each]
    assert len(records) > 120
    assert [each["unmapped"] for each in outcomes if each.get("unmapped")] == []
    assert [each["quarantined"] for each in outcomes if "Error" in each.get("quarantined", "")] == []


def test_notes_never_hold_more_than_a_line() -> None:
    notes = Notes()
    facts.own_doi({"doi": "10.0166/FK2.stagefigshareare.8365555"}, notes)
    assert notes.found == [("doi: of figshare's staging server", "10.0166/fk2.stagefigshareare.8365555")]
