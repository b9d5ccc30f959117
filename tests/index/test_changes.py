"""Following the changes while a writer runs: what the follower ends up with is what the store holds."""

from __future__ import annotations

import threading
from pathlib import Path

from index import intake, ledger
from index.changes import Change, since
from index.record import Record, Withdrawal
from index.store import Store
from tests.index.filling import fill

ROUNDS, RECORDS = 6, 4


def write(path: Path) -> None:
    """Change every record each round, but for two that are withdrawn and come back in the next."""
    with Store(path) as store:
        for round_ in range(ROUNDS):
            fill(
                store,
                [
                    Record(id=f"demo:{n}", source="demo", title=f"Title {n} of round {round_}")
                    for n in range(RECORDS)
                ],
            )
            run = ledger.begin(store, "demo", origin="replica", scope="everything", kind="full")
            gone = {
                f"demo:{round_ % RECORDS}": Withdrawal(reason="gone"),
                "demo:0": Withdrawal(reason="gone"),
            }
            intake.withdraw(store, run.run_id, "demo", gone)
            ledger.end(store, run.run_id, state="complete")


def test_who_follows_while_a_writer_runs_is_told_all_and_nothing_twice(store: Store) -> None:
    writer = threading.Thread(target=write, args=(store.path,))
    writer.start()
    told: list[Change] = []
    reached = 0
    while writer.is_alive() or reached < store.revision():
        page = since(store, reached, 5)
        assert reached <= page.next <= page.revision
        told += page.changes
        reached = page.next
    writer.join()
    assert [change.revision for change in told] == list(range(1, store.revision() + 1))
    followed = {change.id: change.event for change in told}
    held = {id_ for id_, event in followed.items() if event != "withdrawn"}
    assert held == set(store.ids("demo"))
    assert {change.event for change in told} == {"added", "changed", "withdrawn", "restored"}
