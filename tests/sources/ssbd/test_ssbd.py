"""What is particular to SSBD: two crates for one study, an archive, and names that cannot be believed."""

from __future__ import annotations

import gzip
import json
import tarfile
from datetime import UTC, datetime, timedelta
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest

from harvester import belief
from harvester.errors import BadRecord, Refused
from harvester.rehearse import REPLICAS, Stock
from harvester.replicas.holdings import Listed
from harvester.source import Answer, Document
from harvester.sources import ssbd
from harvester.sources.ssbd import shapes
from index.record import Record
from tests.conftest import Bench, bench_of

PAGES = Path(__file__).parent / "pages"
BUNDLED = {holding.id: holding.json() for holding in REPLICAS["ssbd"].bundled().in_order()}


def read(crates: dict[str, Any], number: int = 172) -> Record:
    return ssbd.read(shapes.study(number, crates)).record


def side(name: str, number: str = "172") -> dict[str, Any]:
    """The crates of a study that stand in one folder."""
    return {path: crate for path, crate in BUNDLED[number].items() if f"/{name}/" in path}


def crate(**properties: Any) -> dict[str, Any]:
    """A crate with nothing but what a test is about."""
    root = "https://ssbd.riken.jp/v2/project/7-Test-Cells"
    about = {"@id": "ro-crate-metadata.json", "conformsTo": {"@id": "https://w3id.org/ro/crate/1.2"}}
    entities = properties.pop("entities", [])
    return {
        "@context": "https://w3id.org/ro/crate/1.2/context",
        "@graph": [
            {**about, "about": {"@id": root}},
            {"@id": root, "@type": "Dataset", "name": "Cells", **properties},
            *entities,
        ],
    }


def test_a_study_keeps_its_id_when_it_moves_from_the_repository_to_the_database() -> None:
    before, between, after = read(side("repository")), read(BUNDLED["172"]), read(side("database"))
    assert before.id == between.id == after.id == "ssbd:172"
    assert {identifier.value for identifier in between.identifiers} == {
        "172-Yoshida-ERKTracheaDev",
        "ssbd-repos-000172",
    }


def test_the_databases_word_is_preferred_and_the_repositorys_page_is_kept() -> None:
    database, merged = read(side("database")), read(BUNDLED["172"])
    assert merged.title == database.title
    assert merged.files == database.files
    assert merged.links.landing == "https://ssbd.riken.jp/v2/project/172-Yoshida-ERKTracheaDev"
    assert [(other.relation, other.id) for other in merged.related] == [
        ("IsVariantFormOf", "https://ssbd.riken.jp/repository/ssbd-repos-000172/")
    ]


def test_what_the_database_leaves_open_the_repository_fills() -> None:
    path, database = next(iter(side("database").items()))
    silent = json.loads(json.dumps(database))
    root = next(entity for entity in silent["@graph"] if entity["@type"] == "Dataset")
    del root["datePublished"], root["license"], root["size"]
    root["name"] = root["identifier"]
    merged, repository = read({path: silent, **side("repository")}), read(side("repository"))
    assert merged.title == repository.title
    assert merged.dates == repository.dates
    assert merged.license == repository.license
    assert merged.files == repository.files


def test_one_paper_named_by_its_pubmed_id_here_and_by_its_doi_there_is_one_paper() -> None:
    pubmed = crate(seeAlso=[{"@id": "https://www.ncbi.nlm.nih.gov/pubmed/25504902"}])
    doi = crate(seeAlso={"@id": "https://doi.org/10.1002/smll.201402025"})
    merged = read({"database/7": pubmed, "repository/7": doi}, 7)
    assert [(paper.pmid, paper.doi) for paper in merged.publications] == [
        ("25504902", "10.1002/smll.201402025")
    ]


def test_papers_that_are_told_apart_stay_two() -> None:
    one = crate(seeAlso=[{"@id": "https://doi.org/10.1101/2020.06.29.179044"}])
    other = crate(seeAlso=[{"@id": "https://doi.org/10.1038/s41598-021-95930-7"}])
    assert len(read({"database/7": one, "repository/7": other}, 7).publications) == 2


@pytest.mark.parametrize(
    ("address", "viewer", "thumbnail"),
    [
        (
            "https://ssbd.riken.jp/ssbd-omero/v1/projects/725/render_thumbnail/",
            "https://ssbd.riken.jp/omero/webclient/?show=project-725",
            "https://ssbd.riken.jp/ssbd-omero/v1/projects/725/render_thumbnail/",
        ),
        (
            "https://ssbd.riken.jp/omero/webclient/?show=project-725",
            "https://ssbd.riken.jp/omero/webclient/?show=project-725",
            None,
        ),
        (
            "https://ssbd.riken.jp/data/214-Arata-BehavioralActivity/treeview_preview.html",
            "https://ssbd.riken.jp/data/214-Arata-BehavioralActivity/treeview_preview.html",
            None,
        ),
    ],
)
def test_a_thumbnail_is_a_picture_and_a_page_is_a_viewer(
    address: str, viewer: str, thumbnail: str | None
) -> None:
    links = read({"database/7": crate(thumbnailUrl=[address])}, 7).links
    assert (links.viewer, links.thumbnail) == (viewer, thumbnail)


def test_recorded_image_stands_for_no_method() -> None:
    filler = {"@id": "http://purl.obolibrary.org/obo/FBbi_00000265", "name": "recorded image"}
    result = ssbd.read(shapes.study(7, {"repository/7": crate(measurementMethod=filler)}))
    assert result.record.imaging_methods == ()
    assert ("imaging method: stands for none", "recorded image") in result.notes


def test_a_description_that_repeats_the_identifier_is_none() -> None:
    assert read({"7": crate(identifier="7-Test-Cells", description="7-Test-Cells")}, 7).description is None


@pytest.mark.parametrize(
    ("citation", "title", "journal"),
    [
        (
            "Tsuboi S, and Jin T (2020) Dual-colour emitting annexin V. RSC Advances, Volume 10, pages 9.",
            "Dual-colour emitting annexin V",
            "RSC Advances",
        ),
        (
            "Fukute J, Maki K, Adachi T. The nucleolar shell. Lab Chip\n. 2024 Jan 23;7(1):83.",
            "The nucleolar shell",
            "Lab Chip",
        ),
        ("Bright multicolor labeling.", "Bright multicolor labeling.", None),
        ("Shou J, Mita Y. Sci Adv. 2023 Jun 16;9(24).", "Shou J, Mita Y. Sci Adv. 2023 Jun 16;9(24).", None),
    ],
)
def test_a_citation_is_taken_apart_only_where_its_form_is_certain(
    citation: str, title: str, journal: str | None
) -> None:
    article = {"@id": "https://doi.org/10.1038/x", "@type": "ScholarlyArticle", "name": citation}
    (paper,) = read({"7": crate(seeAlso={"@id": article["@id"]}, entities=[article])}, 7).publications
    assert (paper.title, paper.journal) == (title, journal)


def test_award_numbers_tell_their_funder() -> None:
    said = "JSPS KAKENHI (JP19H04778 and 24KJ0236), CREST JPMJCR 1872, AMED 20dm0107156, INST 35/1503-1 FUGG"
    grant = {"@id": "#grant-001", "@type": "Grant", "name": said}
    funding = read({"7": crate(funder={"@id": "#grant-001"}, entities=[grant])}, 7).funding
    assert [award.title for award in funding if award.title] == [said]
    assert {award.award: award.funder for award in funding if award.award} == {
        "JP19H04778": "Japan Society for the Promotion of Science",
        "24KJ0236": "Japan Society for the Promotion of Science",
        "JPMJCR1872": "Japan Science and Technology Agency",
        "20dm0107156": "Japan Agency for Medical Research and Development",
    }


@pytest.mark.parametrize("said", ["None", "Please specify the funding organization(s) and grant number."])
def test_an_empty_form_is_no_grant(said: str) -> None:
    grant = {"@id": "#grant-001", "@type": "Grant", "name": said}
    assert read({"7": crate(funder=[{"@id": "#grant-001"}], entities=[grant])}, 7).funding == ()


def test_a_broken_crate_does_not_take_its_twin_along() -> None:
    path, good = next(iter(side("database").items()))
    result = ssbd.read(shapes.study(172, {path: good, "repository/ssbd-repos-000172": "broken JSON"}))
    assert result.record.title is not None
    assert ("crate: cannot be read", "repository/ssbd-repos-000172: broken JSON") in result.notes


def archive(members: dict[str, bytes]) -> bytes:
    packed = BytesIO()
    with gzip.open(packed, "wb") as squeezed, tarfile.open(fileobj=squeezed, mode="w|") as opened:
        for path, content in members.items():
            member = tarfile.TarInfo(path)
            member.size = len(content)
            opened.addfile(member, BytesIO(content))
    return packed.getvalue()


def test_only_crates_in_the_two_folders_are_members() -> None:
    name = "5-Keller-FishEmbryo-ro-crate-metadata.json"
    body = archive(
        {
            f"top/project-ro-crate/database/{name}": b"{}",
            f"top/project-ro-crate/database/deeper/{name}": b"{}",
            f"top/other/database/{name}": b"{}",
            f"project-ro-crate/database/{name}": b"{}",
            f"top/project-ro-crate/database/../../../{name}": b"{}",
            "top/README.md": b"",
        }
    )
    assert [path for path, _ in shapes.members(body)] == [f"project-ro-crate/database/{name}"]


def test_a_crate_that_is_too_large_is_set_aside_with_the_reason() -> None:
    path = "top/project-ro-crate/database/5-Keller-FishEmbryo-ro-crate-metadata.json"
    (document,) = ssbd.documents(archive({path: b" " * (shapes.LARGEST_CRATE + 1)}))
    with pytest.raises(BadRecord, match="larger than 5 MB"):
        ssbd.read(document)


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b'{"message": "Not Found", "documentation_url": "https://docs.github.com/rest"}', "GitHub: Not F"),
        (b'{"sha": "f6", "tree": [{"path": "README.md"}]}', "a listing"),
        (b'[{"name": "a-ro-crate-metadata.json", "download_url": "https://x"}]', "a listing"),
        (b"<!DOCTYPE html><html></html>", "HTML"),
        (b"\x1f\x8b\x08 no archive", "archive"),
        (archive({"top/README.md": b"#"}), "without crates"),
        (b"PREFIX ssbd: <http://ssbd.riken.jp/ontology/>", "no JSON"),
        (b'{"@graph": [{"@id": "https://www.ebi.ac.uk/S-BIAD1", "@type": "Dataset"}]}', "no SSBD project"),
        (b'{"objects": [{"title": "x", "contributors": "y", "basedon": "z"}]}', "neither bdmlID nor"),
    ],
)
def test_what_holds_no_project_says_what_it_is(body: bytes, reason: str) -> None:
    with pytest.raises(BadRecord, match=reason):
        [ssbd.read(document) for document in ssbd.documents(body)]


async def test_an_interrupted_harvest_goes_on_in_the_same_archive(tmp_path: Path) -> None:
    async with bench_of("ssbd", tmp_path, Stock(generate=120)) as bench:
        await _interrupted(bench)
        first = list(bench.replica.asked)
        bench.replica.asked.clear()
        report = await bench.harvest()
        assert report.state == "complete"
        assert len(bench.content()) == 120
        assert bench.replica.asked == first[1:]  # the archive of that commit, and no question which is newest


async def test_a_commit_that_was_rewritten_away_makes_an_interrupted_harvest_begin_anew(
    tmp_path: Path,
) -> None:
    generated = Stock(generate=120).of("ssbd")
    held = [generated[place] for place in range(len(generated))]
    async with bench_of("ssbd", tmp_path) as bench:
        bench.replica.holdings = Listed.of(held)
        await _interrupted(bench)
        bench.replica.change(held[0].id, "Another title")
        report = await bench.harvest()
        assert report.state == "complete", report.error
        assert len(bench.content()) == 120


class _Stopped(Exception):
    pass


async def _interrupted(bench: Bench) -> None:
    def stop(report: Any) -> None:
        if report.pages >= 1:
            raise _Stopped

    with pytest.raises(_Stopped):
        await bench.harvest(watch=stop)


async def test_nothing_is_downloaded_when_the_newest_commit_is_older(tmp_path: Path) -> None:
    async with bench_of("ssbd", tmp_path) as bench:
        await bench.harvest()
        bench.replica.asked.clear()
        report = await bench.harvest(kind="changes")
        assert (report.state, report.pages) == ("complete", 0)
        assert len(bench.replica.asked) == 1
        bench.replica.change("172", "Another title", datetime.now(UTC) + timedelta(minutes=1))
        assert (await bench.harvest(kind="changes")).counts["changed"] == 1


async def test_a_sample_holds_the_newest_studies(tmp_path: Path) -> None:
    async with bench_of("ssbd", tmp_path) as bench:
        await bench.harvest(kind="sample", newest=3)
        newest = sorted(map(int, BUNDLED))[-3:]
        assert sorted(bench.content()) == sorted(f"ssbd:{number}" for number in newest)


async def test_a_crate_that_is_no_longer_there_withdraws_nothing(tmp_path: Path) -> None:
    async with bench_of("ssbd", tmp_path) as bench:
        await bench.harvest()
        bench.replica.listed().withdraw("172")
        report = await bench.harvest()
        assert report.counts["seen"] == len(BUNDLED) - 1
        assert "ssbd:172" in bench.content()


@pytest.mark.parametrize(("left", "error"), [("0", belief.TryAgain), ("12", Refused)])
def test_a_spent_allowance_is_an_outage_and_any_other_403_a_refusal(
    left: str, error: type[Exception]
) -> None:
    answer = Answer(ssbd.NEWEST, 403, {"X-RateLimit-Remaining": left}, b"{}", datetime.now(UTC))
    with pytest.raises(error):
        belief.raise_for_status(403, answer.url, answer, (200,))


async def test_found_crates_of_one_study_are_served_as_one(tmp_path: Path) -> None:
    for path, crate_ in BUNDLED["172"].items():
        (tmp_path / path.rpartition("/")[2]).write_text(json.dumps(crate_), "utf-8")
    stock = Stock(folder=tmp_path).of("ssbd")
    assert [(holding.id, set(holding.json())) for holding in stock.in_order()] == [  # type: ignore[attr-defined]
        ("172", set(BUNDLED["172"]))
    ]


def test_every_real_document_is_read_or_refused_with_a_reason(shared: Path) -> None:
    read_, refused = 0, 0
    for file in sorted((shared / "ssbd").rglob("*")):
        try:
            found: list[Document] = list(ssbd.documents(file.read_bytes())) if file.is_file() else []
        except BadRecord:
            refused += 1
            continue
        for document in found:
            result = ssbd.read(document)
            assert result.unmapped == (), (file, result.unmapped)
            assert result.record.title
            read_ += 1
    assert read_ > 300
    assert refused < 30
