"""Who asks, and how much of it a node takes from one client."""

from __future__ import annotations

from collections.abc import AsyncIterator
from ipaddress import ip_address, ip_network
from pathlib import Path

import pytest
from aiohttp.test_utils import TestClient, TestServer, make_mocked_request

from api import clients as module
from api.app import create_app
from api.clients import BURST, Clients
from api.node import Node
from index.store import Store
from tests.api.serving import BARE, Client
from tests.index.filling import catalogue, fill

ABROAD = {"X-Forwarded-For": "203.0.113.7"}


@pytest.fixture
async def limited(tmp_path: Path) -> AsyncIterator[Client]:
    """A node that takes 20 requests a minute from one client, 5 of them at once."""
    with Store(tmp_path / "store.sqlite") as store:
        fill(store, [BARE])
        searched = catalogue(store, tmp_path)
        node = Node(store, searched.engine, clients=Clients(a_minute=20))
        async with TestClient(TestServer(create_app(node))) as client:
            yield client
        searched.engine.close()


async def test_one_client_is_told_when_it_may_go_on_and_others_never_notice(limited: Client) -> None:
    statuses = [(await limited.get("/api/v1/search", headers=ABROAD)).status for _ in range(8)]
    assert statuses == [200] * 5 + [429] * 3
    refused = await limited.get("/api/v1/search", headers=ABROAD)
    assert 1 <= int(refused.headers["Retry-After"]) <= 3
    assert "20 times a minute" in (await refused.json(content_type=None))["detail"]
    assert (await limited.get("/", headers={"X-Forwarded-For": "203.0.113.8"})).status == 200
    assert (await limited.get("/")).status == 200  # from this machine itself


async def test_what_keeps_the_node_watched_and_its_pages_whole_has_no_limit(limited: Client) -> None:
    for path in ("/healthz", "/metrics", "/web/style.css"):
        for _ in range(12):
            assert (await limited.get(path, headers=ABROAD)).status == 200, path


async def test_what_is_dear_takes_more(limited: Client) -> None:
    assert (await limited.get("/api/v1/export?format=csv", headers=ABROAD)).status == 200
    assert (await limited.get("/api/v1/search", headers=ABROAD)).status == 429


def test_an_allowance_refills_all_the_time() -> None:
    time = [0.0]
    clients = Clients(a_minute=60, clock=lambda: time[0])
    address = ip_address("203.0.113.7")
    for _ in range(int(BURST)):
        assert clients.take(address) == 0
    assert clients.take(address) == 1
    assert clients.take(address) == 1  # who was refused has used nothing
    time[0] = 1.0
    assert (clients.take(address), clients.take(address)) == (0, 1)


def test_a_network_of_ipv6_is_one_client_and_only_so_many_are_remembered(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    clients = Clients(a_minute=4)
    assert clients.take(ip_address("2001:db8::1")) == 0
    assert clients.take(ip_address("2001:db8::ffff")) > 0
    assert clients.take(ip_address("2001:db8:0:1::1")) == 0
    monkeypatch.setattr(module, "MOST_CLIENTS", 2)
    clients.take(ip_address("203.0.113.7"))
    assert len(clients._used_until) == 2


@pytest.mark.parametrize(
    ("peer", "told", "found"),
    [
        ("203.0.113.7", "127.0.0.1", "203.0.113.7"),  # nobody's proxy may say anything
        ("127.0.0.1", "203.0.113.7", "203.0.113.7"),
        (
            "127.0.0.1",
            "127.0.0.1, 203.0.113.7",
            "203.0.113.7",
        ),  # what the client wrote is not believed
        ("127.0.0.1", "198.51.100.1, 10.1.0.9", "198.51.100.1"),  # two proxies, both ours
        ("127.0.0.1", "198.51.100.1, 10.2.0.9", "10.2.0.9"),
        ("::ffff:127.0.0.1", "2001:db8::1", "2001:db8::1"),
        ("127.0.0.1", "unknown", None),
        ("127.0.0.1", None, "127.0.0.1"),
    ],
)
def test_proxies_are_believed_as_far_as_they_are_ours(peer: str, told: str | None, found: str | None) -> None:
    clients = Clients(proxies=[*module.LOOPBACK, ip_network("10.1.0.0/16")])
    headers = {"X-Forwarded-For": told} if told else {}
    request = make_mocked_request("GET", "/", headers=headers).clone(remote=peer)
    address = clients.address_of(request)
    assert (str(address) if address else None) == found
