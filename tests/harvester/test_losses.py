"""Every field of an upstream's documents is mapped, left out for a stated reason, or noticed."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import orjson
import pytest

from harvester import experiment, losses, registry
from harvester import reader as reading
from harvester.fates import fates_of
from harvester.fields import because
from harvester.paths import Tally, Told, leaves, of_xml
from harvester.protocols.xml import parse_xml
from harvester.reader import read_batch
from harvester.reading import attempt, documents_in
from harvester.source import Document, Source
from index import losses as kept
from index.batch import Raw, Unread
from index.losses import Fates
from index.prepared import digest_of
from tests.conftest import Bench, bench_of

each_source = pytest.mark.parametrize("source", registry.SOURCES, ids=lambda source: source.card.name)

NESTED = {
    "title": "A title",
    "empty": None,
    "nothing": [],
    "keywords": ["one", "two"],
    "authors": [{"name": "Doe, Jane", "email": "jane@example.org"}, {"name": "Roe"}],
}

COLLECTED_AND_ISSUED = b"""<record><header><identifier>oai:x:1</identifier></header><metadata>
<oai_datacite><payload><resource xmlns="http://datacite.org/schema/kernel-4"><dates>
<date dateType="Issued">2021</date><date dateType="Collected">2019</date></dates>
<creators><creator><creatorName nameType="Personal">Doe</creatorName></creator></creators>
</resource></payload></oai_datacite></metadata></record>"""


def told_by(source: Source) -> set[str]:
    return {
        path
        for document in losses.known_documents(source)
        if not isinstance(attempt(source, document), str)
        for path, _ in leaves(source.told(document))
    }


def test_json_is_told_by_paths_and_what_says_nothing_is_left_out() -> None:
    assert [path for path, _ in leaves(Told("entry", NESTED))] == [
        "entry:title",
        "entry:keywords",
        "entry:keywords",
        "entry:authors[].name",
        "entry:authors[].email",
        "entry:authors[].name",
    ]


def test_xml_is_told_without_its_envelopes_and_apart_by_what_decides() -> None:
    assert {path for path, _ in leaves(of_xml(parse_xml(COLLECTED_AND_ISSUED)))} == {
        "datacite:header/identifier",
        "datacite:dates/date[Issued]",
        "datacite:dates/date[Collected]",
        "datacite:creators/creator/creatorName",
        "datacite:creators/creator/creatorName@nameType",
    }


def test_a_table_keyed_by_data_is_one_path() -> None:
    many = {f"image {n}.tif": {"size": n} for n in range(500)}
    tally = Tally()
    tally.add(Told("entry", {"files": many}))
    assert set(tally.paths()) == {"entry:", "entry:files.*.size"}


def test_a_path_is_counted_once_per_document_with_an_example_but_no_address_of_a_person() -> None:
    tally = Tally()
    for _ in range(3):
        tally.add(Told("entry", NESTED))
    found = tally.paths()
    assert (found["entry:"].documents, found["entry:authors[].name"].documents) == (3, 3)
    assert found["entry:keywords"].example == "one"
    assert found["entry:authors[].email"].example is None


@each_source
def test_the_fast_count_sees_the_paths_that_the_slow_one_sees(source: Source) -> None:
    tally, slow = Tally(), Counter[str]()
    for document in losses.known_documents(source):
        told = source.told(document)
        tally.add(told)
        slow.update({f"{told.form}:"} | {path for path, _ in leaves(told)})
    assert {path: seen.documents for path, seen in tally.paths().items()} == dict(slow)


def test_what_is_left_out_covers_what_is_below_it_and_mapped_goes_first() -> None:
    fates = Fates(
        {"entry:files[].size": ["files.bytes"]}, because("housekeeping", "files", "datacite:dates/date")
    )
    assert fates.of("entry:files[].size").becomes == "mapped"
    assert fates.of("entry:files[].thumb.url").why == "housekeeping"
    assert fates.of("datacite:dates/date[Collected]").why == "housekeeping"
    assert fates.of("dc:dates/date").becomes == "unknown"
    assert fates.of("entry:filesystem").becomes == "unknown"


@each_source
def test_the_table_of_fates_says_what_experiments_find(source: Source) -> None:
    assert losses.made(source)["here"] == orjson.loads(table_of(source).read_bytes())["here"], (
        f"run python -m harvester.losses {source.card.name}"
    )


@each_source
def test_no_field_is_lost_without_a_reason(source: Source) -> None:
    fates = fates_of(source)
    assert {path for path in fates.mapped if fates.of(path).becomes == "unknown"} == set()
    assert told_by(source) <= fates.mapped.keys()
    assert all(len(why) >= 8 for why in source.ignored.values())


@each_source
def test_the_published_page_is_the_table(source: Source) -> None:
    page = losses.ROOT / "docs" / "losses" / f"{source.card.name}.md"
    assert page.read_text("utf-8") == losses.page(source), (
        f"run python -m harvester.losses {source.card.name}"
    )


@each_source
def test_on_real_material_no_field_is_unknown(source: Source, shared: Path) -> None:
    fates = fates_of(source)
    seen = losses.count(source, documents_in(source, shared))
    assert {path for path in seen if not path.endswith(":") and fates.of(path).becomes == "unknown"} == set()
    assert {path for path in seen if not fates.knows(path)} == set()


def table_of(source: Source) -> Path:
    return losses.ROOT / "harvester" / "sources" / source.card.name / "fates.json"


async def changed_documents(bench: Bench, monkeypatch: pytest.MonkeyPatch, change: Any) -> None:
    """Let the upstream send its documents with something changed, as after a release of its software."""
    source = registry.source("empiar")

    def documents(body: bytes, of: Any = source.documents) -> Any:
        for document in of(body):
            ((key, entry),) = orjson.loads(document.body).items()
            change(entry)
            yield replace(document, body=orjson.dumps({key: entry}))

    monkeypatch.setattr(source, "documents", documents)
    report = await bench.harvest()
    assert report.state == "complete", report.error


def drift_of(bench: Bench) -> list[str]:
    newest = bench.store.runs("empiar", 1)[0]["id"]
    return [found["what"] for found in bench.store.findings(newest) if found["kind"] == "drift"]


async def test_a_harvest_counts_every_path_of_every_document_and_finds_nothing_strange(
    tmp_path: Path,
) -> None:
    async with bench_of("empiar", tmp_path) as bench:
        await bench.harvest()
        rows = {row.path: row for row in kept.table(bench.store, "empiar")}
        held = len(bench.content())
        title, pages = rows["api:title"], rows["api:citation[].first_page"]
        assert (title.seen, title.documents, title.fate.fields) == (held, held, ("title",))
        assert 0 < pages.seen < held
        assert pages.fate.why == "what identifies a paper is taken; pages, issue and editors are not"
        assert {row.fate.becomes for row in rows.values()} == {"mapped", "ignored"}
        assert drift_of(bench) == []


async def test_documents_that_did_not_change_are_not_counted_twice(tmp_path: Path) -> None:
    async with bench_of("empiar", tmp_path) as bench:
        await bench.harvest()
        before = kept.table(bench.store, "empiar")
        await bench.harvest()
        assert kept.table(bench.store, "empiar") == before


async def test_a_field_nobody_ever_met_is_told_once_and_stays_unknown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with bench_of("empiar", tmp_path) as bench:
        await bench.harvest()
        await changed_documents(bench, monkeypatch, lambda entry: entry.update(dose={"total": 41.5}))
        assert drift_of(bench) == ["new: api:dose.total"]
        await changed_documents(bench, monkeypatch, lambda entry: entry.update(dose={"total": 12}))
        assert drift_of(bench) == []
        assert kept.drift(bench.store) == {"empiar": ["new: api:dose.total"]}
        first = kept.table(bench.store, "empiar")[0]
        assert (first.path, first.fate.becomes, first.example) == ("api:dose.total", "unknown", "41.5")


async def test_a_field_that_is_left_out_on_purpose_may_grow_without_a_word(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with bench_of("empiar", tmp_path) as bench:
        await changed_documents(bench, monkeypatch, lambda entry: entry.update(workflow_file={"new": "x"}))
        assert drift_of(bench) == []


async def test_a_mapped_field_that_most_had_and_none_has_any_more_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kept, "ENOUGH", 40)  # the replica holds 48
    async with bench_of("empiar", tmp_path) as bench:
        await bench.harvest()
        await changed_documents(
            bench, monkeypatch, lambda entry: entry.update(release_date=None, released=entry["release_date"])
        )
        assert sorted(drift_of(bench)) == ["new: api:released", "vanished: api:release_date"]


async def test_few_documents_without_a_field_prove_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with bench_of("empiar", tmp_path) as bench:  # 48 documents, fewer than ENOUGH
        await bench.harvest()
        await changed_documents(bench, monkeypatch, lambda entry: entry.update(release_date=None))
        assert drift_of(bench) == []


async def test_what_a_replica_told_is_forgotten_with_its_records(tmp_path: Path) -> None:
    from index import intake

    async with bench_of("empiar", tmp_path) as bench:
        await bench.harvest()
        intake.forget(bench.store, "empiar")
        assert kept.table(bench.store, "empiar") == []


def test_a_long_harvest_looks_at_one_document_in_eight_and_at_the_same_ones_each_time() -> None:
    source = registry.source("dryad")
    documents = losses.known_documents(source)
    batch = [
        Unread(
            place,
            Raw(document.id or str(place), document.body, document.media_type),
            digest_of(document.body),
        )
        for place, document in enumerate(documents)
    ]
    looked = [read_batch(source, "everything", batch, reading.LOOK_AT_ONE_IN).paths["dataset:"] for _ in "ab"]
    assert looked[0] == looked[1]
    assert 0 < looked[0].documents < len(batch) / 2
    assert read_batch(source, "everything", batch).paths["dataset:"].documents > len(batch) / 2


def test_an_experiment_tells_a_mapped_value_from_one_that_decides_nothing() -> None:
    source = registry.source("dryad")
    document = Document(
        "doi:10.5061/dryad.x",
        orjson.dumps(
            {"identifier": "doi:10.5061/dryad.x", "title": "Of wings", "versionStatus": "submitted",
             "lastModificationDate": "2021-02-03", "authors": [{"firstName": "Jane", "lastName": "Doe"}]}
        ),
    )  # fmt: skip
    found = experiment.fates(source, [document])
    assert found["dataset:title"] == ["title"]
    assert found["dataset:versionStatus"] == []
    assert found["dataset:lastModificationDate"] == ["dates.modified", "upstream_modified"]
    assert found["dataset:authors[].lastName"] == ["creators[].family", "creators[].name"]
    assert "id" in found["dataset:identifier"]
