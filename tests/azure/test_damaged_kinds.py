"""Every kind of row, damaged in every way, in Table Storage."""

from collections.abc import AsyncIterator

import pytest

from scim.azure.tables import TableRows
from tests.conftest import Clock
from tests.directory.damaged_kinds import DamagedKinds


class TestDamagedKindsInTableStorage(DamagedKinds):
    """The emulator, as it is; of what is no JSON, or another, two: the store keeps either as a text."""

    anything = ("", "{")

    @pytest.fixture
    async def rows(self, azurite: str, table: str) -> AsyncIterator[TableRows]:
        rows = TableRows.from_connection_string(azurite, table)
        yield rows
        await rows.close()

    @pytest.fixture
    def clock(self) -> Clock:
        return Clock()
