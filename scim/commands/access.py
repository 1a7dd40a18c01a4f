"""`python -m scim access`: maps groups of a tenant to the roles of the application behind it."""

import argparse
from typing import Any

from scim.app import App
from scim.commands.command import Parser
from scim.commands.operating import fields, parser_of, run, table
from scim.directory.resources import Origin
from scim.management import documents

ORIGIN = Origin(client="python -m scim access")


def main(arguments: list[str]) -> int:
    """Do what the arguments say; 0 when it was done. Raises what scim/commands/command.py tells."""
    asked = _parser().parse_args(arguments)
    work = {"map": _map, "list": _list, "unmap": _unmap}[asked.action]
    return run(lambda app: work(app, asked), lambda result: _told(asked, result), asked.json, "access", asked)


def _parser() -> Parser:
    parser, action = parser_of("access", "Map groups to the roles of the application.")
    action("list", "list the groups that give roles")
    for name, text in {"map": "let a group give a role", "unmap": "let it give a role no more"}.items():
        each = action(name, text)
        each.add_argument("--group", metavar="GROUP", required=True, help="its displayName, externalId or id")
        each.add_argument("--role", metavar="ROLE", required=name == "map", help=_role_help(name))
    return parser


def _role_help(name: str) -> str:
    return "what the application calls it" if name == "map" else "default: all that the group gives"


async def _map(app: App, asked: argparse.Namespace) -> dict[str, Any]:
    roles = (await app.serving(asked.tenant)).roles
    return documents.access(await roles.map(asked.group, asked.role, ORIGIN))


async def _unmap(app: App, asked: argparse.Namespace) -> dict[str, Any]:
    roles = (await app.serving(asked.tenant)).roles
    return documents.access(await roles.unmap(asked.group, asked.role, ORIGIN))


async def _list(app: App, asked: argparse.Namespace) -> dict[str, Any]:
    found = await (await app.serving(asked.tenant)).roles.mappings()
    return {"groups": [documents.access(each) for each in found]}


def _told(asked: argparse.Namespace, result: Any) -> str:
    if asked.action != "list":
        return fields(result)
    rows = [each | {"roles": ", ".join(each["roles"])} for each in result["groups"]]
    return table(rows, ("displayName", "roles", "id", "externalId"), "no group gives a role")
