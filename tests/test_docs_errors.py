"""The error bodies that docs/errors.md shows are those that the service sends, all but ids, versions and times."""

import itertools
import json
import re
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from azure.core.exceptions import HttpResponseError

from scim.access.credential import Credential
from scim.access.token import made
from scim.app import App
from scim.azure.connections import Connections
from scim.azure.tables import TableRows
from scim.azure.vault import VaultTokens
from scim.directory import keys
from scim.protocol.errors import Unavailable
from scim.service.messages import Request
from scim.storage.rows import Delete, Insert, Row
from scim.storage.sqlite import SqliteRows
from tests.conftest import TOKEN, Clock, Http, make_app
from tests.tenancy import client, tenant

PAGE = Path(__file__).parent.parent / "docs" / "errors.md"
NOBODY = "0" * 32
VARYING = re.compile(r"[0-9a-f]{8}-[0-9a-f-]{27}|request-1|[0-9a-f]{32}|[0-9a-f]{16}|\d{4}-\d\d-\d\dT[\d:]+Z")

Body = dict[str, Any]
Provoke = Callable[[Http], Awaitable[Any]]


def alike(body: Body) -> str:
    """Return an error body as text, with one word for every id, version and time."""
    detail = VARYING.sub("...", body["detail"])
    return json.dumps({**body, "detail": detail, "schemas": None}, sort_keys=True)


def shown() -> list[str]:
    """Return the examples of the page."""
    blocks = re.findall(r"```json\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.S)
    return [alike(json.loads(each)) for block in blocks for each in re.split(r"\n(?=\{)", block)]


def asking(method: str, path: str, json: Any = None, **headers: str) -> Provoke:
    """Return what sends one request to an empty directory."""

    async def provoke(http: Http) -> Any:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return (await http.request(method, path, json, named)).body

    return provoke


def patching(operation: dict[str, Any], **headers: str) -> Provoke:
    """Return what sends a PATCH to a user."""

    async def provoke(http: Http) -> Any:
        user = await http.user("mira", emails=[{"value": "mira@contoso.example", "type": "work"}])
        return await asking("PATCH", f"/Users/{user['id']}", {"Operations": [operation]}, **headers)(http)

    return provoke


async def a_name_twice(http: Http) -> Any:
    await http.user("mira")
    return (await http.request("POST", "/Users", {"userName": "MIRA@contoso.example"})).body


async def a_member_who_is_not_there(http: Http) -> Any:
    group = await http.group("Crew")
    operation = {"op": "add", "path": "members", "value": [{"value": NOBODY}]}
    return (await http.request("PATCH", f"/Groups/{group['id']}", {"Operations": [operation]})).body


async def a_reference_to_nothing(http: Http) -> Any:
    operation = {"method": "DELETE", "path": "/Users/bulkId:q"}
    return (await http.request("POST", "/Bulk", {"Operations": [operation]})).body["Operations"][0]["response"]


async def two_of_one_external_id(http: Http) -> Any:
    for name in ("mira", "noor"):
        await http.user(name, externalId="m-1")
    asker = await client(http._app, "scim", "events")
    return (await asker.request("GET", "/access?externalId=m-1")).body


async def several_telephones(http: Http) -> Any:
    user = await http.user("mira", phoneNumbers=["1", "2"])
    replace = {"op": "replace", "path": "phoneNumbers.value", "value": "3"}
    return (await http.request("PATCH", f"/Users/{user['id']}", {"Operations": [replace]})).body


REQUESTS: dict[str, Provoke] = {
    "Uniqueness": a_name_twice,
    "InvalidFilter of quotes": asking("GET", "/Users?filter=userName+eq+%E2%80%9Cmira%E2%80%9D"),
    "InvalidFilter": asking("GET", "/Users?filter=userNme+eq+%22mira%22"),
    "Mutability": patching({"op": "replace", "path": "id", "value": "1"}),
    "Mutability of active": patching({"op": "remove", "path": "active"}),
    "InvalidSyntax": asking("PATCH", f"/Users/{NOBODY}", {"members": []}),
    "InvalidPath": patching({"op": "add", "path": "emails[type eq", "value": "x"}),
    "NoTarget": patching({"op": "replace", "path": 'emails[value co "nobody"].type', "value": "home"}),
    "NoTarget among several": several_telephones,
    "InvalidValue of something required": asking("POST", "/Users", {"active": True}),
    "InvalidValue of a type": patching({"op": "replace", "path": "active", "value": "perhaps"}),
    "InvalidValue of a blank name": patching({"op": "replace", "path": "userName", "value": " "}),
    "InvalidValue of an address": asking("POST", "/Users", {"userName": "a", "profileUrl": "not there yet"}),
    "InvalidValue of a member": a_member_who_is_not_there,
    "InvalidCursor": asking("GET", "/Users?cursor=x"),
    "InvalidCount": asking("GET", "/Users?count=many"),
    "Unauthorized without a token": asking("GET", "/Users", authorization=""),
    "Unauthorized": asking("GET", "/Users", authorization="Bearer somebody-else"),
    "Forbidden": asking("GET", "/Schemas?filter=id+eq+%22x%22"),
    "NotFound": asking("GET", f"/Users/{NOBODY}"),
    "MethodNotAllowed": asking("DELETE", "/Users"),
    "Conflict": a_reference_to_nothing,
    "Conflict of two users": two_of_one_external_id,
    "PreconditionFailed": patching({"op": "replace", "path": "title", "value": "x"}, if_match='W/"1"'),
    "UnsupportedMediaType": asking("POST", "/Users", {}, content_encoding="gzip"),
    "NotImplementedHere": asking("GET", "/Me"),
}


@pytest.mark.parametrize("name", REQUESTS)
async def test_an_example_is_what_the_service_sends(http: Http, name: str) -> None:
    """So that who searches the page for the detail in a log finds it."""
    assert alike(await REQUESTS[name](http)) in shown()


async def sent(app: App, method: str, path: str, body: bytes = b"") -> str:
    request = Request(
        method, f"https://scim.contoso.com{path}", {"authorization": f"Bearer {TOKEN}"}, body, "request-1"
    )
    answer: Body = (await app.endpoints.respond_anywhere(request)).body
    return alike(answer)


async def test_the_address_that_is_none_is_shown(app: App) -> None:
    """What an administrator sees who left /scim/v2 out of the Tenant URL."""
    assert await sent(app, "GET", "/Users") in shown()


async def test_the_body_that_is_too_large_is_shown(app: App) -> None:
    """With the limit."""
    assert await sent(app, "POST", "/scim/v2/Users", b" " * 4_300_000) in shown()


async def test_the_search_that_reads_too_much_is_shown(http: Http, rows: SqliteRows) -> None:
    """With the default limits and look-ups."""
    people = [Insert(f"u.{number:032x}", "{}") for number in range(20_001)]
    for start in range(0, len(people), 100):
        await rows.commit("scim", people[start : start + 100])
    answer = await http.request("GET", "/Users?filter=title+eq+%22x%22")
    assert alike(answer.body) in shown()


class BrokenRows(SqliteRows):
    """A store with a bug."""

    async def read(self, partition: str, key: str) -> Row | None:
        raise RuntimeError("a bug")


async def test_the_bug_is_shown(clock: Clock) -> None:
    """With nothing of its own text."""
    app = make_app(BrokenRows(":memory:"), clock)
    assert await sent(app, "GET", f"/scim/v2/Users/{NOBODY}") in shown()
    await app.close()


async def test_a_scope_that_does_not_do_is_shown(app: App, http: Http) -> None:
    """A credential that may only read sends a change."""
    token = made()
    await app.registry.add_credential(Credential(token.id, "scim", "reader", "read", digest=token.digest.hex()))
    answer = await http.request("POST", "/Users", {}, {"Authorization": f"Bearer {token.text}"})
    assert alike(answer.body) in shown()


async def test_a_share_that_is_used_up_is_shown(app: App, http: Http) -> None:
    """A burst larger than a credential may have."""
    await (await client(app, await tenant(app))).request("GET", "/Users")
    answers = [await http.request("GET", "/ServiceProviderConfig") for _ in range(201)]
    assert answers[-1].status == 429
    assert alike(answers[-1].body) in shown()


class Refusing:
    """A client of Table Storage, or a transport to the vault, that gets the same answer to everything."""

    url = "https://made-up.table.core.windows.net/scim"

    def __init__(self, status: int, code: str = "") -> None:
        self._error = HttpResponseError("not shown")
        self._error.status_code, self._error.error_code = status, code  # type: ignore[attr-defined]

    async def get_entity(self, *_: Any) -> Any:
        raise self._error

    async def send(self, *_: Any, **__: Any) -> Any:
        raise self._error

    def get_table_client(self, _: str) -> "Refusing":
        return self

    async def open(self) -> None: ...

    async def close(self) -> None: ...

    async def __aenter__(self) -> "Refusing":
        return self

    async def __aexit__(self, *_: Any) -> None: ...


async def no_pause(_: float) -> None: ...


@pytest.mark.parametrize(("status", "code"), [(503, "ServerBusy"), (403, "AuthorizationPermissionMismatch")])
async def test_the_storage_that_does_not_answer_is_shown(status: int, code: str) -> None:
    """Busy, and refusing the app."""
    client: Any = Refusing(status, code)
    account = Connections(lambda *_: client, make_transport=lambda: client)
    rows = TableRows(account, "scim", sleep=no_pause, clock=itertools.count().__next__)
    with pytest.raises(Unavailable) as raised:
        await rows.read("scim", "u.1")
    assert alike(raised.value.body()) in shown()


async def test_the_vault_without_a_token_is_shown() -> None:
    """With the time since when nothing could be read."""
    transport: Any = Refusing(404)
    seconds = itertools.count(step=5)
    tokens = VaultTokens(
        "https://contoso.vault.azure.net",
        transport,
        clock=lambda: float(next(seconds)),
        sleep=no_pause,
        transport=transport,
    )
    with pytest.raises(Unavailable) as raised:
        await tokens.digests()
    await tokens.close()
    assert alike(raised.value.body()) in shown()


async def test_the_feed_that_cannot_go_on_is_shown(app: App, http: Http, rows: SqliteRows) -> None:
    """A cursor of an earlier epoch, and an event that somebody has deleted."""
    await http.user("mira")
    reader = await client(app, "scim", "events")
    old = (await reader.request("GET", "/events?limit=1")).body["next"]
    await rows.commit("scim", [Delete(keys.event(1))])
    await http.user("noor")
    assert alike((await reader.request("GET", "/events?after=")).body) in shown()
    await app.feed.restart()
    assert alike((await reader.request("GET", f"/events?after={old}")).body) in shown()


def test_no_example_is_shown_that_no_test_provokes() -> None:
    """Those above, and eleven with tests of their own."""
    assert len(shown()) == len(set(shown())) == len(REQUESTS) + 11
