"""Counts: how many there are and how many of the users are inactive, right after each change."""

from typing import Any

import pytest

from scim.app import App
from scim.commands.progress import Silent
from scim.commands.verify import Verification
from scim.directory import counts, keys
from scim.storage.rows import Delete, Replace
from tests.conftest import Http
from tests.recording import RecordingRows


async def totals(app: App) -> tuple[int, int, int]:
    """Return how many users there are, how many of them are inactive, and how many groups there are."""
    users, inactive, groups = [await counts.total(app.tenant, each) for each in ("u", counts.INACTIVE, "g")]
    return users, inactive, groups


def replaced(active: Any) -> dict[str, Any]:
    return {"Operations": [{"op": "replace", "path": "active", "value": active}]}


async def test_who_becomes_inactive_is_counted(app: App, http: Http) -> None:
    """By PATCH and PUT, at creation, on return and when deleted; the count of all stays what it is."""
    mira, omar = await http.user("mira"), await http.user("omar", active=False)
    assert await totals(app) == (2, 1, 0)
    await http.request("PATCH", f"/Users/{mira['id']}", replaced("False"))
    assert await totals(app) == (2, 2, 0)
    await http.request("PATCH", f"/Users/{mira['id']}", replaced(False))
    assert await totals(app) == (2, 2, 0)
    await http.request("PUT", f"/Users/{mira['id']}", {"userName": "mira@contoso.example", "active": True})
    assert await totals(app) == (2, 1, 0)
    await http.request("DELETE", f"/Users/{omar['id']}")
    assert await totals(app) == (1, 0, 0)
    await http.group("Team", mira["id"])
    assert await totals(app) == (1, 0, 1)


async def test_a_change_of_something_else_reads_and_writes_no_count(http: Http, rows: RecordingRows) -> None:
    """The rows of a count are shared by many users, and must not be touched by all that happens to them."""
    mira = await http.user("mira", active=False)
    rows.forget()
    body = {"Operations": [{"op": "replace", "path": "title", "value": "Mate"}]}
    assert (await http.request("PATCH", f"/Users/{mira['id']}", body)).status == 200
    assert not [change.key for commit in rows.commits for change in commit if change.key.startswith("c.")]


async def test_a_deactivation_is_one_more_read_and_no_more_commits(http: Http, rows: RecordingRows) -> None:
    """In the transaction of the change itself, so that the count can never be wrong."""
    mira = await http.user("mira")
    rows.forget()
    await http.request("PATCH", f"/Users/{mira['id']}", replaced(False))
    assert len(rows.commits) == 1
    assert [change.key for change in rows.commits[0] if change.key.startswith("c.")] == [keys.count("i", mira["id"])]


async def findings(app: App, repair: bool) -> list[str]:
    said: list[str] = []
    await Verification(app.tenants.default, repair, said.append, Silent()).run()
    return said


@pytest.mark.parametrize("wrong", ["7", "x", None])
async def test_a_wrong_count_of_the_inactive_is_found_and_repaired(app: App, http: Http, wrong: str | None) -> None:
    """It follows from the users."""
    mira = await http.user("mira", active=False)
    await http.user("omar")
    key = keys.count("i", mira["id"])
    row = await app.tenant.read(key)
    assert row is not None
    await app.tenant.commit([Delete(key) if wrong is None else Replace(key, wrong, row.version)])
    assert [each for each in await findings(app, repair=True) if key in each]
    assert await findings(app, repair=False) == []
    assert await totals(app) == (2, 1, 0)
