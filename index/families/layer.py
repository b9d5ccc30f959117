"""The layer in the store: claims of records, the groups they make, and forming again what a change may touch.

Who belongs together follows from the claims of all records that share keys, directly or through others; a
change of one record can touch no more. So each transaction that changes records walks from their old and
new keys to all that hang together with them, groups these afresh and writes down what differs. The store
then takes one revision more, at which no record changed: it tells the engine whose entries to make again.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

import orjson
import sqlalchemy as sa
from sqlalchemy.dialects.sqlite import insert

from index import tables as t
from index.families.claims import APART, Claim
from index.families.grouping import LARGEST_VERSIONS, Grouping, Hand, Member, group
from index.record import Json
from index.sql import insert_all, revision_of, set_revision

AT_ONCE = 5_000
"""Numbers or keys handed to SQLite in one question."""

PARTS_AT_ONCE = 1_000
"""Records to set out from together: one by one, a thousand families are five thousand questions."""

_GIVEN = sa.text("SELECT value FROM json_each(:given)")
_JOINS = t.claims.c.rule != APART  # that two things differ does not bring them together

_CLAIMS = sa.select(t.claims.c.rid, t.claims.c.rule, t.claims.c.key).where(t.claims.c.rid.in_(_GIVEN))
_KEYS = sa.select(t.claims.c.key).where(t.claims.c.rid.in_(_GIVEN), _JOINS).distinct()
_COUNTS = (
    sa.select(t.claims.c.key, sa.func.count().label("count"))
    .where(t.claims.c.key.in_(_GIVEN), _JOINS)
    .group_by(t.claims.c.key)
)
_CLAIMERS = sa.select(t.claims.c.rid).where(t.claims.c.key.in_(_GIVEN), _JOINS).distinct()
_RECORDS = sa.select(t.records.c.rid, t.records.c.id, t.records.c.source).where(
    t.records.c.rid.in_(_GIVEN), t.records.c.state != "purged"
)
_NAMED = sa.select(t.records.c.rid, t.records.c.id).where(
    t.records.c.id.in_(_GIVEN), t.records.c.state != "purged"
)
_KIN = sa.select(t.kin).where(t.kin.c.rid.in_(_GIVEN))


@dataclass(frozen=True, slots=True)
class Kin:
    """The groups of one record, each by the lowest record number in it."""

    family: int
    version: int
    in_family: bool
    """Others are in the family as well."""
    in_version: bool

    def fields(self) -> Json:
        """Answer the fields of an entry."""
        kinds = {"family": self.in_family, "version": self.in_version}
        grouped = [name for name, others in kinds.items() if others]
        return {"family": self.family, "version": self.version, "grouped": grouped}


def alone(rid: int) -> Kin:
    """Answer the groups of a record that belongs to no other."""
    return Kin(rid, rid, in_family=False, in_version=False)


# ---- writing -----------------------------------------------------------------------------------


def renew(connection: sa.Connection, claims: Mapping[int, Sequence[Claim]], revision: int) -> int:
    """Keep the claims of records that changed, and form their groups again.

    Args:
        connection: the transaction that changes the records; their rows are written.
        claims: all claims of each record, by its number.
        revision: the last one that is taken.

    Returns:
        The last revision that is taken now: one more where a grouping changed.
    """
    before = _claims(connection, claims)
    changed = [rid for rid, own in claims.items() if set(own) != set(before.get(rid, ()))]
    _forget(connection, t.claims, [rid for rid in changed if rid in before])
    rows = [(rid, *claim) for rid in changed for claim in claims[rid]]
    insert_all(connection, t.claims, ("rid", "rule", "key"), rows)
    old = {key for rid in changed for rule, key in before.get(rid, ()) if rule != APART}
    new = {key for rid in changed for rule, key in claims[rid] if rule != APART}
    counts = {row.key: row.count for row in _ask_all(connection, _COUNTS, old | new)}
    shared = {key for key, count in counts.items() if count > 1 or key in old}
    # Most records that are new share no key with anybody: they stand alone, and are not looked at further.
    touched = {rid for rid in changed if rid in before or any(key in shared for _, key in claims[rid])}
    touched |= set(_numbers_of_hands(connection).values()) & set(claims)
    if not touched:
        return revision
    near = [key for key in shared if counts[key] <= LARGEST_VERSIONS + len(changed)]
    return _form(connection, touched | _who_claims(connection, near), revision)


def let_go(connection: sa.Connection, rids: Sequence[int], revision: int) -> int:
    """Take records that were purged out of their groups; see `renew`."""
    gone, left = set(rids), set[int]()
    for chunk in _chunks(rids):
        keys = _ask(connection, _KEYS, chunk)
        left |= _who_claims(connection, [row.key for row in keys]) - gone
    _forget(connection, t.claims, rids)
    _forget(connection, t.kin, rids)
    left |= set(_numbers_of_hands(connection).values())
    return _form(connection, left, revision)


def form(connection: sa.Connection, rids: Iterable[int]) -> None:
    """Form the groups of records again, in a transaction of their own."""
    set_revision(connection, _form(connection, set(rids), revision_of(connection)))


def _form(connection: sa.Connection, seeds: Collection[int], revision: int) -> int:
    region = _walk(connection, seeds)
    before = {row.rid: _kin(row) for row in _ask_all(connection, _KIN, region)}
    if len(region) < 2 and not before:
        return revision
    members = members_of(connection, region)
    now = numbered(members, group(members, hands(connection)))
    differing = [rid for rid, kin in now.items() if before.get(rid, alone(rid)) != kin]
    if not differing:
        return revision
    _keep(connection, {rid: now[rid] for rid in differing}, revision + 1)
    return revision + 1


def _keep(connection: sa.Connection, kin: Mapping[int, Kin], revision: int) -> None:
    statement = insert(t.kin)
    names = ("family", "version", "in_family", "in_version", "revision")
    updated = {name: statement.excluded[name] for name in names}
    rows = [
        {"rid": rid, "family": own.family, "version": own.version, "in_family": int(own.in_family),
         "in_version": int(own.in_version), "revision": revision}
        for rid, own in kin.items()
    ]  # fmt: skip
    connection.execute(statement.on_conflict_do_update(index_elements=["rid"], set_=updated), rows)


def _forget(connection: sa.Connection, table: sa.Table, rids: Sequence[int]) -> None:
    for chunk in _chunks(rids):
        connection.execute(table.delete().where(table.c.rid.in_(_GIVEN)), _given(chunk))


# ---- reading -----------------------------------------------------------------------------------


def is_formed(connection: sa.Connection) -> bool:
    """Tell whether the layer was made by today's rules."""
    query = sa.select(t.meta.c.value).where(t.meta.c.key == "families")
    return bool(connection.execute(query).scalar_one_or_none() == str(t.FAMILIES_VERSION))


def kin_of(connection: sa.Connection, rids: Collection[int]) -> dict[int, Kin]:
    """Answer the groups of records; one that is not in the answer stands alone."""
    return {row.rid: _kin(row) for row in _ask_all(connection, _KIN, rids)}


def regrouped(connection: sa.Connection, after: int, until: int) -> list[int]:
    """List the records whose grouping changed in a span of revisions."""
    query = sa.select(t.kin.c.rid).where(t.kin.c.revision > after, t.kin.c.revision <= until)
    return [int(rid) for rid in connection.execute(query).scalars()]


def hands(connection: sa.Connection) -> list[Hand]:
    """List the decisions by hand that stand."""
    query = sa.select(t.decisions).where(t.decisions.c.undone_at.is_(None)).order_by(t.decisions.c.id)
    return [Hand(row.id, row.verb, row.kind, row.one, row.other) for row in connection.execute(query)]


def together(connection: sa.Connection, rid: int) -> list[Member]:
    """Answer a record with all that hang together with it by any evidence, good or not."""
    return members_of(connection, _walk(connection, [rid]))


def members_of(connection: sa.Connection, rids: Collection[int]) -> list[Member]:
    """Read records with their claims, but for keys that too many claim."""
    claims = _claims(connection, rids)
    keys = {key for own in claims.values() for _, key in own}
    crowded = {row.key for row in _ask_all(connection, _COUNTS, keys) if row.count > LARGEST_VERSIONS}
    return [
        Member(
            row.rid,
            row.id,
            row.source,
            tuple(own for own in claims.get(row.rid, ()) if own[1] not in crowded),
        )
        for row in _ask_all(connection, _RECORDS, rids)
    ]


def numbered(members: Iterable[Member], found: Grouping) -> dict[int, Kin]:
    """Name groups by the lowest record number in them."""
    rids = {member.id: member.rid for member in members}
    families, versions = _numbers(found.family, rids), _numbers(found.version, rids)
    return {
        rid: Kin(
            min(families[found.family[id_]]), min(versions[found.version[id_]]),
            in_family=len(families[found.family[id_]]) > 1, in_version=len(versions[found.version[id_]]) > 1,
        )
        for id_, rid in rids.items()
    }  # fmt: skip


def differing(connection: sa.Connection) -> tuple[int, list[tuple[int, str]]]:
    """Form every group from the claims alone, and compare with what is kept.

    Returns:
        How many families there are, and the number and id of each record that is grouped otherwise.
    """
    held = {row.rid: _kin(row) for row in connection.execute(sa.select(t.kin))}
    told = hands(connection)
    now: dict[int, Kin] = {}
    for part in _parts(connection):
        members = members_of(connection, part)
        now |= numbered(members, group(members, told))
    wrong = [rid for rid in sorted({*held, *now}) if held.get(rid, alone(rid)) != now.get(rid, alone(rid))]
    ids = {row.rid: row.id for row in _ask_all(connection, _RECORDS, wrong)}
    count = len({kin.family for kin in now.values() if kin.in_family})
    return count, [(rid, ids.get(rid, f"record number {rid}")) for rid in wrong]


def _parts(connection: sa.Connection) -> Iterator[set[int]]:
    """Yield all records that share a key or a decision with another; what hangs together comes together."""
    shared = sa.select(t.claims.c.key).where(_JOINS).group_by(t.claims.c.key).having(
        sa.func.count().between(2, LARGEST_VERSIONS)
    )  # fmt: skip
    query = sa.select(t.claims.c.rid).where(_JOINS, t.claims.c.key.in_(shared)).distinct()
    waiting = {int(rid) for rid in connection.execute(query).scalars()}
    waiting |= set(_numbers_of_hands(connection).values())
    while waiting:
        part = _walk(connection, set(islice(waiting, PARTS_AT_ONCE)))
        waiting -= part
        yield part


def _walk(connection: sa.Connection, seeds: Collection[int]) -> set[int]:
    """Collect all that hang together with some records by keys or by hand."""
    numbers = _numbers_of_hands(connection)
    partners: defaultdict[int, set[int]] = defaultdict(set)
    for hand in hands(connection) if numbers else ():
        if hand.one in numbers and hand.other in numbers:
            partners[numbers[hand.one]].add(numbers[hand.other])
            partners[numbers[hand.other]].add(numbers[hand.one])
    region, frontier = set[int](), set(seeds)
    while frontier:
        region |= frontier
        keys = {row.key for row in _ask_all(connection, _KEYS, frontier)}
        few = [row.key for row in _ask_all(connection, _COUNTS, keys) if row.count <= LARGEST_VERSIONS]
        near = _who_claims(connection, few).union(*(partners[rid] for rid in frontier if rid in partners))
        frontier = near - region
    return region


def _who_claims(connection: sa.Connection, keys: Collection[str]) -> set[int]:
    return {int(row.rid) for row in _ask_all(connection, _CLAIMERS, keys)}


def _claims(connection: sa.Connection, rids: Collection[int]) -> dict[int, list[Claim]]:
    found: defaultdict[int, list[Claim]] = defaultdict(list)
    for row in _ask_all(connection, _CLAIMS, rids):
        found[row.rid].append((row.rule, row.key))
    return dict(found)


def _numbers_of_hands(connection: sa.Connection) -> dict[str, int]:
    """Answer the numbers of the records that decisions name, by id; those that are held."""
    named = {id_ for hand in hands(connection) for id_ in (hand.one, hand.other)}
    return {row.id: row.rid for row in _ask_all(connection, _NAMED, named)}


def _numbers(groups: Mapping[str, str], rids: Mapping[str, int]) -> dict[str, list[int]]:
    found: defaultdict[str, list[int]] = defaultdict(list)
    for id_, root in groups.items():
        found[root].append(rids[id_])
    return found


def _kin(row: Any) -> Kin:  # noqa: ANN401  # a row, typed by its table
    return Kin(row.family, row.version, in_family=bool(row.in_family), in_version=bool(row.in_version))


def _ask_all(connection: sa.Connection, query: sa.Select[Any], given: Collection[Any]) -> list[Any]:
    return [row for chunk in _chunks(list(given)) for row in _ask(connection, query, chunk)]


def _ask(connection: sa.Connection, query: sa.Select[Any], given: Sequence[Any]) -> list[Any]:
    return list(connection.execute(query, _given(given)).all())


def _given(values: Sequence[Any]) -> dict[str, str]:
    return {"given": orjson.dumps(values).decode()}


def _chunks(values: Sequence[Any]) -> Iterator[Sequence[Any]]:
    for start in range(0, len(values), AT_ONCE):
        yield values[start : start + AT_ONCE]
