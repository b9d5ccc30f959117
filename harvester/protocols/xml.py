"""XML as it must be read from strangers: strict, no entities, no network, no DTD."""

from __future__ import annotations

from lxml import etree

from harvester.errors import BadRecord


def parse_xml(body: bytes) -> etree._Element:
    """Parse strictly.

    Raises:
        BadRecord: the text is not well-formed XML, or declares a DTD with entities.
    """
    parser = etree.XMLParser(
        resolve_entities=False,
        no_network=True,
        load_dtd=False,
        huge_tree=False,
        recover=False,
        remove_comments=True,
        remove_pis=True,
    )
    try:
        root = etree.fromstring(body, parser)
    except (etree.XMLSyntaxError, ValueError) as error:
        if body[:200].lstrip().lower().startswith((b"<!doctype html", b"<html")):
            raise BadRecord("an HTML page in the place of XML") from error
        raise BadRecord(f"broken XML ({error})") from error
    if root.getroottree().docinfo.internalDTD is not None:
        if local(root) == "html":
            raise BadRecord("an HTML page in the place of XML")
        raise BadRecord("XML with a DTD is refused")
    return root


def local(element: etree._Element) -> str:
    """Answer an element's name without its namespace."""
    tag = str(element.tag)
    return tag[tag.find("}") + 1 :]


def said_in(element: etree._Element) -> str | None:
    """Answer an element's own text without the space around it; None for none."""
    return (element.text or "").strip() or None
