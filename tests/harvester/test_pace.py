"""One pace per host, for all sources and all processes; pauses an upstream asks for; patience with an end."""

from __future__ import annotations

import asyncio
import os
import signal
import sqlite3
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from harvester.allowance import pause
from harvester.errors import Overtaxed, Unavailable
from harvester.hosts import Host, Hosts
from harvester.manners import Manners, Traffic
from harvester.pace import Pace
from tests.conftest import IMPATIENT
from tests.harvester.loopback import HOST, OTHER, URL, always, bad, good, in_turn, live

ROOT = Path(__file__).parents[2]
TURNS = """
import asyncio, sys, time
from pathlib import Path
from harvester.hosts import Hosts
from harvester.pace import Pace

async def main():
    hosts = Hosts(Path(sys.argv[1]))
    pace = Pace(hosts)
    print("ready", flush=True)
    sys.stdin.readline()
    for _ in range(6):
        await pace.turn("a.host", 0.1, 60.0)
        print(time.monotonic(), flush=True)
    hosts.close()

asyncio.run(main())
"""


async def test_requests_to_one_host_keep_their_pace_and_none_waits_alone() -> None:
    pace, began = Pace(Hosts()), time.monotonic()
    assert await pace.turn("a.host", 0.05, 60.0) < 0.04
    assert await pace.turn("b.host", 0.05, 60.0) < 0.04
    await pace.turn("a.host", 0.05, 60.0)
    assert 0.05 <= time.monotonic() - began < 0.5
    await asyncio.sleep(0.06)
    assert await pace.turn("a.host", 0.05, 60.0) < 0.04


def test_two_processes_on_one_data_folder_keep_one_pace(tmp_path: Path) -> None:
    running = [
        subprocess.Popen(
            [sys.executable, "-c", TURNS, str(tmp_path / "hosts.sqlite")],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=ROOT,
        )
        for _ in range(2)
    ]
    for process in running:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
    moments = sorted(float(line) for process in running for line in process.communicate("go\n")[0].split())
    assert len(moments) == 12
    # A turn may come late when the machine is busy, never early.
    assert all(moment >= moments[0] + 0.1 * number - 0.1 for number, moment in enumerate(moments))
    assert moments[-1] - moments[0] < 6, "two are no slower than one that asks as often"


def test_a_process_killed_in_the_middle_of_taking_its_turn_blocks_nobody(tmp_path: Path) -> None:
    file = tmp_path / "hosts.sqlite"
    asyncio.run(Pace(Hosts(file)).turn("a.host", 0.0, 60.0))
    program = (
        "import sqlite3, sys, time; c = sqlite3.connect(sys.argv[1], isolation_level=None);"
        "c.execute('BEGIN IMMEDIATE'); c.execute('UPDATE hosts SET next_at = 1e9');"
        "print('in it', flush=True); time.sleep(60)"
    )
    with subprocess.Popen([sys.executable, "-c", program, str(file)], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()
        os.kill(process.pid, signal.SIGKILL)
    assert asyncio.run(Pace(Hosts(file)).turn("a.host", 0.0, 60.0)) < 1.0


@pytest.mark.parametrize("jump", [-86_400.0, 86_400.0])
async def test_a_clock_that_jumps_neither_hastens_nor_delays(
    jump: float, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pace, began = Pace(Hosts(tmp_path / "hosts.sqlite")), time.monotonic()
    await pace.turn("a.host", 0.1, 60.0)
    real = time.time
    monkeypatch.setattr(time, "time", lambda: real() + jump)
    await pace.turn("a.host", 0.1, 60.0)
    assert 0.1 <= time.monotonic() - began < 2.0


async def test_what_was_written_before_the_machine_started_again_is_forgotten(tmp_path: Path) -> None:
    hosts = Hosts(tmp_path / "hosts.sqlite")
    month = time.monotonic() + 30 * 86_400
    await hosts.change("a.host", lambda known, _: (replace(known, next_at=month, shut_until=month), None))
    assert await Pace(hosts).turn("a.host", 0.1, 60.0) < 1.0


async def test_a_pause_holds_up_those_who_wait_already() -> None:
    pace = Pace(Hosts())
    await pace.turn("a.host", 0.05, 60.0)
    waiting = asyncio.create_task(pace.turn("a.host", 0.05, 60.0))
    await asyncio.sleep(0.01)
    await pace.hold("a.host", 0.15)
    assert await waiting > 0.15


async def test_a_pause_longer_than_we_wait_ends_the_run_and_tells_until_when(tmp_path: Path) -> None:
    file = tmp_path / "hosts.sqlite"
    await Pace(Hosts(file)).hold("a.host", 600)
    with pytest.raises(Unavailable, match=r"a\.host wants to be left alone until \d\d:\d\d:\d\d UTC"):
        await Pace(Hosts(file)).turn("a.host", 0.0, 60.0)


async def test_a_pause_that_grows_too_long_while_we_wait_ends_the_run() -> None:
    pace = Pace(Hosts())
    await pace.turn("a.host", 0.05, 60.0)
    waiting = asyncio.create_task(pace.turn("a.host", 0.05, 60.0))
    await asyncio.sleep(0.01)
    await pace.hold("a.host", 600)
    with pytest.raises(Unavailable, match="left alone"):
        await waiting


async def test_a_file_that_is_none_of_sqlites_is_made_anew(tmp_path: Path) -> None:
    file = tmp_path / "hosts.sqlite"
    file.write_bytes(b"no database, but as long as a page of one" * 200)
    pace = Pace(Hosts(file))
    for _ in range(2):
        await pace.turn("a.host", 0.0, 60.0)
    with sqlite3.connect(file) as connection:
        assert connection.execute("SELECT host FROM hosts").fetchall() == [("a.host",)]
    connection.close()


async def test_where_the_file_cannot_be_used_a_process_paces_itself(tmp_path: Path) -> None:
    pace, began = Pace(Hosts(tmp_path / "no such folder" / "hosts.sqlite")), time.monotonic()
    await pace.turn("a.host", 0.05, 60.0)
    await pace.turn("a.host", 0.05, 60.0)
    assert time.monotonic() - began >= 0.05


def test_a_row_is_kept_as_it_is(tmp_path: Path) -> None:
    now = time.monotonic()
    whole = Host(now, now + 1, 3, now + 2, 4.0, probing=True, said="status 503")
    asyncio.run(Hosts(tmp_path / "h").change("a.host", lambda _known, _now: (whole, None)))
    read = Hosts(tmp_path / "h")
    assert asyncio.run(read.change("a.host", lambda known, _: (known, known))) == whole


NOW = 1795341600.0


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"X-RateLimit-Limit": "60", "X-RateLimit-Remaining": "59", "X-RateLimit-Reset": "60"}, 0),
        ({"X-RateLimit-Limit": "60", "X-RateLimit-Remaining": "5", "X-RateLimit-Reset": "60"}, 10),
        ({"X-RateLimit-Limit": "60", "X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "1795341630"}, 30),
        ({"X-Rate-Limit-Remaining": "2", "X-Rate-Limit-Reset": "30"}, 10),
        ({"RateLimit-Limit": "100, 100;w=60", "RateLimit-Remaining": "9", "RateLimit-Reset": "50"}, 5),
        ({"RateLimit-Remaining": "0", "RateLimit-Reset": "50"}, 50),
        ({"RateLimit": "limit=100, remaining=9, reset=50"}, 5),
        ({"RateLimit": "limit=100;remaining=0;reset=50"}, 50),
        ({"RateLimit": '"default";r=9;t=50', "RateLimit-Policy": '"default";q=100;w=60'}, 5),
        ({"RateLimit": '"burst";r=80;t=5, "daily";r=0;t=900', "RateLimit-Policy": '"burst";q=100'}, 900),
        ({"RateLimit": '"default";r=9;t=50'}, 0),
        ({"RateLimit-Remaining": "soon", "RateLimit-Reset": "-1"}, 0),
        ({"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "2026-11-22"}, 0),
        ({}, 0),
    ],
)
def test_an_allowance_slows_us_down_when_little_is_left_in_every_form(headers: Any, seconds: float) -> None:
    assert pause(headers, NOW) == seconds


async def test_an_allowance_that_runs_out_stops_us_before_a_429_does() -> None:
    spent = good(RateLimit="limit=10, remaining=0, reset=30")
    async with live(always(spent)) as upstream:
        await upstream.client().get(URL)
        assert 25 < upstream.http.hosts.known(HOST).held_until - time.monotonic() <= 30
        with pytest.raises(Unavailable, match="left alone"):
            await upstream.client().get(URL)
        assert len(upstream.asked) == 1
        await upstream.client().get(URL.replace(HOST, OTHER))


async def test_the_last_of_an_allowance_is_spread_but_not_for_hours() -> None:
    few = good(X_RateLimit_Limit="60", X_RateLimit_Remaining="1", X_RateLimit_Reset="3000")
    async with live(always(few), manners=replace(IMPATIENT, longest_wait=0.05)) as upstream:
        client, began = upstream.client(), time.monotonic()
        await client.get(URL)
        await client.get(URL)
        assert 0.05 <= time.monotonic() - began < 2.0


async def test_a_429_holds_up_the_other_process_too(tmp_path: Path) -> None:
    async with live(always(bad(429, Retry_After="90")), shared=tmp_path) as upstream:
        with pytest.raises(Unavailable, match="status 429"):
            await upstream.client().get(URL)
        with pytest.raises(Unavailable, match="left alone"):
            await Pace(Hosts(tmp_path / "hosts.sqlite")).turn(HOST, 1.0, 2.0)
        assert len(upstream.asked) == 1


async def test_sources_share_the_pace_of_a_host(tmp_path: Path) -> None:
    async with live(always(good()), shared=tmp_path) as upstream:
        first, second = upstream.client(), upstream.client()
        first.card = second.card = replace(first.card, pace=0.1)
        began = time.monotonic()
        await first.get(URL)
        await second.get(URL)
        assert time.monotonic() - began >= 0.1


def test_waits_after_faults_are_jittered_from_nothing_to_all() -> None:
    manners = Manners(first_backoff=2.0, longest_wait=5.0)
    for attempt, most in ((1, 2.0), (2, 4.0), (3, 5.0)):
        waits = [manners.backoff(attempt) for _ in range(400)]
        assert min(waits) < 0.1 * most
        assert 0.9 * most < max(waits) <= most


async def test_a_run_has_so_many_attempts_to_spare_and_no_more() -> None:
    answers = [answer for _ in range(4) for answer in (bad(503), good())]
    async with live(in_turn(*answers), manners=replace(IMPATIENT, retries=2)) as upstream:
        client = upstream.client()
        await client.get(URL)
        await client.get(URL)
        with pytest.raises(Unavailable, match="this run's patience is spent: 2 attempts more"):
            await client.get(URL)
        assert client.traffic.retries == 2
        await upstream.client().get(URL)  # the next run has its own


def test_a_run_has_so_many_seconds_to_wait_and_more_when_it_is_long() -> None:
    manners = Manners(waiting=10.0)
    with pytest.raises(Unavailable, match="patience is spent"):
        Traffic(requests=20).spend(31.0, manners, URL, "status 503")
    long = Traffic(requests=40)
    long.spend(31.0, manners, URL, "status 503")
    assert (long.retries, long.patience, long.waited) == (1, 31.0, 31.0)


@pytest.mark.parametrize(("status", "kind"), [(504, Overtaxed), (503, Unavailable)])
async def test_a_question_that_took_too_long_is_told_from_a_busy_upstream(status: int, kind: Any) -> None:
    async with live(always(bad(status))) as upstream:
        with pytest.raises(Unavailable) as caught:
            await upstream.client().get(URL)
        assert type(caught.value) is kind
