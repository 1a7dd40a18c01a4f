"""Damaged rows in Table Storage."""

from tests.azure.in_table_storage import InTableStorage
from tests.directory.damaged_rows import DamagedRows


class TestDamagedRowsInTableStorage(InTableStorage, DamagedRows):
    """What is played on SQLite in tests/directory."""
