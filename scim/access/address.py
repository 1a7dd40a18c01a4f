"""The client's address, as far as the proxies between it and the service can be believed."""

import ipaddress


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
    try:
        address = ipaddress.ip_address(_without_port(entries[-1 - trusted_proxies].strip()))
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
