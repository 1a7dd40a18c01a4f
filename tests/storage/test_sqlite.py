"""Rows in SQLite keep the rules of the protocol, survive kill -9 and share a file between processes."""

import asyncio
import random
import re
import sqlite3
import subprocess
import textwrap
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import AbstractContextManager, ExitStack, closing, contextmanager
from pathlib import Path

import pytest

from scim.protocol.errors import Unavailable
from scim.storage import sqlite
from scim.storage.rows import Delete, Insert, Replace, Row, RowConflict, Touch
from scim.storage.sqlite import SqliteRows
from tests.children import python
from tests.storage.rows_contract import NOW, RowsContract, everything, the_row


@pytest.fixture
def path(tmp_path: Path) -> str:
    return str(tmp_path / "rows.sqlite")


@pytest.fixture
async def rows(path: str) -> AsyncIterator[SqliteRows]:
    rows = SqliteRows(path)
    yield rows
    await rows.close()


class TestInMemory(RowsContract):
    @pytest.fixture
    async def rows(self) -> AsyncIterator[SqliteRows]:
        rows = SqliteRows(":memory:")
        yield rows
        await rows.close()


class TestInAFile(RowsContract):
    @pytest.fixture
    async def rows(self, path: str) -> AsyncIterator[SqliteRows]:
        rows = SqliteRows(path)
        yield rows
        await rows.close()


async def test_memory_is_not_shared() -> None:
    """Two stores in memory are two stores."""
    with_row, without = SqliteRows(":memory:"), SqliteRows(":memory:")
    await with_row.commit("t", [Insert("a", "")])
    assert await without.read("t", "a") is None
    await with_row.close()
    await without.close()


async def test_rows_and_versions_outlive_the_store(path: str) -> None:
    """After a restart all is there, and a version that was given is not given again, not even to a new row."""
    rows = SqliteRows(path)
    first = await rows.commit("t", [Insert("a", "body", NOW), Insert("b", "")])
    last = await rows.commit("t", [Touch("b")])
    await rows.commit("t", [Delete("b")])
    await rows.close()
    rows = SqliteRows(path)
    assert [row[:4] for row in await everything(rows)] == [("a", "body", first[0], NOW)]
    assert (await rows.commit("t", [Insert("b", "")]))[0] not in {*first, *last}
    await rows.close()


async def test_two_stores_on_one_file_see_each_other(rows: SqliteRows, path: str) -> None:
    """What one acknowledged, the other reads, and conflicts with."""
    other = SqliteRows(path)
    [version] = await rows.commit("t", [Insert("a", "1")])
    assert (await the_row(other, "a"))[:4] == ("a", "1", version, "")
    await other.commit("t", [Replace("a", "2", version)])
    with pytest.raises(RowConflict):
        await rows.commit("t", [Replace("a", "3", version)])
    assert (await the_row(rows, "a")).body == "2"
    await other.close()


async def test_a_range_of_very_many_rows_is_read_on_another_thread(
    rows: SqliteRows, monkeypatch: pytest.MonkeyPatch
) -> None:
    """SQLite lets go of the interpreter at each row: somebody who computes on a thread would have it a thousand times.

    What was just committed is there, as in every other read.
    """
    monkeypatch.setattr(sqlite, "MANY", 60)
    await rows.commit("t", [Insert(f"{number:04}", f"body {number}") for number in range(59)])
    on_the_loop: list[int] = []
    read = sqlite._rows

    def counted(db: sqlite3.Connection, statement: str, values: tuple[str, str, str, int]) -> list[Row]:
        found = read(db, statement, values)
        if threading.get_ident() == loop:
            on_the_loop.append(len(found))
        return found

    loop = threading.get_ident()
    monkeypatch.setattr(sqlite, "_rows", counted)
    few = await rows.range("t", "0", "z", 1000)
    await rows.commit("t", [Insert("last", "")])
    assert await rows.range("t", "0", "z", 1000) == [*few, *await rows.range("t", "a", "z", 1000)]
    assert on_the_loop == [sqlite.MANY - 1, sqlite.MANY, 1]


async def test_a_store_closes_behind_what_it_reads(path: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A process that ends while somebody reads very much ends in order."""
    monkeypatch.setattr(sqlite, "REST_SECONDS", float("inf"))  # the read begins at once
    rows = SqliteRows(path)
    monkeypatch.setattr(sqlite, "MANY", 1)
    await rows.commit("t", [Insert("a", ""), Insert("b", "")])
    reading = asyncio.create_task(rows.range("t", "", "z", 2))
    await asyncio.sleep(0)
    await rows.close()
    assert [row.key for row in await reading] == ["a", "b"]


class TestOutages:
    """What SQLite cannot do now is Unavailable, and leaves the rows as they were."""

    @contextmanager
    def held(self, path: str) -> Iterator[sqlite3.Connection]:
        """Hold the file's write lock, as a process that hangs would."""
        with closing(sqlite3.connect(path, isolation_level=None)) as holder:
            holder.execute("BEGIN IMMEDIATE")
            yield holder

    async def test_a_writer_that_never_ends_is_not_waited_for(
        self, rows: SqliteRows, path: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """The wait is bounded; reads go on meanwhile."""
        monkeypatch.setattr("scim.storage.sqlite.BUSY_SECONDS", 0.05)
        await rows.commit("t", [Insert("a", "1")])
        with self.held(path):
            with pytest.raises(Unavailable, match="locked"):
                await rows.commit("t", [Insert("b", "")])
            assert [row.key for row in await everything(rows)] == ["a"]
        await rows.commit("t", [Insert("b", "")])

    async def test_a_writer_that_ends_is_waited_for(self, rows: SqliteRows, path: str) -> None:
        """The event loop runs meanwhile: here it is what ends the other writer."""
        with self.held(path) as holder:
            commit = asyncio.create_task(rows.commit("t", [Insert("a", "")]))
            for _ in range(3):
                await asyncio.sleep(0)
            assert not commit.done()
            holder.execute("ROLLBACK")
            assert await commit

    def test_a_file_that_another_process_is_making_is_waited_for(
        self, path: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """SQLite refuses at once while the other switches to WAL; opening tries again."""
        with (
            self.held(path),
            closing(sqlite3.connect(path, timeout=0)) as refused,
            pytest.raises(sqlite3.OperationalError, match="locked") as busy,
        ):
            refused.execute("CREATE TABLE t (a)")
        answers: list[BaseException | None] = [busy.value, busy.value, None]
        opened = sqlite._opened

        def open_or_fail(path: str) -> sqlite3.Connection:
            if failure := answers.pop(0):
                raise failure
            return opened(path)

        monkeypatch.setattr(sqlite, "_opened", open_or_fail)
        asyncio.run(SqliteRows(path).close())
        assert answers == []

    async def test_a_full_disk_is_an_outage(self, rows: SqliteRows) -> None:
        """The commit that did not fit is undone as a whole, and smaller ones still work."""
        rows._db.execute(f"PRAGMA max_page_count = {rows._db.execute('PRAGMA page_count').fetchone()[0] + 50}")
        await rows.commit("t", [Insert("a", "1")])
        with pytest.raises(Unavailable, match="full"):
            await rows.commit("t", [Insert("b", ""), Insert("c", "x" * 400_000)])
        await rows.commit("t", [Touch("a")])
        assert [row.key for row in await everything(rows)] == ["a"]

    async def test_a_file_that_may_not_be_written_is_an_outage(self, rows: SqliteRows) -> None:
        """Reads go on."""
        await rows.commit("t", [Insert("a", "")])
        rows._db.execute("PRAGMA query_only = 1")
        with pytest.raises(Unavailable, match="readonly"):
            await rows.commit("t", [Touch("a")])
        assert await rows.read("t", "a")
        await rows.check()

    async def test_a_damaged_file_is_an_outage_that_says_what_helps(self, tmp_path: Path) -> None:
        """Not a bug: a disk or a copy went wrong, and a backup is what helps."""
        path = tmp_path / "scim.db"
        rows = SqliteRows(str(path))
        await rows.commit("t", [Insert(f"{number:03}", "x" * 900) for number in range(100)])
        await rows.close()
        content = path.read_bytes()
        path.write_bytes(content[: 5 * 4096].ljust(len(content), b"\xff"))  # the first pages lead to the others
        rows = SqliteRows(str(path))
        with pytest.raises(Unavailable, match=r"damaged.*backup"):
            await rows.range("t", "", "~", 1000)
        await rows.close()

    async def test_a_bug_is_not_called_an_outage(self, rows: SqliteRows) -> None:
        """A missing table is no matter of waiting: it comes out as it is."""
        rows._db.execute("DROP TABLE rows")
        with pytest.raises(sqlite3.OperationalError, match="no such table"):
            await rows.read("t", "a")

    def test_a_path_that_cannot_be_opened_is_named(self, tmp_path: Path) -> None:
        """At the start: a folder that is not there, a folder instead of a file, a file of something else."""
        text = tmp_path / "text"
        text.write_text("not a database " * 100)
        for path in (tmp_path / "missing" / "rows.sqlite", tmp_path, text):
            with pytest.raises(Unavailable, match=re.escape(str(path))):
                SqliteRows(str(path))


CHILD = """
    import asyncio, sys
    from scim.storage.rows import Insert, Replace, RowConflict, Touch
    from scim.storage.sqlite import SqliteRows

    async def write(path):
        '''Write pairs of rows and a count of them, and say each number after its commit.'''
        rows = SqliteRows(path)
        for number in range(int((await rows.read("t", "count")).body) + 1, 100_000):
            count = await rows.read("t", "count")
            body = f"{number:06}" * 30_000  # long enough to be killed while it is written
            pair = [Insert(f"a{number:06}", body), Insert(f"b{number:06}", body)]
            await rows.commit("t", [*pair, Replace("count", str(number), count.version)])
            print(number, flush=True)

    async def count(path):
        '''Add one to a count that other processes add to as well, and say each version that came of it.'''
        sys.stdin.readline()
        rows = SqliteRows(path)
        for _ in range(60):
            while True:
                row = await rows.read("t", "count")
                try:
                    print(*await rows.commit("t", [Replace("count", str(int(row.body) + 1), row.version)]))
                    break
                except RowConflict:
                    pass
        await rows.close()

    asyncio.run(globals()[sys.argv[1]](sys.argv[2]))
"""


def child(task: str, path: str) -> AbstractContextManager[subprocess.Popen[str]]:
    code = textwrap.dedent(CHILD)
    return python("-c", code, task, path, stdin=subprocess.PIPE, stdout=subprocess.PIPE)


async def test_the_file_is_written_ahead(rows: SqliteRows) -> None:
    """What makes kill -9 harmless: without it the test below fails only every other time."""
    assert rows._db.execute("PRAGMA journal_mode").fetchone() == ("wal",)


async def test_kill_9_loses_nothing_that_was_acknowledged(path: str) -> None:
    """Six times in the middle of writing, on one file: each commit is whole, and each acknowledged one is there."""
    rows = SqliteRows(path)
    await rows.commit("t", [Insert("count", "0")])
    choice = random.Random(9)
    for _ in range(6):
        with child("write", path) as writer:
            assert writer.stdout
            wanted = choice.randint(1, 12)
            heard = [int(line) for line, _ in zip(writer.stdout, range(wanted), strict=False)]
            writer.kill()
            heard += [int(line) for line in writer.stdout.read().split()]
        found = await rows.range("t", "", "~", 100_000, keys_only=True)
        count = int((await the_row(rows, "count")).body)
        assert heard[-1] <= count <= heard[-1] + 1
        numbers = range(1, count + 1)
        assert [row.key for row in found] == [
            *(f"a{n:06}" for n in numbers),
            *(f"b{n:06}" for n in numbers),
            "count",
        ]
        assert rows._db.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    await rows.close()


async def test_processes_share_a_file(path: str) -> None:
    """Four processes open a new file at once and lose no increment; no version is given twice."""
    rows = SqliteRows(path)
    await rows.commit("t", [Insert("count", "0")])
    with ExitStack() as stack:
        children = [stack.enter_context(child("count", path)) for _ in range(4)]
        answers = await asyncio.gather(*(asyncio.to_thread(each.communicate, "\n") for each in children))
    assert [each.returncode for each in children] == [0] * 4
    versions = [line for out, _ in answers for line in out.split()]
    assert len(set(versions)) == len(versions) == 240
    assert (await the_row(rows, "count")).body == "240"
    await rows.close()


def test_processes_make_a_file_together(path: str) -> None:
    """All find it missing at once; each gets its row in."""
    code = (
        "import asyncio, sys; from scim.storage.rows import Insert; from scim.storage.sqlite import SqliteRows;"
        "sys.stdin.readline();"
        "rows = SqliteRows(sys.argv[1]); asyncio.run(rows.commit('t', [Insert(sys.argv[2], '')]))"
    )
    with ExitStack() as stack:
        children = [
            stack.enter_context(python("-c", code, path, f"k{n}", stdin=subprocess.PIPE, stdout=subprocess.PIPE))
            for n in range(4)
        ]
        for each in children:
            assert each.stdin
            each.stdin.write("\n")
            each.stdin.flush()
        for each in children:
            each.communicate()
    assert [each.returncode for each in children] == [0] * 4
