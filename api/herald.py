"""Telling subscribers what is new for their searches, once it is indexed.

A commit of the index nudges the herald; it asks each stored search for what came after the revision its
subscriber was told last, and posts that, signed. A message tells of a span of revisions that is written
down before it is sent and passed only when it was taken: whatever dies in between, nothing is left out, and
what is sent again bears the id it had. One process tells at a time: whoever holds the lock on a file
beside the store.

An address is asked first whether it wants this (`ask`), so that nobody can point a node at others.
"""

from __future__ import annotations

import asyncio
import fcntl
import hmac
import ipaddress
import os
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import aiohttp
import orjson
import structlog
from yarl import URL

from api.searchfeed import page_of, question_of
from config import VERSION
from config.addresses import Network, PrivateAddress, PublicOnly, carried, is_public
from config.signing import signed
from index import subscriptions as kept
from index.engines import Engine
from index.query import BadQuery
from index.store import Store
from index.subscriptions import Subscription
from index.watching import News, since

log = structlog.get_logger()

PER_MESSAGE = 100
"""Records in one message; what is beyond comes in the next."""
AT_ONCE = 8
LOOK_EVERY = 5.0
"""Seconds between two looks without a nudge: for those that are to be tried again."""
PATIENCE = 15.0
"""Seconds an address may take."""
FIRST_WAIT, LONGEST_WAIT = timedelta(minutes=1), timedelta(hours=1)
"""Before a message is sent again; doubled each time."""
GIVEN_UP_AFTER = timedelta(days=3)
FORGOTTEN_AFTER = timedelta(days=1)
"""Of what was not confirmed, and of the rows of what is over."""
ANSWER_READ = 4_096
"""Bytes of an answer in which the challenge is looked for."""
LONGEST_URL = 2_000


class NotTaken(Exception):
    """An address did not take a message; the text says why and holds no path."""

    def __init__(self, why: str, *, is_gone: bool = False) -> None:
        super().__init__(why)
        self.is_gone = is_gone


@dataclass(slots=True)
class Herald:
    """Tells subscribers of one node."""

    store: Store
    engine: Engine
    base: str
    """Address of the node, for links."""
    networks: Sequence[Network] = ()
    """Private networks in which subscribers may be; http is allowed there."""
    first_wait: timedelta = FIRST_WAIT
    _nudged: asyncio.Event = field(default_factory=asyncio.Event)

    def nudge(self) -> None:
        """Say that the index has come further."""
        self._nudged.set()

    async def keep_telling(self) -> None:
        """Tell for ever, while no other process does."""
        while True:
            with _alone(self.store.path.with_name("subscriptions.lock")) as is_ours:
                while is_ours:
                    try:
                        await self.look()
                    except Exception:  # a store that cannot be read must not end the server beside us
                        log.exception("subscribers could not be told")
                    await self._wait()
            await self._wait()

    async def _wait(self) -> None:
        with suppress(TimeoutError):
            await asyncio.wait_for(self._nudged.wait(), LOOK_EVERY)
        self._nudged.clear()

    async def look(self) -> None:
        """Tell everybody who is behind what is new for them."""
        due, reached = await asyncio.to_thread(self._due)
        if not due:
            return
        room = asyncio.Semaphore(AT_ONCE)

        async def tell(each: Subscription, until: int, news: list[News]) -> None:
            async with room:
                await self._tell(each, until, news)

        found = await asyncio.to_thread(self._news, due, reached)
        await asyncio.gather(*(tell(*one) for one in found))
        if any(until < reached for _, until, _ in found):
            self.nudge()

    async def ask(self, new: Subscription) -> bool:
        """Ask an address whether it wants to be told; True when it answers with the challenge.

        Raises:
            NotTaken: it was not reached, or refuses.
        """
        body = {
            "type": "confirm",
            "subscription": new.id,
            "query": new.query,
            "challenge": new.challenge,
            "text": f"Somebody asks {self.base} to tell this address of a search. To agree, answer with the "
            "challenge, or open the link within a day. To refuse, do nothing.",
            "confirm": f"{self.base}/subscriptions/confirm/{new.challenge}",
        }
        answer = await self._post(new, f"{new.id}.confirm", body)
        return hmac.compare_digest(_said(answer), new.challenge)

    # ---- one message -------------------------------------------------------------------------

    def _due(self) -> tuple[list[Subscription], int]:
        reached, now = self.engine.revision(), datetime.now(UTC)
        kept.rewind(self.store, self.store.revision())
        kept.forget(self.store, _written(now - FORGOTTEN_AFTER))
        return kept.behind(self.store, reached, _written(now)), reached

    def _news(self, due: Sequence[Subscription], reached: int) -> list[tuple[Subscription, int, list[News]]]:
        """Find what is new for each; who has nothing new is told so far at once, in one transaction."""
        snapshot = self.engine.snapshot()
        found, nothing = [], []
        for each in due:
            until = each.until or reached
            try:
                asked = question_of(parse_qsl(each.query))
            except BadQuery as error:  # a filter that a newer version of this program does not know
                kept.end(self.store, each.id, kept.LOST, f"the search is understood no more: {error}")
                continue
            news = since(self.store, snapshot, asked, (each.told, until), PER_MESSAGE + 1)
            if len(news) > PER_MESSAGE:
                until = news[PER_MESSAGE - 1].kept.revision
            if news:
                found.append((each, until, news[:PER_MESSAGE]))
            elif until == reached:
                nothing.append(each.id)
            else:  # what a message was to tell has changed since, and will be told with the change
                kept.taken(self.store, [each.id], until)
        kept.taken(self.store, nothing, reached)
        return found

    async def _tell(self, each: Subscription, until: int, news: list[News]) -> None:
        await asyncio.to_thread(kept.begin, self.store, each.id, until)
        try:
            await self._post(each, f"{each.id}.{until}", self._message(each, until, news))
        except NotTaken as error:
            await asyncio.to_thread(self._failed, each, error)
            return
        await asyncio.to_thread(kept.taken, self.store, [each.id], until)
        log.info("subscriber told", subscription=each.id, records=len(news), until=until)

    def _failed(self, each: Subscription, error: NotTaken) -> None:
        now = datetime.now(UTC)
        is_hopeless = each.failing_since and now - datetime.fromisoformat(each.failing_since) > GIVEN_UP_AFTER
        if error.is_gone or is_hopeless:
            kept.end(self.store, each.id, kept.LOST, str(error))
        else:
            wait = min(self.first_wait * 2 ** min(each.failures, 10), LONGEST_WAIT)
            kept.failed(self.store, each, _written(now + wait), str(error))
        log.warning("subscriber not told", subscription=each.id, why=str(error), failures=each.failures + 1)

    def _message(self, each: Subscription, until: int, news: Sequence[News]) -> dict[str, Any]:
        return {
            "type": "matches",
            "subscription": each.id,
            "query": each.query,
            "from_revision": each.told + 1,
            "to_revision": until,
            "records": [self._record(one) for one in news],
            "search": f"{self.base}/?{each.query}",
            "feed": f"{self.base}/feeds/search.atom?{each.query}",
            "unsubscribe": f"{self.base}/unsubscribe/{each.token}",
        }

    def _record(self, news: News) -> dict[str, Any]:
        record = news.kept.stored
        return {
            "id": news.kept.id,
            "revision": news.kept.revision,
            "at": news.at,
            "source": record["source"],
            "title": record.get("title"),
            "doi": record.get("doi"),
            "published": (record.get("dates") or {}).get("published"),
            "withdrawn": bool(record.get("withdrawn")),
            "origin": news.kept.origin,
            "page": page_of(self.base, news.kept.id),
            "landing": (record.get("links") or {}).get("landing"),
        }

    async def _post(self, to: Subscription, id_: str, message: dict[str, Any]) -> bytes:
        """Post a signed message; answer the beginning of what is answered.

        Raises:
            NotTaken: the address is not allowed, was not reached or refuses.
        """
        body, host = orjson.dumps({"id": id_, **message}), urlsplit(to.url).hostname
        try:
            checked(to.url, self.networks)
        except BadQuery as error:
            raise NotTaken(str(error)) from error
        headers = signed(to.secret.encode(), id_, datetime.now(UTC), body)
        connector = aiohttp.TCPConnector(
            resolver=PublicOnly(aiohttp.DefaultResolver(), self.networks), force_close=True
        )
        try:
            async with (
                asyncio.timeout(PATIENCE),
                aiohttp.ClientSession(
                    connector=connector, headers={"User-Agent": f"Headwater/{VERSION}"}
                ) as s,
                s.post(URL(to.url), data=body, headers=headers, allow_redirects=False) as answer,
            ):
                said = await answer.content.read(ANSWER_READ)
                status = answer.status
        except TimeoutError as error:
            raise NotTaken(f"{host} did not answer within {PATIENCE:g} s") from error
        except (aiohttp.ClientError, OSError) as error:
            is_private = isinstance(error.__cause__, PrivateAddress) or isinstance(error, PrivateAddress)
            why = "leads to no public address" if is_private else f"was not reached ({type(error).__name__})"
            raise NotTaken(f"{host} {why}") from error
        if not 200 <= status < 300:
            raise NotTaken(f"{host} answered with status {status}", is_gone=status == 410)
        return said


def checked(url: str, networks: Sequence[Network]) -> str:
    """See that an address may be told something, as far as its text shows; answer its host.

    Raises:
        BadQuery: it is not https, bears a password, or is an address of a private network.
    """
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port
    except ValueError as error:
        raise BadQuery("url is no address; give one such as https://example.org/hook") from error
    if (
        len(url) > LONGEST_URL
        or not host
        or port == 0
        or not url.isascii()
        or re.search(r"[\s\x00-\x1f\x7f]", url)
    ):
        raise BadQuery("url is no address; give one such as https://example.org/hook")
    if parts.username is not None or parts.password is not None:
        raise BadQuery("url must not hold a name or password; messages are signed with the secret")
    literal = _literal(host)
    is_named = literal is not None and any(carried(literal) in network for network in networks)
    if parts.scheme != "https" and not (parts.scheme == "http" and is_named):
        raise BadQuery("url must begin with https://")
    if literal is not None and not is_named and not is_public(literal):
        raise BadQuery(f"{host} is no address of the public network; nothing is sent there")
    return host


def _literal(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return None


def _said(answer: bytes) -> str:
    """Read the challenge out of an answer: plain, or as JSON."""
    text = answer.decode("utf-8", "replace").strip()
    with suppress(orjson.JSONDecodeError):
        found = orjson.loads(text)
        if isinstance(found, dict) and isinstance(found.get("challenge"), str):
            return str(found["challenge"]).encode("ascii", "replace").decode()
    return text.encode("ascii", "replace").decode()


def _written(at: datetime) -> str:
    return at.strftime("%Y-%m-%dT%H:%M:%SZ")


@contextmanager
def _alone(path: Path) -> Iterator[bool]:
    """Hold a lock that ends with the process, however it ends; False while another one holds it."""
    file = os.open(path, os.O_CREAT | os.O_RDWR, 0o600)
    try:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
        else:
            yield True
    finally:
        os.close(file)
