"""The directory on its rows: what one transaction holds, what an operation costs, what meets at the same time."""

from collections import Counter
from typing import Any

import pytest

from scim.app import App
from scim.directory import keys
from scim.directory.memberships import Plan, capacity
from scim.directory.resources import _batches, _whatever_case
from scim.directory.stored import MAX_DERIVED, Edge, Kind
from scim.directory.tombstones import MAKING
from scim.protocol.schema import ResourceType, Schema
from scim.storage.rows import MAX_BODY_BYTES, MAX_CHANGES, Delete, Insert, Replace, RowChange, Touch
from tests.conftest import Answer, Clock, Http, make_app
from tests.recording import RecordingRows

FILTERABLE = ("externalId", "emails.value")


@pytest.fixture
async def app(rows: RecordingRows, clock: Clock) -> App:
    """The service over it."""
    return make_app(rows, clock, filterable=FILTERABLE)


async def patch(http: Http, path: str, *operations: dict[str, Any], **headers: str) -> Answer:
    return await http.request("PATCH", path, {"Operations": list(operations)}, headers)


def replacing(path: str, value: object) -> dict[str, Any]:
    return {"op": "replace", "path": path, "value": value}


def members(op: str, *ids: str) -> dict[str, Any]:
    return {"op": op, "path": "members", "value": [{"value": each} for each in ids]}


def kinds_of(changes: Any) -> Counter[str]:
    """Count the changes of a commit by their sort and the first letter of their keys."""
    return Counter(f"{type(change).__name__} {change.key[0]}" for change in changes)


async def users(http: Http, count: int) -> list[str]:
    return [(await http.user(f"u{number}"))["id"] for number in range(count)]


async def member_ids(http: Http, group_id: str) -> set[str]:
    found = (await http.request("GET", f"/Groups/{group_id}")).body
    return {each["value"] for each in found.get("members", [])}


async def group_ids(http: Http, user_id: str) -> set[str]:
    found = (await http.request("GET", f"/Users/{user_id}")).body
    return {each["value"] for each in found.get("groups", [])}


# One change, one transaction


async def test_a_creation_is_one_transaction(http: Http, rows: RecordingRows) -> None:
    """Document, name, look-ups, count and change row are there together or not at all."""
    await http.user("first", externalId="1")
    rows.forget()
    await http.user("mira", externalId="m-1", emails=[{"value": "a@contoso.example"}, {"value": "b@contoso.example"}])
    [commit] = rows.commits
    assert kinds_of(commit) == {"Insert u": 1, "Insert n": 1, "Insert x": 3, "Replace c": 1, "Insert e": 1}


async def test_a_rename_is_one_transaction(http: Http, rows: RecordingRows) -> None:
    """The old name goes and the new one comes with the document; look-ups that stay are not written."""
    mira = await http.user("mira", externalId="m-1")
    rows.forget()
    assert (await patch(http, f"/Users/{mira['id']}", replacing("userName", "new"))).status == 200
    [commit] = rows.commits
    assert kinds_of(commit) == {"Replace u": 1, "Delete n": 1, "Insert n": 1, "Insert e": 1}


async def test_a_membership_is_one_transaction(http: Http, rows: RecordingRows) -> None:
    """Both of its rows, and a touch of both ends, since both are represented differently now."""
    [mira] = await users(http, 1)
    crew = (await http.group("crew"))["id"]
    rows.forget()
    await patch(http, f"/Groups/{crew}", members("add", mira))
    await patch(http, f"/Groups/{crew}", members("remove", mira))
    added, removed = rows.commits
    assert kinds_of(added) == {"Touch g": 1, "Insert e": 1, "Insert m": 1, "Insert r": 1, "Touch u": 1}
    assert kinds_of(removed) == {"Touch g": 1, "Insert e": 1, "Delete m": 1, "Delete r": 1, "Touch u": 1}


async def test_a_delete_is_one_transaction(http: Http, rows: RecordingRows) -> None:
    """With everything that was derived, and with the memberships on both sides."""
    mira = await http.user("mira", externalId="m-1")
    crew = await http.group("crew", mira["id"])
    rows.forget()
    await http.request("DELETE", f"/Users/{mira['id']}")
    [commit] = rows.commits
    assert kinds_of(commit) == {
        "Delete u": 1,
        "Delete n": 1,
        "Delete x": 1,
        "Delete m": 1,
        "Delete r": 1,
        "Touch g": 1,
        "Replace c": 1,
        "Insert e": 1,
    }
    assert await member_ids(http, crew["id"]) == set()


async def test_nothing_is_left_of_what_was_deleted(http: Http, rows: RecordingRows) -> None:
    """But the record of look-ups, counts of nought and change rows."""
    mira = await http.user("mira", externalId="m-1")
    inner = await http.group("inner", mira["id"])
    outer = await http.group("outer", inner["id"], mira["id"])
    await patch(http, f"/Groups/{inner['id']}", members("add", outer["id"]))
    for path in (f"/Groups/{inner['id']}", f"/Users/{mira['id']}", f"/Groups/{outer['id']}"):
        assert (await http.request("DELETE", path)).status == 204
    left = await rows.everything()
    assert {key.split(".")[0] for key in left} == {"c", "s"}
    assert {body for key, body in left.items() if key.startswith("c.")} == {"0"}


CREW = "/Groups/{crew}"
COSTS: dict[str, tuple[str, str, Any, int, int]] = {
    "create": ("POST", "/Users", {"userName": "new", "externalId": "n"}, 1, 1),
    "create a taken name": ("POST", "/Users", {"userName": "mira@contoso.example"}, 4, 1),
    "change": ("PATCH", "/Users/{mira}", [replacing("title", "Boss")], 1, 1),
    "rename": ("PATCH", "/Users/{mira}", [replacing("userName", "new")], 1, 1),
    "change nothing": ("PATCH", "/Users/{mira}", [replacing("externalId", "m-1")], 1, 0),
    "replace": ("PUT", "/Users/{mira}", {"userName": "new"}, 1, 1),
    "add a user": ("PATCH", CREW, [members("add", "{omar}")], 3, 1),
    "add a user again": ("PATCH", CREW, [members("add", "{mira}")], 3, 0),
    "add a group": ("PATCH", CREW, [members("add", "{other}")], 4, 1),
    "remove": ("PATCH", CREW, [members("remove", "{mira}")], 2, 1),
    "delete": ("DELETE", "/Users/{mira}", None, 4, 1),
}


@pytest.mark.parametrize(("method", "path", "body", "reads", "commits"), COSTS.values(), ids=COSTS)
async def test_an_operation_costs_so_many_calls(
    http: Http, rows: RecordingRows, method: str, path: str, body: Any, reads: int, commits: int
) -> None:
    """Whatever the size of the tenant; reading memberships for the answer is left out here."""
    mira = await http.user("mira", externalId="m-1")
    ids = {"mira": mira["id"], "omar": (await http.user("omar"))["id"], "other": (await http.group("other"))["id"]}
    ids["crew"] = (await http.group("crew", ids["mira"]))["id"]
    if isinstance(body, list):
        body = {"Operations": [_filled(each, ids) for each in body]}
    rows.forget()
    query = "?attributes=id" if path.startswith("/Users") and method != "DELETE" else ""
    await http.request(method, path.format(**ids) + query, body)
    assert Counter(rows.calls) == Counter({"read": reads, "commit": commits})


def _filled(operation: dict[str, Any], ids: dict[str, str]) -> dict[str, Any]:
    if not isinstance(operation["value"], list):
        return operation
    return operation | {"value": [{"value": each["value"].format(**ids)} for each in operation["value"]]}


# Names


async def test_a_name_row_without_its_owner_never_blocks(http: Http, rows: RecordingRows) -> None:
    """Neither one of nobody nor one of somebody who has another name by now; it is taken over."""
    omar = await http.user("omar")
    await rows.commit(
        "scim",
        [
            Insert(keys.name("u", "userName", "mira@contoso.example"), "f" * 32),
            Insert(keys.name("u", "userName", "anna@contoso.example"), omar["id"]),
        ],
    )
    mira, anna = await http.user("mira"), await http.user("anna")
    owners = await rows.everything()
    assert owners[keys.name("u", "userName", "mira@contoso.example")] == mira["id"]
    assert owners[keys.name("u", "userName", "anna@contoso.example")] == anna["id"]


async def test_a_look_up_row_that_is_there_already_never_blocks(http: Http, rows: RecordingRows) -> None:
    """Nor does one that should be deleted and is not there."""
    mira = await http.user("mira", externalId="m-1")
    stale: list[RowChange] = [
        Insert(keys.look_up("u", "externalId", "m-2", mira["id"]), ""),
        Delete(keys.look_up("u", "externalId", "m-1", mira["id"])),
    ]
    await rows.commit("scim", stale)
    assert (await patch(http, f"/Users/{mira['id']}", replacing("externalId", "m-2"))).status == 200
    assert [key for key in await rows.everything() if key.startswith("x.")] == [stale[0].key]


# At the same time


async def test_two_changes_of_one_user_are_both_there(http: Http, rows: RecordingRows) -> None:
    """The second one to commit is applied again to what the first one has left."""
    mira = (await http.user("mira"))["id"]
    rows.before_commit(lambda: patch(http, f"/Users/{mira}", replacing("title", "Boss")))
    answer = await patch(http, f"/Users/{mira}", replacing("nickName", "Mi"))
    assert (answer.body["title"], answer.body["nickName"]) == ("Boss", "Mi")


async def test_a_change_with_if_match_gives_way(http: Http, rows: RecordingRows) -> None:
    """To a change that came after the version was checked and before the commit."""
    mira = (await http.user("mira"))["id"]
    version = (await http.request("GET", f"/Users/{mira}")).headers["ETag"]
    rows.before_commit(lambda: patch(http, f"/Users/{mira}", replacing("title", "Boss")))
    answer = await patch(http, f"/Users/{mira}", replacing("nickName", "Mi"), **{"If-Match": version})
    assert answer.status == 412
    assert "nickName" not in (await http.request("GET", f"/Users/{mira}")).body


@pytest.mark.parametrize("method", ["PATCH", "PUT", "DELETE"])
async def test_if_match_protects_members_too(http: Http, rows: RecordingRows, method: str) -> None:
    """A membership that came meanwhile is a new version of the group, also where only members are to change."""
    mira, omar = await users(http, 2)
    crew = await http.group("crew")
    version = (await http.request("GET", f"/Groups/{crew['id']}")).headers["ETag"]
    rows.before_commit(lambda: patch(http, f"/Groups/{crew['id']}", members("add", omar)))
    bodies = {
        "PATCH": {"Operations": [members("add", mira)]},
        "PUT": {"displayName": "crew", "members": [{"value": mira}]},
    }
    answer = await http.request(method, f"/Groups/{crew['id']}", bodies.get(method), {"If-Match": version})
    assert answer.status == 412
    assert await member_ids(http, crew["id"]) == {omar}


async def test_members_who_are_added_at_the_same_time_are_all_there(http: Http, rows: RecordingRows) -> None:
    """Without a conflict: writers of one group do not wait for each other."""
    mira, omar = await users(http, 2)
    crew = (await http.group("crew"))["id"]
    rows.forget()
    rows.before_commit(lambda: patch(http, f"/Groups/{crew}", members("add", omar)))
    await patch(http, f"/Groups/{crew}", members("add", mira))
    assert rows.calls.count("commit") == 2
    assert await member_ids(http, crew) == {mira, omar}


async def test_who_is_deleted_while_being_added_is_no_member(http: Http, rows: RecordingRows) -> None:
    """The client is told that there is no such user, and no row of the membership is left."""
    [mira] = await users(http, 1)
    crew = (await http.group("crew"))["id"]
    rows.before_commit(lambda: http.request("DELETE", f"/Users/{mira}"))
    answer = await patch(http, f"/Groups/{crew}", members("add", mira))
    assert (answer.status, answer.body["scimType"]) == (400, "invalidValue")
    assert not [key for key in await rows.everything() if key[:2] in ("m.", "r.")]


async def test_a_group_that_is_deleted_while_members_are_added_has_none(http: Http, rows: RecordingRows) -> None:
    """The client is told that there is no such group."""
    [mira] = await users(http, 1)
    crew = (await http.group("crew"))["id"]
    rows.before_commit(lambda: http.request("DELETE", f"/Groups/{crew}"))
    assert (await patch(http, f"/Groups/{crew}", members("add", mira))).status == 404
    assert not [key for key in await rows.everything() if key[:2] in ("m.", "r.")]


async def test_a_membership_that_comes_while_its_user_is_deleted_goes_too(http: Http, rows: RecordingRows) -> None:
    """The delete conflicts with it, and looks again at what there is to remove."""
    [mira] = await users(http, 1)
    crew = (await http.group("crew"))["id"]
    rows.before_commit(lambda: patch(http, f"/Groups/{crew}", members("add", mira)))
    assert (await http.request("DELETE", f"/Users/{mira}")).status == 204
    assert await member_ids(http, crew) == set()
    assert not [key for key in await rows.everything() if key[:2] in ("m.", "r.")]


@pytest.mark.parametrize("method", ["PATCH", "PUT"])
async def test_two_lists_of_members_are_not_mixed(http: Http, rows: RecordingRows, method: str) -> None:
    """Who says who all members are does not leave in place somebody who was added after the list was compared."""
    mira, omar = await users(http, 2)
    crew = (await http.group("crew"))["id"]
    rows.before_commit(lambda: patch(http, f"/Groups/{crew}", members("replace", omar)))
    body: dict[str, Any] = {"Operations": [members("replace", mira)]}
    if method == "PUT":
        body = {"displayName": "crew", "members": [{"value": mira}]}
    assert (await http.request(method, f"/Groups/{crew}", body)).status < 300
    assert await member_ids(http, crew) == {mira}


async def test_a_version_never_goes_with_an_older_text(http: Http, rows: RecordingRows) -> None:
    """Where a group is renamed while its members are written, the answer shows the name that the version stands for."""
    [mira] = await users(http, 1)
    crew = (await http.group("crew"))["id"]
    rows.before_commit(lambda: patch(http, f"/Groups/{crew}", replacing("displayName", "renamed")))
    answer = await patch(http, f"/Groups/{crew}?attributes=displayName,members", members("add", mira))
    current = await http.request("GET", f"/Groups/{crew}?attributes=displayName,members")
    assert answer.headers["ETag"] == current.headers["ETag"]
    assert answer.body == current.body
    assert answer.body["displayName"] == "renamed"


async def test_a_membership_that_was_made_anew_is_removed_as_a_whole(http: Http, rows: RecordingRows) -> None:
    """Removed and added by others between two tries, it still has two sides or none."""
    [mira] = await users(http, 1)
    crew = (await http.group("crew", mira))["id"]

    async def again() -> None:
        await patch(http, f"/Groups/{crew}", members("remove", mira))
        await patch(http, f"/Groups/{crew}", members("add", mira))

    rows.before_commit(again, again)
    await patch(http, f"/Groups/{crew}", members("remove", mira))
    assert await member_ids(http, crew) == set() == await group_ids(http, mira)
    assert not [key for key in await rows.everything() if key[:2] in ("m.", "r.")]


# Many members


async def test_members_by_the_thousand_are_added_in_one_patch(http: Http, rows: RecordingRows) -> None:
    """Existence and presence are found in ranges; each transaction takes as many as it can."""
    ids = await users(http, 2_000)
    crew = (await http.group("crew"))["id"]
    rows.forget()
    assert (await patch(http, f"/Groups/{crew}", members("add", *ids))).status == 204
    assert await member_ids(http, crew) == set(ids)
    assert len(rows.commits) == -(-len(ids) // capacity(2))
    assert rows.calls.count("read") < 20
    assert sum(change.key.startswith("e.") for commit in rows.commits for change in commit) == len(rows.commits)
    rows.forget()
    others = [*ids[3:], (await http.user("one more"))["id"]]
    rows.forget()
    assert (await patch(http, f"/Groups/{crew}", members("replace", *others))).status == 204
    written = [change for commit in rows.commits for change in commit if change.key.startswith(("m.", "r."))]
    assert len(written) == 2 * 4, "only the difference is written"
    assert await member_ids(http, crew) == set(others)


async def test_a_patch_that_was_cut_short_is_finished_by_the_next(http: Http, rows: RecordingRows) -> None:
    """Adding who is there and removing who is not succeed, and cost no transaction."""
    ids = await users(http, 70)
    crew = (await http.group("crew", *ids[:40]))["id"]
    rows.forget()
    assert (await patch(http, f"/Groups/{crew}", members("add", *ids), members("remove", *ids[:5]))).status == 204
    written = [change for commit in rows.commits for change in commit if change.key.startswith("m.")]
    assert len(written) == 35
    assert await member_ids(http, crew) == set(ids[5:])


async def test_a_large_group_is_gone_at_once_and_removed_later(http: Http, app: App, rows: RecordingRows) -> None:
    """From the first transaction on nobody sees it: not in its members, not by a filter."""
    ids = await users(http, 1_000)
    crew = await http.group("crew", *ids)
    rows.forget()
    assert (await http.request("DELETE", f"/Groups/{crew['id']}")).status == 204
    assert len(rows.commits) == 21, "the request spends a bounded time on memberships"
    assert (await http.request("GET", f"/Groups/{crew['id']}")).status == 404
    assert [key for key in await rows.everything() if key.startswith(f"m.{crew['id']}")]
    assert all([await group_ids(http, each) == set() for each in ids[::97]])
    listed = (await http.request("GET", "/Users?count=1000")).body["Resources"]
    assert not [each for each in listed if "groups" in each]
    found = await http.request("GET", f'/Users?filter=groups.value%20eq%20"{crew["id"]}"')
    assert found.body["totalResults"] == 0
    await http.group("crew", ids[0])
    done = await app.maintenance.run()
    assert done["deletesFinished"] == 1
    assert not [key for key in await rows.everything() if crew["id"] in key]
    assert (await app.maintenance.run())["deletesFinished"] == 0


async def test_a_user_in_many_groups_is_gone_at_once(http: Http, app: App, rows: RecordingRows) -> None:
    """From all of them, though the rows go in several transactions; somebody else may be added meanwhile."""
    mira, omar = await users(http, 2)
    groups = [(await http.group(f"g{number}", mira))["id"] for number in range(700)]
    assert (await http.request("DELETE", f"/Users/{mira}")).status == 204
    assert [key for key in await rows.everything() if key.startswith(f"r.{mira}")]
    assert all([await member_ids(http, each) == set() for each in groups[::31]])
    found = await http.request("GET", f'/Groups?filter=members.value%20eq%20"{mira}"')
    assert found.body["totalResults"] == 0
    answer = await patch(http, f"/Groups/{groups[-1]}", members("add", mira))
    assert answer.status == 400, "who was deleted cannot be a member again, though the old rows are there"
    assert (await patch(http, f"/Groups/{groups[-1]}", members("add", omar), members("remove", mira))).status == 204
    assert (await patch(http, f"/Groups/{groups[-2]}", members("replace", omar))).status == 204
    await app.maintenance.run()
    assert not [key for key in await rows.everything() if mira in key]
    assert await member_ids(http, groups[-1]) == {omar} == await member_ids(http, groups[-2])


async def test_groups_in_a_circle_are_deleted(http: Http, rows: RecordingRows) -> None:
    """Each is a member of the next; whichever goes first, nothing of it stays with the others."""
    ids = [(await http.group(f"g{number}"))["id"] for number in range(3)]
    for number in range(3):
        await patch(http, f"/Groups/{ids[number]}", members("add", ids[(number + 1) % 3]))
    await patch(http, f"/Groups/{ids[1]}", members("add", ids[0]))
    for number in (1, 0, 2):
        assert (await http.request("DELETE", f"/Groups/{ids[number]}")).status == 204
        assert not [key for key in await rows.everything() if ids[number] in key]


async def test_who_is_deleted_during_a_long_patch_is_no_member(http: Http, rows: RecordingRows) -> None:
    """The first transactions have told that the members exist; the others leave out who is gone by then."""
    ids = await users(http, 70)
    crew = (await http.group("crew"))["id"]
    rows.before_commit(None, lambda: http.request("DELETE", f"/Users/{ids[40]}"))
    assert (await patch(http, f"/Groups/{crew}", members("add", *ids))).status == 204
    assert await member_ids(http, crew) == {*ids} - {ids[40]}


async def test_a_group_that_is_deleted_during_a_long_patch_is_not_found(http: Http, rows: RecordingRows) -> None:
    """And has no members that were added later."""
    ids = await users(http, 70)
    crew = (await http.group("crew"))["id"]
    rows.before_commit(None, lambda: http.request("DELETE", f"/Groups/{crew}"))
    assert (await patch(http, f"/Groups/{crew}", members("add", *ids))).status == 404
    assert not [key for key in await rows.everything() if key[:2] in ("m.", "r.")]


async def test_members_whom_somebody_else_adds_during_a_long_patch_are_added_once(
    http: Http, rows: RecordingRows
) -> None:
    """The later transactions find nothing left to do, and the version is the current one all the same."""
    ids = await users(http, 70)
    crew = (await http.group("crew"))["id"]
    rows.before_commit(None, lambda: patch(http, f"/Groups/{crew}", members("add", *ids)))
    answer = await patch(http, f"/Groups/{crew}", members("add", *ids))
    assert answer.status == 204
    assert await member_ids(http, crew) == set(ids)
    assert sum(change.key.startswith("m.") for commit in rows.commits for change in commit) == 70


async def test_the_version_after_a_long_patch_is_the_last_one(http: Http, rows: RecordingRows) -> None:
    """So that the client's next request may name it in If-Match."""
    ids = await users(http, 70)
    crew = (await http.group("crew"))["id"]
    answer = await patch(http, f"/Groups/{crew}", replacing("displayName", "Crew"), members("add", *ids))
    assert answer.headers["ETag"] == (await http.request("GET", f"/Groups/{crew}")).headers["ETag"]


@pytest.mark.parametrize(("count", "sizes"), [(31, [4 + 3 * 31]), (32, [5, 3 * 32, 1])])
async def test_a_delete_takes_as_many_memberships_along_as_fit(
    http: Http, rows: RecordingRows, count: int, sizes: list[int]
) -> None:
    """One more, and there is a tombstone, the memberships, and the end of the tombstone."""
    mira = (await http.user("mira"))["id"]
    for number in range(count):
        await http.group(f"g{number}", mira)
    rows.forget()
    assert (await http.request("DELETE", f"/Users/{mira}")).status == 204
    assert [len(commit) for commit in rows.commits] == sizes
    assert not [key for key in await rows.everything() if mira in key]


async def test_a_member_of_a_group_that_is_being_removed_can_be_deleted(http: Http, rows: RecordingRows) -> None:
    """Its other end is gone already, and cannot be touched any more."""
    mira = (await http.user("mira"))["id"]
    crew = await http.group("crew", mira)
    row = await rows.read("scim", keys.resource("g", crew["id"]))
    assert row
    await rows.commit("scim", [Delete(row.key), Insert(keys.tombstone(crew["id"]), "g")])
    assert (await http.request("DELETE", f"/Users/{mira}")).status == 204
    assert not [key for key in await rows.everything() if mira in key]


# Groups that are made with many members


@pytest.mark.parametrize(("count", "commits"), [(32, 1), (33, 4)])
async def test_a_group_is_made_in_one_transaction_where_it_fits(
    http: Http, rows: RecordingRows, count: int, commits: int
) -> None:
    """One member more, and it is announced, gets its members in two transactions, and comes into being."""
    ids = await users(http, count)
    rows.forget()
    await http.group("crew", *ids)
    assert len(rows.commits) == commits


async def test_a_member_who_is_deleted_while_a_group_is_made_is_named(http: Http, rows: RecordingRows) -> None:
    """The group is not made without it."""
    mira, omar = await users(http, 2)
    rows.before_commit(lambda: http.request("DELETE", f"/Users/{omar}"))
    answer = await http.request("POST", "/Groups", {"displayName": "crew", **_listed([mira, omar])})
    assert answer.status == 400
    assert omar in answer.body["detail"]
    assert (await http.request("GET", "/Groups")).body["totalResults"] == 0


async def test_a_group_with_many_members_shows_when_it_is_whole(http: Http, rows: RecordingRows, clock: Clock) -> None:
    """Before that nobody finds it, and its members are in no group."""
    ids = await users(http, 100)
    seen: list[Any] = []

    async def look() -> None:
        groups = (await http.request("GET", "/Groups")).body
        seen.append((groups["totalResults"], [await group_ids(http, each) for each in ids[:3]]))

    rows.before_commit(*[look] * 10)
    crew = (await http.group("crew", *ids))["id"]
    assert len(seen) == 6
    assert all(each == (0, [set(), set(), set()]) for each in seen)
    assert await member_ids(http, crew) == set(ids)
    assert not [key for key in await rows.everything() if key.startswith("t.")]


async def test_a_group_whose_making_was_cut_short_is_removed_after_an_hour(
    http: Http, app: App, rows: RecordingRows, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not before, since the request may still be alive; until then it is hidden, and its name is free."""
    ids = await users(http, 100)
    right, calls = RecordingRows.commit, 0

    async def dies(self: RecordingRows, partition: str, changes: Any) -> list[str]:
        nonlocal calls
        calls += 1
        if calls == 4:
            raise ConnectionError
        return await right(self, partition, changes)

    with monkeypatch.context() as patched:
        patched.setattr(RecordingRows, "commit", dies)
        assert (await http.request("POST", "/Groups", {"displayName": "crew", **_listed(ids)})).status == 500
    clock.forward(seconds=MAKING.total_seconds() - 1)
    await app.maintenance.run()
    assert [key for key in await rows.everything() if key.startswith("m.")]
    assert await group_ids(http, ids[0]) == set()
    clock.forward(seconds=2)
    assert (await app.maintenance.run())["deletesFinished"] == 1
    assert not [key for key in await rows.everything() if key[:2] in ("m.", "r.", "t.")]
    assert (await http.group("crew", *ids))["id"]


async def test_a_large_group_whose_name_is_taken_writes_nothing(http: Http, rows: RecordingRows) -> None:
    """The name is looked at before the members are written."""
    ids = await users(http, 100)
    await http.group("crew")
    rows.forget()
    answer = await http.request("POST", "/Groups", {"displayName": "CREW", **_listed(ids)})
    assert (answer.status, answer.body["scimType"]) == (409, "uniqueness")
    assert rows.commits == []


def _listed(ids: list[str]) -> dict[str, Any]:
    return {"members": [{"value": each} for each in ids]}


# Limits


async def test_a_resource_that_does_not_fit_is_refused(http: Http, rows: RecordingRows) -> None:
    """413 with the limit, in creations and changes, and nothing is written."""
    title = "x" * (MAX_BODY_BYTES // 2 + 1)
    mira = (await http.user("mira"))["id"]
    before = await rows.everything()
    for answer in (
        await http.request("POST", "/Users", {"userName": "large", "title": title}),
        await patch(http, f"/Users/{mira}", replacing("title", title)),
        await http.request("PUT", f"/Users/{mira}", {"userName": "mira", "title": title}),
    ):
        assert answer.status == 413
        assert f"{MAX_BODY_BYTES:,}" in answer.body["detail"]
    assert await rows.everything() == before


async def test_as_many_values_as_can_be_looked_up_change_at_once(http: Http, rows: RecordingRows) -> None:
    """All of them for others, with a rename, in one transaction; one more is refused."""
    most = MAX_DERIVED - 1
    mira = (await http.user("mira", emails=_emails("a", most)))["id"]
    rows.forget()
    body = {"userName": "new", "emails": _emails("b", most)}
    assert (await http.request("PUT", f"/Users/{mira}", body)).status == 200
    [commit] = rows.commits
    assert len(commit) == 2 * most + 2 + 2 <= MAX_CHANGES
    answer = await http.request("PUT", f"/Users/{mira}", body | {"emails": _emails("b", most + 1)})
    assert (answer.status, answer.body["scimType"]) == (400, "invalidValue")
    assert f"at most {most}" in answer.body["detail"]
    assert (await http.request("DELETE", f"/Users/{mira}")).status == 204


@pytest.mark.parametrize("count", [60, 200])
async def test_values_from_before_their_attribute_was_filterable_block_nothing(
    rows: RecordingRows, clock: Clock, count: int
) -> None:
    """Such a user can be changed, disabled, relieved of them and deleted; only more of them are refused."""
    numbers = [{"value": str(number)} for number in range(count)]
    before = Http(make_app(rows, clock, filterable=FILTERABLE))
    mira, omar = [(await before.user(name, phoneNumbers=numbers))["id"] for name in ("mira", "omar")]
    http = Http(make_app(rows, clock, filterable=(*FILTERABLE, "phoneNumbers.value")))
    assert (await patch(http, f"/Users/{mira}", replacing("active", False))).status == 200
    more = {"op": "add", "path": "phoneNumbers", "value": [{"value": "one more"}]}
    assert (await patch(http, f"/Users/{mira}", more)).status == 400
    assert (await patch(http, f"/Users/{mira}", {"op": "remove", "path": "phoneNumbers"})).status == 200
    assert (await http.request("DELETE", f"/Users/{omar}")).status == 204
    assert not [key for key in await rows.everything() if omar in key]


def _emails(name: str, count: int) -> list[dict[str, str]]:
    return [{"value": f"{name}{number}@contoso.example"} for number in range(count)]


@pytest.mark.parametrize(("count", "first"), [(0, 0), (0, 5), (3, 0), (40, 0), (40, 5), (100, 32), (7, 30)])
def test_batches_keep_room_beside_other_changes(count: int, first: int) -> None:
    """There is always a first one, perhaps empty, and each of the others fits into a transaction."""
    edges = [Edge(f"{number:032x}", "u") for number in range(count)]
    batches = _batches(Plan(edges[::2], edges[1::2]), first)
    assert len(batches[0].added) + len(batches[0].removed) == min(first, count)
    assert all(0 < len(each.added) + len(each.removed) <= capacity(2) for each in batches[1:])
    assert [edge for each in batches for edge in each.added] == edges[::2]
    assert [edge for each in batches for edge in each.removed] == edges[1::2]


def test_only_a_taken_text_is_said_to_be_taken_in_any_letter_case() -> None:
    """A number and a date have no letter case."""
    unique = [{"name": name, "type": name, "uniqueness": "server"} for name in ("string", "integer", "dateTime")]
    schema = Schema.from_document({"id": "urn:x:User", "name": "x", "attributes": unique})
    kind = Kind("u", ResourceType("User", "/Users", schema), [])
    assert "letter case" in _whatever_case(kind, "string")
    assert _whatever_case(kind, "integer") == _whatever_case(kind, "dateTime") == ""


def _is_change_row(change: RowChange) -> bool:
    return change.key.startswith("e.")


async def test_each_transaction_of_a_request_has_one_change_row(http: Http, rows: RecordingRows) -> None:
    """In the same transaction, for creations, changes, renames, memberships and deletes."""
    ids = await users(http, 40)
    crew = (await http.group("crew", *ids))["id"]
    await patch(http, f"/Groups/{crew}", replacing("displayName", "Crew"), members("remove", *ids[1:]))
    await patch(http, f"/Users/{ids[0]}", replacing("title", "Boss"))
    await http.request("DELETE", f"/Users/{ids[0]}")
    changes = [commit for commit in rows.commits if any(isinstance(c, (Insert, Replace, Touch)) for c in commit)]
    about = [commit for commit in changes if any(change.key[:2] in ("u.", "g.") for change in commit)]
    assert len(about) > 45
    assert all(sum(map(_is_change_row, commit)) == 1 for commit in about)


async def test_members_may_be_named_by_their_path(http: Http) -> None:
    """In POST and PUT, as in PATCH."""
    mira, omar = await users(http, 2)
    urn = "urn:ietf:params:scim:schemas:core:2.0:Group"
    made = await http.request("POST", "/Groups", {"displayName": "crew", f"{urn}:members": [{"value": mira}]})
    assert await member_ids(http, made.body["id"]) == {mira}
    body = {"displayName": "crew", f"{urn.upper()}:Members": [{"value": omar}]}
    assert (await http.request("PUT", f"/Groups/{made.body['id']}", body)).status == 200
    assert await member_ids(http, made.body["id"]) == {omar}


async def test_members_that_a_patch_adds_are_selected_by_their_type(http: Http) -> None:
    """Operations apply in their order: who is added and then removed as a user is no member, a group is."""
    mira, omar = await users(http, 2)
    inner, crew = (await http.group("inner"))["id"], (await http.group("crew", mira))["id"]
    gone = {"op": "remove", "path": 'members[type eq "User"]'}
    assert (await patch(http, f"/Groups/{crew}", members("add", omar, inner), gone)).status == 204
    assert await member_ids(http, crew) == {inner}
    unknown = await patch(http, f"/Groups/{crew}", members("add", "nobody"), gone)
    assert (unknown.status, unknown.body["scimType"]) == (400, "invalidValue")


async def test_time_is_that_of_the_change(http: Http, clock: Clock) -> None:
    """created stays, lastModified moves with the document, and with the members of a group."""
    mira = await http.user("mira")
    crew = await http.group("crew")
    clock.forward(hours=1)
    await patch(http, f"/Users/{mira['id']}", replacing("title", "Boss"))
    await patch(http, f"/Groups/{crew['id']}", members("add", mira["id"]))
    for path, made in ((f"/Users/{mira['id']}", mira), (f"/Groups/{crew['id']}", crew)):
        meta = (await http.request("GET", path)).body["meta"]
        assert meta["created"] == made["meta"]["created"] == made["meta"]["lastModified"]
        assert meta["lastModified"] == "2026-01-31T13:00:00.000Z"
        assert meta["version"] != made["meta"]["version"]
