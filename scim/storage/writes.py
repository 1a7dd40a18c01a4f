"""Whether the store takes what this process writes: a store can answer every read and refuse every write."""

import time
from collections.abc import Callable

from scim.protocol.errors import Unavailable

COUNTS_SECONDS = 600.0
"""How long a failed write is held against the store when this process tries no other: two runs of the timer."""


class Writes:
    """How the last write of this process ended."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._failure: Unavailable | None = None
        self._failed_at = 0.0

    def succeeded(self) -> None:
        """Note that the store took a write, or judged it."""
        self._failure = None

    def failed(self, error: Unavailable) -> None:
        """Note that it did not."""
        self._failure, self._failed_at = error, self._clock()

    def check(self) -> None:
        """Raise Unavailable when the last write failed, a short time ago."""
        if self._failure is not None and self._clock() - self._failed_at < COUNTS_SECONDS:
            raise Unavailable(f"The last change could not be written. {self._failure.detail}")
