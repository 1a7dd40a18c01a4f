"""Changes at a steady pace for minutes, each brought to a receiver by a webhook, whose copy is compared at the end.

    python -m bench.hooks [--store sqlite] [--seconds 600] [--rate 25] [--write]

The server is a process of its own: the local host over an SQLite file, or over the emulator of Table Storage. The
receiver knows nothing but the events, drops what came before, and must know what the directory has.
"""

import argparse
import asyncio
import random
import statistics
import sys
import time
from collections.abc import Awaitable
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import aiohttp

from bench.hosts.servers import OURS, Server, running
from bench.page.machine import described, load, revision
from bench.page.sections import write_section
from tests import azurite
from tests.webhooks.receiver import Receiver, receiving

OPERATOR = "an-operator-s-token-made-up-for-this"
SETTINGS = {"SCIM_ADMIN_TOKEN": OPERATOR, "SCIM_WEBHOOK_KEY": "a-webhook-key-of-32-characters-and-more"}
PATCH_OP = "urn:ietf:params:scim:api:messages:2.0:PatchOp"
STORES = {"sqlite": "SQLite", "azurite": "Table Storage (Azurite)"}
PEOPLE = 200
"""Users at a time; further ones take the place of those who leave."""


@dataclass
class Copy:
    """What the receiver makes of the events: names and states of users, and who is a member of the group."""

    known: dict[str, tuple[str, bool]] = field(default_factory=dict)
    members: set[str] = field(default_factory=set)
    last: int = 0
    repeats: int = 0
    gaps: int = 0

    def apply(self, event: Any) -> None:
        """Apply an event, unless it came before."""
        if event["sequence"] <= self.last:
            self.repeats += 1
            return
        self.gaps += event["sequence"] != self.last + 1
        self.last = event["sequence"]
        kind, data = event["type"], event["data"]
        if kind == "user.deleted":
            self.known.pop(data["id"], None)
            self.members.discard(data["id"])
        elif kind.startswith("user."):
            self.known[data["id"]] = (data["userName"], data["active"])
        elif kind == "group.members_added":
            self.members |= set(data["members"])
        elif kind == "group.members_removed":
            self.members -= set(data["members"])


@dataclass
class Result:
    """What came of one server."""

    name: str
    changes: int = 0
    seconds: float = 0.0
    events: int = 0
    repeats: int = 0
    late: list[float] = field(default_factory=list)
    """Milliseconds from the time in an event, which is that of its change, to its arrival."""
    problems: list[str] = field(default_factory=list)


class Client:
    """Changes a directory, and asks about it."""

    def __init__(self, session: aiohttp.ClientSession, server: Server) -> None:
        self._session, self._server = session, server
        self.people: list[str] = []
        self.changes = 0

    async def ask(self, method: str, path: str, body: Any = None, *, operator: bool = False) -> Any:
        """Return the body of an answer; anything but success ends the run."""
        url, token = self._server.tenant.url, self._server.tenant.token
        if operator:
            url, token = url.removesuffix("/scim/v2") + "/manage/v1/tenants/scim", OPERATOR
        headers = {"Authorization": f"Bearer {token}"}
        async with self._session.request(method, url + path, json=body, headers=headers) as answer:
            if answer.status >= 300:
                raise SystemExit(f"{method} {path} answered {answer.status}: {await answer.text()}")
            return await answer.json(content_type=None) if answer.status != 204 else None

    async def change(self, group: str, number: int) -> None:
        """Make one change: somebody comes, leaves, is disabled or enabled, renamed, a member or none any more."""
        self.changes += 1
        if len(self.people) < PEOPLE or number % 10 == 0:
            self.people.append((await self.ask("POST", "/Users", {"userName": f"user{number}"}))["id"])
        elif number % 10 == 1:
            await self.ask("DELETE", f"/Users/{self.people.pop(0)}")
        else:
            somebody = random.choice(self.people[50:])  # noqa: S311 - no secret; and not who leaves at this moment
            if number % 3 == 0:
                path, op = "members", random.choice(["add", "remove"])  # noqa: S311
                await self._patch(f"/Groups/{group}", op, path, [{"value": somebody}])
            elif number % 3 == 1:
                await self._patch(f"/Users/{somebody}", "replace", "active", number % 2 == 0)
            else:
                await self._patch(f"/Users/{somebody}", "replace", "userName", f"renamed{number}")

    async def _patch(self, path: str, op: str, attribute: str, value: Any) -> None:
        operation = {"op": op, "path": attribute, "value": value}
        await self.ask("PATCH", path, {"schemas": [PATCH_OP], "Operations": [operation]})


async def played(name: str, server: Server, seconds: float, rate: float) -> Result:
    """Change at a pace, wait until everything is delivered, and compare."""
    result = Result(name)
    async with aiohttp.ClientSession() as session, receiving() as receiver:
        client = Client(session, server)
        webhook = await client.ask("POST", "/webhooks", {"url": receiver.url}, operator=True)
        group = (await client.ask("POST", "/Groups", {"displayName": "crew"}))["id"]
        noting = asyncio.create_task(_note(receiver, result.late))
        began, under_way, number = time.monotonic(), set[Awaitable[None]](), 0
        while time.monotonic() < began + seconds:
            await asyncio.sleep(max(0.0, began + number / rate - time.monotonic()))
            task = asyncio.create_task(client.change(group, number))
            under_way.add(task)
            number += 1
            if len(under_way) >= 20:
                done, _ = await asyncio.wait(under_way, return_when=asyncio.FIRST_COMPLETED)  # type: ignore[type-var]
                under_way -= done
        await asyncio.gather(*under_way)
        result.changes, result.seconds = client.changes, time.monotonic() - began
        await _delivered(client, webhook["id"])
        noting.cancel()
        await _compare(client, receiver, group, result)
    return result


async def _delivered(client: Client, webhook: str) -> None:
    """Return when the webhook is behind nothing."""
    while True:
        shown = await client.ask("GET", f"/webhooks/{webhook}", operator=True)
        if not shown["lag"]["events"]:
            return
        await asyncio.sleep(0.5)


async def _note(receiver: Receiver, late: list[float]) -> None:
    while True:
        await receiver.has(len(late) + 1)
        now = datetime.now(UTC)
        moments = [datetime.fromisoformat(each.event["timestamp"]) for each in receiver.received[len(late) :]]
        late += [(now - each).total_seconds() * 1000 for each in moments]


async def _compare(client: Client, receiver: Receiver, group: str, result: Result) -> None:
    copy = Copy()
    for each in receiver.received:
        copy.apply(each.event)
    found = await client.ask("GET", "/Users?count=1000&attributes=userName,active")
    there = {each["id"]: (each["userName"], each["active"]) for each in found["Resources"]}
    members = {each["value"] for each in (await client.ask("GET", f"/Groups/{group}")).get("members", [])}
    result.events, result.repeats = copy.last, copy.repeats
    if copy.gaps:
        result.problems.append(f"{result.name}: {copy.gaps} gaps in the numbers")
    if copy.known != there or found["totalResults"] != len(there):
        result.problems.append(f"{result.name}: {len(set(copy.known.items()) ^ set(there.items()))} users differ")
    if copy.members != members:
        result.problems.append(f"{result.name}: {len(copy.members ^ members)} members differ")


async def over(store: str, seconds: float, rate: float) -> Result:
    """Return what comes of one store."""
    with ExitStack() as stack:
        settings = SETTINGS
        if store == "azurite":
            settings = settings | {"SCIM_STORAGE": stack.enter_context(azurite.running())}
        return await played(STORES[store], stack.enter_context(running(OURS, settings)), seconds, rate)


def report(result: Result) -> str:
    """Return the run as Markdown."""
    p95 = statistics.quantiles(result.late, n=20)[-1]
    return "\n".join(
        [
            "| store | minutes | changes | a second | events | came twice | p50, ms | p95, ms | differences |",
            "|---|--:|--:|--:|--:|--:|--:|--:|--:|",
            f"| {result.name} | {result.seconds / 60:.1f} | {result.changes:,} | {result.changes / result.seconds:.1f}"
            f" | {result.events:,} | {result.repeats} | {statistics.median(result.late):,.0f} | {p95:,.0f}"
            f" | {len(result.problems)} |",
        ]
    )


def main() -> int:
    """Run, print, and with --write put the table into the documentation."""
    parser = argparse.ArgumentParser(description="Changes for minutes, each brought to a receiver by a webhook.")
    parser.add_argument("--store", choices=STORES, default="sqlite", help="(%(default)s)")
    parser.add_argument("--seconds", type=float, default=600.0, help="(%(default)s)")
    parser.add_argument("--rate", type=float, default=25.0, help="changes a second (%(default)s)")
    parser.add_argument("--write", action="store_true", help="write docs/benchmarks.md")
    options = parser.parse_args()
    result = asyncio.run(over(options.store, options.seconds, options.rate))
    text = report(result)
    sys.stdout.write("\n".join([text, "", *result.problems, f"{len(result.problems)} problems", ""]))
    if options.write:
        taken = described(["aiohttp", "azure-data-tables"], further=[f"commit {revision()}", load()])
        asked = f"--store {options.store} --seconds {options.seconds:g} --rate {options.rate:g}"
        write_section(f"hooks-{options.store}", f"`python -m bench.hooks {asked} --write`; {taken}.\n\n{text}")
    return 1 if result.problems else 0


if __name__ == "__main__":
    sys.exit(main())
