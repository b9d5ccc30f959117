"""What a check of the node may find: each kind of damage with its sentence, and what mends it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

EXAMPLES = 5
"""Shown of each kind; the count is of all."""


@dataclass(frozen=True, slots=True)
class Meaning:
    """What a kind of damage is, what `--mend` does about it, and what is left to a person."""

    what: str
    mending: str | None
    """None where it cannot be mended from what is here."""
    advice: str


_RESTORE = "restore the newest backup from before: headwater restore FILE --force"
_HARVEST = "ask the upstream again: headwater harvest SOURCE --full"
_CHECK = "headwater check --mend"

MEANINGS: Mapping[str, Meaning] = {
    "file": Meaning(
        "SQLite finds the store's file damaged", "SQLite's own indexes are made again", _RESTORE
    ),
    "text": Meaning(
        "documents whose stored text cannot be unpacked, or is not what came",
        "the text is forgotten, so that a full harvest keeps it anew", _HARVEST,
    ),
    "text lost": Meaning("documents whose text was lost", None, _HARVEST),
    "payload": Meaning(
        "records that cannot be unpacked, or are not what was stored",
        "read again from the stored document; let go where that cannot be read either, until the next "
        "full harvest", _RESTORE,
    ),
    "invalid": Meaning(
        "records that this version does not take for records", None,
        "read the documents again with the mapping of this version: headwater reread SOURCE",
    ),
    "misplaced": Meaning(
        "records whose content names another id, source or state than their row", None, _RESTORE
    ),
    "document": Meaning(
        "records whose document is not there, or is another record's",
        "joined with the document that names the record, where there is one", f"{_HARVEST}; then {_CHECK}",
    ),
    "names": Meaning(
        "records whose identifiers, links or claims are not what the record says",
        "written again from the record", _CHECK,
    ),
    "stray names": Meaning("identifiers, links or claims of no record", "removed", _CHECK),
    "family": Meaning(
        "records whose family is not what their claims and the decisions by hand make it",
        "all families are formed again", "headwater families rebuild",
    ),
    "revision": Meaning(
        "revisions beyond the store's own, or taken twice", "the store's revision is raised", _RESTORE
    ),
    "old version": Meaning(
        "old versions that cannot be unpacked", "removed: nothing can be read of them", _RESTORE
    ),
    "span": Meaning(
        "old versions that overlap, end before they begin, or belong to no record", None, _RESTORE
    ),
    "quarantine": Meaning(
        "documents in quarantine without a reason, or reasons without such a document",
        "stray reasons are removed, documents without one are read at the next harvest", _CHECK,
    ),
    "index": Meaning("records of which the index holds other versions", "indexed again", _CHECK),
    "index totals": Meaning(
        "sources of which a search counts other totals than the store", "the index is made again",
        "headwater reindex",
    ),
    "index unreadable": Meaning(
        "the index cannot be read", "thrown away and made again", "headwater reindex"
    ),
}  # fmt: skip
"""In the order in which they are told: what others may follow from comes first."""


@dataclass(slots=True)
class Damage:
    """How often a kind of damage was found, and where."""

    kind: str
    examples: list[str] = field(default_factory=list)
    keys: list[tuple[int, ...]] = field(default_factory=list)
    """Numbers of what is damaged; what they number depends on the kind."""

    @property
    def count(self) -> int:
        return len(self.keys)

    @property
    def meaning(self) -> Meaning:
        return MEANINGS[self.kind]


class Tally:
    """Collects what a check finds, and how much it looked at."""

    def __init__(self) -> None:
        self.found: dict[str, Damage] = {}
        self.checked: Counter[str] = Counter()
        self.behind = 0
        """Revisions that the index has still to be brought; no damage."""

    def add(self, kind: str, example: str, *key: int) -> None:
        """Note one finding."""
        damage = self.found.setdefault(kind, Damage(kind))
        damage.keys.append(key)
        if len(damage.examples) < EXAMPLES:
            damage.examples.append(example)

    def keys(self, *kinds: str) -> list[tuple[int, ...]]:
        """List the numbers found damaged in any of these ways, each once."""
        return list(
            dict.fromkeys(key for kind in kinds if kind in self.found for key in self.found[kind].keys)
        )

    @property
    def damage(self) -> list[Damage]:
        """What was found, in the order in which it is told."""
        return [self.found[kind] for kind in MEANINGS if kind in self.found]
