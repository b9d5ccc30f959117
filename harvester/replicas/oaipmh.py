"""An OAI-PMH 2.0 provider for replicas: all verbs, windows, resumption tokens, errors, deletions, faults.

A list is a snapshot kept under its token, so records that change meanwhile do not shift it. With
`rescroll`, a token asked for twice gives the next batch, as Zenodo's does: its token only names a scroll
of the search engine, which moves on with every request (invenio-oaiserver's query.py, read August 2026).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from xml.sax.saxutils import escape, quoteattr

from aiohttp import web

from harvester.protocols.oai_records import Granularity, stamp
from harvester.replicas.holdings import Holding
from harvester.replicas.oai_lists import Deleted, Entry, Format, Lists, Opened, Refusal, Rules
from harvester.replicas.server import Replica

_HEAD = (
    '<?xml version="1.0" encoding="UTF-8"?>\n<OAI-PMH xmlns="http://www.openarchives.org/OAI/2.0/"'
    ' xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xsi:schemaLocation="http://www.openarchives.org'
    '/OAI/2.0/ http://www.openarchives.org/OAI/2.0/OAI-PMH.xsd"><responseDate>%s</responseDate>'
    "<request%s>%s</request>"
)
_NAMESPACES = {
    "oai_dc": "http://www.openarchives.org/OAI/2.0/oai_dc/",
    "oai_datacite": "http://schema.datacite.org/oai/oai-1.1/",
    "datacite": "http://datacite.org/schema/kernel-4",
}
_LIST = {"from", "until", "set", "metadataPrefix", "resumptionToken"}
_ARGUMENTS = {
    "Identify": set[str](),
    "ListMetadataFormats": {"identifier"},
    "ListSets": {"resumptionToken"},
    "GetRecord": {"identifier", "metadataPrefix"},
    "ListRecords": _LIST,
    "ListIdentifiers": _LIST,
}


@dataclass(slots=True)
class Provider:
    """One provider: it reads the question, and writes what its lists hold."""

    replica: Replica
    rules: Rules
    address: str
    error_status: int
    headers: Mapping[str, str]
    lists: Lists

    async def answer(self, request: web.Request) -> web.StreamResponse:
        """Answer one request; act out a fault of the protocol that waits."""
        asked = dict(request.query)
        fault = self.replica.struck(request.path_qs, ("repeat-token", "expire-token", "lose-answer"))
        kind = fault.kind if fault else ""
        try:
            verb = _understood(asked)
            if kind == "expire-token" and "resumptionToken" in asked:
                raise Refusal("badResumptionToken", "The resumption token has expired.")
            body = self._verb(verb, asked, repeats=kind == "repeat-token")
            echo = "".join(f" {name}={quoteattr(value)}" for name, value in request.query.items())
            response = self._response(echo, f"<{verb}>".encode() + body + f"</{verb}>".encode(), 200)
        except Refusal as refusal:
            error = f'<error code="{refusal.code}">{escape(refusal.text)}</error>'
            response = self._response("", error.encode(), self.error_status)
        if kind == "lose-answer" and request.transport is not None:
            request.transport.abort()
        return response

    def _response(self, echo: str, body: bytes, status: int) -> web.Response:
        head = _HEAD % (stamp(datetime.now(UTC)), echo, self.address)
        return web.Response(
            status=status,
            body=head.encode() + body + b"</OAI-PMH>",
            content_type="text/xml",
            charset="utf-8",
            headers=self.headers,
        )

    def _verb(self, verb: str, asked: Mapping[str, str], *, repeats: bool) -> bytes:
        match verb:
            case "Identify":
                return self._identify().encode()
            case "ListMetadataFormats":
                if "identifier" in asked:
                    self.lists.find(asked["identifier"])
                return "".join(map(_format, self.rules.formats)).encode()
            case "ListSets":
                return self._list_sets(asked)
            case "GetRecord":
                return self._get_record(asked)
            case _:
                return self._list(verb, asked, repeats=repeats)

    def _identify(self) -> str:
        held, granularity = self.replica.holdings, self.rules.granularity
        earliest = held[0].changed if len(held) else datetime(2020, 1, 1, tzinfo=UTC)
        shape = "YYYY-MM-DD" if granularity == "days" else "YYYY-MM-DDThh:mm:ssZ"
        return (
            f"<repositoryName>{self.replica.protocol.NAME}</repositoryName><baseURL>{self.address}</baseURL>"
            "<protocolVersion>2.0</protocolVersion><adminEmail>admin@example.org</adminEmail>"
            f"<earliestDatestamp>{stamp(earliest, granularity)}</earliestDatestamp>"
            f"<deletedRecord>{self.rules.deleted}</deletedRecord><granularity>{shape}</granularity>"
        )

    def _list_sets(self, asked: Mapping[str, str]) -> bytes:
        if "resumptionToken" in asked:
            raise Refusal("badResumptionToken")
        held = self.replica.holdings
        names = {name for place in range(min(len(held), 500)) for name in self.rules.sets(held[place])}
        said = map(escape, sorted(names))
        return "".join(f"<set><setSpec>{n}</setSpec><setName>{n}</setName></set>" for n in said).encode()

    def _get_record(self, asked: Mapping[str, str]) -> bytes:
        prefix = self.lists.prefix(asked)
        if "identifier" not in asked:
            raise Refusal("badArgument", "Missing data for required field.")
        entry = self.lists.find(asked["identifier"])
        if self.lists.payload(prefix, entry) is None and not entry.gone:
            raise Refusal("cannotDisseminateFormat")
        return self._record(prefix, entry)

    def _list(self, verb: str, asked: Mapping[str, str], *, repeats: bool) -> bytes:
        token = asked.get("resumptionToken")
        opened, page = self.lists.resume(verb, token) if token else (self.lists.open(verb, asked), 1)
        size, total = self.rules.page_size, len(opened.entries)
        start = opened.next if self.rules.rescroll else (page - 1) * size
        part = opened.entries[start : start + size]
        opened.next = start + len(part)
        write = self._record if verb == "ListRecords" else self._header
        body = b"".join(write(opened.prefix, entry) for entry in part)
        # Zenodo's own comparison: a total that is a multiple of the page size ends with an empty page.
        more = page * size <= total if self.rules.rescroll else page * size < total
        if page == 1 and not more:
            return body
        following = "" if not more else token if repeats and token else f"{opened.name}-{page + 1}"
        return body + _token(opened, (page - 1) * size, following)

    def _record(self, prefix: str, entry: Entry) -> bytes:
        payload = self.lists.payload(prefix, entry)
        metadata = b"" if payload is None else b"<metadata>" + payload + b"</metadata>"
        return b"<record>" + self._header(prefix, entry) + metadata + b"</record>"

    def _header(self, _prefix: str, entry: Entry) -> bytes:
        status = ' status="deleted"' if entry.gone else ""
        names = [] if entry.gone else self.rules.sets(entry.holding)
        sets = "".join(f"<setSpec>{escape(name)}</setSpec>" for name in names)
        return (
            f"<header{status}><identifier>{escape(self.rules.identifier(entry.holding))}</identifier>"
            f"<datestamp>{stamp(entry.at, self.rules.granularity)}</datestamp>{sets}</header>"
        ).encode()


def oai_routes(  # noqa: PLR0913  # a provider has these ways
    replica: Replica,
    path: str,
    *,
    formats: Mapping[str, Format],
    identifier: Callable[[Holding], str],
    sets: Callable[[Holding], list[str]] = lambda _: [],
    page_size: int = 50,
    token_seconds: int = 120,
    error_status: int = 200,
    deleted: Deleted = "no",
    granularity: Granularity = "seconds",
    unknown_prefix: str = "cannotDisseminateFormat",
    rescroll: bool = False,
    headers: Mapping[str, str] | None = None,
    address: str = "",
) -> list[web.RouteDef]:
    """Answer the route of a provider.

    Args:
        replica: what it holds.
        path: where it answers.
        formats: writers by metadataPrefix; one answers None for a record it cannot write.
        identifier: a document's OAI identifier.
        sets: the sets a document is in.
        page_size: records per page.
        token_seconds: how long a resumption token lives.
        error_status: the HTTP status of errors.
        deleted: how long deletions are announced.
        granularity: of datestamps.
        unknown_prefix: the error code for an unknown metadataPrefix.
        rescroll: a token asked for twice gives the next batch.
        headers: further headers of every answer.
        address: the base address it names; the path by default.
    """
    rules = Rules(
        formats,
        identifier,
        sets,
        page_size,
        token_seconds,
        deleted,
        granularity,
        unknown_prefix,
        rescroll,
    )
    lists = Lists(replica, rules)
    provider = Provider(replica, rules, address or path, error_status, headers or {}, lists)
    return [web.get(path, provider.answer)]


def _understood(asked: dict[str, str]) -> str:
    """Take the verb out of a question, and check that the rest belongs to it."""
    verb = asked.pop("verb", "")
    if verb not in _ARGUMENTS:
        raise Refusal("badVerb", "Illegal OAI verb")
    if not asked.keys() <= _ARGUMENTS[verb] or ("resumptionToken" in asked and len(asked) > 1):
        raise Refusal("badArgument", "You have passed too many arguments.")
    return verb


def _token(opened: Opened, cursor: int, following: str) -> bytes:
    expires = stamp(datetime.fromtimestamp(opened.expires, UTC))
    return (
        f'<resumptionToken expirationDate="{expires}" cursor="{cursor}"'
        f' completeListSize="{len(opened.entries)}">{following}</resumptionToken>'
    ).encode()


def _format(prefix: str) -> str:
    namespace = _NAMESPACES.get(prefix, f"http://example.org/{prefix}/")
    return (
        f"<metadataFormat><metadataPrefix>{prefix}</metadataPrefix><schema>{namespace}schema.xsd</schema>"
        f"<metadataNamespace>{namespace}</metadataNamespace></metadataFormat>"
    )
