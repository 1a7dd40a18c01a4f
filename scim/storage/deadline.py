"""When the request under way must be answered, and how many calls of the store it may still make."""

import asyncio
import math
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from scim.protocol.errors import Unavailable

CALLS = 300_000
"""Calls of the store that one request may make: a body of 4 MiB names at most some 90,000 members, each of which may
have to be looked for as a membership, as a user and as a group."""
MARGIN = 5.0
"""Seconds before the deadline of a request at which it waits for nothing more, and is answered with what there is."""


class Deadline:
    """The one deadline of a request, from its start to its answer, with the calls that are left to it.

    A request carries it in a context variable, not in parameters: it holds for everything that the request does and
    for nothing else, and tasks that the request starts inherit it. Commands and the timer have none.
    """

    def __init__(self, seconds: float, calls: float = CALLS, clock: Callable[[], float] = time.monotonic) -> None:
        self._seconds, self._most, self._calls, self._clock = seconds, calls, calls, clock
        self._end = clock() + seconds

    def left(self) -> float:
        """Return the seconds that are left, 0 when it is over; infinite where there is no deadline."""
        return max(0.0, self._end - self._clock())

    def spend(self) -> None:
        """Count a call of the store that is to begin now. Raises Unavailable when there is no time or call left."""
        self._calls -= 1
        if self._calls < 0:
            raise Unavailable(
                f"The request needs more than {self._most:,} calls to the storage. What it has changed so far stays;"
                " send fewer changes in one request."
            )
        if not self.left():
            raise self.over()

    async def enter(self, gate: asyncio.Semaphore | asyncio.Lock) -> None:
        """Wait for one's turn, which ends with `gate.release`. Raises Unavailable when the time is over before."""
        try:
            async with asyncio.timeout(self.left()):
                await gate.acquire()
        except TimeoutError:
            raise self.over() from None

    def over(self) -> Unavailable:
        """Return the error of a request whose time is over."""
        return Unavailable(
            f"The request could not be finished within {self._seconds:g} s. What it has changed so far stays; repeat"
            " the request, which then goes on from there."
        )


_NONE = Deadline(math.inf, math.inf)
_current: ContextVar[Deadline] = ContextVar("deadline", default=_NONE)


def current() -> Deadline:
    """Return the deadline of the request under way, or one that never comes."""
    return _current.get()


@contextmanager
def within(seconds: float, clock: Callable[[], float] = time.monotonic) -> Iterator[Deadline]:
    """Set the deadline of a request for the block; one inside of another, as in Bulk, shares the outer one's."""
    if (outer := _current.get()) is not _NONE:
        yield outer
        return
    token = _current.set(Deadline(seconds, clock=clock))
    try:
        yield _current.get()
    finally:
        _current.reset(token)
