"""A client that sends to several servers of one store in turn, and a verification of that store."""

import itertools
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any, NamedTuple

import aiohttp

from scim.app import build
from scim.commands.verify import verify
from scim.settings import Settings
from tests.server import Server

PATCH_SCHEMA = "urn:ietf:params:scim:api:messages:2.0:PatchOp"
SECONDS = 60


class Answer(NamedTuple):
    """The status of an answer and the JSON of its body, None without one."""

    status: int
    body: Any


class Client:
    """Sends each request to the next of the servers, so that requests at the same time meet in the store."""

    def __init__(self, session: aiohttp.ClientSession, servers: Sequence[Server]) -> None:
        self._session = session
        self._servers = itertools.cycle(servers)

    async def send(self, method: str, path: str, body: Any = None, if_match: str | None = None) -> Answer:
        """Send a request to a path below the Tenant URL. Raises aiohttp.ClientError when no whole answer comes."""
        server = next(self._servers)
        headers = {"Authorization": f"Bearer {server.token}"} | ({"If-Match": if_match} if if_match else {})
        async with self._session.request(method, server.tenant_url + path, json=body, headers=headers) as response:
            content = await response.read()
            return Answer(response.status, await response.json(content_type=None) if content else None)

    async def patch(self, path: str, *operations: dict[str, Any], if_match: str | None = None) -> Answer:
        """Send a PATCH of these operations."""
        return await self.send("PATCH", path, {"schemas": [PATCH_SCHEMA], "Operations": operations}, if_match)

    async def created(self, path: str, **attributes: Any) -> str:
        """Create a resource that must be created, and return its id."""
        answer = await self.send("POST", path, attributes)
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


async def findings(storage: str, tenant: str) -> list[str]:
    """Return what `python -m scim verify` says of a store, deletes that are not finished among it."""
    said: list[str] = []
    app = build(Settings(storage=storage, tenant=tenant))
    try:
        report = await verify(app.tenants.default, False, said.append)
    finally:
        await app.close()
    return said + (["unfinished deletes"] if report.pending else [])
