"""When a source is due: the words, the cron expressions and the rule."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import get_args

import pytest
from apscheduler.triggers.cron import CronTrigger
from hypothesis import given, settings
from hypothesis import strategies as st

from config import timetable
from config.cron import Cron, cron
from config.timetable import Every, Off, Schedule, Word, next_due, schedule, stale_at

NOON = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)  # a Monday
MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
STATES = ("running", "complete", "partial", "lost", "refused", "changed", "canceled")


@dataclass(frozen=True)
class Before:
    """What the ledger tells, made up."""

    state: str | None = "complete"
    ended_at: datetime | None = NOON
    fresh_at: datetime | None = NOON
    failures: int = 0
    is_stopped: bool = False
    paused: str | None = None


def due(word: str, past: Before | None, now: datetime = NOON) -> tuple[datetime | None, str]:
    found = next_due(schedule(word), past, now, name="idr")
    return found.at, found.why


# ---- words ------------------------------------------------------------------------------------


def test_every_word_of_a_card_is_a_schedule() -> None:
    assert {word: schedule(word) for word in get_args(Word)} == {
        word: Every(word, length) for word, length in timetable.LENGTHS.items()
    }


@pytest.mark.parametrize(
    ("text", "length"), [("30m", 30 * MINUTE), ("6h", 6 * HOUR), ("2d", 2 * DAY), (" 1w ", 7 * DAY)]
)
def test_a_length_is_a_number_and_a_unit(text: str, length: timedelta) -> None:
    assert schedule(text) == Every(text.strip(), length)


@pytest.mark.parametrize("text", ["", "sometimes", "6", "h", "0h", "-1d", "6 h", "1y", "Daily", "1.5h"])
def test_an_unknown_word_is_refused_with_the_words_there_are(text: str) -> None:
    with pytest.raises(ValueError, match=r"weekly|five fields"):
        schedule(text)


@pytest.mark.parametrize("text", ["14m", "* * * * *", "*/10 3 * * *", "0,50 * * * *", "0,55 0,23 * * *"])
def test_what_would_trouble_an_upstream_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"too often|cron"):
        schedule(text)


# ---- cron ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("15 3 * * *", "2026-11-24 03:15"),
        ("0 12 * * *", "2026-11-24 12:00"),  # the moment itself is over
        ("30 12 * * *", "2026-11-23 12:30"),
        ("0 0 * * sun", "2026-11-29 00:00"),
        ("0 0 * * 0", "2026-11-29 00:00"),
        ("0 0 * * 7", "2026-11-29 00:00"),
        ("0 0 1 * *", "2026-12-01 00:00"),
        ("0 0 1 jan *", "2027-01-01 00:00"),
        ("0 0 29 2 *", "2028-02-29 00:00"),
        ("*/30 8-9 * * mon-fri", "2026-11-24 08:00"),
        ("5/20 4 * * *", "2026-11-24 04:05"),
    ],
)
def test_a_cron_expression_names_moments(text: str, expected: str) -> None:
    assert f"{cron(text).after(NOON):%Y-%m-%d %H:%M}" == expected


def test_either_kind_of_day_is_enough_when_both_are_named() -> None:
    """crontab(5): the 13th, and every Friday."""
    found, moments = cron("0 0 13 * fri"), []
    moment = datetime(2026, 11, 1, tzinfo=UTC)
    for _ in range(4):
        moment = found.after(moment)
        moments.append(moment.day)
    assert moments == [6, 13, 20, 27]


@pytest.mark.parametrize(
    ("text", "wrong"),
    [
        ("60 3 * * *", "minute"),
        ("0 24 * * *", "hour"),
        ("0 3 0 * *", "day of month"),
        ("0 3 * 13 *", "month"),
        ("0 3 * * 8", "day of week"),
        ("0 3 * * sonntag", "day of week"),
        ("0 5-3 * * *", "ends before"),
        ("*/0 3 * * *", "step"),
        ("0 3 * *", "five fields"),
        ("0 0 31 2 *", "never comes"),
    ],
)
def test_a_wrong_cron_expression_is_told_with_its_field(text: str, wrong: str) -> None:
    with pytest.raises(ValueError, match=wrong):
        cron(text)


moments = st.datetimes(datetime(2024, 1, 1), datetime(2031, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001


@settings(max_examples=60, deadline=None)
@given(
    minute=st.sampled_from(["0", "7", "*/15", "20-40/5", "1,59"]),
    hour=st.sampled_from(["*", "3", "*/5", "22-23", "0,12"]),
    day=st.sampled_from(
        [("*", "*"), ("1", "*"), ("31", "*"), ("*", "mon-fri"), ("*", "sat,sun"), ("*/9", "*")]
    ),
    month=st.sampled_from(["*", "2", "jan,jun", "*/4"]),
    moment=moments,
)
def test_cron_agrees_with_apscheduler_where_both_follow_crontab(
    minute: str, hour: str, day: tuple[str, str], month: str, moment: datetime
) -> None:
    text = f"{minute} {hour} {day[0]} {month} {day[1]}"
    trigger = CronTrigger.from_crontab(text, timezone=UTC)
    expected = trigger.get_next_fire_time(None, moment + timedelta(microseconds=1))
    try:
        found = cron(text)
    except ValueError:
        assert expected is None  # the 31st of February
    else:
        assert found.after(moment) == expected


# ---- the rule --------------------------------------------------------------------------------


def test_a_source_that_was_never_harvested_is_due_now_or_at_its_moment() -> None:
    assert due("weekly", None) == (NOON, "never harvested")
    assert due("0 3 * * *", None)[0] == datetime(2026, 11, 24, 3, tzinfo=UTC)
    assert due("off", None) == (None, "off")


def test_one_that_is_fresh_waits_for_the_rest_of_its_interval() -> None:
    at, why = due("weekly", Before(fresh_at=NOON - 2 * DAY, ended_at=NOON - 2 * DAY))
    assert at is not None
    assert NOON + 5 * DAY <= at <= NOON + 5 * DAY + HOUR
    assert why == "weekly"


@pytest.mark.parametrize("word", ["daily", "0 3 * * *"])
def test_one_that_was_due_while_nobody_was_up_is_due_at_once(word: str) -> None:
    long_ago = NOON - 30 * DAY
    assert due(word, Before(fresh_at=long_ago, ended_at=long_ago))[0] == NOON


def test_a_paused_source_is_not_due_however_its_last_run_ended() -> None:
    paused = "paused by Jane on 2026-03-01: the upstream moves"
    assert due("daily", Before(paused=paused, state="partial", failures=1)) == (None, paused)
    assert due("daily", Before(state=None, paused=paused)) == (None, paused)


def test_a_sample_makes_nothing_fresh() -> None:
    assert due("weekly", Before(fresh_at=None)) == (NOON, "only a sample was harvested")


def test_a_failed_source_is_tried_sooner_with_growing_distance_up_to_its_interval() -> None:
    waits = []
    for failures in range(1, 30):
        at, why = due("daily", Before("partial", fresh_at=NOON - DAY, failures=failures))
        assert at is not None
        assert why == f"try {failures + 1}"
        waits.append(at - NOON)
    assert all(
        n * 5 * MINUTE <= wait <= n * 5 * MINUTE * 1.05
        for n, wait in zip([1, 2, 4, 8, 16, 32], waits, strict=False)
    )
    assert waits == sorted(waits)
    assert waits[-1] <= DAY + HOUR


@pytest.mark.parametrize("state", ["refused", "changed"])
def test_what_another_try_would_not_mend_waits_for_the_whole_interval(state: str) -> None:
    at, why = due("weekly", Before(state, failures=1, fresh_at=NOON - 7 * DAY))
    assert at is not None
    assert at >= NOON + 7 * DAY
    assert why == f"weekly, after {state}"


def test_a_harvest_that_was_interrupted_goes_on_and_one_that_was_stopped_waits() -> None:
    assert due("weekly", Before("canceled")) == (NOON, "goes on")
    at, _ = due("weekly", Before("canceled", is_stopped=True))
    assert at is not None
    assert at >= NOON + 7 * DAY


def test_a_run_that_may_be_dead_is_looked_at_after_a_minute() -> None:
    assert due("weekly", Before("running")) == (NOON + MINUTE, "under way")


def test_a_clock_that_was_set_back_delays_nothing() -> None:
    """The ledger was written in 2030, when the clock was wrong."""
    ahead = Before(ended_at=NOON + 1500 * DAY, fresh_at=NOON + 1500 * DAY)
    assert due("weekly", ahead) == (NOON, "the clock was set back")


def test_a_harvest_longer_than_its_interval_leaves_the_upstream_a_rest() -> None:
    at, _ = due("daily", Before(fresh_at=NOON - 3 * DAY, ended_at=NOON))
    assert at == NOON + timetable.SHORTEST


def test_sources_of_one_interval_are_not_due_together_but_always_at_the_same_moment() -> None:
    names = ("idr", "empiar", "ssbd", "dryad", "zenodo", "figshare")
    first, again = (
        [next_due(schedule("weekly"), Before(), NOON, name=name).at for name in names] for _ in range(2)
    )
    assert first == again
    assert len(set(first)) == len(names)


schedules = st.one_of(
    st.timedeltas(timetable.SHORTEST, timedelta(days=90)).map(lambda length: Every("so often", length)),
    st.sampled_from(["0 3 * * *", "*/15 * * * *", "0 0 1 * mon", "30 4 29 2 *"]).map(cron),
)
pasts = st.builds(
    Before,
    state=st.sampled_from(STATES),
    ended_at=moments,
    fresh_at=st.none() | moments,
    failures=st.integers(0, 60),
    is_stopped=st.booleans(),
)


def longest(when: Schedule) -> timedelta:
    """The most a source may have to wait."""
    if isinstance(when, Every):
        spread = min(timetable.SPREAD * when.length, timetable.LARGEST_SPREAD)
        return when.length + spread + timetable.CLOCKS_DIFFER
    return timedelta(days=8 * 366)


@settings(max_examples=300, deadline=None)
@given(when=schedules, past=pasts, now=moments)
def test_a_moment_is_never_past_and_never_further_than_one_interval_and_its_spread(
    when: Every | Cron, past: Before, now: datetime
) -> None:
    assert past.ended_at is not None
    past = replace(past, fresh_at=min(past.fresh_at, past.ended_at) if past.fresh_at else None)
    at = next_due(when, past, now, name="idr").at
    assert at is not None
    assert now <= at <= now + longest(when)


@settings(max_examples=300, deadline=None)
@given(when=schedules, past=st.none() | pasts, now=moments, later=st.timedeltas(timedelta(), 400 * DAY))
def test_a_moment_never_comes_nearer_when_time_goes_on_until_it_is_reached(
    when: Every | Cron, past: Before | None, now: datetime, later: timedelta
) -> None:
    first, second = (next_due(when, past, at, name="idr").at for at in (now, now + later))
    assert first is not None
    assert second is not None
    assert second >= first
    was_noted = past is not None and past.ended_at is not None and past.ended_at <= now
    if was_noted and now + later < first:
        assert second == first


@settings(max_examples=200, deadline=None)
@given(length=st.timedeltas(timetable.SHORTEST, 90 * DAY), began=moments, name=st.text(max_size=8))
def test_the_spread_of_a_moment_stays_within_its_bounds(
    length: timedelta, began: datetime, name: str
) -> None:
    past = Before(fresh_at=began, ended_at=began)
    at = next_due(Every("so often", length), past, began, name=name).at
    assert at is not None
    spread = at - began - length
    assert timedelta() <= spread <= min(timetable.SPREAD * length, timetable.LARGEST_SPREAD)


def test_a_source_is_stale_after_so_many_missed_moments_and_never_when_it_is_off() -> None:
    assert stale_at(schedule("weekly"), NOON, 2) == NOON + 14 * DAY
    assert stale_at(schedule("0 3 * * mon-fri"), NOON, 5) == datetime(2026, 11, 30, 3, tzinfo=UTC)
    assert stale_at(Off(), NOON, 2) is None
