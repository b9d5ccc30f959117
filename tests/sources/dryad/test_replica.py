"""What the replica speaks beyond the search: datasets, versions, files, the sitemap."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import orjson
import pytest

from harvester.errors import Changed, Unavailable
from harvester.http import Http, Polite
from harvester.rehearse import Stock
from harvester.replicas import dryad as upstream
from harvester.replicas.holdings import EPOCH, Generated, Holding, Listed
from harvester.replicas.server import Fault, Replica
from harvester.source import Ask
from harvester.sources import dryad
from tests.conftest import IMPATIENT, bench_of

API = "https://datadryad.org/api/v2"
MOUSE, FILES = "doi:10.5061/dryad.b41j15h", "/versions/11763/files"


@asynccontextmanager
async def asking(holdings: Listed | Generated | None = None) -> AsyncIterator[Polite]:
    async with (
        Replica(upstream, holdings or upstream.bundled()) as replica,
        Http(user_agent="Headwater/test", offline=True, manners=IMPATIENT) as http,
    ):
        yield http.client(dryad.card, replica=replica.base)


async def got(client: Polite, path: str, status: int = 200) -> Any:
    answer = await client.get(f"{API}{path}", accept=(status,))
    return answer.json()


async def test_a_page_has_twenty_unless_more_are_asked_for_and_at_most_a_hundred() -> None:
    async with asking(upstream.generated(250, seed=1)) as client:
        assert (await got(client, "/datasets"))["count"] == 20
        page = await got(client, "/search?q=x&per_page=101&page=2")
        assert page["count"] == 100
        assert page["_links"] == {
            "self": {"href": "/api/v2/search?page=2&per_page=101&q=x"},
            "first": {"href": "/api/v2/search?per_page=101&q=x"},
            "last": {"href": "/api/v2/search?page=3&per_page=101&q=x"},
            "prev": {"href": "/api/v2/search?page=1&per_page=101&q=x"},
            "next": {"href": "/api/v2/search?page=3&per_page=101&q=x"},
        }
        assert "next" not in (await got(client, "/search?per_page=100&page=3"))["_links"]


@pytest.mark.parametrize("asked", ["doi%3A10.5061%2FDRYAD.b41j15h", "10.5061%2Fdryad.b41j15h"])
async def test_a_dataset_is_found_in_any_case_and_without_its_prefix(asked: str) -> None:
    async with asking() as client:
        assert (await got(client, f"/datasets/{asked}"))["identifier"] == MOUSE


async def test_a_version_says_what_the_dataset_says_but_for_its_identity() -> None:
    async with asking() as client:
        dataset = await got(client, "/datasets/doi%3A10.5061%2Fdryad.b41j15h")
        version = await got(client, "/versions/11763")
        assert version["title"] == dataset["title"]
        assert version.keys() & {"identifier", "id", "license", "storageSize"} == set()
        (document,) = dryad.documents(orjson.dumps(version))
        assert document.id == MOUSE
        assert await got(client, "/versions/7", 404) == {"error": "not-found"}


async def test_the_files_of_a_version_come_in_pages() -> None:
    async with asking() as client:
        first = await got(client, f"{FILES}?per_page=8")
        assert (first["count"], first["total"]) == (8, 20)
        assert first["_links"]["next"] == {"href": "/api/v2/versions/11763/files?page=2&per_page=8"}
        assert await got(client, "/versions/7/files", 404) == {"error": "not-found"}


async def test_file_endings_must_all_be_there() -> None:
    async with asking() as client:
        one, both, none = [
            (await got(client, f"/search?fileExt={asked}"))["total"]
            for asked in ("zip", "zip&fileExt=md", "exe")
        ]
        assert one > both > none == 0


async def test_a_day_alone_is_no_bound_of_time() -> None:
    async with asking() as client:
        with pytest.raises(Unavailable, match="500"):
            await got(client, "/search?modifiedSince=2026-01-01")
        before = await got(client, "/search?modifiedBefore=2017-01-01T00:00:00Z&per_page=100")
        days = [entry.get("lastModificationDate", "") for entry in before["_embedded"]["stash:datasets"]]
        assert max(days) < "2017-01-01"


async def test_the_sitemap_lists_all_with_the_time_of_change() -> None:
    async with asking(upstream.generated(1500, seed=1)) as client:
        index = await client.get("https://datadryad.org/sitemap.xml", expect="xml")
        assert index.body.count(b"<sitemap>") == 2
        second = await client.get("https://datadryad.org/sitemap.xml?page=2", expect="xml")
        assert second.body.count(b"<loc>https://datadryad.org/dataset/doi:10.5061/dryad.made") == 500
        assert second.body.count(b"<lastmod>20") == 500


def held(files: int, version: str = "/api/v2/versions/5") -> Listed:
    entry = {
        "identifier": "doi:10.5061/dryad.f",
        "title": "F",
        "_links": {"stash:version": {"href": version}},
    }
    rows = [{"path": f"{n:03}.tif", "size": n, "_links": {}} for n in range(files)]
    body = {"dataset": entry, "files": rows, "total": files}
    return Listed.of([Holding("doi:10.5061/dryad.f", EPOCH, orjson.dumps(body))])


@pytest.mark.parametrize(("files", "listed"), [(1, 1), (100, 100), (150, 150), (450, 200)])
async def test_files_are_listed_up_to_a_limit_and_counted_beyond(files: int, listed: int) -> None:
    async with asking(held(files)) as client:
        page = await anext(aiter(dryad.pages(client, Ask(options={"files": "yes"}))))
        found = dryad.read(page.documents[0]).record.files
        assert (found.count, len(found.listed), found.formats) == (files, listed, ("tif",))


async def test_a_version_whose_files_are_not_shown_leaves_the_dataset_alone() -> None:
    async with (
        Replica(upstream, held(1), faults=[Fault("404", path="/files")]) as replica,
        Http(user_agent="Headwater/test", offline=True, manners=IMPATIENT) as http,
    ):
        client = http.client(dryad.card, replica=replica.base)
        page = await anext(aiter(dryad.pages(client, Ask(options={"files": "yes"}))))
        assert b'"files"' not in page.documents[0].body


async def test_a_version_on_another_host_is_not_asked() -> None:
    async with asking(held(1, "https://elsewhere.example/api/v2/versions/5")) as client:
        with pytest.raises(Changed, match="a version lies at"):
            await anext(aiter(dryad.pages(client, Ask(options={"files": "yes"}))))


async def test_generated_datasets_have_files_and_are_all_about_imaging(tmp_path: Path) -> None:
    async with bench_of("dryad", tmp_path, Stock(generate=45)) as bench:
        report = await bench.harvest(scope="imaging", options={"files": "yes"})
        assert report.state == "complete", report.error
        assert len(bench.content()) == 45
        kept = bench.store.get("dryad:10.5061/dryad.made7")
        assert kept is not None
        assert kept.record().files.formats == ("tif",)
