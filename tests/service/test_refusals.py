"""Bodies and queries that are refused, and what their errors say."""

from typing import Any

import pytest

from scim.protocol.sizes import RESOURCE
from scim.storage.rows import Rows
from tests.conftest import Http
from tests.samples import ENTERPRISE
from tests.service.asking import assert_error, everything, patch


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
        b"[" * 10_000,
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
        ("userName", 0.5),
        ("userName", None),
        ("userName", ["mira"]),
        ("active", "perhaps"),
        ("active", 1),
        ("active", {}),
        ("name", "Mira"),
        ("emails", True),
        ("emails", [0.5]),
        ("emails", [[{"value": "x"}]]),
        ("emails", [{"value": True}]),
        ("emails", [{"value": "x", "primary": "perhaps"}]),
        ("emails", [{"value": "x", "primary": True}, {"value": "y", "primary": True}]),
        ("USERNAME", "again"),
        ("schemas", {"urn:x": 1}),
        ("schemas", [5]),
        (ENTERPRISE, "x"),
        (ENTERPRISE, {"manager": 0.5}),
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


async def test_a_body_that_is_too_large_is_refused(http: Http, rows: Rows) -> None:
    """413 with the limit in the detail; a body under it that would not fit into a row is 413 as well."""
    content = b'{"userName": "mira", "profileUrl": "' + b"x" * RESOURCE.length + b'"}'
    assert_error(await http.request("POST", "/Users", content=content), 413, detail="1,048,576")
    assert_error(await http.request("POST", "/Groups", content=content * 4), 413, detail="4,194,304")
    large = {"userName": "m", "profileUrl": "x" * 500_000}
    assert_error(await http.request("POST", "/Users", large), 413, detail="900,000")
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
    "query", ["filter=%FF", "count=many", "startIndex=x", "filter=%22%22", "filter=userName", "sortBy=%22%22"]
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
