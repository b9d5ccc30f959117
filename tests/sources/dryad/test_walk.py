"""How Dryad's list is walked, also while it changes."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import orjson
import pytest

from harvester.errors import Changed, Unavailable
from harvester.http import Http, Polite
from harvester.probe import probe
from harvester.rehearse import Stock
from harvester.replicas import dryad as upstream
from harvester.replicas.holdings import Holding, Listed
from harvester.replicas.server import Fault, Replica
from harvester.source import Ask, Page
from harvester.sources import dryad
from index.record import Withdrawal
from tests.conftest import IMPATIENT, bench_of


def made(count: int) -> Listed:
    holdings = upstream.generated(count, seed=1)
    return Listed.of(holdings[place] for place in range(count))


@asynccontextmanager
async def asking(holdings: Listed) -> AsyncIterator[tuple[Replica, Polite]]:
    async with (
        Replica(upstream, holdings) as replica,
        Http(user_agent="Headwater/test", offline=True, manners=IMPATIENT) as http,
    ):
        yield replica, http.client(dryad.card, replica=replica.base)


async def walk(client: Polite, ask: Ask, between: Callable[[int], None] = lambda _: None) -> list[Page]:
    pages = []
    async for page in dryad.pages(client, ask):
        pages.append(page)
        between(len(pages))
    return pages


def seen(pages: list[Page]) -> set[str | None]:
    return {document.id for page in pages for document in page.documents}


async def test_the_whole_list_is_read_in_pages_of_a_hundred_the_last_changed_first() -> None:
    async with asking(made(250)) as (replica, client):
        pages = await walk(client, Ask())
        assert [len(page.documents) for page in pages] == [100, 100, 50, 0]
        assert [page.announced for page in pages] == [250, 250, 250, None]
        assert seen(pages) == set(replica.listed().held)
        assert replica.asked[1] == "GET /api/v2/search?per_page=100&page=2&sort=updated_at_dt+desc"
        assert "modifiedSince=" in replica.asked[3]


@pytest.mark.parametrize("place", [0, 120, 249])
async def test_a_dataset_changed_while_the_list_is_read_is_read_as_changed_and_hides_no_other(
    place: int,
) -> None:
    async with asking(made(250)) as (replica, client):
        id_ = replica.listed()[place].id

        def change(pages: int) -> None:
            if pages == 1:
                replica.change(id_, "Changed while we read")

        pages = await walk(client, Ask(), change)
        assert seen(pages) == set(replica.listed().held)
        bodies = [doc.body for page in pages for doc in page.documents if doc.id == id_]
        assert orjson.loads(bodies[-1])["title"] == "Changed while we read"


async def test_the_oldest_first_would_lose_one_for_each_that_changes() -> None:
    # The reason for the order: the same change, read as the sitemap does, hides a dataset.
    async with asking(made(250)) as (replica, client):
        ids: set[str] = set()
        for page in (1, 2, 3):
            params = {"per_page": 100, "page": page, "sort": "updated_at_dt asc"}
            answer = await client.get("https://datadryad.org/api/v2/search", params=params)
            ids |= {entry["identifier"] for entry in answer.json()["_embedded"]["stash:datasets"]}
            if page == 1:
                replica.change(replica.listed()[0].id, "Changed while we read")
        assert len(set(replica.listed().held) - ids) == 1


@pytest.mark.parametrize("many", [1, 3, 130])
async def test_datasets_withdrawn_while_the_list_is_read_hide_no_other(many: int) -> None:
    async with asking(made(450)) as (replica, client):

        def withdraw(pages: int) -> None:
            if pages == 2:
                for held in replica.listed().in_order()[-many:]:
                    replica.listed().withdraw(held.id)

        pages = await walk(client, Ask(), withdraw)
        assert seen(pages) >= {held.id for held in replica.listed().in_order()}


async def test_a_walk_that_is_taken_up_days_later_misses_nothing() -> None:
    async with asking(made(250)) as (replica, client):
        first = await anext(aiter(dryad.pages(client, Ask())))
        for held in replica.listed().in_order()[:20]:
            replica.change(held.id, "Changed in the meantime")
        replica.listed().put(Holding("doi:10.5061/dryad.new", datetime.now(UTC), held_new()))
        rest = await walk(client, Ask(bookmark=first.bookmark))
        assert seen([first, *rest]) == set(replica.listed().held)


def held_new() -> bytes:
    return orjson.dumps({"identifier": "doi:10.5061/dryad.new", "title": "New"})


async def test_a_walk_that_was_done_asks_nothing_more() -> None:
    async with asking(made(5)) as (replica, client):
        last = (await walk(client, Ask()))[-1]
        replica.asked.clear()
        assert await walk(client, Ask(bookmark=last.bookmark)) == []
        assert replica.asked == []


async def test_only_what_changed_is_asked_for_by_a_full_time_in_utc() -> None:
    async with asking(made(250)) as (replica, client):
        since = replica.listed()[240].changed
        pages = await walk(client, Ask(since=since))
        assert seen(pages) == {replica.listed()[place].id for place in range(240, 250)}
        assert f"modifiedSince={since:%Y-%m-%dT%H:%M:%SZ}" in replica.asked[0].replace("%3A", ":")
        assert pages[0].announced is None


async def test_a_sample_is_the_newest_about_microscopy() -> None:
    async with asking(upstream.bundled()) as (replica, client):
        pages = await walk(client, Ask(newest=3))
        assert len(seen(pages)) == 3
        assert all(b"microscopy" in doc.body.lower() for page in pages for doc in page.documents)
        assert replica.asked == ["GET /api/v2/search?per_page=3&page=1&sort=updated_at_dt+desc&q=microscopy"]


async def test_the_page_size_is_learned_from_the_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("harvester.replicas.dryad_answers.LARGEST_PAGE", 40)
    async with asking(made(95)) as (replica, client):
        pages = await walk(client, Ask())
        assert [len(page.documents) for page in pages] == [40, 40, 15, 0]
        assert seen(pages) == set(replica.listed().held)


async def test_a_page_that_comes_again_ends_the_walk() -> None:
    async with asking(made(250)) as (replica, client):
        replica.faults.append(Fault("repeat-token", at=2, times=9))
        with pytest.raises(Changed, match="the list repeats"):
            await walk(client, Ask())


async def test_the_rate_limit_is_waited_for_by_its_epoch(tmp_path: Path) -> None:
    async with bench_of("dryad", tmp_path, Stock(generate=450)) as bench:
        published = upstream.limit()
        bench.replica.limit = replace(published, requests=2, seconds=1)
        report = await bench.harvest()
        assert report.state == "complete", report.error
        assert len(bench.content()) == 450
        assert len(bench.replica.asked) > 6
        assert (published.requests, published.seconds) == (30, 60)
        assert published.headers(30, 0, 1000.5) == {
            "RateLimit-Limit": "30",
            "RateLimit-Remaining": "0",
            "RateLimit-Reset": "1001",
        }


async def test_no_path_looks_like_a_break_in(tmp_path: Path) -> None:
    async with bench_of("dryad", tmp_path) as bench:
        await bench.harvest(options={"files": "yes"})
        bench.replica.listed().withdraw("doi:10.5061/dryad.gc72v")
        await bench.harvest(options={"files": "yes"})
        known = re.compile(
            r"GET /api/v2/(search\?|versions/\d+/files\?|datasets/doi(%3A|:)10\.5061%2Fdryad\.gc72v$)"
        )
        assert all(known.match(asked) for asked in bench.replica.asked)


async def test_files_are_asked_for_only_when_the_operator_says_so(tmp_path: Path) -> None:
    async with bench_of("dryad", tmp_path) as bench:
        await bench.harvest()
        assert not [asked for asked in bench.replica.asked if "/files" in asked]
        await bench.harvest(options={"files": "yes"})
        kept = bench.store.get("dryad:10.5061/dryad.s1rn8pkb1")
        assert kept is not None
        files = kept.record().files
        assert (files.count, files.formats) == (2, ("zip", "md"))
        assert files.listed[0].url == "https://datadryad.org/downloads/file_stream/410043"


async def test_a_withdrawal_is_believed_only_in_dryads_own_words() -> None:
    async with asking(upstream.bundled()) as (replica, client):
        id_ = "doi:10.5061/dryad.gc72v"
        assert await dryad.gone(client, id_) is None
        replica.listed().withdraw(id_)
        assert await dryad.gone(client, id_) == Withdrawal(reason="cannot be viewed")
        del replica.listed().held[id_]
        assert await dryad.gone(client, id_) == Withdrawal(reason="not found")
        assert replica.asked[-1] in {
            "GET /api/v2/datasets/doi%3A10.5061%2Fdryad.gc72v",
            "GET /api/v2/datasets/doi:10.5061%2Fdryad.gc72v",
        }
        replica.faults.append(Fault("404"))
        with pytest.raises(Changed, match="neither a dataset nor word of its absence"):
            await dryad.gone(client, id_)


async def test_the_replica_answers_as_we_assume_of_the_upstream() -> None:
    async with (
        Replica(upstream, upstream.bundled()) as replica,
        Http(user_agent="Headwater/test", offline=True, manners=IMPATIENT) as http,
    ):
        findings = await probe(dryad, http, replica.base)
        assert [finding for finding in findings if not finding.holds] == []


async def test_a_doi_whose_slash_is_not_encoded_finds_an_empty_404() -> None:
    async with asking(upstream.bundled()) as (_, client):
        with pytest.raises(Unavailable, match="empty answer"):
            await client.get(
                "https://datadryad.org/api/v2/datasets/doi:10.5061/dryad.gc72v", accept=(200, 404)
            )
