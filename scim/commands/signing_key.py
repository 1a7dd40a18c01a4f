"""`python -m scim signing-key`: makes the key that signs Security Event Tokens, and puts a new one before it."""

import argparse
from typing import Any

from scim.app import App
from scim.commands.command import Parser
from scim.commands.operating import fields, parser_of, run
from scim.security_events.signing import ALGORITHMS, key_of, new_pem

ACTIONS = {
    "create": "make the first key, without which there are no security events",
    "rotate": "make a new key; receivers find the old one's public half for as long as its version is enabled",
}


def main(arguments: list[str]) -> int:
    """Do what the arguments say; 0 when it was done. Raises what scim/commands/command.py tells."""
    asked = _parser().parse_args(arguments)
    return run(lambda app: _work(app, asked), fields, asked.json, "signing-key", asked)


def _parser() -> Parser:
    parser, action = parser_of("signing-key", "Make the key that signs Security Event Tokens.", _add_algorithm)
    for name, text in ACTIONS.items():
        action(name, text)
    return parser


def _add_algorithm(parser: Parser) -> None:
    parser.add_argument("--algorithm", choices=ALGORITHMS, default=ALGORITHMS[0], help="default: ES256")


async def _work(app: App, asked: argparse.Namespace) -> dict[str, Any]:
    pem = new_pem(asked.algorithm)
    kept = await app.signing_keys.add(pem, first=asked.action == "create")
    made = key_of(pem)
    return {"kid": made.kid, "algorithm": made.algorithm, "kept": kept}
