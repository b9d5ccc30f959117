"""Studies taken apart, as OMERO and GitHub keep them: projects, screens, annotations, tables."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from harvester.fields import Raw
from harvester.replicas.holdings import Holding, Listed
from harvester.replicas.idr_studies import FTP, key_of
from harvester.replicas.server import Replica

TABLES = {"studies.tsv": "sizes", "download_urls.tsv": "downloads"}
"""Tables by the part of a study they hold."""


@dataclass(slots=True)
class Shelf:
    """Studies taken apart, as OMERO keeps them."""

    objects: dict[str, list[Raw]] = field(default_factory=lambda: {"project": [], "screen": []})
    annotations: dict[str, list[Raw]] = field(default_factory=dict)
    images: dict[str, int] = field(default_factory=dict)
    rows: dict[str, list[Raw]] = field(default_factory=lambda: {part: [] for part in TABLES.values()})

    @classmethod
    def of(cls, holdings: Iterable[Holding]) -> Shelf:
        shelf = cls()
        for holding in holdings:
            shelf.put(holding.json())
        for objects in shelf.objects.values():
            objects.sort(key=lambda each: (each["Name"].lower(), each["@id"]))
        return shelf

    def put(self, study: Raw) -> None:
        for container in study["containers"]:
            container["@id"] = int(container["@id"])  # a generated one is text
            self.objects[key_of(container).partition("-")[0]].append(container)
        for annotation in study["annotations"]:
            parent = annotation["link"]["parent"]
            parent["id"] = int(parent["id"])
            key = f"{parent['class'].removesuffix('I').lower()}-{parent['id']}"
            self.annotations.setdefault(key, []).append(annotation)
        self.images |= study["images"]
        self.rows["sizes"] += study["sizes"] or map(_row_without_sizes, study["containers"])
        self.rows["downloads"] += study["downloads"] or [_row_of_download(study)]


def _row_without_sizes(container: Raw) -> Raw:
    study, _, part = container["Name"].partition("/")
    return {"Study": study, "Container": part, "Internal ID": container["@id"]}


def _row_of_download(study: Raw) -> Raw:
    name = study["containers"][0]["Name"].partition("/")[0]
    return {
        "idrid": study["accession"],
        "data_location": "IDR",
        "is_zarr": False,
        "download_url": f"{FTP}/{name}",
    }


def take_apart(replica: Replica, places: Iterable[int] | None = None) -> Shelf:
    """Take the holdings apart: all of them once, or, of generated ones, those at some places."""
    holdings = replica.holdings
    if not isinstance(holdings, Listed):
        return Shelf.of(holdings[place] for place in (range(len(holdings)) if places is None else places))
    held = holdings.in_order()
    if replica.memory.get("held") is not held:
        replica.memory |= {"held": held, "shelf": Shelf.of(held)}
    shelf: Shelf = replica.memory["shelf"]
    return shelf
