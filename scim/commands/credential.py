"""`python -m scim credential`: makes, lists, renews and revokes the credentials of tenants."""

import argparse
from typing import Any

from scim.access.credential import SCOPES, Federation
from scim.access.issuer import CLOUDS
from scim.app import App
from scim.commands.command import Parser, WrongUsage
from scim.commands.operating import add_host, fields, parser_of, run, table, url
from scim.management import documents
from scim.management.administration import CLIENT_LIFE, Issued, Wanted, expiry


def main(arguments: list[str]) -> int:
    """Do what the arguments say; 0 when it was done. Raises what scim/commands/command.py tells."""
    asked = _parser().parse_args(arguments)
    work = {"create": _create, "list": _list, "renew": _renew, "revoke": _revoke, "remove": _remove}[asked.action]
    return run(lambda app: work(app, asked), lambda result: _told(asked, result), asked.json, "credential", asked)


def _parser() -> Parser:
    parser, action = parser_of("credential", "Operate the credentials of tenants.", add_host)
    create = action("create", "make a credential; its secret is shown once")
    create.add_argument("--tenant", metavar="KEY", help="required, but for the scope operator")
    create.add_argument("--scope", choices=SCOPES, required=True)
    create.add_argument("--name", required=True, help="for people: what it is for")
    create.add_argument(
        "--expires", metavar="DATE", help=f"default: never; of a client {CLIENT_LIFE.days // 365} years"
    )
    create.add_argument("--strict", action="store_true", help="refuse what would else be understood or left out")
    create.add_argument("--oauth", action="store_true", help="an OAuth client in place of a token")
    create.add_argument("--federated", action="store_true", help="a client that shows assertions of Entra")
    create.add_argument("--entra-tenant", metavar="TID", help="of a federated client: the directory's tenant id")
    create.add_argument("--subject", metavar="SUB", action="append", help="the object id that assertions name")
    create.add_argument("--audience", metavar="AUD", action="append", help="the audience that assertions name")
    create.add_argument(
        "--cloud", choices=tuple(CLOUDS), default="public", help="of a federated client; default: public"
    )
    listed = action("list", "list the credentials of a tenant, or the operators'")
    listed.add_argument("--tenant", metavar="KEY", help="default: those of operators, who belong to no tenant")
    for name, text in {
        "renew": "make a new one beside it; both are valid until the old one is revoked",
        "revoke": "refuse it from now on",
        "remove": "take one that is not valid any more off the list",
    }.items():
        each = action(name, text)
        each.add_argument("id", metavar="ID")
        if name == "renew":
            each.add_argument("--expires", metavar="DATE")
    return parser


async def _create(app: App, asked: argparse.Namespace) -> dict[str, Any]:
    if (asked.tenant is None) != (asked.scope == "operator"):
        raise WrongUsage("--tenant is required, but for --scope operator, which belongs to none")
    address = await _address(app, asked.tenant or "", asked.host)  # before anything is made
    wanted = Wanted(
        name=asked.name,
        scope=asked.scope,
        oauth=asked.oauth,
        federation=_federation(asked),
        expires=expiry(asked.expires) if asked.expires else None,
        strict=asked.strict,
    )
    return _issued(app, await app.administration.issue(asked.tenant or "", wanted), address)


def _issued(app: App, made: Issued, address: str) -> dict[str, Any]:
    """Return a credential that was just made, with the Tenant URL that it goes with, unless it is an operator's."""
    told = documents.issued(made, app.administration.now, address)
    return {"tenantUrl": address} | told if address else told


async def _address(app: App, tenant: str, host: str | None) -> str:
    """Return the Tenant URL; an operator has none."""
    return url(app, (await app.administration.tenant(tenant)).key, host) if tenant else ""


def _federation(asked: argparse.Namespace) -> Federation | None:
    given = (asked.entra_tenant, asked.subject, asked.audience)
    if not asked.federated:
        if any(given):
            raise WrongUsage("--entra-tenant, --subject and --audience belong to --federated")
        return None
    if asked.oauth or not all(given):
        raise WrongUsage("--federated needs --entra-tenant, --subject and --audience, and goes without --oauth")
    return Federation(asked.entra_tenant, tuple(asked.subject), tuple(asked.audience), asked.cloud)


async def _list(app: App, asked: argparse.Namespace) -> dict[str, Any]:
    listed = await app.administration.credentials(asked.tenant or "")
    return {"credentials": [documents.credential(each, app.administration.now, used) for each, used in listed]}


async def _renew(app: App, asked: argparse.Namespace) -> dict[str, Any]:
    old, _ = await app.administration.credential(asked.id)
    address = await _address(app, old.tenant, asked.host)
    expires = expiry(asked.expires) if asked.expires else None
    return _issued(app, await app.administration.renew(asked.id, expires), address)


async def _revoke(app: App, asked: argparse.Namespace) -> dict[str, Any]:
    return documents.credential(await app.administration.revoke(asked.id), app.administration.now, "")


async def _remove(app: App, asked: argparse.Namespace) -> dict[str, Any]:
    await app.administration.remove(asked.id)
    return {"id": asked.id, "removed": True}


def _told(asked: argparse.Namespace, result: Any) -> str:
    if asked.action == "list":
        columns = ("id", "name", "scope", "kind", "status", "expires", "lastUsed")
        return table(result["credentials"], columns, "no credentials")
    if asked.action not in ("create", "renew"):
        return fields(result)
    words = {
        "tenantUrl": "Tenant URL",
        "clientId": "Client identifier",
        "clientSecret": "Client secret",
        "tokenUrl": "Token endpoint",
        "secretToken": "Secret Token",
    }
    shown = {words[name]: result[name] for name in words if name in result}
    until = f"It expires {result['expires']}." if result["expires"] else "It does not expire."
    once = "The secret is shown this once. " if {"clientSecret", "secretToken"} & set(result) else ""
    mail = {words[name]: result[name] for name in ("tenantUrl", "tokenUrl", "clientId") if name in result}
    lines = [f"Credential {result['id']} ({result['name']}, {result['scope']}).", "", fields(shown), "", once + until]
    if "clientId" in result:
        lines += ["", "To mail, without the secret:", "", fields(mail | {"Expires": result["expires"] or "never"})]
    if asked.action == "renew":
        lines += ["", f"The old one, {asked.id}, stays valid: change the client, then revoke it."]
    return "\n".join(lines)
