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

import ssl
import urllib.request
from collections.abc import Collection
from dataclasses import dataclass
from urllib.parse import SplitResult, urlsplit

import aiohttp
from aiohttp.abc import AbstractResolver

from config.addresses import Network, PrivateAddress, PublicOnly, is_public
from config.redact import redact
from harvester.errors import Refused

__all__ = ["Outbound", "PrivateAddress", "PublicOnly", "checked", "is_public"]


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
