"""Roles that groups give: how they are mapped, and what the feed says of them in which order."""

from typing import Any

import pytest

from scim.app import App
from scim.directory import keys
from scim.directory.resources import Origin
from scim.directory.roles import MAX_ROLES, Roles
from scim.protocol.errors import InvalidValue, NotFound
from scim.storage.rows import Delete, RowConflict
from tests.conftest import Clock, Http, make_app
from tests.directory.test_feed import everything, patch
from tests.recording import RecordingRows

ORIGIN = Origin("request-2", "the operator", "operator-token")
ROLES = "group.roles_changed"
ADDED, REMOVED = "group.members_added", "group.members_removed"


@pytest.fixture
async def roles(app: App) -> Roles:
    """The roles of the default tenant."""
    return (await app.serving()).roles


async def told(app: App) -> list[tuple[str, Any]]:
    """Return, of each event about a group, its type and the roles that it names."""
    return [(each["type"], each["data"].get("roles")) for each in await everything(app) if "group" in each["type"]]


async def add(http: Http, group: str, user: str) -> None:
    await patch(http, f"/Groups/{group}", {"op": "add", "path": "members", "value": [{"value": user}]})


async def remove(http: Http, group: str, user: str) -> None:
    await patch(http, f"/Groups/{group}", {"op": "remove", "path": f'members[value eq "{user}"]'})


@pytest.mark.parametrize("name", ["crew", "CREW", "c-1", "id"])
async def test_a_group_is_found_by_what_names_it(http: Http, roles: Roles, name: str) -> None:
    """Its displayName, whatever its case, its externalId or its id; the id is what is kept."""
    group = await http.created("/Groups", displayName="crew", externalId="c-1")
    mapped = await roles.map(group["id"] if name == "id" else name, " editor ", ORIGIN)
    assert (mapped.group.id, list(mapped.roles)) == (group["id"], ["editor"])
    assert await roles.all() == {group["id"]: ["editor"]}


async def test_a_name_that_two_groups_answer_to_is_refused(http: Http, roles: Roles) -> None:
    """Nobody is given a role by chance; the message names the ids, one of which decides."""
    one = await http.created("/Groups", displayName="crew")
    two = await http.created("/Groups", displayName="other", externalId="crew")
    with pytest.raises(InvalidValue) as error:
        await roles.map("crew", "editor", ORIGIN)
    assert one["id"] in error.value.detail
    assert two["id"] in error.value.detail
    assert await roles.all() == {}


@pytest.mark.parametrize("name", ["nobody", "0" * 32, "", " "])
async def test_a_group_that_there_is_not_is_refused(roles: Roles, name: str) -> None:
    """It is not kept for later, when somebody else may take the name."""
    with pytest.raises(NotFound if name.strip() else InvalidValue, match=r"^No |^Name the group"):
        await roles.map(name, "editor", ORIGIN)


@pytest.mark.parametrize("role", ["", " ", "a\nb", "a" * 65])
async def test_a_role_has_a_name_of_some_characters(http: Http, roles: Roles, role: str) -> None:
    """What is none changes nothing."""
    await http.group("crew")
    with pytest.raises(InvalidValue):
        await roles.map("crew", role, ORIGIN)
    assert await roles.all() == {}


async def test_a_group_gives_a_bounded_number_of_roles(http: Http, roles: Roles) -> None:
    """They are in every event about its members."""
    await http.group("crew")
    for number in range(MAX_ROLES):
        await roles.map("crew", f"role {number}", ORIGIN)
    with pytest.raises(InvalidValue, match="20"):
        await roles.map("crew", "one more", ORIGIN)
    assert len((await roles.map("crew", "role 1", ORIGIN)).roles) == MAX_ROLES


async def test_a_tenant_has_a_bounded_number_of_groups_that_give_roles(
    http: Http, roles: Roles, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All of them are read for each answer; one that gives a role may give another."""
    monkeypatch.setattr("scim.directory.roles.MAX_MAPPED", 1)
    await http.group("crew")
    await http.group("other")
    await roles.map("crew", "editor", ORIGIN)
    await roles.map("crew", "reader", ORIGIN)
    with pytest.raises(InvalidValue, match="unmap"):
        await roles.map("other", "editor", ORIGIN)


async def test_a_change_of_roles_is_told_with_what_was(app: App, http: Http, roles: Roles) -> None:
    """Before and after, and who did it; the change row says so too."""
    group = await http.created("/Groups", displayName="crew", externalId="c-1")
    await roles.map("crew", "reader", ORIGIN)
    await roles.map("crew", "editor", ORIGIN)
    await roles.unmap("crew", "reader", ORIGIN)
    await roles.unmap("crew", None, ORIGIN)
    events = [each for each in await everything(app) if each["type"] == ROLES]
    assert [(each["data"]["rolesBefore"], each["data"]["roles"]) for each in events] == [
        ([], ["reader"]),
        (["reader"], ["editor", "reader"]),
        (["editor", "reader"], ["editor"]),
        (["editor"], []),
    ]
    now = (await http.request("GET", f"/Groups/{group['id']}")).body["meta"]["version"]
    who = {"id": group["id"], "externalId": "c-1", "displayName": "crew"}
    assert events[-1]["data"] == who | {"version": now, "roles": [], "rolesBefore": ["editor"]}
    assert events[0]["actor"] == {"credential": "operator-token", "client": "the operator", "requestId": "request-2"}
    changes = [row.body for row in await app.tenant.under(keys.CHANGES) if "roles" in row.body]
    assert [part for row in changes for part in ("unmap", "map") if f'"{part}"' in row] == [
        "map",
        "map",
        "unmap",
        "unmap",
    ]


async def test_what_is_mapped_already_says_nothing(app: App, http: Http, roles: Roles, rows: RecordingRows) -> None:
    """A command may be repeated."""
    await http.group("crew")
    await roles.map("crew", "editor", ORIGIN)
    rows.forget()
    await roles.map("crew", "editor", ORIGIN)
    assert "commit" not in rows.calls


async def test_a_role_that_a_group_does_not_give_cannot_be_taken(http: Http, roles: Roles) -> None:
    """A mistyped one is told, with what there is."""
    await http.group("crew")
    with pytest.raises(NotFound, match="gives no role"):
        await roles.unmap("crew", None, ORIGIN)
    await roles.map("crew", "editor", ORIGIN)
    with pytest.raises(NotFound, match="editor"):
        await roles.unmap("crew", "edit", ORIGIN)


async def test_members_come_and_go_with_the_roles_of_their_group(app: App, http: Http, roles: Roles) -> None:
    """As they were at that place of the feed, though all of it is published after the last change."""
    user = (await http.user("mira"))["id"]
    group = (await http.group("crew", user))["id"]
    await http.group("other", user)
    await roles.map(group, "reader", ORIGIN)
    await remove(http, group, user)
    await roles.map(group, "editor", ORIGIN)
    await add(http, group, user)
    await roles.unmap(group, None, ORIGIN)
    await remove(http, group, user)
    assert await told(app) == [
        ("group.created", None),
        (ADDED, None),
        ("group.created", None),
        (ADDED, None),
        (ROLES, ["reader"]),
        (REMOVED, ["reader"]),
        (ROLES, ["editor", "reader"]),
        (ADDED, ["editor", "reader"]),
        (ROLES, []),
        (REMOVED, None),
    ]
    assert await app.tenant.under("a.") == []


async def test_the_same_is_told_when_each_change_is_published_at_once(app: App, http: Http, roles: Roles) -> None:
    """What the feed has told of is kept between publications."""
    user = (await http.user("mira"))["id"]
    group = (await http.group("crew"))["id"]
    for act in (
        lambda: roles.map(group, "reader", ORIGIN),
        lambda: add(http, group, user),
        lambda: roles.map(group, "editor", ORIGIN),
        lambda: remove(http, group, user),
        lambda: roles.unmap(group, "reader", ORIGIN),
        lambda: add(http, group, user),
    ):
        await act()
        await app.feed.publish()
    assert (await told(app))[1:] == [
        (ROLES, ["reader"]),
        (ADDED, ["reader"]),
        (ROLES, ["editor", "reader"]),
        (REMOVED, ["editor", "reader"]),
        (ROLES, ["editor"]),
        (ADDED, ["editor"]),
    ]


async def test_a_group_that_is_deleted_ends_what_it_gives(app: App, http: Http, roles: Roles) -> None:
    """At once for whoever asks; its last event names the roles, and a new group of its name inherits nothing."""
    group = (await http.group("crew"))["id"]
    await roles.map(group, "editor", ORIGIN)
    await http.request("DELETE", f"/Groups/{group}")
    assert await roles.mappings() == []
    again = (await http.group("crew", (await http.user("mira"))["id"]))["id"]
    assert (await told(app))[2:] == [("group.deleted", ["editor"]), ("group.created", None), (ADDED, None)]
    assert await app.tenant.under("a.") == []
    assert [each.group.id for each in [await roles.map("crew", "reader", ORIGIN)]] == [again]


async def test_a_group_that_is_deleted_meanwhile_gets_no_role(
    app: App, http: Http, roles: Roles, rows: RecordingRows
) -> None:
    """Nothing is left behind it that nobody would ever take away."""
    group = (await http.group("crew"))["id"]

    async def delete() -> None:
        await http.request("DELETE", f"/Groups/{group}")

    rows.before_commit(delete)
    with pytest.raises(NotFound):
        await roles.map(group, "editor", ORIGIN)
    assert await app.tenant.under("a.") == []


async def test_two_who_map_at_once_both_succeed(app: App, http: Http, roles: Roles, rows: RecordingRows) -> None:
    """The second sees what the first has done, and so does the feed."""
    group = (await http.group("crew"))["id"]
    rows.before_commit(lambda: roles.map(group, "reader", ORIGIN))
    assert (await roles.map(group, "editor", ORIGIN)).roles == ["editor", "reader"]
    assert (await told(app))[1:] == [(ROLES, ["reader"]), (ROLES, ["editor", "reader"])]


async def test_two_who_publish_at_once_name_the_same_roles(
    app: App, http: Http, roles: Roles, rows: RecordingRows, clock: Clock
) -> None:
    """The second begins anew with what the first has told of."""
    user = (await http.user("mira"))["id"]
    group = (await http.group("crew"))["id"]
    await roles.map(group, "editor", ORIGIN)
    await add(http, group, user)
    await app.feed.head()
    rows.before_commit(make_app(rows, clock).feed.publish)
    await app.feed.publish()
    assert (await told(app))[1:] == [(ROLES, ["editor"]), (ADDED, ["editor"])]


async def test_a_role_row_that_is_gone_does_not_stop_the_feed(
    app: App, http: Http, roles: Roles, rows: RecordingRows
) -> None:
    """Whatever took it away, readers get on."""
    group = (await http.group("crew"))["id"]
    await roles.map(group, "editor", ORIGIN)
    await rows.commit("scim", [Delete(keys.roles(group))])
    await http.request("DELETE", f"/Groups/{group}")
    assert (await told(app))[-1] == ("group.deleted", ["editor"])


async def test_many_ends_fit_into_their_publications(app: App, http: Http, roles: Roles) -> None:
    """An end of a group writes three rows more than its event; no transaction takes more than a hundred."""
    groups = [(await http.group(f"crew {number}"))["id"] for number in range(60)]
    for group in groups:
        await roles.map(group, "editor", ORIGIN)
    for group in groups:
        await http.request("DELETE", f"/Groups/{group}")
    events = await told(app)
    assert events[60:] == [(ROLES, ["editor"])] * 60 + [("group.deleted", ["editor"])] * 60
    assert await app.tenant.under("a.") == []


async def test_a_tenant_without_roles_pays_nothing_for_them(app: App, http: Http, rows: RecordingRows) -> None:
    """A publication reads no roles where no group gives any, and a change of members never does."""
    user = (await http.user("mira"))["id"]
    group = (await http.group("crew"))["id"]
    await app.feed.publish()
    rows.forget()
    await add(http, group, user)
    unmapped = list(rows.calls)
    await app.feed.publish()
    assert rows.calls[len(unmapped) :] == ["read"] * 3 + ["commit"] + ["read"] * 2
    await (await app.serving()).roles.map(group, "editor", ORIGIN)
    await remove(http, group, user)
    rows.forget()
    await add(http, group, user)
    assert rows.calls == unmapped


async def test_a_conflict_at_the_head_repeats_nothing(app: App, http: Http, roles: Roles, rows: RecordingRows) -> None:
    """A publication that was not applied has told of no roles either."""
    await http.group("crew")
    await roles.map("crew", "editor", ORIGIN)
    await app.feed.head()

    async def conflict() -> None:
        raise RowConflict("met another publisher")

    rows.before_commit(conflict)
    assert (await told(app))[1:] == [(ROLES, ["editor"])]
    assert len(await app.tenant.under(keys.told_roles())) == 1
