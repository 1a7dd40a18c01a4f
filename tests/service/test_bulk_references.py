"""References between the operations of a bulk request, wherever something may name a resource."""

from typing import Any

import pytest

from tests.conftest import Http
from tests.samples import ENTERPRISE
from tests.service.bulk_requests import GROUP, MISSING, bulk, patch, post, read, reporting_to, statuses


async def test_a_reference_backwards_and_one_forwards_are_resolved(http: Http) -> None:
    """A group may be named before its members are; results keep the order of the request."""
    crew = {"displayName": "Crew", "members": [{"value": "bulkId:mira"}, {"value": "bulkId:nils"}]}
    results = await bulk(http, post("mira"), post("crew", "/Groups", **crew), post("nils"), reporting_to("ida", "nils"))
    assert statuses(results) == ["201"] * 4
    assert [each["bulkId"] for each in results] == ["mira", "crew", "nils", "ida"]
    mira, group, nils, ida = [await read(http, each) for each in results]
    assert {each["value"] for each in group["members"]} == {mira["id"], nils["id"]}
    assert ida[ENTERPRISE]["manager"]["value"] == nils["id"]


async def test_references_in_a_circle_are_resolved(http: Http) -> None:
    """Each is created without the other first and gets the reference afterwards; the version is the last one."""
    results = await bulk(http, reporting_to("mira", "nils"), reporting_to("nils", "ida"), reporting_to("ida", "mira"))
    assert statuses(results) == ["201"] * 3
    users = [await read(http, each) for each in results]
    managers = [each[ENTERPRISE]["manager"]["value"] for each in users]
    assert managers == [users[1]["id"], users[2]["id"], users[0]["id"]]
    assert [each[ENTERPRISE]["department"] for each in users] == ["Sea"] * 3
    assert [each["version"] for each in results] == [each["meta"]["version"] for each in users]


async def test_groups_in_a_circle_keep_their_other_members(http: Http) -> None:
    """Only what must wait waits."""
    mira = await http.user("mira")

    def group(name: str, other: str) -> dict[str, Any]:
        members = [{"value": mira["id"]}, {"value": f"bulkId:{other}"}]
        return post(name, "/Groups", displayName=name, members=members)

    one, two = [await read(http, each) for each in await bulk(http, group("one", "two"), group("two", "one"))]
    assert {each["value"] for each in one["members"]} == {mira["id"], two["id"]}
    assert {each["value"] for each in two["members"]} == {mira["id"], one["id"]}


async def test_a_user_may_be_their_own_manager(http: Http) -> None:
    """The smallest circle."""
    [result] = await bulk(http, reporting_to("mira", "mira"))
    user = await read(http, result)
    assert user[ENTERPRISE]["manager"]["value"] == user["id"]


async def test_a_path_may_refer_to_what_the_request_creates(http: Http) -> None:
    """RFC 7644 §3.7.2, whichever comes first in the request."""
    patch = {"Operations": [{"op": "add", "path": "title", "value": "Pilot"}]}
    results = await bulk(http, {"method": "PATCH", "path": "/Users/bulkId:mira", "data": patch}, post("mira"))
    assert statuses(results) == ["200", "201"]
    assert results[0]["location"] == results[1]["location"]
    assert (await read(http, results[1]))["title"] == "Pilot"


@pytest.mark.parametrize(
    "data",
    [
        {"members": [{"value": "bulkId:mira", "type": "User"}]},
        {"MEMBERS": [{"Value": "bulkId:mira"}]},
        {"members": ["bulkId:mira"]},
        {GROUP: {"members": [{"value": "bulkId:mira"}]}},
        {"Operations": [{"op": "add", "value": {"members": [{"value": "bulkId:mira"}]}}]},
        {"Operations": [{"op": "add", "value": {f"{GROUP}:members": [{"value": "bulkId:mira"}]}}]},
        {"operations": [{"OP": "Add", "PATH": "Members", "VALUE": [{"value": "bulkId:mira"}]}]},
        {"Operations": [{"op": "add", "path": f"{GROUP}:members", "value": {"value": "bulkId:mira"}}]},
        {"Operations": [{"op": "add", "path": GROUP, "value": {"members": ["bulkId:mira"]}}]},
    ],
)
async def test_a_member_may_be_referred_to_in_every_form_that_names_members(http: Http, data: dict[str, Any]) -> None:
    """By PATCH and by PUT, before the member is created, whatever the letter case of names."""
    group = await http.group("Crew")
    method = "PUT" if "Operations" not in data and "operations" not in data else "PATCH"
    data = data if method == "PATCH" else data | {"displayName": "Crew"}
    operation = {"method": method, "path": f"/Groups/{group['id']}", "data": data}
    results = await bulk(http, operation, post("mira"))
    assert statuses(results) == ["204" if method == "PATCH" else "200", "201"]
    members = (await http.request("GET", f"/Groups/{group['id']}")).body["members"]
    assert [each["value"] for each in members] == [(await read(http, results[1]))["id"]]


@pytest.mark.parametrize(
    "operation",
    [
        {"op": "add", "path": "manager", "value": "bulkId:mira"},
        {"op": "add", "path": "manager.value", "value": "bulkId:mira"},
        {"op": "replace", "path": f"{ENTERPRISE}:manager", "value": {"value": "bulkId:mira"}},
        {"op": "replace", "path": ENTERPRISE, "value": {"manager": {"value": "bulkId:mira"}}},
        {"op": "replace", "value": {ENTERPRISE: {"manager": "bulkId:mira"}}},
        {"op": "replace", "value": {f"{ENTERPRISE}:manager.value": "bulkId:mira"}},
        {"op": "replace", "value": {"manager": [{"value": "bulkId:mira"}]}},
    ],
)
async def test_a_manager_may_be_referred_to_in_every_form_that_names_one(http: Http, operation: dict[str, Any]) -> None:
    """With and without the URN of the extension, as an object, in a list of one and as the bare id."""
    nils = await http.user("nils")
    results = await bulk(http, patch(f"/Users/{nils['id']}", operation), post("mira"))
    assert statuses(results) == ["200", "201"]
    manager = (await http.request("GET", f"/Users/{nils['id']}")).body[ENTERPRISE]["manager"]
    assert manager == {"value": (await read(http, results[1]))["id"]}


@pytest.mark.parametrize(
    "path",
    [
        'members[value eq "bulkId:mira"]',
        'MEMBERS[Value EQ"bulkId:mira"]',
        "members[value eq bulkId:mira]",
        "members[value eq 'bulkId:mira']",
        f'{GROUP}:members[value eq "bulkId:mira"]',
        'members[value eq "bulkId:mira" or value eq "bulkId:ida"]',
        'members[type eq "User" and value eq "bulkId:mira"]',
    ],
)
async def test_the_filter_of_a_path_may_refer_to_what_the_request_creates(http: Http, path: str) -> None:
    """Else the client is told of a removal that removed nobody."""
    members = [{"value": f"bulkId:{each}"} for each in ("mira", "mira 2")]
    crew = post("crew", "/Groups", displayName="Crew", members=members)
    remove = patch("/Groups/bulkId:crew", {"op": "remove", "path": path})
    results = await bulk(http, remove, crew, post("mira"), post("mira 2", userName="second"), post("ida"))
    assert statuses(results) == ["204", "201", "201", "201", "201"]
    left = (await read(http, results[1]))["members"]
    assert [each["value"] for each in left] == [(await read(http, results[3]))["id"]]


async def test_the_filter_of_a_path_may_name_with_spaces_and_quote_others(http: Http) -> None:
    """A bulkId is any text; a string that only quotes a reference is none."""
    crew = post("crew", "/Groups", displayName="Crew", members=[{"value": "bulkId:mira 2"}])
    path = 'members[value eq "bulkId:mira 2" and not (type eq "value eq bulkId:nobody")]'
    results = await bulk(http, post("mira 2"), crew, patch("/Groups/bulkId:crew", {"op": "remove", "path": path}))
    assert statuses(results) == ["201", "201", "204"]
    assert "members" not in await read(http, results[1])


async def test_the_filter_of_a_path_on_plain_values_is_no_reference(http: Http) -> None:
    """An address of mail is compared as it is written."""
    remove = {"op": "remove", "path": 'emails[value eq "bulkId:nobody"]'}
    mira = post("mira", userName="mira", emails=[{"value": "bulkId:nobody"}])
    results = await bulk(http, mira, patch("/Users/bulkId:mira", remove))
    assert statuses(results) == ["201", "200"]
    assert "emails" not in await read(http, results[0])


async def test_members_to_remove_may_be_referred_to(http: Http) -> None:
    """In the value, as Entra and JumpCloud name them, and in the list within it that Salesforce documents."""
    crew = post("crew", "/Groups", displayName="Crew", members=[f"bulkId:{each}" for each in ("ida", "nils", "tom")])
    remove = {"op": "remove", "path": "members"}
    entra = remove | {"value": [{"value": "bulkId:ida"}]}
    salesforce = remove | {"value": {"members": [{"value": "bulkId:nils"}]}}
    removal = patch("/Groups/bulkId:crew", entra, salesforce)
    results = await bulk(http, post("ida"), post("nils"), post("tom"), crew, removal)
    assert statuses(results) == ["201", "201", "201", "201", "204"]
    left = (await read(http, results[3]))["members"]
    assert [each["value"] for each in left] == [(await read(http, results[2]))["id"]]


async def test_what_only_holds_a_reference_and_what_is_read_only_are_none(http: Http) -> None:
    """A user's groups are left out as ever; an id is all of a text."""
    mira = post("mira", userName="mira", groups=[{"value": "bulkId:nobody"}], manager={"value": "not bulkId:nobody"})
    name = patch("/Users/bulkId:mira", {"op": "replace", "path": "manager.displayName", "value": "bulkId:nobody"})
    results = await bulk(http, mira, name)
    assert statuses(results) == ["201", "400"]
    assert results[1]["response"]["scimType"] == "mutability"
    assert (await read(http, results[0]))[ENTERPRISE] == {"manager": {"value": "not bulkId:nobody"}}


async def test_the_address_of_a_reference_is_resolved_too(http: Http) -> None:
    """Its last step is the id that `value` is. RFC 7643 §2.4."""
    operation = post("ida")
    manager = {"value": "bulkId:mira", "$ref": "../Users/bulkId:mira", "displayName": "bulkId:mira"}
    operation["data"][ENTERPRISE] = {"manager": manager}
    ida, mira = [await read(http, each) for each in await bulk(http, operation, post("mira"))]
    assert ida[ENTERPRISE]["manager"] == {"value": mira["id"], "$ref": f"../Users/{mira['id']}"}


@pytest.mark.parametrize("text", ["bulkId:mira", "bulkId:nobody", "see bulkId:mira", "https://x.example/bulkId:mira"])
async def test_text_that_stands_for_no_resource_stays_as_it_is(http: Http, text: str) -> None:
    """Also where it looks like a reference: as a POST or a PATCH alone would keep it."""
    plain: dict[str, Any] = {
        "userName": text,
        "externalId": text,
        "nickName": text,
        "displayName": text,
        "profileUrl": f"/{text.replace(' ', '%20')}",
        "name": {"familyName": text},
        "emails": [{"value": text}],
        "roles": [{"value": text}],
        ENTERPRISE: {"department": text},
    }
    nils = await http.user("nils")
    further = {name: item for name, item in plain.items() if name != "userName"}
    title = {"op": "replace", "path": "title", "value": text}
    change = patch(f"/Users/{nils['id']}", {"op": "replace", "value": further}, title)
    results = await bulk(http, post("mira"), post("plain", **plain), change, post("crew", "/Groups", displayName=text))
    assert statuses(results) == ["201", "201", "200", "201"]
    created, changed, group = [await read(http, each) for each in results[1:]]
    assert plain.items() <= created.items()
    assert (further | {"title": text}).items() <= changed.items()
    assert group["displayName"] == text


@pytest.mark.parametrize(
    "operation",
    [
        reporting_to("ida", "nobody"),
        {"method": "DELETE", "path": "/Users/bulkId:nobody"},
        {"method": "PUT", "path": f"/Users/{MISSING}", "data": {"userName": "a", "manager": "bulkId:nobody"}},
        patch(f"/Groups/{MISSING}", {"op": "add", "path": "members", "value": [{"$ref": "../Users/bulkId:nobody"}]}),
        patch(f"/Groups/{MISSING}", {"op": "remove", "path": 'members[value eq "bulkId:nobody"]'}),
    ],
)
async def test_a_reference_to_nothing_is_a_conflict(http: Http, operation: dict[str, Any]) -> None:
    """409 that names the bulkId, and nothing is created; the operations around it are performed."""
    results = await bulk(http, post("mira"), operation, post("nils"))
    assert statuses(results) == ["201", "409", "201"]
    assert "'nobody'" in results[1]["response"]["detail"]
    assert (await http.request("GET", "/Users")).body["totalResults"] == 2


async def test_a_reference_to_what_failed_is_a_conflict(http: Http) -> None:
    """Who refers to a resource that could not be created is not created either, in a circle too."""
    await http.user("taken")
    results = await bulk(http, reporting_to("ida", "taken"), reporting_to("taken", "ida"), reporting_to("tom", "ida"))
    assert statuses(results) == ["409", "409", "409"]
    assert [each["response"].get("scimType") for each in results] == [None, "uniqueness", None]
    assert "location" not in results[1]
    assert (await http.request("GET", "/Users")).body["totalResults"] == 1


async def test_a_reference_that_cannot_be_given_afterwards_is_told(http: Http) -> None:
    """What is reported as failed is not there, so that the client can send it again."""
    await http.user("taken")
    results = await bulk(http, reporting_to("taken", "ida"), reporting_to("ida", "taken"))
    assert statuses(results) == ["409", "409"]
    assert "'taken'" in results[1]["response"]["detail"]
    assert "location" not in results[1]
    names = [each["userName"] for each in (await http.request("GET", "/Users")).body["Resources"]]
    assert names == ["taken@contoso.example"]
