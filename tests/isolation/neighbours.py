"""Two tenants whose directories look alike but for a marker, and a client of each that looks for the other's."""

import base64
import itertools
import json
import random
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from scim.access.credential import Scope
from scim.app import App
from tests.conftest import HOST, Answer, Http
from tests.tenancy import credential, tenant

PEOPLE = 4
Leak = AssertionError


@dataclass
class Side:
    """One tenant: its key, its marker, its clients by scope, and what it has."""

    key: str
    marker: str
    clients: dict[Scope, Http]
    other: "Side | None" = None
    ids: list[str] = field(default_factory=list)
    groups: list[str] = field(default_factory=list)
    tags: list[str] = field(default_factory=list)
    cursors: list[str] = field(default_factory=list)
    stream: str = ""
    token_ids: list[str] = field(default_factory=list)

    async def ask(
        self,
        method: str,
        path: str,
        body: Any = None,
        headers: dict[str, str | None] | None = None,
        scope: Scope = "provision",
    ) -> Answer:
        """Send a request, and look into all of its answer for what is the other tenant's."""
        answer = await self.clients[scope].request(method, path, body, headers)
        self.check(json.dumps([answer.body, dict(answer.headers)], ensure_ascii=False))
        return answer

    def check(self, text: str) -> None:
        """Raise Leak when a text has the other tenant's marker or key."""
        if self.other is not None and (self.other.marker in text or self.other.key in text):
            raise Leak(f"tenant {self.marker} was told of {self.other.marker}: {text[:300]}")


async def neighbours(app: App) -> tuple[Side, Side]:
    """Return two tenants with the same ids, userNames and externalIds, and other values."""
    one, other = [await _side(app, marker) for marker in ("MARKER-ONE", "MARKER-OTHER")]
    one.other, other.other = other, one
    return one, other


async def _side(app: App, marker: str) -> Side:
    key = await tenant(app, marker)
    scopes: tuple[Scope, ...] = ("provision", "read", "events", "admin")
    made = {scope: await credential(app, key, scope) for scope in scopes}
    side = Side(key, marker, {scope: Http(app, token, key) for scope, (_, token) in made.items()})
    stream = await (await app.streams(key)).create(f"{HOST}/{key}/v2", wait=0, credential=made["events"][0])
    side.stream = stream["id"]
    await _same_ids(app, key)
    for number in range(PEOPLE):
        made = await side.clients["provision"].user(f"user{number}", externalId=f"x{number}", title=marker)
        side.ids.append(made["id"])
        side.tags.append(made["meta"]["version"])
    group = await side.clients["provision"].created(
        "/Groups", displayName="Crew", externalId=marker, members=[{"value": each} for each in side.ids[:2]]
    )
    side.groups.append(group["id"])
    return side


async def _same_ids(app: App, key: str) -> None:
    """Let the tenant's ids count from the same number as the other's: an id tells nothing of whose it is."""
    numbers = itertools.count(1)
    service = await app.tenants.of(await app.administration.tenant(key))
    object.__setattr__(service.tenant, "new_id", lambda _: f"{next(numbers):032x}")


Step = Callable[[random.Random, Side], Any]


async def step(choice: random.Random, side: Side) -> None:
    """Do one thing that a client does, perhaps with what is the other tenant's."""
    other = side.other
    assert other is not None
    ids = choice.choice([side, other]).ids
    one, group = choice.choice(ids), choice.choice(side.groups)
    cursor = choice.choice([*side.cursors, *other.cursors, ""])
    kind = choice.randrange(13)
    if kind == 0:
        await side.ask("GET", f"/Users/{one}")
    elif kind == 1:
        await side.ask("GET", f"/Users/{one}", headers={"if-none-match": choice.choice(other.tags)})
    elif kind == 2:
        operation = {"op": "replace", "path": "title", "value": f"{side.marker} {choice.random()}"}
        answer = await side.ask("PATCH", f"/Users/{one}", {"Operations": [operation]})
        side.tags.append(answer.headers.get("ETag", "x"))
    elif kind == 3:
        tag = choice.choice(other.tags)
        body = {"userName": f"user{choice.randrange(PEOPLE)}@contoso.example", "title": side.marker}
        await side.ask("PUT", f"/Users/{one}", body, {"if-match": tag})
    elif kind == 4:
        answer = await side.ask("GET", f"/Users?cursor={cursor}&count=2")
        if answer.status == 200 and (following := answer.body.get("nextCursor")):
            side.cursors.append(following)
    elif kind == 5:
        await side.ask("GET", f'/Users?filter=externalId%20eq%20"x{choice.randrange(PEOPLE)}"', scope="read")
    elif kind == 6:
        member = {"op": "add", "path": "members", "value": [{"value": one}]}
        await side.ask("PATCH", f"/Groups/{group}", {"Operations": [member]})
    elif kind == 7:
        await side.ask("GET", f"/Groups/{group}")
    elif kind == 8:
        found = {"schemas": [], "filter": f'title co "{other.marker}"'}
        answer = await side.ask("POST", "/Users/.search", found, scope="read")
        assert answer.body["totalResults"] == 0
    elif kind == 9:
        new = {"userName": f"new{choice.random()}", "title": side.marker}
        operations = [
            {"method": "POST", "path": "/Users", "bulkId": "b", "data": new},
            {"method": "PATCH", "path": f"/Users/{one}", "data": {"Operations": []}},
        ]
        await side.ask("POST", "/Bulk", {"Operations": operations})
    elif kind == 10:
        answer = await side.ask("GET", "/events?limit=50", scope="events")
        assert answer.status == 200
    elif kind == 11:
        await fetched(choice, side, other)
    else:
        await side.ask("GET", "/", scope="read")


async def fetched(choice: random.Random, side: Side, other: Side) -> None:
    """Fetch tokens, perhaps of the other tenant's stream, and perhaps acknowledge what is the other's."""
    known = [*side.token_ids, *other.token_ids]
    stream = choice.choice([side.stream, other.stream])
    body = {"returnImmediately": True, "maxEvents": 5, "ack": choice.sample(known, min(3, len(known)))}
    answer = await side.ask("POST", f"/events/sets/{stream}", body, scope="events")
    assert answer.status == (200 if stream == side.stream else 404)
    for token_id, token in answer.body.get("sets", {}).items():
        payload = token.split(".")[1]
        claims = base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)).decode()
        side.check(claims)
        assert json.loads(claims)["iss"].endswith(f"/{side.key}/v2")
        side.token_ids.append(token_id)
