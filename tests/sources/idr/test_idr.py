"""What is peculiar to IDR."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import orjson
import pytest

from harvester import probe
from harvester.errors import BadRecord, Changed, Unavailable
from harvester.reading import read_files
from harvester.rehearse import REPLICAS, Stock
from harvester.replicas.server import Fault
from harvester.source import Answer, Ask, Document
from harvester.sources import idr
from harvester.sources.idr import asking, shapes, study_file
from index.record import Record
from tests.conftest import bench_of

PAGES = Path(__file__).parent / "pages"
SCHEMA = "http://www.openmicroscopy.org/Schemas/OME/2016-06"


def record_of(**parts: Any) -> Record:
    """Read a study put together from parts."""
    return idr.read(Document("idr0001", orjson.dumps({"accession": "idr0001", **parts}))).record


def container(kind: str, id_: int, name: str, children: int | None = None, text: str = "") -> dict[str, Any]:
    found = {"@type": f"{SCHEMA}#{kind}", "@id": id_, "Name": name, "Description": text}
    return found if children is None else {**found, "omero:childCount": children}


def annotation(name: str, *pairs: tuple[str, str], id_: int = 1, kind: str = "ScreenI") -> dict[str, Any]:
    parent = {"id": id_, "class": kind, "name": name}
    return {
        "class": "MapAnnotationI",
        "ns": shapes.STUDY_NS,
        "link": {"parent": parent},
        "values": [list(pair) for pair in pairs],
    }


def row(container: str, id_: int, **numbers: str) -> dict[str, str]:
    return {"Study": "idr0001-graml-sysgro", "Container": container, "Internal ID": str(id_), **numbers}


def page(name: str) -> Record:
    (document,) = idr.documents((PAGES / name).read_bytes())
    return idr.read(document).record


# Links


def test_the_landing_page_is_that_of_the_study() -> None:
    assert record_of().links.landing == "https://idr.openmicroscopy.org/study/idr0001/"


def test_the_viewer_opens_the_first_container_that_has_something_in_it() -> None:
    umbrella = container("Project", 1601, "idr0001-a-b", 0)
    empty, full = (
        container("Screen", 3, "idr0001-a-b/screenA", 0),
        container("Project", 51, "idr0001-a-b/experimentB", 2),
    )
    links = record_of(containers=[umbrella, empty, full]).links
    assert links.viewer == "https://idr.openmicroscopy.org/webclient/?show=project-51"
    assert links.api == "https://idr.openmicroscopy.org/api/v0/m/projects/51/"


def test_without_child_counts_the_viewer_passes_over_the_umbrella() -> None:
    umbrella, screen = container("Project", 9, "idr0001-a-b"), container("Screen", 3, "idr0001-a-b/screenA")
    assert (
        record_of(containers=[umbrella, screen]).links.viewer
        == "https://idr.openmicroscopy.org/webclient/?show=screen-3"
    )


def test_the_thumbnail_is_the_example_image_without_a_size() -> None:
    screens = [container("Screen", 3, "idr0001-a-b/screenA"), container("Screen", 4, "idr0001-a-b/screenB")]
    links = record_of(containers=screens, images={"screen-4": 1230459}).links
    assert links.thumbnail == "https://idr.openmicroscopy.org/webgateway/render_thumbnail/1230459/"


def test_the_download_is_the_studys_folder_on_the_ftp_server() -> None:
    links = record_of(containers=[container("Screen", 3, "idr0001-graml-sysgro/screenA")]).links
    assert links.download == "https://ftp.ebi.ac.uk/pub/databases/IDR/idr0001-graml-sysgro/"


@pytest.mark.parametrize(
    ("row", "download"),
    [
        (
            {"download_url": "https://ftp.ebi.ac.uk/pub/databases/IDR/idr0047-neuert-yeastmRNA"},
            "https://ftp.ebi.ac.uk/pub/databases/IDR/idr0047-neuert-yeastmRNA/",
        ),
        (
            {"download_url": "", "bia_url": "https://www.ebi.ac.uk/biostudies/studies/S-BIAD1891"},
            "https://www.ebi.ac.uk/biostudies/studies/S-BIAD1891",
        ),
    ],
)
def test_what_idr_says_of_downloads_goes_before_the_rule(row: dict[str, str], download: str) -> None:
    screen = container("Screen", 3, "idr0001-a-b/screenA")
    assert record_of(containers=[screen], downloads=[row]).links.download == download


# Other archives and parts


def test_the_same_study_in_another_archive_is_a_variant_and_no_identifier_of_ours() -> None:
    record = record_of(
        annotations=[
            annotation(
                "idr0001-a-b/screenA",
                ("BioStudies Accession", "S-BIAD824 https://www.ebi.ac.uk/biostudies/studies/S-BIAD824"),
                ("EMPIAR Accession", "EMPIAR-10592 https://dx.doi.org/10.6019/EMPIAR-10592"),
            )
        ],
        downloads=[
            {
                "bia_ngff_id": "S-BIAD882",
                "bia_url": "https://x.invalid/pages/S-BIAD882.html",
                "is_zarr": "True",
            }
        ],
    )
    assert [(each.relation, each.scheme, each.id) for each in record.related] == [
        ("IsVariantFormOf", "biostudies", "S-BIAD824"),
        ("IsVariantFormOf", "empiar", "EMPIAR-10592"),
        ("IsVariantFormOf", "biostudies", "S-BIAD882"),
    ]
    assert {each.scheme for each in record.identifiers} == {"idr"} | {"idr-name"}
    assert record.files.formats == ("ome.zarr",)


def test_dois_of_screens_are_parts_when_the_whole_has_one() -> None:
    record = record_of(
        annotations=[
            annotation("idr0001-a-b", ("Data DOI", "10.17867/10000104 https://doi.org/10.17867/10000104")),
            annotation("idr0001-a-b/screenA", ("Data DOI", "10.17867/10000104a https://…"), id_=2),
            annotation("idr0001-a-b/screenB", ("Data DOI", "10.17867/10000104b https://…"), id_=3),
        ]
    )
    assert record.doi == "10.17867/10000104"
    assert [(each.relation, each.id) for each in record.related] == [
        ("HasPart", "10.17867/10000104a"),
        ("HasPart", "10.17867/10000104b"),
    ]


def test_several_dois_of_screens_make_no_doi_of_the_whole() -> None:
    record = record_of(
        annotations=[
            annotation("idr0001-a-b/screenA", ("Data DOI", "10.17867/10000104a https://…")),
            annotation("idr0001-a-b/screenB", ("Data DOI", "10.17867/10000104b https://…"), id_=2),
        ]
    )
    assert record.doi is None
    assert len(record.related) == 2


# Sizes


def test_sizes_are_summed_over_screens_and_dimensions_are_those_of_the_largest() -> None:
    rows = [
        row(
            "screenA",
            3,
            **{
                "Size": "2000000000",
                "5D Images": "10",
                "# of Files": "4",
                "Avg. Image Dim (XYZCT)": "10 x 10 x 1 x 1 x 1",
            },
        ),
        row(
            "screenB",
            4,
            **{
                "Size": "9000000000",
                "5D Images": "20",
                "# of Files": "5",
                "Avg. Image Dim (XYZCT)": "696 x 520 x  1 x 2 x 1.5",
            },
        ),
    ]
    record = record_of(sizes=rows)
    assert (record.files.bytes, record.files.count, record.images.count) == (11_000_000_000, 9, 30)
    assert record.images.dimensions is not None
    assert (record.images.dimensions.x, record.images.dimensions.t) == (696, 1.5)


def test_a_size_too_small_for_its_images_is_unknown_and_counted() -> None:
    numbers = {"Size": "1502897", "5D Images": "593", "# of Files": "594"}
    body = {"accession": "idr0167", "sizes": [row("experimentA", 3352, **numbers)]}
    reading = idr.read(Document("idr0167", orjson.dumps(body)))
    assert reading.record.files.bytes is None
    assert reading.record.files.count == 594
    assert ("size: too small for so many images", "1502897") in reading.notes


def test_a_screen_that_the_table_lacks_is_noted() -> None:
    screens = [
        container("Screen", id_, f"idr0001-a-b/screen{letter}") for id_, letter in ((3, "A"), (1602, "B"))
    ]
    rows = [
        row("screenA", 3, Size="100"),
        row("experimentB", 1602, Size="100"),
    ]  # a project with the screen's number
    body = {"accession": "idr0001", "containers": screens, "sizes": rows}
    notes = idr.read(Document("idr0001", orjson.dumps(body))).notes
    assert ("size: a container is not in IDR's table", "idr0001-a-b/screenB") in notes


# Texts, people, terms


def test_repeated_keys_are_all_kept() -> None:
    record = record_of(
        annotations=[
            annotation(
                "idr0001-a-b/screenA",
                ("Organism", "Homo sapiens"),
                ("Organism", "Human adenovirus 2"),
                ("Publication Title", "One."),
                ("PubMed ID", "24943848 https://www.ncbi.nlm.nih.gov/pubmed/24943848"),
                ("Publication Title", "Two."),
                ("Publication DOI", "10.1101/085118 https://doi.org/10.1101/085118"),
            )
        ]
    )
    assert [organism.label for organism in record.organisms] == ["Homo sapiens", "Human adenovirus 2"]
    assert [(paper.title, paper.pmid, paper.doi) for paper in record.publications] == [
        ("One.", "24943848", None),
        ("Two.", None, "10.1101/085118"),
    ]


def test_a_key_nobody_knows_is_reported() -> None:
    body = {"accession": "idr0001", "annotations": [annotation("idr0001-a-b/screenA", ("Mood", "good"))]}
    assert idr.read(Document("idr0001", orjson.dumps(body))).unmapped == ("values.Mood[]",)


def test_a_description_begins_with_what_is_said_of_the_whole_and_ends_before_the_history() -> None:
    record = record_of(
        containers=[
            container(
                "Screen",
                4,
                "idr0001-a-b/screenB",
                1,
                "Publication Title\nT.\n\nScreen Description\nSecond.\n\nVersion History\nChanged.",
            ),
            container("Screen", 3, "idr0001-a-b/screenA", 1, "Screen Description\nFirst."),
            container(
                "Screen", 9, "idr0001-a-b", 0, "Publication Title\nT.\n\nStudy Description\nAll of it."
            ),
        ]
    )
    assert record.description == "All of it.\nScreen A: First.\nScreen B: Second."
    assert record.title == "T."


def test_an_orcid_goes_to_the_author_it_fits_and_to_nobody_when_two_would_fit() -> None:
    people = (
        "Study Person Last Name\tHeriche\tLi\nStudy Person First Name\tJean-Karim\tKe\n"
        "Study Person ORCID\t0000-0001-5109-3700\t0000-0001-8771-1865\n"
    )
    authors = ("Publication Authors", "Hériché JK, Li K, Li KX")
    record = record_of(annotations=[annotation("idr0001-a-b/screenA", authors)], study_txt=people)
    orcids = {contributor.name: contributor.orcid for contributor in record.contributors}
    assert [creator.orcid for creator in record.creators] == [orcids["Heriche, Jean-Karim"], None, None]


def test_an_orcid_that_names_its_owner_is_not_the_neighbors() -> None:
    record = page("study_file_with_an_orcid_in_another_persons_column.txt")
    assert {each.name: each.orcid for each in record.creators}["Brewster RC"] == "0000-0002-7656-4086"
    assert {each.name: each.orcid for each in record.creators}["Choubey S"] is None


def test_ids_of_terms_come_from_the_study_file_and_only_when_they_fit() -> None:
    stated = (
        "Study Organism\tHomo sapiens\tMus musculus\nStudy Organism Term Accession\tNCBITaxon_09606\t9606\n"
    )
    record = record_of(study_txt=stated)
    assert [(each.label, each.id) for each in record.organisms] == [
        ("Homo sapiens", "NCBITaxon:9606"),
        ("Mus musculus", "NCBITaxon:10090"),
    ]


def test_no_line_of_a_study_file_with_email_addresses_is_kept() -> None:
    lines = (
        "Study Title\tT\r\n",
        "Study Person Email\ta@example.invalid\r\n",
        "Study Person Email b@example.invalid\n",
    )
    text = "".join((*lines, "Study DOI\t\n"))
    assert study_file.without_emails(text) == "Study Title\tT\r\nStudy DOI\t\n"


def test_idr0032_has_no_license_and_gets_none() -> None:
    assert (
        record_of(annotations=[annotation("idr0001-a-b/screenA", ("Release Date", "2017-01-18"))]).license
        is None
    )


def test_an_accession_may_have_more_digits_one_day() -> None:
    assert shapes.accession_of("idr10000-a-b/screenA") == "idr10000"
    assert sorted(["idr10000", "idr9999"], key=asking.place) == ["idr9999", "idr10000"]


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"", "an empty answer"),
        (b'{"data": [', "broken JSON"),
        (b'{"message": "Not logged in"}', "an error message: Not logged in"),
        (b'{"data": [{"@type": "%s#Image", "@id": 1}]}' % SCHEMA.encode(), "Image objects"),
        (
            b'{"data": [{"@type": "%s#Project", "@id": 1, "Name": "mine"}]}' % SCHEMA.encode(),
            "no IDR accession",
        ),
        (b'{"annotations": [{"class": "FileAnnotationI", "ns": null}]}', "none of them of the namespace"),
        (b'{"1884807": "data:image/jpeg;base64,xx"}', "thumbnails"),
        (b'{"project-51": {"image": {"id": 1884913}}}', "example images"),
        (b'{"datasets": []}', "data sets of a project"),
        (b'{"results": [], "Error": "none"}', "the search engine"),
        (b'{"@graph": []}', "not about a study of IDR"),
        (b"idrid\timage_id\nidr0001\t1\n", "table of download addresses"),
        (b"just words", "neither a study file"),
        (b"[]", "it is empty"),
    ],
)
def test_what_holds_no_study_says_what_it_is(body: bytes, reason: str) -> None:
    with pytest.raises(BadRecord, match=reason):
        list(idr.documents(body))


# Asking


async def test_a_project_is_never_asked_for_as_a_screen(tmp_path: Path) -> None:
    async with bench_of("idr", tmp_path) as bench:
        await bench.harvest(options={"light": "yes"})
        held = {id_: bench.store.get(id_) for id_ in ("idr:idr0003", "idr:idr0021")}
        titles = {id_: kept.record().title for id_, kept in held.items() if kept}
    assert "proteome plasticity" in str(titles["idr:idr0003"])  # screen 51
    assert "centrosomes" in str(titles["idr:idr0021"])  # project 51


async def test_annotations_of_something_else_stop_the_source() -> None:
    asked = [container("Screen", 51, "idr0003-breker-plasticity/screenA")]
    other = annotation("idr0021-lawo-pericentriolarmaterial/experimentA", id_=51, kind="ProjectI")
    with pytest.raises(Changed, match="nobody asked for"):
        await asking.pairs(Canned({"annotations": [other]}), asked)


async def test_a_list_that_ends_before_its_total_is_an_outage() -> None:
    with pytest.raises(Unavailable, match="ended after 0 of 3"):
        await asking.listed(Canned({"data": [], "meta": {"totalCount": 3}}))


@pytest.mark.parametrize(
    "body",
    [[], {"data": []}, {"data": 1, "meta": {"totalCount": 1}}, {"data": [{}], "meta": {"totalCount": 1}}],
)
async def test_a_list_of_another_shape_stops_the_source(body: object) -> None:
    with pytest.raises(Changed, match="OMERO's list"):
        await asking.listed(Canned(body))


async def test_a_table_that_was_cut_is_an_outage_and_another_table_a_change() -> None:
    with pytest.raises(Unavailable, match="cut"):
        await asking.table(
            Canned(b"idrid\tis_zarr\tdownload_url\tbia_url\nidr0001\tFalse\t\t\nidr0002\tFal"),
            "download_urls.tsv",
        )
    with pytest.raises(Changed, match="not the table"):
        await asking.table(Canned(b"Name\tSize\nidr0001-a-b\t1\n"), "studies.tsv")


async def test_lists_are_read_to_their_end_a_thousand_at_a_time(tmp_path: Path) -> None:
    async with bench_of("idr", tmp_path, Stock(generate=1200)) as bench:
        report = await bench.harvest(options={"light": "yes"})
        assert report.counts["added"] == report.announced == 1200
        lists = [asked for asked in bench.replica.asked if "/projects/" in asked]
    assert [asked.rpartition("=")[2] for asked in lists] == ["0", "1000"]


async def test_study_files_are_found_in_either_place(tmp_path: Path) -> None:
    async with bench_of("idr", tmp_path) as bench:
        await bench.harvest()
        asked = [line for line in bench.replica.asked if line.endswith("-study.txt")]
        held = bench.replica.listed().in_order()
    with_file = sum(holding.json()["study_txt"] is not None for holding in held)
    in_old_place = sum("/idr-metadata/" in line for line in asked)
    assert 0 < len(held) - with_file < in_old_place < len(held)


async def test_a_light_harvest_asks_a_handful_of_questions(tmp_path: Path) -> None:
    async with bench_of("idr", tmp_path) as bench:
        await bench.harvest(options={"light": "yes"})
        assert len(bench.replica.asked) == 5  # two lists, annotations, two tables


async def test_a_sample_is_of_the_newest_studies(tmp_path: Path) -> None:
    async with bench_of("idr", tmp_path) as bench:
        await bench.harvest(kind="sample", newest=3)
        assert sorted(bench.content()) == ["idr:idr0168", "idr:idr0170", "idr:idr0171"]


async def test_the_table_of_downloads_may_be_missing(tmp_path: Path) -> None:
    async with bench_of("idr", tmp_path) as bench:
        bench.replica.faults.append(Fault("404", times=9, path="download_urls.tsv"))
        report = await bench.harvest(options={"light": "yes"})
        assert report.state == "complete", report.error
        bench.replica.faults.append(Fault("404", times=9, path="studies.tsv"))
        assert (await bench.harvest(options={"light": "yes"})).state == "changed"


async def test_a_study_that_still_has_a_page_is_not_withdrawn(tmp_path: Path) -> None:
    async with bench_of("idr", tmp_path) as bench:
        client = bench.http.client(idr.card, replica=bench.replica.base)
        assert await idr.gone(client, "idr0001") is None
        withdrawal = await idr.gone(client, "idr9999")
    assert withdrawal is not None
    assert withdrawal.url == "https://idr.openmicroscopy.org/study/idr9999/"


async def test_the_sources_assumptions_hold_for_its_replica(tmp_path: Path) -> None:
    async with bench_of("idr", tmp_path) as bench:
        found = await probe.probe(idr, bench.http, bench.replica.base)
        assert [(each.what, each.differences) for each in found if not each.holds] == []


async def test_pages_go_on_after_the_bookmark(tmp_path: Path) -> None:
    async with bench_of("idr", tmp_path) as bench:
        client = bench.http.client(idr.card, replica=bench.replica.base)
        ask = Ask(bookmark="idr0165", options={"light": "yes"})
        found = [
            document.id
            for page in [each async for each in idr.pages(client, ask)]
            for document in page.documents
        ]
    assert found == ["idr0168", "idr0170", "idr0171"]


def test_shared_recordings_become_studies(shared: Path) -> None:
    folder = shared / "idr"
    outcomes = list(
        read_files(idr, [folder / "live-json-api", folder / "study-repos", folder / "idr-metadata"])
    )
    records = [outcome for outcome in outcomes if "record" in outcome]
    assert len({outcome["document"] for outcome in records}) >= 119
    assert {path for outcome in records for path in outcome["unmapped"]} == set()


async def test_shared_recordings_arrive_through_the_replica(shared: Path, tmp_path: Path) -> None:
    async with bench_of("idr", tmp_path, Stock(folder=shared / "idr")) as bench:
        report = await bench.harvest()
        assert report.state == "complete", report.error
        assert len(bench.content()) == REPLICAS["idr"].studies(bench.replica.holdings) >= 140


class Canned:
    """Answers every question alike."""

    def __init__(self, body: object) -> None:
        self.body = body if isinstance(body, bytes) else orjson.dumps(body)

    async def get(self, url: str, **_: Any) -> Answer:
        return Answer(url, 200, {}, self.body, datetime(2026, 1, 1, tzinfo=UTC))

    async def post(self, url: str, body: bytes, **_: Any) -> Answer:
        raise NotImplementedError

    def stream(self, url: str, **_: Any) -> Any:
        raise NotImplementedError
