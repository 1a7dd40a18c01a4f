"""Every kind of row, damaged in every way, in SQLite."""

from tests.directory.damaged_kinds import DamagedKinds, test_every_kind_of_row_is_played

__all__ = ["test_every_kind_of_row_is_played"]


class TestDamagedKindsInSqlite(DamagedKinds):
    """The rows of the ordinary fixture."""
