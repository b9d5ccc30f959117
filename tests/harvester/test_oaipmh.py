"""OAI-PMH: lists that end whole or not at all, and the readers of what they carry."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import orjson
import pytest
from aiohttp import web
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from harvester.errors import BadRecord, Changed, Unavailable
from harvester.fields import Notes
from harvester.http import Http, Polite
from harvester.protocols import datacite_xml, dublin_core, oaipmh
from harvester.protocols.xml import local, parse_xml
from harvester.replicas.holdings import Holding, Holdings, Listed
from harvester.replicas.oaipmh import oai_routes
from harvester.replicas.server import Fault, Replica
from harvester.source import Card
from tests.conftest import IMPATIENT

START = datetime(2026, 4, 1, tzinfo=UTC)
ENDPOINT = "https://oai.example.org/oai"
CARD = Card(
    name="toy",
    title="Toy",
    homepage="https://oai.example.org/",
    hosts=("oai.example.org",),
    scopes=("everything",),
    license_note="none",
    incremental="OAI-PMH",
    deletions="OAI-PMH",
    at_least=0,
    pace=0,
    pace_from="a test",
    schedule="daily",
    mapping_version=1,
)


class Toy:
    """A provider of small records."""

    NAME = "toy"

    def __init__(self, **ways: object) -> None:
        self.ways = {"page_size": 5, **ways}

    def routes(self, replica: Replica) -> list[web.RouteDef]:
        return oai_routes(
            replica,
            "/oai",
            formats={"oai_dc": lambda holding: b"<dc><title>%s</title></dc>" % holding.id.encode()},
            identifier=lambda holding: f"oai:toy:{holding.id}",
            **self.ways,  # type: ignore[arg-type]
        )

    def changed(self, holding: Holding, title: str, at: datetime) -> Holding:
        return Holding(holding.id, at, title.encode())

    def studies(self, holdings: Holdings) -> int:
        return len(holdings)


def holding(number: int, minutes: float) -> Holding:
    return Holding(f"r{number}", START + timedelta(minutes=minutes), b"")


@asynccontextmanager
async def provider(
    holdings: list[Holding], *faults: Fault, **ways: object
) -> AsyncIterator[tuple[Polite, Replica]]:
    replica = Replica(Toy(**ways), Listed.of(holdings), faults=list(faults))
    async with replica, Http(user_agent="test", offline=True, manners=IMPATIENT) as http:
        yield http.client(CARD, replica=replica.base), replica


async def walked(fetch: Polite, *, until_page: int | None = None, **ways: object) -> tuple[list[str], str]:
    """Walk six hours in windows of one; answer the identifiers in order, and the last bookmark."""
    terms = {"span": timedelta(hours=1), "resumable": True, "bookmark": None} | ways
    found, bookmark = [], ""
    pages = oaipmh.windows(
        fetch,
        ENDPOINT,
        prefix="oai_dc",
        start=START,
        end=START + timedelta(hours=6),
        **terms,  # type: ignore[arg-type]
    )
    number = 0
    async for page, bookmark in pages:  # noqa: B007
        found += [record.identifier for record in page.records]
        number += 1
        if number == until_page:
            break
    return found, bookmark


TWELVE = [holding(number, 5 * number) for number in range(12)]
EVERY = {f"oai:toy:r{number}" for number in range(12)}

REPAIRED = ["503", "503-date", "429", "429-after", "html", "empty-202", "broken", "cut"]


@pytest.mark.parametrize("fault", REPAIRED)
@pytest.mark.parametrize("resumable", [True, False])
async def test_a_fault_that_passes_costs_no_record(fault: str, resumable: bool) -> None:
    async with provider(TWELVE, Fault(fault, at=2), rescroll=not resumable) as (fetch, _):
        found, _ = await walked(fetch, resumable=resumable)
        assert set(found) == EVERY


@pytest.mark.parametrize("fault", ["503", "html", "empty-202", "broken", "cut", "429-long"])
async def test_a_fault_that_stays_is_an_outage_and_not_the_end_of_the_list(fault: str) -> None:
    async with provider(TWELVE, Fault(fault, at=2, times=99)) as (fetch, _):
        with pytest.raises(Unavailable):
            await walked(fetch)


async def test_a_status_422_without_an_oai_error_is_a_changed_upstream() -> None:
    async with provider(TWELVE, Fault("422", at=2)) as (fetch, _):
        with pytest.raises(Changed, match="without an OAI-PMH error"):
            await walked(fetch)


async def test_an_oai_error_is_read_whatever_its_status() -> None:
    async with provider(TWELVE, error_status=422) as (fetch, _):
        with pytest.raises(Changed, match="CannotDisseminateFormat"):
            async for _page in oaipmh.list_records(fetch, ENDPOINT, prefix="marc"):
                pass


async def test_a_token_that_repeats_stops_the_harvest() -> None:
    async with provider(TWELVE, Fault("repeat-token", at=2, times=99)) as (fetch, _):
        with pytest.raises(Changed, match="the resumption token repeats"):
            await walked(fetch)


async def test_an_expired_token_restarts_its_window() -> None:
    async with provider(TWELVE, Fault("expire-token", at=2)) as (fetch, _):
        found, _ = await walked(fetch)
        assert set(found) == EVERY
        assert len(found) > len(EVERY)


async def test_tokens_that_always_expire_are_left_for_later() -> None:
    async with provider(TWELVE, Fault("expire-token", times=99)) as (fetch, _):
        with pytest.raises(Unavailable, match="expire too soon"):
            await walked(fetch)


async def test_a_batch_lost_on_the_way_is_missed_and_fetched() -> None:
    async with provider(TWELVE, Fault("lose-answer", at=2), rescroll=True) as (fetch, replica):
        found, _ = await walked(fetch, resumable=False)
        assert set(found) == EVERY
        assert (
            sum(
                "from=2026-04-01T00%3A00" in asked or "from=2026-04-01T00:00" in asked
                for asked in replica.asked
            )
            == 2
        )


async def test_a_window_that_never_adds_up_is_left_for_later() -> None:
    faults = [Fault("lose-answer", at=2), Fault("lose-answer", at=5)]
    async with provider(TWELVE, *faults, rescroll=True) as (fetch, _):
        with pytest.raises(Unavailable, match="a list of 12 records ended with 7"):
            await walked(fetch, resumable=False)


async def test_no_match_is_an_empty_window() -> None:
    async with provider([], error_status=422) as (fetch, _):
        found, bookmark = await walked(fetch)
        assert found == []
        assert orjson.loads(bookmark) == {"from": "2026-04-01T06:00:00Z"}


async def test_both_ends_of_a_window_are_included_and_a_border_is_asked_twice() -> None:
    async with provider([holding(1, 60)]) as (fetch, _):
        found, _ = await walked(fetch)
        assert found == ["oai:toy:r1", "oai:toy:r1"]


async def test_a_record_between_two_whole_seconds_is_in_some_window() -> None:
    async with provider([holding(1, 60 - 0.5 / 60)]) as (fetch, _):
        found, _ = await walked(fetch)
        assert found == ["oai:toy:r1"]


async def test_a_list_that_is_too_long_is_halved() -> None:
    async with provider(TWELVE) as (fetch, replica):
        found, _ = await walked(fetch, largest=6)
        assert set(found) == EVERY
        assert any("until=2026-04-01T00:30:00Z" in asked for asked in map(_plain, replica.asked))


async def test_days_are_asked_as_days() -> None:
    async with provider(TWELVE, granularity="days") as (fetch, replica):
        pages = oaipmh.windows(
            fetch,
            ENDPOINT,
            prefix="oai_dc",
            start=START,
            end=START + timedelta(days=2),
            span=timedelta(days=1),
            resumable=True,
            bookmark=None,
            granularity="days",
        )
        found = [record.identifier async for page, _ in pages for record in page.records]
        assert sorted(found) == sorted(EVERY)
        assert sum("from=2026-04-0" in asked for asked in replica.asked) == 3


async def test_where_tokens_may_be_sent_again_a_bookmark_holds_one() -> None:
    async with provider(TWELVE) as (fetch, replica):
        first, bookmark = await walked(fetch, until_page=2)
        assert orjson.loads(bookmark).keys() == {"from", "until", "token", "seen", "expires"}
        replica.asked.clear()
        rest, _ = await walked(fetch, bookmark=bookmark)
        assert sorted({*first, *rest}) == sorted(EVERY)
        assert not set(first) & set(rest)


async def test_where_they_may_not_a_bookmark_leads_to_the_start_of_its_window() -> None:
    async with provider(TWELVE, rescroll=True) as (fetch, _):
        _, bookmark = await walked(fetch, until_page=2, resumable=False)
        assert orjson.loads(bookmark) == {"from": "2026-04-01T00:00:00Z"}


async def test_a_bookmark_whose_token_has_expired_restarts_its_window() -> None:
    async with provider(TWELVE, token_seconds=-5) as (fetch, _):
        _, bookmark = await walked(fetch, until_page=1)
    async with provider(TWELVE) as (fetch, replica):
        found, _ = await walked(fetch, bookmark=bookmark)
        assert set(found) == EVERY
        assert "resumptionToken" not in replica.asked[0]


async def test_a_deleted_record_arrives_as_a_header() -> None:
    async with provider(TWELVE, deleted="persistent") as (fetch, replica):
        replica.listed().withdraw("r3", START + timedelta(minutes=90))
        pages = oaipmh.list_records(fetch, ENDPOINT, prefix="oai_dc")
        deleted = [each async for page in pages for each in page.records if each.deleted]
        assert [(each.identifier, each.datestamp) for each in deleted] == [
            ("oai:toy:r3", "2026-04-01T01:30:00Z")
        ]
        assert oaipmh.payload_of(parse_xml(deleted[0].xml)) is None


async def test_a_provider_says_who_it_is() -> None:
    async with provider(TWELVE, deleted="transient", granularity="days") as (fetch, _):
        identity = await oaipmh.identify(fetch, ENDPOINT)
        assert identity == oaipmh.Identity(START, "days", "transient")


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    minutes=st.lists(st.integers(0, 360), max_size=30),
    page_size=st.integers(1, 9),
    stop=st.integers(1, 12),
    resumable=st.booleans(),
)
async def test_stopping_anywhere_and_going_on_gives_every_record(
    minutes: list[int], page_size: int, stop: int, resumable: bool
) -> None:
    held = [holding(number, at) for number, at in enumerate(minutes)]
    async with provider(held, page_size=page_size, rescroll=not resumable) as (fetch, _):
        first, bookmark = await walked(fetch, until_page=stop, resumable=resumable)
        rest, last = await walked(fetch, bookmark=bookmark, resumable=resumable)
        assert {*first, *rest} == {f"oai:toy:{each.id}" for each in held}
        again, _ = await walked(fetch, bookmark=last, resumable=resumable)
        assert set(again) <= {
            f"oai:toy:{each.id}" for each in held if each.changed >= START + timedelta(hours=6)
        }


def _plain(asked: str) -> str:
    return asked.replace("%3A", ":")


# What the answers carry


def record(metadata: str, *, status: str = "") -> bytes:
    return (
        f'<record xmlns="http://www.openarchives.org/OAI/2.0/"><header{status}><identifier>oai:toy:1</identifier>'
        f"<datestamp>2026-04-01</datestamp><setSpec>a</setSpec></header><metadata>{metadata}</metadata></record>"
    ).encode()


def test_one_bare_record_is_split_like_a_list() -> None:
    (found,) = oaipmh.split(record("<dc/>"))
    assert (found.identifier, found.datestamp, found.sets) == ("oai:toy:1", "2026-04-01", ("a",))
    assert oaipmh.record_of(found.xml) == found


@pytest.mark.parametrize(
    ("body", "why"),
    [
        (b'<OAI-PMH><error code="noRecordsMatch"/></OAI-PMH>', "OAI-PMH error noRecordsMatch"),
        (b"<OAI-PMH><Identify/></OAI-PMH>", "OAI-PMH Identify, which holds no records"),
        (b"<OAI-PMH><ListRecords/></OAI-PMH>", "OAI-PMH without records"),
        (b"<html/>", "XML <html>, not an answer of OAI-PMH"),
        (b"<OAI-PMH><ListRecords><record>", "broken XML"),
        (b"<!DOCTYPE a [<!ENTITY b 'c'>]><OAI-PMH>&b;</OAI-PMH>", "DTD"),
    ],
)
def test_an_answer_without_records_says_what_it_is(body: bytes, why: str) -> None:
    with pytest.raises(BadRecord, match=why):
        list(oaipmh.split(body))


def test_an_error_is_told_from_other_answers() -> None:
    error = b'<OAI-PMH><error code="badResumptionToken"> too   old </error></OAI-PMH>'
    assert oaipmh.error_of(error) == ("badResumptionToken", "too old")
    assert oaipmh.error_of(b"<OAI-PMH><Identify/></OAI-PMH>") is None
    assert oaipmh.error_of(b"<!doctype html><p>") is None


def test_every_recorded_oai_answer_is_read_or_says_why_not(shared: Path) -> None:
    files = [*shared.glob("oaipmh/*/*"), *shared.glob("zenodo/oai_*/*.xml")]
    read = refused = 0
    for file in files:
        if file.suffix not in {".xml", ".html"}:
            continue
        try:
            records = list(oaipmh.split(file.read_bytes()))
        except BadRecord:
            refused += 1
            continue
        for found in records:
            payload = oaipmh.payload_of(parse_xml(found.xml))
            if payload is None:
                continue
            of = datacite_xml if local(payload) in {"resource", "oai_datacite"} else dublin_core
            fields, unmapped = of.fields_of(payload, Notes())
            assert fields["title"], file
            assert unmapped == (), file
            read += 1
    assert read > 300
    assert refused > 40
