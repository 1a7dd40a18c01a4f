"""One judgement of a running endpoint: the RFCs' examples, clients' recorded exchanges, a checker, and a played Entra.

    python -m bench.conformance [URL TOKEN] [--write]

Without a URL it starts the function app itself, over an SQLite file: under the real language worker behind what stands
in for the Functions host, or by the local host on a Python that has no such worker. With one, the tenant must be empty:
everything in it is deleted between the examples. The exit code is 0 when everything passes.
"""

import argparse
import asyncio
import inspect
import json
import sys
import traceback
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path

import httpx
from scim2_tester import check_server
from scim2_tester.utils import Status

from bench.hosts.servers import OURS, WORKER, running
from bench.load.generator import Tenant
from bench.load.remote import RemoteHttp, client
from bench.page.machine import ROOT, described, revision
from bench.page.sections import write_section
from scim.simulate.job.progress import Silent
from scim.simulate.report.outcome import Plan, as_json
from scim.simulate.simulation import simulate
from scim.simulate.source.invention import Invention
from scim.simulate.wire.transport import Wire
from tests import test_clients, test_rfc
from tests.test_scim_tester import Client

DOCUMENT = ROOT / "docs" / "conformance.md"
TIED = {
    "create_user_with_an_id",
    "import_by_pages",
    "pages_of_the_gallery_test",
    "put_of_what_get_answered",
}
"""Recordings that need ids that count up or a clock that stands still, as `make test` has them; only it tries them."""
CLIENTS = {
    "authentik": "authentik",
    "concur": "SAP Concur",
    "entra": "Microsoft Entra ID",
    "google": "Google Workspace",
    "jumpcloud": "JumpCloud",
    "onelogin": "OneLogin",
    "ping": "Ping Identity",
    "sailpoint": "SailPoint",
    "simpleidserver": "SimpleIdServer",
    "wso2": "WSO2",
}
"""Clients whose name is more than that of the folder with a capital letter."""


@dataclass
class Verdict:
    """What one suite says: its name, what it counts, how many passed, and what failed, a line each."""

    suite: str
    about: str
    passed: int = 0
    failures: list[str] = field(default_factory=list)

    async def try_out(self, name: str, attempt: Callable[[], Awaitable[None]]) -> None:
        """Count one attempt as passed or failed; an assertion that does not hold, or any error, fails it."""
        try:
            await attempt()
        except Exception as error:
            self.failures.append(f"{name}: {_reason(error)}")
        else:
            self.passed += 1


def _reason(error: Exception) -> str:
    """Return what an error says, and the line that raised it."""
    frame = traceback.extract_tb(error.__traceback__)[-1]
    return " ".join(f"{frame.line}: {error}".split())[:300]


class _Stage(test_rfc.Stage):
    """The stage of the RFCs' examples at another address."""

    def __init__(self, http: RemoteHttp) -> None:
        super().__init__(http)
        self._real = {test_rfc.RFC_URL: http.tenant.url}


RFC_TRIALS: dict[str, Callable[[test_rfc.Stage, str], Awaitable[None]]] = {
    "create": test_rfc.test_a_resource_is_created_as_the_rfc_shows_it,
    "patch": test_rfc.test_a_patched_resource_is_what_the_rfc_says,
    "filter": test_rfc.test_a_search_finds_what_the_rfc_means,
    "exchange": test_rfc.test_an_exchange_goes_as_the_rfc_shows_it,
    "discovery": test_rfc.test_a_discovery_document_has_what_its_schema_requires,
}


async def rfc_examples(http: RemoteHttp) -> Verdict:
    """Try every example of RFC 7643 and 7644 that goes over HTTP."""
    verdict = Verdict("RFC 7643 and RFC 7644", "examples of the RFCs, each a file below `tests/rfc`")
    for operation, trial in RFC_TRIALS.items():
        for name in test_rfc.named(operation):
            await verdict.try_out(name, lambda trial=trial, name=name: trial(_Stage(http), name))  # type: ignore[misc]
            await http.clear()
    return verdict


async def recorded_exchanges(http: RemoteHttp, files: Sequence[Path] = tuple(test_clients.FILES)) -> list[Verdict]:
    """Try what clients really send, a verdict for each client."""
    verdicts: dict[str, Verdict] = {}
    for file in files:
        if file.stem in TIED:
            continue
        name = file.parent.name
        about = f"recorded exchanges, each a file below `tests/clients/{name}`"
        verdict = verdicts.setdefault(name, Verdict(CLIENTS.get(name, name.capitalize()), about))
        await verdict.try_out(file.stem, lambda file=file: test_clients.served(http, file))  # type: ignore[misc]
        await http.clear()
    return list(verdicts.values())


async def independent_checker(tenant: Tenant) -> Verdict:
    """Let scim2-tester check the endpoint."""
    verdict = Verdict(f"scim2-tester {version('scim2-tester')}", "checks of an independent project")

    def check() -> None:
        headers = {"Authorization": f"Bearer {tenant.token}"}
        with httpx.Client(base_url=tenant.url, headers=headers, timeout=60) as http:
            for each in check_server(Client(http)):
                if each.status == Status.SUCCESS:
                    verdict.passed += 1
                else:
                    verdict.failures.append(f"{each.title} {each.resource_type}: {each.status.name} {each.reason}")

    await asyncio.to_thread(check)
    return verdict


async def played_entra(tenant: Tenant, dialect: str, users: int = 60) -> Verdict:
    """Play Entra's provisioning in one dialect; what passes is requests, what fails is differences and failures."""
    named = {"default": "Entra, played", "flag": "Entra with aadOptscim062020, played"}[dialect]
    verdict = Verdict(named, f"requests of a job with {users} users and 4 cycles, directory read back and compared")
    invention = Invention(1)
    wire = Wire(tenant.url, tenant.token)
    plan = Plan(wire, invention.directory(users, 6, 10), invention, dialect=dialect, clean=True)
    outcome = await simulate(plan, Silent())
    summary = as_json(plan, outcome)
    verdict.passed = sum(figures["count"] for figures in summary["requests"].values())
    verdict.failures = [
        json.dumps(each, ensure_ascii=False) for each in (*summary["failures"], *summary["differences"])
    ]
    verdict.failures += [f"remark: {each}" for each in outcome.measures.remarks]
    return verdict


async def judged(tenant: Tenant) -> list[Verdict]:
    """Return all verdicts on an endpoint."""
    verdicts = []
    async with client(tenant) as http:
        verdicts.append(await rfc_examples(http))
        verdicts += await recorded_exchanges(http)
        verdicts.append(await independent_checker(tenant))
        await http.clear()
    for dialect in ("default", "flag"):
        verdicts.append(await played_entra(tenant, dialect))
    return verdicts


def table(verdicts: Sequence[Verdict]) -> str:
    """Return the verdicts as Markdown, what failed below."""
    lines = ["| suite | what is counted | passed | failed |", "|---|---|--:|--:|"]
    lines += [f"| {each.suite} | {each.about} | {each.passed:,} | {len(each.failures)} |" for each in verdicts]
    passed, failed = sum(each.passed for each in verdicts), sum(len(each.failures) for each in verdicts)
    lines += [f"| **all** | | **{passed:,}** | **{failed}** |", ""]
    lines += [f"- {each.suite}: {line}" for each in verdicts for line in each.failures]
    return "\n".join(lines).strip()


def main() -> int:
    """Judge, print, and with --write put the table into the documentation."""
    parser = argparse.ArgumentParser(description=inspect.cleandoc(__doc__ or "").splitlines()[0])
    parser.add_argument("url", nargs="?", help="a Tenant URL; without one the function app is started")
    parser.add_argument("token", nargs="?", help="its secret token")
    parser.add_argument("--write", action="store_true", help="write docs/conformance.md")
    options = parser.parse_args()
    about = "an endpoint that was running"
    if options.url:
        verdicts, command = asyncio.run(judged(Tenant(options.url.rstrip("/"), options.token or ""))), "URL TOKEN"
    else:
        kind = WORKER if find_spec("azure_functions_runtime") else OURS
        about = kind.about
        with running(kind) as server:
            verdicts, command = asyncio.run(judged(server.tenant)), "--write"
    text = table(verdicts)
    sys.stdout.write(f"{text}\n")
    if options.write:
        taken = described(["scim2-tester", "scim2-models", "azure-functions"], further=[about, f"commit {revision()}"])
        write_section("results", f"`python -m bench.conformance {command}`; {taken}.\n\n{text}", DOCUMENT)
    return 1 if any(each.failures for each in verdicts) else 0


if __name__ == "__main__":
    sys.exit(main())
