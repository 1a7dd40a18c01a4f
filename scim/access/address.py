"""The client's address, as far as the proxies between it and the service can be believed."""

import ipaddress
import logging
from collections.abc import Sequence
from functools import lru_cache

from scim.protocol.errors import Forbidden

Network = ipaddress.IPv4Network | ipaddress.IPv6Network

MAX_ENTRY = 100
"""Characters of an entry of X-Forwarded-For; an address with a port has fewer than half of that."""

logger = logging.getLogger(__name__)


class Permitted:
    """The addresses from which the management and its page may be used: all, unless networks are given.

    `setting` is what lists them, for who is refused.
    """

    def __init__(self, networks: Sequence[str] = (), setting: str = "SCIM_MANAGE_ADDRESSES") -> None:
        self._networks: list[Network] = [ipaddress.ip_network(each) for each in networks]
        self._setting = setting

    def check(self, address: str) -> None:
        """Return where a client's address, as `client_address` reads it, may come in; "" is one that nobody knows.

        Raises Forbidden, naming the address, as the log does: who has locked himself out learns what to list.
        """
        if not self._networks or (address and self._has(address)):
            return
        seen = address or "that could not be read"
        logger.warning("refused: the address %s is not in %s", seen, self._setting)
        raise Forbidden(f"Requests from the address {seen} are not let in; {self._setting} lists those that are.")

    def _has(self, address: str) -> bool:
        read = ipaddress.ip_address(address)
        return any(read in each for each in self._networks)


def client_address(forwarded_for: str, trusted_proxies: int = 0) -> str:
    """Return the address from which a request came, in its shortest form; "" when none can be read.

    `forwarded_for` is X-Forwarded-For as the host hands it on, repeated headers joined by commas. Each proxy adds at
    the end the address that called it, so the last entry is what Azure's front end saw, with the port (`1.2.3.4:5678`,
    `[v6]:port`). Whatever stands further left a client may have made up, but for as many entries as the operator's own
    `trusted_proxies` have added; where there are fewer, somebody went around these. An IPv4 address in the form of
    IPv6 is the IPv4 address.
    """
    entries = forwarded_for.rsplit(",", trusted_proxies + 1)
    if len(entries) <= trusted_proxies:
        return ""
    entry = entries[-1 - trusted_proxies].strip()
    return _read(entry) if len(entry) <= MAX_ENTRY else ""


@lru_cache(1_000)
def _read(entry: str) -> str:
    try:
        address = ipaddress.ip_address(_without_port(entry))
    except ValueError:
        return ""
    if isinstance(address, ipaddress.IPv6Address):
        if address.scope_id:
            return ""
        address = address.ipv4_mapped or address
    return str(address)


def _without_port(entry: str) -> str:
    if entry.startswith("["):
        host, bracket, port = entry[1:].partition("]")
        return host if bracket and (not port or _is_port(port)) else ""
    host, colon, port = entry.partition(":")
    return host if colon and _is_port(f":{port}") else entry


def _is_port(text: str) -> bool:
    return text.startswith(":") and text[1:].isascii() and text[1:].isdecimal()
