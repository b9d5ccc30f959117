"""Who asks, and how much: the address of a client behind proxies, and its allowance of requests.

An allowance refills all the time and is never more than a quarter of a minute's; what is dear to answer takes
more of it (`COSTS`). This machine itself has no limit. It keeps one client from taking the node from all
others; it is no defense against many.
"""

from __future__ import annotations

import math
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from ipaddress import IPv6Address, IPv6Network, ip_address, ip_network
from typing import TypeAlias

from aiohttp import web

from api.problem import Problem
from config.addresses import Address, Network

Handler: TypeAlias = Callable[[web.Request], Awaitable[web.StreamResponse]]

LOOPBACK: tuple[Network, ...] = (ip_network("127.0.0.0/8"), ip_network("::1/128"))
BURST = 15.0
"""Seconds whose allowance may be used at once: a page with its pictures and some clicks."""
MOST_CLIENTS = 10_000
FREE = frozenset({"/healthz", "/readyz", "/metrics", "/web/{name}"})
COSTS = {
    "/api/v1/export": 10.0, "/api/v1/certificate": 10.0, "/api/v1/rerun": 10.0, "/api/v1/match": 10.0,
    "/explore": 5.0, "/explore/{name}.svg": 2.0, "/records/{id}/thumbnail": 0.1,
}  # fmt: skip
"""Of routes that do not cost one: about what they take beside a search, at a million records."""


@dataclass(slots=True)
class Clients:
    """The clients of a node."""

    a_minute: int = 0
    """Requests each may make; 0 for no limit."""
    proxies: Sequence[Network] = LOOPBACK
    """Whose word is taken for whom they ask."""
    clock: Callable[[], float] = time.monotonic
    _used_until: OrderedDict[str, float] = field(default_factory=OrderedDict)
    """By client: the time at which its allowance will be whole again."""

    def address_of(self, request: web.Request) -> Address | None:
        """Answer where a request comes from; None where it cannot be told.

        Proxies write whom they ask for behind what they were told (X-Forwarded-For), so that the list is read
        from its end, for as long as the one who wrote is a proxy of ours; the rest is anybody's word.
        """
        found = _read(request.remote or "")
        told = [one for line in request.headers.getall("X-Forwarded-For", []) for one in line.split(",")]
        while found is not None and told and any(found in network for network in self.proxies):
            found = _read(told.pop().strip())
        return found

    def take(self, address: Address | None, cost: float = 1.0) -> float:
        """Take from a client's allowance; answer the seconds it must wait first, 0.0 where it got it."""
        if not self.a_minute or (address is not None and address.is_loopback):
            return 0.0
        now, who, share = self.clock(), share_of(address), cost * 60 / self.a_minute
        used_until = max(now, self._used_until.pop(who, now))
        wait = used_until + share - now - max(BURST, share)
        self._used_until[who] = used_until if wait > 0 else used_until + share
        while len(self._used_until) > MOST_CLIENTS:
            self._used_until.popitem(last=False)
        return max(0.0, wait)


CLIENTS: web.AppKey[Clients] = web.AppKey("clients", Clients)


@web.middleware
async def limited(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Let each client have its share.

    Raises:
        Problem: 429, with the seconds after which there is room again.
    """
    clients, resource = request.app[CLIENTS], request.match_info.route.resource
    route = resource.canonical if resource is not None else ""
    wait = 0.0 if route in FREE else clients.take(clients.address_of(request), COSTS.get(route, 1.0))
    if wait:
        seconds = math.ceil(wait)
        message = f"one client may ask {clients.a_minute:,} times a minute here; go on in {seconds} s"
        raise Problem(429, "Too many requests", message, retry_after=seconds)
    return await handler(request)


def _read(text: str) -> Address | None:
    try:
        found = ip_address(text)
    except ValueError:
        return None
    return found.ipv4_mapped or found if isinstance(found, IPv6Address) else found


def share_of(address: Address | None) -> str:
    """Answer who shares an allowance: a network of IPv6 is one client's, who may write any address of it."""
    if isinstance(address, IPv6Address):
        return str(IPv6Network((address, 64), strict=False))
    return str(address)
