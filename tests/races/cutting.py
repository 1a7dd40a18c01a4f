"""`python -m tests.races.cutting SEED COMMAND`: the command, in a process whose requests run out of time by chance."""

import math
import random
import sys
import time
from collections.abc import Callable
from unittest.mock import patch

from scim.__main__ import main
from scim.storage import deadline
from scim.storage.deadline import CALLS, Deadline

LONGEST = 8
"""Doublings of the calls that come before the last one: creating a large group takes some 200."""

_chance = random.Random()


class CutDeadline(Deadline):
    """A deadline that comes at one of the calls of the store, the first or a later one, or never: half of them do.

    What it says then, and to whom, is the real one's: nothing waits for time to pass.
    """

    def __init__(self, seconds: float, calls: float = CALLS, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__(seconds, calls, clock)
        self._before = _chance.choice((math.inf, int(2 ** _chance.uniform(0, LONGEST)) - 1))

    def left(self) -> float:
        return super().left() if self._before >= 0 else 0.0

    def spend(self) -> None:
        self._before -= 1
        super().spend()


if __name__ == "__main__":
    _chance.seed(sys.argv[1])
    with patch.object(deadline, "Deadline", CutDeadline):
        sys.exit(main(sys.argv[2:]))
