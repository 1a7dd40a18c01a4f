"""Several processes on one store, of which a random choice lets one call go on at a time."""

import asyncio
import math
import random
from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from typing import Any, TypeVar

from scim.access.registry import registry_name
from scim.protocol.errors import Unavailable
from scim.storage import deadline
from scim.storage.deadline import Deadline
from scim.storage.rows import Row, RowChange, RowConflict, Rows
from tests.conftest import Answer
from tests.crash.faults import Crash, check_applied
from tests.crash.world import Client, NoAnswer, make_app

T = TypeVar("T")
PATIENCE = 100
"""How often a client repeats a request."""
REGISTRY = registry_name("scim")
QUIET = 12
"""Rounds of the event loop after which every task waits for its turn."""


class Scheduler:
    """Decides which worker's call to storage goes on; one seed gives one schedule."""

    def __init__(self, seed: int) -> None:
        self.choice = random.Random(seed)
        self.calls = 0
        self._waiting: list[tuple[str, asyncio.Future[None]]] = []
        self._tasks: list[asyncio.Future[None]] = []
        self._last = ""
        self._stickiness = self.choice.choice([0.0, 0.5, 0.9])

    async def turn(self, worker: str) -> None:
        """Return when it is this call's turn."""
        entry = (worker, asyncio.get_running_loop().create_future())
        self._waiting.append(entry)
        try:
            await entry[1]
        except asyncio.CancelledError:  # a call beside it has failed, and nobody waits for this one any longer
            if entry in self._waiting:
                self._waiting.remove(entry)
            raise

    def later(self, work: Coroutine[Any, Any, None]) -> None:
        """Let something go on beside the workers, as what a store still does for a request that was given up."""
        self._tasks.append(asyncio.ensure_future(work))

    async def run(self, workers: Sequence[Coroutine[Any, Any, None]]) -> None:
        """Run workers to their ends; raise what one of them raises.

        Nobody may be waiting for a turn although not all have ended: what is long is computed on a thread of its own,
        and how long that takes depends on the machine. Then this goes on looking.
        """
        tasks = self._tasks
        tasks += [asyncio.ensure_future(each) for each in workers]
        while True:
            for _ in range(QUIET):
                await asyncio.sleep(0)
            failed = [task for task in tasks if task.done() and task.exception()]
            if failed or all(task.done() for task in tasks):
                break
            if self._waiting:
                self._let_one_go()
        if failed:
            for task in tasks:
                task.cancel()
            for _, future in self._waiting:
                future.cancel()
        await asyncio.gather(*tasks, return_exceptions=bool(failed))
        for task in failed:
            task.result()

    def _let_one_go(self) -> None:
        names = sorted({worker for worker, _ in self._waiting})
        if self._last not in names or self.choice.random() >= self._stickiness:
            self._last = self.choice.choice(names)
        entry = self.choice.choice([each for each in self._waiting if each[0] == self._last])
        self._waiting.remove(entry)
        self.calls += 1
        entry[1].set_result(None)


class ScheduledRows:
    """The rows as one process sees them, which may die at any call, or find there that a request's time is over."""

    def __init__(self, rows: Rows, scheduler: Scheduler, worker: str, risk: float, late: float = 0.0) -> None:
        """`late` is the risk of a commit to be given up, and to arrive at the store later, or never."""
        self._rows, self._scheduler, self._worker, self._risk, self._late = rows, scheduler, worker, risk, late
        self._dead = False
        self._over: Deadline | None = None
        """The deadline of a request that can make no further call."""

    async def read(self, partition: str, key: str) -> Row | None:
        if partition != REGISTRY:  # who may call is no part of the plots
            await self._enter()
        return await self._rows.read(partition, key)

    async def range(self, partition: str, after: str, before: str, limit: int, keys_only: bool = False) -> list[Row]:
        await self._enter()
        return await self._rows.range(partition, after, before, limit, keys_only)

    async def commit(self, partition: str, changes: Sequence[RowChange], mark: str = "") -> list[str]:
        await self._enter()
        if self._scheduler.choice.random() < self._late:
            self._scheduler.later(self._arrive(partition, changes, mark))
            raise Unavailable("the store does not answer in time")
        versions = await self._rows.commit(partition, changes, mark)
        check_applied(changes)
        if self._unlucky():
            self._dead = True
            raise Crash
        if self._unlucky():
            raise Unavailable("the answer was lost")
        return versions

    async def _arrive(self, partition: str, changes: Sequence[RowChange], mark: str) -> None:
        for _ in range(self._scheduler.choice.randrange(40)):
            await self._scheduler.turn("late commits")
        try:
            await self._rows.commit(partition, changes, mark)
        except RowConflict:
            return
        check_applied(changes)

    async def check(self) -> None:
        await self._rows.check()

    async def close(self) -> None:
        await self._rows.close()

    async def pause(self, _: int) -> None:
        """Give others a turn, as a writer does who has met another one."""
        await self._enter()

    async def _enter(self) -> None:
        await self._scheduler.turn(self._worker)
        if self._dead:
            raise Crash
        if self._unlucky():
            self._dead = True
            raise Crash
        if self._unlucky():
            raise Unavailable("the store does not answer")
        self._spend(deadline.current())

    def _spend(self, request: Deadline) -> None:
        """Let the time of a request be over by chance; commands and the timer have no deadline."""
        if request.left() < math.inf and self._unlucky():
            self._over = request
        if request is self._over:
            raise request.over()

    def _unlucky(self) -> bool:
        return self._scheduler.choice.random() < self._risk


class Worker:
    """A client with a process of its own; it repeats what got no answer, on a new process after a crash."""

    def __init__(self, name: str, rows: Rows, scheduler: Scheduler, risk: float, late: float = 0.0) -> None:
        self.name, self.choice = name, scheduler.choice
        self._rows, self._scheduler, self._risk, self._late = rows, scheduler, risk, late
        self._processes = 0
        self._sudden = False
        self.client = self._started()

    def sudden(self) -> "Worker":
        """Let each of its operations take one turn, as if it were much faster than the others."""
        self._sudden = True
        self.client = self._started()
        return self

    def _started(self) -> Client:
        self._processes += 1
        if self._sudden:
            return Client(make_app(self._rows, f"{self.name} {self._processes}"))
        rows = ScheduledRows(self._rows, self._scheduler, self.name, self._risk, self._late)
        return Client(make_app(rows, f"{self.name} {self._processes}", pause=rows.pause))

    async def do(self, act: Callable[[Client], Awaitable[T]]) -> T:
        """Return what an operation returns that is repeated until it is answered."""
        for _ in range(PATIENCE):
            if self._sudden:
                await self._scheduler.turn(self.name)
            try:
                return await act(self.client)
            except Crash:
                self.client = self._started()
            except (NoAnswer, Unavailable):
                pass
        raise AssertionError(f"{self.name} is never answered")

    async def send(self, method: str, path: str, json: Any = None, headers: Mapping[str, str] | None = None) -> Answer:
        """Send a request until it is answered."""

        async def sent(client: Client) -> Answer:
            return await client.send(method, path, json, **(headers or {}))

        return await self.do(sent)

    async def create(self, endpoint: str, body: dict[str, Any]) -> str:
        """Create a resource, or find it when a request that was not answered has; return its id."""

        async def created(client: Client) -> str:
            return await client.create(endpoint, body)

        return await self.do(created)

    async def delete(self, path: str) -> None:
        """Delete a resource; it may be gone already."""
        answer = await self.send("DELETE", path)
        assert answer.status in (204, 404), answer.body
