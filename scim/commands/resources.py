"""`python -m scim users` and `groups`: find and show users and groups; nothing is changed."""

from collections.abc import AsyncIterator, Mapping
from typing import Any

from scim.app import App
from scim.commands.command import Parser, add_tenant, whole_number
from scim.commands.operating import run, table
from scim.directory.stored import Kind, Stored
from scim.management.roster import Roster
from scim.service.tenants import TenantService

MOST = 10_000
PAGE = 200


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
    parser.add_argument(
        "--count", type=whole_number(1, MOST), metavar="N", default=100, help="how many at most; default 100"
    )
    parser.add_argument("--json", action="store_true", help="print one JSON object, with all attributes")
    asked = parser.parse_args(arguments)

    async def work(app: App) -> dict[str, Any]:
        service = await app.serving(asked.tenant)
        kind = service.kinds[name]
        found: list[dict[str, Any]] = []
        async for each in _found(service, kind, asked.find.strip()):
            if len(found) == asked.count:
                return {command: found, "more": True}
            found.append(each.resource(""))
        return {command: found, "more": False}

    return run(work, lambda told: _told(command, told), asked.json)


async def _found(service: TenantService, kind: Kind, text: str) -> AsyncIterator[Stored]:
    """Yield whom a text names, a page after the other; one found by id with memberships."""
    roster, cursor = Roster(service), ""
    while True:
        found, cursor = await roster.found(kind.type.name, text, PAGE, cursor)
        for each in found:
            whole = each.id == text.lower()
            yield await service.directory.memberships.attached(each) if whole else each
        if not cursor:
            return


def _told(command: str, result: dict[str, Any]) -> str:
    columns = (
        ("id", "userName", "displayName", "externalId", "active")
        if command == "users"
        else ("id", "displayName", "externalId")
    )
    rows: list[Mapping[str, Any]] = [
        {name: str(each[name]) for name in columns if name in each} for each in result[command]
    ]
    return table(rows, columns, f"no {command}") + ("\nand more; --count shows them" if result["more"] else "")
