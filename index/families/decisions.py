"""Decisions by hand: two records belong together, or do not. Kept by record id, with who, when and why.

They stand beside the records, so that neither a harvest nor a purge nor forming families anew touches them;
one that names a record which is not held waits for it. None is ever deleted: undoing it is noted as well.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

import sqlalchemy as sa

from index import tables as t
from index.families import layer
from index.families.grouping import Kind
from index.sql import Row, inserted_id, now
from index.store import Store

Verb: TypeAlias = Literal["join", "split"]


class Refused(Exception):  # the name says what is wrong
    """A decision that cannot be taken; the text says why."""


@dataclass(frozen=True, slots=True)
class Decision:
    """What somebody decided."""

    number: int
    verb: Verb
    kind: Kind
    one: str
    other: str
    why: str
    who: str
    at: str
    undone_at: str | None
    undone_by: str | None


def decide(  # noqa: PLR0913  # a decision is these facts
    store: Store, verb: Verb, one: str, other: str, *, why: str, who: str, kind: Kind = "family"
) -> Decision:
    """Take a decision and form the groups of both records again.

    Raises:
        Refused: a record is not held, they are one record, nobody said why, or a decision stands against it.
    """
    if one == other:
        raise Refused(f"{one} is one record; name two")
    if not why.strip():
        raise Refused("say why, for whoever reads it later")
    one, other = sorted((one, other))
    with store.transaction() as connection:
        rids = [_held(connection, id_) for id_ in (one, other)]
        if verb == "join" and kind == "version" and one.partition(":")[0] != other.partition(":")[0]:
            raise Refused("versions are of one source; join records of two sources as a family")
        _must_be_new(connection, verb, kind, one, other)
        number = inserted_id(
            connection.execute(
                t.decisions.insert().values(
                    verb=verb, kind=kind, one=one, other=other, why=why.strip(), who=who, at=now()
                )
            )
        )
        layer.form(connection, rids)
    return decision(store, number)


def undo(store: Store, number: int, who: str) -> Decision:
    """Take a decision back and form the groups of both records again.

    Raises:
        Refused: there is no such decision, or it was taken back before.
    """
    with store.transaction() as connection:
        row = connection.execute(sa.select(t.decisions).where(t.decisions.c.id == number)).one_or_none()
        if row is None:
            raise Refused(f"there is no decision {number}; `headwater families list` shows those there are")
        if row.undone_at is not None:
            raise Refused(f"decision {number} was undone on {row.undone_at} by {row.undone_by}")
        connection.execute(
            t.decisions.update().where(t.decisions.c.id == number).values(undone_at=now(), undone_by=who)
        )
        held = sa.select(t.records.c.rid).where(t.records.c.id.in_((row.one, row.other)))
        layer.form(connection, connection.execute(held).scalars().all())
    return decision(store, number)


def decision(store: Store, number: int) -> Decision:
    """Answer one decision."""
    with store.reading() as connection:
        return _decision(connection.execute(sa.select(t.decisions).where(t.decisions.c.id == number)).one())


def decisions(store: Store) -> list[Decision]:
    """List every decision, undone ones too, oldest first."""
    with store.reading() as connection:
        return [
            _decision(row) for row in connection.execute(sa.select(t.decisions).order_by(t.decisions.c.id))
        ]


def _held(connection: sa.Connection, id_: str) -> int:
    query = sa.select(t.records.c.rid).where(t.records.c.id == id_, t.records.c.state != "purged")
    rid = connection.execute(query).scalar_one_or_none()
    if rid is None:
        raise Refused(
            f"no record {id_!r} is held; give the id as the record's page shows it, such as idr:idr0002"
        )
    return int(rid)


def _must_be_new(connection: sa.Connection, verb: Verb, kind: Kind, one: str, other: str) -> None:
    for hand in layer.hands(connection):
        if (hand.one, hand.other) != (one, other):
            continue
        if hand.verb != verb:
            undo_it = f"take it back first: headwater families undo {hand.number}"
            raise Refused(f"decision {hand.number} says the contrary; {undo_it}")
        if hand.kind == kind:
            raise Refused(f"decision {hand.number} says so already")


def _decision(row: Row) -> Decision:
    return Decision(
        row.id, row.verb, row.kind, row.one, row.other, row.why, row.who, row.at, row.undone_at, row.undone_by
    )
