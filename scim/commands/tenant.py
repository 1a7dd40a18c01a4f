"""`python -m scim tenant`: makes, shows, changes, suspends and deletes tenants, and tests them as Entra does."""

import argparse
import asyncio
import json
import urllib.error
import urllib.request
import uuid
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import quote

from scim.access.tenants import DEFAULT_KEY
from scim.app import App
from scim.commands.command import Failure, Parser, WrongUsage
from scim.commands.operating import add_host, fields, listed, parser_of, run, table, url
from scim.directory.guards import MODES
from scim.management import documents
from scim.management.administration import GRACE, NOW, Wanted

DEFAULT = "default"
"""In place of a value: the one that the settings of the service give."""
OFF = "off"
TEST_SECONDS = 30
TEST_LIFE = timedelta(minutes=5)


def main(arguments: list[str]) -> int:
    """Do what the arguments say; 0 when it was done. Raises what scim/commands/command.py tells."""
    asked = _parser().parse_args(arguments)
    work = {
        "create": _create,
        "list": _list,
        "show": _show,
        "rename": _rename,
        "suspend": _suspend,
        "resume": _resume,
        "delete": _delete,
        "change": _change,
        "schema": _schema,
        "guard": _guard,
        "test": _test,
    }[asked.action]
    command = "" if _only_shows(asked) else "tenant"
    return run(lambda app: work(app, asked), lambda result: _told(asked, result), asked.json, command, asked)


def _only_shows(asked: argparse.Namespace) -> bool:
    """Whether an action that can change something lists what there is, which the audit does not tell of."""
    if asked.action == "schema":
        return asked.add is None and asked.remove is None
    return asked.action == "guard" and asked.group is None


def _parser() -> Parser:
    parser, action = parser_of("tenant", "Operate the tenants of a deployment.", add_host)
    keyed = {
        "show": "show a tenant",
        "suspend": "close it: requests are answered as with a wrong token",
        "resume": "open it again",
        "delete": f"close it, and drop all that it has in {GRACE.days} days",
        "rename": "give it another name",
        "change": "change what it has of its own",
        "schema": "list, add or remove its own extension schemas",
        "guard": "list, or with --group change, the groups that keep their last active member",
        "test": "do what Entra's Test Connection does",
    }
    create = action("create", "make a tenant, and its first token")
    create.add_argument("--name", required=True, help="for people; it shows in no address")
    action("list", "list the tenants")
    made = {name: action(name, text) for name, text in keyed.items()}
    for each in made.values():
        each.add_argument("key", metavar="KEY", help="the segment of its Tenant URL")
    made["rename"].add_argument("--name", required=True)
    made["delete"].add_argument("--now", action="store_true", help="drop it with the next run of the timer")
    made["change"].add_argument("--retention-days", metavar="N|default", help="days that its change rows are kept")
    made["change"].add_argument("--event-retention-days", metavar="N|default", help="days that its events are kept")
    made["change"].add_argument("--journal-days", metavar="N|default", help="days that its log is kept")
    made["change"].add_argument("--rate", metavar="N|default", help="requests a second of one credential")
    made["change"].add_argument("--burst", metavar="N|default", help="requests at once after a pause")
    made["change"].add_argument("--filterable", metavar="A,B|default", help="attributes that are fast to find")
    made["change"].add_argument("--seats", metavar="N|default", help="the most active users; default: any number")
    made["guard"].add_argument("--group", metavar="GROUP", help="its displayName, externalId or id")
    made["guard"].add_argument(
        "--guard", choices=(*MODES, OFF), help="default: on; strict refuses also to disable or delete the last one"
    )
    made["schema"].add_argument("--add", metavar="FILE", help="a schema document")
    made["schema"].add_argument("--remove", metavar="URN")
    return parser


async def _create(app: App, asked: argparse.Namespace) -> dict[str, Any]:
    url(app, DEFAULT_KEY, asked.host)  # fails before anything is made
    record, first = await app.administration.create(asked.name)
    return documents.tenant(record, url(app, record.key, asked.host)) | {"secretToken": first.secret}


async def _list(app: App, asked: argparse.Namespace) -> dict[str, Any]:
    found = await app.administration.tenants()
    return {"tenants": [documents.tenant(each, url(app, each.key, asked.host)) for each in found]}


async def _show(app: App, asked: argparse.Namespace) -> dict[str, Any]:
    record = await app.administration.tenant(asked.key)
    return documents.tenant(record, url(app, record.key, asked.host))


async def _rename(app: App, asked: argparse.Namespace) -> dict[str, Any]:
    await app.administration.change(asked.key, {"name": asked.name})
    return await _show(app, asked)


async def _suspend(app: App, asked: argparse.Namespace) -> dict[str, Any]:
    await app.administration.suspend(asked.key)
    return await _show(app, asked)


async def _resume(app: App, asked: argparse.Namespace) -> dict[str, Any]:
    await app.administration.resume(asked.key)
    return await _show(app, asked)


async def _delete(app: App, asked: argparse.Namespace) -> dict[str, Any]:
    await app.administration.delete(asked.key, NOW if asked.now else GRACE)
    return await _show(app, asked)


_NUMBERS = {
    "retentionDays": "retention_days",
    "eventRetentionDays": "event_retention_days",
    "journalDays": "journal_days",
    "rate": "rate",
    "burst": "burst",
    "seats": "seats",
}


async def _change(app: App, asked: argparse.Namespace) -> dict[str, Any]:
    changes: dict[str, Any] = {}
    for name, option in _NUMBERS.items():
        if (text := getattr(asked, option)) is not None:
            changes[name] = _number(f"--{option.replace('_', '-')}", text)
    if asked.filterable is not None:
        names = listed(asked.filterable)
        changes["filterable"] = None if asked.filterable == DEFAULT else names
    if not changes:
        raise WrongUsage("name what to change; --help lists what there is")
    await app.administration.change(asked.key, changes)
    return await _show(app, asked)


def _number(option: str, text: str) -> int | None:
    if text == DEFAULT:
        return None
    if not (text.isascii() and text.isdecimal()) or len(text) > 10:
        raise WrongUsage(f"{option} must be a whole number, or {DEFAULT}, not '{text[:40]}'")
    return int(text)


async def _schema(app: App, asked: argparse.Namespace) -> dict[str, Any]:
    if asked.add is not None:
        await app.administration.put_schema(asked.key, _document(asked.add))
    if asked.remove is not None:
        await app.administration.remove_schema(asked.key, asked.remove)
    return {"schemas": await app.administration.schemas(asked.key)}


async def _guard(app: App, asked: argparse.Namespace) -> dict[str, Any]:
    if asked.group is None:
        if asked.guard is not None:
            raise WrongUsage("--guard needs a --group")
        return {"groups": await app.group_guards.all(asked.key)}
    if asked.guard == OFF:
        return {"groups": await app.group_guards.end(asked.key, asked.group)}
    return {"groups": await app.group_guards.guard(asked.key, asked.group, asked.guard or MODES[0])}


def _document(path: str) -> Any:
    try:
        return json.loads(Path(path).read_text(encoding="utf-8"))
    except OSError as error:
        raise Failure(f"{path}: {error.strerror}") from error
    except ValueError as error:
        raise Failure(f"{path}: no JSON in UTF-8: {error}") from error


async def _test(app: App, asked: argparse.Namespace) -> dict[str, Any]:
    """Ask for a user that there is not, over HTTP, with a token that lives for five minutes and is removed again.

    That is what Entra asks when an administrator presses Test Connection.
    """
    record = await app.administration.tenant(asked.key)
    address = url(app, record.key, asked.host)
    wanted = Wanted("tenant test", "read", expires=app.administration.now + TEST_LIFE)
    issued = await app.administration.issue(record.key, wanted)
    try:
        status, text = await asyncio.to_thread(_asked, address, issued.secret)
    finally:
        await app.administration.revoke(issued.credential.id)
        await app.administration.remove(issued.credential.id)
    try:
        body = json.loads(text)
    except ValueError:
        body = None
    fine = status == 200 and isinstance(body, dict) and body.get("totalResults") == 0
    if not fine:
        told = body.get("detail") if isinstance(body, dict) else None
        raise Failure(f"{address} answers {status}: {told or 'no SCIM message; is this the service?'}")
    return {"key": record.key, "tenantUrl": address, "status": status, "ok": True}


def _asked(address: str, token: str) -> tuple[int, str]:
    filter_text = quote(f'userName eq "{uuid.uuid4()}"')
    request = urllib.request.Request(  # noqa: S310 - the address is the operator's own, http or https
        f"{address}/Users?filter={filter_text}", headers={"Authorization": f"Bearer {token}"}
    )
    try:
        with urllib.request.urlopen(request, timeout=TEST_SECONDS) as answer:  # noqa: S310 - likewise
            return answer.status, answer.read(1_000_000).decode(errors="replace")
    except urllib.error.HTTPError as error:
        return error.code, error.read(1_000_000).decode(errors="replace")
    except OSError as error:
        raise Failure(f"{address} cannot be reached: {getattr(error, 'reason', error)}") from error


def _told(asked: argparse.Namespace, result: Any) -> str:
    if asked.action == "list":
        return table(result["tenants"], ("key", "name", "status", "tenantUrl"), "no tenants")
    if asked.action == "schema":
        return "\n".join(each["id"] for each in result["schemas"]) or "no schemas of its own"
    if asked.action == "guard":
        return table(result["groups"], ("id", "displayName", "guard"), "no guarded groups")
    if asked.action == "test":
        return f"{result['tenantUrl']} answers as Entra's Test Connection wants it"
    if asked.action == "create":
        return CREATED.format(**result)
    return fields(result)


CREATED = """\
The tenant {name} is made. For Entra, under Provisioning, Admin Credentials:

  Tenant URL    {tenantUrl}
  Secret Token  {secretToken}

The token is shown this once. Pass it on by a way for secrets. To mail:

  Your directory is ready. In Microsoft Entra open the enterprise application, Provisioning, Admin Credentials.
  Tenant URL: {tenantUrl}
  The Secret Token reaches you by another way. Press Test Connection, then save.
"""
