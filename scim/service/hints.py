"""Hints: messages that wake who delivers to a tenant's webhooks, in case the process that has made a change cannot."""

import asyncio
import logging
import math
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Protocol

from scim.storage import deadline

DELAY = 2
"""Seconds for which nobody sees a hint: most often this process has delivered by then, and deletes it."""
EVERY = 10.0
"""Seconds from one hint of a change to the next, of one tenant in each process."""
SECONDS = 1.0
"""How long a request may wait for the queue."""
PATIENT = 10.0
"""How long a task may wait for it, which may be the first that needs a connection and a token."""
PAUSE = 60.0
"""Seconds without a hint after one that failed, so that a queue that is away holds up one request a minute."""
SOON = 60.0
"""Seconds within which something is due that is worth a hint; what comes later is the timer's."""
MOST = 10_000
"""Tenants whose last hint is remembered."""
FAILED = "hints fail: %d since this process began, the last one by %s; webhooks may wait for the timer"
"""The line of the log that an alert reads (infra/modules/alerts.bicep)."""

logger = logging.getLogger(__name__)


class Queue(Protocol):
    """A queue of texts: `scim.azure.hints` has the real one."""

    async def send(self, text: str, delay: int) -> Any:
        """Send a message that nobody sees for so many seconds; return what `delete` needs."""
        ...

    async def delete(self, message: Any) -> None:
        """Delete a message; one that somebody has read is theirs, and stays."""
        ...

    async def close(self) -> None:
        """Release connections."""
        ...


@dataclass(slots=True)
class _Sent:
    """The last hint of a tenant: when the next one may be, when it can be seen, and itself while it is not deleted."""

    next: float
    seen: float
    message: Any


class Hints:
    """The hints of this process. Nothing here raises: a change is made, whatever the queue does."""

    def __init__(self, make: Callable[[], Queue] | None, clock: Callable[[], float] = time.monotonic) -> None:
        """`make` opens the queue when the first hint is sent; without it there are no hints."""
        self._make, self._clock = make, clock
        self._queue: Queue | None = None
        self._sent: OrderedDict[str, _Sent] = OrderedDict()
        self._paused_until = -math.inf
        self._said_at = -math.inf
        self.failures = 0
        """Messages that could not be sent or deleted since the process began."""

    async def changed(self, key: str, seconds: float = SECONDS) -> None:
        """Send a hint of a change, unless the last one is younger than EVERY."""
        last = self._sent.get(key)
        if last is None or last.next <= self._clock():
            await self._send(key, DELAY, seconds)

    async def due(self, key: str, seconds: float) -> None:
        """Send a hint of what is due in so many seconds, if that is SOON, unless there is one that nobody sees yet."""
        last = self._sent.get(key)
        if seconds <= SOON and (last is None or last.seen <= self._clock()):
            await self._send(key, max(DELAY, math.ceil(seconds)), PATIENT)

    def has(self, key: str) -> bool:
        """Whether there is a hint to be deleted."""
        return key in self._sent and self._sent[key].message is not None

    async def delivered(self, key: str) -> None:
        """Delete the last hint: there is nothing to do for whoever reads it."""
        if self.has(key):
            last = self._sent[key]
            message, last.message, last.seen = last.message, None, self._clock()
            await self._bounded(lambda queue: queue.delete(message), PATIENT)

    async def close(self) -> None:
        """Release the queue."""
        if self._queue is not None:
            await self._queue.close()

    async def _send(self, key: str, delay: int, seconds: float) -> None:
        now = self._clock()
        seconds = min(seconds, deadline.current().left())
        if self._make is None or now < self._paused_until or not seconds:
            return
        self._sent[key] = _Sent(now + EVERY, now + delay, None)
        self._sent.move_to_end(key)
        while len(self._sent) > MOST:
            self._sent.popitem(last=False)
        self._sent[key].message = await self._bounded(lambda queue: queue.send(key, delay), seconds)

    async def _bounded(self, call: Callable[[Queue], Awaitable[Any]], seconds: float) -> Any:
        """Return what a call returns; None, counted and told once in PAUSE, when it fails or takes too long."""
        try:
            async with asyncio.timeout(seconds):
                if self._queue is None and self._make:
                    self._queue = self._make()
                return await call(self._queue) if self._queue else None
        except Exception as error:  # whatever it is, a change is made and answered
            self.failures += 1
            now = self._clock()
            self._paused_until = now + PAUSE
            if now - self._said_at >= PAUSE:
                self._said_at = now
                # Status and kind alone: an error's text can hold an address with a signature.
                logger.warning(FAILED, self.failures, getattr(error, "status_code", None) or type(error).__name__)
        return None
