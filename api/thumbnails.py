"""/records/{id}/thumbnail: a record's small picture, fetched from its repository, made small and kept.

The address of a picture is a stranger's word. So nobody names one here but a record; it must begin as the
source's card says its pictures do, redirects included; its host must lead to the public network, as it is
connected to and not only as it was looked up; and what comes is decoded within limits and written anew.
Whatever goes wrong, a quiet field is shown, and the reason stands in a header.
"""

from __future__ import annotations

import asyncio
import hashlib
import io
import os
import ssl
import time
from collections import defaultdict
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import aiohttp
from aiohttp import web
from aiohttp.abc import AbstractResolver
from PIL import Image, UnidentifiedImageError
from yarl import URL

from api.node import NODE
from api.records import find
from config.addresses import Network, PrivateAddress, PublicOnly

if TYPE_CHECKING:
    from index.store import Kept

SIDE = 176
"""Pixels of the longer side: pages show 88, and many screens have two pixels for one."""
FORMATS = ("JPEG", "PNG", "GIF", "WEBP")
LARGEST = 8_000_000
"""Bytes of a picture; Zenodo's and OMERO's small ones have less than a hundredth of that."""
MOST_PIXELS = 40_000_000
"""A picture of so many takes 160 MB while it is made small."""
PATIENCE = 10.0
"""Seconds for an answer with its body."""
REDIRECTS = 3
MOST_WAITING = 200
"""Pictures that wait for their host; ten pages of results."""
AGAIN_AFTER = 600.0
"""Seconds after which a picture that did not come is asked for again."""
PACE = 1.0
"""Seconds between two pictures of one host, where the source names no pace."""
A_DAY = 86_400
MOVED = {301, 302, 303, 307, 308}


class NoPicture(Exception):  # the name says what is wrong
    """There is no picture to be shown, and why not."""


@dataclass(frozen=True, slots=True)
class Allowed:
    """What a source says of its pictures."""

    beginnings: tuple[str, ...]
    """Beginnings of their addresses, each with its host whole."""
    pace: float = PACE

    @classmethod
    def of(cls, card: Mapping[str, str]) -> Allowed:
        """Read it from a card; one that says nothing of pictures allows none."""
        return cls(tuple(card.get("pictures", "").split()), float(card.get("pace") or PACE))

    def check(self, address: str) -> None:
        """See that an address is one of the repository's pictures.

        Raises:
            NoPicture: it is not.
        """
        if not address.startswith(self.beginnings):
            raise NoPicture(f"{urlsplit(address).hostname} is no host of this repository's pictures")


@dataclass(frozen=True, slots=True)
class Way:
    """How this node reaches repositories."""

    user_agent: str
    offline: bool = False
    """Ask nobody; what is kept is shown."""
    networks: Sequence[Network] = ()
    """Private networks in which repositories may be."""
    resolver: AbstractResolver | None = None
    """Who resolves names; the system's by default."""
    tls: ssl.SSLContext | None = None
    """Whom to trust; the system's authorities by default."""


@dataclass(slots=True)
class Shelf:
    """Pictures in a folder; those that were not wanted for longest go when it is full."""

    folder: Path
    most: int
    """Bytes."""
    _held: int | None = None

    def take(self, name: str) -> bytes | None:
        """Answer a picture that is kept."""
        path = self.folder / name
        try:
            body = path.read_bytes()
            os.utime(path)
        except FileNotFoundError:
            return None
        return body

    def put(self, name: str, body: bytes) -> None:
        """Keep a picture; a process that is killed leaves none in part."""
        self.folder.mkdir(parents=True, exist_ok=True)
        with NamedTemporaryFile(dir=self.folder, suffix=".new", delete=False) as file:
            file.write(body)
        Path(file.name).replace(self.folder / name)
        self._held = (self._size() if self._held is None else self._held) + len(body)
        if self._held > self.most:
            self._make_room()

    def _size(self) -> int:
        return sum(entry.stat().st_size for entry in os.scandir(self.folder))

    def _make_room(self) -> None:
        """Leave a tenth free, so that room is not made for every picture."""
        entries = sorted((e.stat().st_mtime, e.stat().st_size, e.path) for e in os.scandir(self.folder))
        held = sum(size for _, size, _ in entries)
        for _, size, path in entries:
            if held <= self.most * 0.9:
                break
            Path(path).unlink(missing_ok=True)
            held -= size
        self._held = held


class Thumbnails:
    """Fetches pictures, each once, one after the other from one host."""

    def __init__(self, folder: Path, most_bytes: int, way: Way) -> None:
        """Prepare; nothing is opened yet.

        Args:
            folder: where pictures are kept.
            most_bytes: how much may be kept.
            way: how to reach the repositories.
        """
        self._shelf, self._way = Shelf(folder, most_bytes), way
        self._session: aiohttp.ClientSession | None = None
        self._hosts: dict[str, asyncio.Lock] = defaultdict(asyncio.Lock)
        self._coming: dict[str, asyncio.Task[bytes]] = {}
        self._failed: dict[str, tuple[float, str]] = {}

    async def of(self, address: str, allowed: Allowed) -> bytes:
        """Answer a picture as WebP.

        Raises:
            NoPicture: it may not be fetched, did not come, or is no picture.
        """
        name = f"{hashlib.blake2b(address.encode(), digest_size=16).hexdigest()}.webp"
        kept = await asyncio.to_thread(self._shelf.take, name)
        if kept is not None:
            return kept
        allowed.check(address)
        if self._way.offline:
            raise NoPicture("this node is offline")
        failed_at, why = self._failed.get(address, (0.0, ""))
        if why and time.monotonic() - failed_at < AGAIN_AFTER:
            raise NoPicture(why)
        if address not in self._coming:
            if len(self._coming) >= MOST_WAITING:
                raise NoPicture("too many pictures are waited for")
            self._coming[address] = asyncio.create_task(self._fetched(name, address, allowed))
        return await asyncio.shield(self._coming[address])  # others wait for it as well

    async def close(self) -> None:
        """Give up what is under way."""
        for task in list(self._coming.values()):
            task.cancel()
            with suppress(asyncio.CancelledError, NoPicture):
                await task
        if self._session is not None:
            await self._session.close()

    async def _fetched(self, name: str, address: str, allowed: Allowed) -> bytes:
        try:
            body = await self._asked(address, allowed)
            picture = await asyncio.to_thread(made_small, body)
            await asyncio.to_thread(self._shelf.put, name, picture)
        except NoPicture as error:
            self._failed[address] = time.monotonic(), str(error)
            while len(self._failed) > MOST_WAITING * 10:
                self._failed.pop(next(iter(self._failed)))
            raise
        else:
            return picture
        finally:
            del self._coming[address]

    async def _asked(self, address: str, allowed: Allowed) -> bytes:
        for _ in range(REDIRECTS + 1):
            allowed.check(address)
            host = urlsplit(address).hostname or ""
            async with self._hosts[host]:
                began = time.monotonic()
                try:
                    async with asyncio.timeout(PATIENCE):
                        status, target, body = await self._get(address)
                except TimeoutError as error:
                    raise NoPicture(f"{host} did not answer within {PATIENCE:g} s") from error
                except (aiohttp.ClientError, OSError) as error:
                    private = isinstance(error, PrivateAddress) or isinstance(error.__cause__, PrivateAddress)
                    why = "leads to no public address" if private else "was not reached"
                    raise NoPicture(f"{host} {why} ({type(error).__name__})") from error
                finally:  # whoever comes next waits, whatever came of this one
                    await asyncio.sleep(max(0.0, began + allowed.pace - time.monotonic()))
            if status not in MOVED:
                return body
            address = str(URL(address).join(URL(target)))
        raise NoPicture(f"{urlsplit(address).hostname} led elsewhere more than {REDIRECTS} times")

    async def _get(self, address: str) -> tuple[int, str, bytes]:
        """Ask once; answer the status, where it leads, and the body."""
        async with self._opened().get(URL(address), allow_redirects=False) as answer:
            if answer.status in MOVED:
                return answer.status, answer.headers.get("Location", ""), b""
            if answer.status != 200:
                raise NoPicture(f"{answer.url.host} answered with status {answer.status}")
            body = bytearray()
            async for part in answer.content.iter_chunked(1 << 16):
                body += part
                if len(body) > LARGEST:
                    raise NoPicture(f"the picture has more than {LARGEST:,} bytes")
            return answer.status, "", bytes(body)

    def _opened(self) -> aiohttp.ClientSession:
        if self._session is None:
            way = self._way
            resolver = PublicOnly(way.resolver or aiohttp.DefaultResolver(), way.networks)
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(resolver=resolver, ssl=way.tls or True, limit=8),
                headers={"User-Agent": way.user_agent, "Accept": "image/*"},
            )
        return self._session


def made_small(body: bytes) -> bytes:
    """Write a picture anew, small, without what was hidden in it.

    Raises:
        NoPicture: it is none of `FORMATS`, broken, or of too many pixels.
    """
    try:
        with Image.open(io.BytesIO(body), formats=FORMATS) as picture:
            if picture.width * picture.height > MOST_PIXELS:
                raise NoPicture(f"the picture has {picture.width} x {picture.height} pixels")
            picture.draft("RGB", (SIDE, SIDE))
            has_alpha = picture.has_transparency_data
            small = picture.convert("RGBA" if has_alpha else "RGB")
    except (UnidentifiedImageError, OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        raise NoPicture(f"what came is no picture ({type(error).__name__})") from error
    small.thumbnail((SIDE, SIDE))
    written = io.BytesIO()
    small.save(written, "WEBP", quality=80)
    return written.getvalue()


async def shown(request: web.Request) -> web.Response:
    """Answer the picture of a record, or a quiet field."""
    kept = await find(request)
    try:
        picture = await _picture(request, kept)
    except NoPicture as error:
        headers = {"Cache-Control": "max-age=60", "X-Headwater-Picture": f"none: {_line(error)}"}
        return _image(_nothing(), "image/svg+xml", headers)
    return _image(picture, "image/webp", {"Cache-Control": f"public, max-age={A_DAY}"})


async def _picture(request: web.Request, kept: Kept) -> bytes:
    node = request.app[NODE]
    address = (kept.stored.get("links") or {}).get("thumbnail")
    if kept.state != "current" or not address:
        raise NoPicture("the record has none")
    if node.thumbnails is None:
        raise NoPicture("this node shows none")
    state = node.states().get(kept.stored["source"])
    return await node.thumbnails.of(address, Allowed.of(state.card if state else {}))


def _image(body: bytes, media_type: str, headers: Mapping[str, str]) -> web.Response:
    safe = {"Content-Security-Policy": "default-src 'none'", "X-Content-Type-Options": "nosniff"}
    return web.Response(body=body, content_type=media_type, headers={**safe, **headers})


def _nothing() -> bytes:
    return files("api.web").joinpath("nothing.svg").read_bytes()


def _line(error: NoPicture) -> str:
    return str(error).encode("ascii", "replace").decode().replace("\r", " ").replace("\n", " ")
