"""Damaged rows of the feed, webhooks, roles, the journal and the timer, in SQLite."""

from tests.directory.damaged_state import DamagedState


class TestDamagedStateInSqlite(DamagedState):
    """The rows of the ordinary fixture."""
