"""How the Azure Functions host finds the function for a request, for all that stands in for it on this machine."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from typing import TypeVar
from urllib.parse import unquote


@dataclass(frozen=True, slots=True)
class HttpTrigger:
    """What a function answers: its name, its methods in capitals, and the template of its route."""

    name: str
    methods: frozenset[str]
    route: str

    def match(self, path: str) -> dict[str, str] | None:
        """Return the route's parameters when the path, as on the wire, is the route's, else None.

        Letter case is ignored, and so is one slash at the end. Parameters keep their case and an encoded slash.
        """
        found = _pattern(self.route).fullmatch(path.removeprefix("/").removesuffix("/"))
        if found is None or path.startswith("//"):
            return None
        return {name: _decoded(value) for name, value in found.groupdict().items() if value is not None}


T = TypeVar("T", bound=HttpTrigger)


def in_order(functions: Iterable[T]) -> list[T]:
    """Return functions in the order in which the host tries their routes: by name, whatever the case.

    Templates are not ranked: a catch-all whose name sorts first answers everything. Azure/azure-functions-host,
    FunctionMetadataManager.cs; azure-webjobs-sdk-extensions, WebJobsRouteBuilder.cs; seen under host 4.1037.
    """
    return sorted(functions, key=lambda each: each.name.upper())  # as StringComparer.OrdinalIgnoreCase does


def find(functions: Sequence[T], method: str, path: str) -> tuple[T, dict[str, str]] | None:
    """Return the first of functions `in_order` whose method and template match, with its route's parameters."""
    for function in functions:
        if method in function.methods and (parameters := function.match(path)) is not None:
            return function, parameters
    return None


@cache
def _pattern(route: str) -> re.Pattern[str]:
    return re.compile("/".join(_segment(each) for each in route.split("/")), re.IGNORECASE)


def _segment(template: str) -> str:
    if not template.startswith("{"):
        return re.escape(template)
    name = template.strip("{*}")
    return f"(?P<{name}>.*)" if template.startswith("{*") else f"(?P<{name}>[^/]+)"


def _decoded(value: str) -> str:
    return unquote(value.replace("%2F", "%252F").replace("%2f", "%252f"))
