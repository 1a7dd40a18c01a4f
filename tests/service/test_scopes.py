"""Each scope is tried against each route."""

from typing import Any

import pytest

from scim.access.credential import SCOPES
from scim.app import App
from scim.service.routes import ROUTES
from tests.conftest import Http
from tests.tenancy import client

MAY = {
    "provision": {"provision", "read"},
    "read": {"read", "events"},
    "events": {"events"},
    "admin": set(),
    "operator": set(),
}
"""What of a tenant each scope may do: change, read and search, or follow its events."""


NEEDED = {"events": "events", "access": "events", "search_access": "events", "poll_sets": "events"}


@pytest.mark.parametrize("scope", SCOPES)
@pytest.mark.parametrize("route", ROUTES, ids=lambda route: route.name)
async def test_a_scope_passes_where_it_does_and_nowhere_else(app: App, route: Any, scope: Any) -> None:
    """What is too small is 403 with the scope that is needed; what passes is answered by the operation itself."""
    http = await client(app, "scim", scope)
    for method in route.methods:
        answer = await http.request(method, f"/{route.path}".rstrip("/").replace("{id}", "0" * 32))
        changes = ("create", "replace", "patch", "delete", "bulk")
        if route.scope is None:  # for anybody
            assert answer.status not in (401, 403), (method, answer)
            continue
        needed = NEEDED.get(route.operation, "provision" if route.operation in changes else "read")
        if needed in MAY[scope]:
            assert answer.status not in (401, 403), (method, answer)
        else:
            assert answer.status == 403, (method, answer)
            assert answer.body["status"] == "403"
            asked = f'Bearer error="insufficient_scope", scope="{needed}"'
            assert answer.headers["WWW-Authenticate"] == asked


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE"])
async def test_an_operator_has_no_tenant_and_is_nobody_on_a_scim_route(app: App, method: str) -> None:
    """Its credential belongs to no tenant: 401, like any that is of another one."""
    operator = Http(app, (await client(app, "", "operator"))._token)
    assert (await operator.request(method, "/Users/1")).status == 401


async def test_what_is_not_offered_tells_nothing_to_those_who_see_no_directory(app: App) -> None:
    """Unknown addresses and methods are for those who may read."""
    for path, status in (("/Persons", 404), ("/Users/1/emails", 404)):
        assert (await (await client(app, "scim", "read")).request("GET", path)).status == status
        assert (await (await client(app, "scim", "events")).request("GET", path)).status == 403
