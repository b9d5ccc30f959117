"""Records for tests of families: small, with real identifiers where a known twin is meant."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from index.families import layer
from index.families.claims import claims_of
from index.families.grouping import Grouping, Hand, Member, group
from index.record import Identifier, Publication, Record, Related
from index.store import Store
from tests.index.filling import fill

Groups = set[frozenset[str]]


def thing(
    id_: str, *, says: Mapping[str, str] | None = None, papers: Iterable[str] = (), **given: Any
) -> Record:
    """A record; `says` maps what it points at to the relation, `names` maps identifiers to their scheme."""
    names: Mapping[str, str] = given.pop("names", {})
    return Record(
        id=id_,
        source=id_.partition(":")[0],
        title=given.pop("title", f"A title of its own, {id_}"),
        identifiers=tuple(Identifier(scheme=scheme, value=value) for value, scheme in names.items()),
        related=tuple(Related(relation=relation, id=other) for other, relation in (says or {}).items()),
        publications=tuple(Publication(doi=doi) for doi in papers),
        **given,
    )


def grouped(*records: Record, hands: Iterable[Hand] = ()) -> Grouping:
    """Group records without a store."""
    members = [Member(n, record.id, record.source, claims_of(record)) for n, record in enumerate(records)]
    return group(members, list(hands))


def together(found: Mapping[str, str]) -> Groups:
    """Groups with more than one member."""
    return {
        frozenset(id_ for id_, root in found.items() if root == wanted)
        for wanted in found.values()
        if list(found.values()).count(wanted) > 1
    }


def keep(store: Store, *records: Record) -> None:
    """Bring records in, each as a page of its own source."""
    for source in dict.fromkeys(record.source for record in records):
        fill(store, [record for record in records if record.source == source], source)


def held(store: Store) -> dict[str, Groups]:
    """What the layer holds: groups of each kind with more than one member, by record ids."""
    with store.reading() as connection:
        ids = {
            row.rid: row.id
            for row in connection.exec_driver_sql("SELECT rid, id FROM records WHERE state != 'purged'")
        }
        kin = layer.kin_of(connection, ids)
    own = {rid: kin.get(rid, layer.alone(rid)) for rid in ids}
    return {
        "family": together({ids[rid]: str(one.family) for rid, one in own.items()}),
        "version": together({ids[rid]: str(one.version) for rid, one in own.items()}),
    }


def differing(store: Store) -> list[tuple[int, str]]:
    """Records whose kept groups are not those made from scratch."""
    with store.reading() as connection:
        return layer.differing(connection)[1]
