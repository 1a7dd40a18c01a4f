"""The emulator as a store, for suites that are played on every store."""

from collections.abc import AsyncIterator

import pytest

from scim.azure.tables import TableRows
from tests.conftest import Clock


class InTableStorage:
    """The emulator, as it is, without a service of faults in between."""

    @pytest.fixture
    async def rows(self, azurite: str, table: str) -> AsyncIterator[TableRows]:
        rows = TableRows.from_connection_string(azurite, table)
        yield rows
        await rows.close()

    @pytest.fixture
    def clock(self) -> Clock:
        return Clock()
