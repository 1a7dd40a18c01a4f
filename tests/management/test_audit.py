"""Change rows: each change leaves one behind, in its own transaction, that tells who changed what and never a value."""

import json
from typing import Any

import pytest

from scim.directory import keys
from scim.storage.rows import Rows
from tests.conftest import Clock, Http
from tests.samples import ENTERPRISE

SECRET = "a-value-nobody-may-read-here"


async def changes(rows: Rows) -> list[dict[str, Any]]:
    found = await rows.range("scim", keys.change(0, ""), "e.~", 1000)
    return [json.loads(row.body) for row in found]


async def last(rows: Rows) -> dict[str, Any]:
    return (await changes(rows))[-1]


async def test_each_kind_of_change_is_recorded_once(http: Http, rows: Rows, clock: Clock) -> None:
    """In the order of time: who asked, in which request, what was done, and which attributes differ."""
    user = await http.user("mira", title=SECRET)
    body = {"userName": SECRET, ENTERPRISE: {"department": SECRET, "manager": {"value": SECRET}}}
    operations = [{"op": "replace", "path": "title", "value": SECRET}, {"op": "remove", "path": ENTERPRISE}]
    for method, sent in (("PUT", body), ("PATCH", {"Operations": operations}), ("DELETE", None)):
        clock.forward(seconds=1)
        await http.request(method, f"/Users/{user['id']}", sent, {"User-Agent": f"client-{method}"})
    who = {"requestId": "request-1", "tenant": "scim", "credential": "key-vault"}
    common = {"form": 1, "resourceType": "User", "id": user["id"]} | who
    enterprise = [f"{ENTERPRISE}:department", f"{ENTERPRISE}:manager"]
    assert await changes(rows) == [
        common | {"operation": "create", "attributes": ["userName", "title", "active"], "client": "tests"},
        common | {"operation": "replace", "attributes": ["userName", "title", *enterprise], "client": "client-PUT"},
        common | {"operation": "patch", "attributes": [*enterprise, "title"], "client": "client-PATCH"},
        common | {"operation": "delete", "client": "client-DELETE"},
    ]


async def test_members_are_recorded_by_their_ids(http: Http, rows: Rows, clock: Clock) -> None:
    """Who came and who went, not who was there already."""
    mira, nils = (await http.user("mira"))["id"], (await http.user("nils"))["id"]
    clock.forward(seconds=1)
    group = (await http.group("Crew", mira))["id"]
    assert (await last(rows))["membersAdded"] == [mira]
    clock.forward(seconds=1)
    put = {"displayName": "Crew", "members": [{"value": nils}]}
    await http.request("PUT", f"/Groups/{group}", put)
    recorded = await last(rows)
    assert (recorded["membersAdded"], recorded["membersRemoved"]) == ([nils], [mira])
    assert "attributes" not in recorded


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "BULK"])
async def test_no_value_is_ever_recorded(http: Http, rows: Rows, method: str) -> None:
    """Names of attributes and ids are enough to follow what happened."""
    user = await http.user("mira")
    data: dict[str, Any] = {
        "userName": SECRET,
        "name": {"givenName": SECRET},
        "emails": [{"value": SECRET}],
        "active": True,
    }
    patch = {"Operations": [{"op": "add", "value": data}]}
    operation = {"method": "PUT", "path": f"/Users/{user['id']}", "data": data}
    bodies = {"POST": data, "PUT": data, "PATCH": patch, "BULK": {"Operations": [operation]}}
    path = {"POST": "/Users", "BULK": "/Bulk"}.get(method, f"/Users/{user['id']}")
    answer = await http.request("POST" if method == "BULK" else method, path, bodies[method])
    assert answer.status in (200, 201)
    recorded = await changes(rows)
    assert len(recorded) == 2
    assert SECRET not in str(recorded)
    assert "emails" in str(recorded)


async def test_what_changes_nothing_is_not_recorded(http: Http, rows: Rows) -> None:
    """Neither a read, nor what was refused, nor a PATCH without effect."""
    user = await http.user("mira")
    path = f"/Users/{user['id']}"
    for method, at, body in [
        ("GET", path, None),
        ("POST", "/Users", {"userName": "mira@contoso.example"}),
        ("PATCH", path, {"Operations": [{"op": "replace", "path": "active", "value": "perhaps"}]}),
        ("PATCH", path, {"Operations": [{"op": "replace", "path": "userName", "value": "mira@contoso.example"}]}),
        ("PUT", path, user),
        ("DELETE", f"/Users/{'f' * 32}", None),
    ]:
        await http.request(method, at, body)
    assert len(await changes(rows)) == 1


async def test_a_client_s_name_is_cut_and_cannot_break_the_row(http: Http, rows: Rows) -> None:
    """Whatever a client calls itself, its changes are served."""
    answer = await http.request("POST", "/Users", {"userName": "m"}, {"User-Agent": "a\ud800\n" + "b" * 1000})
    assert answer.status == 201
    client = (await last(rows))["client"]
    assert (client[:4], len(client)) == ("a??b", 200)


async def test_the_record_is_part_of_the_change(http: Http, rows: Rows, monkeypatch: pytest.MonkeyPatch) -> None:
    """One commit has the resource and its change row, so that neither is there without the other."""
    commits = []
    commit = rows.commit

    async def seen(partition: str, written: Any, mark: str) -> list[str]:
        commits.append([change.key[0] for change in written])
        return await commit(partition, written, mark)

    monkeypatch.setattr(rows, "commit", seen)
    user = await http.user("mira")
    await http.request("PATCH", f"/Users/{user['id']}", {"Operations": [{"op": "add", "path": "title", "value": "x"}]})
    await http.request("DELETE", f"/Users/{user['id']}")
    assert ["u" in each and "e" in each for each in commits if each != ["s"]] == [True, True, True]
