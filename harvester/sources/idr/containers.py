"""Projects and screens: the parts a study has in OMERO, their names and their texts.

A study is all projects and screens whose names begin with its accession. Some studies have an umbrella as
well, named without "/screenA" and empty: it holds the text about the whole, and nothing to look at.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from harvester.fields import Notes, Raw, mappings
from harvester.sources.idr.shapes import parent_of
from harvester.sources.idr.study_file import StudyFile
from index.values import text

_HEADING = re.compile(r"^(?:Screen|Experiment|Study|Project) Description[ \t]*$\n?", re.MULTILINE)
_HISTORY = re.compile(r"^Version History[ \t]*$.*", re.MULTILINE | re.DOTALL)
_PUBLICATION = re.compile(r"\APublication Title\n(?P<title>.+)")


@dataclass(frozen=True, slots=True)
class Container:
    """A project or a screen of OMERO."""

    kind: str
    id: int
    name: str
    description: str | None = None
    children: int | None = None
    """Data sets or plates in it; None when it was not asked for."""

    @property
    def is_umbrella(self) -> bool:
        return "/" not in self.name

    @property
    def label(self) -> str:
        return _label(self.name)


def of_study(study: dict[str, Raw]) -> list[Container]:
    """Find the containers in whatever part of a study names them; those of the whole come first."""
    found = [_of_object(each) for each in mappings(study.get("containers"))]
    found = found or [each for entry in mappings(study.get("annotations")) if (each := _of_parent(entry))]
    found = found or [each for row in mappings(study.get("sizes")) if (each := of_row(row))]
    once = {(each.kind, each.id): each for each in found}
    return sorted(once.values(), key=lambda each: (len(each.name), each.name, each.kind))


def _of_parent(annotation: dict[str, Raw]) -> Container | None:
    parent = parent_of(annotation)
    if not {"class", "id", "name"} <= parent.keys():
        return None
    return Container(str(parent["class"]).removesuffix("I").lower(), parent["id"], str(parent["name"]))


def _of_object(entry: dict[str, Raw]) -> Container:
    kind = str(entry.pop("@type")).rpartition("#")[2].lower()
    return Container(
        kind,
        entry.pop("@id"),
        entry.pop("Name"),
        entry.pop("Description", None),
        entry.pop("omero:childCount", None),
    )


def of_row(row: dict[str, Raw]) -> Container | None:
    """Find the container a row of the table of studies counts.

    Screens and projects share a number space; the container's name tells which of them is meant.
    """
    number, name = str(row.get("Internal ID")), str(row.get("Container"))
    if not number.isdigit():
        return None
    kind = "screen" if name.lower().startswith("screen") else "project"
    return Container(kind, int(number), f"{row['Study']}/{name[:1].lower()}{name[1:]}")


def annotations_in_order(study: dict[str, Raw], containers: list[Container]) -> list[dict[str, Raw]]:
    """Answer the annotations in the order of what they annotate, the umbrella's first."""
    ranks = {container.name: rank for rank, container in enumerate(containers)}
    found = mappings(study.get("annotations"))
    return sorted(found, key=lambda annotation: ranks.get(str(parent_of(annotation).get("name")), len(ranks)))


def study_name(containers: list[Container], file: StudyFile) -> str | None:
    """Answer the name IDR gives the study in paths, such as "idr0009-simpson-secretion"."""
    names = [each.name for each in containers] or [
        name for part in file.parts for name in part.get("name", [])
    ]
    return names[0].partition("/")[0] if names else None


def publication_title(containers: Iterable[Container]) -> str | None:
    """Find the title of the publication at the head of a description."""
    for container in containers:
        if match := _PUBLICATION.match(container.description or ""):
            return match["title"]
    return None


def description(containers: list[Container], file: StudyFile, notes: Notes) -> str | None:
    """Compose a description: what is said of the whole, then of each screen and experiment."""
    said = [(each.label, each.is_umbrella, _body(each.description)) for each in containers]
    in_file = " ".join(file.take("description"))
    whole = next((body for _, umbrella, body in said if umbrella and body), in_file)
    stated = [
        (_label(" ".join(part.get("name", []))), " ".join(part.pop("description", []))) for part in file.parts
    ]
    bodies = [(label, body) for label, umbrella, body in said if body and not umbrella]
    bodies = bodies or [(label, body) for label, body in stated if body]
    lines = [notes.clean(text.clean, whole)]
    for label, body in bodies:
        clean = notes.clean(text.clean, body)
        if clean and clean != lines[0]:
            lines.append(clean if len(bodies) == 1 else f"{label}: {clean}")
    return "\n".join(line for line in lines if line) or None


def _label(name: str) -> str:
    """Answer "Screen A" for "idr0009-simpson-secretion/screenA"."""
    last = name.rpartition("/")[2]
    return re.sub(r"(?<=[a-z])(?=[A-Z]$)", " ", last[:1].upper() + last[1:])


def _body(said: str | None) -> str:
    """Cut a container's text out of its headings and the history of changes."""
    without_history = _HISTORY.sub("", said or "")
    match = _HEADING.search(without_history)
    if match:
        return without_history[match.end() :].strip()
    return _PUBLICATION.sub("", without_history).strip()
