"""What protects each answer of the management: nobody keeps it, a browser guesses nothing, and what expired is out."""

from datetime import timedelta

import pytest

from scim.app import App
from scim.management.routes import ROUTES, ManageRoute
from scim.protocol.resource import format_date_time
from scim.service.messages import PROTECTION, Request
from tests.conftest import HOST, Clock, Http
from tests.management.managing import Manager, operator
from tests.tenancy import credential

READING = [each for each in ROUTES if each.method == "GET" and each.scope is not None]


def named(route: ManageRoute, resource_id: str) -> str:
    """Return the path of a route for the default tenant, and something of an id."""
    return "/" + route.path.replace("{key}", "scim").replace("{id}", resource_id).replace("{urn}", "urn:a:User")


@pytest.mark.parametrize("route", ROUTES, ids=[each.name for each in ROUTES])
async def test_no_answer_is_kept_and_each_is_what_it_says(app: App, route: ManageRoute) -> None:
    """With a credential or without, a success or a refusal: names, tokens and detail are nobody's to keep."""
    _, token = await credential(app, "", "operator")
    for headers in ({}, {"authorization": f"Bearer {token}"}, {"authorization": "Bearer wrong"}):
        request = Request(route.method, f"{HOST}/manage/v1{named(route, 'x')}", headers, b"{}", "request-1")
        answer = await app.management.respond(request)
        sent = answer.sendable_headers()
        assert PROTECTION.items() <= sent.items()
        assert route.scope is None or sent["Cache-Control"] == "no-store", answer


@pytest.mark.parametrize("route", READING, ids=[each.name for each in READING])
async def test_what_has_not_changed_is_not_sent_again(app: App, http: Http, route: ManageRoute) -> None:
    """The console asks each minute; a file that is saved is asked for once."""
    manager, user = await operator(app), (await http.user("mira"))["id"]
    group = (await http.group("Team", user))["id"]
    path = named(route, group if "groups/{id}" in route.path else user)
    first = await manager.ask("GET", path)
    if first.status == 404 or "Content-Disposition" in first.headers:
        ones = ("ShowExchange", "GetCredential", "GetOperator", "GetWebhook")
        assert route.name in ("DownloadRequests", "DownloadCapture", *ones)
        return
    assert first.status == 200
    again = await manager.ask("GET", path, if_none_match=first.headers["ETag"])
    assert (again.status, again.body, again.headers["Cache-Control"]) == (304, None, "no-store")
    other = await manager.ask("GET", path, if_none_match='"of-something-else"')
    assert (other.status, other.body) == (200, first.body)


@pytest.mark.parametrize("scope", ["operator", "admin"])
async def test_a_credential_that_expired_is_refused_from_that_moment(app: App, clock: Clock, scope: str) -> None:
    """Also one that was let in a moment before, and is known to the process."""
    expires = format_date_time(clock() + timedelta(seconds=5))
    _, token = await credential(app, "scim" if scope == "admin" else "", scope, expires=expires)  # type: ignore[arg-type]
    manager = Manager(app, token)
    assert (await manager.ask("GET", "/tenants")).status == 200
    clock.forward(seconds=6)
    refused = await manager.ask("GET", "/tenants")
    assert refused.status == 401
    assert "WWW-Authenticate" in refused.headers
