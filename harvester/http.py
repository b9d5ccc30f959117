"""The polite client: the only door to the network.

    guard       only the hosts of a source's card, over verified TLS, at public addresses
    pace        one pace per host for all sources and processes; pauses an upstream asks for
    breaker     a host that fails again and again is left alone for a while
    manners     waits with jitter, an end to attempts, a budget for each run, caps on size and time
    kept        what did not change does not come again
    belief      nothing is believed that is not data in the form asked for

This module puts them together, and says honestly who asks. A replica on loopback is asked by the same rules
but for those that spare an upstream.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager, AsyncExitStack
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Final, TypeVar
from urllib.parse import urljoin, urlsplit

import aiohttp
import structlog
from yarl import URL

from config.redact import redact
from config.settings import Settings
from harvester.allowance import is_spent, pause, retry_after
from harvester.belief import TryAgain, believed, plain, raise_for_status
from harvester.breaker import Breaker
from harvester.errors import BrokenOff, Changed, Overtaxed, Refused, Unavailable, UpstreamError
from harvester.guard import Outbound, checked
from harvester.hosts import Hosts
from harvester.kept import Kept, KeptAnswer
from harvester.manners import Manners, Traffic
from harvester.pace import Pace
from harvester.source import Answer, Card, Expect
from harvester.wire import Question, clock, name_of, outages, read

log = structlog.get_logger()

Got = TypeVar("Got")

REDIRECTS: Final = 4
_MOVED: Final = {301, 302, 303, 307, 308}


class Http:
    """The connection pools of one process, and what it shares with others. An async context manager."""

    def __init__(
        self,
        *,
        user_agent: str,
        offline: bool = False,
        manners: Manners | None = None,
        shared: Path | None = None,
        outbound: Outbound | None = None,
    ) -> None:
        """Prepare the client.

        Args:
            user_agent: who we say we are.
            offline: never ask a live upstream.
            manners: how patient to be.
            shared: the folder where processes agree on paces, and where answers are kept; without one this
                process keeps its own pace, and no answers.
            outbound: how to reach the world.
        """
        self.user_agent, self.offline, self.manners = user_agent, offline, manners or Manners()
        self.outbound = outbound or Outbound()
        self.hosts = Hosts(shared / "hosts.sqlite" if shared else None)
        self.kept = Kept(shared / "answers.sqlite" if shared else None)
        self.pace, self.breaker = Pace(self.hosts), Breaker(self.hosts, self.manners.breaker)
        self._pools: dict[str, aiohttp.ClientSession] = {}

    @classmethod
    def of(cls, settings: Settings, manners: Manners | None = None) -> Http:
        """Prepare the client of a node."""
        return cls(
            user_agent=settings.user_agent,
            offline=settings.offline,
            manners=manners,
            shared=settings.data if settings.data.is_dir() else None,  # a probe stores nothing
            outbound=Outbound(networks=tuple(settings.private_networks), proxy=settings.proxy),
        )

    async def __aenter__(self) -> Http:
        connectors = {"live": self.outbound.connector(), "replica": aiohttp.TCPConnector(limit_per_host=4)}
        for name, connector in connectors.items():
            self._pools[name] = aiohttp.ClientSession(
                headers={"User-Agent": self.user_agent, "Accept-Encoding": "gzip, deflate"},
                connector=connector,
                auto_decompress=False,  # `belief.plain` does it, with an eye on bombs and wrong labels
            )
        return self

    async def __aexit__(self, *_exc: object) -> None:
        for pool in self._pools.values():
            await pool.close()
        await asyncio.to_thread(self.hosts.close)
        await asyncio.to_thread(self.kept.close)

    @property
    def session(self) -> aiohttp.ClientSession:
        """The pool for replicas, whose addresses are private by nature."""
        return self._pool("replica")

    @property
    def upstreams(self) -> aiohttp.ClientSession:
        """The pool for upstreams: public addresses only."""
        return self._pool("live")

    def _pool(self, name: str) -> aiohttp.ClientSession:
        if name not in self._pools:
            message = "Http must be entered with `async with` first"
            raise RuntimeError(message)
        return self._pools[name]

    def client(self, card: Card, *, replica: str | None = None) -> Polite:
        """Open a client for one run of one source.

        Args:
            card: names the hosts and the pace.
            replica: base address of the source's replica; its requests go there instead.
        """
        return Polite(self, card, replica)


class Polite:
    """The client of one run of one source; satisfies `source.Fetch`."""

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
        keep: bool = False,
    ) -> Answer:
        """Ask with GET. See `source.Fetch`."""
        whole = str(URL(url).update_query(params)) if params else url
        return await self._ask(Question("GET", whole, None, headers or {}, expect, accept, keep))

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
        return await self._ask(Question("POST", url, body, headers or {}, expect, accept))

    async def stream(self, url: str, *, largest: int | None = None) -> AsyncIterator[bytes]:
        """Download in pieces of up to 256 KiB, as they come.

        Opening is retried as any question is; what breaks off later is the caller's to begin again.

        Raises:
            BrokenOff: it broke off, or came too slowly.
            Changed: it is larger than `largest` bytes, or than any download may be.
        """
        most = self.http.manners.largest_download if largest is None else largest
        async with AsyncExitStack() as stack:
            response = await self._patiently(url, partial(self._opened, stack, url))
            size, spent, began = 0, 0.0, time.monotonic()
            try:
                async for piece in response.content.iter_chunked(256 * 1024):
                    size, spent = size + len(piece), spent + time.monotonic() - began
                    self.traffic.bytes += len(piece)
                    self._check_download(url, size, spent, most)
                    yield piece
                    began = time.monotonic()  # what the caller did with it is not the upstream's time
            except (aiohttp.ClientError, TimeoutError) as error:
                raise BrokenOff(f"download broke off ({name_of(error)})", url=url) from error

    def _check_download(self, url: str, size: int, spent: float, most: int) -> None:
        manners = self.http.manners
        if size > most:
            raise Changed(f"download larger than {most} bytes", url=url)
        if size < manners.slowest * (spent - manners.read):
            raise BrokenOff(f"download slower than {manners.slowest} bytes a second", url=url)

    async def _opened(self, stack: AsyncExitStack, url: str) -> aiohttp.ClientResponse:
        # As it is: packed once more for the way, an archive and its checksum would not agree.
        question = Question("GET", url, None, {"Accept-Encoding": "identity"}, "any", (200,))
        response, asked = await self._reached(stack, question, endless=True)
        body = b"" if response.status == 200 else await read(response, 300)
        answer = Answer(asked.url, response.status, dict(response.headers), body, clock(response))
        raise_for_status(response.status, asked.url, answer, (200,))
        return response

    async def _ask(self, question: Question) -> Answer:
        return await self._patiently(question.url, partial(self._once, question))

    async def _patiently(self, url: str, once: Callable[[], Awaitable[Got]]) -> Got:
        """Ask until there is an answer, with growing waits and an end."""
        manners, host = self.http.manners, urlsplit(url).hostname or ""
        for attempt in range(1, manners.attempts + 1):
            await self._wait_turn(url)
            try:
                got = await once()
            except TryAgain as again:
                if again.failed and self.replica is None:
                    await self.http.breaker.failed(host, again.what)
                wait = manners.backoff(attempt) if again.wait is None else again.wait
                if attempt == manners.attempts or wait > manners.longest_wait:
                    kind = Overtaxed if again.overtaxed else Unavailable
                    hint = f"tried {attempt} times; a later run goes on here"
                    raise kind(again.what, url=url, hint=hint) from again
                self.traffic.spend(wait, manners, url, again.what)
                log.info("waiting", source=self.card.name, why=again.what, seconds=round(wait, 1))
                await asyncio.sleep(wait)
            except Changed:
                await self.http.breaker.worked(host)  # it answers; what it says is another matter
                raise
            else:
                await self.http.breaker.worked(host)
                return got
        raise AssertionError  # the loop returns or raises

    async def _once(self, question: Question) -> Answer:
        kept = await self._kept(question)
        if kept is not None:
            question = replace(question, headers={**question.headers, **kept.conditions()})
        async with AsyncExitStack() as stack:
            response, asked = await self._reached(stack, question)
            with outages(asked.url):
                body = await read(response, self.http.manners.largest, asked.url)
            status, headers, asked_at = response.status, dict(response.headers), clock(response)
        self.traffic.bytes += len(body)
        if kept is not None and status == 304:
            self.traffic.unchanged += 1
            return believed(
                Answer(redact(asked.url), 200, {**kept.headers, **headers}, kept.body, asked_at), asked.expect
            )
        answer = Answer(redact(asked.url), status, headers, body, asked_at)
        answer = plain(answer, asked.expect, self.http.manners.largest)
        raise_for_status(status, asked.url, answer, question.accept)
        answer = believed(answer, question.expect)
        if question.keep and status == 200 and self.replica is None:
            await self.http.kept.put(question.url, question.variant, KeptAnswer(headers, answer.body))
        return answer

    async def _kept(self, question: Question) -> KeptAnswer | None:
        if not question.keep or self.replica is not None:
            return None
        return await self.http.kept.get(question.url, question.variant)

    async def _reached(
        self, stack: AsyncExitStack, question: Question, *, endless: bool = False
    ) -> tuple[aiohttp.ClientResponse, Question]:
        """Ask, and follow redirects; answer with the question that was answered."""
        for hop in range(REDIRECTS):
            if hop:
                await self._wait_turn(question.url)
            self.traffic.requests += 1
            with outages(question.url):
                response = await stack.enter_async_context(self._open(question, endless=endless))
            if self.replica is None:
                await self._heed(question.url, response)
            location = response.headers.get("Location")
            if response.status not in _MOVED or location is None:
                return response, question
            response.release()
            question = question.moved(response.status, self._followed(question.url, location))
        raise Changed("redirects go in circles", url=question.url)

    def _followed(self, url: str, location: str) -> str:
        target = urljoin(url, location)
        try:
            checked(target, self.card.hosts, self.card.name)
        except Refused as refused:
            where = urlsplit(target)
            raise Refused(f"redirected to {where.scheme}://{where.netloc}", url=url) from refused
        return target

    async def _heed(self, url: str, response: aiohttp.ClientResponse) -> None:
        """Slow down before the allowance is spent, and leave alone who wants it, in all processes."""
        seconds = pause(response.headers)
        if response.status in {429, 503}:
            seconds = max(seconds, retry_after(response.headers) or 0.0)
        elif seconds > self.http.manners.longest_wait and not is_spent(response.headers):
            seconds = self.http.manners.longest_wait
        if seconds > self.card.pace:
            await self.http.pace.hold(urlsplit(url).hostname or "", seconds)

    async def _wait_turn(self, url: str) -> None:
        host = checked(url, self.card.hosts, self.card.name).hostname or ""
        if self.replica is not None:
            return  # nobody is spared on loopback
        if self.http.offline:
            raise Refused(
                "offline and no replica",
                url=url,
                hint="unset HEADWATER_OFFLINE to ask live upstreams",
            )
        await self.http.breaker.pass_(host)
        self.traffic.waited += await self.http.pace.turn(host, self.card.pace, self.http.manners.longest_wait)

    def _open(
        self, question: Question, *, endless: bool
    ) -> AbstractAsyncContextManager[aiohttp.ClientResponse]:
        parts = urlsplit(question.url)
        target, extra, pool = question.url, dict(question.headers), self.http.upstreams
        proxy = self.http.outbound.proxy_for(parts.hostname or "")
        if self.replica is not None:
            target = self.replica + question.url.removeprefix(f"{parts.scheme}://{parts.netloc}")
            extra["X-Forwarded-Host"] = parts.netloc
            pool, proxy = self.http.session, None
        manners = self.http.manners
        return pool.request(
            question.method,
            URL(target, encoded=True),
            data=question.body,
            headers=extra,
            allow_redirects=False,
            proxy=proxy,
            timeout=aiohttp.ClientTimeout(
                total=None if endless else manners.total,
                sock_connect=manners.connect,
                sock_read=manners.read,
            ),
        )


__all__ = ["Http", "Manners", "Outbound", "Polite", "Traffic", "UpstreamError", "retry_after"]
