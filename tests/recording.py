"""A store that remembers which calls were made, and lets others act in the middle of an operation."""

from collections.abc import Awaitable, Callable, Sequence

from scim.storage.rows import Row, RowChange
from scim.storage.sqlite import SqliteRows

Act = Callable[[], Awaitable[object]]


class RecordingRows(SqliteRows):
    """Rows in memory; `calls` holds "read" or "commit" for each call, and `commits` the changes of those applied."""

    def __init__(self) -> None:
        super().__init__(":memory:")
        self.calls: list[str] = []
        self.rows_read = 0
        self.commits: list[Sequence[RowChange]] = []
        self._before_commit: list[Act | None] = []

    def forget(self) -> None:
        """Begin to record anew."""
        self.calls.clear()
        self.commits.clear()
        self.rows_read = 0

    def before_commit(self, *acts: Act | None) -> None:
        """Let somebody act just before the next commit, and before the one after it, and so on; None lets it be."""
        self._before_commit = list(acts)

    async def read(self, partition: str, key: str) -> Row | None:
        self.calls.append("read")
        self.rows_read += 1
        return await super().read(partition, key)

    async def range(self, partition: str, after: str, before: str, limit: int, keys_only: bool = False) -> list[Row]:
        self.calls.append("read")
        found = await super().range(partition, after, before, limit, keys_only)
        self.rows_read += len(found)
        return found

    async def commit(self, partition: str, changes: Sequence[RowChange], mark: str = "") -> list[str]:
        self.calls.append("commit")
        if self._before_commit:
            act, self._before_commit, others = self._before_commit[0], [], self._before_commit[1:]
            if act:
                await act()
            self._before_commit = others
        versions = await super().commit(partition, changes, mark)
        self.commits.append(changes)
        return versions

    async def everything(self) -> dict[str, str]:
        """Return all rows but change rows, without counting as a call."""
        found = await super().range("scim", "", "~", 1_000_000)
        return {row.key: row.body for row in found if row.key[0] not in "efop" and row.key != "s.feed"}
