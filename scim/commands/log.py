"""`python -m scim log`: shows who came, what failed and why, the newest first."""

from typing import Any

from scim.app import App
from scim.commands.command import Parser, add_tenant
from scim.commands.operating import add_paging, first_with, paged, run
from scim.management import activity


def main(arguments: list[str]) -> int:
    """Print requests; 0 when that was done. Raises what scim/commands/command.py tells."""
    parser = Parser("python -m scim log", description="Show a tenant's requests, the newest first.")
    add_tenant(parser)
    parser.add_argument("--failed", action="store_true", help="those that failed only")
    parser.add_argument("--find", metavar="TEXT", help="those with this text in any part of them")
    parser.add_argument("--user", metavar="TEXT", help="those about the user or group with this id, or in its name")
    parser.add_argument("--since", metavar="TIME", help="not older than that, as 2027-12-31 or with a time behind")
    add_paging(parser)
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    asked = parser.parse_args(arguments)
    parts = {"status": "failed" if asked.failed else "", "text": asked.find, "user": asked.user, "since": asked.since}
    given = {name: value for name, value in parts.items() if value}

    async def work(app: App) -> dict[str, Any]:
        service = await app.serving(asked.tenant)

        async def page(cursor: str) -> dict[str, Any]:
            return await activity.log(service, [*given.items(), ("count", str(asked.count)), ("cursor", cursor)])

        return await first_with("requests", asked.cursor, page)

    return run(work, _told, asked.json)


def _told(page: dict[str, Any]) -> str:
    return paged([_line(each) for each in page["requests"]] or ["no requests"], page["nextCursor"])


def _line(told: dict[str, Any]) -> str:
    """Return a request in one line, and why it failed in a second one."""
    who = told.get("name") or told.get("id", "")
    times = f"{told['times']} times" if told["times"] > 1 else ""
    test = "Test Connection" if told.get("testConnection") else ""
    what = [told["time"], str(told["status"]), told["function"], who, *told.get("attributes", ()), test, times]
    first = "  ".join(each for each in (*what, f"{told['milliseconds']} ms", told.get("client", "")) if each)
    why = ": ".join(each for each in (told.get("scimType", ""), told.get("detail", "")) if each)
    return f"{first}\n    {why}" if why else first
