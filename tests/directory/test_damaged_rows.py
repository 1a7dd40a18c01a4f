"""Damaged rows in SQLite."""

from scim.directory import keys
from scim.storage.rows import Rows
from tests.conftest import Http
from tests.directory.damaged_rows import DamagedRows, version_of


class TestDamagedRowsInSqlite(DamagedRows):
    """The rows of the ordinary fixture."""


async def test_each_document_says_its_form(http: Http, rows: Rows) -> None:
    """A later release can tell what it reads."""
    user = await http.user("mira")
    row = await rows.read("scim", keys.resource("u", user["id"]))
    assert row is not None
    assert version_of(row.body) == 1
