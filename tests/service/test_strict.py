"""Strict credentials: what would be understood or left out for others is refused for them, and for them alone."""

from typing import Any

import pytest

from scim.app import App
from scim.management.administration import Wanted
from tests.conftest import Http

USER = "urn:ietf:params:scim:schemas:core:2.0:User"


async def strict_client(app: App) -> Http:
    issued = await app.administration.issue("scim", Wanted("strict", "provision", strict=True))
    return Http(app, issued.secret)


@pytest.mark.parametrize(
    ("body", "detail"),
    [
        ({"userName": "a", "favouriteColour": "blue"}, "favouriteColour"),
        ({"userName": "a", "schemas": [USER, "urn:x:User"]}, "urn:x:User"),
        ({"userName": "a", f"{USER}:nothing": 1}, "nothing"),
    ],
)
async def test_what_no_schema_knows_is_400_and_is_left_out_for_others(
    app: App, http: Http, body: dict[str, Any], detail: str
) -> None:
    """POST and PUT."""
    answer = await (await strict_client(app)).request("POST", "/Users", body)
    assert (answer.status, answer.body["scimType"]) == (400, "invalidSyntax")
    assert detail in answer.body["detail"]
    made = await http.request("POST", "/Users", body)
    assert made.status == 201
    put = await (await strict_client(app)).request("PUT", f"/Users/{made.body['id']}", body)
    assert put.status == 400


@pytest.mark.parametrize(
    "operation",
    [
        {"op": "replace", "value": {"title": "x"}},
        {"op": "add", "value": {"title": "x"}},
        {"op": "add", "path": "favouriteColour", "value": "blue"},
    ],
)
async def test_an_operation_without_a_path_or_with_an_unknown_one_is_400(
    app: App, http: Http, operation: dict[str, Any]
) -> None:
    """PATCH, also within Bulk."""
    strict, user = await strict_client(app), await http.user("mira")
    path = f"/Users/{user['id']}"
    refused = await strict.request("PATCH", path, {"Operations": [operation]})
    assert (refused.status, refused.body["scimType"]) == (400, "invalidSyntax")
    bulk = {"Operations": [{"method": "PATCH", "path": path, "data": {"Operations": [operation]}}]}
    [result] = (await strict.request("POST", "/Bulk", bulk)).body["Operations"]
    assert result["status"] == "400"
    assert (await http.request("GET", path)).body == user
    assert (await http.request("PATCH", path, {"Operations": [operation]})).status in (200, 204)


async def test_a_strict_client_is_served_what_the_rfc_has(app: App) -> None:
    """A whole user with its schemas, and operations with paths."""
    strict = await strict_client(app)
    made = await strict.created("/Users", userName="a", schemas=[USER])
    operation = {"op": "replace", "path": "title", "value": "x"}
    answer = await strict.request("PATCH", f"/Users/{made['id']}", {"Operations": [operation]})
    assert (answer.status, answer.body["title"]) == (200, "x")
