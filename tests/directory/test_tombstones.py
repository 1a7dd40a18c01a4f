"""Large deletes and groups in the making: finished by whoever comes, however often."""

import pytest

from scim.app import App
from scim.directory import keys
from scim.directory.tombstones import BATCHES_AT_ONCE, MAKING, Tombstones, merged
from scim.storage.rows import Delete, Insert, RowChange, Touch
from tests.conftest import Clock, Http, make_app
from tests.recording import RecordingRows


@pytest.fixture
async def buried(app: App, http: Http, rows: RecordingRows) -> str:
    """The id of a deleted group of 100 that is in five groups, none of whose memberships were removed yet."""
    ids = [(await http.user(f"u{number}"))["id"] for number in range(100)]
    crew = str((await http.group("crew", *ids))["id"])
    for number in range(5):
        await http.group(f"outer{number}", crew)
    stored = await app.directory.read(app.kinds["Group"], crew)
    gone: list[RowChange] = [Delete(f"g.{crew}", stored.version), Insert(keys.tombstone(crew), "g")]
    await rows.commit("scim", [*gone, *map(Delete, stored.kind.names(stored.document))])
    rows.forget()
    return crew


async def left(rows: RecordingRows, resource_id: str) -> list[str]:
    return [key for key in await rows.everything() if resource_id in key]


async def test_a_sweep_removes_memberships_on_both_sides(app: App, rows: RecordingRows, buried: str) -> None:
    """Transaction by transaction, each full, the tombstone last, and touches those who stay."""
    tombstones = app.directory.tombstones
    assert not await tombstones.sweep(buried, 2)
    assert [len(commit) for commit in rows.commits] == [99, 99]
    assert keys.tombstone(buried) in await left(rows, buried)
    assert await tombstones.sweep(buried, 100)
    assert await left(rows, buried) == []
    assert rows.commits[-1] == [Delete(keys.tombstone(buried))]
    touched = {change.key[0] for commit in rows.commits for change in commit if isinstance(change, Touch)}
    assert touched == {"u", "g"}


@pytest.mark.parametrize(("query", "status"), [("", 200), ("?excludedAttributes=members", 304)])
async def test_what_shows_fewer_memberships_is_sent_again(
    http: Http, rows: RecordingRows, buried: str, query: str, status: int
) -> None:
    """The groups around it keep their versions until the sweep reaches them, but no longer show it."""
    outer = next(key.split(".")[2] for key in await rows.everything() if key.startswith(f"r.{buried}."))
    path = f"/Groups/{outer}{query}"
    shown = (await http.request("GET", path)).body
    assert "members" not in shown
    answer = await http.request("GET", path, headers={"If-None-Match": shown["meta"]["version"]})
    assert answer.status == status


async def test_a_sweep_of_what_is_finished_does_nothing(app: App, rows: RecordingRows, buried: str) -> None:
    """As when another timer was faster."""
    await app.directory.tombstones.sweep(buried, 100)
    rows.forget()
    assert await app.directory.tombstones.sweep(buried, 100)
    assert rows.commits == []


async def test_two_sweeps_at_once_finish_together(rows: RecordingRows, app: App, clock: Clock, buried: str) -> None:
    """One conflicts with the other in each transaction and goes on behind it."""
    other = Tombstones(make_app(rows, clock).tenant)
    acts = [lambda: other.sweep(buried, 1) for _ in range(10)]
    rows.before_commit(*acts)
    assert await app.directory.tombstones.sweep(buried, 100)
    assert await left(rows, buried) == []


async def test_a_sweep_goes_past_ends_that_are_gone_too(app: App, http: Http, rows: RecordingRows, buried: str) -> None:
    """Members who were deleted meanwhile cannot be touched."""
    listed = (await http.request("GET", "/Users?count=1000")).body["Resources"]
    for each in listed[::7]:
        assert (await http.request("DELETE", f"/Users/{each['id']}")).status == 204
    assert await app.directory.tombstones.sweep(buried, 100)
    assert await left(rows, buried) == []


async def test_half_a_membership_is_removed_as_well(app: App, rows: RecordingRows, buried: str) -> None:
    """Whatever happened to the other half."""
    keys_left = [key for key in await left(rows, buried) if key[:2] in ("m.", "r.")]
    await rows.commit("scim", [Delete(key) for key in keys_left[:40]])
    assert await app.directory.tombstones.sweep(buried, 100)
    sides = [key for key in await left(rows, buried) if key.startswith((f"m.{buried}", f"r.{buried}"))]
    assert sides == []


async def test_only_so_many_memberships_are_read_as_are_removed(app: App, rows: RecordingRows, buried: str) -> None:
    """A large group is not read again for each transaction."""
    await app.directory.tombstones.sweep(buried, 1)
    assert rows.rows_read <= 40


async def test_groups_in_the_making_are_no_deleted_ones_until_an_hour_has_passed(
    app: App, rows: RecordingRows, clock: Clock
) -> None:
    """Then their request is dead, and could not finish any more if it were not."""
    tombstones, group = app.directory.tombstones, "e" * 32
    await rows.commit("scim", [Insert(keys.making(group), "", app.tenant.time())])
    clock.forward(seconds=MAKING.total_seconds())
    assert await tombstones.bury_unfinished() == 0
    assert await tombstones.all() == []
    clock.forward(seconds=1)
    assert await tombstones.bury_unfinished() == 1
    assert await tombstones.all() == [group]
    assert await rows.read("scim", keys.making(group)) is None


async def test_a_group_that_is_finished_just_then_is_not_buried(app: App, rows: RecordingRows, clock: Clock) -> None:
    """Its row in the making is gone at the same time as the timer wants to bury it."""
    group = "e" * 32
    await rows.commit("scim", [Insert(keys.making(group), "", app.tenant.time())])
    clock.forward(hours=2)
    rows.before_commit(lambda: rows.commit("scim", [Delete(keys.making(group))]))
    assert await app.directory.tombstones.bury_unfinished() == 0
    assert await app.directory.tombstones.all() == []


def test_a_row_is_changed_once() -> None:
    """Two groups that are members of each other touch the same row twice."""
    changes: list[list[RowChange]] = [[Delete("m.1.2"), Touch("g.2")], [Delete("m.2.1"), Touch("g.2")]]
    assert merged(changes) == [Delete("m.1.2"), Touch("g.2"), Delete("m.2.1")]


def test_a_request_does_a_bounded_part_of_a_large_delete() -> None:
    """Some 500 rows, of the 2,000 a second that a partition gives to everybody."""
    assert BATCHES_AT_ONCE == 5
