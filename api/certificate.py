"""Certificates of searches: /api/v1/certificate makes one, /api/v1/rerun holds one against today."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Annotated, Any
from urllib.parse import urlencode

import orjson
import pydantic
from aiohttp import web
from multidict import MultiDict, MultiMapping
from pydantic import BaseModel, Field

from api.export import SUMS, Export, of_search
from api.node import NODE
from api.parameters import known, number
from api.search import question
from api.slots import SLOTS
from config import VERSION
from index import certificate as certificates
from index.certificate import Certificate, Freshness, Rerun, Result
from index.query import BadQuery
from index.search import Catalogue, Request

FORMAT = 1
"""Version of the certificate's shape; raised when a reader must know."""

LARGEST_LIST = 100_000
NOT_ASKED = ("as_of", "cursor", "size", "facets", "facet_size", "format", "after")
"""Parameters that do not decide what is found, or that the certificate says in another way."""

Parameters = Annotated[dict[str, list[str]], Field(max_length=200)]


_POSTED = pydantic.TypeAdapter(dict[str, str | list[str]])


class CertifiedResult(BaseModel):
    """The result a certificate tells of."""

    revision: Annotated[int, Field(ge=0)]
    at: str | None
    count: Annotated[int, Field(ge=0)]
    sha256: Annotated[str, Field(pattern="^[0-9a-f]{64}$")]
    sha256_ids: Annotated[str, Field(pattern="^[0-9a-f]{64}$")]


class Certified(BaseModel):
    """As much of a certificate as is needed to search again; whatever else it says is for people."""

    certificate: int
    parameters: Parameters
    result: CertifiedResult
    program: str


async def certificate(request: web.Request) -> web.Response:
    """Certify a search; POST takes the parameters as JSON, for those too long for an address."""
    node = request.app[NODE]
    asked, base, slots = await parameters(request), node.base(request), request.app[SLOTS]
    with slots.taken():
        body = await slots.off_loop(make, node.catalogue, asked, base)
        if asked.get("format"):
            # Pinned to the revision just certified: the index may have moved on.
            pinned = MultiDict([*of_search(asked).items(), ("format", asked["format"])])
            pinned["as_of"] = str(body["result"]["revision"])
            wanted = await slots.off_loop(Export, node.catalogue, pinned, base)
            body["export"] = asdict(await slots.off_loop(request.app[SUMS].of, wanted))
    return web.Response(body=orjson.dumps(body), content_type="application/json")


async def rerun(request: web.Request) -> web.Response:
    """Do a certified search again; the body is the certificate."""
    known(request.query, ("size",))
    size = number(request.query, "size", default=1_000, high=LARGEST_LIST)
    certified = read(await request.read())
    body = await request.app[SLOTS].run(repeat, request.app[NODE].catalogue, certified, size)
    return web.Response(body=orjson.dumps(body), content_type="application/json")


async def parameters(request: web.Request) -> MultiMapping[str]:
    """Answer the parameters of a request: of the address, or with POST of a JSON object.

    Raises:
        BadQuery: the body is no object of texts and lists of texts.
    """
    if request.method != "POST":
        return request.query
    if request.query:
        raise BadQuery("with POST all parameters stand in the body; leave the address without any")
    try:
        body = _POSTED.validate_json(await request.read())
    except pydantic.ValidationError as error:
        message = 'the body must be a JSON object such as {"q": "mitosis", "source": ["idr", "empiar"]}'
        raise BadQuery(message) from error
    return _pairs({name: [each] if isinstance(each, str) else each for name, each in body.items()})


def make(catalogue: Catalogue, asked: MultiMapping[str], base: str) -> dict[str, Any]:
    """Certify a search.

    Raises:
        BadQuery: something asked cannot be understood.
    """
    found = certificates.certify(catalogue, question(of_search(asked)))
    told: dict[str, list[str]] = {}
    for name, value in asked.items():
        if value.strip() and name not in NOT_ASKED:
            told.setdefault(name, []).append(value)
    pinned = [(name, value) for name, values in told.items() for value in values]
    address = f"{base}/api/v1/search?{urlencode([*pinned, ('as_of', str(found.result.revision))])}"
    body = {
        "certificate": FORMAT,
        "parameters": told,
        "understood": found.canonical,
        "as_of": asked.get("as_of"),
        "sort": found.sort,
        "result": asdict(found.result),
        "sources": {name: asdict(each) for name, each in found.sources.items()},
        "made_at": found.made_at,
        "program": VERSION,
        "node": base,
        "address": address,
    }
    return {**body, "text": in_words(found, told, base, address)}


def in_words(found: Certificate, told: Mapping[str, list[str]], base: str, address: str) -> str:
    """Say the same as a paragraph for the methods section of a paper."""
    result = found.result
    asked = "; ".join(f"{name} = {' or '.join(values)}" for name, values in told.items())
    states = ", ".join(_source_in_words(name, each) for name, each in found.sources.items())
    return (
        f"We searched the research data index Headwater (version {VERSION}, {base}) on {found.made_at[:10]} "
        f"for {asked or 'everything'}. The answer is of its revision {result.revision}"
        f"{f', reached on {result.at}' if result.at else ''}, and of these sources: {states or 'none'}. "
        f"It has {result.count:,} {'record' if result.count == 1 else 'records'}; the SHA-256 digest of "
        f"their sorted ids and revisions is {result.sha256}. The search can be done again at {address}."
    )


def _source_in_words(name: str, each: Freshness) -> str:
    harvested = (
        f"harvested completely by {each.complete_at}" if each.complete_at else "not harvested completely"
    )
    replica = ", from a replica" if each.origin == "replica" else ""
    return f"{name} ({harvested}{replica}; {each.count:,} found)"


def read(body: bytes) -> Certified:
    """Read a certificate.

    Raises:
        BadQuery: it is none, or of a newer program.
    """
    try:
        found = Certified.model_validate_json(body)
    except pydantic.ValidationError as error:
        where = ", ".join(".".join(map(str, each["loc"])) or each["msg"] for each in error.errors()[:3])
        message = (
            f"this is no certificate of ours ({where}); give the JSON as /api/v1/certificate answered it"
        )
        raise BadQuery(message) from error
    if found.certificate > FORMAT:
        raise BadQuery(f"the certificate has form {found.certificate}, this node knows {FORMAT}; upgrade it")
    return found


def repeat(catalogue: Catalogue, certified: Certified, size: int) -> dict[str, Any]:
    """Search again what a certificate says, and compare.

    Raises:
        BadQuery: the question of the certificate is none this program understands.
    """
    expected = Result(**certified.result.model_dump())
    asked = _pairs({n: v for n, v in certified.parameters.items() if n not in NOT_ASKED})
    today = question(asked)
    then = _then(catalogue, asked, expected.revision)
    found = certificates.rerun(catalogue, then, today, expected, size)
    outcome, text = _judged(found, expected, certified.program)
    return {
        "outcome": outcome,
        "text": text,
        "expected": asdict(expected),
        "then": asdict(found.then) if found.then else None,
        "now": asdict(found.now),
        "same_ids": found.now.sha256_ids == expected.sha256_ids,
        "counts": found.counts,
        "changes": [
            {"id": each.id, "change": each.kind, "was": each.was, "is": each.is_, "why": each.why}
            for each in found.changes
        ],
        "more": sum(found.counts.values()) - len(found.changes),
    }


def _then(catalogue: Catalogue, asked: MultiMapping[str], revision: int) -> Request | None:
    """Ask of the certificate's revision; None where this store has not come so far."""
    if revision > catalogue.store.revision():
        return None
    return question(MultiDict([*asked.items(), ("as_of", str(revision))]))


def _judged(found: Rerun, expected: Result, program: str) -> tuple[str, str]:
    """Say in a word and in a sentence what came of it."""
    was, is_ = f"{expected.count:,} then", f"{found.now.count:,} now"
    if found.agrees:
        if not any(found.counts.values()):
            return "same", f"the same {found.now.count:,} records in the same versions are found"
        told = ", ".join(f"{count:,} {kind}" for kind, count in found.counts.items() if count)
        return "changed", f"{told} since ({was}, {is_})"
    ids = "the same ids" if found.now.sha256_ids == expected.sha256_ids else "other ids"
    if found.then is None or found.then.at != expected.at:
        return "elsewhere", (
            f"this node never was in the state certified, so it cannot tell what changed: it finds {ids} "
            f"({was}, {is_}); ask the node that made the certificate"
        )
    return "disagrees", (
        f"searched again at revision {expected.revision} this node finds {found.then.count:,} records, not "
        f"the {expected.count:,} certified: Headwater understands the search otherwise now ({program} then, "
        f"{VERSION} now), or records were purged; today it finds {ids} ({is_})"
    )


def _pairs(named: Mapping[str, list[str]]) -> MultiDict[str]:
    return MultiDict([(name, value) for name, values in named.items() for value in values])
