"""Answers that are kept for some seconds, so that requests in between ask nobody."""

import asyncio
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class _Kept(Generic[T]):
    value: T
    until: float


class Fresh(Generic[T]):
    """The answers to `ask` by key, each at most `seconds` old, counted from when it was asked for.

    Of the answers that nobody has wanted for longest, all above `most` are forgotten. While one is being asked for,
    others wait for the same answer. A failure is raised to all who wait, and not kept.
    """

    def __init__(
        self,
        ask: Callable[[str], Awaitable[T]],
        seconds: float,
        most: int,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._ask, self._seconds, self._most, self._clock = ask, seconds, most, clock
        self._kept: OrderedDict[str, _Kept[T]] = OrderedDict()
        self._asking: dict[str, asyncio.Task[T]] = {}

    def __len__(self) -> int:
        return len(self._kept)

    def knows(self, key: str) -> bool:
        """Whether an answer for the key is kept that is not too old."""
        kept = self._kept.get(key)
        return kept is not None and self._clock() < kept.until

    def kept(self, key: str) -> T | None:
        """Return the answer for the key that is kept, however old; None without one."""
        kept = self._kept.get(key)
        return None if kept is None else kept.value

    async def get(self, key: str) -> T:
        """Return the answer for the key, asking only if none is kept that is new enough."""
        kept = self._kept.get(key)
        if kept is not None and self._clock() < kept.until:
            self._kept.move_to_end(key)
            return kept.value
        return await asyncio.shield(self._task(key))

    def _task(self, key: str) -> "asyncio.Task[T]":
        task = self._asking.get(key)
        if task is None or task.get_loop() is not asyncio.get_running_loop():
            task = self._asking[key] = asyncio.create_task(self._asked(key))
            task.add_done_callback(lambda done: self._done(key, done))
        return task

    async def _asked(self, key: str) -> T:
        until = self._clock() + self._seconds
        value = await self._ask(key)
        self._kept[key] = _Kept(value, until)
        self._kept.move_to_end(key)
        while len(self._kept) > self._most:
            self._kept.popitem(last=False)
        return value

    def _done(self, key: str, task: "asyncio.Task[T]") -> None:
        if self._asking.get(key) is task:
            del self._asking[key]
        if not task.cancelled():
            task.exception()  # whoever waited has it; without a look at it asyncio logs a failure that nobody met
