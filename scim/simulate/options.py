"""The options of the command line, as a table."""

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import Any, NoReturn
from urllib.parse import urlsplit

from yarl import URL

from scim.simulate.job.dialect import Dialects
from scim.simulate.source.mapping import EMAIL
from scim.simulate.source.turnover import Rates

LOCAL = "http://127.0.0.1:7071/scim/v2"
MATCHING = {"userName": "userName", "externalId": "externalId", "email": EMAIL}


class UnusableOptions(Exception):
    """The command line cannot be carried out; the text says what to change."""


class Parser(argparse.ArgumentParser):
    """Reads options; what is wrong with them is UnusableOptions."""

    def error(self, message: str) -> NoReturn:
        raise UnusableOptions(f"{message}. See --help.")


def _number(least: float, most: float, read: Callable[[str], float] = float) -> Callable[[str], float]:
    """Return the type of an option that is a number within limits."""

    def number(text: str) -> float:
        try:
            value = read(text)
        except ValueError:
            raise argparse.ArgumentTypeError(f"{text} is not a number") from None
        if not least <= value <= most:
            raise argparse.ArgumentTypeError(f"{text} is not between {least:,.12g} and {most:,.12g}")
        return value

    return number


def _count(least: int, most: int) -> Callable[[str], float]:
    return _number(least, most, int)


_PERCENT = _number(0, 100)
TIMEOUT = _number(0.1, 600)
"""The type of an option that is how many seconds an answer is waited for."""
_RATES = Rates()

# Group -> option, type or choices, default, meaning.
_OPTIONS: dict[str, tuple[tuple[str, Any, Any, str], ...]] = {
    "source directory": (
        ("--directory", Path, None, "a .csv or .json file with users and groups, instead of inventing them"),
        ("--users", _count(0, 1_000_000), 50, "users to invent"),
        ("--groups", _count(0, 100_000), 5, "groups to invent"),
        ("--members", _count(0, 1_000_000), 10, "members of each invented group"),
        ("--seed", _count(0, 2**63), 1, "the same seed invents the same directory and the same changes"),
    ),
    "changes between cycles": (
        ("--cycles", _count(0, 10_000), None, "incremental cycles after the initial one: 3, or 0 with --directory"),
        ("--joiners", _PERCENT, _RATES.joiners, "new users in a cycle, percent of the users"),
        ("--movers", _PERCENT, _RATES.movers, "users with another address and department, percent"),
        ("--leavers", _PERCENT, _RATES.leavers, "users disabled, percent"),
        ("--renames", _PERCENT, _RATES.renames, "users with another name and userName, percent"),
        ("--restores", _PERCENT, _RATES.restores, "chance in a cycle that a leaver comes back, percent"),
        ("--team-changes", _PERCENT, _RATES.teams, "groups with other members, percent of the groups"),
        ("--delete-after", _count(1, 10_000), 2, "cycles from disabling a leaver to deleting"),
        ("--retries", _count(0, 100), 3, "extra cycles at the end for what failed"),
    ),
    "requests": (
        ("--dialect", Dialects.NAMES, None, "how PATCH is written: both, or flag when the Tenant URL holds the flag"),
        ("--match", sorted(MATCHING), "userName", "the matching attribute of users"),
        ("--concurrency", _count(1, 1_000), 8, "requests at a time"),
        ("--rate", _number(0, 100_000), 0, "most requests a second, 0 for as many as can be"),
        ("--timeout", TIMEOUT, 30, "seconds to wait for an answer"),
        ("--max-wait", _number(0, 600), 5, "most seconds that Retry-After may ask for"),
        ("--members-per-patch", _count(1, 100_000), 100, "members in one PATCH"),
        ("--page-size", _count(1, 10_000), 100, "resources on one page when lists are read"),
    ),
}
_SWITCHES = (
    ("--json", "print one JSON document instead of tables"),
    ("--quiet", "no progress bars"),
    ("--clean", "at the end, delete everything that this seed has created"),
    ("--clean-only", "only delete everything that this seed has created"),
)


def add_endpoint(made: argparse.ArgumentParser) -> None:
    """Let a command be told which endpoint it is about."""
    made.add_argument("tenant_url", nargs="?", default=LOCAL, help="the Tenant URL, up to before /Users (%(default)s)")
    made.add_argument("--token", help="the secret token, sent as Bearer")
    made.add_argument("--token-file", type=Path, help="a file that holds the secret token")


def parser() -> argparse.ArgumentParser:
    """Return the parser; its errors raise UnusableOptions."""
    made = Parser(
        prog="python -m scim simulate",
        description="Plays Microsoft Entra's provisioning service against a SCIM endpoint, then compares.",
    )
    add_endpoint(made)
    for title, options in _OPTIONS.items():
        group = made.add_argument_group(title)
        for name, kind, default, meaning in options:
            accepts = {"type": kind} if callable(kind) else {"choices": kind}
            shown = meaning if default is None else f"{meaning} (%(default)s)"
            group.add_argument(name, default=default, help=shown, **accepts)
    for name, meaning in _SWITCHES:
        made.add_argument(name, action="store_true", help=meaning)
    return made


def usable_url(text: str) -> str:
    """Return a Tenant URL as it was given. Raises UnusableOptions when it is none."""
    try:
        URL(text)
        usable = urlsplit(text).scheme in ("http", "https") and bool(urlsplit(text).hostname)
    except ValueError:
        usable = False
    if not usable or any(letter.isspace() for letter in text):
        raise UnusableOptions(f"{text or repr(text)} is no Tenant URL; write it as https://host/scim/v2")
    return text


def secret_token(options: argparse.Namespace) -> str:
    """Return the token that --token or --token-file gives. Raises UnusableOptions when it can be none."""
    token: str | None = options.token
    if options.token_file:
        try:
            token = Path(options.token_file).read_text(encoding="utf-8").strip()
        except (OSError, UnicodeDecodeError) as error:
            reason = error.strerror if isinstance(error, OSError) else "it is no text"
            raise UnusableOptions(f"--token-file {options.token_file} cannot be read: {reason}") from error
    if not token:
        raise UnusableOptions("the secret token is missing; pass it with --token or --token-file")
    if not token.isascii() or not token.isprintable() or " " in token:
        raise UnusableOptions("the token must be printable ASCII without spaces, as a header holds it")
    return token
