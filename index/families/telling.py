"""What is told of a record's family: its members, the newest version, and each piece of evidence in words."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import sqlalchemy as sa

from index import tables as t
from index.check import version_of
from index.families import layer
from index.families.claims import ACCESSION, CONCEPT, IS, PAPER
from index.families.decisions import Decision, decisions
from index.families.grouping import JOINED, Bond, Kind, Member, SetAside, group
from index.sql import in_chunks
from index.store import Kept, Store

SAYS = {
    "IsVersionOf": "is a version of",
    "HasVersion": "has the version",
    "IsNewVersionOf": "is a newer version of",
    "IsPreviousVersionOf": "is an older version of",
    "IsIdenticalTo": "is identical to",
    "IsVariantFormOf": "is another form of",
    "IsOriginalFormOf": "is the original form of",
    ACCESSION: "refers, from one archive of images to another, to",
}
"""What a record says of what it points at."""


@dataclass(frozen=True, slots=True)
class Relative:
    """A member of a family."""

    kept: Kept
    version_group: int
    """Number shared by the versions of one thing within its source."""
    is_newest: bool
    """The newest of its version group that was not withdrawn."""


@dataclass(frozen=True, slots=True)
class Evidence:
    """What holds members together, or does not."""

    kind: Kind | None
    """None of what was set aside."""
    rule: str
    value: str
    members: tuple[str, ...]
    words: str


@dataclass(frozen=True, slots=True)
class Family:
    """A record with its versions and copies."""

    number: int
    members: tuple[Relative, ...]
    """By version group, then the newest first."""
    evidence: tuple[Evidence, ...]
    aside: tuple[Evidence, ...]
    """What touches members and joins nothing, with the reason."""
    decisions: tuple[Decision, ...]
    """By hand, on any member; undone ones too."""


@dataclass(frozen=True, slots=True)
class Group:
    """One line of the list of families."""

    number: int
    ids: tuple[str, ...]
    sources: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Census:
    """How many belong together, and some of them."""

    counts: Mapping[str, int]
    """families, records in families, version groups, records in version groups."""
    listed: tuple[Group, ...]
    next: int | None
    """List what follows this number to go on."""


def family_of(store: Store, rid: int) -> Family:
    """Tell the family of a record; the evidence is read off the claims as they are now."""
    told = decisions(store)
    with store.reading() as connection:
        members = layer.together(connection, rid)
        found = group(members, layer.hands(connection))
        kin = layer.numbered(members, found)
        own = {member.id for member in members if kin[member.rid].family == kin[rid].family}
        rids = [member.rid for member in members if member.id in own]
        rows = list(in_chunks(connection, sa.select(t.records), t.records.c.rid, rids))
    kept = [version_of(row, row.revision, None, store.unpack(row.payload)) for row in rows]
    by_id = {member.id: member for member in members}
    hands = {str(one.number): one for one in told}
    return Family(
        kin[rid].family,
        _relatives(kept, kin),
        tuple(_evidence(bond, by_id, hands) for bond in found.bonds if own >= {*bond.members}),
        tuple(_set_aside(one) for one in found.aside if own & {*one.members}),
        tuple(one for one in told if own & {one.one, one.other}),
    )


def census(store: Store, kind: Kind, after: int, size: int) -> Census:
    """Count the groups, and list those of a kind with more than one member by their numbers.

    Args:
        store: the store.
        kind: of groups to list.
        after: only groups numbered higher.
        size: at most so many.
    """
    number = t.kin.c[kind]
    others = t.kin.c[f"in_{kind}"] == 1
    query = sa.select(number).where(others, number > after).distinct().order_by(number).limit(size + 1)
    with store.reading() as connection:
        numbers = list(connection.execute(query).scalars())
        members = sa.select(number.label("number"), t.records.c.id, t.records.c.source).join(
            t.records, t.records.c.rid == t.kin.c.rid
        )
        rows = list(in_chunks(connection, members.where(others), number, numbers[:size]))
        counts = {}
        for name, column, flag in (
            ("families", t.kin.c.family, t.kin.c.in_family),
            ("version groups", t.kin.c.version, t.kin.c.in_version),
        ):
            total = sa.select(sa.func.count(column.distinct()), sa.func.count()).where(flag == 1)
            counts[name], counts[f"records in {name}"] = connection.execute(total).one()
    listed = tuple(
        Group(
            int(one),
            tuple(sorted(row.id for row in rows if row.number == one)),
            tuple(sorted({row.source for row in rows if row.number == one})),
        )
        for one in numbers[:size]
    )
    return Census(counts, listed, listed[-1].number if len(numbers) > size else None)


def in_words(bond: Bond, members: Mapping[str, Member], hands: Mapping[str, Decision]) -> str:
    """Say what a piece of evidence is."""
    value, ids = shown(bond.key), ", ".join(bond.members)
    if bond.rule == JOINED:
        one = hands[bond.key]
        return f"{ids}: joined by {one.who} on {one.at}: {one.why}"
    if bond.rule == CONCEPT:
        return f"{ids} share {value}, the identifier of all their versions"
    if bond.rule == IS:
        return f"{ids} bear the same identifier, {value}"
    if bond.rule == PAPER:
        return f"{ids} name the same publication, {value}, and have the same title"
    says = [
        f"{id_} says that it {SAYS[rule]} {value}"
        for id_ in bond.pointers
        for rule, key in members[id_].claims
        if key == bond.key and rule in SAYS
    ]
    bears = [f"{value} names {', '.join(bond.bearers)}"] if bond.bearers else []
    return "; ".join([*says, *bears])


def shown(key: str) -> str:
    """Write a key for people: without its scheme, and a publication's without the title's digest."""
    return key.removeprefix("paper:").partition(":")[2].partition("#")[0] if ":" in key else key


def _evidence(bond: Bond, members: Mapping[str, Member], hands: Mapping[str, Decision]) -> Evidence:
    words = in_words(bond, members, hands)
    return Evidence(bond.kind, bond.rule, shown(bond.key), bond.members, words)


def _set_aside(one: SetAside) -> Evidence:
    value = shown(one.key)
    return Evidence(None, one.rule, value, one.members, f"{value} joins nothing: {one.why}")


def _relatives(kept: Sequence[Kept], kin: Mapping[int, layer.Kin]) -> tuple[Relative, ...]:
    newest: dict[int, Kept] = {}
    for one in sorted(kept, key=_age):
        if one.state == "current":
            newest[kin[one.rid].version] = one
    size = Counter(kin[one.rid].version for one in kept)
    ordered = sorted(sorted(kept, key=_age, reverse=True), key=lambda one: kin[one.rid].version)
    ordered.sort(key=lambda one: -size[kin[one.rid].version])
    return tuple(
        Relative(one, kin[one.rid].version, newest.get(kin[one.rid].version) is one) for one in ordered
    )


def _age(kept: Kept) -> tuple[str, list[tuple[int, str]], list[tuple[int, str]]]:
    """Order versions: by the day of publication, then by their version, then by the upstream's number."""
    stored = kept.stored
    published = (stored.get("dates") or {}).get("published") or ""
    return published, _natural(stored.get("version") or ""), _natural(kept.id)


def _natural(text: str) -> list[tuple[int, str]]:
    """Split a text so that 1.10 comes after 1.9."""
    return [(int(part), "") if part.isdecimal() else (-1, part) for part in re.split(r"(\d+)", text) if part]
