"""Reading very much in many pages leaves room for others."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from scim.directory.memberships import Memberships
from scim.directory.tenant import PAGE, Tenant
from scim.protocol.errors import Unavailable
from scim.storage import deadline
from scim.storage.rows import Insert, Row
from scim.storage.sqlite import SqliteRows

PAGES = 3
READERS = 4


class SlowRows(SqliteRows):
    """A store whose pages take two turns of the loop; it notes who reads a further page, and how many do at a time."""

    def __init__(self) -> None:
        super().__init__(":memory:")
        self.reading, self.most, self.turns = 0, 0, list[str]()

    async def range(self, partition: str, after: str, before: str, limit: int, keys_only: bool = False) -> list[Row]:
        further = not after.endswith(".")
        self.reading += further
        self.most = max(self.most, self.reading)
        if further:
            self.turns.append(after.split(".")[1])
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        self.reading -= further
        return await super().range(partition, after, before, limit, keys_only)


@pytest.fixture
async def rows() -> AsyncIterator[SlowRows]:
    """Groups of some pages of members each; the last page is full, so that one more is asked for."""
    made = SlowRows()
    for reader in range(READERS):
        written = [Insert(f"m.{reader}.{number:032x}", "u") for number in range(PAGES * PAGE)]
        for start in range(0, len(written), 100):
            await made.commit("scim", written[start : start + 100])
    yield made
    await made.close()


async def test_large_reads_take_turns_of_a_page(rows: SlowRows) -> None:
    """Sixteen clients that read a group of 20,000 kept another waiting for 1.7 s; page by page it is 0.1 s."""
    memberships = Memberships(Tenant(rows))
    found = await asyncio.gather(*(memberships.members(str(reader)) for reader in range(READERS)))
    assert [len(each) for each in found] == [PAGES * PAGE] * READERS
    assert rows.most == 1
    assert rows.turns == [str(reader) for _ in range(PAGES) for reader in range(READERS)], (
        "none waits for all of another"
    )


async def test_first_pages_wait_for_nobody(rows: SlowRows) -> None:
    """What fits on one page is what Entra asks for."""
    tenant = Tenant(rows)
    async with tenant.turn:
        assert len(await tenant.under("m.0.", PAGE)) == PAGE


async def test_nobody_waits_for_a_turn_beyond_the_deadline(rows: SlowRows) -> None:
    """Where the store does not answer, those who wait behind would wait for all who are before them."""
    tenant = Tenant(rows)
    async with tenant.turn:
        with deadline.within(0), pytest.raises(Unavailable, match="could not be finished"):
            await anext(tenant.pages("m.0."))
    assert len(await tenant.under("m.0.")) == PAGES * PAGE, "the turn is free again"


async def test_what_is_read_is_taken_in_page_by_page(rows: SlowRows) -> None:
    """Thousands of memberships made of rows in one piece would be a piece of time that nobody else gets."""
    sizes = list[int]()

    def made(page: list[Row]) -> list[Row]:
        sizes.append(len(page))
        return page

    assert len(await Tenant(rows).made_of(made, "m.0.", PAGES * PAGE - 1)) == PAGES * PAGE - 1
    assert sizes == [PAGE, PAGE, PAGE - 1]
