"""A client that sends to several servers of one store in turn, and a verification of that store."""

import itertools
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

import aiohttp

from scim.app import build, open_store
from scim.commands.verify import verify
from scim.directory.tenant import Tenant
from scim.settings import Settings
from tests.server import Server

PATCH_SCHEMA = "urn:ietf:params:scim:api:messages:2.0:PatchOp"
SECONDS = 60
PATIENCE = 200
"""How often a client repeats a request whose time was over: half of them have time enough."""
NAMES = {"/Users": "userName", "/Groups": "displayName"}


class Answer(NamedTuple):
    """The status of an answer and the JSON of its body, None without one.

    One to a request that was `repeated` may be about what an earlier try has done.
    """

    status: int
    body: Any
    repeated: bool = False


class Client:
    """Sends each request to the next of the servers, so that requests at the same time meet in the store."""

    def __init__(self, session: aiohttp.ClientSession, servers: Sequence[Server]) -> None:
        self._session = session
        self._servers = itertools.cycle(servers)

    async def send(self, method: str, path: str, body: Any = None, if_match: str | None = None) -> Answer:
        """Send a request to a path below the Tenant URL until it is answered, by another status than 503.

        Raises aiohttp.ClientError when no whole answer comes.
        """
        for number in range(PATIENCE):
            answer = await self.attempt(method, path, body, if_match)
            if answer.status != 503:
                return answer._replace(repeated=number > 0)
        raise AssertionError(f"{method} {path} is never answered: {answer}")

    async def attempt(self, method: str, path: str, body: Any = None, if_match: str | None = None) -> Answer:
        """Send a request once."""
        server = next(self._servers)
        headers = {"Authorization": f"Bearer {server.token}"} | ({"If-Match": if_match} if if_match else {})
        async with self._session.request(method, server.tenant_url + path, json=body, headers=headers) as response:
            content = await response.read()
            assert (response.status == 503) == ("Retry-After" in response.headers)
            return Answer(response.status, await response.json(content_type=None) if content else None)

    async def patch(self, path: str, *operations: dict[str, Any], if_match: str | None = None) -> Answer:
        """Send a PATCH of these operations."""
        return await self.send("PATCH", path, {"schemas": [PATCH_SCHEMA], "Operations": operations}, if_match)

    async def create(self, path: str, **attributes: Any) -> Answer:
        """Send a POST of a name that nobody else asks for.

        Where it was repeated and refused, the resource is asked for by its name: an earlier try may have created it.
        """
        answer = await self.send("POST", path, attributes)
        if answer.status == 201 or not answer.repeated:
            return answer
        found = (await self.read(f'{path}?filter={NAMES[path]} eq "{attributes[NAMES[path]]}"'))["Resources"]
        return Answer(201, found[0], repeated=True) if found else answer

    async def created(self, path: str, **attributes: Any) -> str:
        """Create a resource that must be created, and return its id."""
        answer = await self.create(path, **attributes)
        assert answer.status == 201, answer
        return str(answer.body["id"])

    async def read(self, path: str) -> Any:
        """Return the body of a GET that must be answered."""
        answer = await self.send("GET", path)
        assert answer.status == 200, answer
        return answer.body

    async def total(self, path: str) -> int:
        """Return how many resources a listing counts."""
        return int((await self.read(f"{path}?count=0"))["totalResults"])


@asynccontextmanager
async def calling(*servers: Server) -> AsyncIterator[Client]:
    """Give a client of servers of one store."""
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(SECONDS)) as session:
        yield Client(session, servers)


async def tidy(storage: str, tenant: str) -> None:
    """Do what the timer does two hours later, when no request is alive that could still finish its group."""
    settings = Settings(storage=storage, tenant=tenant)
    store = open_store(settings)
    app = build(settings, Tenant(store.rows(tenant), tenant, now=lambda: datetime.now(UTC) + timedelta(hours=2)))
    try:
        await app.maintenance.run()
    finally:
        await app.close()
        await store.close()


async def findings(storage: str, tenant: str) -> list[str]:
    """Return what `python -m scim verify` says of a store, deletes that are not finished among it."""
    said: list[str] = []
    app = build(Settings(storage=storage, tenant=tenant))
    try:
        report = await verify(app.tenants.default, False, said.append)
    finally:
        await app.close()
    return said + (["unfinished deletes"] if report.pending else [])
