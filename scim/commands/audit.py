"""`python -m scim audit`: shows who changed what in the console, over HTTP and by commands, the newest first."""

from typing import Any

from scim.access.tenants import as_key
from scim.app import App
from scim.commands.command import Parser, WrongUsage, json_text
from scim.commands.operating import add_paging, first_with, paged, run


def main(arguments: list[str]) -> int:
    """Print rows of the audit; 0 when that was done. Raises what scim/commands/command.py tells."""
    parser = Parser("python -m scim audit", description="Show who changed what: tenants, credentials, webhooks ...")
    parser.add_argument("--tenant", metavar="KEY", default="", help="of one tenant, deleted ones too; default: of all")
    add_paging(parser)
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    asked = parser.parse_args(arguments)
    key = as_key(asked.tenant) if asked.tenant else None
    if asked.tenant and key is None:
        raise WrongUsage(f"'{asked.tenant[:60]}' can be the key of no tenant; `python -m scim tenant list` has them")

    async def work(app: App) -> dict[str, Any]:
        async def page(cursor: str) -> dict[str, Any]:
            found, following = await app.audit.page(key, asked.count, cursor)
            return {"actions": found, "nextCursor": following}

        return await first_with("actions", asked.cursor, page)

    return run(work, _told, asked.json)


def _told(page: dict[str, Any]) -> str:
    lines = [_line(each) for each in page["actions"]] or ["nobody has changed anything"]
    return paged(lines, page["nextCursor"])


def _line(told: dict[str, Any]) -> str:
    """Return an action in one line, and with which values or why it failed in a second one."""
    about = [told.get(name, "") for name in ("tenant", "id", "made")]
    who = [told.get(name, "") for name in ("credential", "client", "address")]
    first = "  ".join(
        str(each) for each in (told["time"], told.get("outcome"), told.get("action"), *about, *who) if each
    )
    given = ", ".join(f"{name}: {json_text(value)}" for name, value in _given(told).items())
    second = "; ".join(each for each in (given, told.get("detail", "")) if each)
    return f"{first}\n    {second}" if second else first


def _given(told: dict[str, Any]) -> dict[str, Any]:
    given = told.get("given")
    return given if isinstance(given, dict) else {}
