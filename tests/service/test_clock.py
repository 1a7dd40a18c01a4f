"""A clock that is set back: nothing is lost, put in another order, or held for ever."""

from scim.app import App
from scim.directory import keys
from tests.conftest import Clock, Http
from tests.tenancy import client, tenant


def renaming(name: str) -> dict[str, object]:
    return {"Operations": [{"op": "replace", "path": "displayName", "value": name}]}


async def test_changes_behind_it_are_changes_like_all_others(app: App, http: Http, clock: Clock) -> None:
    """Each has its version, its change row and its event, and events are in the order of the changes."""
    user = await http.user("mira")
    path = f"/Users/{user['id']}"
    versions = [user["meta"]["version"]]
    for number in range(3):
        clock.forward(hours=-5)
        answer = await http.request("PATCH", path, renaming(f"Mira {number}"))
        assert answer.status == 200
        versions.append(answer.body["meta"]["version"])
    assert len(set(versions)) == 4
    stale = await http.request("PATCH", path, renaming("Mira"), {"If-Match": versions[0]})
    assert stale.status == 412
    clock.forward(hours=-5)
    assert (await http.request("DELETE", path)).status == 204
    events = (await app.feed.page("", 100)).events
    assert [each["type"] for each in events] == ["user.created", *["user.updated"] * 3, "user.deleted"]
    assert [each["sequence"] for each in events] == [1, 2, 3, 4, 5]
    assert len(await app.tenant.under(keys.CHANGES)) == 5


async def test_the_timer_goes_on_and_is_not_called_late(app: App, http: Http, clock: Clock) -> None:
    """Its last run lies in the future then; nothing expires early, and what is deleted is cleared away."""
    await app.timer.run()
    await http.user("mira")
    clock.forward(days=-40)
    assert (await app.health.response()).body["timer"] == "ok"
    await app.timer.run()
    assert (await app.health.response()).body["timer"] == "ok"
    assert len(await app.tenant.under(keys.CHANGES)) == 1
    clock.forward(days=40)
    await app.timer.run()
    assert (await app.health.response()).body["timer"] == "ok"


async def test_walks_and_readers_go_on_where_they_were(app: App, http: Http, clock: Clock) -> None:
    """A cursor says where, not when."""
    for number in range(4):
        await http.user(f"user{number}")
    first = await http.request("GET", "/Users?cursor=&count=2")
    read = await app.feed.page("", 2)
    clock.forward(days=-1)
    second = await http.request("GET", f"/Users?cursor={first.body['nextCursor']}&count=2")
    assert len({each["id"] for each in first.body["Resources"] + second.body["Resources"]}) == 4
    assert [each["sequence"] for each in (await app.feed.page(read.next)).events] == [3, 4]


async def test_credentials_stay_valid(app: App, clock: Clock) -> None:
    """What was issued in what is now the future is no reason to refuse it, nor is what was read then."""
    http = await client(app, await tenant(app))
    assert (await http.request("GET", "/Users")).status == 200
    clock.forward(days=-2)
    assert (await http.request("GET", "/Users")).status == 200
    assert (await http.request("POST", "/Users", {"userName": "mira"})).status == 201
