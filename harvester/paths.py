"""The fields of an upstream document, named by paths: what there is to map, whether anybody maps it or not.

A path is written FORM:WHERE. The form tells the shapes apart in which one upstream speaks: "native:title",
"datacite:titles/title". JSON says "authors[].name" and "keywords"; XML says "creators/creator/affiliation"
and "rightsList/rights@rightsURI", and where one attribute decides what an element means, it stands in
brackets: "dates/date[Collected]".
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TypeAlias

from lxml import etree

from harvester.fields import IGNORED_PLACEHOLDERS, Raw
from harvester.protocols.oai_records import payload_of
from harvester.protocols.xml import local, said_in
from index.losses import Paths, Seen
from index.values import text

MOST_KEYS = 100
"""An object with more keys than this is a table keyed by data, such as file names; its keys become "*"."""
LONGEST_EXAMPLE = 80

_DECIDING = ("dateType", "descriptionType", "titleType", "nameIdentifierScheme")
"""Attributes of DataCite's XML by which one element is several: the day of issue, of collection ..."""
_TRANSPARENT = {"record", "metadata", "oai_datacite", "payload", "resource"}
"""Envelopes, left out of paths: the same metadata comes bare in a dump and wrapped by OAI-PMH."""
_PRIVATE = re.compile(r"e-?mail|phone|telephone|\btel\b|\bfax\b|street|address", re.IGNORECASE)

Leaf: TypeAlias = tuple[str, Raw]


@dataclass(frozen=True, slots=True)
class Told:
    """A document as its paths see it: JSON, or an element of XML."""

    form: str
    tree: Raw


def of_xml(root: etree._Element) -> Told:
    """Name the form of an XML document after what it carries: datacite, dc ...; "deleted" for nothing."""
    carried = payload_of(root) if local(root) == "record" else root
    if carried is None:
        return Told("deleted", root)
    name = local(carried)
    return Told("datacite" if name in _TRANSPARENT else name, root)


def leaves(told: Told) -> Iterator[Leaf]:
    """Yield every path that says something, with its value; paths repeat as values do."""
    start = f"{told.form}:"
    if isinstance(told.tree, etree._Element):
        yield from _of_element(told.tree, start, start)
    else:
        yield from _of_value(told.tree, start, start)


def _of_value(value: Raw, path: str, start: str) -> Iterator[Leaf]:
    if isinstance(value, dict):
        many = len(value) > MOST_KEYS
        for key, entry in value.items():
            name = "*" if many else key
            yield from _of_value(entry, f"{path}.{name}" if path != start else f"{path}{name}", start)
    elif isinstance(value, list):
        for entry in value:
            inner = isinstance(entry, (dict, list))
            yield from _of_value(entry, f"{path}[]" if inner else path, start)
    elif value not in IGNORED_PLACEHOLDERS:
        yield path, value


def _of_element(element: etree._Element, path: str, start: str) -> Iterator[Leaf]:
    own = said_in(element)
    if own is not None:
        yield path, own
    for name, value in element.attrib.items():
        if value and name not in _DECIDING:
            yield f"{path}@{etree.QName(str(name)).localname}", str(value)
    for child in element:
        step = _step(child)
        below = path if step in _TRANSPARENT else f"{path}/{step}" if path != start else f"{path}{step}"
        yield from _of_element(child, below, start)


def _step(element: etree._Element) -> str:
    kind = next((value for name in _DECIDING if (value := element.get(name))), None)
    return f"{local(element)}[{kind}]" if kind else local(element)


class _Node:
    """One path, and the paths below it."""

    __slots__ = ("below", "documents", "example", "last", "path")

    def __init__(self, path: str) -> None:
        self.path = path
        self.below: dict[str, _Node] = {}
        self.documents = self.last = 0
        self.example: Raw = None


class Tally:
    """Counts in how many documents each path says something.

    `leaves` would do, at three times the cost: here a path is built once, not once per document.
    """

    def __init__(self) -> None:
        self._forms: dict[str, _Node] = {}
        self._count = 0

    def add(self, told: Told) -> None:
        """Count one document."""
        self._count += 1
        root = self._forms.get(told.form)
        if root is None:
            root = self._forms[told.form] = _Node(f"{told.form}:")
        if isinstance(told.tree, etree._Element):
            for path, value in leaves(told):
                node = root.below.get(path)
                if node is None:
                    node = root.below[path] = _Node(path)
                self._seen(node, value)
        else:
            self._walk(told.tree, root)
        self._seen(root, None)

    def paths(self, is_known: Callable[[str], bool] = bool) -> Paths:
        """Answer the count of each path, with an example; the path of a form alone counts its documents."""
        found: dict[str, Seen] = {}
        waiting = list(self._forms.values())
        while waiting:
            node = waiting.pop()
            waiting += node.below.values()
            if node.documents:
                shown = _shown(node.path, node.example)
                found[node.path] = Seen(node.documents, shown, is_known(node.path))
        return found

    def _walk(self, value: Raw, node: _Node) -> None:
        below = node.below
        if value.__class__ is dict:
            start = node.path if node.path.endswith(":") else f"{node.path}."
            many = len(value) > MOST_KEYS
            for key, entry in value.items():
                name = "*" if many else key
                child = below.get(name)
                if child is None:
                    child = below[name] = _Node(start + name)
                self._entry(entry, child)
        elif value.__class__ is list:
            for entry in value:
                if entry.__class__ is dict or entry.__class__ is list:
                    child = below.get("[]")
                    if child is None:
                        child = below["[]"] = _Node(f"{node.path}[]")
                    self._walk(entry, child)
                else:
                    self._entry(entry, node)

    def _entry(self, entry: Raw, node: _Node) -> None:
        if entry.__class__ is dict or entry.__class__ is list:
            self._walk(entry, node)
        elif entry is not None and entry != "" and node.last != self._count:
            self._seen(node, entry)

    def _seen(self, node: _Node, value: Raw) -> None:
        if node.last != self._count:
            node.last = self._count
            node.documents += 1
            if node.example is None:
                node.example = value


def _shown(path: str, value: Raw) -> str | None:
    """Shorten an example; how to reach a person is nobody's business."""
    if value is None or _PRIVATE.search(path):
        return None
    said = text.line(str(value)[: LONGEST_EXAMPLE * 2])[0]
    return f"{said[: LONGEST_EXAMPLE - 1]}…" if said and len(said) > LONGEST_EXAMPLE else said
