"""One question on the wire and the answer to it: what is sent, what is read, what went wrong."""

from __future__ import annotations

import email.utils
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Final
from urllib.parse import urlsplit

import aiohttp

from harvester.belief import TryAgain
from harvester.errors import Changed, Refused
from harvester.guard import PrivateAddress
from harvester.source import Expect

_SECRET: Final = {"authorization", "cookie", "proxy-authorization", "x-api-key"}
"""Headers that are meant for one host."""


@dataclass(frozen=True, slots=True)
class Question:
    """What to ask, in what form the answer is due, and which statuses are answers."""

    method: str
    url: str
    body: bytes | None
    headers: Mapping[str, str]
    expect: Expect
    accept: tuple[int, ...]
    keep: bool = False

    @property
    def variant(self) -> str:
        """What else of a question decides its answer."""
        return next((value for name, value in self.headers.items() if name.lower() == "accept"), "")

    def moved(self, status: int, url: str) -> Question:
        """Answer what to ask after a redirect; credentials stay with the host they are for."""
        see_other = status == 303 and self.method != "HEAD"
        headers = self.headers
        if urlsplit(url).hostname != urlsplit(self.url).hostname:
            headers = {name: value for name, value in headers.items() if name.lower() not in _SECRET}
        method, body = ("GET", None) if see_other else (self.method, self.body)
        return replace(self, url=url, method=method, body=body, headers=headers)


async def read(response: aiohttp.ClientResponse, most: int, url: str | None = None) -> bytes:
    """Read a body as it comes, `most` bytes at most; with an address a larger one is refused, else cut."""
    pieces, size = [], 0
    async for piece in response.content.iter_any():
        pieces.append(piece)
        size += len(piece)
        if size > most:
            if url is not None:
                raise Changed(f"answer larger than {most} bytes", url=url)
            break
    return b"".join(pieces)


@contextmanager
def outages(url: str) -> Iterator[None]:
    """Tell apart what may pass by itself from what a person must look at."""
    try:
        yield
    except aiohttp.ClientConnectorCertificateError as error:
        hint = "nothing was sent; ask the upstream, or look who stands in between"
        what = f"its certificate is not valid ({error.certificate_error})"
        raise Refused(what, url=url, hint=hint) from error
    except aiohttp.ClientConnectorDNSError as error:
        if isinstance(error.os_error, PrivateAddress):
            hint = "if that is meant, name the network in private_networks"
            raise Refused(str(error.os_error), url=url, hint=hint) from error
        raise TryAgain(f"no whole answer ({name_of(error)})") from error
    except (aiohttp.ClientError, TimeoutError) as error:
        overtaxed = not isinstance(error, aiohttp.ClientConnectorError)
        raise TryAgain(f"no whole answer ({name_of(error)})", overtaxed=overtaxed) from error


def clock(response: aiohttp.ClientResponse) -> datetime:
    try:
        return email.utils.parsedate_to_datetime(response.headers["Date"]).astimezone(UTC)
    except (KeyError, ValueError):
        return datetime.now(UTC)


def name_of(error: BaseException) -> str:
    return f"{type(error).__name__}: {error}".rstrip(": ")
