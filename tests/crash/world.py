"""A small directory, copied for each case, with clients that act and look at it from outside."""

import random
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any, NamedTuple
from unittest.mock import patch

from scim.app import App, build
from scim.commands.verify import verify
from scim.directory import keys
from scim.directory.resources import Origin
from scim.directory.tenant import Tenant
from scim.protocol.schema import load_schemas
from scim.settings import Settings
from scim.storage.rows import Rows
from scim.storage.sqlite import SqliteRows
from tests.conftest import TOKEN, Answer, Http, unnoted

START = datetime(2026, 1, 31, 12, 0, tzinfo=UTC)
PATCH_OP = "urn:ietf:params:scim:api:messages:2.0:PatchOp"
MANY = 70
"""Members of the large group: more than two transactions take, and so many that they are found in ranges."""
FILTERABLE = ("externalId", "emails.value")

Directory = tuple[dict[str, dict[str, Any]], dict[str, tuple[dict[str, Any], frozenset[str]]]]
"""Users by userName; groups by displayName, each with the names of its members. No ids: runs give other ones."""


async def no_pause(_: float) -> None:
    """Let a writer who has met another one try again at once."""


def make_app(
    rows: Rows, seed: object, hours: float = 0, pause: Callable[[int], Awaitable[None]] = no_pause, **settings: Any
) -> App:
    """Return a service, as a process of its own: with ids of its own, a clock, and writers that do not wait."""
    ids = random.Random(str(seed))
    tenant = Tenant(
        rows,
        "scim",
        now=lambda: START + timedelta(hours=hours),
        new_id=lambda _: f"{ids.getrandbits(1):02x}{ids.getrandbits(120):030x}",  # so that many are counted in one row
        pause=pause,
        rest=no_pause,
    )
    chosen = {"filterable": FILTERABLE} | settings
    with patch("scim.app.load_schemas", _load_schemas_once):
        return unnoted(build(Settings(storage="sqlite::memory:", token=(TOKEN,), **chosen), tenant))


_load_schemas_once = cache(load_schemas)
"""There are thousands of processes here, and reading the schemas takes them longer than their work."""


class Start(NamedTuple):
    """A store to be copied, and the ids of what is in it by name."""

    rows: SqliteRows
    ids: dict[str, str]


class Client:
    """Sends requests as a provisioning client does, and remembers the ids of those whom it knows."""

    def __init__(self, app: App, known: Mapping[str, str] | None = None) -> None:
        self.app = app
        self.http = Http(app)
        self._known = {} if known is None else known

    async def send(self, method: str, path: str, json: Any = None, **headers: str) -> Answer:
        """Send a request; an answer of 500 or more raises, 500 itself as the bug that it is."""
        answer = await self.http.request(method, path, json, headers or None)
        assert answer.status != 500, answer.body
        if answer.status > 500:
            raise NoAnswer(answer.body["detail"])
        return answer

    async def find(self, endpoint: str, name: str) -> str | None:
        """Return the id of the resource with a name, None when there is none."""
        attribute = "userName" if endpoint == "/Users" else "displayName"
        listed = await self.send("GET", f"{endpoint}?filter={attribute}%20eq%20%22{name}%22")
        found = listed.body["Resources"]
        assert len(found) <= 1, f"{len(found)} resources are named {name}"
        return str(found[0]["id"]) if found else None

    def id(self, name: str) -> str:
        """Return the id of somebody whom the client knows, perhaps by a former name."""
        return self._known[name]

    def users(self, *numbers: int) -> list[dict[str, str]]:
        """Return users as a value of members."""
        return [{"value": self.id(f"user{number}")} for number in numbers]

    async def create(self, endpoint: str, body: dict[str, Any]) -> str:
        """Create a resource, or find it when a request whose answer was lost has created it."""
        answer = await self.send("POST", endpoint, body)
        name = body.get("userName") or body["displayName"]
        if answer.status == 201:
            return str(answer.body["id"])
        assert answer.status == 409, answer.body
        found = await self.find(endpoint, name)
        assert found, f"{name} is taken by nobody"
        return found

    async def patch(self, path: str, *operations: dict[str, Any], **headers: str) -> Answer:
        """Send a PATCH that has to succeed."""
        answer = await self.send("PATCH", path, {"schemas": [PATCH_OP], "Operations": list(operations)}, **headers)
        assert answer.status in (200, 204), answer.body
        return answer


class NoAnswer(Exception):
    """The service has answered 503, which says neither that it did nor that it did not."""


def user_body(number: int) -> dict[str, Any]:
    """Return a user with a unique name and two look-ups."""
    return {
        "userName": f"user{number}",
        "externalId": f"external{number}",
        "emails": [{"value": f"user{number}@example.com", "type": "work"}],
    }


async def populated(rows: Rows) -> dict[str, str]:
    """Make users, small and large groups, a circle of groups, and a user in many groups; return their ids by name."""
    ids: dict[str, str] = {}
    client = Client(make_app(rows, "first"), ids)
    for number in range(MANY + 5):
        ids[f"user{number}"] = await client.create("/Users", user_body(number))
    for name, numbers in (("small", range(3)), ("large", range(MANY)), ("empty", range(0)), ("circle one", range(1))):
        ids[name] = await client.create("/Groups", {"displayName": name, "members": client.users(*numbers)})
    circle = {"displayName": "circle other", "members": [{"value": ids["circle one"]}]}
    ids["circle other"] = await client.create("/Groups", circle)
    joining = {"op": "add", "path": "members", "value": [{"value": ids["circle other"]}]}
    await client.patch(f"/Groups/{ids['circle one']}", joining)
    await client.app.tenants.default.roles.map("small", "keeper", Origin())
    for number in range(36):
        await client.create("/Groups", {"displayName": f"of one {number}", "members": client.users(MANY)})
    return ids


@contextmanager
def copy_of(rows: SqliteRows) -> Iterator[SqliteRows]:
    """Give an independent store with the same rows."""
    copied = SqliteRows(":memory:")
    try:
        rows._db.backup(copied._db)
        yield copied
    finally:
        copied._db.close()


def content(rows: SqliteRows) -> tuple[tuple[str, str], ...]:
    """Return all rows but change rows, events and roles, without their versions: equal for stores that behave alike."""
    found = rows._db.execute("SELECT key, body FROM rows ORDER BY key").fetchall()
    return tuple(row for row in found if row[0][:2] not in ("a.", "e.", "f.", "o.", "p.") and row[0] != keys.FEED)


async def seen(client: Client) -> Directory:
    """Return what a client sees of the whole directory, from both sides of each membership."""
    users = (await client.send("GET", "/Users?count=1000")).body["Resources"]
    groups = (await client.send("GET", "/Groups?count=1000")).body["Resources"]
    names = {each["id"]: each["userName"] for each in users} | {each["id"]: each["displayName"] for each in groups}
    edges = {(each["id"], member["value"]) for each in groups for member in each.get("members", [])}
    mirrored = {(group["value"], each["id"]) for each in users for group in each.get("groups", [])}
    assert {edge for edge in edges if edge[1] in {each["id"] for each in users}} == mirrored
    return (
        {each["userName"]: _plain(each) for each in users},
        {
            each["displayName"]: (
                _plain(each),
                frozenset(names[member] for group, member in edges if group == each["id"]),
            )
            for each in groups
        },
    )


def _plain(resource: dict[str, Any]) -> dict[str, Any]:
    return {name: item for name, item in resource.items() if name not in ("id", "meta", "members", "groups")}


async def findings(rows: Rows, **settings: Any) -> list[str]:
    """Return what a verification has to say."""
    said: list[str] = []
    await verify(make_app(rows, "verification", **settings).tenants.default, False, said.append)
    return said


async def leftovers(rows: Rows) -> Sequence[str]:
    """Return the keys of rows that only unfinished work leaves behind."""
    return [row.key for row in await rows.range("scim", keys.tombstone(), f"{keys.tombstone()}{keys.BEYOND}", 1000)]
