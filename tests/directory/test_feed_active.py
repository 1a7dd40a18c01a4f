"""Events of who may sign in: a change of `active` says what it was and is, in every form in which clients send it."""

from collections.abc import Callable
from typing import Any

import pytest

from scim.app import App
from tests.conftest import Http
from tests.directory.test_feed import PATCH_OP, everything
from tests.samples import CORE

NAME = "mira@contoso.example"
Sent = tuple[str, str, Any]


def patched(path: str, *operations: Any) -> Sent:
    return "PATCH", path, {"schemas": [PATCH_OP], "Operations": list(operations)}


def replaced(path: str, value: Any) -> Sent:
    return "PUT", path, {"userName": NAME, "active": value}


def in_bulk(sent: Sent) -> Sent:
    method, path, data = sent
    operation = {"method": method, "path": path, "data": data}
    schema = "urn:ietf:params:scim:api:messages:2.0:BulkRequest"
    return "POST", "/Bulk", {"schemas": [schema], "Operations": [operation]}


FORMS: dict[str, Callable[[str, Any], Sent]] = {
    "Entra's": lambda user, value: patched(user, {"op": "Replace", "path": "active", "value": value}),
    "Entra's with the flag": lambda user, value: patched(user, {"op": "replace", "value": {"active": value}}),
    "an add": lambda user, value: patched(user, {"op": "Add", "path": "active", "value": value}),
    "another case": lambda user, value: patched(user, {"op": "REPLACE", "path": "Active", "value": value}),
    "a path with a URN": lambda user, value: patched(user, {"op": "replace", "path": f"{CORE}:active", "value": value}),
    "a name with a URN": lambda user, value: patched(user, {"op": "replace", "value": {f"{CORE}:active": value}}),
    "below a URN": lambda user, value: patched(user, {"op": "replace", "value": {CORE: {"active": value}}}),
    "the last of several": lambda user, value: patched(
        user, *({"op": "replace", "path": "active", "value": each} for each in (True, False, value))
    ),
    "a PUT, as Okta's": replaced,
    "a PATCH in Bulk": lambda user, value: in_bulk(patched(user, {"op": "replace", "value": {"active": value}})),
    "a PUT in Bulk": lambda user, value: in_bulk(replaced(user, value)),
}
"""How clients say whether a user is active: tests/clients has the recordings."""


@pytest.mark.parametrize("values", [(False, True), ("False", "True"), ("false", "TRUE")])
@pytest.mark.parametrize("form", FORMS)
async def test_who_is_disabled_and_enabled_is_told_of_with_what_was(
    app: App, http: Http, form: str, values: tuple[Any, Any]
) -> None:
    """Who hears of a deactivation ends sessions; the same said again is no change."""
    user = await http.user("mira")
    for value in values:
        for _ in range(2):
            answer = await http.request(*FORMS[form](f"/Users/{user['id']}", value))
            assert answer.status == 200, answer.body
    events = (await everything(app))[1:]
    assert [(event["type"], event["data"]["active"], event["data"]["activeBefore"]) for event in events] == [
        ("user.deactivated", False, True),
        ("user.activated", True, False),
    ]
    assert [event["data"]["changed"] for event in events] == [["active"]] * 2


async def test_what_else_changes_stands_beside_it(app: App, http: Http) -> None:
    """One change of a user is one event."""
    user = await http.user("mira")
    path = f"/Users/{user['id']}"
    await http.request(*patched(path, {"op": "replace", "value": {"active": "False", "title": "Boss"}}))
    await http.request("PUT", path, {"userName": "moved@contoso.example", "active": True})
    told = [(event["type"], event["data"]["userName"], event["data"]["changed"]) for event in await everything(app)]
    assert told[1:] == [
        ("user.deactivated", NAME, ["active", "title"]),
        ("user.activated", "moved@contoso.example", ["userName", "active", "title"]),
    ]


@pytest.mark.parametrize("silence", [{}, {"active": None}, {"active": ""}])
async def test_silence_is_no_change_of_it(app: App, http: Http, silence: Any) -> None:
    """Who is disabled stays so, and is told of as such."""
    user = await http.user("mira", active=False)
    await http.request("PUT", f"/Users/{user['id']}", {"userName": NAME, "title": "Boss", **silence})
    _, event = await everything(app)
    assert (event["type"], event["data"]["active"], event["data"]["changed"]) == ("user.updated", False, ["title"])
    assert "activeBefore" not in event["data"]


@pytest.mark.parametrize("active", [True, False])
async def test_a_delete_says_whether_somebody_could_sign_in(app: App, http: Http, active: bool) -> None:
    """So that sessions are ended of those who may have some."""
    user = await http.user("mira", active=active)
    await http.request("DELETE", f"/Users/{user['id']}")
    created, deleted = await everything(app)
    assert (created["type"], created["data"]["active"]) == ("user.created", active)
    assert (deleted["type"], deleted["data"]["active"], deleted["data"]["userName"]) == ("user.deleted", active, NAME)
