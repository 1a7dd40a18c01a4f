"""The local host over a table that throttles and is late: `python -m bench.hosts.busy_host SECONDS MEMBERS REPORT`.

There is a group of so many members from the start. The table behaves so for SECONDS; then it is calm, the timer
finishes what is left, the directory is verified, and the file REPORT says what came of it.
"""

import asyncio
import importlib
import json
import logging
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import asdict
from pathlib import Path

from bench.load import fill, samples
from scim import app, local
from scim.app import App, build
from scim.azure.connections import Connections
from scim.azure.tables import TableRows
from scim.commands.verify import verify
from scim.directory.tenant import Tenant
from scim.settings import Settings
from scim.storage.rows import Rows
from scim.storage.store import Partitions, Store
from tests.azure.throttled.busy import Busy, Manner, Spells

MANNER = Manner(late_share=0.01, stalls=Spells(90, 22), away=Spells(60, 10))
"""The published 2,000 entities a second; each minute the partition is away for ten seconds, one in a hundred
transactions is late, and for 22 seconds in 90 all of them are."""
TIMER_SECONDS = 5
"""The timer is at work nearly all the time, which is the worst case for the others."""
CROWD = "Everybody"
"""The name of the large group."""


async def filled(rows: Rows, members: int) -> None:
    """Make the users of the large group, and the group."""
    directory = build(Settings(storage="sqlite::memory:", token=("unused",)), Tenant(rows)).directory
    [group] = await fill.fill_groups(directory, [CROWD])  # first: an empty directory begins with complete look-ups
    await fill.fill_users(directory, members, lambda number: {"userName": samples.user_name(number, "crowd")})
    await fill.fill_members(directory, [(group, [each async for each in fill.user_ids(directory)])])


async def ended(busy: Busy, service: App) -> dict[str, object]:
    """Return what is there when the store is calm and the timer has done its work."""
    await busy.settle()
    while await service.directory.tombstones.all() or await service.feed.publish():
        await service.maintenance.run()
    said: list[str] = []
    await verify(service.tenants.default, repair=False, say=said.append)
    return {**asdict(busy.tally), "findings": said}


@asynccontextmanager
async def _serving() -> AsyncIterator[asyncio.Task[None]]:
    task = asyncio.create_task(local.serve(0))
    try:
        yield task
    finally:
        await task


async def serve(busy: Busy, seconds: float, report: Path) -> None:
    """Serve until interrupted, and write the report when the time is up."""
    async with _serving():
        busy.begin()
        await asyncio.sleep(seconds)
        service: App = importlib.import_module("function_app").service
        text = json.dumps(await ended(busy, service))
        report.with_suffix(".part").write_text(text)
        report.with_suffix(".part").rename(report)


def main(arguments: list[str]) -> int:
    """Serve on a free port until interrupted."""
    seconds, members, report = float(arguments[0]), int(arguments[1]), Path(arguments[2])
    logging.basicConfig(level=logging.ERROR)
    busy = Busy(time.monotonic, MANNER)
    rows = TableRows(Connections(lambda *_: busy), "scim")  # type: ignore[arg-type]
    asyncio.run(filled(rows, members))

    def opened(settings: Settings) -> Store:  # noqa: ARG001 - the store is the one that was filled
        return Partitions(rows)

    app.open_store = opened
    local.TIMER_SECONDS = TIMER_SECONDS
    asyncio.run(serve(busy, seconds, report))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
