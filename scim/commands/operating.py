"""What the commands of an operator have in common: an app, the service's address, and how they print."""

import argparse
import asyncio
import getpass
import re
import sys
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from scim.access.audit import given
from scim.app import App, from_environ
from scim.commands.command import DONE, Failure, Parser, add_tenant, json_text, whole_number
from scim.management.parameters import MAX_COUNT
from scim.service import routes
from scim.service.addresses import tenant_url

LOCAL = f"http://127.0.0.1:7071/{routes.PREFIX}"
"""Where `make run` serves, for a store on this machine."""

COMMAND_LINE = "command-line"
"""In place of a credential's id: who runs a command has the store itself."""
PAGES = 50
"""Pages that are read for what is looked for, at most; the last line says how to go on."""
READING = ("list", "show", "test", "download")
"""Actions that change nothing."""

Work = Callable[[App], Awaitable[Any]]


def parser_of(
    command: str, description: str, add: Callable[[Parser], None] = add_tenant
) -> tuple[Parser, Callable[[str, str], argparse.ArgumentParser]]:
    """Return the parser of a command that has actions, and what adds an action: its name, and what it does.

    Each action takes `--json`, and what `add` adds: `--tenant` unless something else is said.
    """
    common = Parser(add_help=False)
    common.add_argument("--json", action="store_true", help="print one JSON object")
    add(common)
    parser = Parser(f"python -m scim {command}", description=description)
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")

    def action(name: str, text: str) -> argparse.ArgumentParser:
        said = f"{text[0].upper()}{text[1:]}."
        return actions.add_parser(name, parents=[common], help=text, description=said)

    return parser, action


def add_host(parser: Parser) -> None:
    """Let a command be told where the service is."""
    parser.add_argument("--host", metavar="URL", help="where the service is; default: SCIM_BASE_URL")


def add_paging(parser: argparse.ArgumentParser) -> None:
    """Let a command show a page, and the ones behind it."""
    parser.add_argument(
        "--count",
        type=whole_number(1, MAX_COUNT),
        metavar="N",
        default=50,
        help=f"how many at most, 1 to {MAX_COUNT}; default 50",
    )
    parser.add_argument("--cursor", metavar="TEXT", default="", help="go on where an earlier page stopped")


async def first_with(name: str, cursor: str, page: Callable[[str], Awaitable[dict[str, Any]]]) -> dict[str, Any]:
    """Return the first page behind a cursor that has something in the list of that name, PAGES of them at most."""
    for _ in range(PAGES):
        found = await page(cursor)
        if found[name] or found["nextCursor"] is None:
            break
        cursor = found["nextCursor"]
    return found


def run(work: Work, tell: Callable[[Any], str], as_json: bool, command: str = "", asked: Any = None) -> int:
    """Do some work on the store that the settings name, beside a process that serves it, and print what came out.

    What changes something is written to the audit, before it is done: as the action of `asked`, what was said on the
    command line, of that command.
    """

    async def done() -> Any:
        app = from_environ(serving=False, existing=True)
        try:
            if not command or asked.action in READING:
                return await work(app)
            return await _audited(app, work, command, vars(asked))
        finally:
            await app.close()

    result = asyncio.run(done())
    sys.stdout.write((json_text(result) if as_json else tell(result)) + "\n")
    return DONE


async def _audited(app: App, work: Work, command: str, asked: Mapping[str, Any]) -> Any:
    said = {name: value for name, value in asked.items() if name not in ("action", "tenant", "key", "id", "json")}
    action = {
        "action": f"{command} {asked['action']}",
        "tenant": asked.get("tenant") or asked.get("key") or "",
        "id": asked.get("id") or "",
        "given": given(said),
        "credential": COMMAND_LINE,
        "client": f"python -m scim, {_user()}",
    }
    return await app.audit.around(action, lambda: work(app), lambda result: (200, result), BaseException)


def _user() -> str:
    """Return the name of who sits at this machine, as far as the machine knows."""
    try:
        return getpass.getuser()[:60]
    except (OSError, KeyError, ImportError):
        return "somebody"


def listed(text: str) -> list[str]:
    """Return the parts of an option that are divided by commas."""
    return [each.strip() for each in text.split(",") if each.strip()]


def url(app: App, key: str, host: str | None) -> str:
    """Return the Tenant URL of a tenant. Raises Failure when nobody says where the service is."""
    default = app.settings.base_url.rstrip("/")
    if host is not None:
        default = f"{host.rstrip('/').removesuffix(f'/{routes.PREFIX}')}/{routes.PREFIX}"  # or a Tenant URL
    elif not default and app.settings.storage.startswith("sqlite:"):
        default = LOCAL
    if not re.fullmatch(r"https?://[!-~]+", default):
        raise Failure("say where the service is: --host https://NAME.azurewebsites.net, or set SCIM_BASE_URL")
    return tenant_url(default, key)


def table(rows: list[Mapping[str, Any]], columns: tuple[str, ...], nothing: str) -> str:
    """Return rows under headings, each column as wide as it has to be."""
    if not rows:
        return nothing
    cells = [list(columns), *[[str(row.get(name) or "-") for name in columns] for row in rows]]
    widths = [max(len(line[number]) for line in cells) for number in range(len(columns))]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)) for line in cells]
    return "\n".join(line.rstrip() for line in lines)


def paged(lines: list[str], cursor: str | None) -> str:
    """Return the lines of a page, and how to go on behind it."""
    return "\n".join([*lines, f"older ones: --cursor {cursor}"] if cursor else lines)


def fields(told: Mapping[str, Any]) -> str:
    """Return an object line by line."""
    width = max(map(len, told))
    return "\n".join(f"{name.ljust(width)}  {_text(value)}" for name, value in told.items() if value is not None)


def _text(value: Any) -> str:
    return json_text(value) if isinstance(value, (dict, list, bool)) else str(value)
