"""Who may do what, as an application asks for it: keys, groups, roles, caching, errors, and what it costs."""

import threading
from typing import Any
from urllib.parse import quote

import pytest

from scim.access.credential import SCOPES, Scope
from scim.app import App
from scim.directory import keys
from scim.directory.resources import Origin
from scim.directory.stored import Stored
from scim.service.access import MAX_USERS
from scim.storage.rows import Replace
from tests.conftest import Clock, Http, make_app
from tests.recording import RecordingRows
from tests.tenancy import client, tenant

PATCH_OP = "urn:ietf:params:scim:api:messages:2.0:PatchOp"


@pytest.fixture
async def asker(app: App) -> Http:
    """The application, which may follow events and no more."""
    return await client(app, "scim", "events")


async def gives(app: App, group: str, *roles: str) -> None:
    for role in roles:
        await (await app.serving()).roles.map(group, role, Origin())


async def search(asker: Http, **body: Any) -> Any:
    answer = await asker.request("POST", "/access/.search", body)
    assert answer.status == 200, answer.body
    return answer.body


async def test_an_answer_has_this_form(app: App, http: Http, asker: Http) -> None:
    """docs/application.md shows it: all that is needed to let somebody in."""
    user = await http.user("mira", externalId="m-1")
    crew, other = await http.group("crew", user["id"]), await http.group("other", user["id"])
    await gives(app, "crew", "reader", "editor")
    await gives(app, "other", "editor")
    await http.group("third")
    await gives(app, "third", "admin")
    answer = await asker.request("GET", "/access?userName=MIRA@contoso.example")
    groups = sorted([(crew["id"], "crew"), (other["id"], "other")])
    version = (await http.request("GET", f"/Users/{user['id']}")).body["meta"]["version"]
    assert answer.body == {
        "id": user["id"],
        "userName": "mira@contoso.example",
        "externalId": "m-1",
        "active": True,
        "version": version,
        "groups": [{"id": group, "displayName": name} for group, name in groups],
        "roles": ["editor", "reader"],
    }
    assert (answer.headers["Vary"], answer.headers["Cache-Control"]) == ("Authorization", "private, max-age=30")


@pytest.mark.parametrize("by", ["id", "userName", "externalId"])
async def test_each_key_finds_the_user_by_both_methods(http: Http, asker: Http, by: str) -> None:
    """The same answer, with the same entity tag."""
    user = await http.user("mira", externalId="m/1 ü")
    asked = await asker.request("GET", f"/access?{by}={quote(user[by])}")
    posted = await asker.request("POST", "/access/.search", {by: user[by]})
    assert asked.body["id"] == user["id"]
    assert (posted.status, posted.body, posted.headers) == (200, asked.body, asked.headers)


async def test_who_is_unknown_is_404_and_not_kept(http: Http, asker: Http) -> None:
    """A user who is provisioned a moment later comes in at once."""
    for by in ("id", "userName", "externalId"):
        answer = await asker.request("GET", f"/access?{by}=nobody")
        assert (answer.status, answer.headers["Cache-Control"]) == (404, "no-store")
    user = await http.user("mira")
    await http.request("DELETE", f"/Users/{user['id']}")
    assert (await asker.request("GET", f"/access?id={user['id']}")).status == 404
    group = await http.group("crew")
    assert (await asker.request("GET", f"/access?id={group['id']}")).status == 404


async def test_who_is_disabled_is_told_so_and_has_no_role(app: App, http: Http, asker: Http) -> None:
    """An application that looks at nothing but roles lets nobody in either."""
    user = await http.user("mira", active=False)
    await http.group("crew", user["id"])
    await gives(app, "crew", "editor")
    answer = await asker.request("GET", f"/access?id={user['id']}")
    assert (answer.status, answer.body["active"], answer.body["roles"]) == (200, False, [])
    assert [each["displayName"] for each in answer.body["groups"]] == ["crew"]


async def test_two_users_of_one_external_id_are_409_with_both_ids(http: Http, asker: Http) -> None:
    """Nobody is let in as somebody else."""
    users = [await http.user(name, externalId="m-1") for name in ("mira", "noor")]
    answer = await asker.request("GET", "/access?externalId=m-1")
    assert (answer.status, answer.headers["Cache-Control"]) == (409, "no-store")
    assert all(user["id"] in answer.body["detail"] for user in users)


async def test_a_change_of_membership_changes_the_entity_tag(app: App, http: Http, asker: Http) -> None:
    """It is a hash of the answer, since a role changes no user's version."""
    user = await http.user("mira")
    path = f"/access?id={user['id']}"
    tags = [(await asker.request("GET", path)).headers["ETag"]]
    group = await http.group("crew", user["id"])
    tags.append((await asker.request("GET", path)).headers["ETag"])
    await gives(app, group["id"], "editor")
    tags.append((await asker.request("GET", path)).headers["ETag"])
    rename = {"schemas": [PATCH_OP], "Operations": [{"op": "replace", "path": "displayName", "value": "other"}]}
    await http.request("PATCH", f"/Groups/{group['id']}", rename)
    tags.append((await asker.request("GET", path)).headers["ETag"])
    assert len(set(tags)) == 4
    for known in (tags[-1], f"W/{tags[-1]}", f'"x", {tags[-1]}', "*"):
        answer = await asker.request("GET", path, headers={"If-None-Match": known})
        assert (answer.status, answer.body, answer.headers["ETag"]) == (304, None, tags[-1])
        assert answer.headers["Cache-Control"] == "private, max-age=30"
    assert (await asker.request("GET", path, headers={"If-None-Match": tags[0]})).status == 200


async def test_many_users_are_asked_for_at_once(http: Http, asker: Http) -> None:
    """In the order of the question; for who is unknown, or two, an error stands in its place."""
    mira = await http.user("mira", externalId="m-1")
    for name in ("one", "two"):
        await http.user(name, externalId="same")
    users = [{"externalId": "same"}, {"id": mira["id"]}, {"userName": "nobody"}, {"externalId": "m-1"}]
    answer = await asker.request("POST", "/access/.search", {"users": users})
    two, first, nobody, again = answer.body["users"]
    assert [two["status"], nobody["status"]] == ["409", "404"]
    assert answer.headers["Cache-Control"] == "no-store"  # who is unknown may be provisioned a moment later
    known = await asker.request("POST", "/access/.search", {"users": [{"id": mira["id"]}]})
    assert known.headers["Cache-Control"] == "private, max-age=30"
    assert first == again
    assert first["id"] == mira["id"]


async def test_nested_groups_count_when_asked_for(app: App, http: Http, asker: Http) -> None:
    """Also where groups are members of each other, and each once."""
    user = await http.user("mira")
    inner = await http.group("inner", user["id"])
    middle = await http.group("middle", inner["id"])
    outer = await http.group("outer", middle["id"], inner["id"])
    circle = [{"op": "add", "path": "members", "value": [{"value": outer["id"]}]}]
    await http.request("PATCH", f"/Groups/{inner['id']}", {"schemas": [PATCH_OP], "Operations": circle})
    await gives(app, "outer", "editor")
    direct = (await asker.request("GET", f"/access?id={user['id']}&nested=false")).body
    assert ([each["displayName"] for each in direct["groups"]], direct["roles"]) == (["inner"], [])
    for nested in (
        (await asker.request("GET", f"/access?id={user['id']}&nested=true")).body,
        await search(asker, id=user["id"], nested=True),
    ):
        assert sorted(each["displayName"] for each in nested["groups"]) == ["inner", "middle", "outer"]
        assert nested["roles"] == ["editor"]


async def test_what_one_answer_looks_at_is_bounded(http: Http, asker: Http, monkeypatch: pytest.MonkeyPatch) -> None:
    """One question cannot keep the service busy: depth and number of groups."""
    user = await http.user("mira")
    member = user["id"]
    for number in range(4):
        member = (await http.group(f"level {number}", member))["id"]
    path = f"/access?id={user['id']}"
    monkeypatch.setattr("scim.directory.access.MAX_LEVELS", 3)
    answer = await asker.request("GET", f"{path}&nested=true")
    assert (answer.status, answer.body["scimType"]) == (400, "tooMany")
    monkeypatch.setattr("scim.directory.access.MAX_LEVELS", 10)
    monkeypatch.setattr("scim.directory.access.MAX_GROUPS", 2)
    assert (await asker.request("GET", f"{path}&nested=true")).body["scimType"] == "tooMany"
    for number in range(2):
        await http.group(f"further {number}", user["id"])
    assert (await asker.request("GET", path)).body["scimType"] == "tooMany"


@pytest.mark.parametrize(
    "query",
    [
        "",
        "?userName=",
        "?userName=a&id=b",
        "?userName=a&userName=b",
        "?displayName=a",
        "?id=a&nested=yes",
        f"?id={'a' * 1001}",
    ],
)
async def test_exactly_one_key_is_asked_for(asker: Http, query: str) -> None:
    """Anything else is 400 with what to change."""
    answer = await asker.request("GET", f"/access{query}")
    assert (answer.status, answer.headers["Cache-Control"]) == (400, "no-store")


@pytest.mark.parametrize(
    "body",
    [
        [],
        {},
        {"userName": ""},
        {"userName": 1},
        {"username": "a"},
        {"userName": "a", "id": "b"},
        {"userName": "a", "nested": "true"},
        {"users": []},
        {"users": [{"id": "a"}] * (MAX_USERS + 1)},
        {"users": ["a"]},
        {"users": [{"id": "a", "externalId": "b"}]},
        {"users": [{"id": "a"}], "id": "b"},
        {"users": {"id": "a"}},
    ],
)
async def test_a_body_that_is_no_question_is_refused(asker: Http, body: Any) -> None:
    """As a whole, so that no answer is taken for that to another question."""
    answer = await asker.request("POST", "/access/.search", body)
    assert answer.status == 400, answer.body


async def test_a_name_is_not_looked_for_where_it_cannot_be_looked_up(rows: RecordingRows, clock: Clock) -> None:
    """A sign-in that reads every user would be too slow; the message says what to do."""
    app = make_app(rows, clock, filterable=("title",))
    await Http(app).user("mira", externalId="m-1")
    asker = await client(app, "scim", "events")
    answer = await asker.request("GET", "/access?externalId=m-1")
    assert answer.status == 400
    assert "verify --repair" in answer.body["detail"]
    assert (await asker.request("GET", "/access?userName=mira@contoso.example")).status == 200


async def test_many_long_users_are_read_on_a_thread_of_their_own(
    http: Http, asker: Http, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A hundred of 1 MiB would keep all others waiting for a second."""
    users = [await http.user(f"user{number}", title="x" * 40_000) for number in range(4)]
    threads: list[str] = []
    right = Stored.from_row

    def noted(*arguments: Any) -> Stored:
        threads.append(threading.current_thread().name)
        return right(*arguments)

    monkeypatch.setattr(Stored, "from_row", noted)
    for count, name in ((1, "MainThread"), (4, "aside_0")):
        threads.clear()
        await search(asker, users=[{"id": each["id"]} for each in users[:count]])
        assert threads == [name] * count


async def test_an_answer_takes_three_rounds_of_reads(
    app: App, http: Http, asker: Http, rows: RecordingRows, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However many users and groups: what a round reads is read side by side."""
    users = [await http.user(f"user{number}", externalId=f"e-{number}") for number in range(5)]
    for number in range(5):
        await http.group(f"group{number}", *(user["id"] for user in users))
    await search(asker, externalId="e-0")  # which look-ups are complete is known from now on
    assert await rounds(rows, monkeypatch, asker, users=[{"externalId": f"e-{n}"} for n in range(5)]) == 3
    assert await rounds(rows, monkeypatch, asker, userName="user0@contoso.example") == 3
    assert await rounds(rows, monkeypatch, asker, id=users[0]["id"]) <= 3


async def test_an_answer_costs_what_the_page_says(http: Http, asker: Http, rows: RecordingRows) -> None:
    """docs/application.md: six reads for a user of one group, one more for each further group."""
    user = await http.user("mira", externalId="m-1")
    await http.group("one", user["id"])
    await search(asker, externalId="m-1")
    for calls in (6, 7):
        rows.forget()
        await search(asker, externalId="m-1")
        assert rows.calls == ["read"] * calls
        await http.group(f"two {calls}", user["id"])


async def rounds(rows: RecordingRows, monkeypatch: pytest.MonkeyPatch, asker: Http, **body: Any) -> int:
    """Return how many reads of a tenant had to wait for others: all that can begin do so before one is answered."""
    import asyncio

    waiting: list[asyncio.Future[None]] = []

    def held(right: Any) -> Any:
        async def read(self: RecordingRows, partition: str, *rest: Any, **more: Any) -> Any:
            if partition == "scim":
                waiting.append(asyncio.get_running_loop().create_future())
                await waiting[-1]
            return await right(self, partition, *rest, **more)

        return read

    with monkeypatch.context() as patched:
        patched.setattr(RecordingRows, "read", held(RecordingRows.read))
        patched.setattr(RecordingRows, "range", held(RecordingRows.range))
        asking = asyncio.create_task(search(asker, **body))
        count = 0
        while not asking.done():
            for _ in range(50):  # let everything go on that can
                await asyncio.sleep(0)
            now, waiting[:] = list(waiting), []
            count += bool(now)
            for each in now:
                each.set_result(None)
        await asking
    return count


@pytest.mark.parametrize("scope", SCOPES)
async def test_who_follows_events_may_ask_and_who_provisions_may_not(app: App, http: Http, scope: Scope) -> None:
    """The token that Entra has is for provisioning alone."""
    user = await http.user("mira")
    answer = await (await client(app, "scim", scope)).request("GET", f"/access?id={user['id']}")
    assert answer.status == (200 if scope in ("events", "read") else 403)


async def test_a_tenant_answers_for_its_own_users(app: App, http: Http) -> None:
    """Whatever the id is."""
    user = await http.user("mira")
    other = await client(app, await tenant(app), "events")
    assert (await other.request("GET", f"/access?id={user['id']}")).status == 404


async def test_who_took_another_name_is_not_found_by_the_old_one(
    app: App, http: Http, asker: Http, rows: RecordingRows
) -> None:
    """Even when the row of the name was read just before: a name given away lets nobody else in."""
    user = await http.user("mira")
    body = {"schemas": [PATCH_OP], "Operations": [{"op": "replace", "path": "userName", "value": "noor"}]}
    assert (await asker.request("GET", "/access?userName=mira@contoso.example")).status == 200
    right = app.tenant.rows.read

    async def renamed(partition: str, key: str) -> Any:
        row = await right(partition, key)
        if key.startswith("n.u."):
            app.tenant.rows.read = right  # type: ignore[method-assign]
            await http.request("PATCH", f"/Users/{user['id']}", body)
        return row

    app.tenant.rows.read = renamed  # type: ignore[method-assign]
    assert (await asker.request("GET", "/access?userName=mira@contoso.example")).status == 404


async def test_a_damaged_row_spoils_nothing_but_itself(app: App, http: Http, asker: Http, rows: RecordingRows) -> None:
    """The sound user comes in; roles that cannot be read are not given, and the others are; the feed goes on."""
    users = [(await http.user(name))["id"] for name in ("mira", "noor")]
    for name in ("crew", "other", "third"):
        await http.group(name, *users)
        await gives(app, name, f"{name} editor")
    await app.feed.publish()
    found = {each.group.document["displayName"]: each.group.id for each in await app.tenants.default.roles.mappings()}
    for key in (keys.roles(found["crew"]), keys.told_roles(found["crew"]), f"g.{found['third']}", f"u.{users[1]}"):
        row = await app.tenant.read(key)
        assert row
        await rows.commit("scim", [Replace(key, "{no json", row.version)])
    sound, damaged = (await search(asker, users=[{"id": each} for each in users]))["users"]
    assert damaged["status"] == "500"
    assert sound["roles"] == ["other editor", "third editor"]
    assert sorted(each["displayName"] for each in sound["groups"]) == ["", "crew", "other"]
    assert (await asker.request("GET", f"/access?id={users[1]}")).status == 500
    listed = await app.tenants.default.roles.mappings()
    assert [each.group.id for each in listed] == [found["other"]]
    await http.request("DELETE", f"/Groups/{found['crew']}")
    last = (await app.feed.page("", 1000)).events[-1]
    assert (last["type"], "roles" in last["data"]) == ("group.deleted", False)
