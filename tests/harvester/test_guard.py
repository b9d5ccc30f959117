"""Whom we ask, at which address, through whom; and that no key leaves by the way."""

from __future__ import annotations

import io
import logging
import sys
from dataclasses import replace
from ipaddress import ip_address, ip_network

import pytest
import structlog
from aiohttp import web
from aiohttp.test_utils import RawTestServer

from api import logs
from config.redact import redact
from config.settings import Settings
from harvester.errors import Refused, Unavailable, UpstreamError
from harvester.guard import Outbound, PublicOnly, checked, is_public
from harvester.http import Http
from tests.harvester.loopback import CARD, HOST, OTHER, URL, Names, always, bad, good, in_turn, live, trusting


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1", "127.8.8.8", "0.0.0.0", "10.1.2.3", "172.16.0.1", "192.168.1.1", "100.64.0.1",  # noqa: S104
        "169.254.169.254", "224.0.0.1", "240.0.0.1", "255.255.255.255", "192.0.2.1", "198.18.0.1",
        "::", "::1", "fe80::1", "fc00::1", "ff02::1", "2001:db8::1",
        "::ffff:127.0.0.1", "::ffff:10.0.0.1", "64:ff9b::7f00:1", "2002:7f00:1::", "2002:c0a8:101::1",
    ],
)  # fmt: skip
def test_an_address_of_this_machine_or_around_it_is_not_public(address: str) -> None:
    assert not is_public(ip_address(address))


@pytest.mark.parametrize(
    "address", ["8.8.8.8", "137.138.52.235", "2001:4860:4860::8888", "::ffff:8.8.8.8", "64:ff9b::808:808"]
)
def test_an_address_of_the_world_is_public(address: str) -> None:
    assert is_public(ip_address(address))


async def test_a_name_that_leads_to_this_machine_is_refused_before_anything_is_sent() -> None:
    async with live(always(good()), outbound=Outbound(tls=trusting())) as upstream:
        with pytest.raises(Refused, match=r"www\.example\.org leads to 127\.0\.0\.1.*private_networks"):
            await upstream.client().get(URL)
        assert upstream.asked == []


async def test_a_name_that_is_rebound_after_the_first_look_is_refused_at_the_second() -> None:
    names = PublicOnly(Names(addresses=["8.8.8.8", "127.0.0.1"]), ())
    assert [each["host"] for each in await names.resolve(HOST, 443)] == ["8.8.8.8"]
    with pytest.raises(OSError, match="leads to"):
        await names.resolve(HOST, 443)


async def test_a_connection_goes_to_the_very_address_that_was_looked_at() -> None:
    async with live(always(bad(503))) as upstream:
        with pytest.raises(Unavailable):
            await upstream.client().get(URL)
        assert upstream.names.asked == [HOST]
        assert {request.remote for request in upstream.asked} == {"127.0.0.1"}


async def test_a_network_the_operator_names_may_be_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HEADWATER_PRIVATE_NETWORKS", '["127.0.0.0/8"]')
    settings = Settings(offline=False)
    way = Outbound(networks=Http.of(settings).outbound.networks, tls=trusting())
    assert way.networks == (ip_network("127.0.0.0/8"),)
    async with live(always(good()), outbound=way) as upstream:
        assert (await upstream.client().get(URL)).json() == {"a": 1}


async def test_who_has_no_certificate_we_trust_gets_nothing() -> None:
    way = Outbound(networks=(ip_network("127.0.0.0/8"),))
    async with live(always(good()), outbound=way) as upstream:
        with pytest.raises(Refused, match="its certificate is not valid"):
            await upstream.client().get(URL, headers={"Authorization": "Bearer key"})
        assert upstream.asked == []


async def test_a_certificate_for_another_name_is_none() -> None:
    async with live(always(good())) as upstream:
        client = upstream.http.client(replace(CARD, hosts=("other.example.net",)))
        with pytest.raises(Refused, match="its certificate is not valid"):
            await client.get("https://other.example.net/")


@pytest.mark.parametrize(
    "url",
    [
        f"http://{HOST}/", f"ftp://{HOST}/", "file:///etc/passwd", f"https://{HOST}:8443/",
        f"https://user:pass@{HOST}/", f"https://{HOST}.evil.example/", f"https://{HOST}@evil.example/",
        "https://127.0.0.1/", "https://[::1]/", f"https://{HOST}:99999/", f"//{HOST}/", "",
    ],
)  # fmt: skip
def test_only_https_on_its_own_port_of_a_host_of_the_card(url: str) -> None:
    with pytest.raises(Refused, match="toy may not ask"):
        checked(url, CARD.hosts, CARD.name)


@pytest.mark.parametrize(
    "target",
    [
        f"http://{HOST}/",
        "https://evil.example/",
        f"https://{HOST}:8443/",
        "//evil.example/",
        "file:///etc/passwd",
    ],
)
async def test_a_redirect_leads_nowhere_a_question_may_not(target: str) -> None:
    async with live(always(bad(302, Location=target))) as upstream:
        with pytest.raises(Refused, match="redirected to"):
            await upstream.client().get(URL)
        with pytest.raises(Refused, match="redirected to"):
            await anext(upstream.client().stream(URL))
        assert len(upstream.asked) == 2


async def test_a_download_follows_a_redirect_within_the_card() -> None:
    moved = bad(302, Location=f"https://{OTHER}/file")
    async with live(in_turn(moved, good(b"content"))) as upstream:
        client = upstream.client()
        assert [piece async for piece in client.stream(URL)] == [b"content"]
        assert (upstream.asked[1].host, client.traffic.requests) == (OTHER, 2)


@pytest.mark.parametrize(
    ("target", "sent"), [(f"https://{OTHER}/", None), (f"https://{HOST}/b", "Bearer key")]
)
async def test_a_key_stays_with_the_host_it_is_for(target: str, sent: str | None) -> None:
    async with live(in_turn(bad(307, Location=target), good())) as upstream:
        await upstream.client().get(URL, headers={"Authorization": "Bearer key"})
        assert upstream.asked[1].headers.get("Authorization") == sent


async def test_see_other_is_asked_with_get() -> None:
    async with live(in_turn(bad(303, Location=f"https://{HOST}/b"), good())) as upstream:
        await upstream.client().post(URL, b"body")
        assert upstream.asked[1].method == "GET"


async def _proxy_of_the_environment(monkeypatch: pytest.MonkeyPatch, outbound: Outbound) -> list[str]:
    met: list[str] = []

    async def door(request: web.BaseRequest) -> web.Response:
        met.append(f"{request.method} {request.path}")
        return web.Response(status=502)

    async with RawTestServer(door) as proxy:
        monkeypatch.setenv("HTTPS_PROXY", f"http://127.0.0.1:{proxy.port}")
        monkeypatch.setenv("https_proxy", f"http://127.0.0.1:{proxy.port}")
        monkeypatch.delenv("no_proxy", raising=False)
        monkeypatch.delenv("NO_PROXY", raising=False)
        async with live(always(good()), outbound=outbound) as upstream:
            if outbound.proxy is None:
                await upstream.client().get(URL)
            else:
                upstream.names.port = proxy.port or 0
                with pytest.raises(Unavailable):
                    await upstream.client().get(URL)
    return met


async def test_a_proxy_of_the_environment_is_used_only_when_configured(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    way = Outbound(networks=(ip_network("127.0.0.0/8"),), tls=trusting())
    assert await _proxy_of_the_environment(monkeypatch, way) == []
    asked = await _proxy_of_the_environment(monkeypatch, Outbound(proxy="environment", tls=trusting()))
    assert len(asked) == 3
    assert asked[0].startswith("CONNECT")


def test_hosts_that_need_no_proxy_are_asked_directly(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("https_proxy", "http://proxy.example:3128")
    monkeypatch.setenv("no_proxy", HOST)
    way = Outbound(proxy="environment")
    assert (way.proxy_for(HOST), way.proxy_for(OTHER)) == (None, "http://proxy.example:3128")


@pytest.mark.parametrize(
    ("text", "hidden"),
    [
        ("https://a/b?access_token=s3cret&page=2", "https://a/b?access_token=[hidden]&page=2"),
        ("https://a/b?page=2&api_key=s3cret", "https://a/b?page=2&api_key=[hidden]"),
        ("https://a/b?X-Amz-Signature=s3cret", "https://a/b?X-Amz-Signature=[hidden]"),
        ("https://me:s3cret@a/b", "https://[hidden]@a/b"),
        ("{'Authorization': 'Bearer s3cret'}", "{'Authorization': 'Bearer [hidden]'}"),
        ("Authorization: Basic s3cret, x", "Authorization: Basic [hidden], x"),
        ("https://a/oai?verb=ListRecords&resumptionToken=abc", None),
        ("https://a/b?q=keyword&sort=token", None),
        ("mail@example.org", None),
    ],
)
def test_credentials_are_hidden_and_nothing_else(text: str, hidden: str | None) -> None:
    assert redact(text) == (hidden or text)


def test_errors_hold_no_credentials() -> None:
    error = UpstreamError("no answer at https://me:s3cret@a/", url="https://a/?token=s3cret")
    assert "s3cret" not in f"{error} {error.what} {error.url}"


@pytest.mark.parametrize("form", ["text", "json"])
def test_no_line_of_the_log_holds_credentials(form: str, monkeypatch: pytest.MonkeyPatch) -> None:
    stream = io.StringIO()
    monkeypatch.setattr(sys, "stderr", stream)
    logs.configure("info", form)  # type: ignore[arg-type]
    structlog.get_logger().warning("asked", url="https://a/?token=s3cret", headers="Authorization: s3cret")
    logging.getLogger("aiohttp").warning("proxy %s", "http://me:s3cret@proxy:3128")
    try:
        raise ValueError("https://me:s3cret@a/")
    except ValueError:
        structlog.get_logger().exception("it broke")
    assert "it broke" in stream.getvalue()
    assert "ValueError" in stream.getvalue()
    assert "s3cret" not in stream.getvalue()


async def test_the_address_of_an_answer_holds_no_key() -> None:
    async with live(always(good())) as upstream:
        answer = await upstream.client().get(URL, params={"access_token": "s3cret", "page": 1})
        assert answer.url == f"{URL}?access_token=[hidden]&page=1"
        assert upstream.asked[0].query_string == "access_token=s3cret&page=1"


def test_the_password_of_a_proxy_is_not_shown() -> None:
    assert "s3cret" not in repr(Settings(proxy="http://me:s3cret@proxy:3128"))
