"""The routes of the service as data: what the function app registers and what the catch-all looks paths up in."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from urllib.parse import unquote

from scim.access.credential import Scope
from scim.access.tenants import DEFAULT_KEY

TEMPLATE = "{tenant}/v2"
"""What all SCIM routes begin with: a tenant's key, and the version of SCIM."""
PREFIX = f"{DEFAULT_KEY}/v2"
"""The same for the default tenant: its Tenant URL is the host with this path."""
CATCH_ALL = "{*path}"
ANYWHERE = "ZAnywhere"
"""The function behind CATCH_ALL. The host tries functions in the order of their names, so this one must sort last."""
TOKEN = f"{TEMPLATE}/oauth/token"
"""Where OAuth clients of a tenant get access tokens."""
METADATA = ".well-known/{document}/{tenant}/v2"
"""Where clients learn of that. RFC 8414 §3.1, RFC 9728 §3.1."""
MANAGE = "manage/v1/{*path}"
"""What manages tenants: one function, since most processes never need it."""
METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")
SEARCH = ".search"
"""What a path ends with to search by POST; it is no id, although a host may take it for one."""


@dataclass(frozen=True, slots=True)
class Route:
    """One function: its name in the portal, its methods, its path below the Tenant URL, and what it does.

    `operation` is the name of a method of Operations; `scope` is what a credential must be for, None where it takes
    none; `resource_type` says for whose resources, `cache` what answers say in Cache-Control that do not say it
    themselves.
    """

    name: str
    methods: tuple[str, ...]
    path: str
    operation: str
    scope: Scope | None
    resource_type: str = ""
    cache: str = ""

    def match(self, path: str) -> dict[str, str] | None:
        """Return the parameters of a path below the prefix, or None when it is another one's; case is ignored."""
        found = _pattern(self.path).fullmatch(path)
        return {name: unquote(value) for name, value in found.groupdict().items()} if found else None


def matched(template: str, path: str) -> dict[str, str] | None:
    """Return the parameters of a path that a template matches, decoded; None when it does not. Case is ignored."""
    found = _template(template).fullmatch(path)
    return {name: unquote(value) for name, value in found.groupdict().items()} if found else None


@cache
def _template(template: str) -> re.Pattern[str]:
    return re.compile(re.sub(r"\\{(\w+)\\}", r"(?P<\1>[^/]+)", re.escape(template)), re.IGNORECASE)


@cache
def _pattern(path: str) -> re.Pattern[str]:
    parameter = f"(?P<id>(?!{re.escape(SEARCH)}$)[^/]+)"
    return re.compile(re.escape(path).replace(r"\{id\}", parameter), re.IGNORECASE)


def _of_resources(name: str, plural: str) -> tuple[Route, ...]:
    return (
        Route(f"Create{name}", ("POST",), plural, "create", "provision", name),
        Route(f"List{plural}", ("GET", "HEAD"), plural, "list", "read", name),
        Route(f"Search{plural}", ("POST",), f"{plural}/{SEARCH}", "search", "read", name),
        Route(f"Get{name}", ("GET", "HEAD"), f"{plural}/{{id}}", "get", "read", name),
        Route(f"Replace{name}", ("PUT",), f"{plural}/{{id}}", "replace", "provision", name),
        Route(f"Patch{name}", ("PATCH",), f"{plural}/{{id}}", "patch", "provision", name),
        Route(f"Delete{name}", ("DELETE",), f"{plural}/{{id}}", "delete", "provision", name),
    )


ROUTES = (
    *_of_resources("User", "Users"),
    *_of_resources("Group", "Groups"),
    Route("Search", ("POST",), SEARCH, "search", "read"),
    Route("Bulk", ("POST",), "Bulk", "bulk", "provision"),
    Route("ListSchemas", ("GET", "HEAD"), "Schemas", "list_schemas", "read"),
    Route("GetSchema", ("GET", "HEAD"), "Schemas/{id}", "get_schema", "read"),
    Route("ListResourceTypes", ("GET", "HEAD"), "ResourceTypes", "list_resource_types", "read"),
    Route("GetResourceType", ("GET", "HEAD"), "ResourceTypes/{id}", "get_resource_type", "read"),
    Route("GetServiceProviderConfig", ("GET", "HEAD"), "ServiceProviderConfig", "get_service_provider_config", "read"),
    Route("GetAccess", ("GET", "HEAD"), "access", "access", "events", cache="no-store"),
    Route("SearchAccess", ("POST",), f"access/{SEARCH}", "search_access", "events", cache="no-store"),
    Route("ListEvents", ("GET", "HEAD"), "events", "events", "events", cache="no-store"),
    Route("PollSets", ("POST",), "events/sets/{id}", "poll_sets", "events", cache="no-store"),
    Route("GetKeys", ("GET", "HEAD"), "events/jwks", "get_keys", None, cache="no-store"),
    Route("Me", ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"), "Me", "me", "read"),
    Route("Root", ("GET", "HEAD"), "", "list", "read"),
)
"""RFC 7644 §3.2, the literal paths before those with a parameter."""

APPLICATION = frozenset(each.name for each in ROUTES if each.scope in ("events", None))
"""What the application behind the service calls, again and again, and what says nothing of how provisioning does."""


def inside(path: str) -> tuple[str, str | None]:
    """Return the tenant's key in a path and what lies below the Tenant URL; None and the default key for another path.

    Doubled slashes are ignored.
    """
    segments = [each for each in path.split("/") if each]
    if len(segments) < 2 or segments[1].lower() != "v2":
        return DEFAULT_KEY, None
    return segments[0], "/".join(segments[2:])


def find(method: str, path: str) -> tuple[Route, dict[str, str]] | None:
    """Return the route of a path below the prefix, with its parameters; doubled and trailing slashes are ignored."""
    for route, parameters in _matching(path):
        if method in route.methods:
            return route, parameters
    return None


def allowed(path: str) -> list[str]:
    """Return the methods that a path takes, sorted; none when there is no such path."""
    methods = {method for route, _ in _matching(path) for method in route.methods}
    return sorted(methods | {"OPTIONS"}) if methods else []


def _matching(path: str) -> Iterable[tuple[Route, dict[str, str]]]:
    path = "/".join(part for part in path.split("/") if part)
    for route in ROUTES:
        if (parameters := route.match(path)) is not None:
            yield route, parameters
