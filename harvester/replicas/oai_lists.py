"""What a provider lists: windows, sets, deletions, and the tokens under which lists are read on."""

from __future__ import annotations

import itertools
import time
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Literal, overload

from harvester.protocols.oai_records import Granularity, moment_of
from harvester.replicas.holdings import Holding, Holdings, Listed
from harvester.replicas.server import Replica

Format = Callable[[Holding], bytes | None]
Deleted = Literal["no", "transient", "persistent"]


class Refusal(Exception):  # it becomes an OAI-PMH error
    """The provider refuses a question."""

    def __init__(self, code: str, text: str = "") -> None:
        super().__init__(code)
        self.code, self.text = code, text


@dataclass(frozen=True, slots=True)
class Rules:
    """How a provider behaves; `oai_routes` says what each means."""

    formats: Mapping[str, Format]
    identifier: Callable[[Holding], str]
    sets: Callable[[Holding], list[str]]
    page_size: int
    token_seconds: int
    deleted: Deleted
    granularity: Granularity
    unknown_prefix: str
    rescroll: bool


@dataclass(frozen=True, slots=True)
class Entry:
    """A record in a list."""

    holding: Holding
    at: datetime
    gone: bool = False


@dataclass(frozen=True, slots=True)
class Span(Sequence[Entry]):
    """Some places of the holdings, looked at when asked for."""

    held: Holdings
    places: range

    def __len__(self) -> int:
        return len(self.places)

    @overload
    def __getitem__(self, index: int) -> Entry: ...

    @overload
    def __getitem__(self, index: slice) -> list[Entry]: ...

    def __getitem__(self, index: int | slice) -> Entry | list[Entry]:
        if isinstance(index, slice):
            return [self._entry(place) for place in self.places[index]]
        return self._entry(self.places[index])

    def _entry(self, place: int) -> Entry:
        holding = self.held[place]
        return Entry(holding, holding.changed)


@dataclass(slots=True)
class Opened:
    """A list somebody is reading."""

    name: str
    verb: str
    prefix: str
    entries: Sequence[Entry]
    expires: float
    next: int = 0


@dataclass(slots=True)
class Lists:
    """The lists of one provider."""

    replica: Replica
    rules: Rules
    _numbers: Iterator[int] = field(default_factory=itertools.count)

    def open(self, verb: str, asked: Mapping[str, str]) -> Opened:
        """Begin a list."""
        prefix = self.prefix(asked)
        since, until = self._bound(asked, "from"), self._bound(asked, "until")
        if since and until and since > until:
            raise Refusal("badArgument", 'The "from" date must not be after the "until" date.')
        entries = self._select(prefix, asked.get("set"), since, until)
        if not len(entries):
            raise Refusal("noRecordsMatch")
        lists = self._opened()
        for stale in [name for name, each in lists.items() if each.expires < time.time()]:
            del lists[stale]
        name = f"{next(self._numbers)}"
        lists[name] = Opened(name, verb, prefix, entries, time.time() + self.rules.token_seconds)
        return lists[name]

    def resume(self, verb: str, token: str) -> tuple[Opened, int]:
        """Find the list of a token, and the page it asks for."""
        name, _, page = token.partition("-")
        opened = self._opened().get(name)
        if opened is None or not page.isdigit() or opened.verb != verb or opened.expires < time.time():
            raise Refusal(
                "badResumptionToken", "The value of the resumptionToken argument is invalid or expired."
            )
        opened.expires = time.time() + self.rules.token_seconds
        return opened, int(page)

    def prefix(self, asked: Mapping[str, str]) -> str:
        """Answer the metadataPrefix, which must be there and known."""
        prefix = asked.get("metadataPrefix")
        if prefix is None:
            raise Refusal("badArgument", "Missing data for required field.")
        if prefix not in self.rules.formats:
            raise Refusal(self.rules.unknown_prefix, "metadataPrefix does not exist")
        return prefix

    def find(self, identifier: str) -> Entry:
        """Find one record by its OAI identifier."""
        held = self.replica.holdings
        for id_ in (identifier.rpartition(":")[2], identifier.rpartition("/")[2], identifier):
            holding = held.get(id_)
            if holding is not None and self.rules.identifier(holding) == identifier:
                return Entry(holding, holding.changed)
        if isinstance(held, Listed) and self.rules.deleted != "no":
            for entry in self._buried(held, None, None):
                if self.rules.identifier(entry.holding) == identifier:
                    return entry
        raise Refusal("idDoesNotExist", "No matching identifier")

    def payload(self, prefix: str, entry: Entry) -> bytes | None:
        """Render a record once; listed ones are asked for again and again."""
        if entry.gone:
            return None
        write, holding = self.rules.formats[prefix], entry.holding
        if not isinstance(self.replica.holdings, Listed):
            return write(holding)
        kept: dict[str, tuple[Holding, bytes | None]]
        kept = self.replica.memory.setdefault(f"oai-{prefix}", {})
        known = kept.get(holding.id)
        if known is None or known[0] is not holding:
            known = kept[holding.id] = (holding, write(holding))
        return known[1]

    def _opened(self) -> dict[str, Opened]:
        opened: dict[str, Opened] = self.replica.memory.setdefault("oai-lists", {})
        return opened

    def _bound(self, asked: Mapping[str, str], name: str) -> datetime | None:
        """Read a bound; the last one is stretched to the end of its second or day."""
        said = asked.get(name)
        if said is None:
            return None
        moment, by_day = moment_of(said), len(said) == 10
        if moment is None or (self.rules.granularity == "days" and not by_day):
            raise Refusal("badArgument", "Not a valid datetime.")
        unit = timedelta(days=1) if by_day else timedelta(seconds=1)
        return moment if name == "from" else moment + unit - timedelta(microseconds=1)

    def _select(
        self, prefix: str, set_: str | None, since: datetime | None, until: datetime | None
    ) -> Sequence[Entry]:
        held = self.replica.holdings
        span = Span(held, range(*between(held, since, until)))
        if not isinstance(held, Listed):
            return span if set_ is None else [each for each in span if set_ in self.rules.sets(each.holding)]
        found = [each for each in span if self.payload(prefix, each) is not None]
        if self.rules.deleted != "no":
            found += self._buried(held, since, until)
        chosen = [each for each in found if set_ is None or set_ in self.rules.sets(each.holding)]
        return sorted(chosen, key=lambda each: (each.at, each.holding.id))

    def _buried(self, held: Listed, since: datetime | None, until: datetime | None) -> Iterator[Entry]:
        for id_, at in held.withdrawn.items():
            if id_ in held.held and (not since or at >= since) and (not until or at <= until):
                yield Entry(held.held[id_], at, gone=True)


def between(held: Holdings, since: datetime | None, until: datetime | None) -> tuple[int, int]:
    """Answer the places of the documents that changed in a span, both ends included."""
    places = range(len(held))
    low = bisect_left(places, since, key=lambda place: held[place].changed) if since else 0
    high = bisect_right(places, until, key=lambda place: held[place].changed) if until else len(held)
    return low, high
