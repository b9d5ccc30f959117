"""How complete a source is, is counted and never claimed."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from harvester import registry
from harvester.proof import prove
from harvester.replicas.server import Fault
from harvester.run import Kind, Order
from harvester.source import Scope
from index import proofs
from index.proofs import Proof
from tests.conftest import Bench, bench_of


async def harvested(bench: Bench, kind: Kind = "full", scope: Scope = "everything") -> Proof | None:
    source = registry.source(bench.replica.protocol.NAME)
    order = Order(source, scope, kind, bench.replica.base)
    report = await bench.harvest(kind=kind, scope=scope)
    return await prove(bench.store, bench.http, order, report)


@asynccontextmanager
async def dryad(folder: Path) -> AsyncIterator[Bench]:
    async with bench_of("dryad", folder) as bench:
        yield bench


async def test_all_that_was_announced_is_here(tmp_path: Path) -> None:
    async with dryad(tmp_path) as bench:
        proof = await harvested(bench)
        held = len(bench.replica.holdings)
    assert proof is not None
    assert (proof.state, proof.ours, proof.announced, proof.missing, proof.extra) == (
        "complete",
        held,
        held,
        0,
        0,
    )
    assert (proof.independent, proof.independent_by) == (held, "DataCite: DOIs, of withdrawn data sets too")
    assert proof.in_words() == f"all {held}"


async def test_what_is_out_of_scope_counts_as_held(tmp_path: Path) -> None:
    async with dryad(tmp_path) as bench:
        proof = await harvested(bench, scope="imaging")
        assert proof is not None
        assert (proof.state, proof.ours) == ("complete", len(bench.replica.holdings))
        assert len(bench.content()) < proof.ours


async def test_where_no_number_is_announced_the_list_itself_counts(tmp_path: Path) -> None:
    async with bench_of("empiar", tmp_path) as bench:
        proof = await harvested(bench)
    assert proof is not None
    assert (proof.state, proof.announced, proof.missing) == ("listed", None, 0)
    assert proof.independent == proof.ours


async def test_a_document_that_cannot_be_read_is_missing_by_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = registry.source("dryad")
    read = source.read
    async with dryad(tmp_path) as bench:
        lost = min(bench.replica.listed().held)

        def refusing(document: Any) -> Any:
            return read(document if document.id != lost else replace(document, body=b"{}"))

        monkeypatch.setattr(source, "read", refusing)
        proof = await harvested(bench)
    assert proof is not None
    assert (proof.state, proof.missing, proof.examples["missing"]) == ("short", 1, [lost])


async def test_what_the_upstream_no_longer_lists_and_did_not_withdraw_is_extra(tmp_path: Path) -> None:
    async with bench_of("ssbd", tmp_path) as bench:  # absence says nothing there
        await harvested(bench)
        gone = min(bench.replica.listed().held)
        bench.replica.listed().withdraw(gone)
        bench.replica.memory.clear()
        proof = await harvested(bench)
    assert proof is not None
    assert (proof.state, proof.extra) == ("over", 1)


async def test_after_changes_the_number_still_tells_what_is_missing(tmp_path: Path) -> None:
    async with dryad(tmp_path) as bench:
        await harvested(bench)
        with bench.store.transaction() as connection:
            connection.exec_driver_sql("DELETE FROM documents WHERE did = (SELECT min(did) FROM documents)")
        proof = await harvested(bench, "changes")
    assert proof is not None
    assert (proof.state, proof.missing) == ("short", 1)


async def test_a_counter_that_does_not_answer_is_named_and_costs_nothing(tmp_path: Path) -> None:
    async with dryad(tmp_path) as bench:
        bench.replica.faults.append(Fault("503", times=100, path="/dois"))
        proof = await harvested(bench)
    assert proof is not None
    assert (proof.state, proof.independent, proof.note) == ("complete", None, "could not be asked: DataCite")


async def test_a_run_that_did_not_finish_proves_nothing_and_the_old_proof_stands(tmp_path: Path) -> None:
    async with dryad(tmp_path) as bench:
        first = await harvested(bench)
        bench.replica.faults.append(Fault("503", times=100))
        assert await harvested(bench) is None
        assert proofs.newest(bench.store) == {"dryad": first}
