"""Scope: which records of a general repository are about imaging, and why.

A record is in the imaging scope when a file format, a keyword, a subject, a method or a word of its title
or description says so. The reasons are kept on the record (`taken_for`), so anybody can judge them.
Within the scope a record stays once it was taken, even when its upstream edits the telling word away.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from index.record import Record

_BY_MAKERS = "czi nd2 lif oib oif oir vsi ims lsm stk dv sld zvi svs ndpi mrxs bif dm3 dm4 emi eer"
_BY_COMMUNITIES = (
    "tif ome.tif ome.zarr ome.zarr.zip zarr zarr.zip n5 mrc mrcs ali nii nii.gz nrrd nhdr mha mhd dcm dicom"
    " btf ics klb bdv"
)
FORMATS = frozenset(f"{_BY_MAKERS} {_BY_COMMUNITIES}".split())
"""Formats of microscopes, scanners and image volumes that hardly anybody else uses."""

TERMS = (
    *("microscop", "micrograph", "confocal", "light sheet", "light-sheet", "lightsheet", "two-photon"),
    *("multiphoton", "super-resolution", "fluorescence imag", "expansion microscop", "photoacoustic"),
    *("cryo-em", "cryoem", "cryo-et", "cryo-electron", "electron tomogra", "volume em", "fib-sem", "sbf-sem"),
    *("serial block", "sstem", "connectom"),
    *("histolog", "histopatholog", "whole slide", "whole-slide", "immunofluorescence", "immunohistochem"),
    *("bioimag", "bio-imag", "ome-zarr", "ome-tiff", "live imaging", "live-cell imaging", "calcium imaging"),
    *(
        "time-lapse",
        "time lapse",
        "cell painting",
        "high-content screen",
        "high content screen",
        "image-based",
    ),
    *("micro-ct", "microct", "µct", "computed tomogra", "ct scan", "x-ray tomogra", "radiograph"),
    *("magnetic resonance imag", "neuroimag", "fmri", "positron emission tomogra", "ultrasound imag"),
    *("optical coherence tomogra", "fundus", "endoscop", "hyperspectral imag", "mass spectrometry imag"),
    *("cell segmentation", "nuclei segmentation", "nucleus segmentation", "image segmentation"),
    *("cellpose", "stardist", "napari", "imagej", "ilastik"),
)
"""Beginnings of words that mean imaging, in title, keywords, subjects and description."""

WORDS = ("mri", "image", "images", "imaging")
"""Whole words that mean it in a title or keyword; in a description they stand for too much else."""

_BEGINS = re.compile(rf"\b(?:{'|'.join(map(re.escape, TERMS))})", re.IGNORECASE)
_NAMES = re.compile(rf"{_BEGINS.pattern}|\b(?:{'|'.join(WORDS)})\b", re.IGNORECASE)


def why(record: Record) -> tuple[str, ...]:
    """Answer the reasons that put a record in the imaging scope; none when it is not."""
    reasons = [f"file format {name}" for name in record.files.formats if name in FORMATS]
    reasons += [f"imaging method {method.label}" for method in record.imaging_methods]
    labels = [*record.keywords, *(subject.label for subject in record.subjects)]
    for place, texts, telling in (
        ("title", [record.title], _NAMES),
        ("keyword", labels, _NAMES),
        ("description", [record.description], _BEGINS),
    ):
        said = next((found[0] for text in texts if text and (found := telling.search(text))), None)
        if said is not None:
            reasons.append(f"{place} says {said.lower()}")
    return tuple(dict.fromkeys(reasons))[:6]


@dataclass(frozen=True, slots=True)
class Placed:
    """A record in a scope, or outside of it and then kept only if it was inside once."""

    record: Record
    is_inside: bool


def place(record: Record, scope: str) -> Placed:
    """Put a record in its scope, with the reasons."""
    if scope == "everything" or record.withdrawn is not None:
        return Placed(record, is_inside=True)
    reasons = why(record)
    taken_for = reasons or ("was in scope before",)
    return Placed(record.model_copy(update={"taken_for": taken_for}), is_inside=bool(reasons))
