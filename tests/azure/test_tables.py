"""Rows in Table Storage keep the rules of the protocol, and resolve what a lost answer leaves open."""

import secrets
from collections.abc import AsyncIterator

import pytest

from scim.azure.tables import TableRows
from tests.rows_contract import RowsContract


@pytest.fixture
def table() -> str:
    return f"t{secrets.token_hex(8)}"


# aiohttp's advice on bodies over 1 MB is for the SDK, which passes them as bytes.
@pytest.mark.filterwarnings("ignore:Sending a large body:ResourceWarning")
class TestContract(RowsContract):
    @pytest.fixture
    async def rows(self, azurite: str, table: str) -> AsyncIterator[TableRows]:
        rows = TableRows.from_connection_string(azurite, table)
        yield rows
        await rows.close()
