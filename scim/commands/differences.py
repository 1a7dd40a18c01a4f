"""What tells two large sets of rows apart: those that there must be, and those that there are."""

import hashlib
from collections import Counter
from collections.abc import Iterable
from typing import Protocol

from scim.commands.inspection import Suspect

PARTS = 4096


class Sink(Protocol):
    """Hears of the rows that there must be and of those that there are."""

    def expect(self, sort: str, key: str, owner: str = "") -> None:
        """Hear of a row that there must be."""
        ...

    def find(self, sort: str, key: str, owner: str = "") -> None:
        """Hear of a row that there is."""
        ...


class Sums:
    """A tenant of any size in a few thousand sums: each row is hashed into one of them.

    What there must be is added and what there is is taken away: a sum that is not nought has a difference.
    """

    def __init__(self) -> None:
        self._sums = [0] * PARTS
        self.rows = 0

    def expect(self, sort: str, key: str, owner: str = "") -> None:
        number = _number(sort, key, owner)
        self._sums[number % PARTS] += number

    def find(self, sort: str, key: str, owner: str = "") -> None:
        number = _number(sort, key, owner)
        self._sums[number % PARTS] -= number
        self.rows += 1

    def uneven(self) -> list[int]:
        """Return the numbers of the parts that have a difference."""
        return [part for part, total in enumerate(self._sums) if total]


class Differences:
    """The rows of some parts that are on one side only."""

    def __init__(self, parts: Iterable[int]) -> None:
        self._parts = frozenset(parts)
        self._open: Counter[tuple[str, str, str]] = Counter()

    def expect(self, sort: str, key: str, owner: str = "") -> None:
        self._note((sort, key, owner), 1)

    def find(self, sort: str, key: str, owner: str = "") -> None:
        self._note((sort, key, owner), -1)

    def _note(self, row: tuple[str, str, str], step: int) -> None:
        if _number(*row) % PARTS in self._parts:
            self._open[row] += step
            if not self._open[row]:
                del self._open[row]

    def suspects(self) -> set[Suspect]:
        """Return what is to be looked at closely."""
        owners: dict[tuple[str, str], set[str]] = {}
        for sort, key, owner in self._open:
            owners.setdefault((sort, key), set()).update([owner] if sort == "name" else [])
        return {Suspect(sort, key, frozenset(ids)) for (sort, key), ids in owners.items()}


def _number(sort: str, key: str, owner: str) -> int:
    return int.from_bytes(hashlib.blake2b(f"{sort} {key} {owner}".encode(), digest_size=12).digest(), "big")
