"""What could not be read is looked at, and read again once the mapping is mended."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from config import VERSION
from harvester import registry
from harvester.errors import BadRecord
from harvester.run import reread
from harvester.scope import Placed
from index import ledger
from index.quarantine import Wanted, documents, find, listing, shape
from index.store import Store
from tests.api.serving import Client
from tests.api.test_cli import run
from tests.conftest import Bench, bench_of
from tests.index.filling import fill, set_aside


@pytest.fixture
def aside(store: Store) -> Store:
    """Two sources with documents that could not be read, for three kinds of reasons."""
    for source in ("demo", "other"):
        fill(store, [], source)
    set_aside(store, {str(n): b"{}" for n in range(4)}, reason="no title in 'x1' (12 fields)")
    set_aside(store, {"no-license": b"{}"}, reason="the license 100%_free is unknown")
    set_aside(store, {"a": b"{}"}, "other", reason="no title in 'y2' (3 fields)")
    return store


def test_reasons_are_counted_without_what_is_particular_to_a_document(aside: Store) -> None:
    found = listing(aside, Wanted(), size=50)
    counted = [(row["source"], row["reason"], row["count"]) for row in found.reasons]
    assert counted == [
        ("demo", "no title in … (… fields)", 4),
        ("demo", "the license …%_free is unknown", 1),
        ("other", "no title in … (… fields)", 1),
    ]
    assert found.total == len(found.documents) == 6


def test_an_apostrophe_in_a_reason_is_no_quotation_mark() -> None:
    assert shape("it doesn't hold a title, nor a 'name'") == "it doesn't hold a title, nor a …"


@pytest.mark.parametrize(
    ("wanted", "count"),
    [
        (Wanted("other"), 1),
        (Wanted(reason="TITLE"), 5),
        (Wanted("demo", "title"), 4),
        (Wanted(reason="100%_free"), 1),
        (Wanted(reason="%"), 1),  # no wildcard
        (Wanted("nobody"), 0),
    ],
)
def test_source_and_reason_choose(wanted: Wanted, count: int, aside: Store) -> None:
    found = listing(aside, wanted, size=50)
    assert found.total == len(found.documents) == count
    assert sum(len(batch) for batch in documents(aside, wanted, 2)) == count


def test_pages_neither_repeat_nor_lose_a_document(aside: Store) -> None:
    seen: list[int] = []
    after: int | None = 0
    while after is not None:
        page = listing(aside, Wanted(), size=4, after=after)
        seen += [row["did"] for row in page.documents]
        after = page.next
    assert len(seen) == len(set(seen)) == 6


def test_a_document_is_shown_whole_with_the_code_that_set_it_aside(aside: Store) -> None:
    did = listing(aside, Wanted("other"), size=1).documents[0]["did"]
    found = find(aside, did)
    assert found is not None
    assert (found["raw"], found["mapping_version"], found["code"]) == (b"{}", 1, None)
    run = ledger.begin(aside, "other", origin="replica", scope="everything", kind="full", code="7.8")
    (did,) = set_aside(aside, {"b": b"{}"}, "other")
    ledger.end(aside, run.run_id, state="complete")
    again = find(aside, did)
    assert again is not None
    assert again["code"] == "7.8"


# ---- a harvest sets aside, a mended mapping reads again --------------------------------------


class Broken:
    """EMPIAR's mapping, with a fault for some documents until it is mended."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.source, self.faulty = registry.source("empiar"), True
        self.read = self.source.read
        monkeypatch.setattr(self.source, "read", self)

    def __call__(self, document: Any) -> Any:
        if self.faulty and document.id.endswith(("4", "8")):
            raise BadRecord(f"no title in {document.id!r}, says somebody@example.org")
        return self.read(document)


async def harvested(bench: Bench) -> int:
    report = await bench.harvest()
    assert report.state == "complete"
    return report.counts["quarantined"]


async def test_after_a_mapping_is_mended_retrying_makes_records_without_the_upstream(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken = Broken(monkeypatch)
    async with bench_of("empiar", tmp_path) as bench:
        count = await harvested(bench)
        assert count >= 5
        held, asked = len(bench.content()), len(bench.replica.asked)
        assert listing(bench.store, Wanted("empiar"), size=1).total == count
        first = listing(bench.store, Wanted(), size=1).documents[0]["did"]
        shown = find(bench.store, first)
        assert shown is not None
        assert shown["code"] == VERSION
        assert json.loads(shown["raw"])

        reread(bench.store, broken.source, documents=documents(bench.store, Wanted("empiar"), 3))
        assert listing(bench.store, Wanted(), size=1).total == count  # nothing was mended yet
        assert find(bench.store, first) == {**shown, "run_id": 2, "last_at": found_at(bench.store, first)}

        broken.faulty = False
        report = reread(bench.store, broken.source, documents=documents(bench.store, Wanted("empiar"), 3))
        assert report.counts == {"added": count}
        assert listing(bench.store, Wanted(), size=1).total == 0
        assert len(bench.content()) == held + count
        assert len(bench.replica.asked) == asked


def found_at(store: Store, did: int) -> str:
    found = find(store, did)
    assert found is not None
    return str(found["last_at"])


async def test_a_document_that_turns_out_to_be_out_of_scope_leaves_the_quarantine(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken = Broken(monkeypatch)
    async with bench_of("empiar", tmp_path) as bench:
        count = await harvested(bench)
        broken.faulty = False
        monkeypatch.setattr("harvester.scope.place", lambda record, _: Placed(record, is_inside=False))
        report = reread(bench.store, broken.source, documents=documents(bench.store, Wanted(), 3))
        assert report.counts == {"out_of_scope": count}
        assert listing(bench.store, Wanted(), size=1).total == 0


# ---- the API ---------------------------------------------------------------------------------


async def test_the_api_lists_and_shows_without_addresses_of_people(client: Client) -> None:
    listed = await (await client.get("/api/v1/quarantine?source=demo")).json()
    assert listed["total"] == 1
    assert listed["reasons"][0]["reason"] == "the title is missing"
    (document,) = listed["documents"]
    body = await (await client.get(f"/api/v1/quarantine/{document['did']}")).text()
    shown = json.loads(body)
    assert shown["reason"] == "the title is missing"
    assert json.loads(shown["raw"])["odd"] == "no title"
    assert "jane@example.org" not in body
    assert "address removed" in body


@pytest.mark.parametrize(
    ("path", "status", "says"),
    [
        ("/api/v1/quarantine/1", 404, "/api/v1/quarantine"),
        ("/api/v1/quarantine/x", 404, "/api/v1/quarantine"),
        ("/api/v1/quarantine/99999999999999999999", 404, "/api/v1/quarantine"),
        ("/api/v1/quarantine?size=0", 400, "from 1 to 200"),
        ("/api/v1/quarantine?size=201", 400, "from 1 to 200"),
        ("/api/v1/quarantine?after=x", 400, "number"),
        ("/api/v1/quarantine?sauce=idr", 400, "no parameter named 'sauce'"),
    ],
)
async def test_a_mistake_is_told(path: str, status: int, says: str, client: Client) -> None:
    answer = await client.get(path)
    assert answer.status == status
    assert says in (await answer.json())["detail"]


async def test_nobody_in_quarantine_is_an_empty_list(client: Client) -> None:
    listed = await (await client.get("/api/v1/quarantine?source=idr")).json()
    assert listed == {"total": 0, "reasons": [], "documents": [], "next": None}


# ---- the commands ----------------------------------------------------------------------------


@pytest.fixture
def node(tmp_path: Path) -> Path:
    """A node whose EMPIAR has one document that today's mapping reads, and one that none can."""
    page = Path(__file__).parents[1] / "sources/empiar/pages"
    source = registry.source("empiar")
    documents = [
        document
        for file in sorted(page.rglob("*"))
        if file.is_file()
        for document in source.documents(file.read_bytes())
    ]
    with Store(tmp_path / "data" / "store.sqlite") as store:
        fill(store, [], "empiar")
        bodies = {str(documents[0].id): documents[0].body}
        bodies["broken\x1b[2J"] = b'{"cut": \x1b[31m"me@example.org'
        set_aside(store, bodies, "empiar", reason="a [bold]fault[/bold] of the mapping")
    return tmp_path


def test_the_commands_list_show_and_retry(node: Path) -> None:
    listed = json.loads(run("quarantine", "list", "--json", cwd=node)[0])
    assert listed["total"] == 2
    out, _ = run("quarantine", "list", "--source", "empiar", "--size", "1", cwd=node)
    assert "2 documents in quarantine" in out
    assert "a [bold]fault[/bold] of the mapping" in out  # an upstream's words are no markup
    assert "go on with --after" in out
    tried = json.loads(run("quarantine", "retry", "--json", cwd=node)[0])
    assert tried == [{"source": "empiar", "tried": 2, "records": 1, "out_of_scope": 0, "quarantined": 1}]
    again, _ = run("quarantine", "retry", "--source", "empiar", cwd=node)
    assert "of 1 documents 0 became records, 0 are out of scope, 1 stay in quarantine" in again
    assert "nothing was read again" in run("quarantine", "retry", "--reason", "nobody says so", cwd=node)[0]


def test_what_an_upstream_sent_cannot_command_the_terminal(node: Path) -> None:
    did = json.loads(run("quarantine", "list", "--json", cwd=node)[0])["documents"][1]["did"]
    out, _ = run("quarantine", "show", str(did), cwd=node)
    assert "\x1b" not in out
    assert '{"cut": \N{REPLACEMENT CHARACTER}[31m"me@example.org' in out
    assert "mapping 1, Headwater of unknown version" in out
    assert json.loads(run("quarantine", "show", str(did), "--json", cwd=node)[0])["raw"].startswith('{"cut"')


def test_a_number_that_is_not_in_quarantine_is_told(node: Path) -> None:
    assert "quarantine list" in run("quarantine", "show", "999", cwd=node, code=1)[1]
    assert "there are" in run("quarantine", "retry", "--source", "nobody", cwd=node, code=2)[1]
