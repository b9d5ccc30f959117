"""SSBD: bioimages and dynamics of living things, run by RIKEN; its database and its repository.

Asked:    the newest commit of github.com/openssbd/gide-ro-crate, then that commit as one archive: an
          RO-Crate per project, written by SSBD itself. The web site has no OAI-PMH and no documented API.
Changes:  the commit's date tells whether anything did; what, the documents' hashes tell.
Deleted:  never told. A crate that is gone was moved or left out: when SSBD wrote them anew on 2026-04-27,
          248 of 635 crates and 18 of 373 numbers were not among them, for such reasons as "no images"
          (README). So absence withdraws nothing.
Quirks:   one study may have two crates, one of SSBD:database (172-Yoshida-ERKTracheaDev) and one of
          SSBD:repository (ssbd-repos-000172). They share the number, and the paper in all 262 pairs
          compared, and studies move from one to the other. So the number alone is the id, "ssbd:172", both
          identifiers stand in the record, and the database's word is preferred, field by field.
          "recorded image" stands for no method; ids and names of methods disagreed in a fifth of the pairs
          of April 2026; the names of 42 projects of the database are their identifiers; no crate has a DOI.
          The old BDML API (v1 and v3, tracking data) is read from files, not harvested.
"""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from datetime import datetime
from functools import reduce

import orjson

from harvester.errors import BadRecord, Changed, Unavailable
from harvester.fields import Notes, Raw, because
from harvester.paths import Told
from harvester.protocols.rocrate import Crate, described
from harvester.source import Answer, Ask, Assumption, Card, Document, Fetch, Page, Reading, reading
from harvester.sources.ssbd import bdml, merge, shapes, study
from index.record import Record, Withdrawal

NEWEST = "https://api.github.com/repos/openssbd/gide-ro-crate/commits/main"
ARCHIVE = "https://codeload.github.com/openssbd/gide-ro-crate/tar.gz/"
STEP = 50

card = Card(
    name="ssbd",
    title="SSBD, Systems Science of Biological Dynamics",
    homepage="https://ssbd.riken.jp/",
    hosts=("api.github.com", "codeload.github.com"),
    pictures=("https://ssbd.riken.jp/ssbd-omero/",),
    scopes=("everything",),
    license_note="metadata published by SSBD for reuse, no license stated; data CC, project by project",
    incremental="the date of the newest commit; nothing is read when it is older",
    deletions="no: a missing crate was moved or left out, which says nothing of the project",
    at_least=300,
    pace=1.0,
    pace_from="our choice; GitHub allows 60 requests an hour without a key, a harvest takes two",
    schedule="weekly",
    mapping_version=1,
    absent_means_gone=False,
)

assumptions: tuple[Assumption, ...] = (
    Assumption(
        "the newest commit tells its name and date",
        NEWEST,
        paths=("sha", "commit.committer.date"),
        headers={"X-RateLimit-Limit": "60"},
    ),
    Assumption(
        "a commit is to be had as one archive",
        f"{ARCHIVE}refs/heads/main",
        expect="gzip",
    ),
    Assumption(
        "a commit there is not is not found",
        f"{ARCHIVE}0000000000000000000000000000000000000000",
        status=404,
        expect="any",
    ),
)

ignored = (
    because("the crate about itself", "CreativeWork")
    | because("e-mail addresses are not kept", "Person.email")
    | because("the home page of a laboratory", "Person.url", "Organization.url")
    | because('"mouse"; the vocabulary has the common names', "Taxon.vernacularName")
    | because("the name once more, in all 1,215 of April and May 2026", "LabProtocol.description")
    | because('"220.8 GB", the value in words', "QuantitativeValue.description")
    | because("the id in the address wins; used where there is none", "Taxon.identifier")
    | because("the scientific name wins; used where there is none", "Taxon.name")
    | because("the same once more as a term, which is taken", "LabProtocol.measurementTechnique")
    | because("what only points within the crate", "LabProtocol.@id")
    | because("ids of cell lines whose names are taken; a record has no ids of cell lines", "untyped.@id")
    | bdml.IGNORED
)


async def pages(fetch: Fetch, ask: Ask) -> AsyncIterator[Page]:
    """Download the archive; yield its studies in the order of their numbers.

    A bookmark names the commit, so that an interrupted harvest goes on in the very same archive.
    """
    state: dict[str, Raw] = orjson.loads(ask.bookmark) if ask.bookmark else {"sha": None, "after": 0}
    sha, after = state["sha"], state["after"]
    if sha is None:
        sha, committed = await _newest(fetch)
        if ask.since is not None and committed < ask.since:
            return
    answer = await fetch.get(f"{ARCHIVE}{sha}", expect="gzip", accept=(200, 404), keep=True)
    if answer.status == 404:
        if ask.bookmark is None:
            raise Changed(f"no archive of commit {sha}", url=answer.url)
        async for page in pages(fetch, replace(ask, bookmark=None)):  # its history was rewritten
            yield page
        return
    found = _studies(answer)
    left = [document for document in found if shapes.place(document) > after][-(ask.newest or len(found)) :]
    for start in range(0, len(left), STEP):
        part = tuple(left[start : start + STEP])
        bookmark = orjson.dumps({"sha": sha, "after": shapes.place(part[-1])}).decode()
        yield Page(answer.url, part, bookmark, answer.asked_at, len(found))


def documents(body: bytes) -> Iterator[Document]:
    """Split an archive, or take what a file holds: a crate, a study's crates, answers of the BDML API."""
    if not body.startswith(shapes.GZIP):
        yield from shapes.in_json(shapes.parse(body))
        return
    found = shapes.studies(shapes.members(body))
    if not found:
        raise BadRecord("an archive without crates of projects")
    yield from found


def read(document: Document) -> Reading:
    """Map the crates of one study, or one set of tracking data."""
    parsed = orjson.loads(document.body)
    if "crates" not in parsed:
        return bdml.read(parsed, card.mapping_version)
    number, crates = parsed["number"], parsed["crates"]
    if not isinstance(number, int):
        raise BadRecord(f"no number in the name of {', '.join(crates)}")
    notes = Notes()
    left: dict[str, Raw] = {}
    records: list[Record] = []
    broken: list[str] = []
    for path, raw in sorted(crates.items()):  # database before repository
        try:
            crate = Crate(shapes.readable(raw))
            records.append(study.read(number, path, crate.root(), notes, card.mapping_version))
        except BadRecord as error:
            broken.append(f"{path}: {error.what}")
            continue
        for type_, properties in crate.left().items():
            left.setdefault(type_, {}).update(properties)
    if not records:
        raise BadRecord("; ".join(broken) or "a study without crates")
    notes.found.extend(("crate: cannot be read", why) for why in broken)
    return reading(reduce(merge.merge, records), left, ignored, notes)


def told(document: Document) -> Told:
    """Lay out the crates of a study by types and properties, or one set of tracking data."""
    parsed = orjson.loads(document.body)
    if "crates" not in parsed:
        return Told("bdml", parsed)
    found: dict[str, dict[str, Raw]] = {}
    for crate in parsed["crates"].values():
        for type_, properties in described(crate).items():
            for name, values in properties.items():
                found.setdefault(type_, {}).setdefault(name, []).extend(values)
    return Told("crate", found)


async def gone(fetch: Fetch, upstream_id: str) -> Withdrawal | None:
    """Withdraw nothing: SSBD has no place that tells a withdrawn project from one without a crate."""
    return None


async def _newest(fetch: Fetch) -> tuple[str, datetime]:
    """Ask for the newest commit: its id and when it was made."""
    answer = await fetch.get(NEWEST, headers={"Accept": "application/vnd.github+json"}, keep=True)
    said = answer.json()
    try:
        sha, date = str(said["sha"]), datetime.fromisoformat(said["commit"]["committer"]["date"])
    except (KeyError, TypeError, ValueError) as error:
        raise Changed("GitHub's answer is no commit", url=answer.url) from error
    if not re.fullmatch(r"[0-9a-f]{40}", sha):
        raise Changed(f"GitHub's answer names no commit but {sha[:60]!r}", url=answer.url)
    return sha, date


def _studies(answer: Answer) -> list[Document]:
    try:
        found = shapes.studies(shapes.members(answer.body))
    except BadRecord as error:
        raise Unavailable(error.what, url=answer.url) from error
    if not found:
        raise Changed("the archive holds no crates of projects", url=answer.url)
    return found
