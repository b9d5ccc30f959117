"""What a replica holds: bundled documents, documents found in a folder, or generated ones.

A document is kept in the upstream's own shape, as bytes. Generated documents are bundled ones with their
identity, title, text and dates replaced, the same for the same seed; they are made when asked for, so a
million of them cost no memory.
"""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cached_property
from importlib.resources import files
from typing import Any, Protocol

import orjson

from harvester.fields import Raw

EPOCH = datetime(2020, 1, 1, tzinfo=UTC)
"""Generated documents change from this day on, one after the other."""


@dataclass(frozen=True, slots=True)
class Holding:
    """One document a replica holds."""

    id: str
    changed: datetime
    body: bytes

    def json(self) -> Raw:
        """Parse the body."""
        return orjson.loads(self.body)


class Holdings(Protocol):
    """Documents in the order in which they changed."""

    def __len__(self) -> int: ...

    def __getitem__(self, place: int) -> Holding: ...

    def get(self, id_: str) -> Holding | None:
        """Find a document by its id."""
        ...


@dataclass(slots=True)
class Listed:
    """Documents held in memory; tests change and withdraw them."""

    held: dict[str, Holding] = field(default_factory=dict)
    withdrawn: dict[str, datetime] = field(default_factory=dict)
    _order: list[Holding] | None = None

    @classmethod
    def of(cls, holdings: Iterable[Holding]) -> Listed:
        """List documents; of several with one id the last is held."""
        return cls({holding.id: holding for holding in holdings})

    def __len__(self) -> int:
        return len(self.in_order())

    def __getitem__(self, place: int) -> Holding:
        return self.in_order()[place]

    def in_order(self) -> list[Holding]:
        """Answer the documents not withdrawn, in the order in which they changed."""
        if self._order is None:
            alive = (holding for id_, holding in self.held.items() if id_ not in self.withdrawn)
            self._order = sorted(alive, key=lambda holding: (holding.changed, holding.id))
        return self._order

    def get(self, id_: str) -> Holding | None:
        return None if id_ in self.withdrawn else self.held.get(id_)

    def put(self, holding: Holding) -> None:
        """Add or replace a document; a withdrawn one comes back."""
        self.held[holding.id] = holding
        self.withdrawn.pop(holding.id, None)
        self._order = None

    def withdraw(self, id_: str, at: datetime | None = None) -> None:
        """Take a document back."""
        self.withdrawn[id_] = at or datetime.now(UTC)
        self._order = None


Fill = Callable[[int, "Variation"], Mapping[str, str]]
"""From the place and what varies to the values of a template's tokens."""


@dataclass(frozen=True, slots=True)
class Variation:
    """What makes one generated document differ from the next."""

    title: str
    text: str
    changed: datetime
    people: tuple[str, str]


class Generated:
    """As many documents as asked for, shaped like the bundled ones."""

    def __init__(
        self,
        templates: list[dict[str, Any]],
        count: int,
        *,
        seed: int,
        fill: Fill,
    ) -> None:
        """Prepare.

        Args:
            templates: upstream documents whose varying values are tokens such as "@ID@" and "@TITLE@".
            count: how many documents there are.
            seed: the same seed gives the same documents.
            fill: says what stands in place of each token.
        """
        self.count, self.seed, self.fill = count, seed, fill
        self.templates = [_Template.of(orjson.dumps(template)) for template in templates]
        self.words = _Words(seed)
        self.withdrawn: dict[str, datetime] = {}

    def __len__(self) -> int:
        return self.count

    def __getitem__(self, place: int) -> Holding:
        if not 0 <= place < self.count:
            raise IndexError(place)
        variation = self.words.vary(place)
        values = self.fill(place, variation)
        body = self.templates[place % len(self.templates)].render(values)
        return Holding(values["@ID@"], variation.changed, body)

    def get(self, id_: str) -> Holding | None:
        digits = re.search(r"(\d+)$", id_)
        return self[int(digits[1]) % self.count] if digits else None


@dataclass(frozen=True, slots=True)
class _Template:
    pieces: tuple[bytes, ...]
    tokens: tuple[str, ...]

    @classmethod
    def of(cls, body: bytes) -> _Template:
        parts = re.split(rb"(@[A-Z]+@)", body)
        return cls(tuple(parts[::2]), tuple(token.decode() for token in parts[1::2]))

    def render(self, values: Mapping[str, str]) -> bytes:
        # Values are plain words; JSON needs no escapes in them, which keeps this at some microseconds.
        filled = [self.pieces[0]]
        for token, piece in zip(self.tokens, self.pieces[1:], strict=True):
            filled += (values[token].encode(), piece)
        return b"".join(filled)


class _Words:
    """Sentences and names to vary with, from a fixed vocabulary of imaging."""

    def __init__(self, seed: int) -> None:
        self.seed = seed
        source = random.Random(seed)  # noqa: S311
        self.sentences = [self._sentence(source) for _ in range(4000)]

    def _sentence(self, source: random.Random) -> str:
        words = source.choices(self.vocabulary, k=source.randint(8, 24))
        return " ".join(words).capitalize() + "."

    def vary(self, place: int) -> Variation:
        source = random.Random(self.seed * 1_000_003 + place)  # noqa: S311
        text = " ".join(source.choices(self.sentences, k=source.randint(3, 9)))
        title = source.choice(self.sentences)[:-1] + f" {place}"
        people = source.choice(self.people), source.choice(self.people)
        return Variation(title, text, EPOCH + timedelta(minutes=7 * place), people)

    @cached_property
    def vocabulary(self) -> list[str]:
        return bundled_text("words.txt").split()

    @cached_property
    def people(self) -> list[str]:
        return [line for line in bundled_text("people.txt").splitlines() if line]


def bundled_text(name: str) -> str:
    """Read a file of the bundled holdings."""
    return files("harvester.replicas").joinpath("bundled", name).read_text(encoding="utf-8")


def bundled_json(name: str) -> Raw:
    """Read a JSON file of the bundled holdings."""
    return orjson.loads(files("harvester.replicas").joinpath("bundled", name).read_bytes())


def window(
    holdings: Holdings,
    since: datetime | None,
    until: datetime | None,
    *,
    newest_first: bool = False,
) -> Iterator[Holding]:
    """Walk the documents that changed in a span of time, both ends included."""
    places = range(len(holdings))
    for place in reversed(places) if newest_first else places:
        holding = holdings[place]
        if (since is None or holding.changed >= since) and (until is None or holding.changed <= until):
            yield holding
