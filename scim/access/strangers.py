"""Tokens that are not valid, counted by the address that they come from: who tries many waits for itself alone."""

import asyncio
import time
from collections.abc import Callable

from scim.access.minute import SECONDS, MinuteCounts, others
from scim.protocol.errors import TooManyRequests

MOST_A_MINUTE = 100
"""Tokens that are not valid, of one address, in one process; every further one is 429 until the minute is over."""
MOST_MANAGING = 20
"""The same where tenants are managed: people enter those, and behind one address of a provisioning service stand many
customers."""
MAX_ADDRESSES = 1_000
"""Addresses with a count of their own in a minute; all others share one."""
AT_ONCE = 8
"""Tokens that a process has never seen valid are looked up so many at a time."""


class Strangers:
    """Counts what was refused, and lets tokens that nobody knows yet be looked up, a few at a time.

    A valid token is never refused for what others have sent from its address. Of addresses that have sent too many
    tokens one at a time is looked up, so that those of all others have the turns to themselves. `clock` counts seconds.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._counts = MinuteCounts(clock, MAX_ADDRESSES, others)
        self._turns, self._last = asyncio.Semaphore(AT_ONCE), asyncio.Semaphore(1)

    def turn(self, address: str) -> asyncio.Semaphore:
        """Return what a look-up for the address waits for."""
        return self._last if self._counts.of(address) >= MOST_A_MINUTE else self._turns

    def refused(self, address: str, most: int = MOST_A_MINUTE) -> None:
        """Count a token of the address that is not valid. Raises TooManyRequests when there were `most` already.

        Where no address can be read, as behind `make run`, nothing is counted.
        """
        if not address:
            return
        if self._counts.add(address) > most:
            seconds = self._counts.left()
            raise TooManyRequests(
                f"More than {most} tokens that are not valid came from this address within a minute. Copy the"
                f" current secret token into the client's settings, and try again in {seconds} s.",
                seconds,
                max(int(most / SECONDS), 1),
            )
