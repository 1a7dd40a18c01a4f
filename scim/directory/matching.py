"""What a search does with the rows that it has read: which of them match, in which order, and which fit on the page.

Nothing here waits, so that a large batch can be looked through aside.
"""

import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import takewhile
from typing import NamedTuple

from scim.directory.cursor import Position
from scim.directory.planning import Plan, ordering
from scim.directory.stored import Edge, Kind, Stored
from scim.protocol.errors import TooMany
from scim.protocol.query import DESCENDING, SearchRequest
from scim.protocol.work import MAX_WORK, Work, WorkDone
from scim.storage.damage import Damaged
from scim.storage.rows import Row

MAX_PAGE_BYTES = 8 * 1024 * 1024
"""Bytes of stored resources on one page; one more resource may begin below it.

A page of 1,000 is full as long as they have 8 KiB on average. As objects and as text of the answer they take up to
thirty times as much memory, where values are short and many.
"""
EDGE_SIZE = 100
"""Characters that a membership has in an answer, about."""
LEAST_SIZE = 1_000
"""Characters that the smallest resource counts for: it takes as long as they do, whatever it has."""


@dataclass(frozen=True, slots=True)
class ScanLimit:
    """How much one search may read when no look-up serves it: rows, and seconds."""

    rows: int = 20_000
    seconds: float = 20.0


class Candidate(NamedTuple):
    """A row of a resource that may match, and its memberships where the filter has any.

    They are apart from it, so that a page keeps no more of them than it shows.
    """

    row: Row
    edges: list[Edge] | None = None

    @property
    def size(self) -> int:
        """Characters to look through."""
        return len(self.row.body) + EDGE_SIZE * len(self.edges or ())


class Room:
    """What still fits on a page, in resources and in bytes; the first resource always does."""

    def __init__(self, count: int) -> None:
        self.left, self._bytes = count, MAX_PAGE_BYTES

    def takes(self, size: int) -> bool:
        """Whether there is room for a resource of so many bytes, which then has it."""
        if self.left <= 0 or self._bytes <= 0:
            return False
        self.left, self._bytes = self.left - 1, self._bytes - size
        return True


class Budget:
    """What a search may still read of one kind."""

    def __init__(self, limit: ScanLimit) -> None:
        self._limit = limit
        self._rows = limit.rows
        self._end = time.monotonic() + limit.seconds

    def spent(self, row: Row, work: Work) -> bool:
        """Count a row that is looked at; whether that is too much, or takes too long. Raises WorkDone."""
        self._rows -= 1
        work.read(len(row.body))
        return self._rows < 0 or time.monotonic() > self._end

    def exceeded(self, kind: Kind) -> TooMany:
        """Return the error that says so."""
        served = ", ".join(["id", *kind.unique, *kind.filterable])
        return TooMany(
            f"The search would read more than {self._limit.rows:,} rows, take more than {self._limit.seconds:g} s or"
            f" compare more than {MAX_WORK:,} values. Search with 'eq' on one of {served}, alone or joined to the rest"
            " by 'and'; or walk by cursor, without sortBy and with a count above 0, which has no such limit."
        )


def size_of(plan: Plan, batch: Sequence[Candidate]) -> int:
    """Return about how much there is to look through: characters, as often as the filter may look at them."""
    return sum(each.size for each in batch) * max(plan.terms, 1)


def matching(plan: Plan, candidate: Candidate) -> Stored | None:
    """Return the resource that a row holds if it is what the plan looks for. Raises WorkDone."""
    stored = readable(plan.kind, candidate.row)
    if plan.matches is None or stored is None:
        return stored
    whole = stored if candidate.edges is None else stored.with_edges(candidate.edges)
    try:
        return stored if plan.matches(whole.resource("")) else None
    except (AttributeError, TypeError) as error:  # what is in the objects of a list is not looked at before
        Damaged(candidate.row.key, f"a value has another type than its schema says ({error})")
        return None


def readable(kind: Kind, row: Row) -> Stored | None:
    """Return the resource that a row holds; None, which is logged, where it is damaged, so that others are shown."""
    with suppress(Damaged):
        return Stored.from_row(kind, row)
    return None


class Match(NamedTuple):
    """What is kept of a match until the page is known; `stored` is None where it is not kept, since memory is short."""

    key: Position
    size: int
    stored: Stored | None


class Collection:
    """All matches of a search, put in order when the last one is there."""

    def __init__(self, plans: Sequence[Plan], request: SearchRequest, position: Position | None) -> None:
        self._request, self._position = request, position
        self._order = ordering(plans, request.sort_by)
        self._reverse = bool(request.sort_by) and request.sort_order == DESCENDING
        self._start = request.start_index - 1 if request.cursor is None else 0
        self._found: list[Match] = []
        self._kept, self._passed = Room(sys.maxsize), 0

    @property
    def total(self) -> int:
        """How many there are, those before the page among them."""
        return self._passed + len(self._found)

    def add(self, plan: Plan, batch: Sequence[Candidate], budget: Budget) -> None:
        """Take the matches of a batch. Raises TooMany."""
        try:
            for each in batch:
                if budget.spent(each.row, plan.work):
                    raise budget.exceeded(plan.kind)
                if stored := matching(plan, each):
                    self._take(stored, row_bytes(each.row))
        except WorkDone:
            raise budget.exceeded(plan.kind) from None

    def _take(self, stored: Stored, length: int) -> None:
        key = self._order(stored)
        if self._position is not None and not _behind(key, self._position, self._reverse):
            self._passed += 1
            return
        start, count = self._start, self._request.count
        candidate = self._request.sort_by or start <= len(self._found) < start + count
        self._found.append(Match(key, length, stored if candidate and self._kept.takes(length) else None))

    def page(self) -> tuple[list[Match], Position | None]:
        """Return the matches of the page in their order, and where the next page begins."""
        self._found.sort(key=lambda match: match.key, reverse=self._reverse)
        room = Room(self._request.count)
        chosen = list(takewhile(lambda match: room.takes(match.size), self._found[self._start :]))
        more = self._request.cursor is not None and chosen and len(chosen) < len(self._found)
        return chosen, chosen[-1].key if more else None


class Walk:
    """A page of a walk by cursor through what must be looked at one by one.

    It ends when it is full or enough was read; the next request goes on behind `seen`.
    """

    def __init__(self, count: int) -> None:
        self.found: list[Stored] = []
        self.seen = ""
        self._room = Room(count)
        self._looked = False

    def goes_on(self, plan: Plan, batch: Sequence[Candidate], budget: Budget) -> bool:
        """Take the matches of a batch; whether there is room and budget for more.

        Raises TooMany when one resource alone is more than a whole page may compare.
        """
        try:
            for each in batch:
                spent = budget.spent(each.row, plan.work)
                if stored := matching(plan, each):
                    if not self._room.takes(row_bytes(each.row)):
                        return False
                    self.found.append(stored)
                self.seen, self._looked = each.row.key.rpartition(".")[2], True
                if spent:
                    return False
        except WorkDone:
            if not self._looked:
                raise budget.exceeded(plan.kind) from None
            return False
        return True


def filled(found: list[Stored], room: Room, kind: Kind, rows: Sequence[Row]) -> bool:
    """Add rows to a page as long as there is room; whether there was for all."""
    for row in rows:
        if (stored := readable(kind, row)) is None:
            continue
        if not room.takes(row_bytes(row)):
            return False
        found.append(stored)
    return True


def row_bytes(row: Row) -> int:
    """Return the bytes of a row's body."""
    return len(row.body.encode())


def _behind(key: Position, position: Position, reverse: bool) -> bool:
    return key < position if reverse else key > position
