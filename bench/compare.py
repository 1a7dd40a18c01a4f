"""This project and its peers side by side: requests a second, latency, processor time and memory.

    python -m bench.compare [--quick] [--write]

Every server is a process of its own on this machine, holds the same users and one group of all of them, and is asked
the same by the same generator over kept connections. The servers take turns within each row and each round, so that
what else the machine does meets all of them. `make bench` installs the peers before.
"""

import argparse
import asyncio
import statistics
import subprocess
import sys
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from importlib.util import find_spec

from bench.hosts.servers import OURS, SCIM2_SERVER, SCIMMY, WORKER, Kind, Server, running
from bench.load.generator import Burst, burst, connected
from bench.load.rows import ROWS, Row, State, populate, prove
from bench.page import plot
from bench.page.machine import described, load, revision
from bench.page.plot import rounded
from bench.page.sections import write_section

CONNECTIONS = 4
OK = frozenset({200, 201, 204})


@dataclass(frozen=True)
class Extent:
    """How much is measured."""

    sizes: tuple[int, ...] = (1_000, 10_000)
    rounds: int = 5
    seconds: float = 1.5


FULL, QUICK = Extent(), Extent((200, 1_000), 2, 0.4)


@dataclass
class Cell:
    """What one server did in one row: a value for each round, and all latencies in seconds."""

    rates: list[float] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)
    cpu: float = 0.0
    generator: float = 0.0

    def add(self, done: Burst, cpu: float) -> None:
        """Add a round."""
        self.rates.append(len(done.seconds) / done.elapsed)
        self.seconds += done.seconds
        self.cpu += cpu
        self.generator += done.own_cpu

    @property
    def rate(self) -> float:
        """Requests a second, the median of the rounds."""
        return statistics.median(self.rates)

    @property
    def cpu_ms(self) -> float:
        """Milliseconds of the server's processor time for one request."""
        return self.cpu / len(self.seconds) * 1000

    @property
    def generator_ms(self) -> float:
        """Milliseconds of the generator's processor time for one request."""
        return self.generator / len(self.seconds) * 1000

    def percentile(self, percent: int) -> float:
        """Return a percentile of the latency in milliseconds."""
        ordered = sorted(self.seconds)
        return ordered[min(len(ordered) * percent // 100, len(ordered) - 1)] * 1000


@dataclass
class Result:
    """All figures for one size: cells by row and server, and MiB of resident memory when filled and at the end."""

    size: int
    cells: dict[tuple[str, str], Cell] = field(default_factory=dict)
    memory: dict[str, tuple[float, float]] = field(default_factory=dict)


@dataclass
class Contestant:
    """A running server that was filled, with the numbers of its next requests."""

    server: Server
    state: State
    filled: float
    next: dict[str, int] = field(default_factory=dict)
    sent: dict[str, range] = field(default_factory=dict)

    async def ask(self, row: Row, seconds: float) -> tuple[Burst, float]:
        """Send the requests of a row for a while; return what came of it and the server's processor seconds.

        Raises SystemExit on an answer that is no success.
        """
        undone = self.sent.get(row.undoes)
        first = undone.start if undone else self.next.get(row.name, 0)
        most = len(undone) if undone else int(len(self.state.users) * row.share)
        make: Callable[[int], bytes] = lambda number: row.make(self.state, number)  # noqa: E731
        # What is undone is undone to the end, whatever time it takes.
        limit = 600.0 if undone else seconds
        async with connected(self.server.tenant, CONNECTIONS) as connections:
            before = self.server.cpu()
            done = await burst(connections, make, first, seconds=limit, most=most, expected=OK)
            cpu = self.server.cpu() - before
        if done.failures:
            raise SystemExit(f"{self.server.kind.name}, {row.name}: {done.failures[0]}")
        self.sent[row.name] = range(first, first + len(done.seconds))
        self.next[row.name] = first + len(done.seconds)
        return done, cpu


async def measured(kinds: list[Kind], extent: Extent, say: Callable[[str], None]) -> list[Result]:
    """Return the figures of all servers for each size."""
    return [await _measured(kinds, size, extent, say) for size in extent.sizes]


async def _measured(kinds: list[Kind], size: int, extent: Extent, say: Callable[[str], None]) -> Result:
    result = Result(size)
    with ExitStack() as stack:
        contestants = []
        for kind in kinds:
            server = stack.enter_context(running(kind))
            contestants.append(await _filled(server, size))
            say(f"{size:,} users in {kind.name}")
        for number in range(extent.rounds + 1):
            for row in ROWS:
                for each in contestants:
                    # The round before the first warms up.
                    done, cpu = await each.ask(row, extent.seconds if number else extent.seconds / 5)
                    if number:
                        result.cells.setdefault((row.name, each.server.kind.name), Cell()).add(done, cpu)
            say(f"{size:,} users, round {number} of {extent.rounds}")
        for each in contestants:
            result.memory[each.server.kind.name] = (each.filled, each.server.resident())
    return result


async def _filled(server: Server, size: int) -> Contestant:
    async with connected(server.tenant, CONNECTIONS) as connections:
        state = await populate(server.tenant, connections, size)
        await prove(state, connections[0])
    return Contestant(server, state, server.resident())


def table(result: Result, kinds: list[Kind]) -> str:
    """Return the figures of one size as Markdown: one line for each row and server, the fastest in bold."""
    lines = [
        "| row | server | req/s | p50, ms | p99, ms | CPU, ms/request | this project is |",
        "|---|---|--:|--:|--:|--:|--:|",
    ]
    for row in ROWS:
        cells = {kind: result.cells[row.name, kind.name] for kind in kinds}
        best = max(cell.rate for cell in cells.values())
        for kind, cell in cells.items():
            mark = "**" if cell.rate == best else ""
            lines.append(
                f"| {row.name if kind is kinds[0] else ''} | {kind.name} | {mark}{rounded(cell.rate)}{mark}"
                f" | {rounded(cell.percentile(50))} | {rounded(cell.percentile(99))} | {rounded(cell.cpu_ms)}"
                f" | {'' if kind in (OURS, WORKER) else _times(cells[OURS].rate / cell.rate)} |"
            )
    return "\n".join(lines)


def _times(ratio: float) -> str:
    return f"{rounded(ratio)} x as fast"


def memory_table(results: list[Result], kinds: list[Kind]) -> str:
    """Return the resident memory as Markdown."""
    lines = ["| server | keeps its data | " + " | ".join(f"{each.size:,} users" for each in results) + " |"]
    lines.append("|---|---|" + "--:|" * len(results))
    for kind in kinds:
        figures = [f"{rounded(each.memory[kind.name][0])} -> {rounded(each.memory[kind.name][1])}" for each in results]
        lines.append(f"| {kind.name} | {kind.about} | {' | '.join(figures)} |")
    return "\n".join(lines)


def main() -> None:
    """Measure, print, and with --write put tables and plot into the documentation."""
    parser = argparse.ArgumentParser(description="This project and its peers side by side.")
    parser.add_argument("--quick", action="store_true", help="a first look: smaller, shorter, fewer rounds")
    parser.add_argument("--rounds", type=int, help=f"{FULL.rounds}, or {QUICK.rounds} with --quick")
    parser.add_argument("--write", action="store_true", help="write docs/benchmarks.md and docs/benchmarks.svg")
    options = parser.parse_args()
    extent = QUICK if options.quick else FULL
    extent = replace(extent, rounds=options.rounds or extent.rounds)
    worker = [WORKER] if find_spec("azure_functions_runtime") else []  # there is none for Python 3.11 and 3.12
    kinds = [OURS, *worker, SCIM2_SERVER, SCIMMY]
    results = asyncio.run(measured(kinds, extent, _say))
    text = report(results, kinds, extent, options.quick)
    print(text)  # noqa: T201
    if options.write:
        write_section("peers", text)
        plot.write()


def report(results: list[Result], kinds: list[Kind], extent: Extent, quick: bool) -> str:
    """Return the section of the documentation."""
    node = subprocess.run(["node", "--version"], check=True, capture_output=True, text=True).stdout.strip()  # noqa: S607
    taken = described(["aiohttp", "azure-functions"], further=[f"Node {node}", f"commit {revision()}", load()])
    generator = statistics.median(cell.generator_ms for each in results for cell in each.cells.values())
    parts = [
        f"`python -m bench.compare{' --quick' if quick else ''} --rounds {extent.rounds} --write`; {taken}.",
        f"{CONNECTIONS} kept connections; after a warm-up {extent.rounds} rounds of {extent.seconds:g} s for each row,"
        " the servers in turn; req/s are medians of the rounds. The generator shares the machine and takes"
        f" {rounded(generator)} ms of processor time for a request.",
    ]
    for each in reversed(results):
        parts += [f"### {each.size:,} users, and a group of all of them", table(each, kinds)]
    parts += ["### Resident memory, MiB, when filled and at the end", memory_table(results, kinds)]
    return "\n\n".join(parts)


def _say(text: str) -> None:
    sys.stderr.write(f"bench: {text}\n")


if __name__ == "__main__":
    main()
