"""One tenant: a partition of rows, with the clock, ids and pauses that changes to it are made with."""

import asyncio
import random
import sys
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence
from contextvars import ContextVar
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TypeVar

from scim.directory import keys, notes
from scim.protocol.errors import Unavailable
from scim.protocol.resource import format_date_time, to_stored_json
from scim.storage import deadline
from scim.storage.damage import FORM
from scim.storage.rows import Delete, Insert, Record, Replace, Row, RowChange, RowConflict, Rows, Touch, new_mark
from scim.storage.together import each
from scim.storage.writes import Writes

PAGE = 1000
"""Rows in one answer of Table Storage at most."""
TRIES = 40
"""How often a change is applied anew to what others have changed meanwhile; many writers on one row need many."""
PARALLEL_READS = 64

T = TypeVar("T")


@dataclass(slots=True)
class Traffic:
    """Characters of rows that were read one by one or written, while this is the context's own."""

    characters: int = 0


TRAFFIC: ContextVar[Traffic | None] = ContextVar("traffic", default=None)
"""What a request that consists of many operations counts with, so that they have a bound together."""


def _counted(characters: int) -> None:
    if traffic := TRAFFIC.get():
        traffic.characters += characters


def _now() -> datetime:
    return datetime.now(UTC)


def _new_id(begins: str) -> str:
    return begins + uuid.uuid4().hex[len(begins) :]


async def _pause(attempt: int) -> None:
    """Wait a random time, longer with each attempt, so that writers who met do not meet again."""
    await asyncio.sleep(random.uniform(0, min(0.01 * 1.5**attempt, 0.3)))  # noqa: S311 - no secret


@dataclass(frozen=True)
class Tenant:
    """A partition of rows and what changes to it need from the world."""

    rows: Rows
    name: str = "scim"
    now: Callable[[], datetime] = _now
    new_id: Callable[[str], str] = _new_id
    """Makes an id, of 32 hexadecimal digits, that begins with a text."""
    pause: Callable[[int], Awaitable[None]] = field(default=_pause)
    new_mark: Callable[[], str] = new_mark
    writes: Writes = field(default_factory=Writes)
    """How writing ends, for the health of the service; the tenants of a process share it."""
    before_commit: Callable[[str], Awaitable[None]] | None = None
    """Called with the name before each commit, to note in time that the tenant may have work for the timer."""
    rest: Callable[[float], Awaitable[None]] = field(default=asyncio.sleep)
    """Lets some seconds pass between two steps of work that no request waits for."""
    turn: asyncio.Lock = field(default_factory=asyncio.Lock, repr=False)
    """Whose turn it is to read a further page: those who read very much take turns."""

    def time(self) -> str:
        """The time now, in the form of `meta.lastModified`."""
        return format_date_time(self.now())

    async def read(self, key: str) -> Row | None:
        """Return the row of the key, or None."""
        deadline.current().spend()
        notes.call()
        row = await self.rows.read(self.name, key)
        if row:
            _counted(len(row.body))
        return row

    async def range(self, after: str, before: str, limit: int, keys_only: bool = False) -> list[Row]:
        """Return the first rows between two keys; see `Rows.range`."""
        deadline.current().spend()
        notes.call()
        return await self.rows.range(self.name, after, before, limit, keys_only)

    async def under(self, prefix: str, limit: int | None = None, keys_only: bool = False) -> list[Row]:
        """Return the rows whose keys begin with the prefix, all of them or the first `limit`."""
        return await self.made_of(list, prefix, limit, keys_only)

    async def made_of(
        self, made: Callable[[list[Row]], list[T]], prefix: str, limit: int | None = None, keys_only: bool = False
    ) -> list[T]:
        """Return what `made` makes of these rows, a page of them at a time."""
        size = PAGE if limit is None else min(PAGE, limit)
        rows = await self.range(prefix, prefix + keys.BEYOND, size, keys_only)
        found = made(rows)
        if len(rows) < size or size == limit:
            return found  # most often there is no further page
        async for page in self.pages(prefix, rows[-1].key, keys_only, None if limit is None else limit - size):
            found += made(page)
        return found

    async def pages(
        self, prefix: str, after: str = "", keys_only: bool = False, limit: int | None = None
    ) -> AsyncIterator[list[Row]]:
        """Yield the rows whose keys begin with the prefix, from behind `after`, a page at a time, at most `limit`."""
        last, left = max(after, prefix), sys.maxsize if limit is None else limit
        while left > 0:
            size = min(PAGE, left)
            await deadline.current().enter(self.turn)
            try:
                page = await self.range(last, prefix + keys.BEYOND, size, keys_only)
            finally:
                self.turn.release()
            if page:
                yield page
            if len(page) < size:
                return
            last, left = page[-1].key, left - size

    async def read_all(self, wanted: Sequence[str]) -> list[Row | None]:
        """Return the rows of many keys, in the order of the keys; a bounded number is read at a time."""
        if len(wanted) < 2:
            return [await self.read(key) for key in wanted]  # most often: no task for it
        return await each(wanted, self.read, PARALLEL_READS)

    async def commit(self, changes: Sequence[RowChange], mark: str = "") -> list[str]:
        """Apply all changes or none; see `Rows.commit`."""
        deadline.current().spend()
        _counted(sum(len(each.body) for each in changes if isinstance(each, (Insert, Replace))))
        try:
            if self.before_commit is not None:
                await self.before_commit(self.name)
            notes.call()
            versions = await self.rows.commit(self.name, changes, mark)
        except Unavailable as error:
            self.writes.failed(error)
            raise
        except RowConflict:
            self.writes.succeeded()
            raise
        self.writes.succeeded()
        return versions

    def change_row(self, **said: object) -> Record:
        """Return the row that says of a change what it was, for the change's own transaction; empty items are left out.

        It holds names and ids, never values. It is also what a store tells by, after a lost answer, whether the
        transaction was applied.
        """
        kept = {"form": FORM, **{name: item for name, item in said.items() if item}}
        key = keys.change(int(self.now().timestamp() * 1000), self.new_id(""))
        return Record(key, to_stored_json(kept), self.time())

    async def settled(self, changes: Iterable[RowChange]) -> list[RowChange]:
        """Return those of the changes to derived rows that still have something to do.

        For a second try: what a first one did not expect, such as a look-up row that is there already, must not
        stand in the way of the change for ever. A delete with a version stays, since it is meant to conflict when
        its row is another one or gone: that is what makes sure that the rows read here are still as they were.
        """
        listed = list(changes)
        rows = await self.read_all([change.key for change in listed])
        return [change for change, row in zip(listed, rows, strict=True) if _has_effect(change, row)]

    async def retried(self, attempt: Callable[[int], Awaitable[T]]) -> T:
        """Return what `attempt` returns, calling it again while its commit conflicts with those of others.

        `attempt` gets the number of the try, from 0. Raises Unavailable when the rows never rest.
        """
        for number in range(TRIES):
            try:
                return await attempt(number)
            except RowConflict:
                await self.pause(number)
        raise Unavailable("The resource is being changed by many requests at once; try again.", retry_after=1)


def _has_effect(change: RowChange, row: Row | None) -> bool:
    match change:
        case Insert():
            return row is None
        case Delete(version=None) | Touch():
            return row is not None
    return True
