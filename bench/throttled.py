"""Entra at full speed over a store that throttles, is late and is moved away, while a large group is deleted.

    python -m bench.throttled [--seconds 300] [--members 100000] [--write]

The server is a process of its own over the stand-in of tests/azure/throttled, with the published limit of a partition.
After the time the store is calm: what waits for a retry is finished, the directory is read back and compared, and
verified row by row. The exit code is 0 when nothing is to complain about.
"""

import argparse
import asyncio
import json
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bench.hosts.busy_host import CROWD, MANNER, TIMER_SECONDS
from bench.hosts.servers import Kind, Server, running
from bench.load.generator import Tenant
from bench.page.machine import described, load, revision
from bench.page.sections import write_section
from bench.soak import Pace, Soak, watched
from scim.simulate.wire.measures import percentile
from scim.simulate.wire.transport import Answer, Transport, Wire
from scim.storage.together import both

DEADLINE = 60.0
"""Seconds within which the service answers; a client may see a little more, since the machine is shared."""
SLACK = 5.0
DELETE_AFTER = 0.1
"""Share of the time after which the large group is deleted."""
LOOK_SECONDS = 5.0
"""From one look at the deleted group to the next."""
REPORT_SECONDS = 900.0
"""How long the server may take, once the store is calm, to finish and verify."""


@dataclass
class Grave:
    """What a client saw of the large group: the answers to DELETE, the longest look, and whether it was seen again."""

    answers: list[int] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)
    seen_again: int = 0


async def delete_crowd(tenant: Tenant, pace: Pace) -> Grave:
    """Delete the large group, and look until the end whether it stays away, from its own side and from a member's."""
    grave = Grave()
    async with Transport(Wire(tenant.url, tenant.token, timeout=100.0, max_wait=5.0)) as transport:

        async def asked(method: str, path: str) -> Answer:
            began = time.monotonic()
            answer = await transport.request(method, method, path)
            grave.seconds.append(time.monotonic() - began)
            return answer

        async def found(path: str) -> list[Any]:
            resources: list[Any] = (await asked("GET", path)).document()["Resources"]
            return resources

        end = time.monotonic() + pace.seconds
        [group] = await found(f"/Groups?filter=displayName%20eq%20%22{CROWD}%22&excludedAttributes=members")
        [member] = await found("/Users?filter=userName%20eq%20%22crowd0%40contoso.example%22&attributes=id")
        await asyncio.sleep(pace.seconds * DELETE_AFTER)
        while not grave.answers or grave.answers[-1] == 503:
            grave.answers.append((await asked("DELETE", f"/Groups/{group['id']}")).status)
        while time.monotonic() < end:
            looks = (f"/Groups/{group['id']}?excludedAttributes=members", f"/Users/{member['id']}?attributes=groups")
            away, alone = [await asked("GET", each) for each in looks]
            grave.seen_again += away.status == 200 or (alone.status == 200 and group["id"] in alone.text)
            await asyncio.sleep(LOOK_SECONDS)
    return grave


def reported(path: Path, server: Server) -> dict[str, Any]:
    """Return what the server says of the store and of its rows, once it has finished. Raises SystemExit."""
    for _ in range(int(REPORT_SECONDS)):
        if path.exists():
            report: dict[str, Any] = json.loads(path.read_text())
            return report
        if not server.running:
            break
        time.sleep(1)
    raise SystemExit("the server did not finish what was left to it")


def problems(soak: Soak, grave: Grave, report: dict[str, Any]) -> Iterator[str]:
    """Yield what is not as it must be, a line each."""
    yield from soak.problems()
    yield from (f"verify: {each}" for each in report["findings"])
    if grave.answers[-1] not in (204, 404):
        yield f"DELETE of the group was answered {grave.answers}"
    if grave.seen_again:
        yield f"the deleted group was seen again, {grave.seen_again} times"
    if (longest := max(soak.latencies + grave.seconds)) > DEADLINE + SLACK:
        yield f"a client waited {longest:.0f} s"


def table(soak: Soak, grave: Grave, report: dict[str, Any]) -> str:
    """Return the run as Markdown."""
    answers = ", ".join(f"{status}: {count:,}" for status, count in sorted(soak.statuses.items()))
    p50, p99, longest = (f"{percentile(soak.latencies, percent):.2f}" for percent in (50, 99, 100))
    lines = {
        "requests": f"{len(soak.latencies):,} in {soak.seconds / 60:.1f} minutes",
        "answers": answers,
        "p50, p99, longest, s": f"{p50}, {p99}, {longest}",
        "calls of the store, entities": f"{report['calls']:,}, {report['entities']:,}",
        "refused with 503 ServerBusy; of them beyond the limit": f"{report['refused']:,}; {report['throttled']:,}",
        "transactions without an answer; of them applied later": f"{report['late']:,}; {report['arrived']:,}",
        "DELETE of the large group": f"{', '.join(map(str, grave.answers))}; seen again {grave.seen_again} times",
        "complaints, differences, findings of verify": (
            f"{soak.complaints.total()}, {len(soak.findings.differences)}, {len(report['findings'])}"
        ),
        "memory of the server, MiB": f"{soak.memory[len(soak.memory) // 10]:.0f} -> {soak.memory[-1]:.0f}",
    }
    return "\n".join(["| what | figure |", "|---|---|", *(f"| {name} | {text} |" for name, text in lines.items())])


def play(pace: Pace, members: int) -> tuple[Soak, Grave, dict[str, Any]]:
    """Return what came of it."""

    async def asked(server: Server) -> tuple[Soak, Grave]:
        return await both(watched(server.kind.name, server, pace), delete_crowd(server.tenant, pace))

    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "report"
        command = (sys.executable, "-m", "bench.hosts.busy_host", str(pace.seconds), str(members), str(report))
        with running(Kind("a store that throttles", "", command)) as server:
            soak, grave = asyncio.run(asked(server))
            return soak, grave, reported(report, server)


def main() -> int:
    """Run, print, and with --write put the table into the documentation."""
    parser = argparse.ArgumentParser(description="Entra at full speed over a store that throttles and is late.")
    parser.add_argument("--seconds", type=float, default=300.0, help="(%(default)s)")
    parser.add_argument("--members", type=int, default=100_000, help="of the group that is deleted (%(default)s)")
    parser.add_argument("--concurrency", type=int, default=64, help="requests at a time (%(default)s)")
    parser.add_argument("--write", action="store_true", help="write docs/benchmarks.md")
    options = parser.parse_args()
    pace = Pace(options.seconds, rate=0.0, users=1_000, groups=40, members=30, concurrency=options.concurrency)
    outcome = play(pace, options.members)
    text, found = table(*outcome), list(problems(*outcome))
    sys.stdout.write("\n".join([text, "", *found[:50], f"{len(found)} problems", ""]))
    if options.write:
        taken = described(["aiohttp", "azure-data-tables"], further=[f"commit {revision()}", load()])
        command = f"python -m bench.throttled --seconds {pace.seconds:g} --members {options.members} --write"
        listed = "\n".join(f"- {line}" for line in found[:20]) or "Nothing to complain about."
        manner = (
            f"{MANNER.rate:,.0f} entities a second; away for {MANNER.away.seconds:g} s of {MANNER.away.period:g};"
            f" {MANNER.late_share:.0%} of the transactions late by up to {MANNER.late_seconds:g} s, and all of them"
            f" for {MANNER.stalls.seconds:g} s of {MANNER.stalls.period:g}; {options.concurrency} requests at a time;"
            f" a group of {options.members:,} deleted; the timer every {TIMER_SECONDS} s"
        )
        write_section("throttled", f"`{command}`; {taken}.\n\n{manner}.\n\n{text}\n\n{listed}")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
