"""Generated requests: whatever a client sends, the answer is one of SCIM's and never a failure of the service."""

import asyncio
from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scim.storage.sqlite import SqliteRows
from tests.conftest import Answer, Clock, Http, make_app
from tests.samples import CONTOSO, CORE, ENTERPRISE, EXTENSIONS, USER, examples

NAMES = st.sampled_from(
    [
        *USER.core,
        *(
            "value",
            "type",
            "primary",
            "$ref",
            "display",
            "members",
            "displayName",
            "Operations",
            "op",
            "path",
            "method",
        ),
        *("bulkId", "data", "filter", "attributes", "excludedAttributes", "sortBy", "sortOrder", "count", "cursor"),
        *(CORE, ENTERPRISE, CONTOSO, f"{ENTERPRISE}:manager", f"{ENTERPRISE}.manager", "emails[type eq", "", "x"),
        *('emails[type eq "work"].value', 'members[value eq "1"]', "name.givenName", "name.", ".", "urn:", f"{CORE}:"),
    ]
)
TEXTS = NAMES | st.text(max_size=8) | st.sampled_from(["True", "1", "bulkId:a", "/Users", "/Groups", "POST", "replace"])
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=4),
    max_leaves=12,
)
ATTRIBUTES = st.sampled_from([*USER.core, "members", ENTERPRISE, CONTOSO])
RESOURCES = st.dictionaries(ATTRIBUTES, VALUES, min_size=1, max_size=8)
OPERATIONS = st.fixed_dictionaries(
    {"op": st.sampled_from(["add", "Replace", "remove", "move"])},
    optional={"path": ATTRIBUTES | TEXTS, "value": VALUES | RESOURCES},
)
BULK = st.fixed_dictionaries(
    {"method": st.sampled_from(["POST", "put", "PATCH", "DELETE", "GET"]), "path": TEXTS},
    optional={"bulkId": st.sampled_from(["a", "b", ""]), "data": VALUES, "version": TEXTS},
)
PARAMETERS = st.sampled_from(["filter", "sortBy", "sortOrder", "count", "startIndex", "cursor", "attributes"])
METHODS = st.sampled_from(["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"])


def answered(method: str, path: str, body: Any = None) -> Answer:
    """Return what a new service with one user and one group answers; `<u>` and `<g>` stand for their ids."""

    async def run() -> Answer:
        rows = SqliteRows(":memory:")
        http = Http(make_app(rows, Clock(), schemas=EXTENSIONS))
        user = await http.user("mira", emails=[{"value": "m@x", "type": "work", "primary": True}])
        group = await http.group("Crew", user["id"])
        try:
            return await http.request(method, path.replace("<u>", user["id"]).replace("<g>", group["id"]), body)
        finally:
            await rows.close()

    return asyncio.run(run())


def assert_answered(answer: Answer) -> None:
    assert answer.status < 500 or answer.status == 501, answer.body
    if answer.status >= 400:
        assert answer.body["status"] == str(answer.status)
        assert answer.body["detail"]


@examples(30)
@given(method=st.sampled_from(["POST", "PUT"]), kind=st.sampled_from(["Users", "Groups"]), body=RESOURCES | VALUES)
def test_any_resource(method: str, kind: str, body: Any) -> None:
    """A body of any shape, created or put."""
    required = {"userName": "n", "displayName": "n"} if isinstance(body, dict) else {}
    path = f"/{kind}" if method == "POST" else f"/{kind}/<{kind[0].lower()}>"
    assert_answered(answered(method, path, {**required, **body} if required else body))


@examples(30)
@given(kind=st.sampled_from(["Users", "Groups"]), operations=st.lists(OPERATIONS, max_size=3))
def test_any_patch(kind: str, operations: list[Any]) -> None:
    """Operations of any shape, on a user and on a group."""
    assert_answered(answered("PATCH", f"/{kind}/<{kind[0].lower()}>", {"Operations": operations}))


@examples(30)
@given(operations=st.lists(BULK, max_size=4))
def test_any_bulk(operations: list[Any]) -> None:
    """Operations that refer to anything; each result is a status of SCIM's."""
    answer = answered("POST", "/Bulk", {"Operations": operations})
    assert_answered(answer)
    for result in answer.body.get("Operations", ()):
        assert int(result["status"]) < 500, result


@examples(30)
@given(
    path=st.sampled_from(["/Users", "/Groups", "/", "/Users/<u>", "/Schemas"]),
    parameters=st.dictionaries(PARAMETERS, TEXTS),
    posted=st.booleans(),
)
def test_any_search(path: str, parameters: dict[str, str], posted: bool) -> None:
    """Parameters of any content, in a query or in a body."""
    if posted:
        assert_answered(answered("POST", f"{path}/.search", parameters))
    else:
        query = "&".join(f"{name}={quote(value)}" for name, value in parameters.items())
        assert_answered(answered("GET", f"{path}?{query}"))


@examples(30)
@given(method=METHODS, parts=st.lists(TEXTS, max_size=4), content=st.binary(max_size=20))
def test_any_path_and_bytes(method: str, parts: list[str], content: bytes) -> None:
    """Any path, encoded or as it is, with bytes that are no JSON."""
    for path in ("/".join(quote(each, safe="") for each in parts), "/".join(parts)):

        async def run(path: str = path) -> Answer:
            rows = SqliteRows(":memory:")
            try:
                return await Http(make_app(rows, Clock())).request(method, f"/{path}", content=content)
            finally:
                await rows.close()

        assert_answered(asyncio.run(run()))


@pytest.mark.parametrize("name", ["userName", "displayName"])
async def test_of_many_who_create_one_name_at_once_one_succeeds(http: Http, name: str) -> None:
    """The others get a conflict, in whatever case they write it."""
    path = "/Users" if name == "userName" else "/Groups"
    requests = [http.request("POST", path, {name: "crew" if n % 2 else "CREW"}) for n in range(20)]
    answers = await asyncio.gather(*requests)
    assert sorted(each.status for each in answers) == [201] + [409] * 19
    assert {each.body["scimType"] for each in answers if each.status == 409} == {"uniqueness"}
    assert (await http.request("GET", path)).body["totalResults"] == 1
