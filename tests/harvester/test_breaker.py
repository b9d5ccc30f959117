"""A host that fails again and again is left alone, by everybody, until one request finds it well."""

from __future__ import annotations

import asyncio
import time
from dataclasses import replace
from pathlib import Path

import pytest

from harvester.breaker import Breaker, Terms
from harvester.errors import Changed, Unavailable
from harvester.hosts import Hosts
from tests.conftest import IMPATIENT
from tests.harvester.loopback import HOST, URL, always, bad, good, in_turn, live

TERMS = Terms(failures=3, pause=0.08, longest=0.2, trial=0.05)


async def failing(breaker: Breaker, times: int) -> None:
    for _ in range(times):
        await breaker.failed("a.host", "status 503")


async def test_a_host_that_fails_in_a_row_is_left_alone_and_the_sentence_tells_why() -> None:
    breaker = Breaker(Hosts(), TERMS)
    await failing(breaker, 2)
    await breaker.pass_("a.host")
    await failing(breaker, 1)
    said = (
        r"a\.host failed 3 times in a row and is left alone until \d\d:\d\d:\d\d UTC; "
        "the last time: status 503"
    )
    with pytest.raises(Unavailable, match=said):
        await breaker.pass_("a.host")
    await breaker.pass_("b.host")


async def test_one_success_forgets_all_failures() -> None:
    breaker = Breaker(Hosts(), TERMS)
    await failing(breaker, 2)
    await breaker.worked("a.host")
    await failing(breaker, 2)
    await breaker.pass_("a.host")


async def test_after_the_pause_one_may_try_and_the_others_wait_for_what_he_finds() -> None:
    breaker = Breaker(Hosts(), TERMS)
    await failing(breaker, 3)
    await asyncio.sleep(0.09)
    await breaker.pass_("a.host")
    with pytest.raises(Unavailable):
        await breaker.pass_("a.host")
    await breaker.worked("a.host")
    for _ in range(2):
        await breaker.pass_("a.host")


async def test_a_trial_that_fails_doubles_the_pause_up_to_an_end() -> None:
    hosts = Hosts()
    breaker = Breaker(hosts, TERMS)
    await failing(breaker, 3)
    for pause in (0.16, 0.2, 0.2):
        await hosts.change("a.host", lambda known, now: (replace(known, shut_until=now), None))
        await breaker.pass_("a.host")
        await failing(breaker, 1)
        assert hosts.known("a.host").shut_for == pause


async def test_failures_that_were_on_their_way_when_it_opened_do_not_prolong_it() -> None:
    hosts = Hosts()
    breaker = Breaker(hosts, TERMS)
    await failing(breaker, 3)
    until = hosts.known("a.host").shut_until
    await failing(breaker, 5)
    assert hosts.known("a.host").shut_until == until


async def test_a_trial_by_a_process_that_died_is_made_again() -> None:
    breaker = Breaker(Hosts(), TERMS)
    await failing(breaker, 3)
    await asyncio.sleep(0.09)
    await breaker.pass_("a.host")
    await asyncio.sleep(0.06)
    await breaker.pass_("a.host")


async def test_failures_of_all_processes_count_and_all_leave_it_alone(tmp_path: Path) -> None:
    one, other = (Breaker(Hosts(tmp_path / "hosts.sqlite"), TERMS) for _ in range(2))
    await failing(one, 2)
    await failing(other, 1)
    for breaker in (one, other):
        with pytest.raises(Unavailable, match="3 times in a row"):
            await breaker.pass_("a.host")


async def test_a_run_ends_at_once_while_its_upstream_is_left_alone() -> None:
    manners = replace(IMPATIENT, breaker=Terms(failures=3))
    async with live(always(bad(503)), manners=manners) as upstream:
        with pytest.raises(Unavailable, match="status 503"):
            await upstream.client().get(URL)
        assert len(upstream.asked) == 3
        began = time.monotonic()
        with pytest.raises(Unavailable, match="left alone until"):
            await upstream.client().get(URL)
        assert time.monotonic() - began < 0.5
        assert len(upstream.asked) == 3


async def test_an_upstream_that_is_well_again_is_asked_as_before() -> None:
    manners = replace(IMPATIENT, breaker=replace(TERMS, pause=0.01))
    async with live(in_turn(bad(503), bad(503), bad(503), good()), manners=manners) as upstream:
        with pytest.raises(Unavailable):
            await upstream.client().get(URL)
        await asyncio.sleep(0.02)
        assert (await upstream.client().get(URL)).json() == {"a": 1}
        assert upstream.http.hosts.known(HOST).failures == 0


@pytest.mark.parametrize("status", [429, 404])
async def test_being_told_to_slow_down_or_no_is_no_failure(status: int) -> None:
    async with live(always(bad(status)), manners=replace(IMPATIENT, breaker=TERMS)) as upstream:
        for _ in range(3):
            with pytest.raises((Unavailable, Changed), match=f"status {status}"):
                await upstream.client().get(URL)
            assert upstream.http.hosts.known(HOST).failures == 0
