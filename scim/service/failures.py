"""How many failed requests get a line in the log that somebody reads: so many a minute for each address."""

import logging
import time
from collections.abc import Callable

from scim.access.minute import MinuteCounts, others

MAX_WARNINGS = 60
"""Lines at WARNING in a minute for one address, in one process."""
MAX_ADDRESSES = 100
"""Addresses with a count of their own in a minute; all others share one."""

logger = logging.getLogger(__name__)


class Failures:
    """Counts the failures of this process: a client that fails all the time must not fill the log.

    The first failure of a later minute says how many had no line at WARNING. `clock` counts seconds.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._counts = MinuteCounts(clock, MAX_ADDRESSES, others)
        self._quiet = 0

    def is_to_be_told(self, address: str) -> bool:
        """Count a failure of an address, and return whether it gets a line at WARNING."""
        if self._counts.begins():
            if self._quiet:
                logger.warning("%d failed requests before this minute had no line at WARNING", self._quiet)
            self._quiet = 0
        told = self._counts.add(address) <= MAX_WARNINGS
        self._quiet += not told
        return told
