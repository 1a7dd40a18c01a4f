"""The command line."""

import argparse
import asyncio
import json
import sys
from collections.abc import Sequence
from urllib.parse import parse_qsl, urlsplit

from rich.console import Console

from scim.simulate.job.dialect import FLAG_NAME
from scim.simulate.job.progress import Progress, Silent, Visible
from scim.simulate.options import MATCHING, UnusableOptions, parser, secret_token, usable_url
from scim.simulate.report.outcome import Plan, as_json
from scim.simulate.report.tables import show
from scim.simulate.simulation import CannotStart, simulate
from scim.simulate.source.files import UnusableFile, load
from scim.simulate.source.invention import Invention
from scim.simulate.source.turnover import Rates
from scim.simulate.wire.transport import Wire

EQUAL, FAILED, WRONG_USAGE, INTERRUPTED = 0, 1, 2, 130


def main(argv: Sequence[str]) -> int:
    """Play Entra as the options say.

    Returns 0 when equal, 1 when not or when the endpoint does not pass Test Connection, 2 when the options are wrong.
    """
    try:
        options = parser().parse_args(argv)
        plan = _plan(options)
        outcome = asyncio.run(simulate(plan, _progress(options)))
    except (UnusableOptions, UnusableFile) as error:
        return _refuse(WRONG_USAGE, str(error), "--json" in argv)
    except CannotStart as error:
        return _refuse(FAILED, str(error), "--json" in argv)
    except KeyboardInterrupt:
        sys.stderr.write("scim simulate: interrupted; --clean-only deletes what was created.\n")
        return INTERRUPTED
    if options.json:
        sys.stdout.write(json.dumps(as_json(plan, outcome), indent=2) + "\n")
    else:
        show(plan, outcome, Console(width=None if sys.stdout.isatty() else 140))
    return EQUAL if outcome.success else FAILED


def _refuse(code: int, reason: str, for_machines: bool) -> int:
    line = " ".join(reason.split())
    sys.stderr.write(f"scim simulate: {line}\n")
    if for_machines:
        sys.stdout.write(json.dumps({"equal": None, "success": False, "error": line}) + "\n")
    return code


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
    url, token = usable_url(options.tenant_url), secret_token(options)
    return Plan(
        wire=Wire(url, token, options.timeout, options.max_wait, options.rate),
        directory=directory,
        invention=invention,
        invented=not options.directory,
        dialect=options.dialect or _dialect(options.tenant_url),
        match=MATCHING[options.match],
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


def _dialect(tenant_url: str) -> str:
    """The flag in the Tenant URL chooses its dialect, as it does in Entra."""
    flags = dict(parse_qsl(urlsplit(tenant_url).query, keep_blank_values=True))
    return "flag" if FLAG_NAME in flags else "both"
