"""When the journal is written, what it says, and that no answer depends on it."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from scim.app import App
from scim.directory.hours import Counts
from scim.directory.journal import MOST, Journal
from scim.protocol.errors import Unavailable
from scim.service import journals as limits
from scim.service.messages import Request
from tests.conftest import HOST, TOKEN, Clock, Http, make_app
from tests.recording import RecordingRows
from tests.tenancy import client, tenant


@pytest.fixture
async def app(rows: RecordingRows, clock: Clock) -> AsyncIterator[App]:
    """The service with its journal."""
    made = make_app(rows, clock, journal=True)
    yield made
    await made.close()


async def entries(app: App, key: str = "scim", **asked: str) -> list[dict[str, Any]]:
    from scim.management import activity

    await app.journals.flush()
    told: list[dict[str, Any]] = (await activity.log(await app.serving(key), list(asked.items())))["requests"]
    return told


async def written(rows: RecordingRows, key: str = "scim") -> int:
    """How many rows of requests are there, whatever is still collected."""
    return len(await rows.range(key, "j.", "j.~", 1000))


async def test_a_request_alone_is_written_before_its_answer(http: Http, rows: RecordingRows) -> None:
    """Where one comes now and then, the host may stop the process right after the answer."""
    await http.request("GET", "/Users")
    assert await written(rows) == 1


async def test_a_lone_request_pays_one_commit(app: App, http: Http, rows: RecordingRows, clock: Clock) -> None:
    """That is all that the journal costs it."""
    await http.request("GET", "/Users")
    clock.forward(seconds=3)
    rows.forget()
    await http.request("GET", "/Users")
    assert rows.calls.count("commit") == 1
    assert {key[0] for changes in rows.commits for key in (each.key for each in changes)} == {"j", "h"}


async def test_requests_that_follow_are_one_row_and_one_transaction(
    app: App, http: Http, rows: RecordingRows, clock: Clock
) -> None:
    """At 25 requests a second two seconds of them share one commit: at most 1/50 of a call for each."""
    await http.request("GET", "/Users")
    rows.forget()
    for _ in range(50):
        clock.forward(seconds=0.04)
        await http.request("GET", "/Schemas")
    assert "commit" not in rows.calls
    await app.journals.flush()
    assert rows.calls.count("commit") == 1
    assert len(await entries(app, count="200")) == 51


async def test_a_hundred_are_written_without_waiting(app: App, http: Http, rows: RecordingRows) -> None:
    """What is collected has a bound."""
    for _ in range(MOST + 1):
        await http.request("GET", "/Schemas")
    await app.journals.flush()
    assert [len(row.body.split('"at"')) - 1 for row in await rows.range("scim", "j.", "j.~", 9)].count(MOST) == 1
    assert await written(rows) == 2


async def test_what_comes_during_a_transaction_waits_for_those_that_follow(
    app: App, http: Http, rows: RecordingRows, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else each transaction under load had a small one behind it, and the journal cost twice as many."""
    await http.request("GET", "/Users")
    under_way, goes_on, commit = asyncio.Event(), asyncio.Event(), rows.commit

    async def slow(*arguments: Any) -> Any:
        under_way.set()
        await goes_on.wait()
        return await commit(*arguments)

    monkeypatch.setattr(rows, "commit", slow)
    for _ in range(MOST):
        await http.request("GET", "/Schemas")
    await under_way.wait()
    for _ in range(3):
        await http.request("GET", "/Schemas")
    goes_on.set()
    await asyncio.gather(*app.journals._tasks)
    assert await written(rows) == 2, "the three are still collected"
    assert len(await entries(app, count="200")) == 1 + MOST + 3


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("GET", "/events", None),
        ("GET", "/access?userName=mira@contoso.example", None),
        ("POST", "/access/.search", {"userName": "mira@contoso.example"}),
    ],
)
async def test_what_the_application_asks_costs_no_write(
    app: App, http: Http, rows: RecordingRows, clock: Clock, method: str, path: str, body: Any
) -> None:
    """It asks at each sign-in, or all the time: no answer waits for a row, and no row hides what provisioning does."""
    await http.user("mira")
    asker = await client(app, "scim", "events")
    assert (await asker.request(method, path, body)).status == 200  # the use of a credential is noted once a day
    await app.journals.flush()
    clock.forward(seconds=3)
    rows.forget()
    assert (await asker.request(method, path, body)).status == 200
    assert "commit" not in rows.calls
    assert [each["function"] for each in await entries(app)] == ["CreateUser"]


async def test_what_the_application_asks_for_in_vain_is_told_and_counts_for_nothing(
    app: App, http: Http, clock: Clock
) -> None:
    """Somebody who is looked for and is unknown is no failure of provisioning, and no sign of its life."""
    await http.user("mira")
    at = int(clock().timestamp() * 1000)
    clock.forward(hours=1)
    asker = await client(app, "scim", "events")
    assert (await asker.request("GET", "/access?userName=nobody")).status == 404
    assert (await http.request("GET", "/events")).status == 403
    assert (await Http(app, "wrong").request("POST", f"/events/sets/{'0' * 32}", {})).status == 401
    assert {each["function"] for each in await entries(app, status="failed")} == {"GetAccess", "ListEvents", "PollSets"}
    hours = await app.tenants.default.journal.hours(clock())
    counted = sum(hours.values(), Counts())
    assert (counted.requests, counted.failures, counted.last_request) == (1, 0, at)


async def test_a_credential_of_too_small_a_scope_is_told_of(app: App, http: Http, clock: Clock) -> None:
    """As when a client was given the wrong one of two: else it fails, and nobody sees that it came."""
    reader = await client(app, "scim", "read")
    assert (await reader.request("POST", "/Users", {"userName": "mira"})).status == 403
    [told] = await entries(app)
    assert (told["function"], told["status"]) == ("CreateUser", 403)
    assert "provision" in told["detail"]
    counted = sum((await app.tenants.default.journal.hours(clock())).values(), Counts())
    assert counted.statuses == {"403": 1}


async def test_a_failure_is_written_before_its_answer(app: App, http: Http, rows: RecordingRows) -> None:
    """With all that was collected before it, and with why it failed."""
    await http.request("GET", "/Users")
    await http.request("GET", "/Schemas")
    assert await written(rows) == 1
    await http.request("PATCH", f"/Users/{'0' * 32}", {"Operations": []})
    assert await written(rows) == 2
    told = (await entries(app, status="failed"))[0]
    assert (told["function"], told["method"], told["path"]) == ("PatchUser", "PATCH", "/Users/{id}")
    assert (told["status"], told["id"], told["credential"], told["client"]) == (404, "0" * 32, "key-vault", "tests")
    assert told["detail"] == f"No User has the id '{'0' * 32}'."


async def test_it_says_whom_a_change_was_about_and_which_attributes(app: App, http: Http, clock: Clock) -> None:
    """Names of attributes and of the user, no values, and how many calls of storage it took."""
    mira = await http.user("mira")
    clock.forward(seconds=0.5)
    body = {
        "schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"],
        "Operations": [{"op": "replace", "path": "title", "value": "Secret"}],
    }
    await http.request("PATCH", f"/Users/{mira['id']}", body)
    group = await http.group("Team", mira["id"])
    await http.request("DELETE", f"/Groups/{group['id']}")
    deleted, made, patched, created = await entries(app)
    assert (patched["name"], patched["attributes"], patched["status"]) == ("mira@contoso.example", ["title"], 200)
    assert (made["name"], made["attributes"]) == ("Team", ["displayName", "members"])
    assert (deleted["name"], deleted["id"]) == ("Team", group["id"])
    assert created["id"] == mira["id"]
    assert patched["storageCalls"] == 4  # the row, the transaction, and both for its memberships
    assert "Secret" not in str(await entries(app))


async def test_names_can_be_masked(rows: RecordingRows, clock: Clock) -> None:
    """Who must not keep them has them so in the rows already."""
    app = make_app(rows, clock, journal=True, journal_names="masked")
    await Http(app).user("mira")
    assert (await entries(app))[0]["name"] == "m***@contoso.example"


async def test_test_connection_is_marked(app: App, http: Http, clock: Clock) -> None:
    """Entra asks for a random name then; it is no sign that provisioning goes on."""
    name = "b3c5c2a1-6e31-4b1f-9c5d-0a3b7a0c1d2e"
    await http.request("GET", f"/Users?filter=userName%20eq%20%22{name}%22")
    clock.forward(seconds=0.5)
    await http.request("GET", "/Users?filter=userName%20eq%20%22mira%22")
    sought, probe = await entries(app)
    assert probe["testConnection"]
    assert "testConnection" not in sought
    assert sought["name"] == "mira"


async def test_refused_logins_become_counts_and_are_never_waited_for(
    app: App, rows: RecordingRows, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A guesser neither fills the table nor learns from the time it takes whether there is such a tenant."""
    monkeypatch.setattr(limits, "COLLECT_SECONDS", 1e9)  # on a busy machine these requests take longer than that
    key = await tenant(app)
    guesser = Http(app, "wrong-token-of-somebody", key)
    for _ in range(500):
        assert (await guesser.request("GET", "/Users")).status == 401
    assert await written(rows, key) == 0
    told = await entries(app, key)
    assert [(each["status"], each["times"]) for each in told] == [(401, 500)]


async def test_a_tenant_that_is_not_there_gets_no_row(app: App, rows: RecordingRows) -> None:
    """It would be made by the writing."""
    await Http(app, "wrong-token-of-somebody", "a" * 20).request("GET", "/Users")
    await app.journals.flush()
    assert await written(rows, "a" * 20) == 0


async def test_failures_of_one_address_are_bounded_for_each_minute(app: App, http: Http, rows: RecordingRows) -> None:
    """A client that fails all the time costs a bounded number of commits, and is counted."""
    for _ in range(200):
        await http.request("GET", f"/Users/{'0' * 32}")
    assert await written(rows) == limits.FAILURES_A_MINUTE
    told = await entries(app, count="200")
    assert sum(each["times"] for each in told) == 200
    assert len(told) == limits.FAILURES_A_MINUTE + 1


async def test_no_answer_is_changed_by_a_journal_that_cannot_be_written(
    app: App, http: Http, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Neither a success nor a failure; the log says how much is missing, once in the pause."""

    async def fail(*_: Any) -> None:
        raise Unavailable("The storage does not answer.")

    monkeypatch.setattr(Journal, "write", fail)
    assert (await http.request("GET", "/Users")).status == 200
    assert (await http.request("GET", f"/Users/{'0' * 32}")).status == 404
    assert (await http.user("mira"))["userName"]
    assert caplog.text.count("the journal cannot be written") == 1


async def test_a_bug_in_the_journal_changes_no_answer_either(
    app: App, http: Http, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever it raises."""

    async def fail(*_: Any) -> None:
        raise ValueError("a bug")

    monkeypatch.setattr(Journal, "write", fail)
    assert (await http.request("GET", "/Users")).status == 200


async def test_a_journal_that_hangs_is_waited_for_no_longer_than_its_bound(
    app: App, http: Http, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The answer leaves, and the row may still be written."""
    go_on = asyncio.Event()

    async def hang(*_: Any) -> None:
        await go_on.wait()

    monkeypatch.setattr(limits, "WAIT_SECONDS", 0)
    monkeypatch.setattr(Journal, "write", hang)
    assert (await http.request("GET", "/Users")).status == 200
    go_on.set()


async def test_it_goes_on_after_the_pause(
    app: App, http: Http, rows: RecordingRows, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An outage ends; what was collected meanwhile is written then."""
    with monkeypatch.context() as broken:

        async def fail(*_: Any) -> None:
            raise Unavailable("The storage does not answer.")

        broken.setattr(Journal, "write", fail)
        await http.request("GET", "/Users")
    await http.request("GET", "/Groups")
    clock.forward(seconds=limits.PAUSE_SECONDS)
    await http.request("GET", "/Schemas")
    assert [each["function"] for each in await entries(app)] == ["ListSchemas", "ListGroups"]


async def test_operations_of_a_bulk_request_are_told_each(app: App, http: Http) -> None:
    """One of them may have failed while the whole was 200."""
    operations = [{"method": "DELETE", "path": f"/Users/{'0' * 32}"}, {"method": "DELETE", "path": "/Users/x"}]
    body = {"schemas": ["urn:ietf:params:scim:api:messages:2.0:BulkRequest"], "Operations": operations}
    assert (await http.request("POST", "/Bulk", body)).status == 200
    told = [(each["function"], each["status"], each.get("id")) for each in await entries(app)]
    assert sorted(told, key=str) == [("Bulk", 200, None), ("DeleteUser", 404, "0" * 32), ("DeleteUser", 404, "x")]


async def test_tenants_have_journals_of_their_own(app: App, http: Http, rows: RecordingRows) -> None:
    """In their own partitions, so that they go with them."""
    key = await tenant(app)
    await (await client(app, key)).user("mira")
    await http.user("omar")
    assert [each["name"] for each in await entries(app, key)] == ["mira@contoso.example"]
    assert [each["name"] for each in await entries(app)] == ["omar@contoso.example"]
    assert await written(rows, key) == 1


async def test_off_nothing_is_written(rows: RecordingRows, clock: Clock) -> None:
    """SCIM_JOURNAL=off."""
    app = make_app(rows, clock, journal=False)
    await Http(app).request("GET", "/Users")
    await app.journals.flush()
    assert await written(rows) == 0


async def managed(app: App, path: str, token: str, **headers: str) -> Any:
    sent = {"authorization": f"Bearer {token}", **headers}
    return await app.management.respond(Request("GET", f"{HOST}/manage/v1/{path}", sent, b"", "request-1"))


async def test_an_admin_reads_its_own_log_and_no_other(app: App) -> None:
    """The same 404 as for a tenant that there is not."""
    from tests.tenancy import credential

    one, other = await tenant(app), await tenant(app)
    await (await client(app, one)).user("mira")
    _, token = await credential(app, one, "admin")
    await app.journals.flush()
    own = await managed(app, f"tenants/{one}/requests?status=2xx&user=mira&count=1", token)
    assert own.status == 200
    assert own.body["requests"][0]["name"] == "mira@contoso.example"
    assert own.headers["Cache-Control"] == "no-store"
    for what in ("requests", "overview"):
        assert (await managed(app, f"tenants/{other}/{what}", token)).status == 404
        assert (await managed(app, f"tenants/{one}/{what}", TOKEN)).status == 401
        assert (await managed(app, f"tenants/{one}/{what}", (await credential(app, one))[1])).status == 403


@pytest.mark.parametrize(
    "asked", ["status=9", "since=yesterday", "count=0", "count=201", "cursor=x", "colour=red", f"text={'x' * 201}"]
)
async def test_what_cannot_be_asked_for_is_told(app: App, asked: str) -> None:
    """With the name of the parameter, and what it takes."""
    from tests.tenancy import credential

    _, token = await credential(app, "scim", "admin")
    answer = await managed(app, f"tenants/scim/requests?{asked}", token)
    assert answer.status == 400
    assert answer.body["detail"]


async def test_the_overview_tells_totals_and_plots(app: App, http: Http, clock: Clock) -> None:
    """Of rows of hours alone, however many requests there were; unchanged it is 304."""
    from tests.tenancy import credential

    await http.user("mira")
    await http.request("GET", f"/Users/{'0' * 32}")
    clock.forward(days=2)
    await http.request("GET", "/Users")
    await app.journals.flush()
    _, token = await credential(app, "scim", "admin")
    answer = await managed(app, "tenants/scim/overview", token)
    told = answer.body
    assert (told["users"], told["groups"]) == (1, 0)
    assert (told["day"]["requests"], told["month"]["requests"], told["month"]["failures"]) == (1, 3, 1)
    assert told["month"]["failuresByScimType"] == {"404": 1}
    assert (len(told["day"]["points"]), len(told["month"]["points"])) == (24, 30)
    assert told["lastRequest"] == "2026-02-02T12:00:00.000Z"
    assert told["lastChange"] == "2026-01-31T12:00:00.000Z"
    assert told["day"]["p95"] is not None
    again = await managed(app, "tenants/scim/overview", token, **{"if-none-match": answer.headers["ETag"]})
    assert again.status == 304
