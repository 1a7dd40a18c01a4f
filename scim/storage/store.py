"""Where the rows of many tenants lie: each tenant's rows are made, found and dropped by the tenant's name."""

from collections.abc import Sequence
from typing import Protocol

from scim.storage.rows import MAX_CHANGES, Delete, RowConflict, Rows

LAST = "~"
"""Sorts behind every key that rows have: they are printable ASCII, and none begins so."""


class Store(Protocol):
    """One storage account, or one file. What it hands out shares its connections, and is closed with it."""

    def rows(self, name: str, *, may_be_missing: bool = False) -> Rows:
        """Return the rows among which the partition of that name lies; nothing is sent.

        One that was not made, or is gone, is Unavailable, unless it `may_be_missing`: then it reads as an empty one.
        """
        ...

    async def make(self, name: str) -> None:
        """Make room for a partition of that name; nothing happens where there is. Raises Unavailable."""
        ...

    async def drop(self, name: str, batches: int) -> bool:
        """Remove all rows of that partition; return whether none is left after at most so many transactions.

        May be interrupted and repeated. Raises Unavailable.
        """
        ...

    async def close(self) -> None:
        """Release connections."""
        ...


class Partitions:
    """A store whose tenants are partitions of one `Rows`, as in an SQLite file."""

    def __init__(self, rows: Rows) -> None:
        self._rows = rows

    def rows(self, name: str, *, may_be_missing: bool = False) -> Rows:  # noqa: ARG002 - all lie in the same rows
        return self._rows

    async def make(self, name: str) -> None:  # noqa: ARG002 - a partition is there as soon as it has a row
        return None

    async def drop(self, name: str, batches: int) -> bool:
        for _ in range(batches):
            rows = await self._rows.range(name, "", LAST, MAX_CHANGES, keys_only=True)
            if not rows:
                return True
            await self._delete(name, [row.key for row in rows])
        return False

    async def _delete(self, name: str, keys: Sequence[str]) -> None:
        try:
            await self._rows.commit(name, [Delete(key) for key in keys])
        except RowConflict:  # another run deletes the same rows: the next batch is read anew
            return

    async def close(self) -> None:
        await self._rows.close()
