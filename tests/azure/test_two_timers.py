"""Two timers at once over one table, as the platform may start them: all is done once, and nothing is half done."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack

import pytest

from scim.app import App, build
from scim.azure.tables import TableRows
from scim.directory.tenant import Tenant
from scim.settings import Settings
from scim.storage.rows import RowChange
from tests.conftest import TOKEN, Clock, Http
from tests.crash.faults import Crash
from tests.crash.replay import check_told
from tests.crash.world import FILTERABLE, findings, leftovers

MEMBERS = 120


class DyingRows(TableRows):
    """Rows of a process that dies behind its first commit."""

    async def commit(self, partition: str, changes: Sequence[RowChange], mark: str = "") -> list[str]:
        await super().commit(partition, changes, mark)
        raise Crash


Process = Callable[[type[TableRows]], App]


@pytest.fixture
async def process(azurite: str, table: str, clock: Clock) -> AsyncIterator[Process]:
    """Makes the service as a process of its own has it, with connections of its own."""
    async with AsyncExitStack() as stack:

        def make(kind: type[TableRows]) -> App:
            settings = Settings(storage="sqlite::memory:", token=(TOKEN,), journal=False, filterable=FILTERABLE)
            app = build(settings, Tenant(kind.from_connection_string(azurite, table), "scim", now=clock))
            stack.push_async_callback(app.close)
            return app

        yield make


@pytest.fixture
def clock() -> Clock:
    """The clock of the service, in place of that of the store's client."""
    return Clock()


async def test_two_timers_do_the_work_of_one(process: Process, clock: Clock) -> None:
    """They finish a large delete that died behind its first commit, and number what is to be told."""
    first, second = process(TableRows), process(TableRows)
    http = Http(first)
    users = [await http.user(f"user{number}") for number in range(MEMBERS)]
    group = await http.group("everybody", *(each["id"] for each in users))
    with pytest.raises(Crash):
        await Http(process(DyingRows)).request("DELETE", f"/Groups/{group['id']}")
    assert await leftovers(first.tenant.rows)
    clock.forward(hours=2)
    runs = await asyncio.gather(first.timer.run(), second.timer.run(), first.timer.run())
    assert [each["deletesFailed"] for each in runs] == [0, 0, 0]
    assert await leftovers(first.tenant.rows) == []
    assert await findings(first.tenant.rows) == []
    await check_told(first.tenant.rows)
