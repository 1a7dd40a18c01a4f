"""Counts that begin anew each minute: how often something came by each key, in bounded memory."""

import math
from collections import Counter
from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

SECONDS = 60.0

K = TypeVar("K", bound=Hashable)


def others(_: str) -> str:
    """Return what stands for texts that have no count of their own."""
    return "others"


class MinuteCounts(Generic[K]):
    """Counts by key of this process. `clock` counts seconds.

    So many keys as `most` have a count of their own in a minute; those that come later share that of `others`.
    """

    def __init__(self, clock: Callable[[], float], most: int, others: Callable[[K], K]) -> None:
        self._clock, self._most, self._others = clock, most, others
        self._minute = -1
        self._counts: Counter[K] = Counter()

    def __len__(self) -> int:
        return len(self._counts)

    def begins(self) -> bool:
        """Whether a minute has begun in which nothing was counted or looked at yet."""
        minute = int(self._clock() // SECONDS)
        if minute == self._minute:
            return False
        self._minute = minute
        self._counts.clear()
        return True

    def of(self, key: K) -> int:
        """Return the count of a key."""
        self.begins()
        return self._counts.get(self._name(key), 0)

    def add(self, key: K) -> int:
        """Count a key, and return its count."""
        self.begins()
        name = self._name(key)
        self._counts[name] += 1
        return self._counts[name]

    def left(self) -> int:
        """Return in how many seconds the minute is over, 1 at least."""
        return max(math.ceil(SECONDS - self._clock() % SECONDS), 1)

    def _name(self, key: K) -> K:
        return key if key in self._counts or len(self._counts) < self._most else self._others(key)
