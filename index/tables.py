"""The store's tables, and the steps from one schema version to the next.

A revision is the store's ever-growing change number: every change of a record takes the next one. A
record's row holds its current version, valid from `revision` on; older versions stand in `versions` with
the revisions between which they were current. A document's row holds what the upstream sent, verbatim.
"""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy import BLOB, Column, Float, Index, Integer, MetaData, String, Table
from sqlalchemy.schema import CreateIndex, CreateTable

SCHEMA_VERSION = 3

metadata = MetaData()

meta = Table(
    "meta",
    metadata,
    Column("key", String, primary_key=True),
    Column("value", String, nullable=False),
)

sources = Table(
    "sources",
    metadata,
    Column("name", String, primary_key=True),
    Column("origin", String, nullable=False),  # live or replica: where its records came from
    Column("scope", String, nullable=False),
    Column("card", String),  # JSON: what the source says about itself, for those who cannot ask it
    Column("bookmark", String),  # where an interrupted harvest goes on; None when none is under way
    Column("harvest_began", String),  # the upstream's clock when the harvest under way began
    Column("harvest_run", Integer),  # the first run of the harvest under way; later runs resumed it
    Column("harvest_kind", String),  # full, changes or sample; another kind starts afresh
    Column("since", String),  # a harvest of changes asks for what changed after this moment
    Column("complete_at", String),  # when the last complete harvest ended
    Column("fresh_at", String),  # the upstream's clock when the last finished harvest began
    Column("announced", Integer),  # how many documents the upstream said it holds
)

runs = Table(
    "runs",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("source", String, nullable=False),
    Column("origin", String, nullable=False),
    Column("scope", String, nullable=False),
    Column("kind", String, nullable=False),  # full, changes, sample, reread
    Column("state", String, nullable=False),  # running, complete, partial, refused, changed, canceled, lost
    Column("started_at", String, nullable=False),
    Column("heartbeat_at", String, nullable=False),
    Column("worker", String, nullable=False),  # host and process, to tell a dead run from a slow one
    Column("ended_at", String),
    Column("since", String),
    Column("announced", Integer),
    Column("error", String),
    *(
        Column(name, Integer, nullable=False, default=0)
        for name in (
            "requests",
            "bytes",
            "retries",
            "pages",
            "seen",
            "added",
            "changed",
            "unchanged",
            "withdrawn",
            "restored",
            "quarantined",
            "out_of_scope",
        )
    ),
    Column("waited", Float, nullable=False, default=0.0),
    Column("window_from", String),  # changes of this span were asked for, by the upstream's clock
    Column("window_until", String),
    Column("cancel_asked", Integer, nullable=False, server_default="0"),  # somebody wants it to stop
    Column("code", String),  # version of the program; None where it is not known
    Column("unchanged_answers", Integer, nullable=False, server_default="0"),  # 304: what we keep still holds
    Index("runs_by_source", "source", "id"),
)

pages = Table(
    "pages",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("run_id", Integer, nullable=False),
    Column("url", String, nullable=False),
    Column("asked_at", String, nullable=False),
    Column("documents", Integer, nullable=False),
    Column("bookmark", String, nullable=False),
)

documents = Table(
    "documents",
    metadata,
    Column("did", Integer, primary_key=True),
    Column("source", String, nullable=False),
    Column("upstream_id", String, nullable=False),
    Column("media_type", String, nullable=False),
    Column("hash", BLOB, nullable=False),  # BLAKE2b-128 of the body
    Column("raw", BLOB),  # zstd; None when out of scope
    Column("state", String, nullable=False),  # unread, read, quarantined, out_of_scope
    Column("mapping_version", Integer),  # of the mapping that read it
    Column("record_id", String),
    Column("seen_run", Integer, nullable=False),
    Column("page_id", Integer),
    Column("kept_at", String, nullable=False),
    Index("documents_by_id", "source", "upstream_id", unique=True),
    Index("documents_by_state", "source", "state"),
)

records = Table(
    "records",
    metadata,
    Column("rid", Integer, primary_key=True),
    Column("id", String, nullable=False, unique=True),
    Column("source", String, nullable=False),
    Column("did", Integer, nullable=False),
    Column("state", String, nullable=False),  # current, withdrawn, purged
    Column("revision", Integer, nullable=False, unique=True),
    Column("hash", BLOB, nullable=False),
    Column("payload", BLOB, nullable=False),
    Column("origin", String, nullable=False),
    Column("retrieved_at", String, nullable=False),
    Column("mapping_version", Integer, nullable=False),
    Index("records_by_source", "source", "state"),
    Index("records_by_document", "did"),
)

versions = Table(
    "versions",
    metadata,
    Column("rid", Integer, primary_key=True),
    Column("from_revision", Integer, primary_key=True),
    Column("to_revision", Integer, nullable=False),
    Column("payload", BLOB, nullable=False),
    Index("versions_by_end", "to_revision"),
    Index("versions_by_start", "from_revision"),
)

identifiers = Table(
    "identifiers",
    metadata,
    Column("rid", Integer, nullable=False),
    Column("scheme", String, nullable=False),
    Column("value", String, nullable=False),
    Index("identifiers_by_value", "value", "scheme"),
    Index("identifiers_by_record", "rid"),
)

links = Table(
    "links",
    metadata,
    Column("rid", Integer, nullable=False),
    Column("relation", String, nullable=False),
    Column("scheme", String),
    Column("value", String, nullable=False),
    Index("links_by_value", "value"),
    Index("links_by_record", "rid"),
)

quarantine = Table(
    "quarantine",
    metadata,
    Column("did", Integer, primary_key=True),
    Column("source", String, nullable=False),
    Column("upstream_id", String, nullable=False),
    Column("reason", String, nullable=False),
    Column("first_at", String, nullable=False),
    Column("last_at", String, nullable=False),
    Column("run_id", Integer, nullable=False),
    Column("mapping_version", Integer, nullable=False),
)

findings = Table(
    "findings",
    metadata,
    Column("run_id", Integer, primary_key=True),
    Column("kind", String, primary_key=True),  # unmapped: a field nobody took; value: refused or repaired
    Column("what", String, primary_key=True),
    Column("count", Integer, nullable=False),
    Column("example", String),
)

moments = Table(  # when revisions were reached, one row a transaction
    "moments",
    metadata,
    Column("revision", Integer, primary_key=True),
    Column("at", String, nullable=False),
    Index("moments_by_time", "at"),
)

proofs = Table(  # how complete a source was found to be; the newest counts
    "proofs",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("source", String, nullable=False),
    Column("run_id", Integer),
    Column("at", String, nullable=False),
    Column("state", String, nullable=False),  # complete, listed, short, over, unknown
    Column("ours", Integer, nullable=False),  # documents held: records, out of scope and quarantined
    Column("announced", Integer),  # by the upstream itself
    Column("independent", Integer),  # by somebody else who counts it
    Column("independent_by", String),
    Column("missing", Integer),  # ids the upstream lists and we do not hold
    Column("extra", Integer),  # ids we hold and the upstream does not list
    Column("examples", String, nullable=False, server_default="{}"),  # JSON: some missing and extra ids
    Column("note", String),
    Index("proofs_by_source", "source", "id"),
)

losses = Table(  # every path of a source's documents: how often seen, and what becomes of it
    "losses",
    metadata,
    Column("source", String, primary_key=True),
    Column("path", String, primary_key=True),
    Column("seen", Integer, nullable=False),
    Column("first_run", Integer, nullable=False),
    Column("last_run", Integer, nullable=False),
    Column("example", String),
)

told = Table(  # what alerts were told last, so that nothing is told twice
    "told",
    metadata,
    Column("about", String, primary_key=True),
    Column("state", String, nullable=False),
    Column("at", String, nullable=False),
)

dictionaries = Table(
    "dictionaries",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("purpose", String, nullable=False),
    Column("content", BLOB, nullable=False),
)

subscriptions = Table(  # searches somebody wants to be told of
    "subscriptions",
    metadata,
    Column("id", String, primary_key=True),
    Column("query", String, nullable=False),  # parameters of a search, as in its address
    Column("url", String, nullable=False),
    Column("host", String, nullable=False),
    Column("secret", String, nullable=False),  # signs every message
    Column("token", String, nullable=False, unique=True),  # whoever knows it may end the subscription
    Column("challenge", String, nullable=False, unique=True),  # told to the address only: it confirms
    Column("state", String, nullable=False),  # waiting, active, ended, refused, lost
    Column("created_at", String, nullable=False),
    Column("told", Integer, nullable=False),  # matches up to this revision were told
    Column("until", Integer),  # the message under way tells up to this one, so that it can be sent again
    Column("failures", Integer, nullable=False, default=0),  # in a row
    Column("failing_since", String),
    Column("next_at", String),  # not before this
    Column("error", String),
    Index("subscriptions_by_state", "state"),
    Index("subscriptions_by_host", "host", "created_at"),
)

claims = Table(  # what records say that may make a family; see index/families/claims.py
    "claims",
    metadata,
    Column("rid", Integer, nullable=False),
    Column("rule", String, nullable=False),
    Column("key", String, nullable=False),
    Index("claims_by_key", "key"),
    Index("claims_by_record", "rid"),
)

kin = Table(  # the groups of records that ever were in one with another; all others stand alone
    "kin",
    metadata,
    Column("rid", Integer, primary_key=True),
    Column("family", Integer, nullable=False),  # the lowest number in the group
    Column("version", Integer, nullable=False),
    Column("in_family", Integer, nullable=False),  # 1: with others; the lowest number alone does not tell
    Column("in_version", Integer, nullable=False),
    Column("revision", Integer, nullable=False),  # at which the record's grouping changed last
    Index("kin_by_family", "family"),
    Index("kin_by_revision", "revision"),
)

decisions = Table(  # what belongs together by hand; by record id, so that it outlives the records' rows
    "decisions",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("verb", String, nullable=False),  # join, split
    Column("kind", String, nullable=False),  # version, family
    Column("one", String, nullable=False),
    Column("other", String, nullable=False),
    Column("why", String, nullable=False),
    Column("who", String, nullable=False),
    Column("at", String, nullable=False),
    Column("undone_at", String),
    Column("undone_by", String),
)

pauses = Table(  # sources that nobody harvests by schedule for now
    "pauses",
    metadata,
    Column("source", String, primary_key=True),
    Column("why", String, nullable=False),
    Column("who", String, nullable=False),
    Column("at", String, nullable=False),
)

actions = Table(  # what operators did, in the order they did it; rows are never changed
    "actions",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("at", String, nullable=False),
    Column("who", String, nullable=False),
    Column("where_from", String, nullable=False),  # address of the client, or the command line
    Column("action", String, nullable=False),
    Column("about", String, nullable=False),  # a source, records, a number
    Column("why", String, nullable=False),
    Column("outcome", String, nullable=False),  # done, refused, begun, ended
    Column("told", String, nullable=False),
    Column("begun_by", Integer),  # of what ended: the row that began it
)

NEW_IN_2 = (moments, proofs, losses, told, claims, kin, decisions, subscriptions)
NEW_IN_3 = (pauses, actions)

FAMILIES_VERSION = 1
"""Of the rules that make claims and groups; a store whose `meta` says another is grouped anew."""

MIGRATIONS: dict[int, tuple[str, ...]] = {
    1: (
        "ALTER TABLE runs ADD COLUMN window_from VARCHAR",
        "ALTER TABLE runs ADD COLUMN window_until VARCHAR",
        "ALTER TABLE runs ADD COLUMN cancel_asked INTEGER NOT NULL DEFAULT 0",
        "ALTER TABLE runs ADD COLUMN code VARCHAR",
        "ALTER TABLE runs ADD COLUMN unchanged_answers INTEGER NOT NULL DEFAULT 0",
        *(str(CreateTable(table)) for table in NEW_IN_2),
        *(str(CreateIndex(index)) for table in NEW_IN_2 for index in table.indexes),
        # What is held now was held when it was last read; when older revisions were reached nobody noted.
        """INSERT INTO moments (revision, at) SELECT max(revision), max(retrieved_at) FROM records
        HAVING max(revision) IS NOT NULL""",
    ),
    2: (*(str(CreateTable(table)) for table in NEW_IN_3),),
}
"""SQL from version n to n + 1, by n. Forward only: an older program refuses a newer store."""


class StoreTooNew(Exception):  # the name says what is wrong
    """The store was written by a newer Headwater."""


def prepare(engine: sa.Engine) -> None:
    """Create the tables of a new store, or bring an old one forward.

    Raises:
        StoreTooNew: the store's schema version is higher than this program's.
    """
    with engine.connect() as connection:
        if _version(connection) == SCHEMA_VERSION:
            return
        # Two processes may open a new store at once; without the lock one reads half of the other's work.
        connection.exec_driver_sql("BEGIN IMMEDIATE")
        if _version(connection) is None:
            metadata.create_all(connection)
            connection.execute(meta.insert().values(key="schema_version", value=str(SCHEMA_VERSION)))
            connection.execute(meta.insert().values(key="revision", value="0"))
            connection.execute(meta.insert().values(key="families", value=str(FAMILIES_VERSION)))
        _bring_forward(connection)
        connection.commit()


def _version(connection: sa.Connection) -> int | None:
    if not sa.inspect(connection).has_table("meta"):
        return None
    query = sa.select(meta.c.value).where(meta.c.key == "schema_version")
    return int(connection.execute(query).scalar_one())


def _bring_forward(connection: sa.Connection) -> None:
    version = _version(connection) or 0
    if version > SCHEMA_VERSION:
        raise StoreTooNew(
            f"the store has schema version {version}, this Headwater knows {SCHEMA_VERSION}; upgrade it"
        )
    for step in range(version, SCHEMA_VERSION):
        for statement in MIGRATIONS[step]:
            connection.execute(sa.text(statement))
    at = meta.c.key == "schema_version"
    connection.execute(meta.update().where(at).values(value=str(SCHEMA_VERSION)))
