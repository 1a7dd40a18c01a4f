"""What the journal costs: the same requests with and without it, in one process over the emulator of Table Storage."""

import argparse
import asyncio
import math
import random
import statistics
import sys
import time
from contextlib import ExitStack

from bench.hosts.servers import OURS
from bench.hosts.servers import running as server
from bench.soak import Pace, play
from scim.app import App, build
from scim.directory.resources import Origin
from scim.service import journals
from scim.service.messages import Request
from scim.settings import Settings
from tests.azurite import running

TOKEN = "a-token-that-only-benchmarks-know"  # noqa: S105 - not a secret
HEADERS = {"authorization": f"Bearer {TOKEN}", "user-agent": "bench"}
RATE = 25.0
TOGETHER = (50, 25)
"""Requests of two seconds at 25 a second, the rate at which Entra comes, and at half of it."""


async def ask(app: App, method: str, path: str, body: bytes = b"") -> int:
    """Send a request, and return its status."""
    request = Request(method, f"https://scim.example/scim/v2{path}", HEADERS, body, "request-1")
    return (await app.endpoints.respond_anywhere(request)).status


async def change(app: App, user: str, number: int) -> None:
    """Change a user, as Entra does."""
    operation = f'{{"op": "Replace", "path": "title", "value": "{number}"}}'
    schema = "urn:ietf:params:scim:api:messages:2.0:PatchOp"
    await ask(app, "PATCH", f"/Users/{user}", f'{{"schemas": ["{schema}"], "Operations": [{operation}]}}'.encode())


async def together(app: App, user: str, count: int) -> tuple[float, float]:
    """Return the CPU milliseconds of each of many requests that follow each other, and of the commit for all of them.

    Half are reads, half changes. The journal writes when they are through, as it does after two seconds at Entra's
    pace, which a busy machine misses.
    """
    start = time.process_time()
    for each in range(count // 2):
        await ask(app, "GET", f"/Users/{user}")
        await change(app, user, time.monotonic_ns() + each)
    middle = time.process_time()
    await app.journals.flush()
    return (middle - start) * 1000 / count, (time.process_time() - middle) * 1000


async def alone(app: App, user: str, times: int) -> float:
    """Return the milliseconds until the answer of a read before which nobody came for long enough, the median."""
    taken = []
    for _ in range(times):
        app.journals._last = -math.inf
        start = time.perf_counter()
        await ask(app, "GET", f"/Users/{user}")
        taken.append((time.perf_counter() - start) * 1000)
    return statistics.median(taken)


async def compare(storage: str, repetitions: int) -> None:
    """Print the figures of both, measured in turn."""
    settings = {name: Settings(storage=storage, token=(TOKEN,), journal=name == "with") for name in ("without", "with")}
    apps = {name: build(each) for name, each in settings.items()}
    first = apps["without"]
    body = {"userName": "mira@contoso.example"}
    user = (await first.directory.create(first.kinds["User"], body, Origin())).id
    alone_of: dict[str, list[float]] = {name: [] for name in apps}
    for count in TOGETHER:
        requests: dict[str, list[float]] = {name: [] for name in apps}
        commits: list[float] = []
        for _ in range(repetitions):
            for name, app in random.sample(list(apps.items()), len(apps)):  # whoever is second finds a warmer machine
                each, commit = await together(app, user, count)
                requests[name].append(each)
                commits += [commit] if name == "with" else []
                alone_of[name].append(await alone(app, user, 3))
        tell(f"CPU ms of a request, {count} together, without their commit", requests)
        commit, usual = statistics.median(commits), statistics.median(requests["without"])
        share = commit / count / usual
        sys.stdout.write(f"CPU ms of the commit for {count}: {commit:.2f}, {share:.1%} of what the requests take\n")
    tell("ms of a lone read", alone_of)
    for app in apps.values():
        await app.close()


def tell(what: str, found: dict[str, list[float]]) -> None:
    """Print the medians, and the median ratio of pairs."""
    without, having = statistics.median(found["without"]), statistics.median(found["with"])
    ratios = [one / other for one, other in zip(found["with"], found["without"], strict=True)]
    low, middle, high = statistics.quantiles(ratios, n=4)
    sys.stdout.write(f"{what}: {without:.2f} without, {having:.2f} with; ratio of pairs {middle:.3f}")
    sys.stdout.write(f" (half of them {low:.3f} to {high:.3f})\n")


async def soaked(storage: str, seconds: float, pairs: int) -> None:
    """Print the CPU of a request of two servers, with and without, that Entra's traffic goes to side by side."""
    ratios = []
    for pair in range(pairs):
        settings = [
            {
                "SCIM_JOURNAL": journal,
                **({"SCIM_STORAGE": storage, "SCIM_TENANT": f"soak{pair}{journal}"} if storage else {}),
            }
            for journal in ("on", "off")
        ]
        with ExitStack() as stack:
            servers = [stack.enter_context(server(OURS, each)) for each in settings]
            before = [each.cpu() for each in servers]
            pace = Pace(seconds, RATE, 60, 12, 6)
            soaks = await asyncio.gather(*(play("soak", each.tenant, pace, pair) for each in servers))
            spent = [each.cpu() - start for each, start in zip(servers, before, strict=True)]
            found = [cpu * 1000 / len(soak.latencies) for cpu, soak in zip(spent, soaks, strict=True)]
        ratios.append(found[0] / found[1])
        rate = len(soaks[0].latencies) / seconds
        sys.stdout.write(f"CPU ms of a request: {found[1]:.2f} without, {found[0]:.2f} with, ratio {ratios[-1]:.3f}")
        sys.stdout.write(f", at {rate:.0f} requests a second with what follows the {seconds:g} s\n")
    sys.stdout.write(f"median ratio {statistics.median(ratios):.3f} of {pairs} pairs\n")


def main() -> None:
    """Start an emulator, and compare."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--soak", type=float, default=0, metavar="SECONDS", help="Entra's traffic for so long instead")
    parser.add_argument("--pairs", type=int, default=3)
    parser.add_argument("--sqlite", action="store_true", help="the soak over SQLite in place of Azurite")
    parser.add_argument("--repetitions", type=int, default=20)
    asked = parser.parse_args()
    if asked.soak and asked.sqlite:
        asyncio.run(soaked("", asked.soak, asked.pairs))
        return
    if asked.soak:
        with running() as storage:
            asyncio.run(soaked(storage, asked.soak, asked.pairs))
        return
    journals.COLLECT_SECONDS = 3600.0
    with running() as storage:
        asyncio.run(compare(storage, asked.repetitions))


if __name__ == "__main__":
    main()
