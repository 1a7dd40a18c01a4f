"""Rows in an SQLite file: for a developer's machine, for tests, and for one machine of one's own."""

import asyncio
import random
import sqlite3
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from typing import TypeVar

from scim.protocol.errors import Unavailable
from scim.storage import deadline
from scim.storage.rows import (
    Delete,
    Insert,
    Replace,
    Row,
    RowChange,
    RowConflict,
    Touch,
    check_key,
    check_limits,
    new_mark,
)

MEMORY = ":memory:"
"""The path of a store that lives in memory, and ends with its one connection."""
REST_SECONDS = 0.01
"""How long calls answer at once before the event loop gets a turn; those of a store on the network let it each time."""
MANY = 200
"""Rows from which on a range is read on a thread of its own; a page of a hundred users is read at once."""
BUSY_SECONDS = 5.0
"""How long a call waits for other processes to let go of the file before it is `Unavailable`."""

_BUSY = {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}
_OUTAGE = _BUSY | {
    sqlite3.SQLITE_CANTOPEN,
    sqlite3.SQLITE_FULL,
    sqlite3.SQLITE_IOERR,
    sqlite3.SQLITE_NOMEM,
    sqlite3.SQLITE_PROTOCOL,
    sqlite3.SQLITE_READONLY,
}
_DAMAGED = {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB}

# The body comes last: what precedes it is read without the pages that a long body overflows into.
# The counter lives in a table of its own, so that a version is not given again after its row was deleted.
_SCHEMA = """
BEGIN IMMEDIATE;
CREATE TABLE IF NOT EXISTS rows (
    partition TEXT NOT NULL,
    key TEXT NOT NULL,
    version TEXT NOT NULL,
    modified TEXT NOT NULL,
    body TEXT NOT NULL,
    PRIMARY KEY (partition, key)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS counter (id INTEGER PRIMARY KEY CHECK (id = 1), last INTEGER NOT NULL);
INSERT OR IGNORE INTO counter VALUES (1, 0);
COMMIT;
"""
_READ = "SELECT key, body, version, modified FROM rows WHERE partition = ? AND key = ?"
_RANGE = (
    "SELECT key, body, version, modified FROM rows WHERE partition = ? AND key > ? AND key < ? ORDER BY key LIMIT ?"
)
_RANGE_OF_KEYS = _RANGE.replace("body", "''", 1)
_NEXT_VERSION = "UPDATE counter SET last = last + 1 RETURNING last"
_INSERT = "INSERT INTO rows (partition, key, version, modified, body) VALUES (?, ?, ?, ?, ?) ON CONFLICT DO NOTHING"
_REPLACE = "UPDATE rows SET version = ?, modified = ?, body = ? WHERE partition = ? AND key = ? AND version = ?"
_DELETE = "DELETE FROM rows WHERE partition = ? AND key = ? AND version = coalesce(?, version)"
_TOUCH = (
    "UPDATE rows SET version = ?, modified = coalesce(nullif(?, ''), modified)"
    " WHERE partition = ? AND key = ? AND version = coalesce(?, version)"
)

T = TypeVar("T")


class SqliteRows:
    """Rows in one file, which several processes of one machine may share; MEMORY keeps them in memory.

    Statements run on the caller's thread, inside the event loop: one takes microseconds, less than handing it
    to a thread and back, and SQLite lets only one write at a time anyway. Waiting for another process is
    asynchronous. Only a range of more than MANY rows is read on another thread, over a connection of its own: SQLite
    lets go of the interpreter at each row, and while something long is computed on a thread it comes back later each
    time.

    An acknowledged commit survives the death of the process. When the machine itself loses power the last
    commits may be missing (synchronous = NORMAL), never parts of one. The file must be on a local disk, since
    WAL needs memory shared between processes.
    """

    def __init__(self, path: str) -> None:
        """Open the file, making it if it is not there.

        Raises Unavailable when that fails, naming the path.
        """
        self._rested = 0.0
        end = time.monotonic() + BUSY_SECONDS
        while True:
            try:
                self._db = _opened(path)
                break
            except sqlite3.DatabaseError as error:
                if not _is_busy(error) or time.monotonic() > end:
                    raise Unavailable(
                        f"The SQLite file {path} cannot be opened: {error}. Set SCIM_STORAGE to a file"
                        " of the service, or to a new one in a folder that you may write to."
                    ) from error
            time.sleep(random.uniform(0.001, 0.02))  # noqa: S311 - spreads processes, no secret
        self._apart = None if path == MEMORY else _Apart(path)

    async def read(self, partition: str, key: str) -> Row | None:
        found = await self._run(lambda: self._db.execute(_READ, (partition, key)).fetchone())
        return None if found is None else _row(found)

    async def range(self, partition: str, after: str, before: str, limit: int, keys_only: bool = False) -> list[Row]:
        statement = _RANGE_OF_KEYS if keys_only else _RANGE
        most = max(limit, 0)  # a negative LIMIT would mean no limit
        apart = self._apart
        at_once = min(most, MANY) if apart else most
        found = await self._run(lambda: _rows(self._db, statement, (partition, after, before, at_once)))
        if apart is None or len(found) < at_once or at_once == most:
            return found
        # All of them anew, since a range is as it was at one moment.
        return await self._run(lambda: apart.range(statement, (partition, after, before, most)), apart.thread)

    async def commit(self, partition: str, changes: Sequence[RowChange], mark: str = "") -> list[str]:
        check_key(partition)
        check_limits(changes)
        return await self._run(lambda: self._apply(partition, changes, mark or new_mark()))

    async def check(self) -> None:
        await self._run(lambda: self._db.execute("SELECT last FROM counter").fetchone())

    async def close(self) -> None:
        if self._apart:
            self._apart.close()
        self._db.close()

    def _apply(self, partition: str, changes: Sequence[RowChange], mark: str) -> list[str]:
        with self._db:  # commits, or rolls back when anything is raised
            self._db.execute("BEGIN IMMEDIATE")
            version = f"{self._db.execute(_NEXT_VERSION).fetchone()[0]:016x}.{mark}"
            for change in changes:
                if not self._changed(partition, change, version):
                    raise RowConflict(f"{type(change).__name__} of {change.key}")
        return ["" if isinstance(change, Delete) else version for change in changes]

    def _changed(self, partition: str, change: RowChange, version: str) -> bool:
        match change:
            case Insert(key, body, modified):
                cursor = self._db.execute(_INSERT, (partition, key, version, modified, body))
            case Replace(key, body, expected, modified):
                cursor = self._db.execute(_REPLACE, (version, modified, body, partition, key, expected))
            case Delete(key, expected_or_any):
                cursor = self._db.execute(_DELETE, (partition, key, expected_or_any))
            case Touch(key, modified, expected_or_any):
                cursor = self._db.execute(_TOUCH, (version, modified, partition, key, expected_or_any))
        return cursor.rowcount == 1

    async def _run(self, work: Callable[[], T], thread: Executor | None = None) -> T:
        """Return what `work` returns, here or on a thread, tried again while another process holds the file.

        Not SQLite's own busy timeout, which would stop the event loop for as long as it waits.
        """
        loop = asyncio.get_running_loop()
        if (now := loop.time()) - self._rested > REST_SECONDS:
            await asyncio.sleep(0)
            self._rested = loop.time()
        end = now + min(BUSY_SECONDS, deadline.current().left())
        while True:
            try:
                return work() if thread is None else await loop.run_in_executor(thread, work)
            except sqlite3.DatabaseError as error:
                if _code(error) in _DAMAGED:
                    text = f"The SQLite file is damaged ({error}). Make another one of a backup, with import."
                    raise Unavailable(text) from error
                if _code(error) not in _OUTAGE:
                    raise
                if not _is_busy(error) or loop.time() > end:
                    raise Unavailable(f"The SQLite file does not answer: {error}.") from error
            await asyncio.sleep(random.uniform(0.001, 0.02))  # noqa: S311 - spreads processes, no secret


class _Apart:
    """A thread and a connection that only reads; each of its reads sees what was committed before it."""

    def __init__(self, path: str) -> None:
        self.thread = ThreadPoolExecutor(1, "rows")
        self._db = sqlite3.connect(path, timeout=0, isolation_level=None, check_same_thread=False)

    def range(self, statement: str, values: tuple[str, str, str, int]) -> list[Row]:
        """Return the rows of a range; to be called on the thread."""
        return _rows(self._db, statement, values)

    def close(self) -> None:
        """Wait for the read under way, and close."""
        self.thread.shutdown()
        self._db.close()


def _rows(db: sqlite3.Connection, statement: str, values: tuple[str, str, str, int]) -> list[Row]:
    return [_row(found) for found in db.execute(statement, values).fetchall()]


def _row(found: tuple[str, str, str, str]) -> Row:
    """Return a row as it was selected; its version is the number of its commit and the mark of it."""
    order, _, mark = found[2].partition(".")
    return Row(*found, mark, order)


def _opened(path: str) -> sqlite3.Connection:
    # Built on one thread, used on another: hosts load an app outside of their event loop.
    db = sqlite3.connect(path, timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=False)
    try:
        db.execute("PRAGMA journal_mode = WAL")  # refused at once, whatever the timeout, while another does the same
        db.execute("PRAGMA synchronous = NORMAL")
        # 64 MiB instead of 4: the file is synced at each checkpoint, and the event loop waits for that.
        db.execute("PRAGMA wal_autocheckpoint = 16000")
        db.executescript(_SCHEMA)
        db.execute("PRAGMA busy_timeout = 0")
    except BaseException:
        db.close()
        raise
    return db


def _is_busy(error: sqlite3.Error) -> bool:
    return _code(error) in _BUSY


def _code(error: sqlite3.Error) -> int:
    """Return the primary code of an error, without the details in its higher bits."""
    return getattr(error, "sqlite_errorcode", sqlite3.SQLITE_ERROR) & 0xFF
