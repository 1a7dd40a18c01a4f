"""Which addresses a webhook may have: those of the internet, and what the operator allows besides."""

import asyncio
import ipaddress
import re
import socket
from collections.abc import Awaitable, Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from urllib.parse import urlsplit

from scim.protocol.errors import InvalidValue

MAX_URL = 2_000
HTTPS = 443
NAMES_AT_ONCE = 64
"""Names that are looked up at a time, each on a thread of these: one whose server does not answer holds it for as long
as the resolver tries, whoever waits for it. The threads that all share look up the store, too, and are five or six."""
_HOST = re.compile(r"[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?|\[[0-9a-f:.]+\]")
_NUMBER = re.compile(r"(.*\.)?([0-9]+|0x[0-9a-f]*)")
"""A host that ends in a number, which resolvers take for an IPv4 address in another form, such as 2130706433, 127.1 or
0x7f.1 (https://url.spec.whatwg.org/#ends-in-a-number-checker)."""

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network
Resolve = Callable[[str], Awaitable[list[str]]]
"""Returns the addresses of a host's name. Raises OSError where it has none."""


_THREADS = ThreadPoolExecutor(NAMES_AT_ONCE, "names")


def _networks(*texts: str) -> tuple[Network, ...]:
    return tuple(map(ipaddress.ip_network, texts))


_NEVER = _networks("0.0.0.0/8", "169.254.0.0/16", "168.63.129.16/32", "192.0.0.0/24", "224.0.0.0/3", "fe80::/10")
"""Not even where the operator allows the host: this network, link-local with the instance metadata service, Azure's own
services (https://learn.microsoft.com/azure/virtual-network/what-is-ip-address-168-63-129-16), protocol assignments,
multicast and reserved."""
_NOT_GLOBAL = _networks(
    "10.0.0.0/8",
    "100.64.0.0/10",
    "127.0.0.0/8",
    "172.16.0.0/12",
    "192.0.2.0/24",
    "192.31.196.0/24",
    "192.52.193.0/24",
    "192.88.99.0/24",
    "192.168.0.0/16",
    "192.175.48.0/24",
    "198.18.0.0/15",
    "198.51.100.0/24",
    "203.0.113.0/24",
    "2001::/23",
    "2001:db8::/32",
    "3fff::/20",
)
"""The rest of what the IANA registries of special-purpose addresses have (RFC 6890); of IPv6 within 2000::/3, since all
outside of it is refused. Python's `is_global` differs from one version to the next."""
_UNICAST = ipaddress.IPv6Network("2000::/3")
_PRIVATE = _networks("10.0.0.0/8", "100.64.0.0/10", "172.16.0.0/12", "192.168.0.0/16", "fc00::/7")
"""Where receivers may be that the operator allows."""


@dataclass(frozen=True, slots=True)
class AddressRules:
    """What of the rules depends on the deployment.

    `allowed`: hosts, as `name` or `name:port`, that may have private addresses, or that port. `own`: names of this
    service itself. `loopback`: whether http and addresses of this machine are taken, as on a developer's own.
    """

    allowed: frozenset[str] = frozenset()
    own: frozenset[str] = frozenset()
    loopback: bool = False

    def check_url(self, url: str) -> None:
        """Raise InvalidValue unless a webhook may have this URL, as far as that shows without asking for its host."""
        if len(url) > MAX_URL or not url.isascii() or not url.isprintable() or " " in url or "\\" in url:
            raise InvalidValue(f"url must be up to {MAX_URL:,} ASCII characters without blanks; a name in punycode.")
        try:
            parts = urlsplit(url)
            host, port = (parts.hostname or "").lower(), parts.port
        except ValueError:
            raise InvalidValue("url must be an address such as https://app.contoso.com/scim-events.") from None
        if not _HOST.fullmatch(f"[{host}]" if ":" in host else host):
            raise InvalidValue("url must name a host, as in https://app.contoso.com/scim-events.")
        if "@" in parts.netloc or parts.fragment:
            raise InvalidValue("url must have no user name, no password and no fragment.")
        self._check_scheme(parts.scheme, host, port)
        if host.rstrip(".") in self.own:
            raise InvalidValue("url must not be an address of this service itself.")
        literal = literal_of(host)
        if literal is not None:
            self.check_address(host, literal)
        elif _NUMBER.fullmatch(host):
            raise InvalidValue(f"url must have an IPv4 address as four decimal numbers, not as {host[:60]}.")

    def _check_scheme(self, scheme: str, host: str, port: int | None) -> None:
        if self.loopback and scheme in ("http", "https") and _is_loopback(host):
            return
        if scheme != "https":
            raise InvalidValue("url must begin with https://, also for a receiver in a private network.")
        if port not in (None, HTTPS) and f"{host}:{port}" not in self.allowed:
            raise InvalidValue(f"url must have port 443, unless SCIM_WEBHOOK_HOSTS allows {host}:{port}.")

    def check_address(self, host: str, text: str, own: Iterable[Network] = ()) -> None:
        """Raise InvalidValue unless a request may go to this address of the host; `own` are networks of ours."""
        try:
            address = ipaddress.ip_address(text)
        except ValueError:  # with a zone, as in fe80::1%eth0
            raise InvalidValue(f"{host} has the address {text[:60]}, which is not one of the internet.") from None
        if self.loopback and address.is_loopback and _is_loopback(host):
            return
        for each in _unwrapped(address):
            if _in(each, _NEVER) or each.is_multicast:
                raise InvalidValue(f"{host} has the address {address}, to which nothing is sent.")
            if self._allows(host) and _in(each, _PRIVATE):
                continue
            if _in(each, _NOT_GLOBAL) or _in(each, own) or (each.version == 6 and each not in _UNICAST):
                raise InvalidValue(
                    f"{host} has the address {address}, which is not one of the internet. An operator can allow"
                    " a receiver in a private network by SCIM_WEBHOOK_HOSTS."
                )

    def _allows(self, host: str) -> bool:
        return any(each.rpartition(":")[0] == host or each == host for each in self.allowed)


def _unwrapped(address: Address) -> list[Address]:
    """Return an address with those that are written within it: IPv4-mapped, NAT64 (RFC 6052), 6to4 (RFC 3056).

    An address that only wraps another one is judged by that one.
    """
    if isinstance(address, ipaddress.IPv4Address):
        return [address]
    if address.ipv4_mapped is not None:
        return [address.ipv4_mapped]
    if address in ipaddress.IPv6Network("64:ff9b::/96"):
        return [ipaddress.IPv4Address(int(address) & 0xFFFFFFFF), address]
    return [address.sixtofour, address] if address.sixtofour is not None else [address]


def _in(address: Address, networks: Iterable[Network]) -> bool:
    return any(address.version == each.version and address in each for each in networks)


def literal_of(host: str) -> str | None:
    """Return the host if it is an address itself, without brackets."""
    try:
        return str(ipaddress.ip_address(host.strip("[]")))
    except ValueError:
        return None


def _is_loopback(host: str) -> bool:
    literal = literal_of(host)
    return host == "localhost" or (literal is not None and ipaddress.ip_address(literal).is_loopback)


async def resolve(host: str) -> list[str]:
    """Return the addresses of a name, by the resolver of this machine."""
    look = partial(socket.getaddrinfo, host, None, type=socket.SOCK_STREAM)
    found = await asyncio.get_running_loop().run_in_executor(_THREADS, look)
    return list(dict.fromkeys(str(each[4][0]) for each in found))


async def own_networks(resolve_name: Resolve = resolve) -> tuple[Network, ...]:
    """Return the networks that the addresses of this machine lie in, as far as its own name tells: /24 and /64."""
    try:
        addresses = map(ipaddress.ip_address, await resolve_name(socket.gethostname()))
        return tuple(ipaddress.ip_network((each, 24 if each.version == 4 else 64), strict=False) for each in addresses)
    except (OSError, ValueError):  # a machine need not know its own name
        return ()
