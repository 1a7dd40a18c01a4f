"""The service as a client meets it: what each request answers, and that a refused one changes nothing."""

import logging
from typing import Any

import pytest

from scim.app import App
from scim.protocol.errors import ERROR_SCHEMA, Unavailable
from scim.service.messages import MAX_BODY
from scim.storage.rows import Row, Rows
from tests.conftest import BASE_URL, TOKEN, Answer, Clock, Http
from tests.samples import CORE, ENTERPRISE

MISSING = "f" * 32
GROUP = "urn:ietf:params:scim:schemas:core:2.0:Group"


def patch(*operations: dict[str, Any]) -> dict[str, Any]:
    return {"schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"], "Operations": list(operations)}


def replace(path: str, value: Any) -> dict[str, Any]:
    return patch({"op": "replace", "path": path, "value": value})


async def everything(rows: Rows) -> list[Row]:
    return await rows.range("scim", "", "~", 10_000)


def assert_error(answer: Answer, status: int, scim_type: str | None = None, detail: str = "") -> None:
    """Check that an answer is an error in SCIM's form. RFC 7644 §3.12."""
    assert answer.status == status, answer.body
    assert answer.body["schemas"] == [ERROR_SCHEMA]
    assert answer.body["status"] == str(status)
    assert answer.body.get("scimType") == scim_type
    assert detail in answer.body["detail"]


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
        {"op": "replace", "path": "displayName", "value": 5},
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
        ("excludedAttributes=name,meta,id", {"schemas", "id", "userName", ENTERPRISE}),
        ("attributes=", {"schemas", "id", "userName", "name", "meta", ENTERPRISE}),
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
@pytest.mark.parametrize("query", ["attributes=a%20b", "excludedAttributes=emails[type%20eq%20%22x%22]"])
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


# --- Versions ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("method", ["PUT", "PATCH", "DELETE"])
async def test_a_change_needs_the_version_that_if_match_names(http: Http, rows: Rows, method: str) -> None:
    """412 for another one and nothing changes; the current one, in a list too, or `*` pass. RFC 7644 §3.14."""
    user = await http.user("mira")
    path, version = f"/Users/{user['id']}", user["meta"]["version"]
    body = {"PUT": {"userName": "n@x"}, "PATCH": replace("title", "x")}.get(method)
    before = await everything(rows)
    for wrong in ('W/"0000000000000000"', '"x", W/"y"', "", "x"):
        answer = await http.request(method, path, body, {"If-Match": wrong})
        assert_error(answer, 412, detail=version)
    assert await everything(rows) == before
    answer = await http.request(method, path, body, {"If-Match": f'"x", {version}'})
    assert answer.status == (204 if method == "DELETE" else 200)


@pytest.mark.parametrize("tag", ["{0}", '{0}, W/"x"', "*", "{1}"])
async def test_if_match_takes_weak_and_strong_forms_lists_and_any(http: Http, tag: str) -> None:
    """The mark of weakness does not matter: clients drop it. RFC 9110 §8.8.3.2."""
    user = await http.user("mira")
    version = user["meta"]["version"]
    headers = {"If-Match": tag.format(version, version.removeprefix("W/"))}
    assert (await http.request("PATCH", f"/Users/{user['id']}", replace("title", "x"), headers)).status == 200


async def test_if_match_does_not_turn_a_missing_resource_into_a_conflict(http: Http) -> None:
    """Who is gone is 404 whatever version is named."""
    assert_error(await http.request("DELETE", f"/Users/{MISSING}", headers={"If-Match": "*"}), 404)


async def test_an_unchanged_resource_is_not_sent_again(http: Http) -> None:
    """304 without a body, with the version; another version or another resource is sent. RFC 7644 §3.14."""
    user = await http.user("mira")
    path, version = f"/Users/{user['id']}", user["meta"]["version"]
    for tag in (version, version.removeprefix("W/"), f'"x", {version}', "*"):
        assert await http.request("GET", path, headers={"If-None-Match": tag}) == (304, {"ETag": version}, None)
    assert (await http.request("GET", path, headers={"If-None-Match": 'W/"x"'})).status == 200
    await http.request("PATCH", path, replace("title", "x"))
    assert (await http.request("GET", path, headers={"If-None-Match": version})).status == 200


async def test_a_read_needs_the_version_that_if_match_names(http: Http) -> None:
    """412 for another one, whatever If-None-Match says; the current one and `*` pass. RFC 9110 §13.1.1, §13.2.2."""
    user = await http.user("mira")
    path, version = f"/Users/{user['id']}", user["meta"]["version"]
    assert_error(await http.request("GET", path, headers={"If-Match": 'W/"x"'}), 412, detail=version)
    both = {"If-Match": 'W/"x"', "If-None-Match": version}
    assert_error(await http.request("GET", path, headers=both), 412, detail=version)
    for tag in (version, "*"):
        assert (await http.request("GET", path, headers={"If-Match": tag})).body == user
        assert (await http.request("GET", path, headers={"If-Match": tag, "If-None-Match": version})).status == 304


@pytest.mark.parametrize("method", ["PUT", "PATCH", "DELETE"])
async def test_a_change_needs_another_version_than_if_none_match_names(http: Http, rows: Rows, method: str) -> None:
    """412 for the current one and for `*`, and nothing changes; any other passes. RFC 9110 §13.1.2."""
    user = await http.user("mira")
    path, version = f"/Users/{user['id']}", user["meta"]["version"]
    body = {"PUT": {"userName": "n@x"}, "PATCH": replace("title", "x")}.get(method)
    before = await everything(rows)
    for tag in (version, version.removeprefix("W/"), f'"x", {version}', "*"):
        assert_error(await http.request(method, path, body, {"If-None-Match": tag}), 412, detail=version)
    both = {"If-None-Match": version, "If-Match": version}
    assert_error(await http.request(method, path, body, both), 412, detail="If-None-Match")
    assert await everything(rows) == before
    missing = await http.request(method, f"/Users/{MISSING}", body, {"If-None-Match": "*"})
    assert_error(missing, 404)
    answer = await http.request(method, path, body, {"If-None-Match": '"x", W/"y"'})
    assert answer.status == (204 if method == "DELETE" else 200)


async def test_a_membership_gives_both_sides_a_new_version(http: Http) -> None:
    """Since `members` and `groups` are part of the resources."""
    mira = await http.user("mira")
    group = await http.group("Crew")
    add = patch({"op": "add", "path": "members", "value": [{"value": mira["id"]}]})
    await http.request("PATCH", f"/Groups/{group['id']}", add)
    for each, path in ((mira, f"/Users/{mira['id']}"), (group, f"/Groups/{group['id']}")):
        assert (await http.request("GET", path)).headers["ETag"] != each["meta"]["version"]


# --- Bodies that are refused ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH"])
@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"[]",
        b"null",
        b'"text"',
        b'{"userName": "\xff"}',
        rb'{"userName": "\ud800"}',
        b'{"userName": "a", "userName": "b"}',
        b'{"userName": "a", "x": NaN}',
        b'{"userName": "a", "x": ' + b"[" * 1000 + b"]" * 1000 + b"}",
        b"[" * 100_000,
    ],
)
async def test_a_body_that_is_not_the_message_is_invalid_syntax(
    http: Http, rows: Rows, method: str, content: bytes
) -> None:
    """400 for every kind of broken body, and nothing changes."""
    user = await http.user("mira")
    before = await everything(rows)
    path = "/Users" if method == "POST" else f"/Users/{user['id']}"
    assert_error(await http.request(method, path, content=content), 400, "invalidSyntax")
    assert await everything(rows) == before


@pytest.mark.parametrize(
    ("attribute", "value"),
    [
        ("userName", 5),
        ("userName", None),
        ("userName", ["mira"]),
        ("active", "perhaps"),
        ("active", 1),
        ("active", {}),
        ("name", "Mira"),
        ("emails", 5),
        ("emails", [5]),
        ("emails", [[{"value": "x"}]]),
        ("emails", [{"value": 5}]),
        ("emails", [{"value": "x", "primary": "perhaps"}]),
        ("emails", [{"value": "x", "primary": True}, {"value": "y", "primary": True}]),
        ("USERNAME", "again"),
        ("schemas", "urn:x"),
        ("schemas", [5]),
        (ENTERPRISE, "x"),
        (ENTERPRISE, {"manager": 5}),
    ],
)
async def test_a_value_of_another_type_is_refused(http: Http, rows: Rows, attribute: str, value: Any) -> None:
    """400 invalidValue that names the attribute, and nothing changes."""
    before = await everything(rows)
    answer = await http.request("POST", "/Users", {"userName": "mira@contoso.example"} | {attribute: value})
    assert_error(answer, 400, "invalidValue")
    assert attribute.rpartition(":")[2].lower() in answer.body["detail"].lower()
    assert await everything(rows) == before


@pytest.mark.parametrize(("path", "name"), [("/Users", "userName"), ("/Groups", "displayName")])
async def test_a_required_attribute_is_named_when_it_is_missing(http: Http, path: str, name: str) -> None:
    """Also where it is there and says nothing."""
    for body in ({}, {name: ""}, {name: None}):
        assert_error(await http.request("POST", path, body), 400, "invalidValue", f"{name} is required")


async def test_a_body_over_four_mebibytes_is_too_large(http: Http, rows: Rows) -> None:
    """413 with the limit in the detail; a body under it that would not fit into a row is 413 as well."""
    content = b'{"userName": "mira", "title": "' + b"x" * MAX_BODY + b'"}'
    assert_error(await http.request("POST", "/Users", content=content), 413, detail="4,194,304")
    assert_error(await http.request("POST", "/Users", {"userName": "m", "title": "x" * 500_000}), 413, detail="900,000")
    assert (await http.request("GET", "/Users")).body["totalResults"] == 0
    assert [row for row in await everything(rows) if not row.key.startswith("s.")] == []


@pytest.mark.parametrize(
    ("operation", "scim_type"),
    [
        ({"op": "replace", "path": "title[", "value": "x"}, "invalidPath"),
        ({"op": "replace", "path": "emails[type eq].value", "value": "x"}, "invalidPath"),
        ({"op": "remove"}, "noTarget"),
        ({"op": "replace", "path": 'emails[type co "x"].value', "value": "x"}, "noTarget"),
        ({"op": "replace", "path": "id", "value": "x"}, "mutability"),
        ({"op": "remove", "path": "userName"}, "mutability"),
        ({"op": "replace", "path": "userName", "value": ""}, "mutability"),
        ({"op": "replace", "path": "active", "value": "perhaps"}, "invalidValue"),
        ({"op": "replace", "value": "x"}, "invalidValue"),
        ({"op": "move", "path": "title", "value": "x"}, "invalidSyntax"),
    ],
)
async def test_an_operation_that_cannot_be_applied_says_why(
    http: Http, rows: Rows, operation: dict[str, Any], scim_type: str
) -> None:
    """Each with the scimType of RFC 7644 table 9, and nothing changes."""
    user = await http.user("mira")
    before = await everything(rows)
    assert_error(await http.request("PATCH", f"/Users/{user['id']}", patch(operation)), 400, scim_type)
    assert await everything(rows) == before


@pytest.mark.parametrize(
    "query", ["filter=%FF", "count=many", "startIndex=x", "filter=", "filter=userName", "sortBy=+"]
)
async def test_a_query_that_cannot_be_read_is_refused(http: Http, query: str) -> None:
    """400 in SCIM's form, never a 500."""
    answer = await http.request("GET", f"/Users?{query}")
    assert_error(answer, 400, answer.body.get("scimType"))
    assert answer.body["scimType"] in ("invalidValue", "invalidFilter", "invalidCount")


async def test_an_error_never_echoes_half_a_character_as_it_came(http: Http) -> None:
    """Half surrogates in a path or a query come back as a question mark in valid UTF-8."""
    answer = await http.request("GET", "/Users?attributes=a\ud800")
    assert_error(answer, 400, "invalidValue", "?")


# --- Transport --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "headers",
    [
        {"User-Agent": ""},
        {"Accept": "text/html"},
        {"Accept": "application/xml;q=0.1"},
        {"Content-Type": "application/json"},
        {"Content-Type": "application/scim+json; charset=utf-8"},
        {"Content-Type": "text/plain"},
        {"Accept-Encoding": "gzip", "Accept-Charset": "utf-8", "Connection": "close"},
        {"User-Agent": "odd\ud800\nagent"},
    ],
)
async def test_no_header_but_the_token_decides(http: Http, headers: dict[str, str]) -> None:
    """Entra sends no User-Agent, Google application/json, browsers text/html: all are served."""
    answer = await http.request("POST", "/Users", {"userName": "mira"}, headers)
    assert answer.status == 201


@pytest.mark.parametrize(
    "path", ["/Users/", "//Users", "/users", "/USERS//", "/Users?aadOptscim062020", "/Users?x=%FF"]
)
async def test_slashes_case_and_unknown_parameters_do_not_matter(http: Http, path: str) -> None:
    """A Tenant URL with a slash at its end, or with Entra's feature flag, works."""
    if "%FF" in path:
        assert_error(await http.request("GET", path), 400, "invalidValue")
        return
    assert (await http.request("GET", path)).body["totalResults"] == 0


@pytest.mark.parametrize(
    ("method", "path", "allow"),
    [
        ("PUT", "/Users", "GET, HEAD, OPTIONS, POST"),
        ("POST", "/Users/x", "DELETE, GET, HEAD, OPTIONS, PATCH, PUT"),
        ("GET", "/Bulk", "OPTIONS, POST"),
        ("DELETE", "/Schemas", "GET, HEAD, OPTIONS"),
        ("PATCH", "/", "GET, HEAD, OPTIONS"),
    ],
)
async def test_a_method_that_a_path_does_not_take_is_refused(http: Http, method: str, path: str, allow: str) -> None:
    """405 with Allow, and the methods in the detail."""
    answer = await http.request(method, path, {})
    assert_error(answer, 405, detail=allow)
    assert answer.headers == {"Allow": allow}


@pytest.mark.parametrize("path", ["/Persons", "/Users/x/emails", "/../../etc/passwd", "/.search/x", "x"])
async def test_an_unknown_path_is_not_found_and_told_the_tenant_url(http: Http, path: str) -> None:
    """The usual cause is a Tenant URL that is wrong."""
    assert_error(await http.request("GET", path), 404, detail=BASE_URL)


async def test_options_answers_what_a_path_takes_without_a_token(http: Http) -> None:
    """204 with Allow; a path that is not there is told to nobody without a token."""
    answer = await http.request("OPTIONS", "/Users", headers={"Authorization": ""})
    assert answer == (204, {"Allow": "GET, HEAD, OPTIONS, POST"}, None)
    assert_error(await http.request("OPTIONS", "/Persons", headers={"Authorization": ""}), 401)
    assert_error(await http.request("OPTIONS", "/Persons"), 404)


@pytest.mark.parametrize("path", ["/Users", "/Users/{id}", "/Schemas", "/ServiceProviderConfig", ""])
async def test_head_answers_like_get(http: Http, path: str) -> None:
    """With the same status and headers; the host leaves the body away."""
    user = await http.user("mira")
    path = path.format(id=user["id"])
    head, get = await http.request("HEAD", path), await http.request("GET", path)
    assert (head.status, head.headers) == (get.status, get.headers) != (404, {})


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "PATCH", "DELETE"])
async def test_me_is_not_implemented_and_says_why(http: Http, method: str) -> None:
    """501, which RFC 7644 §3.11 allows, for every method."""
    assert_error(await http.request(method, "/Me"), 501, detail="/Users")


@pytest.mark.parametrize(
    "header",
    ["", "Bearer", "Bearer x", f"Basic {TOKEN}", TOKEN, f"Bearer {TOKEN}x", f"Bearer {TOKEN[:-1]}", "Bearer \ud800"],
)
@pytest.mark.parametrize("path", ["/Users", "/Schemas", "/Me", "/Persons", "/Bulk"])
async def test_nothing_is_answered_without_the_token(http: Http, path: str, header: str) -> None:
    """401 with WWW-Authenticate and a SCIM body, for known and unknown paths alike; the token is not repeated."""
    answer = await http.request("GET", path, headers={"Authorization": header})
    assert_error(answer, 401, detail="token")
    assert answer.headers["WWW-Authenticate"] == 'Bearer realm="scim"'
    assert TOKEN[:-1] not in str(answer)


@pytest.mark.parametrize("scheme", ["bearer", "BEARER"])
async def test_the_scheme_may_be_written_in_any_case(http: Http, scheme: str) -> None:
    """RFC 9110 §11.1."""
    assert (await http.request("GET", "/Users", headers={"Authorization": f"{scheme} {TOKEN}"})).status == 200


# --- Faults, the log and health ---------------------------------------------------------------------------------------


@pytest.fixture
def broken(rows: Rows, monkeypatch: pytest.MonkeyPatch) -> None:
    """A store with a bug, whose words nobody outside may read."""

    async def fail(*_: Any, **__: Any) -> Any:
        raise RuntimeError("secret-of-the-inside")

    monkeypatch.setattr(rows, "read", fail)
    monkeypatch.setattr(rows, "check", fail)


@pytest.mark.usefixtures("broken")
async def test_a_bug_is_a_500_that_tells_nothing_but_where_to_look(
    http: Http, caplog: pytest.LogCaptureFixture
) -> None:
    """The request's id leads to the trace in the log; the answer has neither the message nor the stack."""
    answer = await http.request("GET", f"/Users/{MISSING}")
    assert_error(answer, 500, detail="request-1")
    assert "secret-of-the-inside" not in str(answer)
    assert "Traceback" not in str(answer)
    assert "secret-of-the-inside" in caplog.text
    assert [each.levelno for each in caplog.records] == [logging.ERROR, logging.ERROR]


async def test_an_outage_is_a_503_that_says_when_to_come_again(
    http: Http, rows: Rows, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """With Retry-After; it is a warning in the log, since no code is wrong."""

    async def fail(*_: Any, **__: Any) -> Any:
        raise Unavailable("The storage does not answer.", retry_after=9)

    monkeypatch.setattr(rows, "read", fail)
    caplog.set_level(logging.INFO)
    answer = await http.request("GET", f"/Users/{MISSING}")
    assert_error(answer, 503, detail="storage")
    assert answer.headers == {"Retry-After": "9"}
    assert [each.levelno for each in caplog.records] == [logging.WARNING]


async def test_each_request_logs_one_line(http: Http, caplog: pytest.LogCaptureFixture) -> None:
    """With method, route, id, status, time, request and client, and with the route's name whatever the slashes."""
    user = await http.user("mira")
    caplog.set_level(logging.INFO)
    await http.request("GET", f"//Users/{user['id']}/")
    [record] = caplog.records
    words = record.getMessage().split()
    assert words[:4] == ["GET", "GetUser", f"id={user['id']}", "status=200"]
    assert [each.partition("=")[0] for each in words[4:]] == ["ms", "request", "client"]
    assert words[5:] == ["request=request-1", "client=tests"]


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("POST", "/Users", {"userName": "secret-value", "title": "secret-value"}),
        ("POST", "/Users", {"userName": "secret-value", "active": "secret-value"}),
        ("GET", "/Users?filter=userName+eq+%22secret-value%22", None),
        ("PATCH", f"/Users/{MISSING}", {"Operations": [{"op": "add", "path": "title", "value": "secret-value"}]}),
        ("POST", "/Groups", {"displayName": "secret-value", "members": [{"value": "secret-value"}]}),
    ],
)
async def test_the_log_has_neither_tokens_nor_values(
    http: Http, caplog: pytest.LogCaptureFixture, method: str, path: str, body: Any
) -> None:
    """A log is read by more people than a directory is."""
    caplog.set_level(logging.DEBUG)
    await http.request(method, path, body)
    await http.request(method, path, body, {"Authorization": "Bearer another-secret-token"})
    text = "\n".join(each.getMessage() for each in caplog.records)
    assert text
    assert TOKEN not in text
    assert "secret" not in text


async def test_a_client_cannot_write_lines_into_the_log(http: Http, caplog: pytest.LogCaptureFixture) -> None:
    """Neither by an id nor by a name for itself, and long ones are cut."""
    caplog.set_level(logging.INFO)
    await http.request("GET", f"/Users/a%0A%1b{'x' * 500}", headers={"User-Agent": "b\nc\ud800" + "y" * 500})
    message = caplog.records[0].getMessage()
    assert message.splitlines() == [message]
    assert "id=a??xx" in message
    assert "client=b?c?yy" in message
    assert len(message) < 400


async def test_health_is_told_to_anybody(app: App) -> None:
    """200 while storage and token source answer."""
    response = await app.endpoints.health()
    assert (response.status, response.body) == (200, {"status": "ok", "storage": "ok", "tokens": "ok"})


@pytest.mark.usefixtures("broken")
async def test_health_tells_what_fails_and_not_why(app: App, caplog: pytest.LogCaptureFixture) -> None:
    """503; anybody may ask, so the reason of a bug is in the log only."""
    response = await app.endpoints.health()
    assert response.status == 503
    assert response.body == {"status": "failing", "storage": "failing; the log says why", "tokens": "ok"}
    assert "secret-of-the-inside" in caplog.text


async def test_health_tells_since_when_an_outage_lasts(app: App, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the token source says of its outage is for administrators."""

    async def fail() -> None:
        raise Unavailable("The key vault has not answered since 12:00.")

    monkeypatch.setattr(app.tokens, "check", fail)
    response = await app.endpoints.health()
    assert response.status == 503
    assert response.body == {
        "status": "failing",
        "storage": "ok",
        "tokens": "The key vault has not answered since 12:00.",
    }
