"""Guards over HTTP: an operator sets them, a tenant's administrator sees them."""

from typing import Any

from scim.app import App
from scim.management.administration import MAX_GUARDED
from tests.conftest import Http
from tests.management.managing import administrator, fits, operator
from tests.tenancy import client, tenant


async def test_seats_are_set_and_hold(app: App) -> None:
    """Of one tenant, and of no other."""
    key, manager = await tenant(app), await operator(app)
    changed = await manager.ask("PATCH", f"/tenants/{key}", {"seats": 1})
    fits("Tenant", changed.body)
    assert changed.body["seats"] == 1
    http = await client(app, key)
    await http.user("mira")
    await http.user("ada", active=False)
    guards = (await manager.ask("GET", f"/tenants/{key}/guards")).body
    fits("Guards", guards)
    assert guards == {"seats": 1, "activeUsers": 1, "groups": []}
    assert (await manager.ask("GET", f"/tenants/{key}/overview")).body["seats"] == 1
    assert (await http.request("POST", "/Users", {"userName": "omar"})).status == 400
    default = Http(app)
    await default.user("mira")
    await default.user("omar")
    assert (await manager.ask("PATCH", f"/tenants/{key}", {"seats": "many"})).status == 400
    assert "seats" not in (await manager.ask("PATCH", f"/tenants/{key}", {"seats": None})).body


async def test_a_group_is_guarded_and_no_more(app: App, http: Http) -> None:
    """Its id is kept, also when it is deleted or has another name by now."""
    manager, group = await operator(app), (await http.group("crew"))["id"]
    base = "/tenants/scim/guards"
    guarded = await manager.ask("POST", base, {"group": "crew"})
    fits("Guards", guarded.body)
    assert guarded.body["groups"] == [{"id": group, "displayName": "crew", "guard": "on"}]
    again = await manager.ask("POST", base, {"group": group, "guard": "strict"})
    assert [each["guard"] for each in again.body["groups"]] == ["strict"]
    await http.request("DELETE", f"/Groups/{group}")
    listed = await manager.ask("GET", base)
    assert listed.body["groups"] == [{"id": group, "displayName": "", "guard": "strict"}]
    assert (await manager.ask("DELETE", f"{base}/{group}")).body["groups"] == []
    assert (await manager.ask("DELETE", f"{base}/{group}")).status == 404


async def test_bad_input_guards_nothing(app: App, http: Http) -> None:
    """And says what to change."""
    manager, _ = await operator(app), await http.group("crew")
    wrong: list[Any] = [{}, [], {"group": 1}, {"group": "crew", "guard": "off"}, {"group": "crew", "more": 1}]
    for body in wrong:
        assert (await manager.ask("POST", "/tenants/scim/guards", body)).status == 400
    assert (await manager.ask("POST", "/tenants/scim/guards", {"group": "nobody"})).status == 404
    assert (await manager.ask("GET", "/tenants/scim/guards")).body["groups"] == []


async def test_guarded_groups_have_a_bound(app: App, http: Http) -> None:
    """Each costs a read whenever somebody is disabled."""
    manager = await operator(app)
    for number in range(MAX_GUARDED + 1):
        await http.group(f"crew{number}")
        answer = await manager.ask("POST", "/tenants/scim/guards", {"group": f"crew{number}"})
    assert answer.status == 400
    assert f"{MAX_GUARDED} guarded groups at most" in answer.body["detail"]


async def test_an_administrator_sees_the_guards_and_sets_none(app: App, http: Http) -> None:
    """They are the provider's."""
    manager, _ = await administrator(app), await http.group("crew")
    assert (await manager.ask("GET", "/tenants/scim/guards")).status == 200
    assert (await manager.ask("POST", "/tenants/scim/guards", {"group": "crew"})).status == 403
    assert (await manager.ask("PATCH", "/tenants/scim", {"seats": 5})).status == 403
