"""One deadline for a whole request: it is shared by all that the request does, and by nothing else."""

import asyncio
from pathlib import Path

import pytest

from scim.protocol.errors import Unavailable
from scim.storage import deadline
from scim.storage.deadline import Deadline
from scim.storage.rows import Insert
from scim.storage.sqlite import SqliteRows


class Clock:
    """Seconds that pass when a test says so."""

    def __init__(self) -> None:
        self.seconds = 5.0

    def __call__(self) -> float:
        return self.seconds


def test_calls_may_be_made_until_the_time_is_over() -> None:
    """Beyond it the client is told to repeat, and how long it took."""
    clock = Clock()
    with deadline.within(60, clock):
        clock.seconds += 59
        deadline.current().spend()
        assert deadline.current().left() == 1
        clock.seconds += 2
        assert deadline.current().left() == 0
        with pytest.raises(Unavailable, match=r"within 60 s.*repeat") as raised:
            deadline.current().spend()
    assert raised.value.headers["Retry-After"] == "5"


def test_calls_are_counted() -> None:
    """However fast they are: what a request may cost is known before it begins."""
    one = Deadline(60, calls=2)
    one.spend()
    one.spend()
    with pytest.raises(Unavailable, match="more than 2 calls"):
        one.spend()


def test_work_that_no_client_waits_for_has_no_deadline() -> None:
    """Commands and the timer end by themselves."""
    for _ in range(3):
        deadline.current().spend()
    assert deadline.current().left() == float("inf")


def test_an_operation_of_a_bulk_request_shares_the_deadline_of_the_request() -> None:
    """A thousand operations do not have a thousand times as long."""
    clock = Clock()
    with deadline.within(60, clock):
        clock.seconds += 50
        with deadline.within(60, clock) as inner:
            assert inner.left() == 10
        assert deadline.current().left() == 10
    assert deadline.current().left() == float("inf")


async def test_each_request_has_its_own_and_its_tasks_share_it() -> None:
    """Requests run side by side on one event loop."""
    clock = Clock()
    ready = asyncio.Event()

    async def request(seconds: float) -> float:
        with deadline.within(seconds, clock):
            await ready.wait()
            return await asyncio.create_task(asyncio.sleep(0, deadline.current().left()))

    tasks = [asyncio.create_task(request(seconds)) for seconds in (60, 90)]
    await asyncio.sleep(0)
    ready.set()
    assert [await task for task in tasks] == [60, 90]


async def test_a_file_that_another_process_holds_is_waited_for_no_longer(tmp_path: Path) -> None:
    """The store's own patience does not go beyond the request's."""
    rows, others = SqliteRows(str(tmp_path / "scim.db")), SqliteRows(str(tmp_path / "scim.db"))
    others._db.execute("BEGIN IMMEDIATE")
    with deadline.within(0), pytest.raises(Unavailable, match="locked"):
        await rows.commit("scim", [Insert("u.1", "")])
    await rows.close()
    await others.close()
