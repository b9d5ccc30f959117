"""/api/v1/export: a whole result as a stream, in any of the forms of `api/formats/forms.py`.

A body is the same bytes whenever and wherever it is written for the same question, revision, form and
program: so it has an ETag before it begins, a checksum that can be asked for at any time, and an end that
can be fetched alone (`after`, the id of the last record one holds).
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
import time
from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass, replace
from urllib.parse import urlencode

from aiohttp import web
from multidict import MultiDict, MultiMapping

from api.formats.forms import Form, form, writer
from api.node import NODE
from api.problem import Problem
from api.search import question
from api.slots import SLOTS
from config import VERSION
from index.certificate import canonical
from index.query import BadQuery
from index.search import Catalogue
from index.walk import Lost, Walk

log = logging.getLogger("headwater.api")

OWN = ("format", "after")
REFUSED = ("cursor", "size", "facets", "facet_size")
STALLED = 120.0
"""Seconds in which a client takes nothing before it is taken for gone: its slot is wanted by others."""
SUMS_KEPT = 256


@dataclass(frozen=True, slots=True)
class Part:
    """Some hundred records of a body."""

    body: bytes
    rows: int
    last: str | None
    """Id of the last record in it; None when it holds none."""


@dataclass(frozen=True, slots=True)
class Sum:
    """What is known of a body once it was written whole."""

    format: str
    bytes: int
    sha256: str


class Export:
    """One result in one form."""

    def __init__(self, catalogue: Catalogue, asked: MultiMapping[str], base: str) -> None:
        """Read the parameters and find the revision.

        Args:
            catalogue: what is searched.
            asked: the parameters of a search, with `format` and `after`.
            base: address of the node, which some forms name.

        Raises:
            BadQuery: something asked cannot be understood, or not be exported.
            Behind: the past that is asked for is not indexed yet.
        """
        self.form: Form = form(asked.get("format"))
        self.after = asked.get("after") or None
        self.parameters = of_search(asked)
        self.walk = Walk(catalogue, question(self.parameters))
        if self.after and not asked.get("as_of", "").isdigit():
            message = (
                "after needs as_of=REVISION, the one of the beginning, or the rest is of another state; "
            )
            raise BadQuery(message + "the header X-Headwater-Revision of the beginning tells it")
        self._base = base
        self._place = self.walk.place(self.after) if self.after else None
        self._writer = writer(self.form, base, self._about(), resumed=self.after is not None)

    @property
    def etag(self) -> str:
        """Answer what tells this body from every other."""
        asked = replace(self.walk.request, words="", filters={}, as_of=None)
        told = (canonical(self.walk.query), asked, self.walk.total, self.form.name, self._base, VERSION)
        print_ = hashlib.blake2b(repr(told).encode(), digest_size=8).hexdigest()
        return f'"r{self.walk.revision}-{print_}"'

    @property
    def file_name(self) -> str:
        return f"headwater-{self.etag.strip(chr(34))}.{self.form.extension}"

    def parts(self) -> Iterator[Part]:
        """Write the body.

        Raises:
            Lost: a record was purged meanwhile; what was written is no whole result.
        """
        yield Part(self._writer.open(), 0, None)
        for rows in self.walk.rows(self._place):
            yield Part(self._writer.write(rows), len(rows), rows[-1].id)
        yield Part(self._writer.close(), 0, None)

    def pinned(self) -> str:
        """Answer the parameters that ask for the same at any time."""
        given = [(name, value) for name, value in self.parameters.items() if name != "as_of"]
        return urlencode([*given, ("as_of", str(self.walk.revision)), ("format", self.form.name)])

    def _about(self) -> dict[str, str]:
        address = f"{self._base}/api/v1/certificate?{self.pinned()}"
        return {"certificate": address, "revision": str(self.walk.revision), "program": VERSION}


def of_search(asked: MultiMapping[str]) -> MultiDict[str]:
    """Answer the parameters that decide what is found.

    Raises:
        BadQuery: one is given that is of a page only.
    """
    for name in REFUSED:
        if name in asked:
            raise BadQuery(f"{name} is of a page; this is of the whole result, so leave it out")
    return MultiDict([(name, value) for name, value in asked.items() if name not in OWN])


class Sums:
    """Checksums of bodies, remembered by their ETag; any can be found again by writing the body anew."""

    def __init__(self) -> None:
        self._known: OrderedDict[str, Sum] = OrderedDict()

    def keep(self, etag: str, found: Sum) -> None:
        self._known[etag] = found
        while len(self._known) > SUMS_KEPT:
            self._known.popitem(last=False)

    def of(self, export: Export) -> Sum:
        """Answer the checksum of a body."""
        known = self._known.get(export.etag)
        if known is None:
            digest, length = hashlib.sha256(), 0
            for part in export.parts():
                digest.update(part.body)
                length += len(part.body)
            known = Sum(export.form.name, length, digest.hexdigest())
            self.keep(export.etag, known)
        return known


SUMS: web.AppKey[Sums] = web.AppKey("sums", Sums)


async def export(request: web.Request) -> web.StreamResponse:
    """Stream a whole result."""
    node, slots = request.app[NODE], request.app[SLOTS]
    base = node.base(request)
    with slots.taken():
        wanted = await slots.off_loop(Export, node.catalogue, request.query, base)
        headers = _headers(wanted, base)
        if request.headers.get("If-Match", wanted.etag) not in {wanted.etag, "*"}:
            message = (
                f"the result is {wanted.etag} now; start again, or ask as_of the revision you began with"
            )
            raise Problem(412, "Another result", message)
        if request.headers.get("If-None-Match") == wanted.etag:
            return web.Response(status=304, headers={"ETag": wanted.etag})
        response = web.StreamResponse(headers=headers)
        response.content_type = wanted.form.media_type
        await response.prepare(request)
        if request.method != "HEAD":
            await _send(request, response, wanted)
        return response


def _headers(wanted: Export, base: str) -> dict[str, str]:
    certificate = f"{base}/api/v1/certificate?{wanted.pinned()}"
    return {
        "ETag": wanted.etag,
        "Content-Disposition": f'attachment; filename="{wanted.file_name}"',
        "X-Headwater-Revision": str(wanted.walk.revision),
        "X-Headwater-Count": str(wanted.walk.total),
        "Link": f'<{certificate}>; rel="describedby"; type="application/json"',
    }


async def _send(request: web.Request, response: web.StreamResponse, wanted: Export) -> None:
    """Send the body; one that cannot be finished is cut off, so that nobody takes a part for the whole."""
    slots, digest, length = request.app[SLOTS], hashlib.sha256(), 0
    parts, whole = wanted.parts(), False
    try:
        began = time.perf_counter()
        while (part := await slots.off_loop(next, parts, None)) is not None:
            digest.update(part.body)
            length += len(part.body)
            async with asyncio.timeout(STALLED):
                await response.write(part.body)
            if request.app[NODE].searching:  # somebody waits for those; a file may come at half the pace
                await asyncio.sleep(time.perf_counter() - began)
            began = time.perf_counter()
        whole = True
    except (Lost, TimeoutError, ConnectionResetError) as error:
        log.warning("export %s was cut off after %d bytes: %r", wanted.etag, length, error)
    finally:
        if not whole and request.transport is not None:
            request.transport.abort()
    if whole and wanted.after is None:
        request.app[SUMS].keep(wanted.etag, Sum(wanted.form.name, length, digest.hexdigest()))
