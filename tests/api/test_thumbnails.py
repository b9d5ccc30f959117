"""Pictures of records: from their repositories only, small, kept, and never a way to anywhere else."""

from __future__ import annotations

import asyncio
import io
import os
import ssl
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer
from PIL import Image

from api import thumbnails
from api.app import create_app
from api.node import Node
from api.thumbnails import Allowed, NoPicture, Shelf, Thumbnails, Way, made_small
from harvester.registry import SOURCES
from harvester.run import shown as shown_of
from index.record import Links, Record
from index.store import Store
from tests.harvester.loopback import HOST, LOOPBACK, OTHER, PEM, Names, trusting
from tests.index.filling import catalogue, fill

PICTURES = f"https://{HOST}/pictures/"
ALLOWED = Allowed((PICTURES,), pace=0.0)


def picture(width: int = 400, height: int = 300, form: str = "PNG", mode: str = "RGB", **named: Any) -> bytes:
    written = io.BytesIO()
    Image.new(mode, (width, height), "red" if mode == "RGB" else None).save(written, form, **named)
    return written.getvalue()


@dataclass
class Repository:
    """What a repository answers by path, and what it was asked."""

    answers: dict[str, web.Response | float] = field(default_factory=dict)
    asked: list[web.Request] = field(default_factory=list)
    under_way: int = 0
    most_under_way: int = 0

    async def answer(self, request: web.Request) -> web.StreamResponse:
        self.asked.append(request)
        self.under_way += 1
        self.most_under_way = max(self.most_under_way, self.under_way)
        await asyncio.sleep(0.01)
        self.under_way -= 1
        found = self.answers.get(request.path, 404)
        if isinstance(found, web.Response):  # one can be sent once only
            return web.Response(status=found.status, body=found.body, headers=found.headers)
        return web.Response(status=int(found))


@asynccontextmanager
async def open_to(
    folder: Path, repository: Repository, *, networks: Sequence[Any] = (LOOPBACK,), offline: bool = False
) -> AsyncIterator[tuple[Thumbnails, Names]]:
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", repository.answer)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(PEM)
    server = TestServer(app, scheme="https")
    await server.start_server(ssl=context)
    names = Names(server.port or 0)
    way = Way("Headwater/9 (+me)", offline, networks, names, trusting())
    fetching = Thumbnails(folder, 1_000_000, way)
    try:
        yield fetching, names
    finally:
        await fetching.close()
        await server.close()


async def test_a_picture_is_asked_for_once_made_small_and_kept(tmp_path: Path) -> None:
    repository = Repository({"/pictures/1.png": web.Response(body=picture())})
    async with open_to(tmp_path, repository) as (fetching, _):
        both = await asyncio.gather(*(fetching.of(f"{PICTURES}1.png", ALLOWED) for _ in range(2)))
        assert both[0] == both[1] == await fetching.of(f"{PICTURES}1.png", ALLOWED)
    with Image.open(io.BytesIO(both[0])) as small:
        assert (small.format, small.size) == ("WEBP", (176, 132))
    (asked,) = repository.asked
    assert asked.headers["User-Agent"] == "Headwater/9 (+me)"
    async with open_to(tmp_path, Repository(), offline=True) as (later, _):
        assert await later.of(f"{PICTURES}1.png", ALLOWED) == both[0]
        with pytest.raises(NoPicture, match="offline"):
            await later.of(f"{PICTURES}2.png", ALLOWED)


@pytest.mark.parametrize(
    "address",
    [
        f"https://{OTHER}/pictures/1.png", f"http://{HOST}/pictures/1.png", f"https://{HOST}/else/1.png",
        f"https://{HOST}@evil.example/pictures/1.png", f"https://{HOST}.evil.example/pictures/1.png",
        "https://127.0.0.1/pictures/1.png", "file:///etc/passwd", "", f"//{HOST}/pictures/1.png",
    ],
)  # fmt: skip
async def test_only_what_begins_as_the_card_says_is_asked_for(tmp_path: Path, address: str) -> None:
    repository = Repository()
    async with open_to(tmp_path, repository) as (fetching, names):
        with pytest.raises(NoPicture, match="no host of this repository's pictures"):
            await fetching.of(address, ALLOWED)
        with pytest.raises(NoPicture, match="no host"):
            await fetching.of(f"{PICTURES}1.png", Allowed.of({}))
    assert (repository.asked, names.asked) == ([], [])


@pytest.mark.parametrize("to", [f"https://{OTHER}/x.png", "http://169.254.169.254/latest", "//localhost/x"])
async def test_a_redirect_leads_no_further_than_an_address(tmp_path: Path, to: str) -> None:
    moved = web.Response(status=302, headers={"Location": to})
    repository = Repository({"/pictures/1.png": moved})
    async with open_to(tmp_path, repository) as (fetching, _):
        with pytest.raises(NoPicture, match="no host of this repository's pictures"):
            await fetching.of(f"{PICTURES}1.png", ALLOWED)
    assert len(repository.asked) == 1


async def test_a_redirect_within_the_pictures_is_followed_and_a_ring_is_not(tmp_path: Path) -> None:
    repository = Repository(
        {
            "/pictures/old.png": web.Response(status=301, headers={"Location": "new.png"}),
            "/pictures/new.png": web.Response(body=picture()),
            "/pictures/ring.png": web.Response(status=302, headers={"Location": "ring.png"}),
        }
    )
    async with open_to(tmp_path, repository) as (fetching, _):
        assert await fetching.of(f"{PICTURES}old.png", ALLOWED)
        with pytest.raises(NoPicture, match="led elsewhere more than 3 times"):
            await fetching.of(f"{PICTURES}ring.png", ALLOWED)


async def test_a_name_that_leads_to_a_private_address_is_not_connected_to(tmp_path: Path) -> None:
    """A name may lead to the world when it is looked up first and to this machine when it is connected to."""
    repository = Repository({"/pictures/1.png": web.Response(body=picture())})
    async with open_to(tmp_path, repository, networks=()) as (fetching, names):
        with pytest.raises(NoPicture, match="leads to no public address"):
            await fetching.of(f"{PICTURES}1.png", ALLOWED)
        assert names.asked == [HOST]
    assert not repository.asked


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        (web.Response(body=b"<html>not here</html>", content_type="image/png"), "what came is no picture"),
        (web.Response(body=picture()[:200]), "what came is no picture"),
        (web.Response(body=b'<svg xmlns="http://www.w3.org/2000/svg"/>'), "what came is no picture"),
        (web.Response(body=bytes(thumbnails.LARGEST + 1)), "more than 8,000,000 bytes"),
        (web.Response(body=picture(8000, 6000, mode="1")), "has 8000 x 6000 pixels"),
        (503.0, "answered with status 503"),
    ],
)
async def test_what_is_no_small_picture_is_not_asked_for_again_at_once(
    tmp_path: Path, answer: Any, why: str
) -> None:
    repository = Repository({"/pictures/1": answer})
    async with open_to(tmp_path, repository) as (fetching, _):
        for _ in range(2):
            with pytest.raises(NoPicture, match=why):
                await fetching.of(f"{PICTURES}1", ALLOWED)
    assert len(repository.asked) == 1


@pytest.mark.parametrize(
    ("form", "mode"), [("PNG", "RGBA"), ("PNG", "P"), ("PNG", "I;16"), ("GIF", "P"), ("JPEG", "CMYK")]
)
def test_pictures_of_every_mode_are_written_anew(form: str, mode: str) -> None:
    with Image.open(io.BytesIO(made_small(picture(form=form, mode=mode)))) as small:
        assert (small.format, max(small.size)) == ("WEBP", 176)


def test_what_was_hidden_in_a_picture_is_left_out() -> None:
    exif = Image.Exif()
    exif[0x010E] = "jane@example.org took this"
    assert b"jane@example.org" in (body := picture(form="JPEG", exif=exif))
    assert b"jane@example.org" not in made_small(body)


async def test_a_host_is_asked_for_one_picture_at_a_time_at_the_pace_of_its_card(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    repository = Repository({f"/pictures/{n}": web.Response(body=picture(20, 20)) for n in range(4)})
    async with open_to(tmp_path, repository) as (fetching, _):
        clock = asyncio.get_running_loop().time
        began = clock()
        paced = Allowed((PICTURES,), pace=0.1)
        await asyncio.gather(*(fetching.of(f"{PICTURES}{n}", paced) for n in range(4)))
        assert clock() - began >= 0.4
        assert repository.most_under_way == 1
        monkeypatch.setattr(thumbnails, "MOST_WAITING", 0)
        with pytest.raises(NoPicture, match="too many"):
            await fetching.of(f"{PICTURES}9", ALLOWED)


def test_what_was_not_wanted_for_longest_makes_room(tmp_path: Path) -> None:
    folder = tmp_path / "shelf"
    shelf = Shelf(folder, most=1000)
    assert shelf.take("a") is None
    for place, name in enumerate("abc"):
        shelf.put(name, bytes(300))
        os.utime(folder / name, (place, place))
    assert shelf.take("a")  # it was wanted just now
    shelf.put("d", bytes(300))
    assert sorted(path.name for path in folder.iterdir()) == ["a", "c", "d"]
    again = Shelf(folder, most=1000)
    again.put("e", bytes(300))
    assert "e" in (left := sorted(path.name for path in folder.iterdir()))
    assert len(left) == 3


def test_every_source_whose_records_have_pictures_says_where_they_are() -> None:
    allowed = {source.card.name: Allowed.of(shown_of(source.card)) for source in SOURCES}
    assert {name for name, each in allowed.items() if each.beginnings} == {
        "idr",
        "ssbd",
        "zenodo",
        "figshare",
    }
    for each in allowed.values():
        for beginning in each.beginnings:
            assert beginning.startswith("https://")
            assert beginning.count("/") >= 3  # the host is whole


async def test_a_page_gets_the_picture_of_its_record_or_a_quiet_field(tmp_path: Path) -> None:
    repository = Repository({"/pictures/1.png": web.Response(body=picture())})
    records = [
        Record(id=f"demo:{name}", source="demo", title=name, links=Links(thumbnail=address))
        for name, address in (("good", f"{PICTURES}1.png"), ("lost", f"{PICTURES}2.png"), ("bare", None))
    ]
    with Store(tmp_path / "store.sqlite") as store:
        fill(store, records)
        searched = catalogue(store, tmp_path)
        async with open_to(tmp_path / "kept", repository) as (fetching, _):
            node = Node(store, searched.engine, thumbnails=fetching)
            state = node.states()["demo"]
            state.card.update({"pictures": PICTURES, "pace": "0.01"})  # type: ignore[attr-defined]
            async with TestClient(TestServer(create_app(node))) as client:
                for name, kind, told in (
                    ("good", "image/webp", None),
                    ("lost", "image/svg+xml", f"none: {HOST} answered with status 404"),
                    ("bare", "image/svg+xml", "none: the record has none"),
                ):
                    answer = await client.get(f"/records/demo:{name}/thumbnail")
                    assert (answer.status, answer.content_type) == (200, kind)
                    assert answer.headers.get("X-Headwater-Picture") == told
                    assert answer.headers["Content-Security-Policy"] == "default-src 'none'"
                page = await (await client.get("/?q=good")).text()
                assert 'src="/records/demo:good/thumbnail"' in page
                assert PICTURES not in page
                assert (await client.get("/records/demo:nobody/thumbnail")).status == 404
        searched.engine.close()
