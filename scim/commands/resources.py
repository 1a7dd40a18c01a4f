"""`python -m scim users` and `groups`: find and show users and groups; nothing is changed."""

from collections.abc import AsyncIterator, Mapping
from typing import Any

from scim.app import App
from scim.commands.command import Parser, WrongUsage, add_tenant
from scim.commands.operating import run, table
from scim.directory import keys
from scim.directory.stored import Kind, Stored
from scim.protocol.errors import TooMany
from scim.protocol.projection import Projection
from scim.protocol.query import SearchRequest
from scim.protocol.resource import to_json
from scim.service.tenants import TenantService

MOST = 10_000
NAMED = ("userName", "displayName", "externalId")
"""What is compared with what is looked for, and the id."""


def users(arguments: list[str]) -> int:
    """Print users; 0 when that was done. Raises what scim/commands/command.py tells."""
    return _shown("users", "User", arguments)


def groups(arguments: list[str]) -> int:
    """Print groups; 0 when that was done. Raises what scim/commands/command.py tells."""
    return _shown("groups", "Group", arguments)


def _shown(command: str, name: str, arguments: list[str]) -> int:
    parser = Parser(f"python -m scim {command}", description=f"Show the {command} of a tenant; nothing is changed.")
    add_tenant(parser)
    parser.add_argument("--find", metavar="TEXT", default="", help="an id, or part of a name or externalId")
    parser.add_argument("--count", metavar="N", default="100", help="how many at most; default 100")
    parser.add_argument("--json", action="store_true", help="print one JSON object, with all attributes")
    asked = parser.parse_args(arguments)
    if not (asked.count.isascii() and asked.count.isdecimal()) or not 0 < int(asked.count[:9]) <= MOST:
        raise WrongUsage(f"--count must be a whole number from 1 to {MOST}")

    async def work(app: App) -> dict[str, Any]:
        service = await app.serving(asked.tenant)
        kind = service.kinds[name]
        found: list[dict[str, Any]] = []
        async for each in _found(service, kind, asked.find.strip()):
            if len(found) == int(asked.count):
                return {command: found, "more": True}
            found.append(each.resource(""))
        return {command: found, "more": False}

    return run(work, lambda told: _told(command, told), asked.json)


async def _found(service: TenantService, kind: Kind, text: str) -> AsyncIterator[Stored]:
    """Yield whom a text names: by its id or its whole name at once, else all who have it in a part, read one by one."""
    exact = [each async for each in _exact(service, kind, text)] if text else []
    for each in exact:
        yield each
    if exact:
        return
    async for page in service.tenant.pages(kind.prefix):
        for row in page:
            stored = Stored.from_row(kind, row)
            if text.casefold() in "\n".join([str(stored.document.get(name, "")) for name in NAMED]).casefold():
                yield stored


async def _exact(service: TenantService, kind: Kind, text: str) -> AsyncIterator[Stored]:
    if keys.is_id(text.lower()):
        row = await service.tenant.read(kind.key(text.lower()))
        if row is not None:
            yield await service.directory.memberships.attached(Stored.from_row(kind, row))
        return
    wanted = to_json(text)
    request = SearchRequest(filter=f"{kind.naming} eq {wanted} or externalId eq {wanted}")
    try:
        page = await service.search.page([kind], request, {kind.type.name: Projection(kind.type)})
    except TooMany:  # externalId has no look-ups here: everybody is read anyway
        return
    for each in page.resources:
        yield each


def _told(command: str, result: dict[str, Any]) -> str:
    columns = ("id", "userName", "displayName", "externalId", "active") if command == "users" else ("id", *NAMED[1:])
    rows: list[Mapping[str, Any]] = [
        {name: str(each[name]) for name in columns if name in each} for each in result[command]
    ]
    return table(rows, columns, f"no {command}") + ("\nand more; --count shows them" if result["more"] else "")
