"""Claims to groups. Pure: neither the order of records nor their numbers decide who belongs to whom.

A *bond* is one piece of evidence that holds records together: a key, the records that bear it, and those
that point at it. Evidence that fits too many is no evidence:

- a name that several records of one source bear as their own is a collection's or a paper's: no bond;
- a name to which more than `LARGEST_STATED` records point is none; where no record bears it, nobody can
  tell what it names, so that `LARGEST_UNHELD` is the most;
- several records of one source that are variants of one thing elsewhere are its parts: no bond;
- a shared paper with an equal title joins only across sources, one thing of each, and only where neither
  says that the other is its supplement, part or source;
- a family of more than `LARGEST_FAMILY` things is a chain: its weakest evidence is dropped until it fits.

What people decided by hand comes first: a split is never overruled, a join never dropped.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import combinations
from typing import Literal, TypeAlias

from index.families.claims import ACCESSION, APART, CONCEPT, IS, PAPER, STATED, VARIANT_OF, VERSION_OF, Claim

LARGEST_VERSIONS = 1_000
"""Versions of one thing. Software on Zenodo has hundreds; no key with more claims is looked at."""

LARGEST_STATED, LARGEST_UNHELD, LARGEST_FAMILY = 20, 5, 24
"""Records pointing at one name, at a name that nobody bears, and things (version groups) in one family."""

Kind: TypeAlias = Literal["version", "family"]
JOINED = "joined"

_STRENGTH = {JOINED: 0, CONCEPT: 1, IS: 1, "stated": 2, "variant": 3, ACCESSION: 4, PAPER: 5}

_SAID = {"stated": STATED - VARIANT_OF, "variant": VARIANT_OF, ACCESSION: {ACCESSION}}


@dataclass(frozen=True, slots=True)
class Member:
    """A record as grouping sees it."""

    rid: int
    id: str
    source: str
    claims: tuple[Claim, ...]


@dataclass(frozen=True, slots=True)
class Bond:
    """A piece of evidence that holds records together."""

    kind: Kind
    rule: str
    key: str
    """For a join by hand: the number of the decision."""
    bearers: tuple[str, ...]
    """Ids of records that bear the key."""
    pointers: tuple[str, ...]
    """Ids of records that point at it."""

    @property
    def strength(self) -> int:
        return _STRENGTH[self.rule]

    @property
    def members(self) -> tuple[str, ...]:
        return tuple(sorted({*self.bearers, *self.pointers}))


@dataclass(frozen=True, slots=True)
class SetAside:
    """Evidence that joins nothing, and why."""

    rule: str
    key: str
    members: tuple[str, ...]
    why: str


@dataclass(frozen=True, slots=True)
class Hand:
    """A decision by hand that stands: these two belong together, or do not."""

    number: int
    verb: Literal["join", "split"]
    kind: Kind
    one: str
    other: str


@dataclass(slots=True)
class Grouping:
    """Who belongs to whom."""

    version: dict[str, str] = field(default_factory=dict)
    """Any record of the group, by record; the same for all of a group."""
    family: dict[str, str] = field(default_factory=dict)
    bonds: list[Bond] = field(default_factory=list)
    aside: list[SetAside] = field(default_factory=list)


def group(members: Collection[Member], hands: Sequence[Hand] = ()) -> Grouping:
    """Group records by their claims.

    Args:
        members: records, with every record that shares a key with one of them.
        hands: what was decided by hand; decisions on other records are passed over.
    """
    source = {member.id: member.source for member in members}
    told = [hand for hand in hands if hand.one in source and hand.other in source]
    splits = [(hand.one, hand.other) for hand in told if hand.verb == "split"]
    claims = _by_key(members)
    found = Grouping()
    joined = [
        Bond(hand.kind, JOINED, str(hand.number), (hand.one, hand.other), ())
        for hand in told
        if hand.verb == "join"
    ]
    versions = [bond for bond in joined if bond.kind == "version"]
    for key, rules in claims.items():
        versions += _version_bonds(key, rules, source, found.aside)
    alone = {id_: id_ for id_ in source}
    found.version, kept = _within(versions, alone, splits, LARGEST_VERSIONS, found.aside)
    families = [bond for bond in joined if bond.kind == "family"]
    for key, rules in claims.items():
        families += _family_bonds(key, rules, source, found)
    families = _not_apart(families, claims, found.aside)
    found.family, linked = _within(families, found.version, splits, LARGEST_FAMILY, found.aside)
    found.bonds = [bond for bond in (*kept, *linked) if len(bond.members) > 1]
    return found


Rules: TypeAlias = Mapping[str, list[str]]
"""Ids of the records that claim a key, by rule; sorted."""


def _by_key(members: Iterable[Member]) -> dict[str, Rules]:
    found: defaultdict[str, defaultdict[str, list[str]]] = defaultdict(lambda: defaultdict(list))
    for member in sorted(members, key=lambda member: member.id):
        for rule, key in member.claims:
            found[key][rule].append(member.id)
    return {key: dict(found[key]) for key in sorted(found)}


def _of(rules: Rules, *names: str) -> list[str]:
    return sorted({id_ for name in names for id_ in rules.get(name, ())})


def _version_bonds(
    key: str, rules: Rules, source: Mapping[str, str], aside: list[SetAside]
) -> Iterator[Bond]:
    """Yield what makes records of one source versions of one thing."""
    bearers, pointers = _of(rules, IS, CONCEPT), _of(rules, *VERSION_OF)
    concepts = {source[id_] for id_ in rules.get(CONCEPT, ())}
    for name in sorted({source[id_] for id_ in (*bearers, *pointers)}):
        own = tuple(id_ for id_ in bearers if source[id_] == name)
        says = tuple(id_ for id_ in pointers if source[id_] == name)
        if name in concepts and len(own) > 1:
            yield Bond("version", CONCEPT, key, own, ())
        if not says or len({*own, *says}) < 2:
            continue
        why = _too_many(len(says), held=bool(bearers))
        if why is None and name not in concepts and len(own) > 1:
            why = f"{len(own)} records of {name} bear it"
        if why is not None:
            aside.append(SetAside("stated", key, tuple(sorted({*own, *says})), why))
        else:
            yield Bond("version", "stated", key, own, says)


def _family_bonds(key: str, rules: Rules, source: Mapping[str, str], found: Grouping) -> Iterator[Bond]:
    """Yield what makes things of several sources, or two things said to be identical, a family."""
    if rules.get(PAPER):
        if len({source[id_] for id_ in rules[PAPER]}) > 1:
            yield from _checked(Bond("family", PAPER, key, tuple(rules[PAPER]), ()), source, found)
        return
    bearers = tuple(_of(rules, IS, CONCEPT))
    if len({source[id_] for id_ in bearers}) > 1:
        yield from _checked(Bond("family", IS, key, bearers, ()), source, found)
    said = {rule: _of(rules, *names) for rule, names in _SAID.items() if _of(rules, *names)}
    if said and not bearers:  # what several point at in different words is one thing all the same
        said = {max(said, key=lambda rule: _STRENGTH[rule]): _of(rules, *STATED, ACCESSION)}
    for rule, pointers in said.items():
        if len({found.version[id_] for id_ in (*bearers, *pointers)}) > 1:
            yield from _checked(Bond("family", rule, key, bearers, tuple(pointers)), source, found)


def _checked(bond: Bond, source: Mapping[str, str], found: Grouping) -> Iterator[Bond]:
    """Yield the bond unless it fits too many."""
    why = _several("bear it", bond.bearers, source, found)
    if why is None and bond.rule in {"variant", ACCESSION}:
        why = _several("point at it", bond.pointers, source, found)
    if why is None and bond.rule not in {IS, PAPER}:
        why = _too_many(len({found.version[id_] for id_ in bond.pointers}), held=bool(bond.bearers))
    if why is not None:
        if len({found.version[id_] for id_ in bond.members}) > 1:
            found.aside.append(SetAside(bond.rule, bond.key, bond.members, why))
        return
    yield bond


def _several(do: str, ids: Iterable[str], source: Mapping[str, str], found: Grouping) -> str | None:
    """Say which source has more than one thing among these."""
    things: defaultdict[str, set[str]] = defaultdict(set)
    for id_ in ids:
        things[source[id_]].add(found.version[id_])
    name, count = max(
        ((name, len(own)) for name, own in sorted(things.items())), default=("", 0), key=lambda p: p[1]
    )
    return f"{count} data sets of {name} {do}" if count > 1 else None


def _too_many(pointers: int, *, held: bool) -> str | None:
    most = LARGEST_STATED if held else LARGEST_UNHELD
    if pointers <= most:
        return None
    return f"{pointers} records point at it, more than {most}" + ("" if held else ", and none here bears it")


def _not_apart(bonds: Iterable[Bond], claims: Mapping[str, Rules], aside: list[SetAside]) -> list[Bond]:
    """Drop equal titles where one record says that the other is another thing."""
    apart = {
        frozenset((one, other))
        for rules in claims.values()
        for one in rules.get(APART, ())
        for other in _of(rules, IS, CONCEPT)
    }
    kept = []
    for bond in bonds:
        if bond.rule == PAPER and any(frozenset(pair) in apart for pair in combinations(bond.members, 2)):
            why = "one says that the other is its supplement, part or source"
            aside.append(SetAside(bond.rule, bond.key, bond.members, why))
        else:
            kept.append(bond)
    return kept


# ---- uniting -----------------------------------------------------------------------------------


def _within(
    bonds: Sequence[Bond], things: Mapping[str, str], splits: Sequence[tuple[str, str]], most: int,
    aside: list[SetAside],
) -> tuple[dict[str, str], list[Bond]]:  # fmt: skip
    """Unite, and drop the weakest evidence of groups with more than so many things until they fit.

    Returns:
        The group of each record, and the bonds that were used.
    """
    kept = list(bonds)
    while True:
        found = _united(kept, things, splits)
        count: defaultdict[str, set[str]] = defaultdict(set)
        for id_, root in found.items():
            count[root].add(things[id_])
        large = {root for root, own in count.items() if len(own) > most}
        weakest = _weakest(kept, found, large)
        if not weakest:
            return found, kept
        why = f"it would chain more than {most} together"
        staying = []
        for bond in kept:
            if any(weakest.get(found[id_]) == bond.strength for id_ in bond.members):
                aside.append(SetAside(bond.rule, bond.key, bond.members, why))
            else:
                staying.append(bond)
        kept = staying


def _weakest(bonds: Iterable[Bond], found: Mapping[str, str], large: Collection[str]) -> dict[str, int]:
    """Answer the weakest strength in each group that is too large; what was joined by hand is not weighed."""
    weakest: dict[str, int] = {}
    for bond in bonds if large else ():
        for root in {found[id_] for id_ in bond.members} & set(large):
            if bond.strength > 0:
                weakest[root] = max(bond.strength, weakest.get(root, 0))
    return weakest


def _united(
    bonds: Iterable[Bond], things: Mapping[str, str], splits: Sequence[tuple[str, str]]
) -> dict[str, str]:
    """Unite what bonds hold together, the strongest first; what was split by hand stays apart.

    Of a record held to both sides of a split, the stronger evidence decides, then the order of the ids.
    """
    parent = dict(things)

    def root(id_: str) -> str:
        while parent[id_] != id_:
            parent[id_] = parent[parent[id_]]
            id_ = parent[id_]
        return id_

    for bond in sorted(bonds, key=lambda bond: (bond.strength, bond.rule, bond.key)):
        for one, other in _pairs(bond, splits):
            left, right = sorted((root(one), root(other)))
            if left != right and not _split(left, right, splits, root):
                parent[right] = left
    return {id_: root(id_) for id_ in parent}


def _pairs(bond: Bond, splits: Sequence[tuple[str, str]]) -> Iterator[tuple[str, str]]:
    """Yield pairs that unite all of a bond; every pair where a split may come between."""
    ids = bond.members
    yield from combinations(ids, 2) if splits else ((ids[0], other) for other in ids[1:])


def _split(left: str, right: str, splits: Sequence[tuple[str, str]], root: Callable[[str], str]) -> bool:
    return any({root(one), root(other)} == {left, right} for one, other in splits)
