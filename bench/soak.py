"""Entra's traffic for minutes at a steady pace, over both stores, then with stores that fail for part of the time.

    python -m bench.soak [--seconds 600] [--rate 25] [--write]

Servers are processes of their own: the local host over an SQLite file and over the emulator of Table Storage. The
simulator plays cycle after cycle against both at once until the time is up, finishes what waits for a retry, and
reads the directory back. Every answer is judged on the way. The exit code is 0 when nothing is to complain about.
"""

import argparse
import asyncio
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import AsyncExitStack, ExitStack
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from bench.hosts.servers import OURS, Kind, Server, running
from bench.hosts.weather import SPELLS, Sky, Storm, Weather
from bench.load.generator import Tenant
from bench.load.witness import Witness
from bench.page.machine import described, load, revision
from bench.page.sections import write_section
from scim.simulate.job.cycles import Job
from scim.simulate.job.dialect import Dialects
from scim.simulate.job.progress import Silent
from scim.simulate.job.session import Ownership, Session
from scim.simulate.report.readback import Findings, ReadBack
from scim.simulate.source.invention import Invention
from scim.simulate.source.turnover import Rates, Turnover
from scim.simulate.wire.endpoint import Endpoint
from scim.simulate.wire.measures import Measures, percentile
from scim.simulate.wire.transport import Wire
from tests import azurite
from tests.azure import faults

RETRIES = 200
"""Cycles after the time is up in which what failed is tried again; Entra goes on for four weeks."""


@dataclass(frozen=True)
class Pace:
    """How long, how fast, and how large the directory is at the start.

    `spell` is the seconds of one kind of weather, `wire` are the kinds between the service and the emulator.
    """

    seconds: float = 600.0
    rate: float = 25.0
    users: int = 200
    groups: int = 12
    members: int = 20
    concurrency: int = 8
    spell: float = 5.0
    wire: tuple[Sky, ...] = SPELLS


@dataclass
class Soak:
    """What came of one run; `memory` are MiB of the server, a value for each second."""

    name: str
    seconds: float = 0.0
    measures: Measures = field(default_factory=Measures)
    complaints: Counter[str] = field(default_factory=Counter)
    findings: Findings = field(default_factory=Findings)
    unfinished: int = 0
    cycles: int = 0
    memory: list[float] = field(default_factory=list)

    @property
    def latencies(self) -> list[float]:
        """Seconds of all requests."""
        return [each for figures in self.measures.kinds.values() for each in figures.seconds]

    @property
    def statuses(self) -> Counter[str]:
        """How many answers had each status."""
        counted: Counter[str] = Counter()
        for figures in self.measures.kinds.values():
            counted.update(figures.statuses)
        return counted

    def problems(self) -> Iterator[str]:
        """Yield what is not as it must be, a line each."""
        for complaint, count in self.complaints.items():
            yield f"{self.name}: {complaint}, {count} times"
        for each in self.findings.differences:
            yield f"{self.name}: {each.subject} {each.name} {each.attribute}: {each.expected} but {each.found}"
        if self.unfinished:
            yield f"{self.name}: {self.unfinished} objects were not provisioned"


async def play(name: str, tenant: Tenant, pace: Pace, seed: int = 1) -> Soak:
    """Play Entra against a server until the time is up; then retry what failed, and compare."""
    soak, invention = Soak(name), Invention(seed)
    directory = invention.directory(pace.users, pace.groups, pace.members)
    wire = Wire(tenant.url, tenant.token, timeout=100.0, max_wait=1.0, rate=pace.rate)
    began = time.monotonic()
    async with Witness(wire) as witness:
        soak.measures, soak.complaints = witness.measures, witness.complaints
        session = Session(directory, Endpoint(witness), Dialects("both"), Ownership(directory, invention.mark))
        job = Job(session, pace.concurrency, Silent())
        turnover = Turnover(directory, invention, Rates(), delete_after=2)
        await job.initial_cycle()
        while time.monotonic() < began + pace.seconds:
            soak.cycles += 1
            changed = turnover.cycle(soak.cycles)
            await job.incremental_cycle(changed.people, changed.teams, changed.events)
        soak.seconds = time.monotonic() - began
        for _ in range(RETRIES):
            if not await job.retry_cycle():
                break
        soak.unfinished = len(job.escrow.waiting) + len(job.escrow.given_up)
        soak.findings = await ReadBack(session, pace.concurrency, 100, Silent()).run()
    return soak


async def watched(name: str, server: Server, pace: Pace) -> Soak:
    """Play Entra against a server and watch its memory."""
    memory: list[float] = []

    async def watch() -> None:
        while True:
            memory.append(server.resident())
            await asyncio.sleep(1)

    watching = asyncio.create_task(watch())
    try:
        soak = await play(name, server.tenant, pace)
    finally:
        watching.cancel()
    soak.memory = memory
    return soak


async def plain(pace: Pace) -> list[Soak]:
    """Return what comes of stores that do what they should."""
    with ExitStack() as stack:
        table = stack.enter_context(azurite.running())
        over_sqlite = stack.enter_context(running(OURS))
        over_tables = stack.enter_context(running(OURS, {"SCIM_STORAGE": table}))
        return list(
            await asyncio.gather(
                watched("SQLite", over_sqlite, pace), watched("Table Storage (Azurite)", over_tables, pace)
            )
        )


async def faulty(pace: Pace) -> list[Soak]:
    """Return what comes of stores that fail for part of the time: in the service itself, and on the wire."""
    arguments = (str(pace.seconds), str(pace.spell))
    exposed = Kind("faulty host", "", (sys.executable, "-m", "bench.hosts.faulty_host", *arguments))
    async with AsyncExitStack() as stack:
        table = stack.enter_context(azurite.running())
        over_sqlite = stack.enter_context(running(exposed))
        port = urlsplit(table.partition("TableEndpoint=")[2]).port or 0
        between = await stack.enter_async_context(faults.running(port))
        storage = table.replace(f"127.0.0.1:{port}", f"127.0.0.1:{between.port}")
        over_tables = stack.enter_context(running(OURS, {"SCIM_STORAGE": storage}))
        weather = Weather(pace.seconds, pace.spell, pace.wire)
        between.reads, between.writes = Storm(weather), Storm(weather)
        return list(
            await asyncio.gather(
                watched("SQLite, failing", over_sqlite, pace),
                watched("Table Storage (Azurite), failing", over_tables, pace),
            )
        )


def table(soaks: list[Soak]) -> str:
    """Return the runs as Markdown."""
    lines = [
        "| store | minutes | requests | p50, ms | p99, ms | longest, ms | answers | complaints | differences | MiB |",
        "|---|--:|--:|--:|--:|--:|---|--:|--:|--:|",
    ]
    for each in soaks:
        latencies = each.latencies
        p50, p99, longest = (percentile(latencies, percent) * 1000 for percent in (50, 99, 100))
        answers = ", ".join(f"{status}: {count:,}" for status, count in sorted(each.statuses.items()))
        early = each.memory[len(each.memory) // 10]
        lines.append(
            f"| {each.name} | {each.seconds / 60:.1f} | {len(latencies):,} | {p50:.1f} | {p99:.1f} | {longest:,.0f}"
            f" | {answers} | {each.complaints.total()} | {len(each.findings.differences)}"
            f" | {early:.0f} -> {each.memory[-1]:.0f} |"
        )
    return "\n".join(lines)


def main() -> int:
    """Run all, print, and with --write put the table into the documentation."""
    parser = argparse.ArgumentParser(description="Entra's traffic for minutes, over stores that work and that fail.")
    parser.add_argument("--seconds", type=float, default=Pace.seconds, help="of each half (%(default)s)")
    parser.add_argument("--rate", type=float, default=Pace.rate, help="requests a second to each server (%(default)s)")
    parser.add_argument("--write", action="store_true", help="write docs/benchmarks.md")
    options = parser.parse_args()
    pace = Pace(options.seconds, options.rate)
    soaks = [*asyncio.run(plain(pace)), *asyncio.run(faulty(pace))]
    problems = [line for each in soaks for line in each.problems()]
    text = table(soaks)
    sys.stdout.write("\n".join([text, "", *problems[:50], f"{len(problems)} problems", ""]))
    if options.write:
        taken = described(["aiohttp", "azure-data-tables"], further=[f"commit {revision()}", load()])
        command = f"python -m bench.soak --seconds {pace.seconds:g} --rate {pace.rate:g} --write"
        found = "\n".join(f"- {line}" for line in problems[:20]) or "Nothing to complain about."
        write_section("soak", f"`{command}`; {taken}.\n\n{text}\n\n{found}")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
