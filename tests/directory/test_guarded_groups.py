"""Guarded groups keep their last active member, whatever takes it away and whoever meets."""

import logging
from typing import Any

import pytest

from scim.app import App
from scim.directory import guards
from scim.directory.guards import LET_THROUGH, REFUSED
from tests.conftest import Answer, Http
from tests.directory.changes import member_ids, members, patch, replacing
from tests.recording import RecordingRows


async def guarded(http: Http, app: App, *active: bool, mode: str = "on") -> tuple[str, list[str]]:
    """Make a guarded group of users, active ones or not; return its id and theirs."""
    made = [
        (await http.created("/Users", userName=f"user{number}", active=each))["id"]
        for number, each in enumerate(active)
    ]
    group = (await http.group("admins", *made))["id"]
    await app.administration.guard("scim", group, mode)
    app.admission.tenants._kept.clear()
    return group, made


def refused(answer: Answer) -> bool:
    """Whether an answer is what an administrator is to read in Entra's log: neither 401, 403 nor 409."""
    if answer.status != 400:
        return False
    assert answer.body["scimType"] == "invalidValue"
    assert "is guarded" in answer.body["detail"]
    return True


def taking(group: str, *ids: str) -> dict[str, tuple[str, str, Any]]:
    """Return the requests that would leave a group without these members, and everybody else."""
    path = f"/Groups/{group}"
    removal = {"op": "remove", "path": f'members[value eq "{ids[0]}"]'}
    return {
        "remove by id": ("PATCH", path, {"Operations": [members("remove", *ids)]}),
        "remove by filter": ("PATCH", path, {"Operations": [removal]}),
        "remove all": ("PATCH", path, {"Operations": [{"op": "remove", "path": "members"}]}),
        "replace members": ("PATCH", path, {"Operations": [members("replace")]}),
        "replace": ("PUT", path, {"displayName": "admins", "members": []}),
        "delete": ("DELETE", path, None),
    }


@pytest.mark.parametrize("way", taking("", "").keys())
async def test_the_last_active_member_stays(http: Http, app: App, caplog: pytest.LogCaptureFixture, way: str) -> None:
    """Who is disabled does not count as one who could still administer; the log has a line that an alert reads."""
    group, (mira, omar) = await guarded(http, app, True, False)
    with caplog.at_level(logging.WARNING):
        assert refused(await http.request(*taking(group, mira)[way]))
    [line] = [each.getMessage() for each in caplog.records if each.getMessage().startswith(REFUSED)]
    assert f"tenant=scim id={group}" in line
    assert await member_ids(http, group) == {mira, omar}


@pytest.mark.parametrize("way", taking("", "").keys())
async def test_without_the_guard_anybody_goes(http: Http, app: App, way: str) -> None:
    """It is off until somebody asks for it, and may be taken off again."""
    group, (mira,) = await guarded(http, app, True)
    await app.administration.guard("scim", group, None)
    app.admission.tenants._kept.clear()
    assert (await http.request(*taking(group, mira)[way])).status in (200, 204)


async def test_others_may_go_and_come(http: Http, app: App) -> None:
    """While one who is active stays, or comes with the same request."""
    group, (mira, omar, nils) = await guarded(http, app, True, True, False)
    path = f"/Groups/{group}"
    assert (await patch(http, path, members("remove", omar, nils))).status == 204
    assert (await patch(http, path, members("replace", omar))).status == 204
    assert await member_ids(http, group) == {omar}
    assert refused(await patch(http, path, members("replace", nils)))
    assert (await http.request("DELETE", f"/Users/{mira}")).status == 204


async def test_a_group_without_an_active_member_has_nothing_to_keep(http: Http, app: App) -> None:
    """Nobody is kept from tidying it up."""
    group, (mira, _) = await guarded(http, app, False, False)
    assert (await patch(http, f"/Groups/{group}", members("remove", mira))).status == 204
    assert (await http.request("DELETE", f"/Groups/{group}")).status == 204


async def test_a_group_as_member_is_nobody_who_is_active(http: Http, app: App) -> None:
    """Whom it has, and whether they are active, changes without this group being asked."""
    group, (mira,) = await guarded(http, app, True)
    inner = (await http.group("inner", (await http.user("tom"))["id"]))["id"]
    await patch(http, f"/Groups/{group}", members("add", inner))
    assert refused(await patch(http, f"/Groups/{group}", members("remove", mira)))


LEAVING: dict[str, tuple[str, Any]] = {
    "disabled by PATCH": ("PATCH", {"Operations": [replacing("active", "False")]}),
    "disabled by PUT": ("PUT", {"userName": "user0", "active": False}),
    "deleted": ("DELETE", None),
}


@pytest.mark.parametrize("way", LEAVING)
async def test_a_dismissed_person_is_never_kept_active(
    http: Http, app: App, caplog: pytest.LogCaptureFixture, way: str
) -> None:
    """The change goes through, and a line of the log, which an alert reads, says what it has come to."""
    group, (mira,) = await guarded(http, app, True)
    method, body = LEAVING[way]
    with caplog.at_level(logging.WARNING):
        assert (await http.request(method, f"/Users/{mira}", body)).status in (200, 204)
    [line] = [each.getMessage() for each in caplog.records if each.getMessage().startswith(LET_THROUGH)]
    assert f"tenant=scim group={group} user={mira}" in line


@pytest.mark.parametrize("way", LEAVING)
async def test_strict_keeps_the_person_too(http: Http, app: App, way: str) -> None:
    """For who would rather have somebody too many than nobody; a second one may go."""
    group, (mira, omar) = await guarded(http, app, True, True, mode="strict")
    method, body = LEAVING[way]
    assert (await http.request(method, f"/Users/{mira}", body)).status in (200, 204)
    second = body | {"userName": "user1"} if method == "PUT" else body
    assert refused(await http.request(method, f"/Users/{omar}", second))
    assert omar in await member_ids(http, group)


async def test_of_two_last_members_who_are_removed_at_once_one_stays(http: Http, app: App, rows: RecordingRows) -> None:
    """Each alone may go; the second one to commit is looked at again."""
    group, (mira, omar) = await guarded(http, app, True, True)
    path = f"/Groups/{group}"
    rows.before_commit(lambda: patch(http, path, members("remove", omar)))
    assert refused(await patch(http, path, members("remove", mira)))
    assert await member_ids(http, group) == {mira}


async def test_a_removal_and_a_disabling_that_meet(http: Http, app: App, rows: RecordingRows) -> None:
    """Who stays behind is disabled meanwhile: then nobody is removed."""
    group, (mira, omar) = await guarded(http, app, True, True)
    rows.before_commit(lambda: patch(http, f"/Users/{omar}", replacing("active", False)))
    assert refused(await patch(http, f"/Groups/{group}", members("remove", mira)))


@pytest.mark.parametrize("mode", guards.MODES)
async def test_a_disabling_and_a_removal_that_meet(
    http: Http, app: App, rows: RecordingRows, caplog: pytest.LogCaptureFixture, mode: str
) -> None:
    """The other way round: the disabled one is the last one by now."""
    group, (mira, omar) = await guarded(http, app, True, True, mode=mode)
    rows.before_commit(lambda: patch(http, f"/Groups/{group}", members("remove", omar)))
    answer = await patch(http, f"/Users/{mira}", replacing("active", False))
    assert (refused(answer), LET_THROUGH in caplog.text) == ((True, False) if mode == "strict" else (False, True))


@pytest.mark.parametrize("way", LEAVING)
async def test_of_two_who_leave_at_once_the_second_is_known_for_the_last(
    http: Http, app: App, rows: RecordingRows, way: str
) -> None:
    """Strict holds between two people as well."""
    _, (mira, omar) = await guarded(http, app, True, True, mode="strict")
    method, body = LEAVING[way]
    rows.before_commit(lambda: http.request("DELETE", f"/Users/{omar}"))
    assert refused(await http.request(method, f"/Users/{mira}", body))


async def test_who_is_added_while_being_disabled_is_looked_at_as_a_member(
    http: Http, app: App, rows: RecordingRows
) -> None:
    """The version of the user holds what was read of its memberships."""
    group, (mira,) = await guarded(http, app, True, mode="strict")
    omar = (await http.user("omar"))["id"]

    async def exchange() -> None:
        await patch(http, f"/Groups/{group}", members("add", omar))
        await patch(http, f"/Groups/{group}", members("remove", mira))

    rows.before_commit(exchange)
    assert refused(await patch(http, f"/Users/{omar}", replacing("active", False)))


async def test_a_removal_of_many_steps_is_looked_at_before_the_first(http: Http, app: App) -> None:
    """And each step by itself: a hundred members do not fit into one transaction."""
    group, ids = await guarded(http, app, *[True] * 100)
    assert refused(await patch(http, f"/Groups/{group}", members("remove", *ids)))
    assert len(await member_ids(http, group)) == 100
    assert (await patch(http, f"/Groups/{group}", members("remove", *ids[:-1]))).status == 204
    assert await member_ids(http, group) == {ids[-1]}


async def test_a_step_sees_who_was_disabled_since_the_first(http: Http, app: App, rows: RecordingRows) -> None:
    """What was removed by then stays removed, and the rest stays."""
    group, ids = await guarded(http, app, *[True] * 50)
    rows.before_commit(None, lambda: patch(http, f"/Users/{ids[-1]}", replacing("active", False)))
    assert refused(await patch(http, f"/Groups/{group}", members("remove", *ids[:-1])))
    left = await member_ids(http, group)
    assert 1 < len(left) < 50


async def test_among_very_many_members_it_is_better_to_be_safe(
    http: Http, app: App, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A change has a bound: beyond it nobody is known to be active."""
    monkeypatch.setattr(guards, "MOST_LOOKED_AT", 2)
    group, ids = await guarded(http, app, False, False, True, True)
    assert refused(await patch(http, f"/Groups/{group}", members("remove", ids[3])))
    assert refused(await http.request("DELETE", f"/Groups/{group}"))


async def test_groups_and_users_that_are_not_guarded_cost_nothing(http: Http, app: App, rows: RecordingRows) -> None:
    """Nothing is read for a guard that does not concern a change."""
    mira = (await http.user("mira"))["id"]
    crew = (await http.group("crew", mira))["id"]

    async def cost() -> int:
        rows.forget()
        await patch(http, f"/Groups/{crew}", members("remove", mira))
        await patch(http, f"/Groups/{crew}", members("add", mira))
        return len(rows.calls)

    before = await cost()
    await guarded(http, app, True, True)
    await http.request("GET", f"/Users/{mira}")  # reads the tenant's row again
    assert await cost() == before
