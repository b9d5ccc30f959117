"""Whom we may ask, and at which address.

A source asks the hosts of its card over https and nobody else, redirects included. What a name resolves to is
looked at too, each time it is resolved: an upstream's name that leads to this machine or into the network
around it (by mistake, or rebound on purpose) is refused, unless the operator names that network. aiohttp
connects to the very addresses this resolver answers, so there is no second look-up that could tell
something else.

Proxies are used when configured, never because of the environment alone. Behind a proxy it is the proxy that
resolves the upstream's name, so only the proxy's own address is ours to resolve, and it may be private.
"""

from __future__ import annotations

import ipaddress
import ssl
import urllib.request
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from socket import AddressFamily
from typing import TypeAlias
from urllib.parse import SplitResult, urlsplit

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult

from config.redact import redact
from harvester.errors import Refused

Network: TypeAlias = ipaddress.IPv4Network | ipaddress.IPv6Network
Address: TypeAlias = ipaddress.IPv4Address | ipaddress.IPv6Address

_CARRIES_IPV4 = ipaddress.IPv6Network("64:ff9b::/96")
"""RFC 6052: a translator sends on what stands in the last four bytes."""


@dataclass(frozen=True, slots=True)
class Outbound:
    """How this node reaches the world."""

    networks: tuple[Network, ...] = ()
    """Private networks in which upstreams may be; none by default."""
    proxy: str | None = None
    """Address of a proxy, or "environment" for the one that HTTPS_PROXY and NO_PROXY name."""
    resolver: AbstractResolver | None = None
    """Who resolves names; the system's by default."""
    tls: ssl.SSLContext | None = None
    """Whom to trust; the system's authorities by default."""

    def proxy_for(self, host: str) -> str | None:
        """Answer the proxy through which a host is asked."""
        if self.proxy != "environment":
            return self.proxy
        if urllib.request.proxy_bypass(host):
            return None
        return urllib.request.getproxies().get("https")

    def connector(self) -> aiohttp.TCPConnector:
        """Open a pool of connections that lead to allowed addresses only, each over verified TLS."""
        resolver: AbstractResolver = self.resolver or aiohttp.DefaultResolver()
        if self.proxy is None:
            resolver = PublicOnly(resolver, self.networks)
        return aiohttp.TCPConnector(limit_per_host=4, resolver=resolver, ssl=self.tls or True)


class PrivateAddress(OSError):
    """A name leads nowhere but to addresses that are not the public network's."""


class PublicOnly(AbstractResolver):
    """Resolves names; leaves out addresses of this machine and of the networks around it."""

    def __init__(self, resolver: AbstractResolver, networks: Sequence[Network]) -> None:
        self.resolver, self.networks = resolver, networks

    async def resolve(
        self, host: str, port: int = 0, family: AddressFamily = AddressFamily.AF_INET
    ) -> list[ResolveResult]:
        """Resolve a name.

        Raises:
            PrivateAddress: no address is left.
        """
        found = await self.resolver.resolve(host, port, family)
        allowed = [each for each in found if self._is_allowed(each["host"])]
        if found and not allowed:
            raise PrivateAddress(f"{host} leads to {', '.join(each['host'] for each in found)}")
        return allowed

    def _is_allowed(self, text: str) -> bool:
        address = ipaddress.ip_address(text.partition("%")[0])
        inner = carried(address)
        return is_public(address) or any(inner in network for network in self.networks)

    async def close(self) -> None:
        await self.resolver.close()


def is_public(address: Address) -> bool:
    """Tell whether an address is one of the public network, and of one machine in it."""
    inner = carried(address)
    return inner.is_global and not inner.is_multicast and not inner.is_reserved


def carried(address: Address) -> Address:
    """Answer the IPv4 address that an IPv6 one carries inside (mapped, 6to4, Teredo, NAT64), else itself."""
    if not isinstance(address, ipaddress.IPv6Address):
        return address
    if address in _CARRIES_IPV4:
        return ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    return address.ipv4_mapped or address.sixtofour or (address.teredo or (None, address))[1]


def checked(url: str, hosts: Collection[str], who: str) -> SplitResult:
    """Take an address apart that a source may ask.

    Raises:
        Refused: it is not https on its own port, or not a host of the card, or bears a password.
    """
    parts = urlsplit(url)
    try:
        port = parts.port
    except ValueError:
        port = -1
    if parts.hostname not in hosts:
        raise Refused(f"{who} may not ask {parts.hostname}", url=url, hint="its card names the hosts")
    if parts.scheme != "https" or port not in {None, 443} or parts.username or parts.password:
        where = redact(f"{parts.scheme}://{parts.netloc}")
        raise Refused(f"{who} may not ask {where}", url=url, hint="only https, on its own port")
    return parts
