"""A certificate says "same" of an unchanged store, and exactly what changed of any other."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from index import intake
from index.certificate import KINDS, Change, canonical, certify, rerun
from index.query import parse
from index.record import Record, Withdrawal
from index.search import Catalogue, Request, compose
from tests.index.filling import fill
from tests.index.test_walk import change, held, slow, some_records, words


def state(searched: Catalogue, word: str) -> dict[str, int]:
    """What is found, by the plainest way there is: one large page."""
    found = searched.search(Request(words=word, sort="newest", size=100))
    return {hit.kept.id: hit.kept.revision for hit in found.hits}


@slow
@given(before=some_records, writes=st.lists(some_records, max_size=4), word=words)
def test_a_rerun_says_exactly_what_changed(
    before: list[Record], writes: list[list[Record]], word: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    with held(tmp_path_factory.mktemp("node"), *before) as searched:
        made, was = certify(searched, Request(words=word)), state(searched, word)
        for records in writes:
            change(searched, records)
        is_ = state(searched, word)
        then = Request(words=word, as_of=str(made.result.revision))
        found = rerun(searched, then, Request(words=word), made.result, 1000)
        assert found.agrees
        told = {(each.id, each.kind) for each in found.changes}
        assert told == {
            *((id_, "appeared") for id_ in is_.keys() - was.keys()),
            *((id_, "vanished") for id_ in was.keys() - is_.keys()),
            *((id_, "changed") for id_ in was.keys() & is_.keys() if was[id_] != is_[id_]),
        }
        assert found.counts == {kind: sum(k == kind for _, k in told) for kind in KINDS}
        assert (was == is_) == (found.now.sha256 == made.result.sha256)
        assert (was.keys() == is_.keys()) == (found.now.sha256_ids == made.result.sha256_ids)


def test_the_digest_is_of_sorted_lines_anybody_can_write(tmp_path: Path) -> None:
    with held(tmp_path, *(Record(id=f"demo:{n}", source="demo", title="x") for n in (10, 9, 1))) as searched:
        result = certify(searched, Request()).result
        assert result.count == 3
        assert result.sha256 == hashlib.sha256(b"demo:1\t3\ndemo:10\t1\ndemo:9\t2\n").hexdigest()
        assert result.sha256_ids == hashlib.sha256(b"demo:1\ndemo:10\ndemo:9\n").hexdigest()


def test_what_vanished_is_explained(tmp_path: Path) -> None:
    records = [Record(id=f"demo:{n}", source="demo", title="mouse") for n in range(3)]
    with held(tmp_path, *records) as searched:
        made = certify(searched, Request(words="mouse"))
        change(
            searched,
            [
                records[0].model_copy(update={"withdrawn": Withdrawal(reason="retracted")}),
                records[1].model_copy(update={"title": "soil"}),
            ],
        )
        then = Request(words="mouse", as_of=str(made.result.revision))
        found = rerun(searched, then, Request(words="mouse"), made.result, 1000)
        assert found.changes == (
            Change("demo:0", "vanished", 1, None, "withdrawn"),
            Change("demo:1", "vanished", 2, None, "matches no more"),
        )


def test_differences_are_all_counted_however_few_are_listed(tmp_path: Path) -> None:
    with held(tmp_path, Record(id="demo:x", source="demo", title="x")) as searched:
        made = certify(searched, Request())
        change(searched, [Record(id=f"demo:{n}", source="demo", title="x") for n in range(5)])
        found = rerun(searched, Request(as_of="1"), Request(), made.result, 2)
        assert found.counts["appeared"] == 5
        assert [each.id for each in found.changes] == ["demo:0", "demo:1"]


def test_a_purged_past_no_longer_agrees(tmp_path: Path) -> None:
    with held(tmp_path, Record(id="demo:x", source="demo", title="x")) as searched:
        made = certify(searched, Request())
        intake.forget(searched.store, "demo")
        change(searched, [Record(id="demo:y", source="demo", title="x")])
        found = rerun(searched, Request(as_of="1"), Request(), made.result, 10)
        assert not found.agrees
        assert found.counts == dict.fromkeys(KINDS, 0)


def test_freshness_is_of_the_time_the_revision_stood_not_of_today(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    days = iter(f"2026-01-{day:02}T00:00:00Z" for day in range(1, 29))
    for module in ("batch", "ledger", "intake", "certificate", "sql"):
        monkeypatch.setattr(f"index.{module}.now", lambda: next(days), raising=False)
    with held(tmp_path, Record(id="demo:x", source="demo", title="x")) as searched:
        first = certify(searched, Request())
        fill(searched.store, [Record(id="other:y", source="other", title="x")], source="other")
        change(searched, [Record(id="demo:z", source="demo", title="x")])
        pinned = certify(searched, Request(as_of=str(first.result.revision)))
        assert pinned.result == first.result
        assert pinned.sources["demo"] == first.sources["demo"]
        assert first.sources["demo"].complete_at is not None  # which ended after it was reached
        assert pinned.sources["other"].complete_at is None
        today = certify(searched, Request())
        assert today.sources["other"].complete_at is not None
        assert {name: each.count for name, each in today.sources.items()} == {"demo": 2, "other": 1}


def test_a_query_is_written_down_alike_for_every_spelling_of_it() -> None:
    assert canonical(parse(" mouse   embryo")) == canonical(parse("(mouse) AND embryo"))
    assert canonical(parse("mouse*")) == "words('mouse', prefix=True)"
    organism = canonical(compose("x", {"organism": ["mouse"]}))
    assert organism == canonical(compose("x", {"organism": ["Mus musculus"]}))
    assert "NCBITaxon:10090" in organism
    assert canonical(compose("", {"year": ["2019.."]})) == "between('year', 2019, any)"
