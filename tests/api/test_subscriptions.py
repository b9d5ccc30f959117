"""Subscribers are told of each match once, whatever dies meanwhile, and nobody is told who did not agree."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from ipaddress import ip_network
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp.test_utils import TestClient, TestServer

from api import herald as heralds
from api.app import create_app
from api.herald import Herald, checked
from api.node import Node
from api.subscriptions import MOST_AN_HOUR
from index import subscriptions as kept
from index.query import BadQuery
from index.record import Record, Withdrawal
from index.search import Catalogue
from index.store import Store
from index.sync import sync
from tests.api.serving import Client
from tests.api.subscribers import KEY, Subscriber, subscriber
from tests.api.test_cli import run
from tests.index.filling import catalogue, fill

LOOPBACK = (ip_network("127.0.0.0/8"),)


def fish(number: int, title: str = "Zebrafish") -> Record:
    return Record(id=f"demo:{number}", source="demo", title=f"{title} {number}")


@dataclass
class Told:
    """A node with a herald that looks when it is asked to, and a subscriber."""

    client: Client
    store: Store
    searched: Catalogue
    herald: Herald
    receiver: Subscriber

    async def subscribe(self, status: int = 201, **given: Any) -> Any:
        body = {"query": "q=zebrafish", "url": self.receiver.url, "secret": KEY, **given}
        answer = await self.client.post("/api/v1/subscriptions", json=body)
        assert answer.status == status, await answer.text()
        return await answer.json(content_type=None)

    async def keep(self, *records: Record) -> None:
        """Harvest and index records, and let the herald look."""
        fill(self.store, records)
        sync(self.store, self.searched.engine)
        await self.herald.look()


@pytest.fixture
async def node(tmp_path: Path) -> AsyncIterator[Told]:
    async with telling(tmp_path) as told:
        yield told


@asynccontextmanager
async def telling(folder: Path) -> AsyncIterator[Told]:
    with Store(folder / "store.sqlite") as store:
        fill(store, [fish(0), Record(id="demo:mouse", source="demo", title="Mouse")])
        searched = catalogue(store, folder)
        herald = Herald(store, searched.engine, "https://node.example.org", LOOPBACK, timedelta(seconds=-1))
        served = Node(store, searched.engine, public_url="https://node.example.org", herald=herald)
        async with subscriber() as receiver, TestClient(TestServer(create_app(served))) as client:
            yield Told(client, store, searched, herald, receiver)
        searched.engine.close()


# ---- being told ------------------------------------------------------------------------------


async def test_what_is_new_is_told_when_it_is_indexed_and_once(node: Told) -> None:
    made = await node.subscribe()
    assert made["state"] == "active"
    await node.keep(fish(0), fish(1), Record(id="demo:mouse", source="demo", title="Mouse"))
    assert [id_ for id_, _ in node.receiver.told] == ["demo:1"]  # what was there before is not news
    await node.herald.look()
    await node.keep(fish(0), fish(1, "Many zebrafish"), Record(id="demo:mouse", source="demo", title="Mouse"))
    assert [id_ for id_, _ in node.receiver.told] == ["demo:1", "demo:1"]  # a change is
    message = node.receiver.matches[0]
    assert message["records"][0]["page"] == "https://node.example.org/records/demo:1"
    assert message["unsubscribe"] == made["unsubscribe"]


async def test_a_loosely_matched_search_is_told_as_it_is_asked(node: Told) -> None:
    made = await node.subscribe(query="q=zebrafish+quagmire&match=any")
    assert "match=any" in made["query"]
    await node.keep(fish(1))
    assert [id_ for id_, _ in node.receiver.told] == ["demo:1"]


async def test_what_does_not_match_is_told_to_nobody(node: Told) -> None:
    await node.subscribe(query="q=zebrafish&source=elsewhere")
    await node.keep(fish(7))
    assert node.receiver.matches == []
    assert kept.behind(node.store, node.searched.engine.revision(), "9999") == []


async def test_many_matches_come_in_several_messages(node: Told, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(heralds, "PER_MESSAGE", 4)
    await node.subscribe()
    await node.keep(*(fish(n) for n in range(10)))
    while kept.behind(node.store, node.searched.engine.revision(), "9999"):
        await node.herald.look()
    assert sorted(id_ for id_, _ in node.receiver.told) == [f"demo:{n}" for n in range(1, 10)]
    assert [len(message["records"]) for message in node.receiver.matches] == [4, 4, 1]


async def test_a_message_that_is_not_taken_comes_again_under_its_id(node: Told) -> None:
    await node.subscribe()
    tried: list[str] = []
    node.receiver.before_answering = lambda message: tried.append(message["id"])
    node.receiver.status = 503
    await node.keep(fish(1))
    assert [each.failures for each in kept.listed(node.store)] == [1]
    await node.keep(fish(1), fish(2))
    node.receiver.status = 200
    await node.herald.look()
    await node.herald.look()
    assert tried[0] == tried[1] == tried[2] != tried[3]
    assert [id_ for id_, _ in node.receiver.told] == ["demo:1", "demo:2"]
    assert [each.failures for each in kept.listed(node.store)] == [0]


async def test_between_two_tries_it_waits(node: Told) -> None:
    node.herald.first_wait = timedelta(minutes=1)
    await node.subscribe()
    node.receiver.status = 500
    await node.keep(fish(1))
    node.receiver.status = 200
    await node.herald.look()
    assert node.receiver.matches == []


async def test_redirects_are_not_followed(node: Told) -> None:
    await node.subscribe()
    node.receiver.status = 307
    await node.keep(fish(1))
    assert node.receiver.told == []
    assert "status 307" in str(kept.listed(node.store)[0].error)


async def test_who_is_gone_is_told_no_more(node: Told) -> None:
    await node.subscribe()
    node.receiver.status = 410
    await node.keep(fish(1))
    assert [each.state for each in kept.listed(node.store)] == ["lost"]


async def test_withdrawals_are_told_to_whoever_asks_for_them(node: Told) -> None:
    await node.subscribe(query="q=zebrafish&withdrawn=only")
    await node.keep(fish(0).model_copy(update={"withdrawn": Withdrawal(reason="retracted")}))
    assert node.receiver.matches[0]["records"][0]["withdrawn"] is True


async def test_after_a_backup_was_restored_what_comes_is_told(node: Told) -> None:
    await node.subscribe()
    kept.taken(node.store, [kept.listed(node.store)[0].id], 10_000)
    await node.herald.look()
    await node.keep(fish(1))
    assert [id_ for id_, _ in node.receiver.told] == ["demo:1"]


# ---- agreeing, and ending it -----------------------------------------------------------------


async def test_one_link_ends_it(node: Told) -> None:
    made = await node.subscribe()
    link = made["unsubscribe"].removeprefix("https://node.example.org")
    for _ in range(2):
        assert "told of that search no more" in await (await node.client.get(link)).text()
    await node.keep(fish(1))
    assert node.receiver.matches == []
    assert kept.listed(node.store) == []


async def test_the_token_shows_and_ends_it(node: Told) -> None:
    address = f"/api/v1/subscriptions/{(await node.subscribe())['token']}"
    assert (await (await node.client.get(address)).json())["state"] == "active"
    assert (await node.client.delete(address)).status == 200
    assert (await (await node.client.get(address)).json())["state"] == "ended"
    assert (await node.client.get("/api/v1/subscriptions/guessed")).status == 404


async def test_who_does_not_answer_with_the_challenge_is_not_told(node: Told) -> None:
    node.receiver.agrees = False
    made = await node.subscribe(status=202)
    assert made["state"] == "waiting"
    await node.keep(fish(1))
    assert node.receiver.matches == []
    question = node.receiver.got[0]
    assert question["challenge"] not in str(made)  # who subscribed cannot agree for the address
    link = question["confirm"].removeprefix("https://node.example.org")
    assert "I agree" in await (await node.client.get(link)).text()
    await node.keep(fish(1), fish(2))
    assert node.receiver.matches == []  # a program that looks at links agrees to nothing
    assert "Confirmed" in await (await node.client.post(link)).text()
    await node.keep(fish(1), fish(2), fish(3))
    assert [id_ for id_, _ in node.receiver.told] == ["demo:3"]


async def test_who_refuses_is_not_subscribed(node: Told) -> None:
    node.receiver.status = 404
    assert "answered with status 404" in (await node.subscribe(status=400))["detail"]
    assert kept.count(node.store, states=("active", "waiting")) == 0


async def test_nobody_is_asked_too_often(node: Told) -> None:
    node.receiver.agrees = False
    for _ in range(MOST_AN_HOUR):
        await node.subscribe(status=202)
    assert "try again later" in (await node.subscribe(status=429))["detail"]
    assert len(node.receiver.got) == MOST_AN_HOUR


async def test_what_was_not_confirmed_is_forgotten(node: Told) -> None:
    node.receiver.agrees = False
    await node.subscribe(status=202)
    kept.forget(node.store, "2000")
    assert len(kept.listed(node.store)) == 1
    kept.forget(node.store, "9999")
    assert kept.listed(node.store) == []


# ---- what is refused -------------------------------------------------------------------------


@pytest.mark.parametrize(
    "url",
    [
        "http://example.org/hook", "ftp://example.org/", "https://", "https://u:p@example.org/",
        "example.org", "https://10.0.0.1/", "https://[::1]/", "https://169.254.169.254/latest", "https://[::ffff:10.0.0.1]/",
        "https://[64:ff9b::a00:1]/", "https://0.0.0.0/", "https://224.0.0.1/", "https://example.org:0/",
        "http://192.168.1.1/", "https://exa mple.org/", "https://[/", "https://" + "a" * 2_001,
    ],
)  # fmt: skip
async def test_addresses_that_are_not_public_are_refused(node: Told, url: str) -> None:
    assert (await node.subscribe(status=400, url=url))["detail"]
    assert kept.count(node.store) == 0


async def test_names_that_lead_into_the_private_network_are_refused(node: Told) -> None:
    node.herald.networks = ()
    refused = await node.subscribe(status=400, url="https://localhost:9/hook")
    assert "leads to no public address" in refused["detail"]


def test_a_public_address_passes() -> None:
    assert checked("https://example.org:8443/hook?a=b", ()) == "example.org"
    assert checked("https://[2606:4700::1111]/", ()) == "2606:4700::1111"
    with pytest.raises(BadQuery):
        checked("http://[2606:4700::1111]/", LOOPBACK)


@pytest.mark.parametrize(
    "given",
    [
        {"query": "zebrafish"}, {"query": 7}, {"query": "q=a&planet=mars"}, {"query": "year=abc"},
        {"query": "q=a&sort=newest"}, {"secret": "short"}, {"secret": 7}, {"url": None}, {"more": 1},
    ],
)  # fmt: skip
async def test_what_cannot_be_told_is_refused_at_once(node: Told, given: dict[str, Any]) -> None:
    assert (await node.subscribe(status=400, **given))["detail"]
    assert kept.count(node.store) == 0


async def test_without_the_setting_nobody_can_subscribe(node: Told, tmp_path: Path) -> None:
    closed = Node(node.store, node.searched.engine)
    async with TestClient(TestServer(create_app(closed))) as client:
        answer = await client.post("/api/v1/subscriptions", json={"query": "q=a", "url": node.receiver.url})
        assert answer.status == 404
        assert "subscriptions = true" in (await answer.json(content_type=None))["detail"]


# ---- the whole server ------------------------------------------------------------------------


@asynccontextmanager
async def serving(folder: Path) -> AsyncIterator[tuple[asyncio.subprocess.Process, str]]:
    environment = {
        **os.environ, "HEADWATER_OFFLINE": "1", "PYTHONPATH": str(Path(__file__).parents[2]),
        "HEADWATER_SUBSCRIPTIONS": "true", "HEADWATER_SUBSCRIPTION_NETWORKS": '["127.0.0.0/8"]',
    }  # fmt: skip
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "api.cli", "serve", f"--data={folder}", "--port=0", env=environment,
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.DEVNULL, cwd=folder,
    )  # fmt: skip
    try:
        assert process.stdout is not None
        line = (await asyncio.wait_for(process.stdout.readline(), 60)).decode()
        yield process, line.split()[1]
    finally:
        if process.returncode is None:
            process.terminate()
        await asyncio.wait_for(process.wait(), 30)


@pytest.mark.parametrize("when", ["before the answer", "after the answer"])
async def test_a_killed_server_tells_each_match_once_after_its_restart(tmp_path: Path, when: str) -> None:
    with Store(tmp_path / "store.sqlite") as store:
        fill(store, [fish(0)])
        async with subscriber() as receiver:
            async with serving(tmp_path) as (process, address), aiohttp.ClientSession() as session:
                body = {"query": "q=zebrafish", "url": receiver.url, "secret": KEY}
                async with session.post(f"{address}/api/v1/subscriptions", json=body) as answer:
                    assert answer.status == 201, await answer.text()
                fill(store, [fish(0), fish(1)])
                await receiver.until(lambda: len(receiver.told) == 1)
                receiver.before_answering = killing(process, when)
                fill(store, [fish(n) for n in range(5)])
                await asyncio.wait_for(process.wait(), 30)
            fill(store, [fish(n) for n in range(6)])  # while nobody serves
            receiver.before_answering = lambda _message: None
            async with serving(tmp_path):
                await receiver.until(lambda: len(set(receiver.told)) == 5)
                await asyncio.sleep(1.2)  # two more looks, which must find nothing to tell
            assert sorted(id_ for id_, _ in receiver.told) == [f"demo:{n}" for n in range(1, 6)]
            revisions = sorted(revision for _, revision in receiver.told)
            assert len(revisions) == len(set(revisions))
    out, _ = run("subscriptions", f"--data={tmp_path}", "--json", cwd=tmp_path)
    assert '"state":"active"' in out


def killing(process: asyncio.subprocess.Process, when: str) -> Callable[[dict[str, Any]], None]:
    """Kill the server when a message came: at once, or as soon as it may have read the answer."""

    def now(_message: dict[str, Any]) -> None:
        if when == "before the answer":
            process.kill()
        else:
            asyncio.get_running_loop().call_later(0.05, process.kill)

    return now


async def test_two_servers_of_one_node_tell_once(tmp_path: Path) -> None:
    async with telling(tmp_path) as node:
        await node.subscribe()
        other = Herald(node.store, node.searched.engine, "https://other.example.org", LOOPBACK)
        tasks = [asyncio.create_task(each.keep_telling()) for each in (node.herald, other)]
        await asyncio.sleep(0.1)
        fill(node.store, [fish(0), fish(1)])
        sync(node.store, node.searched.engine)
        node.herald.nudge()
        other.nudge()
        await node.receiver.until(lambda: bool(node.receiver.matches))
        await asyncio.sleep(0.3)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        assert len(node.receiver.matches) == 1
