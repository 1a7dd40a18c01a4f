"""A stand-in for a table of Table Storage under load, at the SDK's client: it throttles, is late, and is moved away.

What it takes for granted of the service:

- A partition gives 2,000 entities a second; beyond it the answer is 503 ServerBusy, which comes at once.
  https://learn.microsoft.com/azure/storage/tables/scalability-targets
- It asks for no time to wait: no `Retry-After` is documented for it.
  https://learn.microsoft.com/rest/api/storageservices/table-service-error-codes
- A transaction may be applied up to 30 s after it was sent, when its client has gone on.
  https://learn.microsoft.com/rest/api/storageservices/setting-timeouts-for-table-service-operations
- A partition that is moved to another server is away for some seconds; how long is written nowhere, ten are taken.
"""

import asyncio
import random
from bisect import bisect_left, bisect_right, insort
from collections import defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextvars import ContextVar
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

from azure.core import MatchConditions
from azure.core.exceptions import HttpResponseError, ResourceNotFoundError, ServiceRequestError
from azure.data.tables import TableEntity, UpdateMode

Operation = tuple[str, Mapping[str, Any], Mapping[str, Any]]
Key = tuple[str, str]
"""A partition and a key in it."""


@dataclass
class Asked:
    """A request of a client, as the store sees whom its calls are for."""

    answered: bool = False


ASKED: ContextVar[Asked | None] = ContextVar("asked", default=None)
"""The request under way; what it starts inherits it."""


@dataclass(frozen=True)
class Spells:
    """Times that come again: each `period` ends with one of `seconds`. None at all where the period is 0."""

    period: float = 0.0
    seconds: float = 0.0

    def left(self, passed: float) -> float:
        """Return the seconds that are left of a spell, 0 between two of them."""
        if not self.period:
            return 0.0
        place = passed % self.period
        return self.period - place if place >= self.period - self.seconds else 0.0


@dataclass(frozen=True)
class Manner:
    """How the store behaves: entities a second of each partition, and what happens to calls.

    A share of the transactions, and all of them while it `stalls`, are late: their clients hear nothing. One alone
    arrives within `late_seconds`. What came while it stalled is applied at one moment, `flush_seconds` after the stall,
    as by a server that was given up and gets on after all. While it is `away`, every call is refused.
    """

    rate: float = 2_000
    answer_seconds: float = 0.005
    late_share: float = 0.0
    late_seconds: float = 30.0
    stalls: Spells = Spells()
    flush_seconds: float = 8.0
    away: Spells = Spells()


@dataclass
class Partition:
    """What is left of a partition's rate, and since when."""

    left: float
    at: float


@dataclass
class Tally:
    """What the store has seen."""

    calls: int = 0
    entities: int = 0
    refused: int = 0
    """Calls answered 503 ServerBusy, for whichever reason."""
    throttled: int = 0
    """Those of them that were beyond the rate."""
    late: int = 0
    """Transactions whose client heard nothing."""
    arrived: int = 0
    """Those of them that were applied."""
    orphans: int = 0
    """Calls for a request that was answered before."""


@dataclass
class Busy:
    """A table with its partitions, and the client of it. While it is `calm` it does what it should."""

    clock: Callable[[], float]
    manner: Manner = Manner()
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
    calm: bool = True
    tally: Tally = field(default_factory=Tally)

    def __post_init__(self) -> None:
        self._dice = random.Random(1)
        self._began = self.clock()
        self._partitions: dict[str, Partition] = defaultdict(lambda: Partition(self.manner.rate, self.clock()))
        self._entities: dict[Key, dict[str, Any]] = {}
        self._versions: dict[Key, int] = {}
        self._keys: list[Key] = []
        self._version = 0
        self._late: set[asyncio.Task[None]] = set()

    def get_table_client(self, _: str) -> "Busy":
        """Return the client of the table, as a service client does."""
        return self

    async def close(self) -> None:
        """Let what is late arrive no more."""
        for task in self._late:
            task.cancel()

    def begin(self) -> None:
        """Behave as the manner says from now on."""
        self.calm, self._began = False, self.clock()

    async def settle(self) -> None:
        """Be calm again, and return when all that was late has arrived."""
        self.calm = True
        if self._late:
            await asyncio.wait(self._late)

    async def get_entity(self, partition: str, key: str) -> TableEntity:
        await self._enter(partition, 1)
        if (partition, key) not in self._entities:
            raise _error(ResourceNotFoundError, 404, "ResourceNotFound")
        return self._entity((partition, key))

    def query_entities(self, where: str, *, parameters: Mapping[str, str], **options: Any) -> "_Pages":
        assert "@after" in where, "only ranges of keys are asked for"
        return _Pages(self, parameters, options["results_per_page"])

    async def submit_transaction(self, operations: Sequence[Operation], **hooks: Any) -> list[dict[str, str]]:
        await self._enter(operations[0][1]["PartitionKey"], len(operations))
        if (seconds := self._delay()) is not None:
            self.tally.late += 1
            task = asyncio.ensure_future(self._apply_later(operations, seconds))
            self._late.add(task)
            task.add_done_callback(self._late.discard)
            raise ServiceRequestError("the connection broke")
        answer = self._apply(operations)
        hooks["raw_response_hook"](None)
        return answer

    async def create_table(self) -> None:
        raise _error(HttpResponseError, 409, "TableAlreadyExists")

    async def between(self, bounds: Mapping[str, str], after: str, size: int) -> tuple[list[TableEntity], str | None]:
        """Return entities behind a key, at most so many, and the key behind which there are more."""
        partition = bounds["partition"]
        start = bisect_right(self._keys, (partition, after))
        end = bisect_left(self._keys, (partition, bounds["before"]))
        keys = self._keys[start : min(end, start + size)]
        await self._enter(partition, max(1, len(keys)))
        more = keys[-1][1] if keys and start + size < end else None
        return [self._entity(key) for key in keys if key in self._entities], more

    def _delay(self) -> float | None:
        """Return after how many seconds a transaction arrives that is late, None where it is not."""
        if self.calm:
            return None
        if left := self.manner.stalls.left(self.clock() - self._began):
            return min(left + self.manner.flush_seconds, self.manner.late_seconds)
        late = self._dice.random() < self.manner.late_share
        return self._dice.uniform(0, self.manner.late_seconds) if late else None

    async def _apply_later(self, operations: Sequence[Operation], seconds: float) -> None:
        await self.sleep(seconds)
        try:
            self._apply(operations)
        except HttpResponseError:
            return
        self.tally.arrived += 1

    async def _enter(self, partition: str, entities: int) -> None:
        """Count a call, and refuse it where the partition is away or has given what it gives in a second."""
        asked = ASKED.get()
        self.tally.orphans += bool(asked and asked.answered)
        self.tally.calls += 1
        if self.calm:
            return
        await self.sleep(self.manner.answer_seconds)
        now, state = self.clock(), self._partitions[partition]
        state.left = min(self.manner.rate, state.left + (now - state.at) * self.manner.rate)
        state.at = now
        throttled = state.left <= 0
        if throttled or self.manner.away.left(now - self._began):
            self.tally.refused += 1
            self.tally.throttled += throttled
            raise _error(HttpResponseError, 503, "ServerBusy")
        state.left -= entities
        self.tally.entities += entities

    def _apply(self, operations: Sequence[Operation]) -> list[dict[str, str]]:
        for kind, entity, options in operations:
            self._check(kind, _key(entity), options)
        return [self._changed(*operation) for operation in operations]

    def _check(self, kind: str, key: Key, options: Mapping[str, Any]) -> None:
        there = key in self._entities
        if kind == "create":
            if there:
                raise _error(HttpResponseError, 409, "EntityAlreadyExists")
        elif not there:
            raise _error(HttpResponseError, 404, "ResourceNotFound")
        elif options["match_condition"] is MatchConditions.IfNotModified and options["etag"] != self._etag(key):
            raise _error(HttpResponseError, 412, "UpdateConditionNotSatisfied")

    def _changed(self, kind: str, entity: Mapping[str, Any], options: Mapping[str, Any]) -> dict[str, str]:
        key = _key(entity)
        if kind == "delete":
            del self._entities[key], self._versions[key]
            del self._keys[bisect_left(self._keys, key)]
            return {}
        if kind == "create":
            insort(self._keys, key)
        old = self._entities[key] if options.get("mode") is UpdateMode.MERGE else {}
        self._version += 1
        self._entities[key] = {**old, **entity}
        self._versions[key] = self._version
        return {"etag": self._etag(key)}

    def _etag(self, key: Key) -> str:
        return f"W/\"datetime'{self._versions[key]:012}'\""

    def _entity(self, key: Key) -> TableEntity:
        found = TableEntity(self._entities[key])
        at = f"2026-01-31T12:00:{self._versions[key]:012}Z"
        metadata: Any = {"etag": self._etag(key), "timestamp": SimpleNamespace(tables_service_value=at)}
        found._metadata = metadata
        return found


class _Pages:
    """The pages of one query."""

    def __init__(self, table: Busy, bounds: Mapping[str, str], size: int) -> None:
        self._table, self._bounds, self._size = table, bounds, size
        self.continuation_token: str | None = None

    def by_page(self, token: str | None) -> "_Pages":
        self.continuation_token = token
        return self

    async def __anext__(self) -> AsyncIterator[TableEntity]:
        after = self.continuation_token or self._bounds["after"]
        found, self.continuation_token = await self._table.between(self._bounds, after, self._size)

        async def each() -> AsyncIterator[TableEntity]:
            for entity in found:
                yield entity

        return each()


def _key(entity: Mapping[str, Any]) -> Key:
    return entity["PartitionKey"], entity["RowKey"]


def _error(kind: type[HttpResponseError], status: int, code: str) -> HttpResponseError:
    error = kind("made up")
    error.status_code, error.error_code = status, code  # type: ignore[attr-defined]
    return error
