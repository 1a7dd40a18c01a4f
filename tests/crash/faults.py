"""A store that fails at one chosen call."""

from collections.abc import Awaitable, Callable, Sequence
from enum import Enum

from scim.protocol.errors import Unavailable
from scim.storage import deadline
from scim.storage.rows import Delete, Insert, Replace, Row, RowChange, Rows


class Crash(BaseException):
    """The process has died: nothing may catch this but the test."""


class Fault(Enum):
    """What happens at a call to storage."""

    CRASH_BEFORE = "the process dies before the call reaches the store"
    CRASH_AFTER = "the process dies after the store has done it"
    REFUSED = "the store does not do it and does not answer"
    LOST = "the store does it, and its answer is lost"
    OVER = "the deadline of the request has come: neither this call is made nor any behind it"


async def at_each_call(calls: Sequence[str], play: Callable[[Fault, int], Awaitable[object]]) -> int:
    """Play with each fault at each call; return how often. `calls` are their kinds, for whoever reads of a failure."""
    faults = [(fault, number) for number in range(1, len(calls) + 1) for fault in Fault]
    for fault, number in faults:
        try:
            await play(fault, number)
        except AssertionError as error:
            error.add_note(f"call {number} of {len(calls)} ({calls[number - 1]}): {fault.value}")
            raise
    return len(faults)


class FaultyRows:
    """Rows with a fault at the call of a given number; a process that has died makes no further call.

    It also counts calls, and holds commits to the rule that each change has one change row.
    """

    def __init__(self, rows: Rows, fault: Fault | None = None, at: int = 0) -> None:
        self._rows, self._fault, self._at = rows, fault, at
        self._dead = False
        self.kinds: list[str] = []
        """Of each call, whether it was a read or a commit."""

    async def read(self, partition: str, key: str) -> Row | None:
        self._enter("read")
        return await self._rows.read(partition, key)

    async def range(self, partition: str, after: str, before: str, limit: int, keys_only: bool = False) -> list[Row]:
        self._enter("read")
        return await self._rows.range(partition, after, before, limit, keys_only)

    async def commit(self, partition: str, changes: Sequence[RowChange], mark: str = "") -> list[str]:
        fails = self._enter("commit")
        versions = await self._rows.commit(partition, changes, mark)
        check_applied(changes)
        if fails and self._fault is Fault.CRASH_AFTER:
            self._dead = True
            raise Crash
        if fails and self._fault is Fault.LOST:
            raise Unavailable("the answer was lost")
        return versions

    async def check(self) -> None:
        await self._rows.check()

    async def close(self) -> None:
        await self._rows.close()

    def _enter(self, kind: str) -> bool:
        if self._dead:
            raise Crash
        self.kinds.append(kind)
        fails = self._fault is not None and len(self.kinds) == self._at
        if fails and self._fault is Fault.CRASH_BEFORE:
            self._dead = True
            raise Crash
        if self._fault is Fault.OVER and len(self.kinds) >= self._at:
            raise deadline.current().over()
        if fails and self._fault is Fault.REFUSED:
            raise Unavailable("the store does not answer")
        return fails


def check_applied(changes: Sequence[RowChange]) -> None:
    """Assert that a commit that was applied and changes a resource, or makes a membership, has exactly one change row.

    And that both rows of a membership are written, and deleted, together: where one was lost, later changes mend it,
    so the end of a schedule would not always show it. A repair is there to write what is missing of one.
    """
    written = [change for change in changes if isinstance(change, (Insert, Replace))]
    changed = any(change.key[:2] in ("u.", "g.", "m.") for change in written)
    deleted = any(change.key[:2] in ("u.", "g.") for change in changes if isinstance(change, Delete))
    said = sum(1 for change in written if change.key.startswith("e."))
    assert said == 1 if changed or deleted else said <= 1, f"{said} change rows in {changes}"
    told = sum(1 for change in written if change.key[:2] in ("o.", "p."))
    assert told == (said if not any('"repair"' in change.body for change in written) else 0), f"{told} outbox rows"
    if any('"repair"' in change.body for change in written):
        return
    for kind in (Insert, Delete):
        sides = {change.key for change in changes if isinstance(change, kind) and change.key[:2] in ("m.", "r.")}
        assert {_mirrored(key) for key in sides} == sides, f"half a membership in {changes}"


def _mirrored(key: str) -> str:
    side, first, second = key.split(".")
    return f"{'r' if side == 'm' else 'm'}.{second}.{first}"
