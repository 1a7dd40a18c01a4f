"""Tenants as partitions of one store of rows: dropping one of them, in pieces, and nobody else's rows."""

import pytest

from scim.storage.rows import Insert
from scim.storage.store import Partitions
from tests.recording import RecordingRows


@pytest.mark.parametrize("count", [0, 1, 100, 101, 250])
async def test_a_partition_is_dropped_in_pieces(rows: RecordingRows, count: int) -> None:
    """At most 100 rows a transaction, at most so many transactions a call; others keep theirs."""
    store = Partitions(rows)
    for name in ("one", "other"):
        for number in range(count):
            await rows.commit(name, [Insert(f"k{number:05}", "")])
    calls = 1
    while not await store.drop("one", 1):
        calls += 1
    assert calls == -(-count // 100) + 1
    assert await rows.range("one", "", "~", 1000) == []
    assert len(await rows.range("other", "", "~", 1000)) == count


async def test_two_who_drop_the_same_rows_do_not_harm_each_other(rows: RecordingRows) -> None:
    """The timer may run twice at once."""
    store = Partitions(rows)
    for number in range(150):
        await rows.commit("one", [Insert(f"k{number:05}", "")])

    async def other() -> None:
        await store.drop("one", 1)

    rows.before_commit(other)
    assert await store.drop("one", 10)
