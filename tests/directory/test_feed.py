"""The feed: every change once, in the order of the commits, from a place that a reader keeps."""

import asyncio
import json
from typing import Any

import pytest

from scim.app import App
from scim.commands.verify import verify
from scim.directory import feed as feed_module
from scim.directory import keys
from scim.directory.feed import LATEST
from scim.protocol.errors import CursorExpired, FeedBroken, InvalidCursor
from scim.storage.rows import Delete, Insert, RowConflict
from tests.conftest import Clock, Http, make_app
from tests.recording import RecordingRows

PATCH_OP = "urn:ietf:params:scim:api:messages:2.0:PatchOp"


async def everything(app: App, after: str = "") -> list[Any]:
    """Return all events behind a cursor."""
    events, more = [], True
    while more:
        page = await app.feed.page(after, 1000)
        events += page.events
        after, more = page.next, page.more
    return events


async def types(app: App, after: str = "") -> list[str]:
    return [event["type"] for event in await everything(app, after)]


async def patch(http: Http, path: str, *operations: dict[str, Any]) -> None:
    answer = await http.request("PATCH", path, {"schemas": [PATCH_OP], "Operations": list(operations)})
    assert answer.status in (200, 204), answer.body


def outbox(number: int, key: str) -> Insert:
    said = {
        "timestamp": "t",
        "actor": {},
        "method": "POST",
        "events": [{"type": "user.created", "data": {"n": number}}],
    }
    return Insert(keys.outbox(key), json.dumps(said))


async def test_each_change_is_there_once_and_in_order(app: App, http: Http) -> None:
    """With numbers that have no gap."""
    user = await http.user("mira")
    group = await http.group("crew", user["id"])
    await patch(http, f"/Groups/{group['id']}", {"op": "remove", "path": "members"})
    await http.request("DELETE", f"/Users/{user['id']}")
    events = await everything(app)
    assert [event["sequence"] for event in events] == [1, 2, 3, 4, 5]
    expected = ["user.created", "group.created", "group.members_added", "group.members_removed", "user.deleted"]
    assert [event["type"] for event in events] == expected
    assert len({event["id"] for event in events}) == 5
    assert await everything(app) == events


async def test_rows_are_published_in_the_order_of_their_commits(app: App, rows: RecordingRows) -> None:
    """Also when their keys sort the other way round and they are more than one page of a reader."""
    for number in range(200):
        await rows.commit("scim", [outbox(number, f"{999 - number}")])
    found: list[Any] = []
    cursor, more = "", True
    while more:
        page = await app.feed.page(cursor, 30)
        assert len(page.events) <= 30
        found, cursor, more = found + page.events, page.next, page.more
    assert [event["data"]["n"] for event in found] == list(range(200))
    assert [row.key for row in await app.tenant.under(keys.outbox())] == []


@pytest.mark.parametrize("bound", ["HELD", "_HELD_CHARACTERS"])
async def test_more_rows_than_are_held_are_published_in_order(
    app: App, rows: RecordingRows, monkeypatch: pytest.MonkeyPatch, bound: str
) -> None:
    """The outbox may be longer, and its rows larger, than what is sorted at once."""
    for number in range(10, 60):
        await rows.commit("scim", [outbox(number, f"{999 - number}")])
    [row] = await app.tenant.under(keys.outbox(), 1)
    monkeypatch.setattr(feed_module, bound, 7 if bound == "HELD" else 7 * len(row.body))
    monkeypatch.setattr(feed_module, "PUBLICATIONS", 3)
    assert len(await app.feed._pending(await app.tenant.under(keys.outbox()))) == 7
    assert [event["data"]["n"] for event in await everything(app)] == list(range(10, 60))


async def test_a_commit_during_the_reading_of_the_outbox_waits_with_all_that_follow_it(
    app: App, rows: RecordingRows, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A range may miss an early row and have a late one; what came after the first reading is left to the next."""
    await rows.commit("scim", [outbox(0, "m")])
    right = RecordingRows.range

    async def meanwhile(self: RecordingRows, partition: str, after: str, *rest: Any, **more: Any) -> Any:
        found = await right(self, partition, after, *rest, **more)
        if after.startswith("o."):
            monkeypatch.setattr(RecordingRows, "range", late)
        return found

    async def late(self: RecordingRows, partition: str, after: str, *rest: Any, **more: Any) -> Any:
        monkeypatch.setattr(RecordingRows, "range", right)
        found = await right(self, partition, after, *rest, **more)
        await self.commit(partition, [outbox(1, "a")])  # missed by this reading
        await self.commit(partition, [outbox(2, "z")])
        return [*found, *await right(self, partition, "o.y", "o.~", 9)]

    monkeypatch.setattr(RecordingRows, "range", meanwhile)
    await app.feed.publish(1)
    monkeypatch.setattr(RecordingRows, "range", right)
    assert [event["data"]["n"] for event in await everything(app)] == [0, 1, 2]


async def test_two_who_publish_at_once_publish_each_event_once(app: App, rows: RecordingRows, clock: Clock) -> None:
    """The second meets the first at the head of the feed and begins anew: a conflict, never an error."""
    for number in range(120):
        await rows.commit("scim", [outbox(number, f"{number:04}")])
    other = make_app(rows, clock)
    rows.before_commit(None, other.feed.publish, None, other.feed.publish)
    await asyncio.gather(app.feed.publish(), other.feed.publish())
    assert [event["data"]["n"] for event in await everything(app)] == list(range(120))


async def test_a_change_that_writes_nothing_says_nothing(app: App, http: Http) -> None:
    """A repeated request is no event."""
    user = await http.user("mira", title="Boss")
    await patch(http, f"/Users/{user['id']}", {"op": "replace", "path": "title", "value": "Boss"})
    assert await types(app) == ["user.created"]


async def test_a_change_that_failed_says_nothing(app: App, http: Http) -> None:
    """An event without its change would be worse than none."""
    await http.user("mira")
    assert (await http.request("POST", "/Users", {"userName": "MIRA@contoso.example"})).status == 409
    assert await types(app) == ["user.created"]


async def test_an_event_names_who_it_is_about_and_no_other_value(app: App, http: Http) -> None:
    """The application finds its own record by externalId or name; anything else it reads."""
    user = await http.user("mira", externalId="m-1", title="Boss", nickName="Secret")
    await patch(http, f"/Users/{user['id']}", {"op": "add", "value": {"title": "Sales", "userType": "M"}})
    [created, updated] = await everything(app)
    who = {"id": user["id"], "externalId": "m-1", "userName": "mira@contoso.example", "active": True}
    made_of = ["userName", "externalId", "title", "nickName", "active"]
    assert created["data"] == who | {"version": user["meta"]["version"], "changed": made_of}
    assert updated["type"] == "user.updated"
    now = (await http.request("GET", f"/Users/{user['id']}")).body["meta"]["version"]
    assert updated["data"] == who | {"version": now, "changed": ["title", "userType"]}
    assert created["actor"] == {"credential": "key-vault", "client": "tests", "requestId": "request-1"}


async def test_a_user_created_inactive_is_created_inactive(app: App, http: Http) -> None:
    """One event, and not a deactivation."""
    await http.user("mira", active=False)
    [event] = await everything(app)
    assert (event["type"], event["data"]["active"]) == ("user.created", False)


async def test_a_delete_says_who_it_was(app: App, http: Http) -> None:
    """The application can act although the user cannot be read any more."""
    user = await http.user("mira", externalId="m-1")
    await http.request("DELETE", f"/Users/{user['id']}")
    event = (await everything(app))[-1]
    who = {"id": user["id"], "externalId": "m-1", "userName": "mira@contoso.example", "active": True}
    assert event["data"] == who


async def test_a_large_group_is_announced_before_its_members(app: App, http: Http) -> None:
    """They were written before it; a reader hears of the group first, and of each member once."""
    users = [(await http.user(f"user{number}"))["id"] for number in range(150)]
    group = await http.group("crew", *users)
    await http.request("DELETE", f"/Users/{users[0]}")
    events = (await everything(app))[150:]
    assert events[0]["type"] == "group.created"
    assert events[-1]["type"] == "user.deleted"
    assert {event["type"] for event in events[1:-1]} == {"group.members_added"}
    assert {event["data"]["id"] for event in events[:-1]} == {group["id"]}
    members = [each for event in events[1:-1] for each in event["data"]["members"]]
    assert sorted(members) == sorted(users)


async def test_a_group_that_never_came_to_be_is_not_told_of(
    app: App, http: Http, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its parked events go with it."""
    users = [(await http.user(f"user{number}"))["id"] for number in range(100)]
    right = RecordingRows.commit

    async def dies(self: RecordingRows, partition: str, changes: Any, mark: str) -> list[str]:
        if any(change.key.startswith("g.") and isinstance(change, Insert) for change in changes):
            raise RuntimeError
        return await right(self, partition, changes, mark)

    monkeypatch.setattr(RecordingRows, "commit", dies)
    body = {"displayName": "crew", "members": [{"value": each} for each in users]}
    assert (await http.request("POST", "/Groups", body)).status == 500
    monkeypatch.setattr(RecordingRows, "commit", right)
    assert await app.tenant.under("p.")
    clock.forward(hours=2)
    await app.maintenance.run()
    assert not await app.tenant.under("p.")
    assert set(await types(app)) == {"user.created"}


async def test_a_reader_may_ask_for_some_types(app: App, http: Http) -> None:
    """`next` passes what was left out, so that it is not looked at again."""
    user = await http.user("mira")
    for number in range(5):
        await http.user(f"other{number}")
    await http.request("DELETE", f"/Users/{user['id']}")
    page = await app.feed.page("", 10, {"user.deleted"})
    assert [event["sequence"] for event in page.events] == [7]
    assert (await app.feed.page(page.next, 10)).events == []


async def test_a_page_looks_at_a_bounded_number_of_events(
    app: App, http: Http, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However rare the type is that is asked for, the reader gets on."""
    monkeypatch.setattr(feed_module, "MAX_SCANNED", 4)
    monkeypatch.setattr(feed_module, "PAGE", 2)
    for number in range(9):
        await http.user(f"user{number}")
    cursor, pages, more = "", 0, True
    while more:
        page = await app.feed.page(cursor, 10, {"user.deleted"})
        cursor, pages, more = page.next, pages + 1, page.more
    assert pages == 3


async def test_latest_is_where_the_future_begins(app: App, http: Http) -> None:
    """An application that makes a copy takes it first, so that nothing falls between."""
    await http.user("before")
    page = await app.feed.page(LATEST)
    assert (page.events, page.more) == ([], False)
    await http.user("after")
    [event] = (await app.feed.page(page.next)).events
    assert event["data"]["userName"] == "after@contoso.example"


async def test_nothing_new_is_an_empty_page_and_no_commit(app: App, http: Http, rows: RecordingRows) -> None:
    """A poll that finds nothing costs one read of the outbox and one of the head."""
    await http.user("mira")
    page = await app.feed.page("")
    rows.forget()
    again = await app.feed.page(page.next)
    assert (again.events, again.next) == ([], page.next)
    assert rows.calls == ["read"] * 2


@pytest.mark.parametrize("cursor", ["x", "AAAA", "é", "latest ", "A" * 5000])
async def test_a_text_that_is_no_cursor_is_refused(app: App, cursor: str) -> None:
    """It is a mistake of the reader, who must not miss events by it."""
    with pytest.raises(InvalidCursor):
        await app.feed.page(cursor)


async def test_a_cursor_of_another_tenant_is_refused(app: App, rows: RecordingRows) -> None:
    """It would lead to other people's events."""
    from dataclasses import replace

    other = feed_module.Feed(replace(app.tenant, name="other"), 30)
    page = await other.page("")
    with pytest.raises(InvalidCursor):
        await app.feed.page(page.next)


async def test_events_expire_and_an_old_cursor_says_so(app: App, http: Http, clock: Clock) -> None:
    """After the retention; the reader is told to start anew."""
    await http.user("first")
    old = (await app.feed.page("")).next
    await http.user("second")
    await everything(app)
    clock.forward(days=31)
    await http.user("third")
    await app.maintenance.run()
    assert [event["data"]["userName"] for event in await everything(app)] == ["third@contoso.example"]
    with pytest.raises(CursorExpired, match="latest"):
        await app.feed.page(old)


async def test_a_new_epoch_lets_every_reader_start_anew(app: App, http: Http) -> None:
    """As after a restore; numbers go on, and what was told before is not told again."""
    await http.user("mira")
    cursor = (await app.feed.page("")).next
    await app.feed.restart()
    with pytest.raises(CursorExpired):
        await app.feed.page(cursor)
    await http.user("noor")
    [event] = await everything(app)
    assert event["sequence"] == 2
    await app.maintenance.run()
    assert len(await app.tenant.under(keys.event())) == 1


async def test_a_new_epoch_begins_while_somebody_publishes(app: App, http: Http, rows: RecordingRows) -> None:
    """`verify --repair` runs beside readers: it begins after what they have numbered, and does not end in error."""
    await http.user("mira")
    await app.feed.head()

    async def publish() -> None:
        await app.feed.publish()

    rows.before_commit(publish)
    await app.feed.restart()
    assert (await app.feed.head())[0].last == 1
    assert await types(app) == []


async def test_a_missing_event_stops_readers_until_a_repair(app: App, http: Http, rows: RecordingRows) -> None:
    """A reader must not go past a change that it was never told of; who operates the service is told which."""
    for name in ("one", "two", "three", "four"):
        await http.user(name)
    cursor = (await app.feed.page("", 1)).next
    await rows.commit("scim", [Delete(keys.event(3))])
    with pytest.raises(FeedBroken, match=r"after number 2 .*verify --repair"):
        await app.feed.page(cursor)
    said: list[str] = []
    await verify(await app.serving(), True, said.append)
    assert [line for line in said if "lacks this event" in line]
    with pytest.raises(CursorExpired):
        await app.feed.page(cursor)
    assert not [line for line in said if line.startswith("s.")]


async def test_events_that_come_while_they_are_verified_are_not_missing(
    app: App, http: Http, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A repair would let every reader start anew for nothing."""

    async def publish(name: str) -> None:
        await http.user(name)
        await app.feed.publish()

    pages = type(app.tenant).pages

    async def meanwhile(tenant: Any, *place: Any, **more: Any) -> Any:
        monkeypatch.setattr(type(app.tenant), "pages", pages)
        await publish("two")
        async for page in pages(tenant, *place, **more):
            await publish("three")
            yield page

    await publish("one")
    monkeypatch.setattr(type(app.tenant), "pages", meanwhile)
    assert await app.feed.missing() is None
    assert await types(app) == ["user.created"] * 3


async def test_a_publication_that_conflicts_is_begun_anew(app: App, http: Http, rows: RecordingRows) -> None:
    """Nothing is lost and nothing doubled when the head was moved in between."""
    await http.user("mira")

    async def conflict() -> None:
        raise RowConflict("met another publisher")

    await app.feed.head()
    rows.before_commit(conflict)
    assert await types(app) == ["user.created"]


async def test_a_head_that_is_gone_is_made_anew(app: App, http: Http, caplog: pytest.LogCaptureFixture) -> None:
    """Deleted by hand: numbers go on behind the events that are there, readers start anew, and somebody is woken."""
    await http.user("mira")
    before = (await app.feed.page("")).next
    await app.tenant.commit([Delete(keys.FEED)])
    await http.user("omar")
    with pytest.raises(CursorExpired):
        await app.feed.page(before)
    assert [event["sequence"] for event in await everything(app)] == [2]
    assert "feed broken" in caplog.text


async def test_a_row_in_the_way_of_the_next_event_is_told_of(
    app: App, http: Http, caplog: pytest.LogCaptureFixture
) -> None:
    """Nobody tries for ever, neither who reads the feed nor the timer, whose other work goes on."""
    await http.user("mira")
    await app.feed.page("")
    await app.tenant.commit([Insert(keys.event(2), "{}")])
    await http.user("omar")
    with pytest.raises(FeedBroken, match="verify --repair"):
        await app.feed.page("")
    assert "eventsPublished" in await app.maintenance.run()
    assert "feed broken" in caplog.text
    await verify(app.tenants.default, True, print)
    await http.user("ines")
    assert [event["data"]["userName"] for event in await everything(app)][-1] == "ines@contoso.example"
