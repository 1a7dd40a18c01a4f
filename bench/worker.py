"""Operations a second under the real language worker over Table Storage, beside the bare SDK making the same calls.

    python -m bench.worker [--operations 400] [--rounds 5] [--at-once 8] [--write]

Table Storage is its emulator, a process of its own; the worker and the SDK share this process and take turns. First
each operation runs with its calls of the store being noted. Then the worker runs operations, and the SDK repeats the
noted calls with rows of its own: the same reads, queries and transactions, at the same time where the service makes
them at the same time. Needs Python 3.13.
"""

import argparse
import asyncio
import itertools
import json
import logging
import os
import statistics
import sys
import time
from collections.abc import Awaitable, Callable, Sequence
from contextvars import ContextVar
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar

from azure.core.exceptions import ResourceNotFoundError
from azure.data.tables import UpdateMode
from azure.data.tables.aio import TableClient

from bench.load import samples
from bench.page.machine import ROOT, described, load, revision
from bench.page.sections import write_section
from scim.azure import connections, entities, tables
from scim.storage.rows import Insert, Replace, Row, RowChange, Rows, Touch
from tests import azurite
from tests.functions_host import FunctionsHost
from tests.worker import HttpRequest

TOKEN = "a-token-made-up-for-measuring"  # noqa: S105
BASE = "http://127.0.0.1/scim/v2"
AIM = 0.8

T = TypeVar("T")
Make = Callable[[TableClient, int], Awaitable[object]]


@dataclass
class Call:
    """One call of the store: what the SDK has to do, and when in the operation it began and ended."""

    make: Make
    began: int
    ended: int = sys.maxsize


_noted: ContextVar[list[Call] | None] = ContextVar("_noted", default=None)


class NotingRows:
    """A store that notes its calls in the list of the running operation, if there is one."""

    def __init__(self, rows: Rows) -> None:
        self._rows = rows
        self._ticks = itertools.count()

    async def read(self, partition: str, key: str) -> Row | None:
        return await self._note(self._rows.read(partition, key), lambda client, _: _read(client, partition, key))

    async def range(self, partition: str, after: str, before: str, limit: int, keys_only: bool = False) -> list[Row]:
        bounds = {"partition": partition, "after": after, "before": before}
        select = ["RowKey", "modified"] if keys_only else None
        size = min(tables.PAGE, limit)
        asked = self._rows.range(partition, after, before, limit, keys_only)
        return await self._note(
            asked, lambda client, _: tables._page(client, tables.BETWEEN, bounds, select, size, None)
        )

    async def commit(self, partition: str, changes: Sequence[RowChange], mark: str = "") -> list[str]:
        asked = self._rows.commit(partition, changes, mark)
        return await self._note(asked, lambda client, number: _commit(client, partition, changes, number))

    async def check(self) -> None:
        await self._rows.check()

    async def close(self) -> None:
        await self._rows.close()

    async def _note(self, asked: Awaitable[T], make: Make) -> T:
        calls = _noted.get()
        if calls is None:
            return await asked
        call = Call(make, next(self._ticks))
        calls.append(call)
        try:
            return await asked
        finally:
            call.ended = next(self._ticks)


async def _read(client: TableClient, partition: str, key: str) -> None:
    try:
        await client.get_entity(partition, key)
    except ResourceNotFoundError:
        return


async def _commit(client: TableClient, partition: str, changes: Sequence[RowChange], number: int) -> None:
    """Repeat a transaction: what was inserted under new keys, what was replaced or touched whatever its version."""
    operations: list[Any] = []
    for change in changes:
        if isinstance(change, Insert):
            change = replace(change, key=f"{change.key}.{number}")
        if isinstance(change, Touch):
            change = replace(change, version=None)
        kind, entity, options = entities.operation(partition, change, f"{number:016x}")
        if isinstance(change, Replace):
            kind, options = "upsert", {"mode": UpdateMode.REPLACE}
        elif not isinstance(change, (Insert, Touch)):
            raise TypeError("a deleted row cannot be deleted again: measure operations that delete none")
        operations.append((kind, entity, options))
    await client.submit_transaction(operations)


async def repeat(client: TableClient, calls: Sequence[Call], number: int) -> None:
    """Make the calls of an operation anew, those at the same time that were made at the same time."""
    waiting = list(calls)
    while waiting:
        end = min(each.ended for each in waiting)
        together = [each for each in waiting if each.began < end]
        waiting = [each for each in waiting if each.began >= end]
        await asyncio.gather(*(each.make(client, number) for each in together))


@dataclass
class Operation:
    """One row: its name, and how its n-th request looks; then calls, and operations a second."""

    name: str
    request: Callable[[int], HttpRequest]
    noted: list[list[Call]] = field(default_factory=list)
    ours: list[float] = field(default_factory=list)
    bare: list[float] = field(default_factory=list)

    @property
    def ratio(self) -> float:
        """Ours divided by the bare SDK's: the median of the rounds."""
        return statistics.median(ours / bare for ours, bare in zip(self.ours, self.bare, strict=True))

    @property
    def calls(self) -> float:
        """Calls of the store for one operation."""
        return statistics.mean(len(each) for each in self.noted)


class Session:
    """The worker with the function app over the emulator, and a client of the bare SDK."""

    def __init__(self, functions: FunctionsHost, client: TableClient, at_once: int) -> None:
        self._functions, self._client, self._at_once = functions, client, at_once
        self._numbers = itertools.count(1)
        self.failed = ""

    async def ask(self, request: HttpRequest) -> Any:
        """Send a request and return the answer's body; any failure ends the measurement."""
        answer = await self._functions.send(request)
        if answer.status >= 300:
            raise SystemExit(f"{request.method} {request.url} is {answer.status}: {answer.body[:300]!r}")
        return json.loads(answer.body) if answer.body else None

    async def note(self, operation: Operation, number: int) -> None:
        """Run an operation once and note its calls."""
        calls: list[Call] = []
        token = _noted.set(calls)
        await self.ask(operation.request(number))
        _noted.reset(token)
        operation.noted.append(calls)

    async def measure(self, operation: Operation, numbers: range) -> None:
        """Run operations under the worker, then the same number of calls by the bare SDK."""

        async def ours(number: int) -> None:
            await self.ask(operation.request(number))

        async def bare(number: int) -> None:
            calls = operation.noted[number % len(operation.noted)]
            await repeat(self._client, calls, next(self._numbers))

        operation.ours.append(await _rate(ours, numbers, self._at_once))
        operation.bare.append(await _rate(bare, numbers, self._at_once))


async def _rate(work: Callable[[int], Awaitable[None]], numbers: range, at_once: int) -> float:
    """Return how many a second were done, so many at a time."""
    waiting = iter(numbers)

    async def each() -> None:
        for number in waiting:
            await work(number)

    began = time.perf_counter()
    await asyncio.gather(*(each() for _ in range(at_once)))
    return len(numbers) / (time.perf_counter() - began)


def request(method: str, path: str, body: Any = None) -> HttpRequest:
    """Return a request as the host hands it to the worker."""
    return HttpRequest(
        method,
        BASE + path,
        {"Authorization": f"Bearer {TOKEN}", "Content-Type": "application/scim+json", "Host": "127.0.0.1"},
        b"" if body is None else json.dumps(body).encode(),
    )


def operations(users: list[str], group: str) -> list[Operation]:
    """Return the rows: what Entra asks most. None of them deletes a row, which could not be repeated."""
    size = len(users)

    def filtered(number: int) -> HttpRequest:
        return request("GET", f"/Users?filter=userName+eq+%22{samples.user_name(number % size)}%22")

    def patched(number: int) -> HttpRequest:
        return request("PATCH", f"/Users/{users[number % size]}", samples.patch(_title(number)))

    def added(number: int) -> HttpRequest:
        return request("PATCH", f"/Groups/{group}", samples.added_member(users[number % size]))

    return [
        Operation("GET a user", lambda n: request("GET", f"/Users/{users[n % size]}")),
        Operation("filter userName eq, hit", filtered),
        Operation("create a user", lambda n: request("POST", "/Users", samples.user(n, "new"))),
        Operation("PATCH a user", patched),
        Operation("add a member", added),
    ]


def _title(number: int) -> samples.Body:
    return {"op": "Replace", "path": "title", "value": f"Buyer {number}"}


async def measured(storage: str, count: int, rounds: int, at_once: int) -> list[Operation]:
    """Return the rows with the figures of so many rounds, of so many operations each, so many at a time."""
    os.environ |= {"SCIM_STORAGE": storage, "SCIM_TOKEN": TOKEN}
    async with FunctionsHost.running(ROOT) as functions:
        service = sys.modules["function_app"].service
        rows: Rows = service.tenant.rows
        transport = connections.new_transport()
        async with TableClient.from_connection_string(
            storage, "scim", transport=transport, **connections.PIPELINE
        ) as client:
            session = Session(functions, client, at_once)
            made = [await _created(session, each) for each in range(count * (rounds + 1))]
            group = (await session.ask(request("POST", "/Groups", samples.group("Measured", []))))["id"]
            found = operations(made, group)
            object.__setattr__(service.tenant, "rows", NotingRows(rows))  # frozen for everybody else
            for operation in found:
                for number in range(count):
                    await session.note(operation, number)
            object.__setattr__(service.tenant, "rows", rows)
            for each in range(1, rounds + 1):
                for operation in found:
                    await session.measure(operation, range(each * count, (each + 1) * count))
        await service.close()
    return found


async def _created(session: Session, number: int) -> str:
    body = await session.ask(request("POST", "/Users", samples.user(number)))
    user_id: str = body["id"]
    return user_id


def table(found: list[Operation]) -> str:
    """Return the rows as Markdown."""
    lines = [
        "| operation | calls of the store | operations/s under the worker | bare SDK | share | aim |",
        "|---|--:|--:|--:|--:|---|",
    ]
    for each in found:
        figures = f"{statistics.median(each.ours):,.0f} | {statistics.median(each.bare):,.0f} | **{each.ratio:.0%}**"
        verdict = "met" if each.ratio >= AIM else "missed"
        lines.append(f"| {each.name} | {each.calls:.1f} | {figures} | {AIM:.0%} {verdict} |")
    return "\n".join(lines)


def main() -> None:
    """Measure, print, and with --write put the table into the documentation."""
    parser = argparse.ArgumentParser(description="Under the real worker over Table Storage, beside the bare SDK.")
    parser.add_argument("--operations", type=int, default=200, help="in each round (%(default)s)")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--at-once", type=int, default=8, help="operations in flight (%(default)s)")
    parser.add_argument("--write", action="store_true", help="write docs/benchmarks.md")
    options = parser.parse_args()
    logging.basicConfig(level=logging.INFO, filename=os.devnull)
    logging.getLogger("azure").setLevel(logging.WARNING)
    with azurite.running() as storage:
        text = table(asyncio.run(measured(storage, options.operations, options.rounds, options.at_once)))
    sys.stdout.write(f"{text}\n")
    if options.write:
        taken = described(
            ["azure-functions-runtime", "azure-data-tables", "aiohttp"], further=[f"commit {revision()}", load()]
        )
        command = f"python -m bench.worker --operations {options.operations} --rounds {options.rounds} --write"
        write_section("worker", f"`{command}`; {taken}; {options.at_once} operations at a time.\n\n{text}")


if __name__ == "__main__":
    main()
