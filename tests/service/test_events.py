"""The feed as its readers see it: parameters, waiting, resources beside events, errors."""

import json
from dataclasses import asdict, replace
from typing import Any
from urllib.parse import quote

import pytest

from scim.app import App
from scim.directory import keys
from scim.protocol.resource import to_json
from scim.service import events as events_module
from scim.service.events import Events
from scim.storage import deadline
from scim.storage.rows import Delete, Replace
from tests.conftest import Clock, Http, make_app
from tests.recording import RecordingRows
from tests.tenancy import client, tenant

PATCH_OP = "urn:ietf:params:scim:api:messages:2.0:PatchOp"


@pytest.fixture
async def reader(app: App) -> Http:
    """A client that may read users and groups, and so events too."""
    return await client(app, "scim", "read")


async def test_an_event_has_this_form(http: Http, reader: Http) -> None:
    """docs/application.md shows it; nothing of how it is kept is seen."""
    user = await http.user("mira", externalId="m-1")
    answer = await reader.request("GET", "/events")
    assert answer.status == 200
    assert answer.headers["Cache-Control"] == "no-store"
    [event] = answer.body["events"]
    assert len(event.pop("id")) > 16
    assert event == {
        "sequence": 1,
        "type": "user.created",
        "timestamp": "2026-01-31T12:00:00.000Z",
        "actor": {"credential": "key-vault", "client": "tests", "requestId": "request-1"},
        "data": {
            "id": user["id"],
            "externalId": "m-1",
            "userName": "mira@contoso.example",
            "active": True,
            "version": user["meta"]["version"],
            "changed": ["userName", "externalId", "active"],
        },
    }
    assert answer.body["more"] is False


async def test_a_reader_goes_on_from_next(http: Http, reader: Http) -> None:
    """Page by page to the end."""
    for number in range(5):
        await http.user(f"user{number}")
    cursor, seen, more = "", [], True
    while more:
        page = (await reader.request("GET", f"/events?limit=2&after={cursor}")).body
        seen += [event["sequence"] for event in page["events"]]
        cursor, more = page["next"], page["more"]
    assert seen == [1, 2, 3, 4, 5]


@pytest.mark.parametrize(
    ("query", "status", "scim_type", "names"),
    [
        ("limit=0", 400, "invalidValue", "limit"),
        ("limit=1001", 400, "invalidValue", "limit"),
        ("limit=x", 400, "invalidValue", "limit"),
        ("wait=21", 400, "invalidValue", "wait"),
        ("wait=-1", 400, "invalidValue", "wait"),
        ("after=x&after=y", 400, "invalidValue", "after"),
        ("types=user.cheated", 400, "invalidValue", "user.cheated"),
        ("include=members", 400, "invalidValue", "include"),
        ("type=user.deleted", 400, "invalidValue", "types"),
        ("cursor=x", 400, "invalidValue", "after"),
        ("after=nonsense", 400, "invalidCursor", "next"),
    ],
)
async def test_what_is_wrong_is_named(
    http: Http, reader: Http, query: str, status: int, scim_type: str, names: str
) -> None:
    """As a SCIM error, which is not kept by any cache either."""
    answer = await reader.request("GET", f"/events?{query}")
    assert (answer.status, answer.body["scimType"]) == (status, scim_type)
    assert names in answer.body["detail"]
    assert answer.headers["Cache-Control"] == "no-store"


async def test_a_cursor_of_an_earlier_epoch_is_gone(http: Http, reader: Http, app: App) -> None:
    """410, with what to do."""
    cursor = (await reader.request("GET", "/events")).body["next"]
    await app.feed.restart()
    answer = await reader.request("GET", f"/events?after={cursor}")
    assert (answer.status, answer.body["scimType"]) == (410, "cursor_expired")
    assert "after=latest" in answer.body["detail"]


async def test_a_cursor_of_before_a_file_was_put_back_is_gone(http: Http, reader: Http, app: App) -> None:
    """The numbers that come now were those of other events: who went on there would take new ones for known ones."""
    await http.user("mira")
    cursor = (await reader.request("GET", "/events")).body["next"]
    head, version = await app.feed.head()
    back = Replace(keys.FEED, to_json(asdict(replace(head, last=0))), version)
    await app.tenant.commit([back, Delete(keys.event(1))])
    for _ in range(2):
        answer = await reader.request("GET", f"/events?after={cursor}")
        assert (answer.status, answer.body["scimType"]) == (410, "cursor_expired")
    assert (await reader.request("GET", "/events?after=latest")).status == 200


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("HEAD", "/events"),
        ("GET", "/events/"),
        ("POST", "/events"),
        ("OPTIONS", "/events"),
        ("GET", "/events/sets"),
        ("GET", "/events/sets/x"),
        ("PUT", "/access"),
        ("GET", "/access/x"),
    ],
)
async def test_nothing_below_these_addresses_is_kept(app: App, reader: Http, method: str, path: str) -> None:
    """Also not that there is nothing of the kind, or not by that method, or not for that one."""
    for asker in (reader, Http(app, "wrong")):
        assert (await asker.request(method, path)).headers["Cache-Control"] == "no-store"


async def test_head_is_as_get(http: Http, reader: Http) -> None:
    """At every address that takes GET (RFC 9110 9.1)."""
    await http.user("mira")
    assert (await reader.request("HEAD", "/events")).status == 200
    assert (await reader.request("HEAD", "/events?after=x")).status == 400


async def test_types_are_separated_by_commas(http: Http, reader: Http) -> None:
    """Blanks around them do no harm."""
    user = await http.user("mira")
    await http.group("crew", user["id"])
    found = (await reader.request("GET", f"/events?types={quote('user.created, group.members_added')}")).body["events"]
    assert [event["type"] for event in found] == ["user.created", "group.members_added"]


async def test_an_empty_answer_waits_and_tells_at_once_what_comes(app: App, http: Http) -> None:
    """A long poll: it looks again each second, and ends with the first event."""
    slept: list[float] = []

    async def sleep(seconds: float) -> None:
        slept.append(seconds)
        if len(slept) == 3:
            await http.user("mira")

    events = Events(app.feed, app.tenant, app.kinds, sleep)
    answer = await events.answer([("wait", "20")], "", may_read=False)
    assert [event["type"] for event in answer.body["events"]] == ["user.created"]
    assert len(slept) == 3
    slept.clear()
    answer = await events.answer([("wait", "2"), ("after", answer.body["next"])], "", may_read=False)
    assert (answer.body["events"], len(slept)) == ([], 2)


async def test_nobody_waits_beyond_the_time_of_a_request(app: App, http: Http) -> None:
    """Where SCIM_REQUEST_SECONDS is short the answer is an empty page, and no 503."""
    time = 0.0

    async def sleep(seconds: float) -> None:
        nonlocal time
        time += seconds

    await app.feed.publish()
    with deadline.within(8.0, clock=lambda: time):
        answer = await Events(app.feed, app.tenant, app.kinds, sleep).answer([("wait", "20")], "", may_read=False)
    assert (answer.status, answer.body["events"], time) == (200, [], 3.0)


async def test_resources_come_with_events_as_they_are_now(http: Http, reader: Http) -> None:
    """With their version, without memberships, by `attributes`; null when they are gone."""
    mira, noor = await http.user("mira", title="Boss", password="x"), await http.user("noor")
    group = await http.group("crew", mira["id"])
    await http.request("DELETE", f"/Users/{noor['id']}")
    page = (await reader.request("GET", "/events?include=resource&attributes=title,displayName,members")).body
    listed = "attributes%5B%5D=title&Attributes[]=displayName&attributes=members"
    assert (await reader.request("GET", f"/events?include=resource&{listed}")).body == page
    resources = [event["resource"] for event in page["events"]]
    assert resources[1] is None
    assert resources[0]["title"] == "Boss"
    assert "userName" not in resources[0]
    assert resources[2]["id"] == resources[3]["id"] == group["id"]
    assert resources[2]["displayName"] == "crew"
    assert "members" not in resources[2]
    plain = (await reader.request("GET", "/events?include=resource")).body["events"][0]["resource"]
    assert plain["userName"] == "mira@contoso.example"
    now = (await http.request("GET", f"/Users/{mira['id']}")).body["meta"]["version"]
    assert plain["meta"]["version"] == now


async def test_a_page_with_resources_has_a_bounded_number_of_them(
    http: Http, reader: Http, rows: RecordingRows, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It ends early, says that there is more, and nobody is missed."""
    monkeypatch.setattr(events_module, "MAX_INCLUDED", 3)
    for number in range(8):
        await http.user(f"user{number}")
    cursor, seen, more = "", [], True
    while more:
        page = (await reader.request("GET", f"/events?include=resource&after={cursor}")).body
        assert len(page["events"]) <= 3
        seen += [event["resource"]["userName"] for event in page["events"]]
        cursor, more = page["next"], page["more"]
    assert seen == [f"user{number}@contoso.example" for number in range(8)]


async def test_a_page_with_resources_is_bounded_in_bytes(
    http: Http, reader: Http, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However often one of them changed: each of a thousand events has it whole. Nobody is missed."""
    users = [await http.user(f"user{number}", title="x" * 1_000) for number in range(6)]
    for number in range(20):
        patch = [{"op": "replace", "path": "nickName", "value": str(number)}]
        await http.request("PATCH", f"/Users/{users[number % 2]['id']}", {"schemas": [PATCH_OP], "Operations": patch})
    whole = (await reader.request("GET", "/events?include=resource&limit=1000")).body["events"]
    monkeypatch.setattr(events_module, "MAX_PAGE_BYTES", 4_000)
    monkeypatch.setattr(events_module, "FIRST_ROWS", 2)
    cursor, seen, more, pages = "", list[Any](), True, 0
    while more:
        answer = await reader.request("GET", f"/events?include=resource&limit=1000&after={cursor}")
        assert len(json.dumps(answer.body["events"])) < 2 * 4_000
        seen += answer.body["events"]
        cursor, more, pages = answer.body["next"], answer.body["more"], pages + 1
    assert (seen, pages) == (whole, 9)


async def test_a_resource_that_is_too_long_for_a_page_has_one_of_its_own(
    http: Http, reader: Http, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No reader stands still before it."""
    for name in "abc":
        await http.user(name)
    monkeypatch.setattr(events_module, "MAX_PAGE_BYTES", 1)
    page = (await reader.request("GET", "/events?include=resource")).body
    assert ([event["resource"]["userName"][0] for event in page["events"]], page["more"]) == (["a"], True)
    page = (await reader.request("GET", f"/events?include=resource&after={page['next']}")).body
    assert [event["resource"]["userName"][0] for event in page["events"]] == ["b"]


async def test_a_resource_that_cannot_be_read_spoils_no_page(app: App, http: Http, reader: Http) -> None:
    """An error stands in its place: null would say that it is gone."""
    user, _ = await http.user("mira"), await http.user("noor")
    row = await app.tenant.read(keys.resource("u", user["id"]))
    assert row is not None
    await app.tenant.commit([Replace(row.key, "{", row.version)])
    answer = await reader.request("GET", "/events?include=resource")
    first, second = [event["resource"] for event in answer.body["events"]]
    assert (first["status"], "verify" in first["detail"]) == ("500", True)
    assert second["userName"] == "noor@contoso.example"


async def test_what_is_written_in_pieces_is_the_same(app: App, http: Http) -> None:
    """The JSON of a long page, with characters that have to be escaped."""
    await http.user("mira", title='\u2028 "\u00e9\U0001f600', phoneNumbers=[{"value": str(n)} for n in range(700)])
    gone = await http.user("noor")
    await http.request("DELETE", f"/Users/{gone['id']}")
    events = Events(app.feed, app.tenant, app.kinds)
    answer = await events.answer([("include", "resource")], "https://x", may_read=True)
    assert json.loads(answer.content()) == answer.body
    assert len(answer.body["events"][0]["resource"]["phoneNumbers"]) == 700
    nothing = await events.answer([("include", "resource"), ("after", "latest")], "https://x", may_read=True)
    assert json.loads(nothing.content()) == nothing.body == {"events": [], "next": answer.body["next"], "more": False}


async def test_a_write_pays_no_call_for_its_event(http: Http, reader: Http, rows: RecordingRows, clock: Clock) -> None:
    """One row more in its transaction, and none of it read."""
    user = await http.user("mira")
    rows.forget()
    body: dict[str, Any] = {"op": "replace", "path": "title", "value": "Boss"}
    message = {"schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"], "Operations": [body]}
    await http.request("PATCH", f"/Users/{user['id']}", message)
    assert rows.calls == ["read", "commit", "read", "read"], "the user, the change, the groups for the answer"
    assert sum(change.key.startswith("o.") for commit in rows.commits for change in commit) == 1


async def test_a_token_is_needed(rows: RecordingRows, clock: Clock) -> None:
    """Names of users are in it."""
    app = make_app(rows, clock)
    answer = await Http(app).request("GET", "/events", headers={"authorization": None})
    assert answer.status == 401


async def test_who_sees_no_directory_gets_no_resources(app: App, http: Http) -> None:
    """The scope `events` is for the events alone; `provision` is for SCIM."""
    await http.user("mira")
    events = await client(app, "scim", "events")
    assert (await events.request("GET", "/events")).status == 200
    answer = await events.request("GET", "/events?include=resource")
    assert answer.status == 403
    assert 'scope="read"' in answer.headers["WWW-Authenticate"]
    assert (await http.request("GET", "/events")).status == 403


async def test_each_tenant_has_a_feed_of_its_own(app: App, http: Http, reader: Http) -> None:
    """With numbers, and cursors, that are its own."""
    await http.user("mira")
    key = await tenant(app)
    await (await client(app, key)).user("noor")
    theirs = await client(app, key, "events")
    page = (await theirs.request("GET", "/events")).body
    assert [(each["sequence"], each["data"]["userName"]) for each in page["events"]] == [(1, "noor@contoso.example")]
    assert (await reader.request("GET", f"/events?after={page['next']}")).body["scimType"] == "invalidCursor"
