"""The names of a user's groups, `groups.display`: read for those who ask for it by name, and for nobody else."""

from typing import Any

import pytest

from scim.directory import keys
from scim.directory.memberships import MAX_NAMED
from scim.storage.rows import Insert, Rows
from tests.conftest import Http
from tests.recording import RecordingRows
from tests.samples import CORE
from tests.service.asking import assert_error, patch


@pytest.fixture
async def mira(http: Http) -> str:
    """A user in two groups; her id."""
    user_id: str = (await http.user("mira"))["id"]
    for name in ("Crew", "Deck"):
        await http.group(name, user_id)
    return user_id


def names(user: dict[str, Any]) -> set[str | None]:
    return {each.get("display") for each in user.get("groups", [])}


async def read(http: Http, path: str) -> Any:
    answer = await http.request("GET", path)
    assert answer.status == 200, answer.body
    return answer.body


@pytest.mark.parametrize("query", ["", "?attributes=groups", "?attributes=groups.value", "?excludedAttributes=name"])
async def test_names_are_not_there_by_default(http: Http, rows: RecordingRows, mira: str, query: str) -> None:
    """Entra reads every user before it changes something, and must not pay for reading its groups as well."""
    rows.forget()
    assert names(await read(http, f"/Users/{mira}{query}")) == {None}
    usual = len(rows.calls)
    rows.forget()
    await read(http, f"/Users/{mira}?attributes=groups.display")
    assert len(rows.calls) == usual + 2
    assert names((await read(http, f"/Users{query}"))["Resources"][0]) == {None}


@pytest.mark.parametrize(
    ("attributes", "keys_of_each"),
    [
        ("groups.display", {"display"}),
        ("GROUPS.Display", {"display"}),
        (f"{CORE}:groups.display", {"display"}),
        ("groups.display,groups.value", {"display", "value"}),
        ("groups,groups.display", {"display", "value", "$ref", "type"}),
        ("groups.display,userName,groups", {"display", "value", "$ref", "type"}),
    ],
)
async def test_names_are_there_for_who_asks_by_name(
    http: Http, mira: str, attributes: str, keys_of_each: set[str]
) -> None:
    """Of one user, in a list, in a search by POST, and in the answer to a change. RFC 7643 §7, `returned: request`."""
    listed = [each.strip() for each in attributes.split(",")]
    change = patch({"op": "replace", "path": "title", "value": "Captain"})
    answers = [
        await read(http, f"/Users/{mira}?attributes={attributes}"),
        (await read(http, f"/Users?attributes={attributes}"))["Resources"][0],
        (await http.request("POST", "/Users/.search", {"attributes": listed})).body["Resources"][0],
        (await http.request("PATCH", f"/Users/{mira}?attributes={attributes}", change)).body,
    ]
    for user in answers:
        assert names(user) == {"Crew", "Deck"}
        assert {frozenset(each) for each in user["groups"]} == {frozenset(keys_of_each)}


async def test_a_name_is_that_of_today(http: Http, mira: str) -> None:
    """It is read from the group, so that none goes stale; 304 is no answer, since a name is no part of the version."""
    path = f"/Users/{mira}?attributes=groups.display"
    tag = (await http.request("GET", path)).headers["ETag"]
    group = (await read(http, "/Groups?filter=displayName%20eq%20%22Crew%22"))["Resources"][0]
    await http.request("PUT", f"/Groups/{group['id']}", {"displayName": "Sailors"})
    again = await http.request("GET", path, headers={"If-None-Match": tag})
    assert (again.status, names(again.body)) == (200, {"Sailors", "Deck"})
    assert (await http.request("GET", f"/Users/{mira}", headers={"If-None-Match": tag})).status == 304
    await http.request("DELETE", f"/Groups/{group['id']}")
    assert names(await read(http, path)) == {"Deck"}


async def test_one_answer_shows_the_names_of_a_bounded_number_of_groups(http: Http, rows: Rows, mira: str) -> None:
    """Each is a row to read. Those beyond the bound are there without a name."""
    wanted = MAX_NAMED + 5
    for number in range(wanted):
        group_id = f"a{number:031x}"
        changes = [
            Insert(keys.resource("g", group_id), f'{{"displayName":"g{number}"}}'),
            Insert(keys.member(group_id, mira), "u"),
            Insert(keys.membership(mira, group_id), ""),
        ]
        await rows.commit("scim", changes)
    user = await read(http, f"/Users/{mira}?attributes=groups,groups.display")
    assert len(user["groups"]) == wanted + 2
    assert sum("display" in each for each in user["groups"]) == MAX_NAMED


@pytest.mark.parametrize("condition", ['eq "Crew"', 'co "re"', "pr"])
@pytest.mark.parametrize("form", ["groups.display {}", "groups[display {}]", "not (groups.display {})"])
async def test_nobody_is_searched_for_by_the_name_of_a_group(http: Http, mira: str, form: str, condition: str) -> None:
    """A search that finds nobody would read as if nobody were in that group; the error says how to search."""
    text = form.format(condition)
    answer = await http.request("POST", "/Users/.search", {"filter": text})
    assert_error(answer, 400, "invalidFilter", "groups.value eq")


async def test_a_name_cannot_be_written_through_the_user(http: Http, mira: str) -> None:
    """Groups are changed through the group."""
    operation = {"op": "replace", "path": "groups.display", "value": "x"}
    assert_error(await http.request("PATCH", f"/Users/{mira}", patch(operation)), 400, "mutability")


async def test_members_have_no_name(http: Http, mira: str) -> None:
    """A group may have very many of them."""
    group = (await read(http, "/Groups?attributes=members.display,displayName"))["Resources"][0]
    assert "members" not in group


async def test_schemas_say_that_it_has_to_be_asked_for(http: Http) -> None:
    """A client learns it there."""
    attributes = (await read(http, f"/Schemas/{CORE}"))["attributes"]
    [groups] = [each for each in attributes if each["name"] == "groups"]
    [display] = [each for each in groups["subAttributes"] if each["name"] == "display"]
    assert (display["returned"], display["mutability"]) == ("request", "readOnly")
