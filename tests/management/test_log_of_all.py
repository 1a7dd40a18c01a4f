"""The log of all tenants together: in order, whole, within the bound of one page, and for an operator alone."""

from random import Random
from typing import Any
from urllib.parse import quote

import pytest

from scim.app import App
from scim.directory.entry import Entry
from scim.directory.journal import PAGE_ROWS
from scim.management import activity
from tests.conftest import Clock, make_app
from tests.management.managing import Manager, administrator, fits, operator
from tests.recording import RecordingRows
from tests.tenancy import tenant


@pytest.fixture
async def app(rows: RecordingRows, clock: Clock) -> App:
    """The service; what its journals hold is written by the tests."""
    return make_app(rows, clock)


@pytest.fixture
async def manager(app: App) -> Manager:
    """Who operates the deployment."""
    return await operator(app)


async def kept(app: App, key: str, *times: int, **told: Any) -> None:
    """Keep requests of a tenant that were answered at these times, one row for each, so many ms before now."""
    now = int(app.tenant.now().timestamp() * 1000)
    service = await app.serving(key)
    for at in sorted(times, reverse=True):
        await service.journal.write([Entry("GetUser", "GET", 200, at=now - at, **told)])


async def walked(manager: Manager, query: str = "") -> list[dict[str, Any]]:
    """Return all requests, a page after the other."""
    found: list[dict[str, Any]] = []
    cursor: str | None = ""
    while cursor is not None:
        answer = await manager.ask("GET", f"/requests?{query}&cursor={quote(cursor)}")
        assert answer.status == 200, answer.body
        fits("Requests", answer.body)
        assert answer.headers["Cache-Control"] == "no-store"
        found, cursor = found + answer.body["requests"], answer.body["nextCursor"]
    return found


async def test_requests_of_all_are_in_order_and_none_is_lost(app: App, manager: Manager) -> None:
    """Wherever a page ends, also where tenants have requests of the same millisecond."""
    chance, keys = Random(1), ["scim", await tenant(app), await tenant(app), await tenant(app)]
    wrote = []
    for key in keys[:3]:
        times = [chance.randrange(1, 60) * 1000 for _ in range(15)]
        await kept(app, key, *times)
        wrote += times
    for count in (1, 7, 50, 200):
        found = await walked(manager, f"count={count}")
        assert len(found) == len(wrote)
        assert [each["time"] for each in found] == sorted((each["time"] for each in found), reverse=True)
        assert {each["tenant"] for each in found} == set(keys[:3])


async def test_filters_hold_for_all(app: App, manager: Manager) -> None:
    """As they do for one tenant."""
    other = await tenant(app)
    await kept(app, "scim", 1_000, 2_000, name="omar")
    await kept(app, other, 1_500, name="mira", detail="No such user.")
    assert [each["tenant"] for each in await walked(manager, "user=MIRA")] == [other]
    assert [each["tenant"] for each in await walked(manager, "text=such")] == [other]
    assert (await manager.ask("GET", "/requests?status=odd")).status == 400


async def test_a_page_reads_no_more_rows_than_that_of_one_tenant(
    app: App, manager: Manager, rows: RecordingRows
) -> None:
    """The tenants share them; a search goes on until every tenant was looked through."""
    keys = ["scim", *[await tenant(app) for _ in range(4)]]
    for key in keys:
        await kept(app, key, *range(1_000, 1_000 + PAGE_ROWS))
    await manager.ask("GET", "/requests?text=nobody")
    rows.forget()
    answer = await manager.ask("GET", "/requests?text=nobody")
    assert (answer.body["requests"], rows.rows_read <= PAGE_ROWS + 20) == ([], True)
    assert answer.body["nextCursor"]
    assert await walked(manager, "text=nobody") == []
    assert len(await walked(manager, "count=200")) == len(keys) * PAGE_ROWS


async def test_too_many_tenants_are_told_to_be_asked_for_one_by_one(
    app: App, manager: Manager, monkeypatch: pytest.MonkeyPatch
) -> None:
    """How many a page reads is known before."""
    monkeypatch.setattr(activity, "MOST_TENANTS", 2)
    for _ in range(2):
        await tenant(app)
    answer = await manager.ask("GET", "/requests")
    assert answer.status == 400
    assert "There are 3 tenants" in answer.body["detail"]


async def test_a_tenant_that_went_meanwhile_is_left_out(app: App, manager: Manager) -> None:
    """The others go on."""
    gone = await tenant(app)
    for key in ("scim", gone):
        await kept(app, key, 1_000, 2_000)
    first = await manager.ask("GET", "/requests?count=2")
    await app.administration.delete(gone)
    await app.registry.change_tenant(gone, lambda each: type(each)(each.key, status="deleted"))
    rest = await manager.ask("GET", f"/requests?cursor={quote(first.body['nextCursor'])}")
    assert [each["tenant"] for each in rest.body["requests"]] == ["scim"]
    assert rest.body["nextCursor"] is None


async def test_only_an_operator_sees_all(app: App) -> None:
    """Who administers one tenant sees that one."""
    assert (await (await administrator(app)).ask("GET", "/requests")).status == 403


@pytest.mark.parametrize("cursor", ["scim", "scim~x", "j.0.0.1", "scim~j.0123456789ab.0123456789abcdef"])
async def test_a_cursor_of_another_kind_is_refused(manager: Manager, cursor: str) -> None:
    """It would read other rows."""
    answer = await manager.ask("GET", f"/requests?cursor={cursor}")
    assert (answer.status, "cursor" in answer.body["detail"]) == (400, True)


async def test_the_longest_cursor_there_can_be_is_taken(app: App, manager: Manager) -> None:
    """With a place in each of as many tenants as a page shows together."""
    for _ in range(activity.MOST_TENANTS - 1):
        await kept(app, await tenant(app), 1_000, 2_000)
    await kept(app, "scim", 500)
    assert len(await walked(manager, "count=1")) == 2 * activity.MOST_TENANTS - 1
