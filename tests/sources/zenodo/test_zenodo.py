"""What is peculiar about Zenodo."""

from __future__ import annotations

import gzip
import io
import re
import tarfile
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import quote_plus

import orjson
import pytest

from harvester import probe, scope
from harvester.errors import BadRecord, Changed, Refused
from harvester.reading import read_files
from harvester.rehearse import Stock
from harvester.replicas import zenodo as replica_module
from harvester.replicas import zenodo_dumps
from harvester.replicas.server import Fault
from harvester.source import Ask, Document, Page
from harvester.sources import zenodo
from harvester.sources.zenodo import dump, facts, search, shapes
from index.record import File, Files, Record
from tests.conftest import Bench, bench_of

SITE = "https://zenodo.org"


@pytest.fixture
async def bench(tmp_path: Path) -> AsyncIterator[Bench]:
    async with bench_of("zenodo", tmp_path) as opened:
        yield opened


def client(bench: Bench) -> Any:
    return bench.http.client(zenodo.card, replica=bench.replica.base)


async def asked(bench: Bench, ask: Ask) -> list[Page]:
    return [page async for page in zenodo.pages(client(bench), ask)]


def files(*names: str, size: int = 1) -> Files:
    listed = tuple(File(name=name, bytes=size) for name in names)
    return Files(count=len(listed), bytes=size * len(listed), listed=listed)


# Links


def test_links_are_made_from_the_number() -> None:
    links = facts.links_of("12", files("a.zip"), open_=True)
    assert links.landing == f"{SITE}/records/12"
    assert links.api == f"{SITE}/api/records/12"
    assert links.download == f"{SITE}/api/records/12/files-archive"
    assert (links.thumbnail, links.viewer) == (None, None)


def test_files_beyond_300_megabytes_are_not_packed() -> None:
    assert facts.links_of("12", files("a", size=300 * 10**6), open_=True).download is not None
    links = facts.links_of("12", files("a", size=300 * 10**6 + 1), open_=True)
    assert links.download == f"{SITE}/api/records/12/files"


@pytest.mark.parametrize(
    ("names", "preview", "picture"),
    [
        (["a.zip", "B.PNG", "c.jpg"], None, "B.PNG"),
        (["a.png", "b.jpg"], "b.jpg", "b.jpg"),
        (["a.png", "b.pdf"], "b.pdf", "a.png"),
        (["x/a b+c.tif"], None, "x%2Fa%20b%2Bc.tif"),
        (["a.czi", "a.ome.zarr.zip"], None, None),
    ],
)
def test_a_thumbnail_is_the_preview_or_the_first_picture(
    names: list[str], preview: str | None, picture: str | None
) -> None:
    shown = facts.links_of("12", files(*names), preview=preview, open_=True).thumbnail
    expected = f"{SITE}/api/iiif/record:12:{picture}/full/^250,/0/default.jpg" if picture else None
    assert shown == expected


def test_what_is_not_open_has_neither_download_nor_thumbnail() -> None:
    links = facts.links_of("12", files("a.png"), open_=False)
    assert (links.download, links.thumbnail) == (None, None)
    assert links.landing is not None


# Words


@pytest.mark.parametrize(
    ("type_", "kind"),
    [
        ("image-photo", "Image"),
        ("publication-taxonomictreatment", "Text"),
        ("publication-thesis", "Dissertation"),
        ("software-computationalnotebook", "ComputationalNotebook"),
        ("lesson", "InteractiveResource"),
        ("hologram", "Other"),
        (None, "Other"),
    ],
)
def test_resource_types_become_datacites(type_: str | None, kind: str) -> None:
    assert facts.kind_of(type_) == kind


def test_relations_are_spelled_as_datacite_does() -> None:
    assert facts.relation_of("isSupplementTo") == facts.relation_of("issupplementto") == "IsSupplementTo"
    assert facts.relation_of("isAlternateIdentifier") == "IsIdenticalTo"


def test_a_reference_without_an_identifier_may_hold_a_doi() -> None:
    found = facts.cited("Doe J (2020) Mice. Journal 3. https://doi.org/10.1038/S41592-020-1.")
    assert found is not None
    assert (found.id, found.scheme) == ("10.1038/s41592-020-1", "doi")
    assert facts.cited("Doe J (2020) Mice.") is None


def test_use_is_that_of_one_version_in_both_generations() -> None:
    base = {"id": 1, "metadata": {"title": "x"}}
    now = base | {"stats": {"views": 359, "version_views": 32}}
    before = base | {"stats": {"views": 10.0, "version_views": 42.0}}
    for stats, count in ((now, 32), (before, 10)):
        views = zenodo.read(Document("1", orjson.dumps(stats))).record.metrics.views
        assert views is not None
        assert views.value == count


def test_a_new_field_and_a_new_vocabulary_are_reported() -> None:
    record = {
        "id": "1",
        "pids": {},
        "metadata": {"title": "x", "mood": "good"},
        "custom_fields": {"dwc:sex": ["female"], "optics:na": 1.4},
    }
    result = zenodo.read(Document("1", orjson.dumps(record)))
    assert result.unmapped == ("metadata.mood", "custom_fields.optics:na")


# Answers


@pytest.mark.parametrize(
    ("body", "why"),
    [
        (b'{"hits": {"hits": [], "total": 0}}', "a search without hits"),
        (b'{"status": 429, "message": "30 per 1 minute"}', "an error, status 429"),
        (b'{"id": "x", "slug": "eu", "metadata": {"title": "European"}}', "a community: eu"),
        (b'[{"filename": "a", "checksum": "0"}]', "a list of files"),
        (b'{"records-xml.tar.gz": [{"version_id": "1"}]}', "the list of dumps"),
        (b"record_id,doi,parent_id,parent_doi,removal_note\r\n", "without rows"),
        (b"<html><p>Forbidden</p></html>", "an HTML page"),
        (b'{"id": 1, "meta', "broken JSON"),
        (b"import json\n", "neither JSON nor XML"),
        (b"\x1f\x8b\x08broken", "broken gzip"),
        (b"[]", "an empty list"),
    ],
)
def test_an_answer_without_documents_says_what_it_is(body: bytes, why: str) -> None:
    with pytest.raises(BadRecord, match=why):
        list(zenodo.documents(body))


def test_a_saved_dump_is_opened() -> None:
    raw = io.BytesIO()
    with tarfile.open(fileobj=raw, mode="w:gz") as archive:
        for name in ("dump/12.json", "dump/13.json", "dump/README.md"):
            body = b'{"id": "%s", "metadata": {"title": "x"}}' % name[5:7].encode()
            info = tarfile.TarInfo(name)
            info.size = len(body)
            archive.addfile(info, io.BytesIO(body))
    assert [document.id for document in zenodo.documents(raw.getvalue())] == ["12", "13"]
    rows = b"record_id,doi,parent_id,parent_doi\n14,,,\n"
    assert [document.id for document in zenodo.documents(gzip.compress(rows))] == ["14"]


def test_an_oai_identifier_is_a_number_or_a_name() -> None:
    assert shapes.recid_of("oai:zenodo.org:12") == "12"
    assert shapes.recid_of("oai:zenodo.org:abcde-12345") == "abcde-12345"
    assert shapes.recid_of("oai:elsewhere.org:12") is None


# The dump


async def test_the_dump_is_taken_whole_and_nothing_is_asked_twice(bench: Bench) -> None:
    report = await bench.harvest()
    assert report.state == "complete"
    paths = [question.split("?")[0] for question in bench.replica.asked]
    assert paths[:2] == ["GET /api/exporter", paths[1]]
    assert paths[1].startswith("GET /api/exporter/records-json.tar.gz/")
    assert paths[2].startswith("GET /api/exporter/records-deleted.csv.gz/")
    assert set(paths[3:]) == {"GET /api/records"}
    assert len(bench.content()) == report.counts["seen"] == 60


async def test_a_wrong_checksum_keeps_documents_and_withdraws_nothing(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dump, "MEMBERS_PER_PAGE", 25)
    entry = zenodo_dumps.Dump.entry
    monkeypatch.setattr(
        zenodo_dumps.Dump, "entry", lambda self: entry(self) | {"checksum": "md5:" + 32 * "0"}
    )
    bench.replica.listed().withdraw("3675442")
    report = await bench.harvest()
    assert report.state == "partial"
    assert "checksum" in str(report.error)
    assert len(bench.content()) == 59
    monkeypatch.undo()
    again = await bench.harvest()
    assert (again.state, again.counts["seen"]) == ("complete", 59)


async def test_a_bookmark_passes_over_members_and_another_dump_starts_afresh(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dump, "MEMBERS_PER_PAGE", 25)
    first = (await asked(bench, Ask()))[0]
    state = orjson.loads(first.bookmark)
    assert (state["key"], state["count"]) == ("records-json.tar.gz", 25)
    rest = await asked(bench, Ask(bookmark=first.bookmark))
    assert [len(page.documents) for page in rest[:2]] == [25, 10]
    other = orjson.dumps(state | {"version_id": "another"}).decode()
    assert [len(page.documents) for page in (await asked(bench, Ask(bookmark=other)))[:3]] == [25, 25, 10]


async def test_what_changed_while_the_dump_was_made_is_read_once(bench: Bench) -> None:
    bench.replica.change("3675442", "Changed for microscopy")
    pages = await asked(bench, Ask())
    held = [str(document.id) for page in pages for document in page.documents]
    assert sorted(held) == sorted(set(held))


async def test_what_changed_since_the_dump_comes_by_search(bench: Bench) -> None:
    dumped = [page async for page in _until_search(bench)]
    bench.replica.listed().put(
        replica_module.changed(
            bench.replica.listed().held["3675442"], "Newer than the dump", datetime.now(UTC)
        )
    )
    later = await asked(bench, Ask(bookmark=dumped[-1].bookmark))
    titles = [zenodo.read(each).record.title for page in later for each in page.documents]
    assert titles == ["Newer than the dump"]


async def _until_search(bench: Bench) -> AsyncIterator[Page]:
    async for page in zenodo.pages(client(bench), Ask()):
        yield page
        if "from" in orjson.loads(page.bookmark):
            return


async def test_the_list_of_deleted_records_names_reason_day_and_page(bench: Bench) -> None:
    bench.replica.listed().withdraw("3675442", datetime(2026, 5, 4, tzinfo=UTC))
    gone = {id_: each for page in await asked(bench, Ask()) for id_, each in page.withdrawn.items()}
    assert gone["3675442"].model_dump() == {
        "date": "2026-05-04T00:00:00Z",
        "reason": "take-down-request",
        "url": f"{SITE}/records/3675442",
    }


async def test_without_json_the_dump_of_xml_stands_in(tmp_path: Path) -> None:
    folder = tmp_path / "found"
    folder.mkdir()
    (folder / "1.xml").write_bytes((Path(__file__).parent / "pages" / "dump_member_in_xml.xml").read_bytes())
    async with bench_of("zenodo", tmp_path, Stock(folder=folder)) as bench:
        report = await bench.harvest()
        assert (report.state, set(bench.content())) == ("complete", {"zenodo:14646925"})
        assert any("records-xml.tar.gz" in question for question in bench.replica.asked)


# Changes


async def test_changes_come_in_the_shape_of_the_dump(bench: Bench) -> None:
    await bench.harvest()
    before = bench.content()
    bench.replica.change("3675442", "Changed for microscopy")
    pages = await asked(bench, Ask(since=datetime.now(UTC) - timedelta(days=3)))
    (changed,) = [zenodo.read(document).record for page in pages for document in page.documents]
    dumped = Record.model_validate_json(before[changed.id])
    own = {"title", "upstream_modified", "dates", "retrieved_at"}
    assert changed.model_dump(exclude=own) == dumped.model_dump(exclude=own)


async def test_oai_pmh_is_walked_day_by_day(bench: Bench) -> None:
    since = datetime.now(UTC) - timedelta(days=3)
    bench.replica.change("3675442", "Changed for microscopy")
    pages = await asked(bench, Ask(since=since, options={"route": "oai"}))
    assert [document.id for page in pages for document in page.documents] == ["3675442"]
    assert len(bench.replica.asked) == 3
    assert all("metadataPrefix=oai_datacite" in question for question in bench.replica.asked)


async def test_a_batch_lost_on_the_way_is_asked_for_again(bench: Bench) -> None:
    await bench.harvest(options={"route": "oai"})
    expected = bench.content()
    bench.replica.faults.append(Fault("lose-answer", at=2, path="resumptionToken"))
    report = await bench.harvest(options={"route": "oai"})
    assert report.state == "complete", report.error
    assert bench.content() == expected


@pytest.mark.parametrize("prefix", ["oai_dc", "datacite", "oai_datacite"])
async def test_other_metadata_formats_may_be_asked_for(bench: Bench, prefix: str) -> None:
    report = await bench.harvest(options={"route": "oai", "prefix": prefix})
    assert (report.state, len(bench.content())) == ("complete", 60)


async def test_an_unknown_route_is_refused(bench: Bench) -> None:
    with pytest.raises(Refused, match="there are dump, oai, rest"):
        await asked(bench, Ask(options={"route": "torrent"}))


# The search


async def test_a_sample_takes_the_newest_and_no_more(bench: Bench) -> None:
    pages = await asked(bench, Ask(scope="imaging", newest=30))
    ids = [document.id for page in pages for document in page.documents]
    newest = [holding.id for holding in reversed(bench.replica.listed().in_order())][:30]
    assert ids == newest
    assert [page.announced for page in pages] == [60, 60]
    rest = await asked(bench, Ask(scope="imaging", newest=30, bookmark=pages[0].bookmark))
    assert [document.id for page in rest for document in page.documents] == newest[25:]


async def test_a_slice_that_holds_too_much_is_halved(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(search, "LARGEST_SLICE", 30)
    pages = await asked(bench, Ask(options={"route": "rest"}))
    ids = {document.id for page in pages for document in page.documents}
    assert ids == {holding.id for holding in bench.replica.listed().in_order()}
    assert orjson.loads(pages[-1].bookmark).keys() == {"from"}
    assert len(pages) > 3


async def test_the_page_size_is_learned_from_the_refusal_of_a_larger_one(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(search, "SIZE", 100)
    pages = await asked(bench, Ask(options={"route": "rest"}))
    assert sum(len(page.documents) for page in pages) == 60
    assert "size=100" in bench.replica.asked[0]
    assert all("size=25" in question for question in bench.replica.asked[1:])


async def test_every_version_is_a_record(bench: Bench) -> None:
    await bench.harvest(options={"route": "rest"})
    versions = [f"zenodo:{number}" for number in (5117744, 5119579, 5156508)]
    concepts = {kept.record().concept_doi for each in versions if (kept := bench.store.get(each))}
    assert concepts == {"10.5281/zenodo.4741240"}


async def test_a_community_is_resolved_before_it_is_asked_for(bench: Bench) -> None:
    pages = await asked(bench, Ask(options={"route": "rest", "community": "biosyslit"}))
    assert {document.id for page in pages for document in page.documents} == {"15482", "273847", "3718703"}
    with pytest.raises(Changed, match="no community 'biosyslut'"):
        await asked(bench, Ask(options={"route": "rest", "community": "biosyslut"}))


async def test_a_filter_that_was_dropped_is_noticed(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    async def believed(*_: object) -> dict[str, str]:
        return {"communities": "biosyslut"}

    monkeypatch.setattr(search, "_community", believed)
    with pytest.raises(Changed, match="the filter was dropped"):
        await asked(bench, Ask(options={"route": "rest"}))


def test_the_imaging_query_asks_for_formats_and_words_whole() -> None:
    parts = re.findall(r"(?:[\w.:]*\([^()]+\)|[^\s()]+)(?= OR |$)", search.IMAGING)
    assert " OR ".join(parts) == search.IMAGING
    endings = parts[0].removeprefix("files.entries.ext:(").rstrip(")").split(" OR ")
    assert {"czi", "tif", "tiff", "zarr", "dm4"} < set(endings)
    assert not {"zip", "gz"} & set(endings)  # half of Zenodo is packed
    assert {"microscop*", "(light AND sheet*)", "(electron AND tomogra*)"} < set(parts)
    assert parts[-2] == "metadata.title:(mri OR image OR images OR imaging)"


async def test_the_imaging_search_finds_whatever_the_scope_would_take(tmp_path: Path) -> None:
    async with bench_of("zenodo", tmp_path) as bench:
        await bench.harvest()
        held = [kept for id_ in bench.content() if (kept := bench.store.get(id_))]
        wanted = {kept.id for kept in held if scope.why(kept.record())}
    (tmp_path / "imaging").mkdir()
    async with bench_of("zenodo", tmp_path / "imaging") as bench:
        await bench.harvest(scope="imaging")
        assert set(bench.content()) == wanted
        assert 0 < len(wanted) < len(bench.replica.holdings)


async def test_the_imaging_query_fits_into_an_address() -> None:
    # Servers commonly refuse 8,190 bytes; the span, a sort and a community come on top.
    assert len(quote_plus(search.IMAGING)) < 4000


# One record


async def test_a_deleted_record_answers_with_its_tombstone(bench: Bench) -> None:
    assert await zenodo.gone(client(bench), "3675442") is None
    bench.replica.listed().withdraw("3675442", datetime(2026, 5, 4, tzinfo=UTC))
    gone = await zenodo.gone(client(bench), "3675442")
    assert gone is not None
    assert (gone.reason, gone.date) == ("take-down-request", "2026-05-04T00:00:00Z")
    assert gone.url == f"{SITE}/records/3675442"
    unknown = await zenodo.gone(client(bench), "99")
    assert unknown is not None
    assert unknown.reason == "not found"


async def test_the_sources_assumptions_hold_for_its_replica(bench: Bench) -> None:
    found = await probe.probe(zenodo, bench.http, bench.replica.base)
    assert [(each.what, each.differences) for each in found if not each.holds] == []


# The replica


async def test_the_replica_leads_to_the_latest_version_and_lists_files(bench: Bench) -> None:
    ask = client(bench)
    latest = await ask.get(f"{SITE}/api/records/5117744/versions/latest")
    assert latest.json()["id"] == 5156508
    listing = await ask.get(f"{SITE}/api/records/3675442/files")
    assert [entry["key"] for entry in listing.json()["entries"]] == ["VFA-T1_NIST.zip", "Figure-1.gif"]
    beyond = await ask.get(f"{SITE}/api/records?size=25&page=401", accept=(400,))
    assert beyond.status == 400


async def test_every_door_shows_the_same_record(bench: Bench) -> None:
    ask = client(bench)
    shown = []
    for accept in ("application/json", "application/vnd.inveniordm.v1+json"):
        answer = await ask.get(f"{SITE}/api/records/14538293", headers={"Accept": accept})
        shown += [zenodo.read(each).record for each in zenodo.documents(answer.body)]
    address = f"{SITE}/oai2d?verb=GetRecord&identifier=oai:zenodo.org:14538293&metadataPrefix="
    for prefix in ("oai_datacite", "oai_dc"):
        answer = await ask.get(address + prefix, expect="xml")
        shown += [zenodo.read(each).record for each in zenodo.documents(answer.body)]
    native, *others = shown
    for record in others:
        assert (record.id, record.doi, record.concept_doi) == (native.id, native.doi, native.concept_doi)
        assert (record.title, record.dates.published, record.access) == (
            native.title,
            native.dates.published,
            native.access,
        )
        assert [each.name for each in record.creators] == [each.name for each in native.creators]
        assert {each.label for each in record.subjects} >= {"mpaeurope", "eu"}


def test_generated_records_are_read_without_a_remark() -> None:
    held = replica_module.generated(120, 1)
    for place in range(0, 120, 7):
        result = zenodo.read(Document(held[place].id, held[place].body))
        assert (result.unmapped, result.record.id) == ((), f"zenodo:{held[place].id}")
        assert held.get(held[place].id) == held[place]


def test_all_recorded_answers_are_read_or_set_aside_with_a_reason(shared: Path) -> None:
    outcomes = list(read_files(zenodo, [shared / "zenodo"]))
    records = [each["record"] for each in outcomes if "record" in each]
    assert len(records) > 400
    assert [each["unmapped"] for each in outcomes if each.get("unmapped")] == []
    assert [each["quarantined"] for each in outcomes if "Error" in each.get("quarantined", "")] == []
    titled = [record for record in records if record["title"]]
    assert len(titled) > len(records) - 5  # the rest are tombstones
    assert all(record["links"]["landing"] for record in records)


async def test_every_recorded_document_arrives_from_a_replica(shared: Path, tmp_path: Path) -> None:
    arrived, held = set[str](), set[str]()
    for route in ("dump", "oai"):  # what was recorded as XML is served as XML
        async with bench_of("zenodo", tmp_path / route, Stock(folder=shared / "zenodo")) as bench:
            report = await bench.harvest(options={"route": route})
            assert report.state == "complete", report.error
            arrived |= set(bench.content())
            held = {f"zenodo:{each.id}" for each in bench.replica.listed().in_order()}
    assert arrived == held
