"""What the commands of an operator have in common: an app, the service's address, and how they print."""

import asyncio
import json
import sys
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from scim.app import App, from_environ
from scim.commands.command import DONE, Failure
from scim.service import routes
from scim.service.addresses import tenant_url

LOCAL = f"http://127.0.0.1:7071/{routes.PREFIX}"
"""Where `make run` serves, for a store on this machine."""

Work = Callable[[App], Awaitable[Any]]


def run(work: Work, tell: Callable[[Any], str], as_json: bool) -> int:
    """Do some work on the store that the settings name, beside a process that serves it, and print what came out."""

    async def done() -> Any:
        app = from_environ(serving=False, existing=True)
        try:
            return await work(app)
        finally:
            await app.close()

    result = asyncio.run(done())
    sys.stdout.write((json.dumps(result, ensure_ascii=False) if as_json else tell(result)) + "\n")
    return DONE


def url(app: App, key: str, host: str | None) -> str:
    """Return the Tenant URL of a tenant. Raises Failure when nobody says where the service is."""
    default = app.settings.base_url.rstrip("/")
    if host is not None:
        default = f"{host.rstrip('/')}/{routes.PREFIX}"
    elif not default and app.settings.storage.startswith("sqlite:"):
        default = LOCAL
    if not default.startswith(("https://", "http://")):
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


def fields(told: Mapping[str, Any]) -> str:
    """Return an object line by line."""
    width = max(map(len, told))
    return "\n".join(f"{name.ljust(width)}  {_text(value)}" for name, value in told.items() if value is not None)


def _text(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False) if isinstance(value, (dict, list, bool)) else str(value)
