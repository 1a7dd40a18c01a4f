"""Damaged rows of the feed, webhooks, roles, the journal and the timer, in Table Storage."""

from collections.abc import AsyncIterator

import pytest

from scim.azure.tables import TableRows
from tests.conftest import Clock
from tests.directory.damaged_state import DamagedState


class TestDamagedStateInTableStorage(DamagedState):
    """The emulator, as it is."""

    @pytest.fixture
    async def rows(self, azurite: str, table: str) -> AsyncIterator[TableRows]:
        rows = TableRows.from_connection_string(azurite, table)
        yield rows
        await rows.close()

    @pytest.fixture
    def clock(self) -> Clock:
        return Clock()
