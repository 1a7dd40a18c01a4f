"""The audit: every use of a credential that changes something is a row, before it is done, that nobody can delete."""

import json
from typing import Any

import pytest

from scim.access import audit
from scim.access.audit import given
from scim.app import App
from scim.management.endpoints import Management
from scim.management.routes import ROUTES
from scim.protocol.errors import Unavailable
from scim.storage.rows import Insert
from tests.conftest import Clock
from tests.management.managing import Manager, administrator, fits, operator
from tests.recording import RecordingRows
from tests.tenancy import credential, tenant

REGISTRY = "registryscim"


async def actions(manager: Manager, path: str = "/audit") -> list[Any]:
    answer = await manager.ask("GET", path)
    assert answer.status == 200, answer
    for each in answer.body["actions"]:
        fits("Action", each)
    found: list[Any] = answer.body["actions"]
    return found


async def test_what_was_changed_is_told_with_who_and_from_where(app: App, clock: Clock) -> None:
    """The newest first, without secrets; what was refused is there too, with the reason."""
    boss = await operator(app)
    made = await boss.ask("POST", "/tenants", {"name": "Contoso"}, address="203.0.113.7", user_agent="curl/8")
    clock.forward(seconds=1)
    key = made.body["key"]
    await boss.ask("POST", f"/tenants/{key}/credentials", {"name": "Entra", "scope": "nothing"})
    refused, created = await actions(boss)
    assert (refused["action"], refused["outcome"], refused["status"]) == ("CreateCredential", "failed", 400)
    assert refused["detail"].startswith("scope must be")
    expected = {"action": "CreateTenant", "outcome": "done", "status": 201, "given": {"name": "Contoso"}, "made": key}
    expected |= {"client": "curl/8", "address": "203.0.113.7", "requestId": "request-1"}
    assert {name: created[name] for name in expected} == expected
    assert created["time"] == "2026-01-31T12:00:00.000Z"
    assert created["credential"]
    assert made.body["secretToken"] not in json.dumps([refused, created])


async def test_who_administers_a_tenant_sees_what_was_done_to_it(app: App) -> None:
    """And nothing of others."""
    boss, key, other = await operator(app), await tenant(app), await tenant(app)
    for each in (key, other):
        await boss.ask("PATCH", f"/tenants/{each}", {"name": f"Name of {each}"})
    (seen,) = await actions(await administrator(app, key), f"/tenants/{key}/audit")
    assert (seen["tenant"], seen["given"]) == (key, {"name": f"Name of {key}"})
    assert (await (await administrator(app, key)).ask("GET", "/audit")).status == 403
    assert [each["tenant"] for each in await actions(boss, f"/audit?tenant={other}")] == [other]


async def test_reading_leaves_no_row(app: App, rows: RecordingRows) -> None:
    """Nor does who is not let in."""
    boss = await operator(app)
    await boss.ask("GET", "/tenants")
    await Manager(app, "wrong").ask("POST", "/tenants", {"name": "Contoso"})
    assert await rows.range(REGISTRY, "d.", "d.~", 10) == []


async def test_the_row_is_there_before_anything_is_done(
    app: App, rows: RecordingRows, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A process that ends in between leaves a row that says so, and never a change without one."""
    boss, seen = await operator(app), list[str]()

    async def ends(*_: object) -> None:
        seen.extend(row.body for row in await rows.range(REGISTRY, "d.", "d.~", 10))
        raise KeyboardInterrupt

    monkeypatch.setattr(Management, "create_tenant", ends)
    with pytest.raises(KeyboardInterrupt):
        await boss.ask("POST", "/tenants", {"name": "Contoso"})
    assert [json.loads(each)["outcome"] for each in seen] == ["begun"]
    (left,) = await actions(boss)
    assert (left["outcome"], "status" in left) == ("begun", False)


async def test_nothing_is_done_that_cannot_be_written_down(
    app: App, rows: RecordingRows, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The answer is 503, and the same request may be sent again."""
    boss, committed = await operator(app), rows.commit

    async def refuses(partition: str, changes: Any, mark: str = "") -> list[str]:
        if changes[0].key.startswith(audit.PREFIX):
            raise Unavailable("The storage does not answer.")
        return await committed(partition, changes, mark)

    monkeypatch.setattr(rows, "commit", refuses)
    assert (await boss.ask("POST", "/tenants", {"name": "Contoso"})).status == 503
    assert await app.registry.tenants() == []


async def test_what_came_of_it_may_get_lost_but_not_the_answer(
    app: App, rows: RecordingRows, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """It is done by then; the log says that the audit does not know."""
    boss, committed = await operator(app), rows.commit
    writes: list[str] = []

    async def refuses(partition: str, changes: Any, mark: str = "") -> list[str]:
        if changes[0].key.startswith(audit.PREFIX):
            writes.append(changes[0].key)
            if len(writes) > 1:
                raise Unavailable("The storage does not answer.")
        return await committed(partition, changes, mark)

    monkeypatch.setattr(rows, "commit", refuses)
    assert (await boss.ask("POST", "/tenants", {"name": "Contoso"})).status == 201
    assert "the audit does not know what came of d." in caplog.text


def test_no_route_deletes_it() -> None:
    """Whoever has a stolen credential cannot hide what was done with it."""
    assert {each.method for each in ROUTES if "audit" in each.path} == {"GET"}


async def test_it_outlives_the_tenant_and_goes_after_400_days(app: App, clock: Clock) -> None:
    """So that a year can be looked back on."""
    boss, key = await operator(app), await tenant(app)
    await boss.ask("DELETE", f"/tenants/{key}?now=true")
    clock.forward(minutes=6)
    await app.rounds.run()
    (row,) = await actions(boss, f"/audit?tenant={key}")
    assert (row["action"], row["given"]) == ("DeleteTenant", {"now": "true"})
    clock.forward(days=399)
    await app.rounds.run()
    assert len(await actions(await operator(app))) == 1
    clock.forward(days=1)
    await app.rounds.run()
    assert await actions(await operator(app)) == []


async def test_pages_go_on_and_damage_spoils_nothing(app: App, clock: Clock) -> None:
    """A row that cannot be read has its time alone."""
    boss = await operator(app)
    for number in range(3):
        await boss.ask("POST", "/tenants", {"name": f"T{number}"})
        clock.forward(seconds=1)
    for number, body in enumerate(("x", "[]")):
        await app.registry._rows.commit(REGISTRY, [Insert(f"d.000000000000.{number:016x}", body)])
    found, path = [], "/audit?count=2"
    while True:
        answer = await boss.ask("GET", path)
        found += answer.body["actions"]
        if not answer.body["nextCursor"]:
            break
        path = f"/audit?count=2&cursor={answer.body['nextCursor']}"
    assert [each["outcome"] for each in found] == ["unreadable"] * 2 + ["done"] * 3
    assert (await boss.ask("GET", "/audit?cursor=x")).status == 400


@pytest.mark.parametrize(
    ("members", "kept"),
    [
        ({"name": "n", "strict": True, "rate": 5, "types": ["x"]}, {"name": "n", "strict": True, "rate": 5}),
        ({"url": "https://user:pw@app.contoso.com/hook?key=1"}, {"url": "https://app.contoso.com"}),
        ({"clientSecret": "s", "token": "t", "Password": "p"}, {}),
        ({"name": "a" * 500}, {"name": "a" * 200}),
    ],
)
def test_what_is_kept_of_a_request_is_short_and_no_secret(members: dict[str, Any], kept: dict[str, Any]) -> None:
    """Of an address the host alone: what stands behind it may let somebody in."""
    assert given(members) == kept


async def test_the_admin_s_credential_is_named(app: App) -> None:
    """By its id, under which it can be revoked."""
    admin_id, token = await credential(app, "scim", "admin")
    await Manager(app, token).ask("POST", "/tenants/scim/credentials", {"name": "n", "scope": "read"})
    (row,) = await actions(await operator(app))
    assert row["credential"] == admin_id
