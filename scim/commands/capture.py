"""`python -m scim capture`: keeps what a client really sends, for up to an hour, and shows it."""

import argparse
from typing import Any

from scim.app import App
from scim.commands.command import Parser, json_text, whole_number
from scim.commands.operating import add_paging, fields, paged, parser_of, run, table
from scim.directory.capture import MAX_MINUTES, MAX_REQUESTS
from scim.management.captures import DEFAULT_MINUTES, VALUES

ACTIONS = {
    "start": "keep whole requests and answers from now on",
    "stop": "keep no more; what is kept stays for its day",
    "list": "list what was kept, the newest first",
    "show": "show one request and its answer",
    "download": "print the last capture as a recording that can be replayed",
}


def main(arguments: list[str]) -> int:
    """Do what the arguments say; 0 when it was done. Raises what scim/commands/command.py tells."""
    asked = _parser().parse_args(arguments)
    return run(lambda app: _work(app, asked), lambda result: _told(asked, result), asked.json, "capture", asked)


def _parser() -> Parser:
    parser, action = parser_of("capture", "Keep what a client sends to a tenant, for a day.")
    made = {name: action(name, text) for name, text in ACTIONS.items()}
    for name, default, most in (
        ("--minutes", DEFAULT_MINUTES, MAX_MINUTES),
        ("--requests", MAX_REQUESTS, MAX_REQUESTS),
    ):
        text = f"at most so many, 1 to {most}; default {default}"
        made["start"].add_argument(name, type=whole_number(1, most), metavar="N", default=default, help=text)
    made["start"].add_argument("--values", choices=VALUES, default=VALUES[0], help="whether values are masked")
    add_paging(made["list"])
    made["show"].add_argument("id", metavar="ID")
    return parser


async def _work(app: App, asked: argparse.Namespace) -> Any:
    captures = await app.captures(asked.tenant)
    match asked.action:
        case "start":
            return await captures.start(asked.minutes, asked.requests, asked.values)
        case "stop":
            return await captures.stop()
        case "list":
            return await captures.show(asked.count, asked.cursor)
        case "show":
            return await captures.exchange(asked.id)
    return await captures.download()


def _state(capture: dict[str, Any] | None) -> str:
    if capture is None or not capture["running"]:
        return "nothing is being captured"
    return f"captured until {capture['until']}: {capture['taken']} of up to {capture['requests']} requests so far"


def _told(asked: argparse.Namespace, result: Any) -> str:
    if asked.action == "list":
        columns = ("id", "time", "method", "target", "status", "bytesSent")
        listed = table(result["exchanges"], columns, "nothing was captured")
        return paged([_state(result["capture"]), listed], result["nextCursor"])
    if asked.action in ("show", "download"):
        return json_text(result, indent=2)
    capture = result.get("capture", result)
    return fields(capture) if capture else "nothing is captured"
