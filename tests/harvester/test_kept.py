"""Documents asked for whole again and again: what has not changed does not come again."""

from __future__ import annotations

import asyncio
import os
import signal
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path

import pytest
from aiohttp import web

from harvester import kept
from harvester.errors import Unavailable
from harvester.kept import Kept, KeptAnswer
from tests.harvester.loopback import URL, Upstream, always, bad, good, live

ROOT = Path(__file__).parents[2]


class Shelf:
    """An upstream with one document and its validators."""

    def __init__(self, **validators: str) -> None:
        self.body, self.validators = b'{"title": "as it was"}', validators

    async def __call__(self, request: web.Request) -> web.StreamResponse:
        asked = {
            "ETag": request.headers.get("If-None-Match"),
            "Last-Modified": request.headers.get("If-Modified-Since"),
        }
        if any(value and self.validators.get(name) == value for name, value in asked.items()):
            return web.Response(status=304, headers=self.validators)
        return web.Response(body=self.body, headers={**self.validators, "Set-Cookie": "session=1"})


ETAG = {"ETag": 'W/"7"'}
DATED = {"Last-Modified": "Sun, 22 Nov 2026 10:00:00 GMT"}


@pytest.mark.parametrize("validators", [ETAG, DATED, ETAG | DATED])
async def test_a_document_that_did_not_change_is_answered_from_what_is_kept(
    validators: dict[str, str], tmp_path: Path
) -> None:
    shelf = Shelf(**validators)
    async with live(shelf, shared=tmp_path) as upstream:
        first = await upstream.client().get(URL, keep=True)
    async with live(shelf, shared=tmp_path) as upstream:
        client = upstream.client()
        again = await client.get(URL, keep=True)
        assert (again.status, again.body, again.json()) == (200, first.body, {"title": "as it was"})
        assert (client.traffic.unchanged, client.traffic.bytes) == (1, 0)
        shelf.body, shelf.validators = b'{"title": "as it is"}', {"ETag": '"8"'}
        assert (await client.get(URL, keep=True)).json() == {"title": "as it is"}
        assert client.traffic.unchanged == 1


async def test_who_does_not_ask_to_keep_is_answered_whole(tmp_path: Path) -> None:
    async with live(Shelf(**ETAG), shared=tmp_path) as upstream:
        for keep in (False, True, False):
            assert (await upstream.client().get(URL, keep=keep)).status == 200
        assert not any("If-None-Match" in request.headers for request in upstream.asked)


async def test_another_form_of_a_document_is_another_answer(tmp_path: Path) -> None:
    async with live(Shelf(**ETAG), shared=tmp_path) as upstream:
        await upstream.client().get(URL, keep=True, headers={"Accept": "application/json"})
        await upstream.client().get(URL, keep=True, headers={"Accept": "text/plain"})
        assert "If-None-Match" not in upstream.asked[1].headers


@pytest.mark.parametrize("answer", [good(), bad(404, ETag='"7"')])
async def test_what_has_no_validator_or_is_no_document_is_not_kept(answer: object, tmp_path: Path) -> None:
    async with live(always(answer), shared=tmp_path) as upstream:  # type: ignore[arg-type]
        for _ in range(2):
            await upstream.client().get(URL, keep=True, expect="any", accept=(200, 404))
        assert not any("If-None-Match" in request.headers for request in upstream.asked)


async def test_half_an_answer_is_not_kept(tmp_path: Path) -> None:
    async with live(always(good(b'{"cut": [1, 2', ETag='"7"')), shared=tmp_path) as upstream:
        with pytest.raises(Unavailable, match="cut or broken JSON"):
            await upstream.client().get(URL, keep=True)
        assert not any("If-None-Match" in request.headers for request in upstream.asked)


async def _kept_once(upstream: Upstream) -> None:
    await upstream.client().get(URL, keep=True)


async def test_a_kept_answer_that_was_damaged_is_asked_for_anew(tmp_path: Path) -> None:
    async with live(Shelf(**ETAG), shared=tmp_path) as upstream:
        await _kept_once(upstream)
        with closing(sqlite3.connect(tmp_path / "answers.sqlite")) as connection, connection:
            body = connection.execute("SELECT body FROM answers").fetchone()[0]
            connection.execute("UPDATE answers SET body = ?", (body[:-3] + b"\0\0\0",))
        assert (await upstream.client().get(URL, keep=True)).json() == {"title": "as it was"}
        assert "If-None-Match" not in upstream.asked[1].headers


async def test_after_a_month_a_document_is_asked_for_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with live(Shelf(**ETAG), shared=tmp_path) as upstream:
        await _kept_once(upstream)
        later = time.time() + kept.ASKED_WHOLE + 60
        monkeypatch.setattr(time, "time", lambda: later)
        await _kept_once(upstream)
        assert "If-None-Match" not in upstream.asked[1].headers


async def test_no_session_of_ours_is_kept(tmp_path: Path) -> None:
    async with live(Shelf(**ETAG), shared=tmp_path) as upstream:
        await _kept_once(upstream)
    answers = Kept(tmp_path / "answers.sqlite")
    found = await answers.get(URL, "")
    assert found is not None
    assert {name.lower() for name in found.headers} >= {"etag"}
    assert not {name.lower() for name in found.headers} & {"set-cookie", "content-encoding"}
    answers.close()


async def test_a_file_that_is_none_of_sqlites_is_made_anew(tmp_path: Path) -> None:
    (tmp_path / "answers.sqlite").write_bytes(b"no database, but as long as a page of one" * 200)
    async with live(Shelf(**ETAG), shared=tmp_path) as upstream:
        await _kept_once(upstream)
        await _kept_once(upstream)
        assert "If-None-Match" in upstream.asked[1].headers


async def test_what_was_used_longest_ago_makes_room(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kept, "ROOM", 5_000)
    answers = Kept(tmp_path / "answers.sqlite")
    for number in range(6):
        await answers.put(f"https://a/{number}", "", KeptAnswer(ETAG, os.urandom(1_000)))
    found = [number for number in range(6) if await answers.get(f"https://a/{number}", "")]
    assert found == [2, 3, 4, 5]
    answers.close()


KEEPING = """
import asyncio, sys
from pathlib import Path
from harvester.kept import Kept, KeptAnswer

async def main():
    answers = Kept(Path(sys.argv[1]))
    for number in range(10**9):
        body = str(number).encode() * 200_000
        await answers.put("https://a/", "", KeptAnswer({"ETag": str(number)}, body))
        print(number, flush=True)

asyncio.run(main())
"""


def test_a_kill_leaves_an_answer_whole_with_its_own_validator(tmp_path: Path) -> None:
    file = tmp_path / "answers.sqlite"
    for _ in range(3):
        arguments = [sys.executable, "-c", KEEPING, str(file)]
        with subprocess.Popen(arguments, stdout=subprocess.PIPE, cwd=ROOT) as process:
            assert process.stdout is not None
            for _line in range(3):
                process.stdout.readline()
            os.kill(process.pid, signal.SIGKILL)
        answers = Kept(file)
        found = asyncio.run(answers.get("https://a/", ""))
        answers.close()
        assert found is not None
        assert found.body == found.headers["ETag"].encode() * 200_000
