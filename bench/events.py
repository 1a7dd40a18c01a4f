"""What the feed costs, and how late a webhook is.

    python -m bench.events [--events 100000] [--writes 400] [--changes 40] [--write]

Measurements in one process on loopback, over SQLite files: that many events are published and read; users are
created and changed in turns with and without the row that takes a change to the feed; security event tokens are
fetched; and changes are delivered to a webhook by each way alone, the time counted from the answer to the change to the
arrival at the receiver.
"""

import argparse
import asyncio
import gc
import random
import statistics
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager, nullcontext
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from unittest.mock import patch

from azure.storage.queue.aio import QueueClient

from bench.page.machine import described, load, revision
from bench.page.sections import write_section
from scim.app import App, build
from scim.azure.hints import PIPELINE, QUEUE, HintQueue
from scim.azure.tables import TableRows
from scim.directory import resources
from scim.directory.events import outbox_row
from scim.directory.feed import MAX_LIMIT
from scim.directory.tenant import Tenant
from scim.management.administration import Wanted
from scim.security_events.signing import ALGORITHMS, Algorithm, new_pem
from scim.service.hints import Hints
from scim.settings import Settings
from scim.storage.rows import Insert, Row, RowChange, Rows
from scim.storage.sqlite import SqliteRows
from tests import azurite
from tests.conftest import TOKEN, Http
from tests.webhooks.receiver import Receiver, receiving

KEY = "a-webhook-key-of-32-characters-and-more"
POLL = 2.0
"""Seconds between two looks of the host into the queue: the longest that host.json allows."""
LOOK = 1.0
"""Seconds between two looks of `make run`."""
CUSTOMERS = 20
"""Tenants whose changes are hinted; each may send one hint in ten seconds."""
Milliseconds = list[float]


@dataclass(frozen=True)
class Writes:
    """Of a write without and with the outbox: milliseconds of processor time, calls, and the ratio of pairs of windows.

    Three quartiles of the ratio: noise of the machine is in both windows of a pair.
    """

    milliseconds: tuple[float, float]
    calls: tuple[float, float]
    ratio: list[float]


@asynccontextmanager
async def service(folder: str) -> AsyncIterator[App]:
    """Give a service over an SQLite file of its own."""
    with tempfile.NamedTemporaryFile(dir=folder, suffix=".db") as file:
        app = build(Settings(f"sqlite:{file.name}", (TOKEN,), webhook_key=KEY, journal=False, rate=100_000))
        try:
            yield app
        finally:
            await app.close()


# Publish and read


async def fed(app: App, number: int) -> tuple[float, float]:
    """Let so many changes wait, one event each; return the seconds of publishing and of reading them all."""
    tenant = app.tenant
    data = {
        "id": "0" * 32,
        "userName": "mira@contoso.example",
        "active": True,
        "version": 'W/"1"',
        "changed": ["title"],
    }
    actor = {"credential": "c", "client": "bench", "requestId": "r"}
    for start in range(0, number, 50):
        event = {"type": "user.updated", "data": data}
        changes = [tenant.change_row() for _ in range(min(50, number - start))]
        await tenant.commit([outbox_row(each, [event], actor, "PATCH") for each in changes])
    began = time.perf_counter()
    published = await app.feed.publish_all(time.monotonic() + 3600)
    middle = time.perf_counter()
    cursor, read, more = "", 0, True
    while more:
        page = await app.feed.page(cursor, MAX_LIMIT)
        cursor, more, read = page.next, page.more, read + len(page.events)
    if published != number or read != number:
        raise SystemExit(f"{published} published and {read} read of {number}")
    return middle - began, time.perf_counter() - middle


# With and without the outbox


class CountedRows:
    """A store that counts its calls."""

    def __init__(self, rows: Rows) -> None:
        self._rows = rows
        self.calls = 0

    async def read(self, partition: str, key: str) -> Row | None:
        self.calls += 1
        return await self._rows.read(partition, key)

    async def range(self, partition: str, after: str, before: str, limit: int, keys_only: bool = False) -> list[Row]:
        self.calls += 1
        return await self._rows.range(partition, after, before, limit, keys_only)

    async def commit(self, partition: str, changes: Sequence[RowChange], mark: str = "") -> list[str]:
        self.calls += 1
        return await self._rows.commit(partition, changes, mark)

    async def check(self) -> None:
        await self._rows.check()

    async def close(self) -> None:
        await self._rows.close()


@contextmanager
def without_outbox() -> Iterator[None]:
    """Leave out all that a change does for the feed: finding what to say, writing it down, and the row."""
    right = Tenant.commit

    async def commit(tenant: Tenant, changes: Sequence[RowChange], mark: str = "") -> list[str]:
        return await right(tenant, [each for each in changes if each is not nothing], mark)

    nothing = Insert("o.", "")
    with (
        patch.object(resources, "events_of", lambda *_: []),
        patch.object(resources.Directory, "_said", lambda *_, **__: nothing),
        patch.object(Tenant, "commit", commit),
    ):
        yield


async def written(open_rows: Callable[[str], Rows], writes: int) -> Writes:
    """Return what a write costs without and with the outbox.

    Half of them create a user, half change one; the two kinds of service take turns, ten writes each.
    """
    stores = {kind: CountedRows(open_rows(f"writes{int(kind)}")) for kind in (False, True)}
    spent: dict[bool, Milliseconds] = {False: [], True: []}
    calls = {False: 0, True: 0}
    clients = {}
    for kind, rows in stores.items():
        app = build(Settings("sqlite::memory:", (TOKEN,), journal=False, rate=100_000), Tenant(rows))
        clients[kind] = Http(app)
    for turn in range(writes // 10 + 1):
        gc.collect()
        for kind in (True, False) if turn % 2 else (False, True):
            before, began = stores[kind].calls, time.thread_time()
            with nullcontext() if kind else without_outbox():
                await _ten_writes(clients[kind], turn)
            if turn:  # the first ones load what later ones find
                spent[kind].append((time.thread_time() - began) * 100)
                calls[kind] += stores[kind].calls - before
    for rows in stores.values():
        await rows.close()
    ratios = [with_it / without for without, with_it in zip(spent[False], spent[True], strict=True)]
    count = 10 * (writes // 10)
    return Writes(
        (statistics.median(spent[False]), statistics.median(spent[True])),
        (calls[False] / count, calls[True] / count),
        statistics.quantiles(ratios, n=4),
    )


async def _ten_writes(http: Http, turn: int) -> None:
    for number in range(5):
        user = await http.user(f"user{turn}-{number}", externalId=f"{turn}-{number}", title="Clerk")
        change = {"Operations": [{"op": "replace", "path": "title", "value": "Boss"}]}
        answer = await http.request("PATCH", f"/Users/{user['id']}", change)
        if answer.status != 200:
            raise SystemExit(f"PATCH answered {answer.status}: {answer.body}")


# Security events


async def polled(folder: str, algorithm: Algorithm, tokens: int) -> float:
    """Return milliseconds of processor time for each of so many tokens that are fetched, signed and acknowledged."""
    key = Path(folder) / f"{algorithm}.pem"
    key.write_text(new_pem(algorithm))
    rows = SqliteRows(f"{folder}/{algorithm}.db")
    settings = Settings("sqlite::memory:", (TOKEN,), journal=False, rate=100_000, signing_key=key)
    app = build(settings, Tenant(rows))
    stream = await (await app.streams()).create("https://scim.example/scim/v2", wait=0)
    for turn in range(tokens // 10):
        await _ten_writes(Http(app), turn)
    await app.feed.publish_all(time.monotonic() + 600)
    receiver, path = Http(app, stream["secretToken"]), f"/events/sets/{stream['id']}"
    began, had, answer = time.process_time(), 0, await receiver.request("POST", path)
    while sets := answer.body["sets"]:
        had += len(sets)
        answer = await receiver.request("POST", path, {"ack": list(sets), "returnImmediately": True})
    if had != tokens:
        raise SystemExit(f"{had} tokens of {tokens}")
    milliseconds = (time.process_time() - began) / tokens * 1000
    await app.close()
    return milliseconds


# How late a webhook is

Lateness = Callable[[App, Receiver, int], Awaitable[Milliseconds]]


async def by_task(app: App, receiver: Receiver, changes: int) -> Milliseconds:
    """The process that has made a change delivers it."""
    await (await app.webhooks()).create(receiver.url)
    app.deliveries.after_answers = True
    return [await _arrival(receiver, Http(app), number) for number in range(changes)]


async def by_look(app: App, receiver: Receiver, changes: int) -> Milliseconds:
    """Somebody looks each second, as `make run` does."""
    await (await app.webhooks()).create(receiver.url)

    async def look() -> None:
        while True:
            await asyncio.sleep(LOOK)
            await app.rounds.deliver(LOOK)

    looking = asyncio.create_task(look())
    found = []
    for number in range(changes):
        await asyncio.sleep(random.uniform(0, LOOK))  # noqa: S311 - no secret
        found.append(await _arrival(receiver, Http(app), number))
    looking.cancel()
    return found


async def by_hint(app: App, receiver: Receiver, changes: int, connection: str = "") -> Milliseconds:
    """The process ends after its answer: the host finds the hint in the queue and calls the function.

    Changes of several tenants come at any moment between two looks of the host.
    """
    app.deliveries.hints = Hints(lambda: HintQueue.from_connection_string(connection))
    clients = []
    for number in range(CUSTOMERS):
        key = (await app.administration.create(f"Customer {number}"))[0].key
        issued = await app.administration.issue(key, Wanted("n", "provision"))
        await (await app.webhooks(key)).create(receiver.url)
        app.deliveries._with[key] = None
        clients.append(Http(app, issued.secret, key))
    async with QueueClient.from_connection_string(connection, QUEUE, **PIPELINE) as queue:
        await queue.create_queue()
        looking = asyncio.create_task(_host(queue, app))
        found: Milliseconds = []
        while len(found) < changes:
            found += await asyncio.gather(*(_at_any_moment(receiver, each, len(found)) for each in clients))
            await asyncio.sleep(10)  # until each of them may hint again
        looking.cancel()
    return found


async def _host(queue: QueueClient, app: App) -> None:
    while True:
        async for message in queue.receive_messages(messages_per_page=16):
            await app.rounds.hinted(message.content)
            await queue.delete_message(message)
        await asyncio.sleep(POLL)


async def _at_any_moment(receiver: Receiver, http: Http, number: int) -> float:
    await asyncio.sleep(random.uniform(0, POLL))  # noqa: S311 - no secret
    return await _arrival(receiver, http, number)


async def _arrival(receiver: Receiver, http: Http, number: int) -> float:
    """Return the milliseconds from the answer to a change to its arrival."""
    name = f"late{number}-{random.getrandbits(64):x}"
    await http.user(name)
    began, seen = time.perf_counter(), 0
    while True:
        for each in receiver.received[seen:]:
            if name in each.event["data"].get("userName", ""):
                return (time.perf_counter() - began) * 1000
        seen = len(receiver.received)
        await receiver.has(seen + 1)


async def late(folder: str, changes: int) -> dict[str, Milliseconds]:
    """Return by way how late changes came."""
    found = {}
    with azurite.running("queue") as connection:
        ways: dict[str, Lateness] = {
            "the process that made the change": by_task,
            "a hint in the queue, by a host that looks each 2 s": partial(by_hint, connection=connection),
            "a look each second, as with `make run`": by_look,
        }
        for name, way in ways.items():
            async with service(folder) as app, receiving() as receiver:
                found[name] = await way(app, receiver, changes)
    return found


def report(
    events: int,
    seconds: tuple[float, float],
    writes: dict[str, Writes],
    fetched: Mapping[Algorithm, float],
    lateness: dict[str, Milliseconds],
) -> str:
    """Return all figures as Markdown."""
    lines = [
        f"| {events:,} events | seconds | each, ms |",
        "|---|--:|--:|",
        f"| published | {seconds[0]:.1f} | {seconds[0] / events * 1000:.3f} |",
        f"| read, 1,000 a page | {seconds[1]:.1f} | {seconds[1] / events * 1000:.3f} |",
        "",
        "| a write | without the outbox | with it | ratio, median | quartiles of the ratio |",
        "|---|--:|--:|--:|--:|",
    ]
    for store, found in writes.items():
        (without, with_it), (few, many), (low, middle, high) = found.milliseconds, found.calls, found.ratio
        lines += [
            f"| {store}: processor time, ms | {without:.2f} | {with_it:.2f} | {middle:.2f} | {low:.2f} to {high:.2f} |",
            f"| calls of the store | {few:.2f} | {many:.2f} | {many / few:.2f} | |",
        ]
    lines += [
        "",
        "| security event tokens, 100 an answer | each, ms | a second |",
        "|---|--:|--:|",
    ]
    lines += [f"| {name} | {each:.2f} | {1000 / each:,.0f} |" for name, each in fetched.items()]
    lines += [
        "",
        "| to a webhook by one way alone, from the answer to the arrival | changes | p50, ms | p95, ms |",
        "|---|--:|--:|--:|",
    ]
    for name, late_by in lateness.items():
        p95 = statistics.quantiles(late_by, n=20)[-1]
        lines.append(f"| {name} | {len(late_by)} | {statistics.median(late_by):,.0f} | {p95:,.0f} |")
    return "\n".join(lines)


async def measured(options: argparse.Namespace) -> str:
    """Take all measurements."""
    with tempfile.TemporaryDirectory() as folder:
        async with service(folder) as app:
            seconds = await fed(app, options.events)
        writes = {"SQLite": await written(lambda name: SqliteRows(f"{folder}/{name}.db"), options.writes)}
        with azurite.running() as connection:
            tables = partial(TableRows.from_connection_string, connection)
            writes["Table Storage (Azurite)"] = await written(tables, options.writes)
        fetched = {each: await polled(folder, each, options.tokens) for each in ALGORITHMS}
        return report(options.events, seconds, writes, fetched, await late(folder, options.changes))


def main() -> int:
    """Measure, print, and with --write put the tables into the documentation."""
    parser = argparse.ArgumentParser(description="What the feed costs, and how late a webhook is.")
    parser.add_argument("--events", type=int, default=100_000, help="that are published and read (%(default)s)")
    parser.add_argument("--writes", type=int, default=400, help="with and without the outbox (%(default)s)")
    parser.add_argument("--tokens", type=int, default=1_000, help="that are fetched (%(default)s)")
    parser.add_argument("--changes", type=int, default=40, help="to a webhook by each way (%(default)s)")
    parser.add_argument("--write", action="store_true", help="write docs/benchmarks.md")
    options = parser.parse_args()
    text = asyncio.run(measured(options))
    sys.stdout.write(f"{text}\n")
    if options.write:
        taken = described(["aiohttp", "azure-storage-queue"], further=[f"commit {revision()}", load()])
        command = (
            f"python -m bench.events --events {options.events} --writes {options.writes} --tokens {options.tokens}"
            f" --changes {options.changes}"
        )
        write_section("events", f"`{command} --write`; {taken}.\n\n{text}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
