"""The XML header of an EMPIAR entry, as the FTP server keeps it (empiar.xsd, namespace pdbe.org/empiar)."""

from __future__ import annotations

import html
from typing import Any

from lxml import etree


def entry_of(root: etree._Element) -> tuple[str, dict[str, Any]]:
    """Turn a header into the shape of the entry API, so that one mapping serves both.

    Entities are escaped twice in these headers ("&amp;amp;"): the parser undoes one layer, we the other.
    """
    size = _find(root, "admin/datasetSize")
    entry = {
        "title": _value(root, "admin/title"),
        "status": _value(root, "admin/currentStatus"),
        "deposition_date": _value(root, "admin/keyDates/depositionDate"),
        "release_date": _value(root, "admin/keyDates/releaseDate"),
        "update_date": _value(root, "admin/keyDates/updateDate"),
        "obsolete_date": _value(root, "admin/keyDates/obsoleteDate"),
        "authors": [{"author": _author(e)} for e in _find(root, "admin/authorsList/author")],
        "corresponding_author": next(map(_person, _find(root, "admin/correspondingAuthor")), None),
        "principal_investigator": [_person(e) for e in _find(root, "admin/principalInvestigator")],
        "grant_references": [
            {"funding_body": _value(e, "fundingBody"), "code": _value(e, "code")}
            for e in _find(root, "admin/grantSupport/grantReference")
        ],
        "dataset_size": f"{size[0].text} {size[0].get('units', '')}" if size else None,
        "entry_doi": _value(root, "admin/entryDOI"),
        "experiment_type": _value(root, "admin/experimentType"),
        "scale": _value(root, "admin/scale"),
        "cross_references": [_text(e) for e in _find(root, "crossReferences/relatedEMDBEntries/emdbEntry")],
        "citation": [_citation(e) for e in _find(root, "crossReferences/citationList/universalCitation/*")],
        "imagesets": [_imageset(e) for e in _find(root, "imageSet")],
    }
    return root.get("accessionCode") or "", entry


def _find(parent: etree._Element, path: str) -> list[etree._Element]:
    """Find by local names, since the namespace differs between old and new headers."""
    found = [parent]
    for step in path.split("/"):
        found = [
            child for element in found for child in element if step in {"*", etree.QName(child).localname}
        ]
    return found


def _text(element: etree._Element) -> str:
    return html.unescape((element.text or "").strip())


def _value(parent: etree._Element, path: str) -> str | None:
    found = _find(parent, path)
    return _text(found[0]) or None if found else None


def _person(element: etree._Element) -> dict[str, Any]:
    return {
        "author": {
            "author_orcid": _value(element, "authorORCID"),
            "first_name": _value(element, "firstName"),
            "last_name": _value(element, "lastName"),
            "organization": _value(element, "organization"),
        }
    }


def _author(element: etree._Element) -> dict[str, Any]:
    return {"name": _text(element), "author_orcid": element.get("authorORCID")}


def _citation(element: etree._Element) -> dict[str, Any]:
    outside = {e.get("type"): _text(e) for e in _find(element, "externalReferences")}
    return {
        "authors": [_author(each) for each in _find(element, "author")],
        "title": _value(element, "title"),
        "journal": _value(element, "journal"),
        "journal_abbreviation": _value(element, "journalAbbreviation"),
        "year": _value(element, "year"),
        "doi": outside.get("doi"),
        "pubmedid": outside.get("pubmed"),
        "preprint": element.get("preprint") == "true",
    }


def _imageset(element: etree._Element) -> dict[str, Any]:
    return {
        "name": _value(element, "name"),
        "category": _value(element, "category"),
        "data_format": _value(element, "dataFormat"),
        "details": _value(element, "details"),
        "num_images_or_tilt_series": _value(element, "numImagesOrTiltSeries"),
        "image_width": _value(element, "dimensions/imageWidth"),
        "image_height": _value(element, "dimensions/imageHeight"),
        "pixel_width": _value(element, "dimensions/pixelWidth"),
        "pixel_height": _value(element, "dimensions/pixelHeight"),
    }
