"""What the replica of IDR holds: studies put together from lists, or found, or generated."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from datetime import UTC, datetime
from importlib.resources import files

import orjson

from harvester.fields import Raw
from harvester.replicas.holdings import Generated, Holding, Listed, Variation, bundled_json
from harvester.source import Document
from index.values.imaging_methods import IMAGING_METHODS
from index.values.organisms import ORGANISMS

STUDY_NS = "idr.openmicroscopy.org/study/info"
SCHEMA = "http://www.openmicroscopy.org/Schemas/OME/2016-06"
FTP = "https://ftp.ebi.ac.uk/pub/databases/IDR"

Study = dict[str, Raw]


def bundled() -> Listed:
    """Put the bundled lists together; every third study gets a study file."""
    studies: dict[str, Study] = {}
    for container in [*bundled_json("idr/projects.json"), *bundled_json("idr/screens.json")]:
        _part(studies, container["Name"], "containers").append(container)
    for annotation in bundled_json("idr/annotations.json"):
        if annotation["ns"] == STUDY_NS:
            _part(studies, annotation["link"]["parent"]["name"], "annotations").append(annotation)
    for part, name, column in (("sizes", "studies", "Study"), ("downloads", "download_urls", "idrid")):
        for row in bundled_table(f"{name}.tsv"):
            _part(studies, row[column], part).append(row)
    pictures = bundled_json("idr/images.json")
    for place, study in enumerate(studies.values()):
        keys = map(key_of, study["containers"])
        study["images"] = {key: pictures[key] for key in keys if key in pictures}
        study["study_txt"] = _study_file(study) if place % 3 == 0 else None
    return Listed.of(map(_held, studies.values()))


def bundled_table(name: str) -> list[dict[str, str]]:
    """Read one of the bundled tables."""
    text = files("harvester.replicas").joinpath("bundled", "idr", name).read_text(encoding="utf-8")
    return list(csv.DictReader(text.splitlines(), delimiter="\t", quoting=csv.QUOTE_NONE))


def found(documents: Iterator[Document]) -> Listed:
    """Put together what a folder holds of each study; OMERO serves those it has a project or screen of."""
    studies: dict[str, Study] = {}
    for document in documents:
        for part, value in orjson.loads(document.body).items():
            held = studies.setdefault(str(document.id), _empty(str(document.id)))
            if isinstance(value, list):
                held[part] += value
            elif part in {"images", "study_txt"}:
                held[part] = held[part] or value
    for study in studies.values():
        _make_servable(study)
    return Listed.of(_held(study) for study in studies.values() if study["containers"])


def generated(count: int, seed: int) -> Generated:
    """Make studies of one project each, numbered from 0; a container's id is its place plus one."""
    return Generated(
        [_template(kind) for kind in ("confocal microscopy", "SPIM")], count, seed=seed, fill=_fill
    )


def key_of(container: Raw) -> str:
    """Answer "project-51" for a container."""
    return f"{container['@type'].rpartition('#')[2].lower()}-{container['@id']}"


def _empty(accession: str) -> Study:
    lists: Study = {part: [] for part in ("containers", "annotations", "sizes", "downloads")}
    return {"accession": accession, **lists, "images": {}, "study_txt": None}


def _part(studies: dict[str, Study], name: str, part: str) -> list[Raw]:
    accession = name[:7]
    parts: list[Raw] = studies.setdefault(accession, _empty(accession))[part]
    return parts


def _held(study: Study) -> Holding:
    dates = [annotation["date"] for annotation in study["annotations"] if annotation.get("date")]
    changed = (
        datetime.fromisoformat(max(dates)).astimezone(UTC) if dates else datetime(2016, 4, 27, tzinfo=UTC)
    )
    return Holding(study["accession"], changed, orjson.dumps(study))


def _make_servable(study: Study) -> None:
    """Make of recorded pieces what a server would have: every object once, and children counted."""
    rows = {row["Container"]: row for row in reversed(study["sizes"])}
    study["sizes"] = list(rows.values())
    stated = [*study["containers"], *map(_container_of, rows.values())]
    containers = {key_of(container): container for container in reversed(stated)}
    study["containers"] = list(containers.values())
    for container in study["containers"]:
        container.setdefault("omero:childCount", 1 if "/" in container["Name"] else 0)
    names = {key: container["Name"] for key, container in containers.items()}
    annotations = {_parent(each): each for each in reversed(study["annotations"])}
    study["annotations"] = [each for key, each in annotations.items() if key in names.items()]


def _parent(annotation: Raw) -> tuple[str, str]:
    parent = annotation["link"]["parent"]
    return f"{parent['class'].removesuffix('I').lower()}-{parent['id']}", parent["name"]


def _container_of(row: Raw) -> Raw:
    kind = "Screen" if row["Container"].startswith("screen") else "Project"
    return {
        "@type": f"{SCHEMA}#{kind}",
        "@id": int(row["Internal ID"]),
        "Name": f"{row['Study']}/{row['Container']}",
    }


def _study_file(study: Study) -> str:
    """Write a study file as curators do, with ids for the terms the annotations name."""
    said: dict[str, list[str]] = {}
    for annotation in study["annotations"]:
        for key, value in annotation["values"]:
            said.setdefault(key, []).append(value)
    family, _, initials = said.get("Publication Authors", [""])[0].partition(",")[0].rpartition(" ")
    species = list(dict.fromkeys(said.get("Organism", [])))
    lines = [
        ["# STUDY DESCRIPTION SECTION"],
        ["Comment[IDR Study Accession]", study["accession"]],
        ["Study Title", *(said.get("Study Title") or said.get("Publication Title", []))[:1]],
        ["Study Organism", *species],
        [
            "Study Organism Term Accession",
            *((ORGANISMS.find(each) or "").rpartition(":")[2] for each in species),
        ],
        ["Study Person Last Name", family],
        ["Study Person First Name", initials],
        ["Study Person Email", "curator@example.invalid"],
        ["Study Person Roles", "submitter"],
    ]
    for number, container in enumerate(
        (each for each in study["containers"] if "/" in each["Name"]), start=1
    ):
        kind = "Screen" if container["@type"].endswith("#Screen") else "Experiment"
        methods = list(dict.fromkeys(said.get("Imaging Method", [])))
        lines += [
            [f"{kind} Number", str(number)],
            [f"Comment[IDR {kind} Name]", container["Name"]],
            [f"{kind} Imaging Method", *methods],
            [f"{kind} Imaging Method Term Source REF", *("Fbbi" for _ in methods)],
            [f"{kind} Imaging Method Term Accession", *map(_underscored, methods)],
        ]
    return "".join("\t".join(line) + "\n" for line in lines)


def _underscored(method: str) -> str:
    return (IMAGING_METHODS.find(method) or "").replace(":", "_")


def _template(method: str) -> Study:
    name = "@ID@-nobody-generated"
    pairs = {
        "Sample Type": "cell",
        "Organism": "Homo sapiens",
        "Study Title": "@TITLE@",
        "Study Type": "high content screen",
        "Imaging Method": method,
        "Publication Title": "@TITLE@.",
        "Publication Authors": "@NAMES@",
        "Release Date": "@DAY@",
        "License": "CC BY 4.0 https://creativecommons.org/licenses/by/4.0/",
    }
    row = dict.fromkeys(bundled_table("studies.tsv")[0], "")
    row |= {"Study": name, "Container": "experimentA", "Internal ID": "@NUMBER@", "5D Images": "120"}
    row |= {"Size": "48000000000", "# of Files": "130", "Avg. Image Dim (XYZCT)": "1024 x 1024 x 12 x 3 x 1"}
    container = {
        "@type": f"{SCHEMA}#Project",
        "@id": "@NUMBER@",
        "Name": f"{name}/experimentA",
        "Description": "Publication Title\n@TITLE@.\n\nExperiment Description\n@TEXT@",
        "omero:childCount": 4,
    }
    annotation = {
        "id": "@NUMBER@",
        "ns": STUDY_NS,
        "description": None,
        "date": "@DATE@",
        "link": {"parent": {"id": "@NUMBER@", "class": "ProjectI", "name": container["Name"]}},
        "class": "MapAnnotationI",
        "values": list(map(list, pairs.items())),
    }
    study = _empty("@ID@")
    return study | {"containers": [container], "annotations": [annotation], "sizes": [row]}


def _fill(place: int, variation: Variation) -> dict[str, str]:
    return {
        "@ID@": f"idr{place:04}",
        "@NUMBER@": str(place + 1),
        "@TITLE@": variation.title,
        "@TEXT@": variation.text,
        "@DATE@": f"{variation.changed:%Y-%m-%dT%H:%M:%S+00:00}",
        "@DAY@": f"{variation.changed:%Y-%m-%d}",
        "@NAMES@": ", ".join(variation.people),
    }
