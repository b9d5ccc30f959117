"""The polite client: the only door to the network.

One pace per host for everybody in this process; Retry-After in both forms and RateLimit-Reset obeyed;
retries with growing, jittered waits and an end; a cap on the size and time of every answer; only the
hosts a source's card names, redirects included; TLS always verified; an honest User-Agent.

A 200 is believed only when the body has the form asked for: an empty 202 (a firewall's challenge), an
HTML page or half a JSON text is an outage, never "no records".
"""

from __future__ import annotations

import asyncio
import email.utils
import random
import time
import zlib
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager, AsyncExitStack
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import partial
from typing import Final, TypeVar
from urllib.parse import urljoin, urlsplit

import aiohttp
import orjson
import structlog
from yarl import URL

from config.settings import Settings
from harvester.errors import BadRecord, BrokenOff, Changed, Refused, Unavailable, UpstreamError
from harvester.protocols.xml import parse_xml
from harvester.source import Answer, Card, Expect

log = structlog.get_logger()

Got = TypeVar("Got")

LARGEST_ANSWER: Final = 64 * 1024 * 1024
"""Bytes. The largest page seen is 1.2 MB (1,000 Figshare articles); the rest is room for growth."""
LONGEST_WAIT: Final = 120.0
"""Seconds we wait on an upstream's word. Zenodo's windows are 60 s; beyond, a later run goes on."""
LARGEST_UNPACKED: Final = 1024 * 1024 * 1024
"""Bytes an archive may unpack to."""
REDIRECTS: Final = 4


@dataclass(slots=True)
class Traffic:
    """What a run cost the upstream and us."""

    requests: int = 0
    bytes: int = 0
    retries: int = 0
    waited: float = 0.0


@dataclass(frozen=True, slots=True)
class Manners:
    """How long to wait for what; seconds. Tests shorten them, operators may lengthen them."""

    attempts: int = 4
    first_backoff: float = 1.0
    longest_wait: float = LONGEST_WAIT
    connect: float = 10.0
    read: float = 60.0
    total: float = 300.0
    largest: int = LARGEST_ANSWER


@dataclass(slots=True)
class _Gate:
    """Lets requests to one host through, one every so many seconds."""

    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    next_at: float = 0.0

    async def pass_(self, pace: float) -> float:
        async with self.lock:
            wait = max(0.0, self.next_at - time.monotonic())
            if wait:
                await asyncio.sleep(wait)
            self.next_at = time.monotonic() + pace
            return wait


class Http:
    """The connection pool and the gates of one process. Use as an async context manager."""

    def __init__(
        self,
        *,
        user_agent: str,
        offline: bool = False,
        manners: Manners | None = None,
    ) -> None:
        self.user_agent, self.offline, self.manners = user_agent, offline, manners or Manners()
        self._gates: dict[str, _Gate] = {}
        self._session: aiohttp.ClientSession | None = None

    @classmethod
    def of(cls, settings: Settings, manners: Manners | None = None) -> Http:
        """Prepare the client of a node."""
        return cls(user_agent=settings.user_agent, offline=settings.offline, manners=manners)

    async def __aenter__(self) -> Http:
        self._session = aiohttp.ClientSession(
            headers={"User-Agent": self.user_agent},
            connector=aiohttp.TCPConnector(limit_per_host=4),
            trust_env=True,
        )
        return self

    async def __aexit__(self, *_exc: object) -> None:
        if self._session is not None:
            await self._session.close()

    @property
    def session(self) -> aiohttp.ClientSession:
        if self._session is None:
            message = "Http must be entered with `async with` first"
            raise RuntimeError(message)
        return self._session

    def client(self, card: Card, *, replica: str | None = None) -> Polite:
        """Open a client for one source.

        Args:
            card: names the hosts and the pace.
            replica: base address of the source's replica; its requests go there instead.
        """
        return Polite(self, card, replica)

    def gate(self, host: str) -> _Gate:
        return self._gates.setdefault(host, _Gate())


class Polite:
    """The client of one source; satisfies `source.Fetch`."""

    def __init__(self, http: Http, card: Card, replica: str | None) -> None:
        self.http, self.card, self.replica, self.traffic = http, card, replica, Traffic()

    async def get(
        self,
        url: str,
        *,
        params: Mapping[str, str | int] | None = None,
        headers: Mapping[str, str] | None = None,
        expect: Expect = "json",
        accept: tuple[int, ...] = (200,),
    ) -> Answer:
        """Ask with GET. See `source.Fetch`."""
        whole = str(URL(url).update_query(params)) if params else url
        return await self._ask("GET", whole, None, headers or {}, expect, accept)

    async def post(
        self,
        url: str,
        body: bytes,
        *,
        headers: Mapping[str, str] | None = None,
        expect: Expect = "json",
        accept: tuple[int, ...] = (200,),
    ) -> Answer:
        """Ask with POST. See `source.Fetch`."""
        return await self._ask("POST", url, body, headers or {}, expect, accept)

    async def stream(self, url: str) -> AsyncIterator[bytes]:
        """Download in pieces of up to 256 KiB; the sum is not capped, the caller counts.

        Opening is retried as any question is; what breaks off later is the caller's to begin again.
        """
        async with AsyncExitStack() as stack:
            response = await self._patiently(url, partial(self._opened, stack, url))
            try:
                async for piece in response.content.iter_chunked(256 * 1024):
                    self.traffic.bytes += len(piece)
                    yield piece
            except (aiohttp.ClientError, TimeoutError) as error:
                raise BrokenOff(f"download broke off ({_name(error)})", url=url) from error

    async def _opened(self, stack: AsyncExitStack, url: str) -> aiohttp.ClientResponse:
        self.traffic.requests += 1
        try:
            response = await stack.enter_async_context(self._open("GET", url, None, {}, endless=True))
            head = await _head(response)
        except (aiohttp.ClientError, TimeoutError) as error:
            raise _TryAgain(f"no whole answer ({_name(error)})") from error
        _raise_for_status(response.status, url, head, (200,))
        return response

    async def _ask(  # one private door for both verbs
        self,
        method: str,
        url: str,
        body: bytes | None,
        headers: Mapping[str, str],
        expect: Expect,
        accept: tuple[int, ...],
    ) -> Answer:
        return await self._patiently(url, partial(self._once, method, url, body, headers, expect, accept))

    async def _patiently(self, url: str, once: Callable[[], Awaitable[Got]]) -> Got:
        """Ask until there is an answer, with growing waits and an end."""
        manners = self.http.manners
        for attempt in range(1, manners.attempts + 1):
            await self._wait_turn(url)
            try:
                return await once()
            except _TryAgain as again:
                wait = again.wait
                if wait is None:
                    wait = manners.first_backoff * 2 ** (attempt - 1) * random.uniform(0.5, 1)  # noqa: S311
                if attempt == manners.attempts or wait > manners.longest_wait:
                    raise Unavailable(
                        again.what, url=url, hint=f"tried {attempt} times; a later run goes on here"
                    ) from again
                log.info("waiting", source=self.card.name, why=again.what, seconds=round(wait, 1))
                self.traffic.retries += 1
                self.traffic.waited += wait
                await asyncio.sleep(wait)
        raise AssertionError  # the loop returns or raises

    async def _once(
        self,
        method: str,
        url: str,
        body: bytes | None,
        headers: Mapping[str, str],
        expect: Expect,
        accept: tuple[int, ...],
    ) -> Answer:
        self.traffic.requests += 1
        try:
            for _ in range(REDIRECTS):
                async with self._open(method, url, body, headers) as response:
                    if response.status in {301, 302, 303, 307, 308} and "Location" in response.headers:
                        url = urljoin(url, response.headers["Location"])
                        continue
                    content = await self._read(response, url)
                    answer = Answer(url, response.status, dict(response.headers), content, _clock(response))
                    break
            else:
                raise Changed("redirects go in circles", url=url)
        except (aiohttp.ClientError, TimeoutError) as error:
            raise _TryAgain(f"no whole answer ({_name(error)})") from error
        _raise_for_status(answer.status, url, answer, accept)
        return _believed(answer, expect)

    async def _wait_turn(self, url: str) -> None:
        host = urlsplit(url).hostname or ""
        if host not in self.card.hosts:
            raise Refused(f"{self.card.name} may not ask {host}", url=url, hint="its card names the hosts")
        if self.replica is None and self.http.offline:
            raise Refused(
                "offline and no replica",
                url=url,
                hint="unset HEADWATER_OFFLINE to ask live upstreams",
            )
        if self.replica is None:  # a replica on loopback needs no sparing
            self.traffic.waited += await self.http.gate(host).pass_(self.card.pace)

    def _open(
        self, method: str, url: str, body: bytes | None, headers: Mapping[str, str], *, endless: bool = False
    ) -> AbstractAsyncContextManager[aiohttp.ClientResponse]:
        parts = urlsplit(url)
        if parts.hostname not in self.card.hosts or parts.scheme != "https":
            raise Refused(f"redirected to {parts.scheme}://{parts.netloc}", url=url)
        target, extra = url, dict(headers)
        if self.replica is not None:
            target = self.replica + url.removeprefix(f"{parts.scheme}://{parts.netloc}")
            extra["X-Forwarded-Host"] = parts.netloc
        manners = self.http.manners
        return self.http.session.request(
            method,
            URL(target, encoded=True),
            data=body,
            headers=extra,
            allow_redirects=False,
            timeout=aiohttp.ClientTimeout(
                total=None if endless else manners.total,
                sock_connect=manners.connect,
                sock_read=manners.read,
            ),
        )

    async def _read(self, response: aiohttp.ClientResponse, url: str) -> bytes:
        pieces, size = [], 0
        async for piece in response.content.iter_any():
            size += len(piece)
            if size > self.http.manners.largest:
                raise Changed(f"answer larger than {self.http.manners.largest} bytes", url=url)
            pieces.append(piece)
        self.traffic.bytes += size
        return b"".join(pieces)


class _TryAgain(Exception):  # it is no error yet
    def __init__(self, what: str, wait: float | None = None) -> None:
        super().__init__(what)
        self.what, self.wait = what, wait


def _raise_for_status(status: int, url: str, answer: Answer, accept: tuple[int, ...]) -> None:
    if status in accept:
        return
    said = answer.body[:200].decode(errors="replace").replace("\n", " ")
    if status == 429 or status >= 500 or (status == 403 and _allowance_is_spent(answer.headers)):
        raise _TryAgain(f"status {status}", retry_after(answer.headers))
    if status == 202 or (status == 204 and not answer.body):
        if any(name.lower().startswith("x-amzn-waf") for name in answer.headers):
            raise Refused("a firewall challenges us", url=url, hint="ask the upstream to let us in")
        raise _TryAgain(f"empty answer with status {status}")
    if status in {401, 403}:
        raise Refused(
            f"status {status}: {said}",
            url=url,
            hint="check the User-Agent and contact, or write to them",
        )
    raise Changed(f"status {status}: {said}", url=url)


def _allowance_is_spent(headers: Mapping[str, str]) -> bool:
    """Tell GitHub's 403 that passes within the hour from a refusal (docs.github.com, seen 2026)."""
    return any(name.lower() == "x-ratelimit-remaining" and value == "0" for name, value in headers.items())


def _believed(answer: Answer, expect: Expect) -> Answer:
    """Check that the body has the form asked for; half an answer is asked for again."""
    start = answer.body[:300].lstrip().lower()
    if expect == "any":
        return answer
    if not start:
        raise _TryAgain("empty answer")
    if start.startswith((b"<!doctype html", b"<html")):
        raise _TryAgain("an HTML page where data was due")
    if expect == "xml":
        return _parsed_xml(answer, start)
    if expect == "gzip":
        return _whole_archive(answer)
    if expect == "text":  # tables and text files: neither empty nor an HTML page is all one can ask
        return answer
    try:
        return replace(answer, parsed=orjson.loads(answer.body))
    except orjson.JSONDecodeError as error:
        raise _TryAgain("cut or broken JSON") from error


def _parsed_xml(answer: Answer, start: bytes) -> Answer:
    if not start.removeprefix(b"\xef\xbb\xbf").startswith(b"<"):
        if answer.status == 200:
            raise _TryAgain("no XML where XML was due")
        return answer  # an error in another format; the caller accepted its status and judges it
    try:
        return replace(answer, parsed=parse_xml(answer.body))
    except BadRecord as error:
        raise _TryAgain(f"cut or {error.what}") from error


def _whole_archive(answer: Answer) -> Answer:
    """Believe an archive that unpacks to its end, where gzip keeps a checksum."""
    if answer.status != 200:
        return answer
    unpacker, rest, unpacked = zlib.decompressobj(wbits=31), answer.body, 0
    try:
        while rest and not unpacker.eof:
            unpacked += len(unpacker.decompress(rest, 1024 * 1024))
            rest = unpacker.unconsumed_tail
            if unpacked > LARGEST_UNPACKED:
                raise Changed(f"archive unpacks to more than {LARGEST_UNPACKED} bytes", url=answer.url)
    except zlib.error as error:
        raise _TryAgain("cut or broken archive") from error
    if not unpacker.eof:
        raise _TryAgain("cut or broken archive")
    return answer


def retry_after(headers: Mapping[str, str], now: float | None = None) -> float | None:
    """Read how long to wait: Retry-After in seconds or as a date, else RateLimit-Reset.

    Dryad sends no Retry-After with its 429 but RateLimit-Reset as an epoch; RFC drafts use seconds.
    """
    now = time.time() if now is None else now
    low = {name.lower(): value.strip() for name, value in headers.items()}
    given = low.get("retry-after", "")
    if given.isdigit():
        return float(given)
    if given:
        date = email.utils.parsedate_tz(given)
        return max(0.0, email.utils.mktime_tz(date) - now) if date else None
    reset = low.get("ratelimit-reset") or low.get("x-ratelimit-reset") or ""
    if not reset.isdigit():
        return None
    return max(0.0, float(reset) - now) if float(reset) > 10**9 else float(reset)


def _clock(response: aiohttp.ClientResponse) -> datetime:
    try:
        return email.utils.parsedate_to_datetime(response.headers["Date"]).astimezone(UTC)
    except (KeyError, ValueError):
        return datetime.now(UTC)


async def _head(response: aiohttp.ClientResponse) -> Answer:
    body = b"" if response.status == 200 else await response.content.read(300)
    return Answer(str(response.url), response.status, dict(response.headers), body, _clock(response))


def _name(error: BaseException) -> str:
    return f"{type(error).__name__}: {error}".rstrip(": ")


__all__ = ["Http", "Manners", "Polite", "Traffic", "UpstreamError", "retry_after"]
