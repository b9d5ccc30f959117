"""What is believed of an answer: nothing too large, half or disguised; and no page is lost for a byte."""

from __future__ import annotations

import asyncio
import gzip
import socket
import zlib
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import orjson
import pytest
from aiohttp import web
from hypothesis import given
from hypothesis import strategies as st

from harvester import mend, unpack
from harvester.belief import TryAgain, believed, plain
from harvester.errors import BadRecord, BrokenOff, Changed, Unavailable
from harvester.protocols.xml import parse_xml
from harvester.source import Answer, Expect
from tests.conftest import IMPATIENT
from tests.harvester.loopback import URL, always, good, live

MOST = 10_000_000


def answer(body: bytes, **headers: str) -> Answer:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Answer(URL, 200, named, body, datetime(2026, 11, 22, tzinfo=UTC))


def read(body: bytes, expect: Expect = "json", **headers: str) -> Answer:
    return believed(plain(answer(body, **headers), expect, MOST), expect)


RAW = b'{"title": "Light-sheet imaging of zebrafish"}'
ZLIB = zlib.compress(RAW)
BARE = zlib.compressobj(wbits=-15)
BARE_BYTES = BARE.compress(RAW) + BARE.flush()


@pytest.mark.parametrize(
    ("body", "headers"),
    [
        (RAW, {}),
        (gzip.compress(RAW), {"Content_Encoding": "gzip"}),
        (gzip.compress(RAW), {"Content_Encoding": "x-gzip"}),
        (gzip.compress(RAW), {}),  # unannounced
        (
            gzip.compress(gzip.compress(RAW)),
            {"Content_Encoding": "gzip"},
        ),  # packed by two servers, told by one
        (gzip.compress(gzip.compress(RAW)), {"Content_Encoding": "gzip, gzip"}),
        (gzip.compress(RAW[:9]) + gzip.compress(RAW[9:]), {"Content_Encoding": "gzip"}),
        (gzip.compress(RAW) + b"\0" * 40, {"Content_Encoding": "gzip"}),
        (RAW, {"Content_Encoding": "gzip"}),  # announced and not so
        (RAW, {"Content_Encoding": "identity"}),
        (ZLIB, {"Content_Encoding": "deflate"}),
        (BARE_BYTES, {"Content_Encoding": "deflate"}),
    ],
)
def test_a_body_is_read_however_it_was_packed_for_the_way(body: bytes, headers: dict[str, str]) -> None:
    assert read(body, "json", **headers).json() == {"title": "Light-sheet imaging of zebrafish"}


@pytest.mark.parametrize("labeled", [{}, {"Content_Encoding": "gzip"}])
@pytest.mark.parametrize("times", [1, 2])
def test_an_archive_stays_packed_and_loses_only_what_it_was_packed_in_twice(
    labeled: dict[str, str], times: int
) -> None:
    archive = gzip.compress(b"a member" * 90)
    body = gzip.compress(archive) if times == 2 else archive
    if times == 2 and not labeled:
        labeled = {"Content_Encoding": "gzip"}
    assert read(body, "gzip", **labeled).body == archive


@pytest.mark.parametrize("share", [0.2, 0.6, 0.95])
def test_a_packed_answer_cut_on_the_way_is_asked_for_again(share: float) -> None:
    whole = gzip.compress(RAW * 50)
    with pytest.raises(TryAgain, match="cut or broken gzip"):
        read(whole[: int(len(whole) * share)], Content_Encoding="gzip")


def test_a_packing_we_did_not_offer_is_named() -> None:
    with pytest.raises(Changed, match="packed as br"):
        read(RAW, Content_Encoding="br")


def zeros(count: int) -> bytes:
    return gzip.compress(bytes(count), compresslevel=9)


@pytest.mark.parametrize(
    ("body", "why"),
    [
        (zeros(MOST + 1), "more than 10000000 bytes"),
        (gzip.compress(zeros(MOST + 1)), "more than 10000000 bytes"),
    ],
)
def test_an_answer_that_unpacks_to_more_than_we_hold_is_refused(body: bytes, why: str) -> None:
    with pytest.raises(Changed, match=why):
        read(body, Content_Encoding="gzip")


def test_an_archive_a_thousand_times_its_size_is_a_bomb() -> None:
    with pytest.raises(Changed, match="more than 200 times its size"):
        read(zeros(40 * 1024 * 1024), "gzip")


def test_a_million_empty_members_are_a_bomb() -> None:
    with pytest.raises(unpack.Bomb, match="empty gzip members"):
        unpack.gunzip(gzip.compress(b"") * 3_000, MOST)


def test_what_is_honestly_packed_well_is_no_bomb() -> None:
    table = b"".join(b"%d\tidr%04d\tCC BY 4.0\n" % (number, number % 90) for number in range(300_000))
    assert unpack.gunzip(gzip.compress(table), MOST) == table


@given(st.binary(max_size=3000), st.integers(1, 9))
def test_what_was_packed_is_unpacked(body: bytes, level: int) -> None:
    assert unpack.gunzip(gzip.compress(body, level), MOST) == body


async def test_a_bomb_on_the_wire_is_refused_and_the_wire_is_what_counts() -> None:
    packed = gzip.compress(b"[%s1]" % (b"1," * 100_000))
    manners = replace(IMPATIENT, largest=100_000)
    async with live(always(good(packed, Content_Encoding="gzip")), manners=manners) as upstream:
        client = upstream.client()
        with pytest.raises(Changed, match="unpacks to more than 100000 bytes"):
            await client.get(URL)
        assert client.traffic.bytes == len(packed)


# One bad document on a page


@pytest.mark.parametrize(
    ("body", "second"),
    [
        (b'[{"a": "one"}, {"a": "t\x0bw\x00o"}]', "t\x0bw\x00o"),
        (b'[{"a": "one"}, {"a": "t\two\n"}]', "t\two\n"),
        (rb'[{"a": "one"}, {"a": "two \ud83d"}]', "two ?"),
        (rb'[{"a": "one"}, {"a": "\ud83d\ude00"}, NaN]', "\N{GRINNING FACE}"),
        (b'[{"a": "one"}, {"a": "Universit\xe9"}]', "Université"),
        (b"\xef\xbb\xbf" + b'[{"a": "one"}, {"a": "two"}]', "two"),
        ('[{"a": "one"}, {"a": "Zürich"}]'.encode("utf-16"), "Zürich"),
    ],
    ids=["control", "tab", "half a pair", "NaN", "windows-1252", "byte order mark", "utf-16"],
)
def test_a_character_json_forbids_does_not_cost_the_page(body: bytes, second: str) -> None:
    with pytest.raises(orjson.JSONDecodeError):
        orjson.loads(body)
    found = read(body)
    assert [each["a"] for each in found.json()[:2]] == ["one", second]
    assert orjson.loads(found.body) == found.json()


XML = '<?xml version="1.0" encoding="UTF-8"?>\n<a><t>Zürich {}</t></a>'


@pytest.mark.parametrize(
    ("body", "text"),
    [
        (XML.format("a\x0bb").encode(), "Zürich a b"),
        (XML.format("a&#x1F;b&#0;").encode(), "Zürich a b "),
        (XML.format("a&#xD83D;b&#228;").encode(), "Zürich a bä"),
        (XML.format("a\uffffb").encode(), "Zürich a b"),
        (XML.format("X").encode().replace(b"X", b"Universit\xe9"), "Zürich Université"),
        (b"\n" + XML.format("x").encode(), "Zürich x"),
        (XML.format("x").replace("UTF-8", "utf8mb4").encode(), "Zürich x"),
    ],
    ids=["control", "reference", "surrogate", "ffff", "windows-1252 in utf-8", "early space", "no charset"],
)
def test_a_character_xml_forbids_does_not_cost_the_page(body: bytes, text: str) -> None:
    with pytest.raises(BadRecord):
        parse_xml(body)
    found = read(body, "xml")
    assert found.parsed[0].text == text
    assert parse_xml(found.body)[0].text == text


@pytest.mark.parametrize("charset", ["iso-8859-1", "utf-8", "shift_jis", "no such charset"])
def test_a_wrong_charset_in_the_header_spoils_nothing(charset: str) -> None:
    body = XML.format("é").encode()
    assert read(body, "xml", Content_Type=f"text/xml; charset={charset}").parsed[0].text == "Zürich é"


def test_a_charset_told_only_by_the_header_is_believed_where_utf_8_fails() -> None:
    body = "<a><t>顕微鏡</t></a>".encode("shift_jis")
    assert read(body, "xml", Content_Type="text/xml; charset=Shift_JIS").parsed[0].text == "顕微鏡"


@pytest.mark.parametrize("keep", [0.3, 0.7, 0.99])
@pytest.mark.parametrize(
    ("body", "expect"),
    [(b'[{"a": "o\x00ne"}, {"a": "two"}]', "json"), (XML.format("a\x0bb").encode(), "xml")],
)
def test_what_was_cut_stays_cut_however_it_is_mended(body: bytes, expect: Expect, keep: float) -> None:
    with pytest.raises(TryAgain, match=r"cut or broken|broken XML|no XML"):
        read(body[: int(len(body) * keep)], expect)


@given(st.binary(max_size=200))
def test_mending_never_breaks_down(body: bytes) -> None:
    for mended in (mend.json_text, mend.xml_text):
        found = mended(b"<a>" + body, None)
        assert found is None or found.decode("utf-8")


async def test_a_page_with_one_bad_document_keeps_the_others(tmp_path: Path) -> None:
    body = b'{"hits": [{"title": "good"}, {"title": "vertical\x0btab"}, {"title": "good"}]}'
    async with live(always(good(body))) as upstream:
        client = upstream.client()
        hits = (await client.get(URL)).json()["hits"]
        assert [hit["title"] for hit in hits] == ["good", "vertical\x0btab", "good"]
        assert client.traffic.retries == 0


# XML from strangers

LAUGHS = b"<!DOCTYPE a [<!ENTITY b0 'ha'>%s]><a>&b9;</a>" % b"".join(
    b"<!ENTITY b%d '%s'>" % (level, b"&b%d;" % (level - 1) * 10) for level in range(1, 10)
)


@pytest.mark.parametrize(
    "body",
    [
        LAUGHS,
        b"<!DOCTYPE a [<!ENTITY b SYSTEM 'file:///etc/passwd'>]><a>&b;</a>",
        b"<!DOCTYPE a [<!ENTITY %% b SYSTEM 'http://127.0.0.1:9/x.dtd'> %%b;]><a/>".replace(b"%%", b"%"),
        b"<!DOCTYPE a SYSTEM 'http://127.0.0.1:9/x.dtd'><a/>",
        b"<!DOCTYPE a [<!ATTLIST a b CDATA 'c'>]><a/>",
    ],
    ids=["a billion laughs", "a file", "a parameter entity", "a DTD elsewhere", "a DTD within"],
)
def test_xml_with_a_dtd_is_refused_and_nothing_is_fetched(
    body: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise AssertionError("the network was asked")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    with pytest.raises(BadRecord) as caught:
        parse_xml(body)
    assert "root:" not in str(caught.value)


def test_an_include_is_a_plain_element() -> None:
    body = b'<a xmlns:xi="http://www.w3.org/2001/XInclude"><xi:include href="/etc/passwd" parse="text"/></a>'
    assert "root:" not in "".join(parse_xml(body).itertext())


def test_xml_nested_without_end_is_refused() -> None:
    with pytest.raises(BadRecord):
        parse_xml(b"<a>" * 100_000)


# Downloads


async def test_a_download_has_a_largest_size_of_its_own() -> None:
    async with live(always(good(b"x" * 5000))) as upstream:
        with pytest.raises(Changed, match="download larger than 1000 bytes"):
            await collected(upstream.client().stream(URL, largest=1000))
        assert await collected(upstream.client().stream(URL, largest=5000)) == b"x" * 5000


async def collected(pieces: Any) -> bytes:
    return b"".join([piece async for piece in pieces])


async def drip(request: web.Request) -> web.StreamResponse:
    response = web.StreamResponse()
    await response.prepare(request)
    for _ in range(100):
        await response.write(b"x")
        await asyncio.sleep(0.02)
    return response


async def test_a_download_that_drips_is_broken_off() -> None:
    async with live(drip, manners=replace(IMPATIENT, read=0.1)) as upstream:
        with pytest.raises(BrokenOff, match="slower than 1024 bytes a second"):
            await collected(upstream.client().stream(URL))


async def test_an_answer_that_drips_is_given_up() -> None:
    async with live(drip, manners=replace(IMPATIENT, attempts=1, total=0.2)) as upstream:
        with pytest.raises(Unavailable, match="no whole answer"):
            await upstream.client().get(URL)


async def test_a_slow_reader_is_not_taken_for_a_slow_upstream() -> None:
    async with live(always(good(b"x" * 600_000)), manners=replace(IMPATIENT, read=0.05)) as upstream:
        size = 0
        async for piece in upstream.client().stream(URL):
            size += len(piece)
            await asyncio.sleep(0.1)
        assert size == 600_000


async def test_a_download_is_asked_for_as_it_is() -> None:
    archive = gzip.compress(b"content")
    async with live(always(good(archive, Content_Encoding="gzip"))) as upstream:
        assert await collected(upstream.client().stream(URL)) == archive
        assert upstream.asked[0].headers["Accept-Encoding"] == "identity"
