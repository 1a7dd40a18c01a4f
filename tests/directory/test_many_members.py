"""Groups with many members, which one transaction cannot hold."""

from typing import Any

import pytest

from scim.app import App
from scim.directory import keys
from scim.directory.memberships import capacity
from scim.directory.tombstones import MAKING
from scim.storage.rows import Delete, Insert
from tests.conftest import Clock, Http
from tests.directory.changes import group_ids, member_ids, members, patch, replacing, users
from tests.recording import RecordingRows


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
    assert len(rows.commits) == 6, "the request spends a bounded time on memberships"
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


@pytest.mark.parametrize(("count", "sizes"), [(31, [5 + 3 * 31]), (32, [6, 3 * 32, 1])])
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


@pytest.mark.parametrize(("count", "commits"), [(31, 1), (32, 3)])
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

    async def dies(self: RecordingRows, partition: str, changes: Any, mark: str) -> list[str]:
        nonlocal calls
        calls += 1
        if calls == 4:
            raise ConnectionError
        return await right(self, partition, changes, mark)

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
