"""Removals that name members in other ways than by their ids, over the whole service."""

from typing import Any

import pytest

from tests.conftest import Http
from tests.service.asking import patch


async def left(http: Http, group: Any, **operation: Any) -> list[str]:
    """Remove members from the group, which must succeed, and return the ids of those who are left."""
    answer = await http.request("PATCH", f"/Groups/{group['id']}", patch({"op": "remove", **operation}))
    assert answer.status == 204, answer.body
    members = (await http.request("GET", f"/Groups/{group['id']}")).body.get("members", [])
    return [each["value"] for each in members]


async def test_who_is_named_by_an_address_of_ours_is_removed(http: Http) -> None:
    """The `$ref` that we answered ourselves, in each place where a client may send it back."""
    mira, nils, ida = [(await http.user(name))["id"] for name in ("mira", "nils", "ida")]
    crew = await http.group("Crew", mira, nils, ida)
    addresses = {each["value"]: each["$ref"] for each in crew["members"]}
    assert await left(http, crew, path="members", value=[{"$ref": addresses[mira]}]) == [nils, ida]
    assert await left(http, crew, path=f'members[$ref eq "{addresses[nils]}"]') == [ida]
    assert await left(http, crew, path=f'members[value eq "/Users/{ida}" and type eq "User"]') == []


async def test_who_is_named_by_an_address_is_added(http: Http) -> None:
    """By POST, PUT and PATCH; who does not exist is refused there as ever."""
    mira, nils = [(await http.user(name))["id"] for name in ("mira", "nils")]
    crew = await http.created("/Groups", displayName="Crew", members=[{"$ref": f"/Users/{mira}"}])
    assert [each["value"] for each in crew["members"]] == [mira]
    body = {"displayName": "Crew", "members": [{"value": f"../Users/{nils}"}]}
    put = await http.request("PUT", f"/Groups/{crew['id']}", body)
    assert [each["value"] for each in put.body["members"]] == [nils]
    add = patch({"op": "add", "path": "members", "value": [{"value": f"/Users/{'f' * 32}"}]})
    assert (await http.request("PATCH", f"/Groups/{crew['id']}", add)).status == 400


@pytest.mark.parametrize(
    ("operation", "number"),
    [
        ({"path": "members", "value": [{"value": "ID "}, {"value": "mira@contoso.example"}]}, 2),
        ({"path": 'members[value eq "ID "]'}, 1),
        ({"path": "members", "value": [{"value": "F" * 32}]}, 1),
    ],
)
async def test_a_removal_of_what_can_be_no_id_succeeds_and_is_logged(
    http: Http, caplog: pytest.LogCaptureFixture, operation: dict[str, Any], number: int
) -> None:
    """The client is told nothing, since a retry must succeed: the log is where it is found. It quotes no values."""
    mira = (await http.user("mira"))["id"]
    crew = await http.group("Crew", mira)
    assert await left(http, crew, **operation) == [mira]
    told = [each for each in caplog.messages if each.startswith(f"group {crew['id']}: {number} members to remove")]
    assert len(told) == 1
    assert "mira" not in told[0]


async def test_a_removal_of_somebody_who_is_no_member_is_not_logged(
    http: Http, caplog: pytest.LogCaptureFixture
) -> None:
    """It is what every repeated request looks like."""
    mira = (await http.user("mira"))["id"]
    crew = await http.group("Crew", mira)
    assert await left(http, crew, path="members", value=[{"value": "f" * 32}]) == [mira]
    assert not [each for each in caplog.messages if "members to remove" in each]


@pytest.mark.parametrize("form", ['[{{"value": "{0}"}}]', '{{"value": "{0}"}}', '{{"members": [{{"value": "{0}"}}]}}'])
async def test_members_in_a_text_are_read(http: Http, form: str) -> None:
    """A list or an object as the JSON in a text would else be taken for an id that nobody has, and remove nobody."""
    mira, nils = [(await http.user(name))["id"] for name in ("mira", "nils")]
    crew = await http.group("Crew", mira, nils)
    assert await left(http, crew, path="members", value=form.format(mira)) == [nils]
