"""Operations through HTTP: create, read, replace, patch and delete, names, and the attributes that are returned."""

from typing import Any

import pytest

from scim.storage.rows import Rows
from tests.conftest import BASE_URL, Clock, Http
from tests.samples import CORE, ENTERPRISE
from tests.service.asking import GROUP, MISSING, assert_error, everything, patch, replace

# --- Create, read, replace, patch, delete -----------------------------------------------------------------------------


async def test_a_created_user_is_answered_with_address_and_version(http: Http) -> None:
    """201 with the resource, its id and meta, and its address and version as headers too. RFC 7644 §3.3."""
    answer = await http.request("POST", "/Users", {"userName": "mira@contoso.example", "active": True})
    user = answer.body
    location = f"{BASE_URL}/Users/{user['id']}"
    assert answer.status == 201
    assert answer.headers == {"ETag": user["meta"]["version"], "Location": location}
    assert user == {
        "schemas": [CORE],
        "id": user["id"],
        "userName": "mira@contoso.example",
        "active": True,
        "meta": {
            "resourceType": "User",
            "created": "2026-01-31T12:00:00.000Z",
            "lastModified": "2026-01-31T12:00:00.000Z",
            "location": location,
            "version": user["meta"]["version"],
        },
    }


async def test_a_resource_is_read_as_it_was_answered(http: Http) -> None:
    """GET tells what POST told, headers too. RFC 7644 §3.4.1."""
    user = await http.user("mira", emails=[{"value": "m@contoso.example", "type": "work"}])
    answer = await http.request("GET", f"/Users/{user['id']}")
    assert (answer.status, answer.body) == (200, user)
    assert answer.headers == {"ETag": user["meta"]["version"], "Location": user["meta"]["location"]}


async def test_a_put_replaces_what_it_names_and_takes_away_the_rest(http: Http, clock: Clock) -> None:
    """RFC 7644 §3.5.1; the id and the time of creation stay, whatever the body says."""
    user = await http.user("mira", title="Captain", nickName="Mi")
    clock.forward(minutes=1)
    body = {"userName": "mira@contoso.example", "title": "Pilot", "id": MISSING, "meta": {"created": "2000-01-01"}}
    answer = await http.request("PUT", f"/Users/{user['id']}", body)
    assert answer.status == 200
    assert answer.headers["ETag"] == answer.body["meta"]["version"] != user["meta"]["version"]
    assert (answer.body["id"], answer.body["title"]) == (user["id"], "Pilot")
    assert "nickName" not in answer.body
    assert answer.body["meta"]["created"] == user["meta"]["created"]
    assert answer.body["meta"]["lastModified"] == "2026-01-31T12:01:00.000Z"


async def test_what_a_get_answers_can_be_put_back(http: Http) -> None:
    """Okta reads, merges and writes; read-only attributes come along and change nothing."""
    user = await http.user("mira", title="Captain", **{ENTERPRISE: {"department": "Sea"}})
    await http.group("Crew", user["id"])
    read = (await http.request("GET", f"/Users/{user['id']}")).body
    answer = await http.request("PUT", f"/Users/{user['id']}", read)
    assert (answer.status, answer.body) == (200, read)


async def test_a_patched_user_is_answered(http: Http, clock: Clock) -> None:
    """200 with the whole resource and its new version, which a validator needs. RFC 7644 §3.5.2."""
    user = await http.user("mira")
    clock.forward(minutes=1)
    answer = await http.request("PATCH", f"/Users/{user['id']}", replace("title", "Pilot"))
    assert (answer.status, answer.body["title"]) == (200, "Pilot")
    assert answer.headers["ETag"] == answer.body["meta"]["version"] != user["meta"]["version"]
    assert answer.body["meta"]["lastModified"] == "2026-01-31T12:01:00.000Z"
    assert (await http.request("GET", f"/Users/{user['id']}")).body == answer.body


async def test_a_patched_group_is_not_answered_unless_attributes_are_asked_for(http: Http) -> None:
    """Microsoft advises against returning members; who names attributes gets them. RFC 7644 §3.5.2."""
    mira = await http.user("mira")
    group = await http.group("Crew")
    path = f"/Groups/{group['id']}"
    add = patch({"op": "Add", "path": "members", "value": [{"value": mira["id"]}]})
    silent = await http.request("PATCH", path, add)
    assert (silent.status, silent.body) == (204, None)
    assert silent.headers["ETag"] != group["meta"]["version"]
    answer = await http.request("PATCH", f"{path}?attributes=displayName", replace("displayName", "Gang"))
    assert answer.status == 200
    assert answer.body == {"schemas": [GROUP], "id": group["id"], "displayName": "Gang"}
    slim = await http.request("PATCH", f"{path}?excludedAttributes=members", replace("displayName", "X"))
    assert slim.status == 200
    assert "members" not in slim.body


@pytest.mark.parametrize(
    "operation",
    [
        {"op": "replace", "path": "title", "value": "Captain"},
        {"op": "add", "path": "emails", "value": [{"value": "m@contoso.example", "type": "work"}]},
        {"op": "remove", "path": "nickName"},
        {"op": "replace", "path": "notKnownToAnySchema", "value": "x"},
    ],
)
async def test_a_patch_that_changes_nothing_writes_nothing(
    http: Http, rows: Rows, clock: Clock, operation: dict[str, Any]
) -> None:
    """Neither the version nor the time of the last change nor any row: Entra sends such PATCHes all the time."""
    user = await http.user("mira", title="Captain", emails=[{"value": "m@contoso.example", "type": "work"}])
    before = await everything(rows)
    clock.forward(minutes=1)
    answer = await http.request("PATCH", f"/Users/{user['id']}", patch(operation))
    assert (answer.status, answer.body) == (200, user)
    assert await everything(rows) == before


async def test_a_deleted_resource_is_gone(http: Http) -> None:
    """204 without a body, then 404 for every method, the second delete too. RFC 7644 §3.6."""
    user = await http.user("mira")
    path = f"/Users/{user['id']}"
    assert await http.request("DELETE", path) == (204, {}, None)
    for method, body in [("GET", None), ("PUT", user), ("PATCH", replace("title", "x")), ("DELETE", None)]:
        assert_error(await http.request(method, path, body), 404, detail=user["id"])
    assert (await http.request("GET", "/Users")).body["totalResults"] == 0


@pytest.mark.parametrize("resource_id", ["x", MISSING, MISSING.upper(), "..", "%2e%2e", "a%00b", "%F0%9F%98%80", "%ff"])
@pytest.mark.parametrize("method", ["GET", "DELETE", "PATCH"])
async def test_an_id_that_is_nobodys_is_not_found(http: Http, method: str, resource_id: str) -> None:
    """However odd it is, and whichever method it comes with."""
    body = replace("title", "x") if method == "PATCH" else None
    assert_error(await http.request(method, f"/Users/{resource_id}", body), 404, detail="No User has the id")


async def test_a_group_is_no_user(http: Http) -> None:
    """An id belongs to one endpoint only."""
    group = await http.group("Crew")
    assert_error(await http.request("GET", f"/Users/{group['id']}"), 404)


@pytest.mark.parametrize("members_first", [True, False])
@pytest.mark.parametrize("other", [{"Members": []}, {"MEMBERS": None}, {GROUP: {"displayName": "Crew"}}])
async def test_members_are_read_wherever_they_stand(http: Http, other: dict[str, Any], members_first: bool) -> None:
    """An empty list beside them, or an object for the attributes of the schema, does not make them disappear."""
    user = await http.user("mira")
    named = {"members": [{"value": user["id"]}]}
    body = {"displayName": "Crew"} if GROUP not in other else {}
    body |= (named | other) if members_first else (other | named)
    created = await http.request("POST", "/Groups", body)
    assert created.status == 201
    assert [each["value"] for each in created.body["members"]] == [user["id"]]


async def test_members_and_groups_are_two_sides_of_the_same(http: Http) -> None:
    """`groups` of a user is filled, both with addresses; deleting either side cleans the other. RFC 7643 §4."""
    mira, nils = await http.user("mira"), await http.user("nils")
    inner = await http.group("Inner")
    group = await http.group("Crew", mira["id"], nils["id"], inner["id"])
    assert sorted(group["members"], key=lambda each: str(each["value"])) == [
        {"value": mira["id"], "$ref": f"{BASE_URL}/Users/{mira['id']}", "type": "User"},
        {"value": nils["id"], "$ref": f"{BASE_URL}/Users/{nils['id']}", "type": "User"},
        {"value": inner["id"], "$ref": f"{BASE_URL}/Groups/{inner['id']}", "type": "Group"},
    ]
    read = (await http.request("GET", f"/Users/{mira['id']}")).body
    assert read["groups"] == [{"value": group["id"], "$ref": f"{BASE_URL}/Groups/{group['id']}", "type": "direct"}]
    await http.request("DELETE", f"/Users/{nils['id']}")
    read = (await http.request("GET", f"/Groups/{group['id']}")).body
    assert [each["value"] for each in read["members"]] == [mira["id"], inner["id"]]
    await http.request("DELETE", f"/Groups/{group['id']}")
    assert "groups" not in (await http.request("GET", f"/Users/{mira['id']}")).body


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH"])
async def test_a_member_who_does_not_exist_is_named_and_nothing_changes(http: Http, rows: Rows, method: str) -> None:
    """400, with who exists in the same request not becoming a member either."""
    mira = await http.user("mira")
    group = await http.group("Crew")
    members = [{"value": mira["id"]}, {"value": MISSING}]
    before = await everything(rows)
    path = "/Groups" if method == "POST" else f"/Groups/{group['id']}"
    add = patch({"op": "add", "path": "members", "value": members})
    body = add if method == "PATCH" else {"displayName": "Gang", "members": members}
    assert_error(await http.request(method, path, body), 400, "invalidValue", MISSING)
    assert await everything(rows) == before


async def test_a_failing_operation_undoes_those_before_it(http: Http, rows: Rows) -> None:
    """The whole PATCH is atomic, attributes and members alike. RFC 7644 §3.5.2."""
    mira = await http.user("mira")
    group = await http.group("Crew", mira["id"])
    before = await everything(rows)
    body = patch(
        {"op": "replace", "path": "displayName", "value": "Gang"},
        {"op": "remove", "path": "members"},
        {"op": "replace", "path": "displayName", "value": 0.5},
    )
    assert_error(await http.request("PATCH", f"/Groups/{group['id']}", body), 400, "invalidValue", "Operation 3")
    assert await everything(rows) == before


# --- Names ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["mira@contoso.example", "MIRA@Contoso.Example"])
async def test_a_user_name_is_taken_whatever_its_case(http: Http, rows: Rows, name: str) -> None:
    """409 uniqueness, naming the attribute and the owner's id, and nothing is written."""
    mira = await http.user("mira")
    before = await everything(rows)
    assert_error(await http.request("POST", "/Users", {"userName": name}), 409, "uniqueness", mira["id"])
    assert await everything(rows) == before


@pytest.mark.parametrize("method", ["PUT", "PATCH"])
async def test_nobody_is_renamed_to_a_taken_name(http: Http, method: str) -> None:
    """Neither by PUT nor by PATCH, and the old name stays with its owner."""
    await http.group("Crew")
    gang = await http.group("Gang")
    body = {"displayName": "crew"} if method == "PUT" else replace("displayName", "crew")
    assert_error(await http.request(method, f"/Groups/{gang['id']}", body), 409, "uniqueness", "displayName")
    assert (await http.request("GET", f"/Groups/{gang['id']}")).body == gang


async def test_names_of_users_and_groups_do_not_meet(http: Http) -> None:
    """A group may have the name of a user, and many users may have one displayName."""
    await http.user("mira", displayName="Crew")
    await http.user("nils", displayName="Crew")
    await http.group("mira@contoso.example")
    await http.group("Crew")


async def test_a_rename_in_letter_case_only_is_none_of_others_business(http: Http) -> None:
    """The owner may change how the name is written; it stays taken for others."""
    mira = await http.user("mira")
    answer = await http.request("PATCH", f"/Users/{mira['id']}", replace("userName", "Mira@Contoso.example"))
    assert (answer.status, answer.body["userName"]) == (200, "Mira@Contoso.example")
    assert_error(await http.request("POST", "/Users", {"userName": "mira@contoso.example"}), 409, "uniqueness")


async def test_a_name_is_free_again_after_a_delete_and_after_a_rename(http: Http) -> None:
    """For a new resource with a new id."""
    mira = await http.user("mira")
    await http.request("PATCH", f"/Users/{mira['id']}", replace("userName", "nils@contoso.example"))
    second = await http.user("mira")
    await http.request("DELETE", f"/Users/{mira['id']}")
    third = await http.user("nils")
    assert len({mira["id"], second["id"], third["id"]}) == 3


async def test_an_inactive_user_stays_and_is_reactivated_not_created_anew(http: Http) -> None:
    """Readable, filterable, still in the groups; a second POST is 409 with the id to reactivate, as Okta needs it."""
    mira = await http.user("mira", active=True)
    await http.group("Crew", mira["id"])
    path = f"/Users/{mira['id']}"
    assert (await http.request("PATCH", path, replace("active", "False"))).body["active"] is False
    read = (await http.request("GET", path)).body
    assert (read["active"], len(read["groups"])) == (False, 1)
    found = (await http.request("GET", "/Users?filter=userName+eq+%22mira@contoso.example%22")).body
    assert found["Resources"] == [read]
    again = await http.request("POST", "/Users", {"userName": "mira@contoso.example", "active": True})
    assert_error(again, 409, "uniqueness", mira["id"])
    assert (await http.request("PATCH", path, replace("active", True))).body["active"] is True


# --- Which attributes are returned ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("query", "names"),
    [
        ("attributes=userName", {"schemas", "id", "userName"}),
        ("attributes=USERNAME,name.givenName,nobody", {"schemas", "id", "userName", "name"}),
        (f"attributes={ENTERPRISE}:department", {"schemas", "id", ENTERPRISE}),
        ("attributes=id", {"schemas", "id"}),
        ("excludedAttributes=name,meta,id", {"schemas", "id", "userName", "active", ENTERPRISE}),
        ("attributes=", {"schemas", "id", "userName", "active", "name", "meta", ENTERPRISE}),
    ],
)
@pytest.mark.parametrize("method", ["POST", "GET", "PUT", "PATCH", "LIST"])
async def test_a_client_chooses_attributes_in_every_method(
    http: Http, method: str, query: str, names: set[str]
) -> None:
    """RFC 7644 §3.9: what is always returned stays, whatever is asked."""
    body = {"userName": "a@x", "name": {"givenName": "A", "familyName": "X"}, ENTERPRISE: {"department": "Sea"}}
    if method == "POST":
        answer = await http.request("POST", f"/Users?{query}", body)
    else:
        user = await http.created("/Users", **body)
        path = "/Users" if method == "LIST" else f"/Users/{user['id']}"
        sent = {"PUT": body, "PATCH": replace("userName", "b@x")}.get(method)
        answer = await http.request("GET" if method == "LIST" else method, f"{path}?{query}", sent)
    [resource] = answer.body["Resources"] if method == "LIST" else [answer.body]
    assert set(resource) == names
    if "name.givenName" in query:
        assert resource["name"] == {"givenName": "A"}


@pytest.mark.parametrize("method", ["POST", "GET", "PUT", "PATCH"])
@pytest.mark.parametrize("query", ["attributes=a%20b", "excludedAttributes=emails[type%20eq"])
async def test_what_is_no_attribute_name_is_refused_before_anything_is_written(
    http: Http, rows: Rows, method: str, query: str
) -> None:
    """A mistake in the query must not leave a change behind."""
    user = await http.user("mira")
    before = await everything(rows)
    path = "/Users" if method == "POST" else f"/Users/{user['id']}"
    body = {"POST": {"userName": "n"}, "PUT": {"userName": "n"}, "PATCH": replace("userName", "n")}.get(method)
    assert_error(await http.request(method, f"{path}?{query}", body), 400, "invalidValue")
    assert await everything(rows) == before


@pytest.mark.parametrize("path", ["/Groups/{id}", "/Groups", "/Groups?filter=displayName+eq+%22Crew%22"])
async def test_members_that_are_excluded_are_not_there_at_all(http: Http, path: str) -> None:
    """Not even as an empty list, which Microsoft's validator takes for members."""
    mira = await http.user("mira")
    group = await http.group("Crew", mira["id"])
    path = path.format(id=group["id"])
    with_members = (await http.request("GET", path)).body
    without = (await http.request("GET", f"{path}{'&' if '?' in path else '?'}excludedAttributes=members")).body
    assert "members" in (with_members["Resources"][0] if "Resources" in with_members else with_members)
    assert "members" not in (without["Resources"][0] if "Resources" in without else without)
