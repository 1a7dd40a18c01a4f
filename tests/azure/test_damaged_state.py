"""Damaged rows of the feed, webhooks, roles, the journal and the timer, in Table Storage."""

from tests.azure.in_table_storage import InTableStorage
from tests.directory.damaged_state import DamagedState


class TestDamagedStateInTableStorage(InTableStorage, DamagedState):
    """What is played on SQLite in tests/directory."""
