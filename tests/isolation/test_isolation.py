"""Whatever two tenants do at once, with each other's ids, tags, cursors and names, neither sees the other's."""

import pytest

from scim.app import App
from tests.conftest import Http
from tests.isolation.checks import CHECKS, Check, play
from tests.isolation.neighbours import neighbours
from tests.tenancy import credential


@pytest.mark.parametrize("seed", range(10))
async def test_on_sqlite_nothing_crosses(app: App, seed: int) -> None:
    """Partitions of one file."""
    await play(app, seed)


async def test_on_tables_nothing_crosses(on_tables: App) -> None:
    """Tables of one account, over the same connections."""
    await play(on_tables, 1, steps=20)


@pytest.mark.parametrize("method", ["GET", "PUT", "PATCH", "DELETE"])
async def test_an_id_of_the_other_is_not_there(app: App, method: str) -> None:
    """404 for each method, and nothing of the other changes."""
    one, other = await neighbours(app)
    extra = await other.clients["provision"].user("only-here", title=other.marker)
    body = {"userName": "x", "Operations": [{"op": "replace", "path": "title", "value": "taken"}]}
    assert (await one.ask(method, f"/Users/{extra['id']}", body)).status == 404
    assert (await other.ask("GET", f"/Users/{extra['id']}")).body == extra


async def test_a_member_of_the_other_is_nobody_here(app: App) -> None:
    """A membership leads to one's own users only."""
    one, other = await neighbours(app)
    extra = await other.clients["provision"].user("only-here", title=other.marker)
    operation = {"op": "add", "path": "members", "value": [{"value": extra["id"]}]}
    assert (await one.ask("PATCH", f"/Groups/{one.groups[0]}", {"Operations": [operation]})).status == 400


async def test_a_credential_of_the_other_opens_nothing(app: App) -> None:
    """Of any scope, at any of the addresses."""
    one, other = await neighbours(app)
    for scope in ("provision", "read", "events", "admin"):
        _, token = await credential(app, other.key, scope)
        for path in ("/Users", f"/Users/{one.ids[0]}", "/Groups", "/events", "/Schemas", ""):
            assert (await Http(app, token, one.key).request("GET", path)).status == 401


async def test_limits_of_one_are_not_the_other_s(app: App) -> None:
    """A tenant that is refused for its rate costs the other nothing."""
    one, other = await neighbours(app)
    statuses = {(await one.ask("GET", "/ServiceProviderConfig")).status for _ in range(300)}
    assert 429 in statuses
    assert {(await other.ask("GET", "/ServiceProviderConfig")).status for _ in range(100)} == {200}


@pytest.mark.parametrize("check", CHECKS)
async def test_what_is_one_s_own_stays_it(app: App, caplog: pytest.LogCaptureFixture, check: Check) -> None:
    """Cursors of searches and of the feed, and lines of the log; `test_mutants` shows that each check can fail."""
    await check(app, caplog)
