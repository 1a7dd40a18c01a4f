"""Operators beside the one of the key vault, and the credentials that are secrets of that vault."""

import pytest

from scim.access.admission import USE_SECONDS
from scim.access.credential import WITHOUT_ROWS
from scim.app import App
from tests.conftest import TOKEN, Clock, Http, make_app
from tests.management.managing import Manager, fits
from tests.management.managing import operator as of_tests
from tests.recording import RecordingRows
from tests.tenancy import tenant

SECRET = "an-operator-that-only-tests-know"


@pytest.fixture
async def app(rows: RecordingRows, clock: Clock) -> App:
    """A service with an operator's token from a setting, which notes the days of last use."""
    made = make_app(rows, clock, admin_token=(SECRET,))
    made.admission._used.clear()
    return made


async def noted(app: App) -> None:
    """Wait for the notes of a last use, which are made beside the requests."""
    for task in list(app.admission._noting):
        await task


async def test_a_further_operator_does_what_the_first_one_does(app: App, clock: Clock) -> None:
    """It is made, renewed and revoked by an operator, and belongs to no tenant."""
    first = Manager(app, SECRET)
    made = (await first.ask("POST", "/operators", {"name": "Night shift", "scope": "operator"})).body
    fits("Credential", made)
    assert (made["scope"], made["tenant"], made["kind"]) == ("operator", "", "token")
    second = Manager(app, made["secretToken"])
    assert (await second.ask("POST", "/tenants", {"name": "Contoso"})).status == 201
    renewed = (await second.ask("POST", f"/operators/{made['id']}/renew")).body
    assert (await first.ask("POST", f"/operators/{made['id']}/revoke")).body["status"] == "revoked"
    clock.forward(seconds=10)
    assert (await second.ask("GET", "/tenants")).status == 401
    assert (await Manager(app, renewed["secretToken"]).ask("GET", "/tenants")).status == 200
    assert (await first.ask("DELETE", f"/operators/{made['id']}")).status == 204
    listed = (await first.ask("GET", "/operators")).body["credentials"]
    assert [each["id"] for each in listed] == ["operator-token", renewed["id"]]


async def test_the_audit_names_which_operator_it_was(app: App, clock: Clock) -> None:
    """That is what several are for."""
    first = Manager(app, SECRET)
    made = (await first.ask("POST", "/operators", {"name": "Night shift", "scope": "operator"})).body
    clock.forward(seconds=1)
    await Manager(app, made["secretToken"]).ask("POST", "/tenants", {"name": "Contoso"})
    last, before = (await first.ask("GET", "/audit")).body["actions"]
    assert (last["action"], last["credential"]) == ("CreateTenant", made["id"])
    assert (before["action"], before["credential"], before["made"]) == ("CreateOperator", "operator-token", made["id"])


async def test_an_operator_is_of_no_tenant_and_what_is_of_one_is_no_operator(app: App) -> None:
    """Neither is made, shown or ended where the other belongs."""
    first, key = Manager(app, SECRET), await tenant(app)
    made = (await first.ask("POST", "/operators", {"name": "n", "scope": "operator"})).body
    for scope in ("provision", "read", "events", "admin"):
        assert (await first.ask("POST", "/operators", {"name": "n", "scope": scope})).status == 400
    assert (await first.ask("POST", f"/tenants/{key}/credentials", {"name": "n", "scope": "operator"})).status == 400
    assert (await first.ask("POST", "/operators", {"name": "n", "scope": "operator", "oauth": True})).status == 400
    for place in (key, "scim", "no-key"):
        assert (await first.ask("GET", f"/tenants/{place}/credentials/{made['id']}")).status == 404
    theirs = (await first.ask("POST", f"/tenants/{key}/credentials", {"name": "n", "scope": "read"})).body
    assert (await first.ask("POST", f"/operators/{theirs['id']}/revoke")).status == 404
    assert made["id"] not in str((await first.ask("GET", f"/tenants/{key}/credentials")).body)


async def test_the_secrets_of_the_vault_are_listed_with_the_day_of_their_last_use(
    app: App, rows: RecordingRows, clock: Clock
) -> None:
    """Whoever wants to disable one has to know whether it is used; it is noted once an hour at most."""
    first, used = Manager(app, SECRET), Http(app, TOKEN)
    [listed] = (await first.ask("GET", "/tenants/scim/credentials")).body["credentials"]
    fits("Credential", listed)
    assert (listed["id"], listed["scope"], listed["kind"]) == ("key-vault", "provision", "vault")
    assert (listed["created"], listed["lastUsed"]) == (None, None)
    await used.request("GET", "/Users")
    await noted(app)
    rows.forget()
    for _ in range(20):
        clock.forward(seconds=USE_SECONDS / 20 - 1)
        await used.request("GET", "/Schemas")
        await noted(app)
    assert rows.calls.count("commit") == 0
    clock.forward(days=2)
    await used.request("GET", "/Users")
    await noted(app)
    [listed] = (await first.ask("GET", "/tenants/scim/credentials")).body["credentials"]
    assert listed["lastUsed"] == "2026-02-02"
    await noted(app)
    [operator] = (await first.ask("GET", "/operators")).body["credentials"]
    assert (operator["id"], operator["lastUsed"]) == ("operator-token", "2026-02-02")


@pytest.mark.parametrize("place", ["/tenants/scim/credentials/key-vault", "/operators/operator-token"])
@pytest.mark.parametrize("what", ["renew", "revoke", ""])
async def test_a_secret_of_the_vault_is_changed_in_the_vault(app: App, place: str, what: str) -> None:
    """The refusal says which secret it is."""
    method, path = ("POST", f"{place}/{what}") if what else ("DELETE", place)
    answer = await Manager(app, SECRET).ask(method, path)
    assert answer.status == 400
    assert "of the key vault" in answer.body["detail"]


async def test_other_tenants_have_no_secret_in_the_vault(app: App) -> None:
    """And no id of one leads to it."""
    key = await tenant(app)
    manager = await of_tests(app)
    assert (await manager.ask("GET", f"/tenants/{key}/credentials")).body == {"credentials": []}
    for each in WITHOUT_ROWS:
        assert (await manager.ask("GET", f"/tenants/{key}/credentials/{each}")).status == 404
