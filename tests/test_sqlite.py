"""Rows in SQLite keep the rules of the protocol, survive kill -9 and share a file between processes."""

from collections.abc import AsyncIterator

import pytest

from scim.sqlite import SqliteRows
from tests.rows_contract import RowsContract


class TestInMemory(RowsContract):
    @pytest.fixture
    async def rows(self) -> AsyncIterator[SqliteRows]:
        rows = SqliteRows(":memory:")
        yield rows
        await rows.close()
