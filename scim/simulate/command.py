"""The command line."""

import argparse
import asyncio
import json
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NoReturn
from urllib.parse import parse_qsl, urlsplit

from rich.console import Console

from scim.simulate.dialect import FLAG_NAME, Dialects
from scim.simulate.files import UnusableFile, load
from scim.simulate.invention import Invention
from scim.simulate.mapping import EMAIL
from scim.simulate.progress import Progress, Silent, Visible
from scim.simulate.report import show
from scim.simulate.simulation import CannotStart, Plan, as_json, simulate
from scim.simulate.transport import Wire
from scim.simulate.turnover import Rates

LOCAL = "http://127.0.0.1:7071/scim/v2"
EQUAL, DIFFERENT, UNUSABLE, INTERRUPTED = 0, 1, 2, 130
_MATCHING = {"userName": "userName", "externalId": "externalId", "email": EMAIL}


class UnusableOptions(Exception):
    """The command line cannot be carried out; the text says what to change."""


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise UnusableOptions(f"{message}. See --help.")


def main(argv: Sequence[str]) -> int:
    """Play Entra as the options say; return 0 when equal, 1 when not, 2 when it could not start."""
    try:
        options = _parser().parse_args(argv)
        plan = _plan(options)
        outcome = asyncio.run(simulate(plan, _progress(options)))
    except (UnusableOptions, UnusableFile, CannotStart) as error:
        return _refuse(str(error), "--json" in argv)
    except KeyboardInterrupt:
        sys.stderr.write("simulate: interrupted; --clean-only deletes what was created.\n")
        return INTERRUPTED
    if options.json:
        sys.stdout.write(json.dumps(as_json(plan, outcome), indent=2, ensure_ascii=False) + "\n")
    else:
        show(plan, outcome, Console(width=None if sys.stdout.isatty() else 140))
    return EQUAL if outcome.success else DIFFERENT


def _refuse(reason: str, for_machines: bool) -> int:
    line = " ".join(reason.split())
    sys.stderr.write(f"simulate: {line}\n")
    if for_machines:
        sys.stdout.write(json.dumps({"equal": None, "success": False, "error": line}, ensure_ascii=False) + "\n")
    return UNUSABLE


def _progress(options: argparse.Namespace) -> Progress:
    if options.quiet or options.json or not sys.stderr.isatty():
        return Silent()
    return Visible(Console(stderr=True))


def _plan(options: argparse.Namespace) -> Plan:
    if options.clean_only and options.directory:
        raise UnusableOptions("--clean-only knows its objects by the seed; without --directory, please")
    invention = Invention(options.seed)
    if options.directory:
        directory = load(options.directory)
    else:
        directory = invention.directory(options.users, options.groups, options.members)
    cycles = options.cycles if options.cycles is not None else (0 if options.directory else 3)
    rates = Rates(
        options.joiners, options.movers, options.leavers, options.renames, options.restores, options.team_changes
    )
    return Plan(
        wire=Wire(_url(options.tenant_url), _token(options), options.timeout, options.max_wait, options.rate),
        directory=directory,
        invention=invention,
        invented=not options.directory,
        dialect=options.dialect or _dialect(options.tenant_url),
        match=_MATCHING[options.match],
        cycles=cycles,
        rates=rates,
        delete_after=options.delete_after,
        retries=options.retries,
        concurrency=options.concurrency,
        members_per_patch=options.members_per_patch,
        page_size=options.page_size,
        clean=options.clean,
        clean_only=options.clean_only,
    )


def _url(text: str) -> str:
    parts = urlsplit(text)
    if parts.scheme not in ("http", "https") or not parts.netloc:
        raise UnusableOptions(f"{text} is no Tenant URL; write it as https://host/scim/v2")
    return text


def _dialect(tenant_url: str) -> str:
    """The flag in the Tenant URL chooses its dialect, as it does in Entra."""
    flags = dict(parse_qsl(urlsplit(tenant_url).query, keep_blank_values=True))
    return "flag" if FLAG_NAME in flags else "both"


def _token(options: argparse.Namespace) -> str:
    token: str | None = options.token
    if options.token_file:
        try:
            token = Path(options.token_file).read_text(encoding="utf-8").strip()
        except (OSError, UnicodeDecodeError) as error:
            raise UnusableOptions(f"--token-file {options.token_file} cannot be read: {error}") from error
    if not token:
        raise UnusableOptions("the secret token is missing; pass it with --token or --token-file")
    if not token.isascii() or not token.isprintable() or " " in token:
        raise UnusableOptions("the token must be printable ASCII without spaces, as a header holds it")
    return token


def _number(least: float, most: float, read: Callable[[str], float]) -> Callable[[str], float]:
    def number(text: str) -> float:
        try:
            value = read(text)
        except ValueError:
            raise argparse.ArgumentTypeError(f"{text} is not a number") from None
        if not least <= value <= most:
            raise argparse.ArgumentTypeError(f"{text} is not between {least:g} and {most:g}")
        return value

    return number


def _count(least: int, most: int) -> Callable[[str], float]:
    return _number(least, most, int)


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(
        prog="python -m scim simulate",
        description="Plays Microsoft Entra's provisioning service against a SCIM endpoint, then compares.",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    parser.add_argument("tenant_url", nargs="?", default=LOCAL, help="where the endpoint is, up to before /Users")
    parser.add_argument("--token", help="the secret token, sent as Bearer")
    parser.add_argument("--token-file", type=Path, help="a file that holds the secret token")
    _source_options(parser.add_argument_group("source directory"))
    _cycle_options(parser.add_argument_group("cycles"))
    _wire_options(parser.add_argument_group("requests"))
    parser.add_argument("--json", action="store_true", help="print one JSON document instead of tables")
    parser.add_argument("--quiet", action="store_true", help="no progress bars")
    parser.add_argument("--clean", action="store_true", help="at the end, delete what this seed has created")
    parser.add_argument("--clean-only", action="store_true", help="only delete what this seed has created")
    return parser


def _source_options(group: argparse._ArgumentGroup) -> None:
    group.add_argument("--directory", type=Path, metavar="FILE", help="a .csv or .json file, instead of inventing")
    group.add_argument("--users", type=_count(0, 1_000_000), default=50, help="users to invent")
    group.add_argument("--groups", type=_count(0, 100_000), default=5, help="groups to invent")
    group.add_argument("--members", type=_count(0, 1_000_000), default=10, help="members of each invented group")
    group.add_argument("--seed", type=_count(0, 2**63), default=1, help="the same seed invents the same")


def _cycle_options(group: argparse._ArgumentGroup) -> None:
    percent, rates = _number(0, 100, float), Rates()
    group.add_argument("--cycles", type=_count(0, 10_000), help="incremental cycles; 3, or 0 with --directory")
    group.add_argument("--joiners", type=percent, default=rates.joiners, help="percent of the users, each cycle")
    group.add_argument("--movers", type=percent, default=rates.movers, help="percent of the users")
    group.add_argument("--leavers", type=percent, default=rates.leavers, help="percent of the users, disabled")
    group.add_argument("--renames", type=percent, default=rates.renames, help="percent of the users")
    group.add_argument("--restores", type=percent, default=rates.restores, help="percent of the leavers")
    group.add_argument("--team-changes", type=percent, default=rates.teams, help="percent of the groups")
    group.add_argument("--delete-after", type=_count(1, 10_000), default=2, help="cycles from leaving to deletion")
    group.add_argument("--retries", type=_count(0, 100), default=3, help="extra cycles at the end for what failed")


def _wire_options(group: argparse._ArgumentGroup) -> None:
    group.add_argument("--dialect", choices=Dialects.NAMES, help="both; flag when the Tenant URL holds the flag")
    group.add_argument("--match", choices=sorted(_MATCHING), default="userName", help="matching attribute of users")
    group.add_argument("--concurrency", type=_count(1, 1_000), default=8, help="requests at a time")
    group.add_argument("--rate", type=_number(0, 100_000, float), default=0.0, help="requests a second, 0 is any")
    group.add_argument("--timeout", type=_number(0.1, 600, float), default=30.0, help="seconds for one answer")
    group.add_argument(
        "--max-wait", type=_number(0, 600, float), default=5.0, help="most seconds that Retry-After may ask for"
    )
    group.add_argument("--members-per-patch", type=_count(1, 100_000), default=100, help="members in one PATCH")
    group.add_argument("--page-size", type=_count(1, 10_000), default=100, help="count of the list requests")
