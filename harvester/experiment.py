"""What becomes of each path of an upstream's documents, found by trying: change a value, read, compare.

A mapping may be read, but what it does is seen in the records: a field is mapped to whatever changes in the
record when its value does. Where another value makes no difference (the upstream says a thing twice, or the
value is a word from a list), taking the value away may.
"""

from __future__ import annotations

import csv
import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from functools import partial
from io import StringIO
from typing import TypeAlias

import orjson
from lxml import etree

from harvester.errors import BadRecord
from harvester.fields import Raw
from harvester.paths import leaves
from harvester.protocols.xml import parse_xml
from harvester.reading import attempt
from harvester.source import Document, Reading, Source
from index.losses import ALL, Fates
from index.record import Record

ENOUGH = 2
"""Documents in which a path was seen to change a record; more would tell the same."""
TRIES, TRIES_OF_IGNORED = 40, 3
"""Values of a path that are tried before it is said to change nothing."""
TRIES_OF_A_SHAPE, PER_DOCUMENT = 4, 3
FEW = 3
"""A change of one value touches a path or two; what touches more has taken the document apart."""
OTHERS = 3
"""Values met elsewhere under the same path that are put in place of one."""

_DATE = re.compile(r"(\d{4})(-\d\d(?:-\d\d)?(?:[T ].*)?)")
_ORCID = re.compile(r"\d{4}-\d{4}-\d{4}-\d{3}[\dX]")
_OTHER_ORCID = ("0000-0002-1825-0097", "0000-0001-5109-3700")
_RUNS = (re.compile(r"[^\W\d_]+"), re.compile(r"\d+"))

Values: TypeAlias = dict[str, list[Raw]]


@dataclass(frozen=True, slots=True)
class Place:
    """One value of a document, and how to write the document down with another in its place."""

    value: Raw
    write: Callable[[Raw], bytes]
    """Takes the other value, None for taking it away."""
    is_name: bool = False
    """The name of a property, which cannot be taken away from what it names."""


def fates(source: Source, documents: Iterable[Document]) -> dict[str, list[str]]:
    """Find out, for every path in some documents, which fields of the record its value decides.

    Returns:
        Fields by path, in alphabetical order; none for a path that decides nothing, `index.losses.ALL` for
        one without which the document cannot be read.
    """
    read = []
    for document in documents:
        before = attempt(source, document)
        if not isinstance(before, str):
            read.append((document, before.record, values(source, document)))
    trial = _Trial(source, Fates(ignored=source.ignored))
    for _, _, told in read:
        trial.learn(told)
    for document, record, told in read:
        trial.of_document(document, record, told)
    return {path: _shortened(trial.fields[path]) for path in sorted(trial.met)}


@dataclass(slots=True)
class _Trial:
    """Experiments with the documents of one source, and what they showed so far."""

    source: Source
    ignored: Fates
    met: defaultdict[str, dict[str, Raw]] = field(default_factory=lambda: defaultdict(dict))
    """Some values of each path."""
    fields: defaultdict[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    shown: Counter[str] = field(default_factory=Counter)
    tries: Counter[str] = field(default_factory=Counter)
    by_shape: Counter[tuple[str, str]] = field(default_factory=Counter)
    here: Counter[str] = field(default_factory=Counter)

    def learn(self, told: Values) -> None:
        for path, each in told.items():
            held = self.met[path]
            for value in each:
                if len(held) <= OTHERS:
                    held.setdefault(str(value), value)

    def of_document(self, document: Document, record: Record, told: Values) -> None:
        self.here.clear()
        if not any(self._is_open(path) for path in told):
            return
        for place in _places(document):
            other = _other(place.value)
            touched = self._touched(document, place.write(other), told)
            most = 1 if place.is_name else FEW
            if len(touched) <= most and any(self._is_open(path, place.value) for path in touched):
                self._try(document, record, place, other, touched)

    def _try(self, document: Document, record: Record, place: Place, other: Raw, touched: set[str]) -> None:
        """Put another value in the place of one, then values met elsewhere, then none, until one matters."""
        for path in touched:
            self.tries[path] += 1
            self.here[path] += 1
            self.by_shape[path, _shape(place.value)] += 1
        met = [each for path in sorted(touched) for each in self.met[path].values()]
        fitting = [each for each in met if each.__class__ is place.value.__class__ and each != place.value]
        last = [] if place.is_name else [None]
        for each in [other, *([] if place.is_name else fitting[:OTHERS]), *last]:
            changed = Document(document.id, place.write(each), document.media_type)
            if decided := _difference(record, attempt(self.source, changed)):
                for path in touched:
                    self.fields[path] |= decided
                    self.shown[path] += 1
                return

    def _is_open(self, path: str, value: Raw = None) -> bool:
        """Tell whether a path needs more experiments, here and now."""
        most = TRIES if self.ignored.of(path).becomes == "unknown" else TRIES_OF_IGNORED
        return (
            self.shown[path] < ENOUGH
            and self.tries[path] < most
            and self.here[path] < PER_DOCUMENT
            and self.by_shape[path, _shape(value)] < TRIES_OF_A_SHAPE
        )

    def _touched(self, document: Document, body: bytes, told: Values) -> set[str]:
        """Find the paths of a document that a change touched; paths that it made up do not count."""
        try:
            now = values(self.source, Document(document.id, body, document.media_type))
        except (BadRecord, LookupError, TypeError, ValueError, AttributeError):
            return set()  # what holds the document together was changed, and no path of it
        return {path for path, each in told.items() if now.get(path) != each}


def values(source: Source, document: Document) -> Values:
    """Lay out the values of a document by their paths."""
    found: Values = {}
    for path, value in leaves(source.told(document)):
        found.setdefault(path, []).append(value)
    return found


def _shape(value: Raw) -> str:
    """Tell "#author-001" from "https://orcid.org/0000-..." and both from a name: a path may hold each."""
    said = str(value)[:60]
    for place, run in enumerate(_RUNS):
        said = run.sub("a9"[place], said)
    return said[:16]


def _shortened(fields: set[str]) -> list[str]:
    """Name the fields; that a document cannot be read without a value matters where it is all there is."""
    return sorted(fields - {ALL} or fields)


def _difference(before: Record, after: Reading | str) -> set[str]:
    if isinstance(after, str):
        return {ALL}
    old, new = dict(_fields(before)), dict(_fields(after.record))
    return {path for path in old.keys() | new.keys() if old.get(path) != new.get(path)}


def _fields(record: Record) -> Iterator[tuple[str, list[Raw]]]:
    """Lay out a record by the paths of its fields."""
    found: dict[str, list[Raw]] = {}
    waiting: list[tuple[str, Raw]] = [("", record.model_dump(exclude_defaults=True))]
    while waiting:
        path, value = waiting.pop()
        if isinstance(value, dict):
            waiting += [(f"{path}.{name}" if path else name, each) for name, each in value.items()]
        elif isinstance(value, (list, tuple)):
            waiting += [(f"{path}[]", each) for each in value]
        else:
            found.setdefault(path, []).append(value)
    yield from found.items()


def _places(document: Document) -> Iterator[Place]:
    """Yield every value of a document."""
    if document.body.lstrip().startswith(b"<"):
        yield from _of_xml(parse_xml(document.body))
    elif document.media_type == "text/csv":
        yield from _of_csv(document.body.decode())
    else:
        whole: Raw = [orjson.loads(document.body)]
        yield from _of_json(whole, whole, 0)


def _of_json(whole: Raw, holder: Raw, key: Raw) -> Iterator[Place]:
    value = holder[key]
    if isinstance(value, dict):
        for name in list(value):
            yield from _of_json(whole, value, name)
            if isinstance(value[name], dict):
                yield Place(name, partial(_with_name, whole, value, name), is_name=True)
    elif isinstance(value, list):
        for place in range(len(value)):
            yield from _of_json(whole, value, place)
    elif value is not None and value != "":
        yield from _of_scalar(whole, holder, key)


def _of_scalar(whole: Raw, holder: Raw, key: Raw) -> Iterator[Place]:
    value = holder[key]
    if isinstance(value, str) and "\t" in value:
        for cell, text in _cells(value):
            yield Place(cell, partial(_with_cell, whole, (holder, key), text))
        return
    if key == "@id":  # an entity is renamed everywhere; a reference may also point elsewhere
        yield Place(value, partial(_with_value, whole, _same_ids(whole[0], value)))
    if key != "@id" or len(holder) == 1:
        yield Place(value, partial(_with_value, whole, [(holder, key)]))


def _with_value(whole: Raw, places: list[tuple[Raw, Raw]], other: Raw) -> bytes:
    kept = [holder[key] for holder, key in places]
    for holder, key in places:
        holder[key] = other
    try:
        return orjson.dumps(whole[0])
    finally:
        for (holder, key), value in zip(places, kept, strict=True):
            holder[key] = value


def _with_name(whole: Raw, holder: dict[str, Raw], name: str, other: str) -> bytes:
    """Change a name that is data, such as a file's; order is kept, as it may be data, too."""
    kept = dict(holder)
    holder.clear()
    holder.update({(other if key == name else key): each for key, each in kept.items()})
    try:
        return orjson.dumps(whole[0])
    finally:
        holder.clear()
        holder.update(kept)


def _with_cell(whole: Raw, at: tuple[Raw, Raw], text: Callable[[str], str], other: Raw) -> bytes:
    return _with_value(whole, [at], text(str(other or "")))


def _cells(text: str) -> Iterator[tuple[str, Callable[[str], str]]]:
    """Yield the cells of a table and how to write it with another; the first cell of a line is its key."""
    for match in re.finditer(r"(?<=\t)[^\t\r\n]*[^\s][^\t\r\n]*", text):
        yield match[0], partial(_with_span, text, match.span())


def _with_span(text: str, span: tuple[int, int], other: str) -> str:
    return f"{text[: span[0]]}{other}{text[span[1] :]}"


def _same_ids(value: Raw, id_: str) -> list[tuple[Raw, Raw]]:
    """Find every place of an id: an entity of a graph is named where it stands and where it is pointed at."""
    found: list[tuple[Raw, Raw]] = []
    each = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, entry in each:
        if key == "@id" and entry == id_:
            found.append((value, key))
        else:
            found += _same_ids(entry, id_)
    return found


def _other(value: Raw) -> Raw:
    """Make another value of the same kind, so that a change means the value and not its form."""
    if isinstance(value, bool):
        return not value
    if value in {"true", "false"}:
        return "false" if value == "true" else "true"
    if isinstance(value, (int, float)):
        return value + 7
    if match := _DATE.fullmatch(str(value)):
        return f"{int(match[1]) - 3}{match[2]}"
    if match := _ORCID.search(str(value)):
        return str(value).replace(match[0], next(each for each in _OTHER_ORCID if each != match[0]))
    return f"{value} q" if " " in str(value) else f"{value}7"


def _of_csv(text: str) -> Iterator[Place]:
    header, row = csv.reader(StringIO(text))
    for place, cell in enumerate(row):
        if cell:
            yield Place(cell, partial(_with_column, header, row, place))


def _with_column(header: list[str], row: list[str], place: int, other: Raw) -> bytes:
    written = StringIO()
    csv.writer(written).writerows([header, [*row[:place], str(other or ""), *row[place + 1 :]]])
    return written.getvalue().encode()


def _of_xml(root: etree._Element) -> Iterator[Place]:
    for element in root.iter():
        if said := (element.text or "").strip():
            yield Place(said, partial(_with_text, root, element))
        for name, value in element.attrib.items():
            yield Place(str(value), partial(_with_attribute, root, element, str(name)))


def _with_text(root: etree._Element, element: etree._Element, other: Raw) -> bytes:
    kept, element.text = element.text, other
    try:
        return etree.tostring(root)
    finally:
        element.text = kept


def _with_attribute(root: etree._Element, element: etree._Element, name: str, other: Raw) -> bytes:
    kept = dict(element.attrib)
    if other is None:
        del element.attrib[name]
    else:
        element.set(name, other)
    try:
        return etree.tostring(root)
    finally:
        element.attrib.clear()
        element.attrib.update(kept)
