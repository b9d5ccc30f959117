"""Which evidence makes a family, and which does not."""

from __future__ import annotations

import pytest

from index.families.claims import PAPER, claims_of, key_of, title_key
from index.families.grouping import LARGEST_FAMILY, LARGEST_STATED, LARGEST_UNHELD, Hand
from index.record import Record
from tests.families.material import grouped, thing, together

CONCEPT = "10.5281/zenodo.5026364"
TITLE = "Long-term change in the parasite burden of shore crabs"


def version(number: int, concept: str = CONCEPT) -> Record:
    return thing(f"zenodo:{number}", doi=f"10.5281/zenodo.{number}", concept_doi=concept)


@pytest.mark.parametrize(
    "spelling",
    ["EMPIAR-10310", "empiar_10310", "10.6019/EMPIAR-10310", "https://doi.org/10.6019/empiar-10310",
     "https://www.ebi.ac.uk/empiar/EMPIAR-10310/", "EMPIAR\u201110310"],
)  # fmt: skip
def test_every_spelling_of_an_accession_is_one_key(spelling: str) -> None:
    assert key_of(spelling) == "empiar:EMPIAR-10310"


@pytest.mark.parametrize(
    ("name", "key"),
    [
        ("https://zenodo.org/records/5026365", "doi:10.5281/zenodo.5026365"),
        ("https://figshare.com/articles/dataset/A_title/4234751/1", "doi:10.6084/m9.figshare.4234751"),
        ("https://livingobjects.ebi.ac.uk/pages/S-BIAD882", "biostudies:S-BIAD882"),
        ("https://spxi.dev", None),
        ("https://github.com/someone/S-BIAD882", None),
        ("EMD-11992", None),
    ],
)
def test_an_address_is_a_key_only_where_it_names_one_thing(name: str, key: str | None) -> None:
    assert key_of(name) == key


def test_versions_share_the_doi_of_their_concept() -> None:
    found = grouped(version(5026365), version(6302891), version(7, "10.5281/zenodo.6"))
    assert together(found.version) == {frozenset({"zenodo:5026365", "zenodo:6302891"})}
    assert together(found.family) == together(found.version)


def test_a_chain_of_newer_versions_is_one_version_group() -> None:
    found = grouped(
        thing("demo:1", doi="10.1234/1"),
        thing("demo:2", doi="10.1234/2", says={"10.1234/1": "IsNewVersionOf"}),
        thing("demo:3", doi="10.1234/3", says={"10.1234/2": "IsNewVersionOf"}),
    )
    assert together(found.version) == {frozenset({"demo:1", "demo:2", "demo:3"})}


def test_a_copy_elsewhere_is_of_the_family_and_no_version() -> None:
    found = grouped(
        version(5026365), version(6302891), thing("figshare:1", doi="10.6084/m9.figshare.1",
        says={CONCEPT: "IsIdenticalTo"}),
    )  # fmt: skip
    assert together(found.version) == {frozenset({"zenodo:5026365", "zenodo:6302891"})}
    assert together(found.family) == {frozenset({"zenodo:5026365", "zenodo:6302891", "figshare:1"})}


def test_one_doi_in_two_sources_is_one_thing() -> None:
    found = grouped(thing("dryad:x", doi="10.5061/dryad.x"), thing("demo:9", doi="10.5061/dryad.x"))
    assert together(found.family) == {frozenset({"dryad:x", "demo:9"})}
    assert together(found.version) == set()


def test_archives_of_images_that_name_each_other_hold_one_study() -> None:
    found = grouped(
        thing("idr:idr0054", names={"idr0054": "idr"}, says={"S-BIAD800": "IsVariantFormOf"}),
        thing("bia:S-BIAD800", names={"S-BIAD800": "biostudies"}),
        thing("empiar:EMPIAR-1", names={"EMPIAR-11380": "empiar"}, says={"S-BIAD800": "References"}),
    )
    assert together(found.family) == {frozenset({"idr:idr0054", "bia:S-BIAD800", "empiar:EMPIAR-1"})}


def test_twins_of_a_third_that_is_not_held_are_twins() -> None:
    found = grouped(
        thing("idr:a", says={"S-BIAD800": "IsVariantFormOf"}),
        thing("empiar:b", names={"EMPIAR-11380": "empiar"}, says={"S-BIAD800": "References"}),
    )
    assert together(found.family) == {frozenset({"idr:a", "empiar:b"})}


def test_an_equal_title_with_a_shared_paper_joins_across_archives() -> None:
    found = grouped(
        thing("dryad:a", title=f"Data from: {TITLE}", papers=["10.1098/x"]),
        thing("demo:b", title=TITLE.upper() + ".", papers=["10.1098/x"]),
    )
    assert together(found.family) == {frozenset({"dryad:a", "demo:b"})}


# ---- what is no family ---------------------------------------------------------------------------


def apart(*records: Record) -> None:
    found = grouped(*records)
    assert together(found.family) == set()
    assert together(found.version) == set()


@pytest.mark.parametrize("relation", ["IsSupplementTo", "IsPartOf", "HasPart", "References", "IsDerivedFrom"])
def test_works_that_belong_to_a_thing_are_no_family(relation: str) -> None:
    apart(thing("demo:1", doi="10.1234/1"), thing("other:2", doi="10.1234/2", says={"10.1234/1": relation}))


def test_equal_titles_within_one_archive_are_no_family() -> None:
    """idr0128 to idr0130 share one title and one paper."""
    apart(*(thing(f"idr:idr012{n}", title=TITLE, papers=["10.1098/x"]) for n in range(3)))


def test_two_of_one_archive_with_the_title_of_a_third_are_ambiguous() -> None:
    apart(
        *(thing(f"idr:idr012{n}", title=TITLE, papers=["10.1098/x"]) for n in range(2)),
        thing("dryad:a", title=TITLE, papers=["10.1098/x"]),
    )


def test_an_equal_title_without_a_shared_paper_is_no_family() -> None:
    apart(thing("idr:a", title=TITLE), thing("dryad:a", title=TITLE))


def test_a_short_title_tells_nothing() -> None:
    apart(*(thing(f"{source}:a", title="Raw data", papers=["10.1098/x"]) for source in ("idr", "dryad")))
    assert title_key("Figure 1") is None


def test_software_beside_data_of_the_same_title_is_no_copy() -> None:
    """Dryad sends the software of a submission to Zenodo under the data's title."""
    data = thing("dryad:a", doi="10.5061/dryad.a", title=TITLE, papers=["10.1098/x"])
    apart(data, thing("zenodo:1", kind="Software", title=TITLE, papers=["10.1098/x"]))


def test_a_supplement_of_the_same_title_that_says_so_is_no_copy() -> None:
    data = thing("dryad:a", doi="10.5061/dryad.a", title=TITLE, papers=["10.1098/x"])
    more = thing("zenodo:1", title=TITLE, papers=["10.1098/x"], says={"10.5061/dryad.a": "IsSupplementTo"})
    apart(data, more)
    assert any("supplement" in one.why for one in grouped(data, more).aside)


def test_the_doi_of_a_paper_is_no_name_of_its_data() -> None:
    """Figures of a paper that bear the paper's DOI as their own."""
    apart(*(thing(f"{source}:1", doi="10.1371/x", papers=["10.1371/x"]) for source in ("figshare", "zenodo")))


def test_what_calls_itself_a_version_of_its_paper_is_no_version_of_what_else_does() -> None:
    says = {"10.1371/x": "IsVersionOf"}
    apart(*(thing(f"demo:{n}", doi=f"10.1234/{n}", says=says, papers=["10.1371/x"]) for n in range(2)))


def test_a_doi_that_several_records_of_one_source_bear_is_a_collection() -> None:
    records = [thing(f"figshare:{n}", doi="10.1234/all") for n in range(3)]
    apart(*records, thing("zenodo:1", doi="10.1234/all"))


def test_hundreds_that_point_at_one_name_are_no_versions_of_it() -> None:
    crowd = [
        thing(f"demo:{n}", doi=f"10.1234/{n}", says={"10.1234/collection": "IsVersionOf"})
        for n in range(100, 101 + LARGEST_STATED)
    ]
    apart(thing("demo:1", doi="10.1234/collection"), *crowd)
    assert together(grouped(thing("demo:1", doi="10.1234/collection"), *crowd[:-1]).version)


def test_many_data_sets_that_call_themselves_versions_of_their_paper_are_no_family() -> None:
    """The paper is not held, so nobody can tell that it is one."""
    crowd = [thing(f"demo:{n}", doi=f"10.1234/{n}", says={"10.1101/p": "IsVersionOf"}) for n in range(40)]
    apart(*crowd)
    apart(*crowd[: LARGEST_UNHELD + 1])
    assert together(grouped(*crowd[:LARGEST_UNHELD]).version)


def test_parts_of_one_study_elsewhere_are_no_copies() -> None:
    apart(
        thing("idr:a", says={"S-BIAD800": "IsVariantFormOf"}),
        thing("idr:b", says={"S-BIAD800": "IsVariantFormOf"}),
        thing("bia:S-BIAD800", names={"S-BIAD800": "biostudies"}),
    )


def test_a_data_set_is_no_form_of_a_text() -> None:
    paper = Record(id="zenodo:1", source="zenodo", doi="10.1234/p", kind="JournalArticle")
    data = thing("dryad:1", doi="10.1234/d", says={"10.1234/p": "IsIdenticalTo"})
    related = data.related[0].model_copy(update={"kind": "JournalArticle"})
    apart(paper, data.model_copy(update={"related": (related,)}))


def test_a_chain_that_swallows_everything_loses_its_weakest_evidence() -> None:
    """Each is said to be identical to the next, and a title joins two chains."""
    half = LARGEST_FAMILY // 2 + 1

    def chain(source: str) -> list[Record]:
        return [
            thing(
                f"{source}:{n:03}",
                doi=f"10.1234/{source}{n}",
                says={f"10.1234/{source}{n + 1}": "IsIdenticalTo"},
            )
            for n in range(half)
        ]

    titled = {"title": TITLE, "publications": thing("x:x", papers=["10.1098/x"]).publications}
    left, right = chain("demo"), chain("other")
    found = grouped(*left[1:], *right[1:], *(one.model_copy(update=titled) for one in (left[0], right[0])))
    assert sorted(map(len, together(found.family))) == [half, half]
    assert [one.rule for one in found.aside] == [PAPER]


def test_a_chain_without_weaker_links_is_no_family_at_all() -> None:
    links = {f"10.1234/{n}": f"10.1234/{n + 1}" for n in range(LARGEST_FAMILY + 1)}
    records = [
        thing(f"demo:{n:03}", doi=doi, says={other: "IsIdenticalTo"})
        for n, (doi, other) in enumerate(links.items())
    ]
    assert together(grouped(*records).family) == set()
    assert together(grouped(*records[:-1]).family) == {frozenset(one.id for one in records[:-1])}


# ---- by hand -------------------------------------------------------------------------------------


def test_what_was_split_by_hand_stays_apart_and_the_rest_together() -> None:
    records = [version(n) for n in (5026365, 6302891, 6642180)]
    found = grouped(*records, hands=[Hand(1, "split", "family", "zenodo:5026365", "zenodo:6642180")])
    assert together(found.version) == {frozenset({"zenodo:5026365", "zenodo:6302891"})}
    assert together(found.family) == together(found.version)


def test_a_join_by_hand_needs_no_evidence() -> None:
    hand = Hand(1, "join", "family", "demo:1", "idr:2")
    found = grouped(thing("demo:1"), thing("idr:2"), thing("idr:3"), hands=[hand])
    assert together(found.family) == {frozenset({"demo:1", "idr:2"})}
    assert together(found.version) == set()


def test_a_split_holds_against_a_way_round() -> None:
    """One is split from three; two is joined to both, by hand and by its DOI."""
    hands = [Hand(1, "split", "family", "demo:1", "idr:3"), Hand(2, "join", "family", "other:2", "idr:3")]
    found = grouped(
        thing("demo:1", doi="10.1234/x"), thing("other:2", doi="10.1234/x"), thing("idr:3"), hands=hands
    )
    assert together(found.family) == {frozenset({"idr:3", "other:2"})}


def test_the_claims_of_a_record_do_not_repeat_it_as_its_own_concept() -> None:
    record = thing("dryad:x", doi="10.5061/dryad.x", concept_doi="10.5061/dryad.x")
    assert claims_of(record) == (("is", "doi:10.5061/dryad.x"),)
