"""The requests: OMERO's lists, the annotations of what is listed, IDR's tables, and details of each study."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TypeVar
from urllib.parse import urlencode

from harvester.errors import Changed, Unavailable
from harvester.fields import Raw, mappings
from harvester.source import Answer, Fetch
from harvester.sources.idr import shapes, study_file

HOST = "https://idr.openmicroscopy.org"
LISTS = (f"{HOST}/api/v0/m/projects/", f"{HOST}/api/v0/m/screens/")
ANNOTATIONS = f"{HOST}/webclient/api/annotations/"
THUMBNAILS = f"{HOST}/gallery-api/thumbnails/"
FILES = "https://raw.githubusercontent.com/IDR"
TABLES = {"sizes": "studies.tsv", "downloads": "download_urls.tsv"}
COLUMNS = {
    "studies.tsv": {"Study", "Container", "Internal ID", "5D Images", "Size", "# of Files"},
    "download_urls.tsv": {"idrid", "is_zarr", "download_url", "bia_url"},
}
"""What a table must have to be the one we know."""

LIMIT = 1000
"""OMERO clamps what is above. The default of 200 would soon cut the list of projects: 147 in August 2026."""
IDS_AT_ONCE = 100
"""IDR's own front page puts all ids in one address; a hundred keep it below two kilobytes."""
PICTURES_AT_ONCE = 10
"""As IDR's own front page does: the server renders the pictures while it answers."""

Entry = TypeVar("Entry")


@dataclass(frozen=True, slots=True)
class Listed:
    """Every project and screen, in the order of their studies' accessions."""

    studies: dict[str, dict[str, list[Raw]]]
    asked_at: datetime

    def containers(self, accessions: Iterable[str]) -> list[Raw]:
        return [each for accession in accessions for each in self.studies[accession]["containers"]]


async def listed(fetch: Fetch) -> Listed:
    """Ask for all projects and screens.

    Raises:
        Changed: none bears an accession.
    """
    containers: list[Raw] = []
    asked_at = None
    for url in LISTS:
        found, answer = await _whole_list(fetch, url)
        containers += found
        asked_at = asked_at or answer.asked_at
    studies = shapes.by_study(containers, "containers")
    if not studies or asked_at is None:
        raise Changed("no project or screen bears an IDR accession", url=LISTS[0])
    return Listed({key: studies[key] for key in sorted(studies, key=place)}, asked_at)


def place(accession: str) -> tuple[int, str]:
    """Order accessions by number, whatever their length."""
    return len(accession), accession


async def _whole_list(fetch: Fetch, url: str) -> tuple[list[Raw], Answer]:
    found: list[Raw] = []
    while True:
        params: dict[str, str | int] = {"childCount": "true", "limit": LIMIT, "offset": len(found)}
        answer = await fetch.get(url, params=params)
        objects, total = _data_and_total(answer)
        found += objects
        if len(found) >= total:
            return found, answer
        if not objects:
            raise Unavailable(f"the list ended after {len(found)} of {total}", url=answer.url)


def _data_and_total(answer: Answer) -> tuple[list[Raw], int]:
    """Take a list apart.

    Raises:
        Changed: it is not the envelope we know, or its objects have neither id nor type.
    """
    parsed = answer.json()
    meta = parsed.get("meta") if isinstance(parsed, dict) else None
    total = meta.get("totalCount") if isinstance(meta, dict) else None
    if not isinstance(total, int) or not isinstance(parsed.get("data"), list):
        raise Changed("OMERO's list has no data or no totalCount", url=answer.url)
    objects = mappings(parsed["data"])
    if not all(isinstance(each.get("@id"), int) and isinstance(each.get("@type"), str) for each in objects):
        raise Changed("an object of OMERO's list has no id or no type", url=answer.url)
    return objects, total


async def pairs(fetch: Fetch, containers: Sequence[Raw]) -> list[Raw]:
    """Ask for the key-value pairs of containers.

    Raises:
        Changed: an answer is about something else. Projects and screens share a number space, and an id asked
            under the wrong kind answers another study without a word.
    """
    found: list[Raw] = []
    for some in batches(containers, IDS_AT_ONCE):
        query = [("type", "map"), ("ns", shapes.STUDY_NS), *map(_kind_and_id, some)]
        answer = await fetch.get(f"{ANNOTATIONS}?{urlencode(query)}")
        parsed = answer.json()
        if not isinstance(parsed, dict) or not isinstance(parsed.get("annotations"), list):
            raise Changed("no list of annotations", url=answer.url)
        asked = {(*_kind_and_id(each), each["Name"]) for each in some}
        for annotation in filter(shapes.is_study_info, mappings(parsed["annotations"])):
            parent = shapes.parent_of(annotation)
            about = str(parent.get("class")).removesuffix("I").lower(), parent.get("id"), parent.get("name")
            if about not in asked:
                raise Changed(
                    f"an annotation of {' '.join(map(str, about))} nobody asked for", url=answer.url
                )
            found.append(annotation)
    return found


async def tables(fetch: Fetch, found: Listed, wanted: Sequence[str]) -> dict[str, dict[str, list[Raw]]]:
    """Ask for what is had of all studies at once: annotations and the tables, grouped by study."""
    if not wanted:
        return {}
    lists = {"annotations": await pairs(fetch, found.containers(wanted))}
    for part, name in TABLES.items():
        lists[part] = await table(fetch, name)
    grouped = {part: shapes.by_study(entries, part) for part, entries in lists.items()}
    return {each: {part: of.get(each, {}).get(part, []) for part, of in grouped.items()} for each in wanted}


async def table(fetch: Fetch, name: str) -> list[Raw]:
    """Ask for one of IDR's tables on GitHub; that of download addresses may go, since a rule gives most."""
    url = f"{FILES}/idr.openmicroscopy.org/master/_data/{name}"
    accept = (200, 404) if name == TABLES["downloads"] else (200,)
    answer = await fetch.get(url, expect="text", accept=accept, keep=True)
    if answer.status == 404:
        return []
    rows = shapes.rows(study_file.decode(answer.body))
    if not rows or not rows[0].keys() >= COLUMNS[name]:
        raise Changed("not the table it was", url=url)
    if None in rows[-1].values():
        raise Unavailable("a table that was cut", url=url)
    return rows


async def add_details(fetch: Fetch, studies: Sequence[dict[str, Raw]]) -> None:
    """Ask for the example images and the study files of some studies, and add them."""
    shown = await images(fetch, [each for study in studies for each in study["containers"]])
    for study in studies:
        keys = ("-".join(map(str, _kind_and_id(each))) for each in study["containers"])
        study["images"] = {key: shown[key] for key in keys if key in shown}
        study["study_txt"] = await study_text(fetch, study["accession"], study["containers"])


async def images(fetch: Fetch, containers: Sequence[Raw]) -> dict[str, int]:
    """Ask for the image that IDR shows as an example of each container; not all have one."""
    found: dict[str, int] = {}
    with_images = [each for each in containers if each.get("omero:childCount") != 0]
    for some in batches(with_images, PICTURES_AT_ONCE):
        answer = await fetch.get(f"{THUMBNAILS}?{urlencode(list(map(_kind_and_id, some)))}")
        parsed = answer.json()
        if not isinstance(parsed, dict):
            raise Changed("no example images", url=answer.url)
        for key, shown in parsed.items():
            if isinstance(shown, dict) and isinstance(shown.get("image"), dict):
                found[key] = shown["image"].get("id")
    return found


async def study_text(fetch: Fetch, accession: str, containers: Sequence[Raw]) -> str | None:
    """Ask for the study file: in the study's own repository, or in the one that holds the oldest studies."""
    name = str(containers[0]["Name"]).partition("/")[0]
    for folder in (f"{name}/HEAD", f"idr-metadata/HEAD/{name}"):
        url = f"{FILES}/{folder}/{accession}-study.txt"
        answer = await fetch.get(url, expect="text", accept=(200, 404), keep=True)
        if answer.status == 200:
            return study_file.without_emails(study_file.decode(answer.body))
    return None


def batches(entries: Sequence[Entry], size: int) -> Iterator[Sequence[Entry]]:
    """Cut a list into pieces."""
    for start in range(0, len(entries), size):
        yield entries[start : start + size]


def _kind_and_id(container: Raw) -> tuple[str, int]:
    return str(container["@type"]).rpartition("#")[2].lower(), container["@id"]
