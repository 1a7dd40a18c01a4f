"""What hostile inputs cost, and how long another client waits meanwhile.

    python -m bench.hostile [--users 20000] [--at-once 16] [--only NAME] [--keep FILE] [--write]

A server over an SQLite file with so many users and a group of all of them is asked each input of tests/hostile, once
and then several times at once, while another client asks for one user by name, again and again. Each input has a
server and a copy of the file of its own. The figures of the code before there were
bounds are kept in bench/hostile_before.json; fewer were sent at once then.
"""

import argparse
import asyncio
import json
import shutil
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path

from bench.hosts.servers import OURS, Server, running
from bench.load import fill, samples
from bench.load.generator import Connection, ConnectionBroken, Tenant, connected
from bench.page.machine import described, load, revision
from bench.page.sections import write_section
from scim.app import App, build
from scim.settings import Settings
from tests.hostile.inputs import Exchange, Input, inputs

BEFORE = Path(__file__).parent / "hostile_before.json"
PATIENCE = 40.0
"""Seconds after which an answer is not waited for any longer."""
PAUSE = 0.005
"""Seconds between two requests of the other client."""


@dataclass(frozen=True)
class Figures:
    """What one input came to: the status, and seconds of processor time for each request and of waiting of others."""

    answer: str
    cpu: float
    wait: float
    together: float
    """The longest wait of the other client while several are asked at once."""


async def _filled(storage: str, users: int) -> str:
    """Fill a directory, and return the id of the group of everybody."""
    app = build(Settings(storage=storage, token=("a-token-made-up-for-measuring",)))
    try:
        await fill.fill_users(app.directory, users)
        group = await _group_of_everybody(app)
    finally:
        await app.close()
    return group


async def _group_of_everybody(app: App) -> str:
    [group] = await fill.fill_groups(app.directory, ["Everybody"])
    await fill.fill_members(app.directory, [(group, [each async for each in fill.user_ids(app.directory)])])
    return group


async def _figures(server: Server, hostile: Input, group: str, at_once: int) -> Figures:
    ids = {"group": group}
    async with connected(server.tenant, 1) as connections:
        # What checks a PATCH is imported with the first one, which is no matter of hostile inputs.
        await _asked(connections[0], server.tenant.request("PATCH", f"/Groups/{group}", samples.patch()))
        for each in hostile.before:
            answer = await _asked(connections[0], _wire(server.tenant, each, ids))
            if answer is None or not answer.startswith("201"):
                return Figures(f"refused beforehand, {answer}", 0, 0, 0)
            if each.named:
                ids[each.named] = answer.partition('"id":"')[2][:32]
    request = _wire(server.tenant, hostile.request, ids)
    alone, wait, cpu = await _attacked(server, [request])
    together = wait
    if alone is not None:
        _, together, _ = await _attacked(server, [request] * at_once)
    return Figures("none" if alone is None else alone[:3], cpu, wait, together)


async def _attacked(server: Server, requests: Sequence[bytes]) -> tuple[str | None, float, float]:
    """Send the requests all at once; return an answer, the longest wait of another client, and processor seconds."""
    done = asyncio.Event()
    async with connected(server.tenant, len(requests) + 1) as connections:
        other = asyncio.create_task(_longest_wait(connections[0], server.tenant, done))
        await asyncio.sleep(0.3)
        began = server.cpu()
        answers = await asyncio.gather(*(_asked(c, r) for c, r in zip(connections[1:], requests, strict=True)))
        cpu = server.cpu() - began
        done.set()
        return answers[0], await other, cpu / len(requests)


async def _asked(connection: Connection, request: bytes) -> str | None:
    """Return the status and the body of the answer; None when there is none in time."""
    with suppress(ConnectionBroken, TimeoutError):
        async with asyncio.timeout(PATIENCE):
            answer = await connection.ask(request)
            return f"{answer.status} {answer.body[:4000].decode(errors='replace')}"
    return None


async def _longest_wait(connection: Connection, tenant: Tenant, done: asyncio.Event) -> float:
    longest, number = 0.0, 0
    while not done.is_set():
        began = time.perf_counter()
        name = samples.user_name(number % 1000)
        answer = await _asked(connection, tenant.request("GET", f"/Users?filter=userName+eq+%22{name}%22"))
        longest, number = max(longest, time.perf_counter() - began), number + 1
        if answer is None:
            break
        await asyncio.sleep(PAUSE)
    return longest


def _wire(tenant: Tenant, exchange: Exchange, ids: Mapping[str, str]) -> bytes:
    content = exchange.content(ids)
    head = tenant.request(exchange.method, exchange.address(ids)).decode().removesuffix("\r\n")
    return f"{head}Content-Length: {len(content)}\r\n\r\n".encode() + content


def measured(chosen: Sequence[Input], users: int, at_once: int) -> dict[str, Figures]:
    """Return the figures of each input, by its name."""
    found = {}
    with tempfile.TemporaryDirectory() as folder:
        group = asyncio.run(_filled(f"sqlite:{folder}/filled.db", users))
        for each in chosen:
            shutil.copy(f"{folder}/filled.db", f"{folder}/copy.db")
            settings = {"SCIM_STORAGE": f"sqlite:{folder}/copy.db", "SCIM_SCAN_ROWS": str(each.scan_rows)}
            with running(OURS, settings) as server:
                found[each.name] = asyncio.run(_figures(server, each, group, at_once))
            for left in Path(folder).glob("copy.db*"):
                left.unlink()
            sys.stderr.write(f"{each.name}: {found[each.name]}\n")
    return found


def table(found: Mapping[str, Figures], before: Mapping[str, Figures], at_once: int) -> str:
    """Return the figures as Markdown."""
    lines = [
        f"| input | before: answer | CPU, s | another waits, s | {at_once} at once, s "
        f"| now: answer | CPU, s | another waits, s | {at_once} at once, s |",
        "|---|---|--:|--:|--:|---|--:|--:|--:|",
    ]
    about = {each.name: each.about for each in inputs()}
    for name, figures in found.items():
        cells = [*_cells(before.get(name)), *_cells(figures)]
        lines.append(f"| {about[name]} | {' | '.join(cells)} |")
    return "\n".join(lines)


def _cells(figures: Figures | None) -> list[str]:
    if figures is None:
        return ["–"] * 4
    return [figures.answer, f"{figures.cpu:.2f}", f"{figures.wait:.3f}", f"{figures.together:.2f}"]


def main() -> None:
    """Measure, print, and with --write put the table into the documentation."""
    parser = argparse.ArgumentParser(description="What hostile inputs cost, and how long another client waits.")
    parser.add_argument("--users", type=int, default=20_000)
    parser.add_argument("--at-once", type=int, default=16)
    parser.add_argument("--only", default="", metavar="NAME", help="inputs whose names have this in them")
    parser.add_argument("--keep", metavar="FILE", help="write the figures into a file")
    parser.add_argument("--write", action="store_true", help="write docs/benchmarks.md")
    options = parser.parse_args()
    found = measured([each for each in inputs() if options.only in each.name], options.users, options.at_once)
    before = {name: Figures(**each) for name, each in json.loads(BEFORE.read_text()).items()} if BEFORE.exists() else {}
    text = table(found, before, options.at_once)
    sys.stdout.write(f"{text}\n")
    if options.keep:
        Path(options.keep).write_text(json.dumps({name: asdict(each) for name, each in found.items()}, indent=2) + "\n")
    if options.write:
        taken = described(["aiohttp"], further=[f"commit {revision()}", load()])
        command = f"python -m bench.hostile --users {options.users} --at-once {options.at_once} --write"
        write_section("hostile", f"`{command}`; {taken}.\n\n{text}")


if __name__ == "__main__":
    main()
