"""How much there is of a study, and where it is shown and kept; mostly from tables IDR keeps on GitHub."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from harvester.fields import Notes, Raw
from harvester.sources.idr.containers import Container, of_row
from index.record import Axes, Files, Images, Links
from index.values import sizes

HOST = "https://idr.openmicroscopy.org"
FTP = "https://ftp.ebi.ac.uk/pub/databases/IDR"
LEAST_PER_IMAGE = 10_000
"""Bytes. Of some studies that came as OME-NGFF the table counts the metadata only: 1.5 MB for the 593 images
of idr0167, 225 MB for the 30,720 of idr0171 (seen March 2026). No other holds less than this per image."""

_FORMATS = {
    "tiff": "tif",
    "tif": "tif",
    "ome-tiff": "ome.tif",
    "ome-zarr": "ome.zarr",
    "zvi": "zvi",
    "stk": "stk",
    "flex": "flex",
    "liff": "liff",
}
"""Formats by the words in which study files name them; names of instruments say nothing of the format."""


@dataclass(frozen=True, slots=True)
class _Counted:
    """One row of the table of studies."""

    bytes: int | None
    files: int | None
    images: int | None
    dimensions: Axes | None

    @property
    def is_plausible(self) -> bool:
        return not (self.bytes and self.images) or self.bytes >= self.images * LEAST_PER_IMAGE


def links(accession: str, name: str | None, containers: list[Container], study: dict[str, Raw]) -> Links:
    """Say where a study is shown and kept; the viewer opens the first container that has something in it."""
    full = [each for each in containers if each.children]
    full = full or [each for each in containers if not each.is_umbrella] or containers
    shown = full[0] if full else None
    images = study.pop("images", None) or {}
    pictured = [images.get(f"{each.kind}-{each.id}") for each in containers] or list(images.values())
    image = next((id_ for id_ in pictured if isinstance(id_, int)), None)
    return Links(
        landing=f"{HOST}/study/{accession}/",
        viewer=f"{HOST}/webclient/?show={shown.kind}-{shown.id}" if shown else None,
        # No size may follow: /render_thumbnail/123/400/ is an HTML page that says 404 (seen August 2026).
        thumbnail=f"{HOST}/webgateway/render_thumbnail/{image}/" if image else None,
        download=_download(study.get("downloads"), name),
        api=f"{HOST}/api/v0/m/{shown.kind}s/{shown.id}/" if shown else None,
    )


def _download(stated: list[dict[str, Raw]] | None, name: str | None) -> str | None:
    """Answer where the files are; IDR's own table of addresses knows the exceptions to the rule.

    A folder may be spelled otherwise (idr0047-neuert-yeastmRNA), and what came as OME-NGFF is not on the
    FTP server but at the BioImage Archive (idr0168).
    """
    for row in stated or ():
        address = row.pop("download_url", None) or row.get("bia_url")
        if address:
            return f"{address.rstrip('/')}/" if address.startswith(FTP) else str(address)
    return f"{FTP}/{name}/" if name else None


def amounts(
    rows: list[dict[str, Raw]], containers: list[Container], formats: Iterable[str], notes: Notes
) -> tuple[Files, Images]:
    """Sum the rows of the table of studies; the dimensions are those of the largest container."""
    listed = {each for row in rows if (each := of_row(row))}
    known = {(each.kind, each.id) for each in listed}
    missing = [each.name for each in containers if not each.is_umbrella and (each.kind, each.id) not in known]
    if rows and missing:
        notes.found.append(("size: a container is not in IDR's table", missing[0]))
    counted = [_counted(row, notes) for row in rows]
    stored = _sum(each.bytes for each in counted)
    if not all(each.is_plausible for each in counted):
        notes.found.append(("size: too small for so many images", str(stored)))
        stored = None
    largest = max(counted, key=lambda each: each.bytes or 0, default=None)
    return (
        Files(
            count=_sum(each.files for each in counted), bytes=stored, formats=tuple(dict.fromkeys(formats))
        ),
        Images(
            count=_sum(each.images for each in counted), dimensions=largest.dimensions if largest else None
        ),
    )


def formats_named(stated: Iterable[str]) -> list[str]:
    """Find the formats in what a study file says of the raw images."""
    words = (word for said in stated for word in re.findall(r"[a-z0-9-]+", said.lower()))
    return [_FORMATS[word] for word in words if word in _FORMATS]


def _counted(row: dict[str, Raw], notes: Notes) -> _Counted:
    stored, files, images = (
        notes.clean(sizes.clean, row.pop(key, None)) for key in ("Size", "# of Files", "5D Images")
    )
    return _Counted(stored, files, images, _axes(row.pop("Avg. Image Dim (XYZCT)", None)))


def _sum(numbers: Iterable[int | None]) -> int | None:
    return sum(filter(None, numbers)) or None


def _axes(said: Raw) -> Axes | None:
    """Read "1376 x 1040 x 16 x 2 x 1"; means may be fractions."""
    try:
        x, y, z, c, t = (float(number) for number in str(said).split("x"))
    except ValueError:
        return None
    return Axes(x=x, y=y, z=z, c=c, t=t)
