"""The directory on its rows: what one transaction holds, what an operation costs, names and limits."""

from collections import Counter
from typing import Any

import pytest

from scim.app import App
from scim.directory import keys
from scim.directory.memberships import Plan, capacity
from scim.directory.resources import _batches, _whatever_case
from scim.directory.stored import MAX_DERIVED, Edge, Kind
from scim.protocol.schema import ResourceType, Schema
from scim.storage.rows import MAX_BODY_BYTES, MAX_CHANGES, Delete, Insert, Replace, RowChange, Touch
from tests.conftest import Clock, Http, make_app
from tests.directory.changes import kinds_of, member_ids, members, patch, replacing, users
from tests.recording import RecordingRows

FILTERABLE = ("externalId", "emails.value")


@pytest.fixture
async def app(rows: RecordingRows, clock: Clock) -> App:
    """The service over it."""
    return make_app(rows, clock, filterable=FILTERABLE)


# One change, one transaction


async def test_a_creation_is_one_transaction(http: Http, rows: RecordingRows) -> None:
    """Document, name, look-ups, count and change row are there together or not at all."""
    await http.user("first", externalId="1")
    rows.forget()
    await http.user("mira", externalId="m-1", emails=[{"value": "a@contoso.example"}, {"value": "b@contoso.example"}])
    [commit] = rows.commits
    assert kinds_of(commit) == {
        "Insert u": 1,
        "Insert n": 1,
        "Insert x": 3,
        "Replace c": 1,
        "Record e": 1,
        "Insert o": 1,
    }


async def test_a_rename_is_one_transaction(http: Http, rows: RecordingRows) -> None:
    """The old name goes and the new one comes with the document; look-ups that stay are not written."""
    mira = await http.user("mira", externalId="m-1")
    rows.forget()
    assert (await patch(http, f"/Users/{mira['id']}", replacing("userName", "new"))).status == 200
    [commit] = rows.commits
    assert kinds_of(commit) == {"Replace u": 1, "Delete n": 1, "Insert n": 1, "Record e": 1, "Insert o": 1}


async def test_a_membership_is_one_transaction(http: Http, rows: RecordingRows) -> None:
    """Both of its rows, and a touch of both ends, since both are represented differently now."""
    [mira] = await users(http, 1)
    crew = (await http.group("crew"))["id"]
    rows.forget()
    await patch(http, f"/Groups/{crew}", members("add", mira))
    await patch(http, f"/Groups/{crew}", members("remove", mira))
    added, removed = rows.commits
    assert kinds_of(added) == {"Touch g": 1, "Record e": 1, "Insert o": 1, "Insert m": 1, "Insert r": 1, "Touch u": 1}
    assert kinds_of(removed) == {"Touch g": 1, "Record e": 1, "Insert o": 1, "Delete m": 1, "Delete r": 1, "Touch u": 1}


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
        "Record e": 1,
        "Insert o": 1,
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


# Limits


async def test_a_resource_that_does_not_fit_is_refused(http: Http, rows: RecordingRows) -> None:
    """413 with the limit, in creations and changes, and nothing is written."""
    address = "x" * (MAX_BODY_BYTES // 2 + 1)
    mira = (await http.user("mira"))["id"]
    before = await rows.everything()
    for answer in (
        await http.request("POST", "/Users", {"userName": "large", "profileUrl": address}),
        await patch(http, f"/Users/{mira}", replacing("profileUrl", address)),
        await http.request("PUT", f"/Users/{mira}", {"userName": "mira", "profileUrl": address}),
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
    assert len(commit) == 2 * most + 2 + 3 <= MAX_CHANGES
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
