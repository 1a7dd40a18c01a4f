"""A store that fails for part of the time: busy, silent, or breaking connections, with clear spells between."""

import asyncio
import random
import time
from collections.abc import Awaitable, Callable, Sequence
from enum import StrEnum
from typing import TypeVar

from aiohttp import web

from scim.protocol.errors import Unavailable
from scim.storage.rows import Row, RowChange, Rows
from tests.azure import faults

T = TypeVar("T")


class Sky(StrEnum):
    """What the store does now."""

    CLEAR = "clear"
    BUSY = "answers 503"
    SILENT = "does not answer in time"
    BROKEN = "breaks connections"


SPELLS = (Sky.CLEAR, Sky.BUSY, Sky.CLEAR, Sky.BROKEN, Sky.CLEAR, Sky.SILENT)


class Weather:
    """Which fault, if any, meets the next call.

    Spells follow each other, each as many seconds long as `spell` says; within a bad one, `share` of the calls fail.
    After `seconds` the sky stays clear, so that what was interrupted can be finished. Time begins with the first
    call: a server that is slow to start must not miss the bad spells.
    """

    def __init__(self, seconds: float, spell: float = 5.0, spells: Sequence[Sky] = SPELLS, share: float = 0.5) -> None:
        self._began: float | None = None
        self._seconds, self._spell, self._spells, self._share = seconds, spell, spells, share
        self._dice = random.Random(1)  # noqa: S311 - no secret

    def now(self) -> Sky:
        """Return what happens to a call that is made now."""
        if self._began is None:
            self._began = time.monotonic()
        passed = time.monotonic() - self._began
        if passed > self._seconds or self._dice.random() > self._share:
            return Sky.CLEAR
        return self._spells[int(passed / self._spell) % len(self._spells)]

    def heads(self) -> bool:
        """Toss a coin: whether a call that fails was carried out nevertheless."""
        return self._dice.random() < 0.5


class FaultyRows:
    """A store that tells its callers `Unavailable` when the weather is bad, as stores do after tries of their own."""

    def __init__(self, rows: Rows, weather: Weather, silence: float = 1.0) -> None:
        self._rows, self._weather, self._silence = rows, weather, silence

    async def read(self, partition: str, key: str) -> Row | None:
        return await self._exposed(lambda: self._rows.read(partition, key))

    async def range(self, partition: str, after: str, before: str, limit: int, keys_only: bool = False) -> list[Row]:
        return await self._exposed(lambda: self._rows.range(partition, after, before, limit, keys_only))

    async def commit(self, partition: str, changes: Sequence[RowChange], mark: str = "") -> list[str]:
        return await self._exposed(lambda: self._rows.commit(partition, changes, mark))

    async def check(self) -> None:
        await self._exposed(self._rows.check)

    async def close(self) -> None:
        await self._rows.close()

    async def _exposed(self, call: Callable[[], Awaitable[T]]) -> T:
        sky = self._weather.now()
        if sky is Sky.CLEAR:
            return await call()
        if sky is Sky.SILENT:
            await asyncio.sleep(self._silence)
        if sky is not Sky.BUSY and self._weather.heads():
            await call()  # it was done, and the answer is lost
        raise Unavailable(f"The store {sky}.")


class Storm(list[faults.Fault]):
    """Faults for a service between client and emulator: as many as the weather sends."""

    def __init__(self, weather: Weather) -> None:
        super().__init__()
        self._weather = weather
        self._next: faults.Fault = faults.honest

    def __bool__(self) -> bool:
        self._next = self._fault()
        return self._next is not faults.honest

    def pop(self, _: object = 0) -> faults.Fault:
        """Return the fault that was announced."""
        return self._next

    def _fault(self) -> faults.Fault:
        made = {
            Sky.CLEAR: faults.honest,
            Sky.BUSY: faults.status(503, "ServerBusy"),
            Sky.SILENT: faults.silence,
            Sky.BROKEN: faults.reset,
        }
        sky = self._weather.now()
        applied = sky in (Sky.BROKEN, Sky.SILENT) and self._weather.heads()
        return _applied(made[sky]) if applied else made[sky]


def _applied(fault: faults.Fault) -> faults.Fault:
    """Let the emulator carry the request out, then the fault happen to its answer."""

    async def fail(request: web.Request, deliver: faults.Deliver) -> web.StreamResponse:
        await deliver()
        return await fault(request, deliver)

    return fail
