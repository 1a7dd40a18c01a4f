"""Whether a user is active: always known, and never changed by silence. Who reads an absent `active` as true lets
somebody in."""

import json
from typing import Any

import pytest

from scim.app import App
from scim.directory import keys
from scim.protocol.active import is_active
from scim.storage.rows import Delete, Replace, Rows
from tests.conftest import Answer, Clock, Http, make_app
from tests.samples import CORE
from tests.service.asking import assert_error, patch

SILENCE: list[dict[str, Any]] = [{}, {"active": None}, {"active": ""}, {CORE: {"active": None}}]


async def stored(rows: Rows, user_id: str) -> dict[str, Any]:
    row = await rows.read("scim", keys.resource("u", user_id))
    assert row is not None
    document: dict[str, Any] = json.loads(row.body)
    return document


async def found(http: Http, query: str) -> set[str]:
    answer = await http.request("GET", f"/Users?filter={query.replace(' ', '%20')}")
    return {each["userName"].partition("@")[0] for each in answer.body["Resources"]}


async def put(http: Http, user: dict[str, Any], **attributes: Any) -> Answer:
    return await http.request("PUT", f"/Users/{user['id']}", {"userName": user["userName"], **attributes})


@pytest.mark.parametrize("silence", SILENCE)
async def test_a_user_who_is_created_without_active_is_stored_as_active(
    http: Http, rows: Rows, silence: dict[str, Any]
) -> None:
    """In the row and in the answer, so that every reader knows without guessing."""
    user = await http.user("mira", **silence)
    assert user["active"] is True
    assert (await stored(rows, user["id"]))["active"] is True
    assert await found(http, "active eq true") == {"mira"}


@pytest.mark.parametrize("active", [True, False])
@pytest.mark.parametrize("silence", SILENCE)
async def test_a_put_that_does_not_say_keeps_what_was(http: Http, active: bool, silence: dict[str, Any]) -> None:
    """A client that does not map `active` writes names: it must not let a disabled user in."""
    user = await http.user("mira", active=active)
    answer = await put(http, user, title="Captain", **silence)
    assert (answer.status, answer.body["title"], answer.body["active"]) == (200, "Captain", active)


@pytest.mark.parametrize("verb", ["add", "Replace"])
@pytest.mark.parametrize("path", ["active", "Active", f"{CORE}:active", None, CORE])
@pytest.mark.parametrize("nothing", [None, ""])
async def test_null_and_an_empty_text_change_nothing_in_a_patch(
    http: Http, verb: str, path: str | None, nothing: str | None
) -> None:
    """Microsoft's gallery test clears attributes so; a cleared `active` would be read as true."""
    user = await http.user("mira", active=False)
    whole = path is None or path == CORE
    operation = {"op": verb, "value": {"active": nothing} if whole else nothing} | ({"path": path} if path else {})
    answer = await http.request("PATCH", f"/Users/{user['id']}", patch(operation))
    assert (answer.status, answer.body["active"]) == (200, False)
    assert answer.body["meta"]["version"] == user["meta"]["version"]


@pytest.mark.parametrize("path", ["active", f"{CORE}:active"])
@pytest.mark.parametrize("more", [{}, {"value": "False"}, {"value": None}])
async def test_active_cannot_be_removed(http: Http, rows: Rows, path: str, more: dict[str, Any]) -> None:
    """What is not said would be read as true; the error says what to send instead."""
    user = await http.user("mira", active=False)
    operation = {"op": "remove", "path": path, **more}
    answer = await http.request("PATCH", f"/Users/{user['id']}", patch(operation))
    assert_error(answer, 400, "mutability", "Replace it with false")
    assert (await stored(rows, user["id"]))["active"] is False


@pytest.mark.parametrize("value", [True, "True", "true"])
async def test_a_value_that_means_true_activates(http: Http, value: Any) -> None:
    """Entra restores a user so, in both dialects."""
    user = await http.user("mira", active=False)
    operation = {"op": "Replace", "path": "active", "value": value}
    assert (await http.request("PATCH", f"/Users/{user['id']}", patch(operation))).body["active"] is True
    await put(http, user, active=False)
    assert (await put(http, user, active=value)).body["active"] is True


@pytest.mark.parametrize("value", ["yes", 1, 0, [], {}, [True], "enabled"])
async def test_anything_else_is_refused(http: Http, value: Any) -> None:
    """To guess what it means could let somebody in, or shut somebody out."""
    user = await http.user("mira", active=False)
    operation = {"op": "replace", "path": "active", "value": value}
    assert_error(await http.request("PATCH", f"/Users/{user['id']}", patch(operation)), 400, "invalidValue", "active")
    assert_error(await put(http, user, active=value), 400, "invalidValue", "active")


@pytest.mark.parametrize("filterable", [(), ("active",)])
async def test_a_row_of_an_early_version_that_does_not_say_counts_as_active(
    rows: Rows, clock: Clock, filterable: tuple[str, ...]
) -> None:
    """In answers and in filters, also where `active` has look-ups, which such a row lacks."""
    app: App = make_app(rows, clock, filterable=filterable)
    http = Http(app)
    for name, active in (("mira", True), ("nils", True), ("ida", False)):
        await http.user(name, active=active)
    mira = (await http.request("GET", "/Users?filter=userName%20eq%20%22mira@contoso.example%22")).body["Resources"][0]
    row = await rows.read("scim", keys.resource("u", mira["id"]))
    assert row is not None
    silent = {name: item for name, item in json.loads(row.body).items() if name != "active"}
    look_ups = await rows.range("scim", "x.u.active.", "x.u.active.~", 100)
    gone = [Delete(each.key) for each in look_ups if each.key.endswith(mira["id"])]
    assert len(gone) == len(filterable)
    await rows.commit("scim", [Replace(row.key, json.dumps(silent), row.version, row.modified), *gone])

    assert (await http.request("GET", f"/Users/{mira['id']}")).body["active"] is True
    assert await found(http, "active eq true") == {"mira", "nils"}
    assert await found(http, 'active eq "True"') == {"mira", "nils"}
    assert await found(http, "active ne true") == await found(http, "active eq false") == {"ida"}
    assert await found(http, "active pr") == {"mira", "nils", "ida"}
    assert await found(http, "active eq null") == set()
    replaced = await put(http, mira, title="Captain")
    assert replaced.body["active"] is True
    assert (await stored(rows, mira["id"]))["active"] is True


async def test_a_group_has_no_such_attribute(http: Http, rows: Rows) -> None:
    """Only accounts are active or not."""
    group = await http.group("Crew")
    assert "active" not in group
    renamed = await http.request("PUT", f"/Groups/{group['id']}", {"displayName": "Deck"})
    assert "active" not in renamed.body


async def test_schemas_say_that_active_is_never_absent(http: Http) -> None:
    """`required` tells checkers and clients that it cannot be removed."""
    attributes = (await http.request("GET", f"/Schemas/{CORE}")).body["attributes"]
    [active] = [each for each in attributes if each["name"] == "active"]
    assert active["required"] is True


@pytest.mark.parametrize(("document", "active"), [({}, True), ({"active": True}, True), ({"active": False}, False)])
def test_one_function_says_whether_a_user_is_active(document: dict[str, Any], active: bool) -> None:
    """Whoever counts active users or tells of changes asks it, and need not know of early rows."""
    assert is_active(document) is active
