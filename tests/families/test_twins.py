"""Precision and recall on known twins: `twins.csv` names them, and what looks like twins and is none.

Of `material` real, the records are read off recorded upstream answers; IDR's own table says which studies are
in the BioImage Archive. That archive is no source yet: a stub with nothing but its accession stands for each.
"""

from __future__ import annotations

import csv
import sys
from collections import defaultdict
from collections.abc import Iterable, Iterator
from itertools import combinations
from pathlib import Path

import pytest

from harvester import registry
from harvester.reading import read_files
from index.record import Record, Related
from index.values import identifiers
from tests.families.material import grouped, thing

TWINS = Path(__file__).with_name("twins.csv")
TITLE = "Long-term change in the parasite burden of shore crabs"
Pairs = set[tuple[str, frozenset[str]]]


def known(material: str) -> tuple[Pairs, set[str]]:
    """Pairs that belong together, by kind, and all records that are named."""
    things: defaultdict[tuple[str, str], list[str]] = defaultdict(list)
    with TWINS.open(encoding="utf-8") as file:
        for row in csv.DictReader(file):
            if row["material"] == material:
                things[row["thing"], row["kind"]].append(row["record"])
    pairs = {
        (layer, frozenset(pair))
        for (_, kind), ids in things.items()
        if kind != "none"
        for pair in combinations(ids, 2)
        for layer in ({"family"} if kind == "family" else {"family", "version"})
    }
    return pairs, {id_ for ids in things.values() for id_ in ids}


def found(records: Iterable[Record]) -> Pairs:
    made = grouped(*records)
    pairs: Pairs = set()
    for kind, groups in (("family", made.family), ("version", made.version)):
        by_root: defaultdict[str, list[str]] = defaultdict(list)
        for id_, root in groups.items():
            by_root[root].append(id_)
        pairs |= {(kind, frozenset(pair)) for own in by_root.values() for pair in combinations(own, 2)}
    return pairs


def judge(records: dict[str, Record], material: str) -> tuple[float, float]:
    """Precision over every pair found among the records, recall over every pair known."""
    wanted, named = known(material)
    assert named <= set(records), named - set(records)
    got = found(records.values())
    told = {"records": len(records), "found": len(got), "known": len(wanted), "right": len(got & wanted)}
    wrong, missed = (
        sorted(map(sorted, (pair for _, pair in pairs))) for pairs in (got - wanted, wanted - got)
    )
    sys.stdout.write(f"{material}: {told}, wrong: {wrong}, missed: {missed}\n")
    return len(got & wanted) / len(got), len(got & wanted) / len(wanted)


def stub(accession: str) -> Record:
    return thing(f"bia:{accession}", names={accession: "biostudies"})


def read(shared: Path) -> Iterator[Record]:
    for source in registry.SOURCES:
        for outcome in read_files(source, [shared / source.card.name]):
            if "record" in outcome:
                yield Record.model_validate(outcome["record"])


def test_twins_among_the_recorded_answers_are_found_and_nothing_else(shared: Path) -> None:
    records = {record.id: record for record in read(shared)}
    table = shared / "idr/idr.openmicroscopy.org/_data/download_urls.tsv"
    with table.open(encoding="utf-8") as file:
        for row in csv.DictReader(file, delimiter="\t"):
            study = records[f"idr:{row['idrid']}"]
            for column in ("bia_ngff_id", "bia_url"):
                name = (row[column] or "").rpartition("/")[2].removesuffix(".html")
                if identifiers.accession(name) is not None:
                    twin = Related(relation="IsVariantFormOf", id=name, scheme="biostudies", kind="Dataset")
                    study = study.model_copy(update={"related": (*study.related, twin)})
                    records[f"bia:{name}"] = stub(name)
            records[study.id] = study
    precision, recall = judge(records, "real")
    assert len(records) > 700
    assert (precision, recall) == (1.0, 1.0)


def test_both_presentations_of_a_study_at_ssbd_are_one_record(shared: Path) -> None:
    """Its database and its repository list one study under one number: no family is needed, nor made."""
    presented: defaultdict[str, set[str]] = defaultdict(set)
    for outcome in read_files(registry.source("ssbd"), [shared / "ssbd"]):
        for identifier in outcome.get("record", {}).get("identifiers", ()):
            presented[outcome["record"]["id"]].add(identifier["scheme"])
    both = [id_ for id_, schemes in presented.items() if {"ssbd", "ssbd-database"} <= schemes]
    assert len(both) >= 10


OWN = (
    thing("empiar:EMPIAR-11380", names={"EMPIAR-11380": "empiar"}, doi="10.6019/empiar-11380",
          says={"S-BIAD610": "References"}),
    stub("S-BIAD610"),
    thing("figshare:4234751", doi="10.6084/m9.figshare.4234751"),
    thing("figshare:4234751.v1", doi="10.6084/m9.figshare.4234751.v1",
          concept_doi="10.6084/m9.figshare.4234751"),
    thing("dryad:10.5061/dryad.8515", doi="10.5061/dryad.8515"),
    thing("demo:copy-of-8515", doi="10.5061/dryad.8515"),
    thing("dryad:10.5061/dryad.mkkwh70zp", doi="10.5061/dryad.mkkwh70zp", title=TITLE, papers=["10.1098/x"]),
    thing("zenodo:software-of-mkkwh70zp", kind="Software", title=TITLE, papers=["10.1098/x"]),
    thing("zenodo:supplement-of-mkkwh70zp", title=TITLE, papers=["10.1098/x"],
          says={"https://doi.org/10.5061/dryad.mkkwh70zp": "IsSupplementTo"}),
    *(thing(f"bia:S-BIAD{n}", names={f"S-BIAD{n}": "biostudies"}, title=TITLE, papers=["10.1016/y"])
      for n in (2233, 2245, 2246)),
    *(thing(f"idr:{name}", names={name: "idr"}, title=TITLE, papers=["10.1016/z"])
      for name in ("idr0070", "idr0114")),
    thing("empiar:EMPIAR-10310", names={"EMPIAR-10310": "empiar"}, says={"EMD-0406": "IsSourceOf"}),
    thing("demo:EMD-0406", names={"EMD-0406": "emdb"}),
)  # fmt: skip


def test_twins_that_no_recorded_answer_holds_are_found_and_nothing_else() -> None:
    assert judge({record.id: record for record in OWN}, "own") == (1.0, 1.0)


@pytest.mark.parametrize("left_out", ["demo:copy-of-8515", "bia:S-BIAD610"])
def test_without_its_twin_a_record_stands_alone(left_out: str) -> None:
    wanted, _ = known("own")
    rest = found(record for record in OWN if record.id != left_out)
    assert wanted - rest == {pair for pair in wanted if left_out in pair[1]}
