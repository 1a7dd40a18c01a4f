"""Memberships: what a change of members comes to, found in one way for few and in another for many."""

from typing import Any

import pytest

from scim.app import App
from scim.directory import keys, memberships
from scim.directory.memberships import FEW, Memberships, Plan, capacity
from scim.directory.stored import Edge
from scim.protocol.errors import InvalidValue
from scim.protocol.members import MemberChange
from scim.storage.rows import MAX_CHANGES, Delete, Insert, RowConflict, Touch
from tests.conftest import Http
from tests.recording import RecordingRows

NOBODY = "f" * 32


@pytest.fixture
def listed(app: App) -> Memberships:
    """Its memberships."""
    return app.directory.memberships


@pytest.fixture
async def crew(http: Http) -> dict[str, Any]:
    """A group with two members, one of them a group, and two others who are none."""
    ids = {name: (await http.user(name))["id"] for name in ("mira", "omar")}
    ids |= {name: (await http.group(name))["id"] for name in ("inner", "other")}
    return ids | {"crew": (await http.group("crew", ids["mira"], ids["inner"]))["id"]}


def wanting(crew: dict[str, Any], cleared: bool = False, **members: bool) -> MemberChange:
    return MemberChange(cleared, {crew.get(name, NOBODY): member for name, member in members.items()})


def named(crew: dict[str, Any], edges: Any) -> set[tuple[str, str]]:
    names = {item: name for name, item in crew.items()}
    return {(names[edge.id], edge.kind) for edge in edges}


@pytest.mark.parametrize("few", [FEW, 0])
@pytest.mark.parametrize(
    ("change", "added", "removed"),
    [
        ({}, set(), set()),
        ({"omar": True}, {("omar", "u")}, set()),
        ({"mira": True}, set(), set()),
        ({"other": True, "mira": True}, {("other", "g")}, set()),
        ({"mira": False, "omar": False}, set(), {("mira", "u")}),
        ({"inner": False, "omar": True}, {("omar", "u")}, {("inner", "g")}),
        ({"nobody": False}, set(), set()),
        ({"cleared": True}, set(), {("mira", "u"), ("inner", "g")}),
        ({"cleared": True, "mira": True, "omar": True}, {("omar", "u")}, {("inner", "g")}),
    ],
)
async def test_only_what_differs_is_planned(
    listed: Memberships,
    crew: dict[str, Any],
    monkeypatch: pytest.MonkeyPatch,
    few: int,
    change: dict[str, bool],
    added: Any,
    removed: Any,
) -> None:
    """With the kinds of the members; the same for ids that are looked at one by one and for ids found in ranges."""
    monkeypatch.setattr(memberships, "FEW", few)
    plan = await listed.plan(crew["crew"], wanting(crew, **change))
    assert (named(crew, plan.added), named(crew, plan.removed)) == (added, removed)
    assert bool(plan) == bool(added or removed)


@pytest.mark.parametrize("few", [FEW, 0])
@pytest.mark.parametrize("cleared", [False, True])
async def test_members_who_do_not_exist_are_named(
    listed: Memberships, crew: dict[str, Any], monkeypatch: pytest.MonkeyPatch, few: int, cleared: bool
) -> None:
    """The first five of them; ids that no resource can have among them."""
    monkeypatch.setattr(memberships, "FEW", few)
    missing = [NOBODY, "not-an-id", "../x", "", "A" * 32, "漢" * 100]
    change = MemberChange(cleared, dict.fromkeys([crew["omar"], *missing], True))
    with pytest.raises(InvalidValue) as error:
        await listed.plan(crew["crew"], change)
    assert f"{NOBODY}, not-an-id, ../x" in error.value.detail
    assert "and 1 more" in error.value.detail
    assert len(error.value.detail) < 500
    plan = await listed.plan(crew["crew"], change, must_exist=False)
    assert named(crew, plan.added) == {("omar", "u")}


async def test_a_group_is_no_member_of_itself(listed: Memberships, crew: dict[str, Any]) -> None:
    """Not directly; in a circle of several groups it may be."""
    with pytest.raises(InvalidValue, match="itself"):
        await listed.plan(crew["crew"], MemberChange(wanted={crew["crew"]: True}))


@pytest.mark.parametrize("count", [FEW + 1, 200])
async def test_many_are_found_in_ranges_where_that_is_cheaper(
    listed: Memberships, http: Http, rows: RecordingRows, crew: dict[str, Any], count: int
) -> None:
    """A handful of calls instead of two for each id."""
    ids = [(await http.user(f"u{number}"))["id"] for number in range(count)]
    rows.forget()
    plan = await listed.plan(crew["crew"], MemberChange(wanted=dict.fromkeys(ids, True)))
    assert {edge.id for edge in plan.added} == set(ids)
    assert len(rows.calls) <= 5


async def test_many_are_looked_at_one_by_one_in_a_tenant_of_many_more(
    listed: Memberships, http: Http, rows: RecordingRows, crew: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Reading everybody would cost more."""
    monkeypatch.setattr(memberships, "ROWS_PER_READ", 1)
    ids = [(await http.user(f"u{number}"))["id"] for number in range(FEW + 20)]
    rows.forget()
    assert set(await listed.exist(ids[: FEW + 1])) == set(ids[: FEW + 1])
    assert rows.rows_read < 2 * FEW + 10
    assert rows.calls.count("read") > FEW


async def test_the_cost_of_a_large_group_does_not_grow_with_it(
    listed: Memberships, http: Http, rows: RecordingRows, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A range over its members is given up once it has read more than looking at each id would cost."""
    ids = [(await http.user(f"u{number}"))["id"] for number in range(300)]
    crew = (await http.group("crew", *ids))["id"]
    monkeypatch.setattr(memberships, "ROWS_PER_READ", 2)
    rows.forget()
    found = await listed._present(crew, ids[-(FEW + 1) :])
    assert len(found) == FEW + 1
    assert rows.rows_read <= 3 * (FEW + 1)


async def test_the_versions_of_planned_removals_are_those_that_were_read(
    app: App, listed: Memberships, http: Http, crew: dict[str, Any]
) -> None:
    """A membership that was removed and made again meanwhile is another one: the commit conflicts."""
    plan = await listed.plan(crew["crew"], wanting(crew, mira=False))
    changes = memberships.removed(crew["crew"], plan.removed)
    for op in ("remove", "add"):
        body = {"Operations": [{"op": op, "path": "members", "value": [{"value": crew["mira"]}]}]}
        await http.request("PATCH", f"/Groups/{crew['crew']}", body)
    with pytest.raises(RowConflict):
        await app.tenant.commit(changes)


def test_a_membership_is_three_changes() -> None:
    """One on each side, and a touch of the end that is not changed anyway."""
    assert capacity(1) == 33
    assert 3 * capacity(7) + 7 <= MAX_CHANGES
    assert memberships.added("1", [Edge("2", "u")]) == [Insert("m.1.2", "u"), Insert("r.2.1", ""), Touch("u.2")]
    assert memberships.removed("1", [Edge("2", "g", "v")]) == [Delete("m.1.2", "v"), Delete("r.2.1"), Touch("g.2")]
    assert memberships.left("2", ["1"]) == [Delete("m.1.2"), Delete("r.2.1"), Touch("g.1")]


async def test_both_sides_are_read_in_the_order_of_ids(listed: Memberships, http: Http, crew: dict[str, Any]) -> None:
    """Direct memberships only."""
    await http.group("second", crew["mira"])
    assert [edge.id for edge in await listed.members(crew["crew"])] == sorted([crew["mira"], crew["inner"]])
    groups = await listed.groups(crew["mira"])
    assert [edge.id for edge in groups] == sorted(edge.id for edge in groups)
    assert len(groups) == 2
    assert await listed.groups(crew["omar"]) == []
    assert len(await listed.members(crew["crew"], 1)) == 1


async def test_the_memberships_of_neighbours_are_read_in_one_range(
    listed: Memberships, http: Http, crew: dict[str, Any]
) -> None:
    """By id; None when there are more than a page may carry."""
    ids = sorted([crew["crew"], crew["inner"], crew["other"]])
    found = await listed.between("g", ids, 100)
    assert found is not None
    assert {owner: {edge.id for edge in edges} for owner, edges in found.items()} == {
        crew["crew"]: {crew["mira"], crew["inner"]},
        crew["inner"]: set(),
        crew["other"]: set(),
    }
    assert {edge.id: edge.kind for edge in found[crew["crew"]]} == {crew["mira"]: "u", crew["inner"]: "g"}
    assert await listed.between("g", ids, 2) == found
    assert await listed.between("g", ids, 1) is None
    of_users = await listed.between("u", sorted([crew["mira"], crew["omar"]]), 100)
    assert of_users == {crew["mira"]: [Edge(crew["crew"], "g")], crew["omar"]: []}


async def test_memberships_of_resources_that_lie_apart_are_read_one_by_one(
    listed: Memberships, crew: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same as in one range, with the same limit; of a single resource all are returned."""
    ids = sorted([crew["crew"], crew["inner"], crew["other"]])
    for at_once in (1, 2, 16):
        monkeypatch.setattr(memberships, "AT_ONCE", at_once)
        assert await listed.of_each("g", ids, 2) == await listed.between("g", ids, 2)
        assert await listed.of_each("g", ids, 1) is None
    alone = await listed.of_each("g", [crew["crew"]], 1)
    assert alone is not None
    assert len(alone[crew["crew"]]) == 2
    assert await listed.of_each("u", [crew["mira"], crew["omar"]], 1) == {
        crew["mira"]: [Edge(crew["crew"], "g")],
        crew["omar"]: [],
    }


async def test_a_page_of_memberships_goes_on_over_several_answers(
    listed: Memberships, http: Http, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However few rows the store answers at once."""
    ids = [(await http.user(f"u{number}"))["id"] for number in range(12)]
    groups = sorted([(await http.group(f"g{number}", *ids))["id"] for number in range(3)])
    monkeypatch.setattr(memberships, "PAGE", 4)
    found = await listed.between("g", groups, 100)
    assert found == {group: [Edge(each, "u") for each in sorted(ids)] for group in groups}


async def test_a_resource_is_given_its_own_side(app: App, listed: Memberships, crew: dict[str, Any]) -> None:
    """Members to a group, groups to a user."""
    group = await app.directory.read(app.kinds["Group"], crew["crew"])
    user = await app.directory.read(app.kinds["User"], crew["mira"])
    assert named(crew, (await listed.attached(group)).edges) == {("mira", "u"), ("inner", "g")}
    assert named(crew, (await listed.attached(user)).edges) == {("crew", "g")}


async def test_who_has_a_tombstone_is_shown_nowhere(
    listed: Memberships, rows: RecordingRows, crew: dict[str, Any]
) -> None:
    """Neither as a member, nor its own memberships, in single reads and in ranges."""
    await rows.commit("scim", [Insert(keys.tombstone(crew["mira"]), "u"), Insert(keys.making(crew["inner"]), "")])
    assert await listed.members(crew["crew"]) == []
    assert await listed.groups(crew["mira"]) == []
    assert await listed.groups(crew["inner"]) == []
    assert await listed.between("g", [crew["crew"]], 100) == {crew["crew"]: []}
    assert await listed.of_each("g", [crew["crew"]], 100) == {crew["crew"]: []}


async def test_plans_say_what_they_want_anew() -> None:
    """For a second try, whoever is a member by then."""
    change = Plan([Edge("1", "u")], [Edge("2", "u")]).change()
    assert change.wanted == {"1": True, "2": False}
    assert not change.cleared
