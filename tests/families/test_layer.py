"""The layer in the store: kept with every change, equal to one made from scratch, and told to the index."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from index import intake
from index.changes import since
from index.check import check_store
from index.damage import Tally
from index.engines.tantivy import TantivyEngine
from index.families.anew import form_anew
from index.families.decisions import Refused, decide, decisions, undo
from index.families.telling import census, family_of
from index.history import history
from index.mend import mend_store
from index.record import Record, Withdrawal
from index.store import Store
from index.sync import sync
from tests.families.material import differing, held, keep, thing
from tests.index.filling import fill

CONCEPT = "10.5281/zenodo.1"


def version(number: int, concept: str | None = CONCEPT, **more: Any) -> Record:
    return thing(f"zenodo:{number}", doi=f"10.5281/zenodo.{number}", concept_doi=concept, **more)


@pytest.fixture
def twins(store: Store) -> Store:
    """Two versions at Zenodo, a copy at Figshare, and a record that stands alone."""
    copy = thing("figshare:9", doi="10.6084/m9.figshare.9", says={CONCEPT: "IsIdenticalTo"})
    keep(store, version(2), version(3), copy, thing("idr:alone"))
    return store


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[TantivyEngine]:
    opened = TantivyEngine(tmp_path / "index", writing=True)
    yield opened
    opened.close()


ALL = frozenset({"zenodo:2", "zenodo:3", "figshare:9"})
VERSIONS = frozenset({"zenodo:2", "zenodo:3"})


def test_groups_follow_every_change(twins: Store) -> None:
    assert held(twins) == {"family": {ALL}, "version": {VERSIONS}}
    keep(twins, version(3, "10.5281/zenodo.77"))
    assert held(twins) == {"family": {ALL - {"zenodo:3"}}, "version": set()}
    keep(twins, version(3))
    assert held(twins) == {"family": {ALL}, "version": {VERSIONS}}
    assert differing(twins) == []


def test_the_last_that_is_left_of_a_group_stands_alone_again(store: Store) -> None:
    keep(store, version(2), version(3))
    keep(store, version(2, None))
    assert held(store) == {"family": set(), "version": set()}
    assert differing(store) == []


def test_a_withdrawn_version_stays_in_its_family_and_is_not_the_newest(twins: Store) -> None:
    keep(twins, version(3, withdrawn=Withdrawal(reason="retracted")))
    assert held(twins)["version"] == {VERSIONS}
    rid = twins.by_identifier("10.5281/zenodo.2")[0]
    newest = {one.kept.id for one in family_of(twins, rid).members if one.is_newest}
    assert newest == {"zenodo:2", "figshare:9"}


def test_a_purge_lets_go_and_a_new_harvest_brings_back(twins: Store) -> None:
    intake.forget(twins, "zenodo")
    assert held(twins) == {"family": set(), "version": set()}
    assert differing(twins) == []
    keep(twins, version(2), version(3))
    assert held(twins) == {"family": {ALL}, "version": {VERSIONS}}


def test_a_change_of_grouping_is_no_change_of_a_record(twins: Store) -> None:
    told = since(twins, 0, 100)
    assert [change.event for change in told.changes] == ["added"] * 4
    before = twins.revision()
    fill(twins, [version(4)], "zenodo")
    assert [change.id for change in since(twins, before, 100).changes] == ["zenodo:4"]
    rid = twins.by_identifier("10.5281/zenodo.2")[0]
    assert history(twins, rid, 0, 10).total == 1


def test_what_joins_nothing_takes_no_revision(store: Store) -> None:
    keep(store, thing("idr:a"), thing("idr:b"))
    assert store.revision() == 2
    keep(store, thing("idr:c", doi="10.1234/c"))
    assert store.revision() == 3


# ---- equal to a layer from scratch ---------------------------------------------------------------

DOIS = [f"10.1234/{n}" for n in range(4)]
RELATIONS = ["IsVersionOf", "IsNewVersionOf", "IsIdenticalTo", "IsVariantFormOf", "IsSupplementTo"]
IDS = [f"{source}:{n}" for source in ("demo", "other") for n in range(4)]
TITLES = ["Light sheet microscopy of zebrafish embryos", "Electron tomography of yeast nuclei"]
records = st.builds(
    thing,
    st.sampled_from(IDS),
    doi=st.sampled_from([None, *DOIS]),
    concept_doi=st.sampled_from([None, *DOIS]),
    title=st.sampled_from(TITLES),
    papers=st.lists(st.sampled_from(["10.1098/x", "10.1098/y"]), max_size=1),
    says=st.dictionaries(st.sampled_from(DOIS), st.sampled_from(RELATIONS), max_size=2),
)
pairs = st.tuples(st.sampled_from(["join", "split"]), st.sampled_from(IDS), st.sampled_from(IDS))
steps = st.lists(st.one_of(st.lists(records, min_size=1, max_size=4), pairs, st.just("forget")), max_size=6)


def take(store: Store, step: Any) -> None:
    if step == "forget":
        intake.forget(store, "other")
    elif isinstance(step, tuple):
        verb, one, other = step
        try:
            decide(store, verb, one, other, why="it is so", who="somebody")
        except Refused:
            return
    else:
        keep(store, *{record.id: record for record in step}.values())


@given(steps)
@settings(max_examples=20, deadline=None)
def test_any_order_of_changes_gives_the_groups_of_a_store_filled_at_once(order: list[Any]) -> None:
    with TemporaryDirectory() as folder, Store(Path(folder) / "a.sqlite") as store:
        last: dict[str, Record] = {}
        for step in order:
            take(store, step)
            assert differing(store) == []
            if step == "forget":
                last = {id_: record for id_, record in last.items() if record.source != "other"}
            elif isinstance(step, list):
                last |= {record.id: record for record in step}
        with Store(Path(folder) / "b.sqlite") as fresh:
            keep(fresh, *sorted(last.values(), key=lambda record: record.id, reverse=True))
            for one in decisions(store):
                # A decision on a record that is gone waits; it decides nothing here or there.
                if {one.one, one.other} <= set(last):
                    decide(fresh, one.verb, one.one, one.other, why=one.why, who=one.who)
            assert held(fresh) == held(store)


def test_a_key_that_too_many_claim_ends_what_it_held_and_holds_again(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in ("index.families.layer", "index.families.grouping"):
        monkeypatch.setattr(f"{module}.LARGEST_VERSIONS", 5)
    keep(store, *(version(n) for n in range(2, 7)))
    assert [len(group) for group in held(store)["version"]] == [5]
    keep(store, version(7), version(8))
    assert held(store)["version"] == set()
    assert differing(store) == []
    keep(store, version(7, None), version(8, None))
    assert [len(group) for group in held(store)["version"]] == [5]
    assert differing(store) == []


# ---- the index -----------------------------------------------------------------------------------


def indexed(store: Store, engine: TantivyEngine) -> dict[str, set[tuple[int, int, tuple[str, ...]]]]:
    """The fields of all entries of each record."""
    searcher = engine.snapshot().searcher
    found: dict[str, set[tuple[int, int, tuple[str, ...]]]] = {}
    queries = engine._queries
    grouped = {
        token: {
            (place.segment_ord, place.doc)
            for _, place in searcher.search(queries.tokens("grouped", (token,)), 1000).hits
        }
        for token in ("family", "version")
    }
    addresses = [address for _, address in searcher.search(queries.range("rid", 0, None), 1000).hits]
    for address in addresses:
        rid, family, own = (
            searcher.fast_field_values(name, [address])[0] for name in ("rid", "family", "version")
        )
        kept = store.get_number(int(rid or 0))
        assert kept is not None
        tokens = tuple(
            token for token, those in grouped.items() if (address.segment_ord, address.doc) in those
        )
        found.setdefault(kept.id, set()).add((int(family or 0), int(own or 0), tokens))
    return found


def test_the_index_follows_the_groups_old_versions_too(twins: Store, engine: TantivyEngine) -> None:
    keep(twins, version(2, title="A changed title"))
    sync(twins, engine)
    lone = twins.get("idr:alone")
    assert lone is not None
    assert indexed(twins, engine) == {
        "zenodo:2": {(1, 1, ("family", "version"))},
        "zenodo:3": {(1, 1, ("family", "version"))},
        "figshare:9": {(1, 3, ("family",))},
        "idr:alone": {(lone.rid, lone.rid, ())},
    }
    keep(twins, version(3, None))
    sync(twins, engine)
    assert indexed(twins, engine)["zenodo:2"] == {(1, 1, ("family",))}
    assert indexed(twins, engine)["zenodo:3"] == {(2, 2, ())}
    assert engine.revision() == twins.revision()
    entries = len(engine.snapshot().held(0, None))
    assert entries == 4 + 2  # each version once, whatever was made again


def test_an_index_killed_before_its_mark_brings_the_groups_again_once(
    twins: Store, engine: TantivyEngine
) -> None:
    sync(twins, engine)
    fill(twins, [version(4)], "zenodo")
    engine_mark = engine._mark().revision
    sync(twins, engine)
    engine._write_mark(engine_mark)  # as if the kill came between the commit and the mark
    assert sync(twins, engine) == 1
    assert len(engine.snapshot().held(0, None)) == 5
    assert len({kin for own in indexed(twins, engine).values() for kin in own}) == 3


# ---- by hand -------------------------------------------------------------------------------------


def test_decisions_survive_harvest_purge_and_forming_anew(twins: Store) -> None:
    decide(twins, "split", "zenodo:2", "zenodo:3", why="two experiments", who="ann")
    decide(twins, "join", "zenodo:3", "idr:alone", why="the same plates", who="bob")
    wanted = {frozenset({"zenodo:3", "idr:alone"})}
    assert wanted <= held(twins)["family"]
    assert held(twins)["version"] == set()
    intake.forget(twins, "zenodo")
    assert held(twins)["family"] == set()
    keep(twins, version(2, title="Harvested again"), version(3))
    assert wanted <= held(twins)["family"]
    form_anew(twins)
    assert wanted <= held(twins)["family"]
    assert differing(twins) == []


def test_a_join_of_records_that_claim_nothing_survives_their_purge(store: Store) -> None:
    bare = thing("idr:a"), thing("demo:b")
    keep(store, *bare)
    decide(store, "join", "idr:a", "demo:b", why="the same plates", who="ann")
    intake.forget(store, "idr")
    assert held(store)["family"] == set()
    keep(store, *bare)
    assert held(store)["family"] == {frozenset({"idr:a", "demo:b"})}


def test_an_undone_decision_is_kept_and_decides_nothing(twins: Store) -> None:
    made = decide(twins, "split", "zenodo:2", "zenodo:3", why="two experiments", who="ann")
    undone = undo(twins, made.number, "bob")
    assert (undone.who, undone.undone_by, undone.why) == ("ann", "bob", "two experiments")
    assert held(twins) == {"family": {ALL}, "version": {VERSIONS}}
    assert decisions(twins) == [undone]
    with pytest.raises(Refused, match="undone on"):
        undo(twins, made.number, "bob")


@pytest.mark.parametrize(
    ("verb", "pair", "why", "kind", "message"),
    [
        ("join", ("zenodo:2", "zenodo:2"), "so", "family", "name two"),
        ("join", ("zenodo:2", "zenodo:99"), "so", "family", "no record 'zenodo:99'"),
        ("join", ("zenodo:2", "idr:alone"), " ", "family", "say why"),
        ("join", ("zenodo:2", "idr:alone"), "so", "version", "versions are of one source"),
        ("join", ("figshare:9", "idr:alone"), "so", "family", "headwater families undo 1"),
        ("split", ("idr:alone", "figshare:9"), "so", "family", "says so already"),
    ],
)
def test_a_decision_that_cannot_be_taken_says_why(
    twins: Store, verb: Any, pair: tuple[str, str], why: str, kind: Any, message: str
) -> None:
    decide(twins, "split", "figshare:9", "idr:alone", why="no copies", who="ann")
    with pytest.raises(Refused, match=message):
        decide(twins, verb, *pair, why=why, who="ann", kind=kind)


# ---- forming anew, checking, killing -------------------------------------------------------------


def test_a_store_without_groups_is_grouped_when_the_index_is_brought_up_to_date(
    twins: Store, engine: TantivyEngine
) -> None:
    with twins.transaction() as connection:
        for statement in ("DELETE FROM claims", "DELETE FROM kin", "DELETE FROM meta WHERE key = 'families'"):
            connection.exec_driver_sql(statement)
    tally = Tally()
    check_store(twins, tally)
    assert tally.damage == []  # not damaged: of an older version
    sync(twins, engine)
    assert held(twins) == {"family": {ALL}, "version": {VERSIONS}}
    assert indexed(twins, engine)["zenodo:3"] == {(1, 1, ("family", "version"))}


@pytest.mark.parametrize(
    ("statement", "kind"),
    [
        ("UPDATE kin SET family = rid, in_family = 0 WHERE rid = 3", "family"),
        ("DELETE FROM kin", "family"),
        ("DELETE FROM claims WHERE rid = 2", "names"),
        ("INSERT INTO claims VALUES (77, 'is', 'doi:10.1234/x')", "stray names"),
    ],
)
def test_damage_to_the_layer_is_found_and_mended(twins: Store, statement: str, kind: str) -> None:
    whole = Tally()
    check_store(twins, whole)
    assert whole.damage == []
    assert whole.checked["families"] == 1
    with twins.transaction() as connection:
        connection.exec_driver_sql(statement)
    tally = Tally()
    check_store(twins, tally)
    assert kind in tally.found
    mend_store(twins, tally, lambda _source, _batch: [])
    mended = Tally()
    check_store(twins, mended)
    assert mended.damage == []
    assert held(twins) == {"family": {ALL}, "version": {VERSIONS}}


def test_a_harvest_killed_anywhere_leaves_groups_that_fit_the_records(tmp_path: Path) -> None:
    """Records and groups are one transaction, so there is no moment at which only one of them is there."""
    program = (
        "import sys; from pathlib import Path; from index.store import Store\n"
        "from tests.families.test_layer import version\nfrom tests.families.material import keep\n"
        "store = Store(Path(sys.argv[1]))\n"
        "for n in range(2, 10_000):\n    keep(store, version(n)); print(n, flush=True)\n"
    )
    path = tmp_path / "store.sqlite"
    running = subprocess.Popen(
        [sys.executable, "-c", program, str(path)], stdout=subprocess.PIPE, cwd=Path(__file__).parents[2]
    )
    assert running.stdout is not None
    for _ in range(12):
        assert running.stdout.readline()
    os.kill(running.pid, signal.SIGKILL)
    running.communicate()
    with Store(path) as store:
        assert differing(store) == []
        assert len(next(iter(held(store)["version"]))) >= 12


def test_the_list_counts_groups_and_goes_on_where_it_ended(twins: Store) -> None:
    keep(twins, version(20, "10.5281/zenodo.19"), version(21, "10.5281/zenodo.19"))
    found = census(twins, "family", 0, 1)
    assert dict(found.counts) == {
        "families": 2, "records in families": 5, "version groups": 2, "records in version groups": 4,
    }  # fmt: skip
    assert found.listed[0].ids == ("figshare:9", "zenodo:2", "zenodo:3")
    assert found.next is not None
    rest = census(twins, "family", found.next, 1)
    assert (rest.listed[0].ids, rest.next) == (("zenodo:20", "zenodo:21"), None)
