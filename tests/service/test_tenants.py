"""Several tenants of one deployment: addresses, settings of their own, and that nothing of one is seen by another."""

import json
import logging
from dataclasses import replace
from typing import Any

import pytest

from scim.access.tenants import TenantRecord
from scim.app import App
from scim.service.addresses import tenant_url
from scim.service.tenants import MOST_KEPT
from scim.storage.rows import Rows
from tests.conftest import HOST, TOKEN, Clock, Http, make_app
from tests.samples import EXTENSIONS
from tests.tenancy import client, tenant

URN = "urn:ietf:params:scim:schemas:extension:Contoso:2.0:User"


async def test_each_address_in_an_answer_is_the_tenant_s_own(app: App) -> None:
    """Location, meta.location, $ref, Bulk and discovery."""
    key = await tenant(app)
    http = await client(app, key)
    base = f"{HOST}/{key}/v2"
    user = await http.user("mira")
    assert user["meta"]["location"] == f"{base}/Users/{user['id']}"
    group = await http.group("Crew", user["id"])
    assert group["members"][0]["$ref"] == f"{base}/Users/{user['id']}"
    operation = {"method": "POST", "path": "/Users", "bulkId": "1", "data": {"userName": "nils"}}
    bulk = await http.request("POST", "/Bulk", {"Operations": [operation]})
    assert bulk.body["Operations"][0]["location"].startswith(f"{base}/Users/")
    for path in (
        "/ServiceProviderConfig",
        "/ResourceTypes/User",
        "/Schemas/urn:ietf:params:scim:schemas:core:2.0:User",
    ):
        assert (await http.request("GET", path)).body["meta"]["location"] == f"{base}{path}"
    unknown = await http.request("GET", "/Persons")
    assert base in unknown.body["detail"]


@pytest.mark.parametrize(
    ("default", "expected"),
    [
        ("https://id.contoso.com/scim/v2", "https://id.contoso.com/KEY/v2"),
        ("https://contoso.com/id/scim/v2", "https://contoso.com/id/KEY/v2"),
        ("https://contoso.com/directory", "https://contoso.com/KEY/v2"),
    ],
)
def test_an_address_that_is_set_gives_those_of_all_tenants(default: str, expected: str) -> None:
    """SCIM_BASE_URL is that of the default tenant."""
    assert tenant_url(default, "KEY") == expected
    assert tenant_url(default, "scim") == default


async def test_two_tenants_may_have_the_same_names(app: App) -> None:
    """Names are unique within a tenant; a search, a total, an id of one finds nothing of the other."""
    one, other = [await client(app, await tenant(app)) for _ in range(2)]
    user = await one.user("mira", externalId="1")
    await other.user("mira", externalId="1")
    assert (await one.request("GET", "/Users")).body["totalResults"] == 1
    assert (await other.request("GET", f"/Users/{user['id']}")).status == 404
    found = await other.request("GET", '/Users?filter=externalId%20eq%20"1"')
    assert [each["id"] for each in found.body["Resources"]] != [user["id"]]


async def test_a_cursor_of_one_tenant_is_none_of_another(app: App) -> None:
    """It names a resource, and is refused elsewhere."""
    one, other = [await client(app, await tenant(app)) for _ in range(2)]
    for name in ("a", "b"):
        await one.user(name)
    cursor = (await one.request("GET", "/Users?cursor&count=1")).body["nextCursor"]
    assert (await one.request("GET", f"/Users?cursor={cursor}&count=1")).status == 200
    answer = await other.request("GET", f"/Users?cursor={cursor}&count=1")
    assert (answer.status, answer.body["scimType"]) == (400, "invalidCursor")


async def test_log_and_change_rows_name_tenant_and_credential(
    app: App, rows: Rows, caplog: pytest.LogCaptureFixture
) -> None:
    """Who did what for whom can be told afterwards; a segment that is no key stays out of the log."""
    caplog.set_level(logging.INFO)
    key = await tenant(app)
    http = await client(app, key)
    await http.user("mira")
    listed = [each.id for each in await app.registry.credentials(key)]
    assert caplog.messages[-1].endswith(f"tenant={key} credential={listed[0]}")
    [change] = await rows.range(key, "e.", "e.~", 10)
    told = json.loads(change.body)
    assert (told["tenant"], told["credential"]) == (key, listed[0])
    await Http(app, TOKEN, "Contoso-Ltd").request("GET", "/Users")
    assert caplog.messages[-1].endswith("tenant=- credential=-")


async def test_a_tenant_has_schemas_and_filterable_attributes_of_its_own(app: App, clock: Clock) -> None:
    """In discovery and in validation, within a minute; nobody else has them."""
    key = await tenant(app)
    http, other = await client(app, key), await client(app, await tenant(app))
    document = json.loads((EXTENSIONS / "contoso_user.json").read_text())
    await app.registry.put_schema(key, document["id"], json.dumps(document))
    await app.registry.change_tenant(key, lambda each: replace(each, filterable=("externalId", "title")))
    clock.forward(seconds=10)
    assert document["id"] in [each["id"] for each in (await http.request("GET", "/Schemas")).body["Resources"]]
    assert document["id"] not in [each["id"] for each in (await other.request("GET", "/Schemas")).body["Resources"]]
    assert "u.title" in (await app.tenants.of(await record(app, key))).indexes.configured
    await app.registry.put_schema(key, document["id"], None)
    clock.forward(seconds=10)
    assert document["id"] not in [each["id"] for each in (await http.request("GET", "/Schemas")).body["Resources"]]


async def record(app: App, key: str) -> TenantRecord:
    found = await app.registry.tenant(key)
    assert found is not None
    return found


async def test_tenants_that_are_idle_are_let_go(app: App) -> None:
    """Of a thousand only the last used are kept; another one is made again without a call."""
    records = [TenantRecord(f"{number:020}") for number in range(1000)]
    for each in records:
        await app.tenants.of(each)
    assert len(app.tenants._kept) == MOST_KEPT


async def test_a_change_of_the_default_tenant_is_taken_up_too(rows: Rows, clock: Clock) -> None:
    """It needs no row until then; a suspended one is closed like any other."""
    app = make_app(rows, clock)
    http = Http(app)
    assert (await http.request("GET", "/Users")).status == 200
    await app.registry.change_tenant("scim", lambda each: replace(each, status="suspended"))
    clock.forward(seconds=10)
    assert (await http.request("GET", "/Users")).status == 401


@pytest.mark.parametrize("path", ["/contoso/v2/Users", "/v2/Users", "/scim/Users", "/", "/scim%2Fv2/Users"])
async def test_an_address_below_no_tenant_is_for_those_of_the_default_one(app: App, path: str) -> None:
    """401 below a key that can be no tenant's; elsewhere 404, with what the Tenant URL is, to who may come in."""
    from scim.service.messages import Request

    sent: dict[str, Any] = {"authorization": f"Bearer {TOKEN}"}
    answer = await app.endpoints.respond_anywhere(Request("GET", f"{HOST}{path}", sent))
    assert answer.status == (401 if path.endswith("v2/Users") and path != "/v2/Users" and "%" not in path else 404)
    assert (await app.endpoints.respond_anywhere(Request("GET", f"{HOST}{path}"))).status == 401
