"""The same operations on both stores: what clients see afterwards is the same, and all rows agree."""

import secrets

from scim.azure.tables import TableRows
from scim.storage.rows import Rows
from scim.storage.sqlite import SqliteRows
from tests.azurite import azurite
from tests.crash.operations import CASES, delete_and_create_again, swap_names
from tests.crash.world import Client, Directory, findings, leftovers, make_app, populated, seen

__all__ = ["azurite"]


async def played(rows: Rows) -> Directory:
    """Return what is seen after all operations, one after the other, and the timer."""
    ids = await populated(rows)
    client = Client(make_app(rows, "client"), ids)
    for case in CASES:
        if case.act not in (swap_names, delete_and_create_again):  # they need what others rename or delete
            await case.act(client)
    await make_app(rows, "timer").maintenance.run()
    assert not await leftovers(rows)
    assert await findings(rows) == []
    return await seen(client)


async def test_both_stores_end_the_same(azurite: str) -> None:
    """With the real client of Table Storage against its emulator."""
    embedded = SqliteRows(":memory:")
    tables = TableRows.from_connection_string(azurite, f"t{secrets.token_hex(8)}")
    try:
        assert await played(tables) == await played(embedded)
    finally:
        await tables.close()
        await embedded.close()
