"""Which network addresses are public, and a resolver that answers no others.

Both sides need it: upstreams are asked (`harvester/guard.py`) and subscribers are told (`api/herald.py`), and
neither an upstream's name nor an address a stranger gives may lead to this machine or the network around it.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence
from socket import AddressFamily
from typing import TypeAlias

from aiohttp.abc import AbstractResolver, ResolveResult

Network: TypeAlias = ipaddress.IPv4Network | ipaddress.IPv6Network
Address: TypeAlias = ipaddress.IPv4Address | ipaddress.IPv6Address

_CARRIES_IPV4 = ipaddress.IPv6Network("64:ff9b::/96")
"""RFC 6052: a translator sends on what stands in the last four bytes."""


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
