"""IDR, the Image Data Resource: reference images with rich annotations, run by Dundee and EMBL-EBI.

Asked:    OMERO's lists of projects and screens, the annotations of all of them, two tables on GitHub; then,
          for 25 studies at a time, their example images and study files. A study, not a project or screen,
          is a record: what shares an accession is put together.
Changes:  nothing can be asked by date, and nothing bears one; every run reads all and compares.
Deleted:  no tombstones: a study leaves the lists, and its page answers 404.
Quirks:   projects and screens share a number space; keys of annotations repeat; some studies have an empty
          umbrella, named without "/screenA", for what holds of the whole; child counts come only when asked
          for; sizes of OME-NGFF studies count metadata only; there are no funders, and ORCID iDs and
          ontology ids stand only in the study files, some of which are not well formed.
"""

from __future__ import annotations

from collections.abc import AsyncIterator

import orjson

from harvester.errors import BadRecord
from harvester.fields import Raw, mappings
from harvester.paths import Told
from harvester.protocols.rocrate import Crate, described
from harvester.source import Ask, Assumption, Card, Document, Fetch, Page, Reading, reading
from harvester.sources.idr import asking, containers, crates, facts, mapping, study_file
from harvester.sources.idr.ignored import IGNORED
from harvester.sources.idr.shapes import accession_of, documents
from index.record import Withdrawal

__all__ = ["assumptions", "card", "documents", "gone", "ignored", "pages", "read", "told"]

STUDIES_AT_ONCE = 25
"""Studies to a page: some forty requests, so that little is asked again after an interruption."""

card = Card(
    name="idr",
    title="IDR, the Image Data Resource",
    homepage="https://idr.openmicroscopy.org/",
    hosts=("idr.openmicroscopy.org", "raw.githubusercontent.com"),
    pictures=("https://idr.openmicroscopy.org/webgateway/render_thumbnail/",),
    scopes=("everything",),
    license_note="metadata and tables under CC BY 4.0; each study states its own license",
    incremental="no: OMERO's lists know no dates; all studies are read again and compared",
    deletions="absence from the lists, and a study page that answers 404",
    at_least=130,
    pace=1.0,
    pace_from="our choice; no limit is published",
    schedule="weekly",
    mapping_version=1,
)

ignored = IGNORED

assumptions: tuple[Assumption, ...] = (
    Assumption(
        "OMERO lists a thousand at a time, and counts children when asked to",
        f"{asking.LISTS[0]}?childCount=true&limit=1000&offset=0",
        paths=("meta.totalCount", "data.0.@id", "data.0.@type", "data.0.Name", "data.0.omero:childCount"),
        facts={"meta.maxLimit": 1000},
    ),
    Assumption(
        "a screen's annotation bears the screen's name, and its pairs are a list",
        f"{asking.ANNOTATIONS}?type=map&ns=idr.openmicroscopy.org/study/info&screen=102",
        paths=("annotations.0.values.0.1",),
        facts={
            "annotations.0.class": "MapAnnotationI",
            "annotations.0.link.parent.class": "ScreenI",
            "annotations.0.link.parent.name": "idr0002-heriche-condensation/screenA",
        },
    ),
    Assumption(
        "the gallery names an example image",
        f"{asking.THUMBNAILS}?screen=3",
        paths=("screen-3.image.id",),
    ),
    Assumption(
        "the table of studies has the columns we take",
        f"{asking.FILES}/idr.openmicroscopy.org/master/_data/studies.tsv",
        expect="text",
        holds=b"Study\tContainer\tIntroduced\tInternal ID\t",
    ),
    Assumption(
        "a study file stands in the study's own repository",
        f"{asking.FILES}/idr0018-neff-histopathology/HEAD/idr0018-study.txt",
        expect="text",
        holds=b"Comment[IDR Study Accession]\tidr0018",
    ),
    Assumption(
        "a study that does not exist has no page", f"{asking.HOST}/study/idr9999/", status=404, expect="any"
    ),
)


async def pages(fetch: Fetch, ask: Ask) -> AsyncIterator[Page]:
    """Gather the lists, then yield studies by accession; a bookmark is the last accession done."""
    found = await asking.listed(fetch)
    wanted = list(found.studies)[-ask.newest :] if ask.newest else list(found.studies)
    if ask.bookmark:
        wanted = [each for each in wanted if asking.place(each) > asking.place(ask.bookmark)]
    tables = await asking.tables(fetch, found, wanted)
    light = ask.newest is not None or ask.options.get("light") == "yes"
    for some in asking.batches(wanted, STUDIES_AT_ONCE):
        studies = [{"accession": each, **found.studies[each], **tables.get(each, {})} for each in some]
        if not light:
            await asking.add_details(fetch, studies)
        documents_ = tuple(Document(str(study["accession"]), orjson.dumps(study)) for study in studies)
        yield Page(asking.LISTS[0], documents_, some[-1], found.asked_at, len(found.studies))


def read(document: Document) -> Reading:
    """Put together what lists, annotations, tables and the study file say of a study."""
    raw: dict[str, Raw] = orjson.loads(document.body)
    accession = accession_of(raw.pop("accession", None))
    if accession is None:
        raise BadRecord("no accession of IDR")
    crate = Crate(raw.pop("crate")) if "crate" in raw else None
    file = crates.study_file_of(crate) if crate else study_file.parse(raw.pop("study_txt", None) or "")
    if crate and (picture := crates.picture_of(crate)):
        raw["images"] = {"study": picture}
    parts = containers.of_study(raw)
    said = facts.of_annotations(containers.annotations_in_order(raw, parts))
    said.complete(facts.of_study_file(file))
    study = mapping.Study(accession, parts, said, file, raw)
    record = mapping.record(study, card.mapping_version)
    if crate:
        raw["crate"] = crate.left()
    left = raw | {"values": said.values, "study_file": {"study": file.study, "parts": file.parts}}
    return reading(record, left, ignored, study.notes)


def told(document: Document) -> Told:
    """Lay out a study; pairs, lines of the study file and entities of a crate are told by their keys."""
    raw: dict[str, Raw] = orjson.loads(document.body)
    values: dict[str, list[Raw]] = {}
    for annotation in mappings(raw.get("annotations")):
        for pair in annotation.pop("values", None) or ():
            values.setdefault(str(pair[0]), []).extend(pair[1:])
    text = raw.pop("study_txt", None) or ""
    file = study_file.parse(text)
    shown = {"study": file.study, "parts": file.parts, "other": study_file.others(text)}
    crate = described(raw.pop("crate", None))
    images = list((raw.pop("images", None) or {}).values())
    return Told("study", {**raw, "values": values, "study_file": shown, "crate": crate, "images": images})


async def gone(fetch: Fetch, upstream_id: str) -> Withdrawal | None:
    """Ask for a study's page."""
    url = f"{asking.HOST}/study/{upstream_id}/"
    answer = await fetch.get(url, expect="any", accept=(200, 404))
    return (
        Withdrawal(reason="no longer listed, and its page answers 404", url=url)
        if answer.status == 404
        else None
    )
