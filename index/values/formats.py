"""File formats from file names: the extension, lower case, with the double ones kept whole."""

from __future__ import annotations

import re

_DOUBLE = re.compile(
    r"\.((?:ome\.(?:tiff?|zarr|btf)|nii|tar|csv|tsv|json|txt|zarr|n5|mrc|fastq|svg|xml|h5ad)"
    r"(?:\.(?:gz|bz2|xz|zip|zst|tar))?)$"
)
_SINGLE = re.compile(r"\.([a-z0-9][a-z0-9_]{0,9})$")
_SAME = {"tiff": "tif", "ome.tiff": "ome.tif", "jpeg": "jpg", "hdf5": "h5"}


def of_file(name: str) -> str | None:
    """Answer "ome.tif" for "Cells.OME.TIFF", None when there is no extension."""
    low = name.lower().rstrip("~/ ")
    match = _DOUBLE.search(low) or _SINGLE.search(low)
    if match is None or match[1].isdigit():
        return None
    return _SAME.get(match[1], match[1])


def spellings(name: str) -> tuple[str, ...]:
    """Answer how files of a format may end: "tif" and "tiff"."""
    return (name, *(other for other, same in _SAME.items() if same == name))


def clean(name: object) -> str | None:
    """Normalize a format an upstream names outright, such as "TIFF" or "image/tiff" or ".czi"."""
    if not isinstance(name, str) or not name.strip():
        return None
    low = name.strip().lower().removeprefix("image/").lstrip(".")
    return _SAME.get(low, low) if len(low) <= 60 else None
