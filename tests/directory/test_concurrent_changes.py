"""Changes that meet at the same time: none is lost, and no membership leads nowhere."""

from typing import Any

import pytest

from tests.conftest import Http
from tests.directory.changes import group_ids, member_ids, members, patch, replacing, users
from tests.recording import RecordingRows


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
