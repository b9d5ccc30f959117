"""Scope: which records of a general repository are about imaging, and why.

A record is in the imaging scope when a file format, a keyword, a subject, a method or a word of its title
or description says so. The reasons are kept on the record (`taken_for`), so anybody can judge them.
Within the scope a record stays once it was taken, even when its upstream edits the telling word away.
"""

from __future__ import annotations

import re

from harvester.source import Reading
from index.record import Record

_BY_MAKERS = "czi nd2 lif oib oif oir vsi ims lsm stk dv sld zvi svs ndpi mrxs bif dm3 dm4 emi eer"
_BY_COMMUNITIES = (
    "tif ome.tif ome.zarr ome.zarr.zip zarr zarr.zip n5 mrc mrcs ali nii nii.gz nrrd nhdr mha mhd dcm dicom"
    " btf ics klb bdv"
)
FORMATS = frozenset(f"{_BY_MAKERS} {_BY_COMMUNITIES}".split())
"""Formats of microscopes, scanners and image volumes that hardly anybody else uses."""

TERMS = (
    "microscop",
    "cryo-em",
    "cryoem",
    "cryo-et",
    "cryo-electron",
    "electron tomogra",
    "light sheet",
    "light-sheet",
    "lightsheet",
    "confocal",
    "two-photon",
    "multiphoton",
    "super-resolution",
    "histolog",
    "histopatholog",
    "whole slide",
    "whole-slide",
    "bioimag",
    "bio-imag",
    "ome-zarr",
    "ome-tiff",
    "fluorescence imag",
    "live imaging",
    "live-cell imaging",
    "calcium imaging",
    "time-lapse",
    "time lapse",
    "micro-ct",
    "microct",
    "µct",
    "computed tomogra",
    "ct scan",
    "x-ray tomogra",
    "magnetic resonance imag",
    "neuroimag",
    "fmri",
    "mri ",
    "mri,",
    "positron emission tomogra",
    "ultrasound imag",
    "cell segmentation",
    "nuclei segmentation",
    "nucleus segmentation",
    "image segmentation",
    "cell painting",
    "high-content screen",
    "high content screen",
    "image-based",
    "immunofluorescence",
    "immunohistochem",
    "optical coherence tomogra",
    "volume em",
    "fib-sem",
    "sbf-sem",
    "serial block",
    "connectom",
    "hyperspectral imag",
    "mass spectrometry imag",
    "photoacoustic",
    "expansion microscop",
    "cellpose",
    "stardist",
    "napari",
    "imagej",
    "ilastik",
)
"""Beginnings of words that mean imaging, in title, keywords, subjects and description."""

_WORDS = re.compile(rf"\b(?:{'|'.join(map(re.escape, TERMS))})", re.IGNORECASE)


def why(record: Record) -> tuple[str, ...]:
    """Answer the reasons that put a record in the imaging scope; none when it is not."""
    reasons = [f"file format {name}" for name in record.files.formats if name in FORMATS]
    reasons += [f"imaging method {method.label}" for method in record.imaging_methods]
    labels = [*record.keywords, *(subject.label for subject in record.subjects)]
    for place, texts in (
        ("title", [record.title]),
        ("keyword", labels),
        ("description", [record.description]),
    ):
        for said in texts:
            match = _WORDS.search(said) if said else None
            if match is not None:
                reasons.append(f"{place} says {match[0].lower().strip(' ,')}")
                break
    return tuple(dict.fromkeys(reasons))[:6]


def place(record: Record, scope: str, stays: set[str]) -> Record | None:
    """Put a record in its scope: with the reasons, or None when it is outside and was never taken."""
    if scope == "everything" or record.withdrawn is not None:
        return record
    reasons = why(record)
    if not reasons and record.id in stays:
        reasons = ("was in scope before",)
    return record.model_copy(update={"taken_for": reasons}) if reasons else None


__all__ = ["FORMATS", "TERMS", "Reading", "place", "why"]
