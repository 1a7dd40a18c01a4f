"""What the Azure Functions host does with a request and an answer, for all that stands in for it on this machine.

Each rule says where it is from: a file of Azure/azure-functions-host or azure-webjobs-sdk-extensions, or "seen", which
is host 4.1037 with the Python worker 4.34, watched with a small app on 28 November 2026, not on Azure.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import TypeVar
from urllib.parse import quote

BODY_LIMIT = 16 * 1024 * 1024
"""Bytes of a body that the host takes: FUNCTIONS_REQUEST_BODY_SIZE_LIMIT in infra/main.bicep.

Above them it answers an empty 500 (HttpRequestBodySizeMiddleware.cs; seen).
"""
RESERVED = ("admin", "runtime")
"""What no route may begin with, `administrator` neither (ScriptHost.cs, ValidateHttpFunction)."""
BODILESS = (204, 304)
"""Statuses whose body is dropped (seen)."""
DEFAULT_TYPE = "text/plain; charset=utf-8"
"""The media type of an answer that names none (seen)."""


class BadTarget(Exception):
    """The address of a request is one that the host answers 400 to."""


@dataclass(frozen=True, slots=True)
class Target:
    """What a request asks for: the path, decoded, the query as it was sent, and the host where the target names it."""

    path: str
    query: str
    host: str = ""

    @property
    def url(self) -> str:
        """Path and query as a function sees them in `req.url`: the path encoded anew, the query untouched.

        What is encoded in the decoded path already stays so, as `%25` of `%2525` does (seen; PathString of ASP.NET).
        """
        return _KEPT.sub(lambda found: found[0] if found[0] in _PLAIN or found[1] else quote(found[0]), self.path) + (
            f"?{self.query}" if self.query else ""
        )


_ABSOLUTE = re.compile(r"https?://(?:[^/?#@]*@)?([^/?#]*)(.*)", re.IGNORECASE | re.DOTALL)
_PLAIN = set("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~!$&'()*+,;=:@/")
_KEPT = re.compile(r"(%[0-9A-Fa-f]{2})|[\s\S]")
_ENCODED = re.compile(r"(?:%[0-9A-Fa-f]{2})+")


def target(raw: str) -> Target:
    """Return what the target of a request line asks for.

    Percent-encoded UTF-8 is decoded but for slashes; bytes that are no UTF-8 stay encoded; `.` and `..` are resolved,
    encoded ones too (seen). In absolute form the target names the host, and the header Host does not count (RFC 9112
    §3.2.2); one that is no path, as in `OPTIONS *`, is the root. Raises BadTarget for `%00` (seen).
    """
    absolute = _ABSOLUTE.fullmatch(raw)
    host, rest = absolute.groups() if absolute else ("", raw)
    path, _, query = rest.partition("#")[0].partition("?")
    path = path if path.startswith("/") else f"/{path.lstrip('*')}"
    decoded = _ENCODED.sub(lambda found: _decoded(bytes.fromhex(found[0].replace("%", ""))), path)
    if "\0" in decoded:
        raise BadTarget(raw)
    return Target(_resolved(decoded), query, host)


def _decoded(encoded: bytes) -> str:
    text = encoded.decode("utf-8", "surrogateescape")
    return "".join(
        f"%{ord(each) - 0xDC00:02X}" if "\udc80" <= each <= "\udcff" else "%2F" if each == "/" else each
        for each in text
    )


def _resolved(path: str) -> str:
    parts: list[str] = []
    segments = path.split("/")[1:]
    for number, part in enumerate(segments, 1):
        if part == "..":
            parts = parts[:-1]
        if part not in (".", ".."):
            parts.append(part)
        elif number == len(segments):
            parts.append("")
    return "/" + "/".join(parts)


@dataclass(frozen=True, slots=True)
class HttpTrigger:
    """What a function answers: its name, its methods in capitals, and the template of its route."""

    name: str
    methods: frozenset[str]
    route: str

    def match(self, path: str) -> dict[str, str] | None:
        """Return the route's parameters when the decoded path is the route's, else None.

        Letter case is ignored, and one slash at the end; a path that begins with two is nobody's (seen). Parameters
        keep their case and an encoded slash.
        """
        found = _pattern(self.route).fullmatch(path.removeprefix("/").removesuffix("/"))
        return None if found is None or path.startswith("//") else found.groupdict()


T = TypeVar("T", bound=HttpTrigger)


def in_order(functions: Iterable[T]) -> list[T]:
    """Return functions in the order in which the host tries their routes: by name, whatever the case.

    Templates are not ranked: a catch-all whose name sorts first answers everything (FunctionMetadataManager.cs,
    OrderBy with StringComparer.OrdinalIgnoreCase; WebJobsRouteBuilder.cs; seen). A function is left out when its route
    is RESERVED, or when another one has the same route and method (ScriptHost.cs, HttpRoutesConflict; seen).
    """
    ordered: list[T] = []
    taken: set[tuple[str, str]] = set()
    for function in sorted(functions, key=lambda each: each.name.upper()):
        route = function.route.strip("/").lower()
        claims = {(route, method) for method in function.methods}
        if not route.startswith(RESERVED) and not claims & taken:
            ordered.append(function)
            taken |= claims
    return ordered


def find(functions: Sequence[T], method: str, path: str) -> tuple[T, dict[str, str]] | None:
    """Return the first of functions `in_order` whose method and template match, with its route's parameters.

    None is the host's bare 404, without Allow, also where only the method is another (seen).
    """
    for function in functions:
        if method.upper() in function.methods and (parameters := function.match(path)) is not None:
            return function, parameters
    return None


def joined(headers: Iterable[tuple[str, str]]) -> dict[str, str]:
    """Return headers as a function gets them: names in lower case, repeated ones joined by a comma (seen)."""
    found: dict[str, str] = {}
    for name, value in headers:
        key = name.lower()
        found[key] = f"{found[key]},{value}" if key in found else value
    return found


def passed_on(headers: Mapping[str, str], body: bytes) -> bytes:
    """Return the body that a function gets: none of a chunked one, also beside a Content-Length (seen)."""
    return b"" if "chunked" in headers.get("transfer-encoding", "").lower() else body


def is_sendable(headers: Mapping[str, str]) -> bool:
    """Return whether the host can send an answer's headers; else the client gets an empty 500 (seen)."""
    return all(value.isascii() and "\r" not in value and "\n" not in value for value in headers.values())


@cache
def _pattern(route: str) -> re.Pattern[str]:
    return re.compile("/".join(_segment(each) for each in route.split("/")), re.IGNORECASE)


def _segment(template: str) -> str:
    if not template.startswith("{"):
        return re.escape(template)
    name = template.strip("{*}")
    return f"(?P<{name}>[\\s\\S]*)" if template.startswith("{*") else f"(?P<{name}>[^/]+)"
