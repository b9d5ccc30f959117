"""A live upstream on loopback: https by a certificate of our own, under the names of `CARD.hosts`.

Replicas are asked without what spares an upstream. Who tests that - paces, pauses, breakers, addresses, kept
answers - needs a client that believes it asks the world; its resolver leads there, and nowhere else.
"""

from __future__ import annotations

import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from ipaddress import ip_network
from pathlib import Path
from socket import AddressFamily

from aiohttp import web
from aiohttp.abc import AbstractResolver, ResolveResult
from aiohttp.test_utils import TestServer

from harvester.guard import Outbound
from harvester.http import Http, Manners, Polite
from harvester.sources import empiar
from tests.conftest import IMPATIENT

HOST, OTHER = "www.example.org", "data.example.org"
URL = f"https://{HOST}/thing"
CARD = replace(empiar.card, name="toy", hosts=(HOST, OTHER), pace=0.0)
LOOPBACK = ip_network("127.0.0.0/8")
PEM = Path(__file__).parent / "tls" / "loopback.pem"

Answering = Callable[[web.Request], Awaitable[web.StreamResponse]]


@dataclass
class Names(AbstractResolver):
    """Resolves every name to these addresses, in turn; the last one for ever."""

    port: int = 443
    addresses: list[str] = field(default_factory=lambda: ["127.0.0.1"])
    asked: list[str] = field(default_factory=list)

    async def resolve(
        self, host: str, port: int = 0, family: AddressFamily = AddressFamily.AF_INET
    ) -> list[ResolveResult]:
        self.asked.append(host)
        address = self.addresses[min(len(self.asked), len(self.addresses)) - 1]
        return [ResolveResult(hostname=host, host=address, port=self.port, family=family, proto=0, flags=0)]

    async def close(self) -> None:
        pass


@dataclass
class Upstream:
    """What a test looks at: the client, its origin, and what arrived."""

    http: Http
    names: Names
    asked: list[web.Request]

    def client(self) -> Polite:
        return self.http.client(CARD)


def trusting() -> ssl.SSLContext:
    return ssl.create_default_context(cafile=str(PEM))


@asynccontextmanager
async def live(
    answer: Answering,
    *,
    manners: Manners = IMPATIENT,
    shared: Path | None = None,
    outbound: Outbound | None = None,
) -> AsyncIterator[Upstream]:
    asked: list[web.Request] = []

    async def door(request: web.Request) -> web.StreamResponse:
        asked.append(request)
        return await answer(request)

    app = web.Application()
    app.router.add_route("*", "/{path:.*}", door)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(PEM)
    server = TestServer(app, scheme="https")
    await server.start_server(ssl=context)
    names = Names(server.port or 0)
    way = replace(outbound or Outbound(networks=(LOOPBACK,), tls=trusting()), resolver=names)
    try:
        async with Http(user_agent="Headwater/9 (+me)", manners=manners, shared=shared, outbound=way) as http:
            yield Upstream(http, names, asked)
    finally:
        await server.close()


def always(response: Callable[[], web.Response]) -> Answering:
    """Answer every request alike."""

    async def answer(_request: web.Request) -> web.StreamResponse:
        return response()

    return answer


def in_turn(*responses: Callable[[], web.Response]) -> Answering:
    """Answer with these, the last one for ever."""
    count = 0

    async def answer(_request: web.Request) -> web.StreamResponse:
        nonlocal count
        count += 1
        return responses[min(count, len(responses)) - 1]()

    return answer


def good(body: bytes = b'{"a": 1}', **headers: str) -> Callable[[], web.Response]:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return lambda: web.Response(body=body, headers=named)


def bad(status: int, **headers: str) -> Callable[[], web.Response]:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return lambda: web.Response(status=status, headers=named)
