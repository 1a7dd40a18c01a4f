"""The processor time of each operation, in the store and beyond it.

    python -m bench.cpu [--users 1000] [--rounds 5] [--profile ROW] [--write]

The functions of function_app.py are called as the worker calls them, over an SQLite file, with log lines being
written. The thread's processor time is taken around each call, and within it around each call of the store. The rest
is the service's own: token, JSON, filter, PATCH, projection, answer. The host and the worker are not in it.
"""

import argparse
import asyncio
import cProfile
import json
import logging
import os
import pstats
import statistics
import tempfile
import time
from collections.abc import Awaitable, Callable, Generator, Sequence
from dataclasses import dataclass, field
from importlib import import_module
from typing import Any, Generic, NamedTuple, TypeVar

import azure.functions as func

from bench.load import samples
from bench.page.machine import described, load, revision
from bench.page.sections import write_section
from scim.storage.rows import Row, RowChange, Rows

TOKEN = "a-token-made-up-for-measuring"  # noqa: S105
BASE = "http://127.0.0.1/scim/v2"

T = TypeVar("T")


class TimedRows:
    """A store that adds up the processor time of its calls, in seconds."""

    def __init__(self, rows: Rows) -> None:
        self._rows = rows
        self.seconds = 0.0

    async def read(self, partition: str, key: str) -> Row | None:
        return await self._timed(self._rows.read(partition, key))

    async def range(self, partition: str, after: str, before: str, limit: int, keys_only: bool = False) -> list[Row]:
        return await self._timed(self._rows.range(partition, after, before, limit, keys_only))

    async def commit(self, partition: str, changes: Sequence[RowChange], mark: str = "") -> list[str]:
        return await self._timed(self._rows.commit(partition, changes, mark))

    async def check(self) -> None:
        await self._rows.check()

    async def close(self) -> None:
        await self._rows.close()

    async def _timed(self, call: Awaitable[T]) -> T:
        return await _Steps(call, self)


class _Steps(Generic[T]):
    """A call that adds up the time of its own steps: while it waits others go on, such as what writes the journal."""

    def __init__(self, call: Awaitable[T], rows: TimedRows) -> None:
        self._call, self._rows = call, rows

    def __await__(self) -> Generator[Any, Any, T]:
        steps = self._call.__await__()
        while True:
            began = time.thread_time()
            try:
                waited_for = next(steps)
            except StopIteration as done:
                result: T = done.value
                return result
            finally:
                self._rows.seconds += time.thread_time() - began
            yield waited_for


class _Context:
    invocation_id = "00000000-0000-0000-0000-000000000000"


class Service:
    """The function app over a timed store."""

    def __init__(self, storage: str) -> None:
        os.environ |= {"SCIM_STORAGE": storage, "SCIM_TOKEN": TOKEN}
        module = import_module("function_app")
        tenant = module.service.tenant
        self.rows = TimedRows(tenant.rows)
        object.__setattr__(tenant, "rows", self.rows)  # frozen for everybody else
        self._functions = {each.get_function_name(): each.get_user_function() for each in module.app.get_functions()}

    async def answer(self, function: str, request: func.HttpRequest) -> bytes:
        """Return the body that the function answers; anything but success ends the measurement."""
        answer = await self._functions[function](request, _Context())
        body: bytes = answer.get_body()
        if answer.status_code >= 300:
            raise SystemExit(f"{function} answered {answer.status_code}: {body[:300]!r}")
        return body

    async def created(self, function: str, path: str, body: Any) -> str:
        """Create a resource and return its id."""
        resource_id: str = json.loads(await self.answer(function, request("POST", path, body)))["id"]
        return resource_id


def request(method: str, path: str, body: Any = None) -> func.HttpRequest:
    """Return a request as the worker makes it from what the host sends."""
    resource_id = path.partition("?")[0].split("/")[2:3]
    return func.HttpRequest(
        method=method,
        url=BASE + path,
        headers={"authorization": f"Bearer {TOKEN}", "content-type": "application/scim+json", "host": "127.0.0.1"},
        route_params={"id": resource_id[0]} if resource_id else {},
        body=b"" if body is None else json.dumps(body).encode(),
    )


Request = tuple[str, str] | tuple[str, str, Any]


class Operation(NamedTuple):
    """One row: a name, the most milliseconds beyond the store (None: no aim), and how its n-th request looks."""

    name: str
    aim: float | None
    function: str
    make: Callable[[int], Request]


@dataclass
class Cost:
    """Milliseconds of processor time for one call, a value for each round: all of it, and the store's part."""

    total: list[float] = field(default_factory=list)
    store: list[float] = field(default_factory=list)

    @property
    def own(self) -> float:
        """What is beyond the store, the median of the rounds."""
        return statistics.median(total - store for total, store in zip(self.total, self.store, strict=True))


class State(NamedTuple):
    """What was created before measuring."""

    users: list[str]
    group: str


def operations(state: State) -> list[Operation]:
    """Return the rows. Their requests differ with the number; adding and removing members undo each other."""
    users, group = state
    size = len(users)

    def of(number: int) -> str:
        return users[number % size]

    def by_user_name(name: str) -> Request:
        return "GET", f"/Users?filter=userName+eq+%22{name}%22"

    def by_external_id(number: int) -> Request:
        return "GET", f"/Users?filter=externalId+eq+%22{samples.external_id(number % size)}%22"

    def member(number: int, change: Callable[[str], samples.Body]) -> Request:
        return "PATCH", f"/Groups/{group}", change(of(number))

    def patched(number: int) -> Request:
        return "PATCH", f"/Users/{of(number)}", samples.changed_user(f"n{number}")

    return [
        Operation("GET a user", 0.3, "GetUser", lambda n: ("GET", f"/Users/{of(n)}")),
        Operation("filter userName eq, hit", 0.3, "ListUsers", lambda n: by_user_name(samples.user_name(n % size))),
        Operation("filter userName eq, miss", 0.3, "ListUsers", lambda n: by_user_name(f"nobody{n}@contoso.example")),
        Operation("filter externalId eq", 0.3, "ListUsers", by_external_id),
        Operation("create a user", 0.6, "CreateUser", lambda n: ("POST", "/Users", samples.user(n, "c"))),
        Operation("PATCH a user, 2 operations", 0.6, "PatchUser", patched),
        Operation("add a member", 0.6, "PatchGroup", lambda n: member(n, samples.added_member)),
        Operation("remove a member", 0.6, "PatchGroup", lambda n: member(n, samples.removed_member)),
        Operation("GET a group without members", 0.3, "GetGroup", _without_members(group)),
        Operation(
            "list 100 users", None, "ListUsers", lambda n: ("GET", f"/Users?startIndex={n % size + 1}&count=100")
        ),
    ]


def _without_members(group: str) -> Callable[[int], Request]:
    return lambda _: ("GET", f"/Groups/{group}?excludedAttributes=members")


async def measured(users: int, rounds: int, profiled: str) -> dict[str, tuple[Operation, Cost]]:
    """Return what each operation costs in a directory of so many users."""
    with tempfile.TemporaryDirectory() as folder:
        service = Service(f"sqlite:{folder}/cpu.db")
        ids = [await service.created("CreateUser", "/Users", samples.user(each)) for each in range(users)]
        state = State(ids, await service.created("CreateGroup", "/Groups", samples.group("Measured", [])))
        costs = {each.name: (each, Cost()) for each in operations(state)}
        for number in range(rounds + 1):
            for operation, cost in costs.values():
                calls = users // 20 if operation.aim is None else users
                await _measure(service, operation, range(number * users, number * users + calls), cost, profiled)
        return costs


async def _measure(service: Service, operation: Operation, numbers: range, cost: Cost, profiled: str) -> None:
    """Measure one round; the first one only warms up, except that a profile is taken of the second."""
    requests = [request(*operation.make(number)) for number in numbers]
    profile = cProfile.Profile() if operation.name == profiled and numbers.start else None
    before, began = service.rows.seconds, time.thread_time()
    if profile:
        profile.enable()
    for each in requests:
        await service.answer(operation.function, each)
    if profile:
        profile.disable()
        pstats.Stats(profile).sort_stats("tottime").print_stats(45)
    if numbers.start:
        cost.total.append((time.thread_time() - began) / len(requests) * 1000)
        cost.store.append((service.rows.seconds - before) / len(requests) * 1000)


def table(costs: dict[str, tuple[Operation, Cost]]) -> str:
    """Return the costs as Markdown."""
    lines = ["| operation | all, ms | in the store, ms | beyond it, ms | aim |", "|---|---|---|---|---|"]
    for operation, cost in costs.values():
        aim = "" if operation.aim is None else f"{operation.aim} {'met' if cost.own <= operation.aim else 'missed'}"
        total, store = statistics.median(cost.total), statistics.median(cost.store)
        lines.append(f"| {operation.name} | {total:.3f} | {store:.3f} | **{cost.own:.3f}** | {aim} |")
    return "\n".join(lines)


def main() -> None:
    """Measure, print, and with --write put the table into the documentation."""
    parser = argparse.ArgumentParser(description="Processor time of each operation, in the store and beyond it.")
    parser.add_argument("--users", type=int, default=1000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--profile", default="", metavar="ROW", help="profile the row of that name instead")
    parser.add_argument("--write", action="store_true", help="write docs/benchmarks.md")
    options = parser.parse_args()
    logging.basicConfig(level=logging.INFO, filename=os.devnull)
    rounds = 1 if options.profile else options.rounds
    text = table(asyncio.run(measured(options.users, rounds, options.profile)))
    print(text)  # noqa: T201
    if options.write:
        taken = described(["azure-functions", "pydantic"], further=[f"commit {revision()}", load()])
        command = f"python -m bench.cpu --users {options.users} --rounds {options.rounds} --write"
        write_section("cpu", f"`{command}`; {taken}.\n\n{text}")


if __name__ == "__main__":
    main()
