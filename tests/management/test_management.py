"""Tenants and credentials over HTTP: who may do what, what is answered, and that bad input changes nothing."""

import json
from typing import Any

import pytest

from scim.access.credential import SCOPES
from scim.app import App
from scim.management.openapi import document
from scim.management.routes import ROUTES, ManageRoute
from tests.conftest import HOST, Clock, Http, make_app
from tests.management.managing import Manager, administrator, fits
from tests.tenancy import credential, tenant


@pytest.fixture
async def operator(app: App) -> Manager:
    """Who operates the deployment."""
    return Manager(app, (await credential(app, "", "operator"))[1])


def given(route: ManageRoute, key: str, credential_id: str) -> str:
    return "/" + route.path.replace("{key}", key).replace("{id}", credential_id).replace("{urn}", "urn:a:User")


async def test_a_tenant_is_made_and_used_at_once(app: App, operator: Manager) -> None:
    """Its Secret Token is in this answer and in no other, and no cache keeps it."""
    made = await operator.ask("POST", "/tenants", {"name": "Contoso"})
    assert (made.status, made.headers) == (201, {"Cache-Control": "no-store"})
    fits("Tenant", made.body)
    assert made.body["tenantUrl"] == f"{HOST}/{made.body['key']}/v2"
    assert await Http(app, made.body["secretToken"], made.body["key"]).user("mira")
    shown = await operator.ask("GET", f"/tenants/{made.body['key']}")
    assert shown.body == {name: value for name, value in made.body.items() if name != "secretToken"}
    listed = await operator.ask("GET", "/tenants")
    assert [each["key"] for each in listed.body["tenants"]] == ["scim", made.body["key"]]


@pytest.mark.parametrize("scope", ["provision", "read", "events", "admin"])
async def test_a_credential_is_made_for_each_scope(app: App, operator: Manager, scope: str) -> None:
    """With the secret once."""
    key = await tenant(app)
    made = await operator.ask("POST", f"/tenants/{key}/credentials", {"name": "n", "scope": scope})
    assert made.status == 201
    fits("Credential", made.body)
    assert made.body["secretToken"]
    [listed] = (await operator.ask("GET", f"/tenants/{key}/credentials")).body["credentials"]
    fits("Credential", listed)
    assert "secretToken" not in listed
    assert (listed["scope"], listed["status"], listed["expires"]) == (scope, "active", None)


async def test_rotation_refuses_nobody(app: App, operator: Manager, clock: Clock) -> None:
    """A new one beside the old one, both valid; then the old one is revoked, and may be taken off the list."""
    key = await tenant(app)
    base = f"/tenants/{key}/credentials"
    old = (await operator.ask("POST", base, {"name": "Entra", "scope": "provision"})).body
    new = (await operator.ask("POST", f"{base}/{old['id']}/renew")).body
    for each in (old, new):
        assert (await Http(app, each["secretToken"], key).request("GET", "/Users")).status == 200
    assert (await operator.ask("DELETE", f"{base}/{old['id']}")).status == 400
    assert (await operator.ask("POST", f"{base}/{old['id']}/revoke")).body["status"] == "revoked"
    clock.forward(seconds=10)
    assert (await Http(app, old["secretToken"], key).request("GET", "/Users")).status == 401
    assert (await Http(app, new["secretToken"], key).request("GET", "/Users")).status == 200
    assert (await operator.ask("DELETE", f"{base}/{old['id']}")).status == 204
    assert [each["id"] for each in (await operator.ask("GET", base)).body["credentials"]] == [new["id"]]


async def test_a_tenant_is_suspended_resumed_and_deleted(app: App, operator: Manager, clock: Clock) -> None:
    """Closed within ten seconds; its rows stay until the grace period is over, and then its key is nobody's."""
    key = await tenant(app)
    http = Http(app, (await credential(app, key))[1], key)
    for body, status in (({"status": "suspended"}, 401), ({"status": "active"}, 200)):
        assert (await operator.ask("PATCH", f"/tenants/{key}", body)).body["status"] == body["status"]
        clock.forward(seconds=10)
        assert (await http.request("GET", "/Users")).status == status
    deleted = await operator.ask("DELETE", f"/tenants/{key}")
    assert (deleted.status, deleted.body["status"], deleted.body["due"]) == (
        202,
        "deleting",
        "2026-02-07T12:00:20.000Z",
    )
    clock.forward(days=8)
    await app.rounds.run()
    assert (await operator.ask("GET", f"/tenants/{key}")).status == 404
    assert (await operator.ask("PATCH", f"/tenants/{key}", {"status": "active"})).status == 404


async def test_a_tenant_that_goes_now_goes_with_the_next_run_but_one(app: App, operator: Manager, clock: Clock) -> None:
    """Five minutes are left for requests that have begun."""
    key = await tenant(app)
    await operator.ask("DELETE", f"/tenants/{key}?now=true")
    await app.rounds.run()
    assert (await operator.ask("GET", f"/tenants/{key}")).status == 200
    clock.forward(minutes=5)
    await app.rounds.run()
    assert (await operator.ask("GET", f"/tenants/{key}")).status == 404


@pytest.mark.parametrize("scope", SCOPES)
@pytest.mark.parametrize("route", ROUTES, ids=lambda route: route.name)
async def test_each_scope_against_each_route(app: App, route: Any, scope: Any) -> None:
    """Operators may do all; administrators what is theirs; whoever provisions, reads or follows events nothing."""
    key = await tenant(app)
    reader = (await credential(app, key, "read"))[0]
    manager = Manager(app, (await credential(app, "" if scope == "operator" else key, scope))[1])
    answer = await manager.ask(route.method, given(route, key, reader))
    may = route.scope is None or scope == "operator" or (scope == "admin" and route.scope == "admin")
    if may:
        assert answer.status not in (401, 403), answer
    else:
        assert answer.status == 403, answer
        assert 'error="insufficient_scope"' in answer.headers["WWW-Authenticate"]


@pytest.mark.parametrize("route", [each for each in ROUTES if "{key}" in each.path], ids=lambda route: route.name)
async def test_who_administers_one_tenant_finds_no_other(app: App, route: Any) -> None:
    """404, as for a tenant that there is not."""
    manager = await administrator(app, await tenant(app))
    other = await tenant(app)
    reader = (await credential(app, other, "read"))[0]
    answers = [await manager.ask(route.method, given(route, key, reader)) for key in (other, "a" * 20)]
    assert [each.status for each in answers] == ([404, 404] if route.scope == "admin" else [403, 403])


async def test_who_administers_a_tenant_makes_and_ends_what_may_read(app: App) -> None:
    """Credentials of scope read and events; those that provision or administer are the operator's."""
    key = await tenant(app)
    manager = await administrator(app, key)
    base = f"/tenants/{key}/credentials"
    for scope, status in (("read", 201), ("events", 201), ("provision", 403), ("admin", 403)):
        made = await manager.ask("POST", base, {"name": "n", "scope": scope})
        assert made.status == status, made
    provision = (await credential(app, key))[0]
    assert (await manager.ask("POST", f"{base}/{provision}/revoke")).status == 403
    assert (await manager.ask("POST", f"{base}/{provision}/renew")).status == 403
    assert [each["key"] for each in (await manager.ask("GET", "/tenants")).body["tenants"]] == [key]


@pytest.mark.parametrize("token", [None, "wrong", f"scim_{'a' * 75}"])
async def test_nobody_comes_in_without_a_token(app: App, token: str | None) -> None:
    """Problem details say so, wherever it is sent."""
    for path in ("/tenants", "/nowhere"):
        answer = await Manager(app, token).ask("GET", path)
        assert (answer.status, answer.body["status"], answer.body["title"]) == (401, 401, "Unauthorized")
        fits("Problem", answer.body)


OF_A_DOMAIN = {"entraTenant": "contoso.com", "subjects": ["s"], "audiences": ["a"]}
"""A federation whose assertions name the tenant otherwise: nobody could ever come in."""


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("POST", "/tenants", {}),
        ("POST", "/tenants", {"name": ""}),
        ("POST", "/tenants", {"name": "a\nb"}),
        ("POST", "/tenants", {"name": "a" * 201}),
        ("POST", "/tenants", {"name": "a", "key": "b"}),
        ("POST", "/tenants", []),
        ("PATCH", "/tenants/KEY", {"status": "deleted"}),
        ("PATCH", "/tenants/KEY", {"retentionDays": 0}),
        ("PATCH", "/tenants/KEY", {"retentionDays": True}),
        ("PATCH", "/tenants/KEY", {"filterable": ["no-such-attribute"]}),
        ("PATCH", "/tenants/KEY", {"filterable": ["name"]}),
        ("PATCH", "/tenants/KEY", {"key": "b"}),
        ("DELETE", "/tenants/scim", None),
        ("POST", "/tenants/KEY/credentials", {"name": "a"}),
        ("POST", "/tenants/KEY/credentials", {"name": "a", "scope": "operator"}),
        ("POST", "/tenants/KEY/credentials", {"name": "a", "scope": "read", "expires": "2020-01-01"}),
        ("POST", "/tenants/KEY/credentials", {"name": "a", "scope": "read", "expires": "soon"}),
        ("POST", "/tenants/KEY/credentials", {"name": "a", "scope": "admin", "oauth": True}),
        ("POST", "/tenants/KEY/credentials", {"name": "a", "scope": "read", "federation": {"entraTenant": "t"}}),
        ("POST", "/tenants/KEY/credentials", {"name": "a", "scope": "read", "federation": OF_A_DOMAIN}),
        ("PUT", "/tenants/KEY/schemas", {"id": "urn:a:Person", "attributes": []}),
        ("PUT", "/tenants/KEY/schemas", {"id": "urn:ietf:params:scim:schemas:core:2.0:User", "attributes": []}),
        ("PUT", "/tenants/KEY/schemas", {"name": "x"}),
        ("DELETE", "/tenants/KEY/schemas/urn:a:User", None),
        ("POST", "/tenants/KEY/credentials/unknown/revoke", None),
        ("POST", "/tenants/KEY/access", {"group": "nobody", "role": "editor"}),
        ("POST", "/tenants/KEY/access", {"role": "editor"}),
        ("POST", "/tenants/KEY/access", {"group": "crew", "role": 1}),
        ("DELETE", "/tenants/KEY/access/unknown", None),
    ],
)
async def test_what_is_wrong_is_told_and_changes_nothing(
    app: App, operator: Manager, method: str, path: str, body: Any
) -> None:
    """400 or 404 with what to change."""
    key = await tenant(app)
    before = (await app.registry.tenants(), await app.registry.credentials(key))
    answer = await operator.ask(method, path.replace("KEY", key), body)
    assert answer.status in (400, 404), answer
    assert answer.body["detail"]
    assert (await app.registry.tenants(), await app.registry.credentials(key)) == before


async def test_a_group_gives_roles_until_it_does_not(app: App, operator: Manager) -> None:
    """Found by its name once; who administers the tenant sees it and changes nothing."""
    key = await tenant(app)
    group = await Http(app, (await credential(app, key))[1], key).group("crew")
    mapped = await operator.ask("POST", f"/tenants/{key}/access", {"group": "crew", "role": "Sales / editor"})
    expected = {"id": group["id"], "displayName": "crew", "externalId": None, "roles": ["Sales / editor"]}
    assert (mapped.status, mapped.body) == (200, expected)
    fits("Access", mapped.body)
    await operator.ask("POST", f"/tenants/{key}/access", {"group": group["id"], "role": "reader"})
    listed = await (await administrator(app, key)).ask("GET", f"/tenants/{key}/access")
    assert listed.body == {"groups": [expected | {"roles": ["Sales / editor", "reader"]}]}
    left = await operator.ask("DELETE", f"/tenants/{key}/access/{group['id']}?role=Sales%20%2F%20editor")
    assert left.body["roles"] == ["reader"]
    assert (await operator.ask("DELETE", f"/tenants/{key}/access/{group['id']}")).body["roles"] == []
    assert (await operator.ask("GET", f"/tenants/{key}/access")).body == {"groups": []}


async def test_a_method_or_an_address_that_there_is_not_is_told(operator: Manager) -> None:
    """405 with what there is, 404."""
    wrong = await operator.ask("PUT", "/tenants")
    assert (wrong.status, wrong.headers["Allow"]) == (405, "GET, POST")
    assert (await operator.ask("GET", "/persons")).status == 404


async def test_a_tenant_has_at_most_a_hundred_credentials(app: App, operator: Manager) -> None:
    """So that a list of them stays short."""
    key = await tenant(app)
    body = {"name": "n", "scope": "read"}
    for _ in range(100):
        await operator.ask("POST", f"/tenants/{key}/credentials", body)
    assert (await operator.ask("POST", f"/tenants/{key}/credentials", body)).status == 400


async def test_the_document_describes_each_route(operator: Manager) -> None:
    """By method and path, with what goes in and comes out; whoever generates a client relies on it."""
    told = (await operator.ask("GET", "/openapi.json")).body
    assert told == document()
    assert told["openapi"] == "3.1.0"
    described = {
        (method.upper(), path, operation["operationId"])
        for path, operations in told["paths"].items()
        for method, operation in operations.items()
    }
    assert described == {(each.method, f"/manage/v1/{each.path}", each.name) for each in ROUTES}
    references = set(json.dumps(told).split('"#/components/schemas/')[1:])
    assert {each.split('"')[0] for each in references} == set(told["components"]["schemas"])


@pytest.mark.parametrize(
    ("address", "status"),
    [("203.0.113.7", 200), ("2001:db8::1", 200), ("203.0.113.8", 403), ("2001:db9::1", 403), ("", 403)],
)
async def test_only_addresses_that_are_listed_come_in(
    rows: Any, clock: Clock, caplog: pytest.LogCaptureFixture, address: str, status: int
) -> None:
    """With whatever token; who is refused learns which address was seen, since that is what has to be listed."""
    app = make_app(rows, clock, manage_addresses=("203.0.113.7/32", "2001:db8::/32"))
    manager = Manager(app, (await credential(app, "", "operator"))[1])
    for method, path in (("GET", "/tenants"), ("GET", "/openapi.json"), ("GET", "/nowhere")):
        answer = await manager.ask(method, path, address=address)
        assert (answer.status == 403) == (status == 403)
    if status == 403:
        for told in (answer.body["detail"], caplog.text):
            assert (address or "could not be read") in told
            assert "SCIM_MANAGE_ADDRESSES" in told
        assert (await Manager(app, "wrong").ask("GET", "/tenants", address=address)).status == 403


async def test_wrong_tokens_of_an_address_are_limited(app: App, operator: Manager, clock: Clock) -> None:
    """Twenty a minute; who has a valid credential is served meanwhile, from the same address too."""
    guesser = Manager(app, f"scim_{'a' * 75}")
    statuses = [(await guesser.ask("GET", "/tenants", address="203.0.113.7")).status for _ in range(25)]
    assert statuses == [401] * 20 + [429] * 5
    for address in ("203.0.113.7", "203.0.113.8"):
        assert (await operator.ask("GET", "/tenants", address=address)).status == 200
    clock.forward(minutes=1)
    assert (await guesser.ask("GET", "/tenants", address="203.0.113.7")).status == 401


async def test_no_token_is_no_wrong_token(app: App) -> None:
    """The page asks once before anybody has signed in, perhaps from one address for many people."""
    for _ in range(30):
        assert (await Manager(app, None).ask("GET", "/tenants", address="203.0.113.7")).status == 401
