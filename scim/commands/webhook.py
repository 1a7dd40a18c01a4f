"""`python -m scim webhook`: makes, shows, stops, replays and tests the webhooks of tenants."""

import argparse
import sys
from typing import Any

from scim.app import App
from scim.commands.command import Failure, Parser, json_text
from scim.commands.operating import fields, listed, parser_of, run, table, url
from scim.security_events.session import SUBJECT_FORMATS
from scim.webhooks.webhook import FORMS

ACTIONS = {
    "list": "list the webhooks of a tenant",
    "show": "show one: its last success and failure, and how far it is behind",
    "enable": "deliver again, from where it stopped unless --from says otherwise",
    "disable": "deliver nothing until it is enabled",
    "delete": "take it away",
    "rotate": "give it a new secret; the old one signs too for 24 hours",
    "replay": "deliver again from a cursor on; without --from, what was skipped",
    "test": "send one event of the type webhook.test, or one token, and tell what came of it",
}


def main(arguments: list[str]) -> int:
    """Do what the arguments say; 0 when it was done. Raises what scim/commands/command.py tells."""
    asked = _parser().parse_args(arguments)
    return run(lambda app: _work(app, asked), lambda result: _told(asked, result), asked.json, "webhook", asked)


def _parser() -> Parser:
    parser, action = parser_of("webhook", "Operate the webhooks of tenants.")
    create = action("create", "make a webhook, and print what its receiver has to know")
    create.add_argument("--url", required=True, help="https://..., where events are sent to")
    create.add_argument("--types", metavar="A,B", default="", help="those events alone; default: all")
    create.add_argument(
        "--on-failure",
        choices=("stop", "skip"),
        default="stop",
        help="after the last attempt of an event: be disabled, or leave it out after six; default: stop",
    )
    create.add_argument(
        "--form",
        choices=FORMS,
        default="standard",
        help="events signed by Standard Webhooks, or Security Event Tokens by RFC 8935; default: standard",
    )
    create.add_argument(
        "--session-revoked",
        choices=SUBJECT_FORMATS,
        default="",
        help="with security-event: one more token when a user's sessions end, for a receiver that knows users so",
    )
    create.add_argument(
        "--subject-issuer", metavar="URL", default="", help="with iss_sub: who has given users their externalId"
    )
    create.add_argument("--host", metavar="URL", help="with security-event: where the service is")
    for name, text in ACTIONS.items():
        each = action(name, text)
        if name != "list":
            each.add_argument("id", metavar="ID")
        if name in ("enable", "replay"):
            each.add_argument("--from", dest="cursor", metavar="CURSOR|latest", default="")
    return parser


async def _work(app: App, asked: argparse.Namespace) -> dict[str, Any]:
    webhooks = await app.webhooks(asked.tenant)
    match asked.action:
        case "create":
            issuer = url(app, asked.tenant, asked.host) if asked.form == "security-event" else ""
            return await webhooks.create(
                asked.url,
                listed(asked.types),
                asked.on_failure,
                asked.form,
                issuer=issuer,
                session_revoked=asked.session_revoked,
                subject_issuer=asked.subject_issuer,
            )
        case "list":
            return {"webhooks": await webhooks.all()}
        case "show":
            return await webhooks.show(asked.id)
        case "enable":
            return await webhooks.enable(asked.id, asked.cursor)
        case "disable":
            return await webhooks.disable(asked.id)
        case "rotate":
            return await webhooks.rotate(asked.id)
        case "replay":
            return await webhooks.replay(asked.id, asked.cursor)
        case "delete":
            await webhooks.delete(asked.id)
            return {"id": asked.id, "deleted": True}
    told = await webhooks.test(asked.id)
    if not told["ok"]:
        if asked.json:
            sys.stdout.write(json_text(told) + "\n")
        raise Failure(f"the test failed after {told['milliseconds']} ms: {told['error']}")
    return told


def _told(asked: argparse.Namespace, result: dict[str, Any]) -> str:
    if asked.action == "list":
        return table(result["webhooks"], ("id", "url", "form", "enabled", "onFailure", "created"), "no webhooks")
    return fields(result)
