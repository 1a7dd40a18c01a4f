"""`python -m scim stream`: makes, lists and ends the streams in which receivers fetch Security Event Tokens."""

import argparse
from typing import Any

from scim.app import App
from scim.commands.command import Parser, whole_number
from scim.commands.operating import fields, listed, parser_of, run, table, url
from scim.service.events import MAX_WAIT

ACTIONS = {
    "list": "list the streams of a tenant, and how they fare",
    "bind": "let another credential fetch, in place of the one that does",
    "restart": "go on with what happens from now on; what was not acknowledged is let go",
    "delete": "take it away; its credential stays",
}


def main(arguments: list[str]) -> int:
    """Do what the arguments say; 0 when it was done. Raises what scim/commands/command.py tells."""
    asked = _parser().parse_args(arguments)
    return run(lambda app: _work(app, asked), lambda result: _told(asked, result), asked.json, "stream", asked)


def _parser() -> Parser:
    parser, action = parser_of("stream", "Operate the streams of Security Event Tokens.")
    create = action("create", "make a stream, and print where it is fetched")
    create.add_argument("--types", metavar="A,B", default="", help="those events alone; default: all")
    create.add_argument(
        "--wait",
        type=whole_number(0, MAX_WAIT),
        metavar=f"0..{MAX_WAIT}",
        help="seconds for which an empty answer is held open",
    )
    create.add_argument(
        "--credential", metavar="ID", default="", help="of the scope events, which alone may fetch; default: a new one"
    )
    create.add_argument("--host", metavar="URL", help="where the service is, https://NAME.azurewebsites.net")
    for name, text in ACTIONS.items():
        each = action(name, text)
        if name != "list":
            each.add_argument("id", metavar="ID")
        if name == "bind":
            each.add_argument("--credential", metavar="ID", required=True, help="of the scope events")
    return parser


async def _work(app: App, asked: argparse.Namespace) -> dict[str, Any]:
    streams = await app.streams(asked.tenant)
    match asked.action:
        case "create":
            issuer = url(app, asked.tenant, asked.host)
            return await streams.create(issuer, listed(asked.types), asked.wait, asked.credential)
        case "list":
            return {"streams": await streams.all()}
        case "bind":
            return await streams.bind(asked.id, asked.credential)
        case "restart":
            return await streams.restart(asked.id)
    await streams.delete(asked.id)
    return {"id": asked.id, "deleted": True}


def _told(asked: argparse.Namespace, result: dict[str, Any]) -> str:
    if asked.action == "list":
        columns = ("id", "credential", "acknowledgedUpTo", "waiting", "dropped", "created")
        return table(result["streams"], columns, "no streams")
    return fields(result)
