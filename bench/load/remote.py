"""The client of the tests, over a socket, for an endpoint that may be anybody's."""

import json as jsonlib
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
from yarl import URL

from bench.load.generator import Tenant
from tests.conftest import Answer, Http

NOT_BY_ITSELF = ("user-agent", "accept", "accept-encoding", "content-type")
"""Headers that a client library sends although nobody asked it to."""


class Headers(dict[str, str]):
    """The headers of an answer; their names match whatever their case."""

    def get(self, name: str, default: Any = None) -> Any:
        """Return a header, or the default."""
        return super().get(name.lower(), default)

    def __getitem__(self, name: str) -> str:
        return super().__getitem__(name.lower())


class RemoteHttp(Http):
    """The client of the tests, over a socket."""

    def __init__(self, tenant: Tenant, session: aiohttp.ClientSession) -> None:
        self.tenant = tenant
        self._session = session
        self._created: list[str] = []

    async def request(
        self,
        method: str,
        path: str,
        json: Any = None,
        headers: Mapping[str, str | None] | None = None,
        content: bytes | None = None,
    ) -> Answer:
        usual = {"authorization": f"Bearer {self.tenant.token}", "content-type": "application/scim+json"}
        chosen = usual | {name.lower(): value for name, value in (headers or {}).items()}
        sent = {name: value for name, value in chosen.items() if value is not None}
        body = content if content is not None else None if json is None else jsonlib.dumps(json).encode()
        url = URL(self.tenant.url + path, encoded=True)
        skipped = set(NOT_BY_ITSELF) - set(sent)
        async with self._session.request(method, url, data=body, headers=sent, skip_auto_headers=skipped) as response:
            text = await response.read()
            answered = self._in_order(jsonlib.loads(text)) if text else None
        if method == "POST" and response.status == 201 and isinstance(answered, dict):
            self._created.append(answered["id"])
        return Answer(response.status, Headers({k.lower(): v for k, v in response.headers.items()}), answered)

    def _in_order(self, value: Any) -> Any:
        """Return a body with resources and members in the order of their creation.

        Without sortBy the order is the service's own: it sorts by ids, which are random, where the examples and
        recordings have the order of creation.
        """
        if isinstance(value, dict):
            return {name: self._in_order(each) for name, each in value.items()}
        if not isinstance(value, list):
            return value
        inner = [self._in_order(each) for each in value]
        ids = [str(each.get("id", each.get("value"))) if isinstance(each, dict) else "" for each in inner]
        place = {resource_id: number for number, resource_id in enumerate(self._created)}
        if not place.keys() >= set(ids):
            return inner  # not of resources
        return [each for _, each in sorted(zip(ids, inner, strict=True), key=lambda pair: place[pair[0]])]

    async def clear(self) -> None:
        """Delete every user and group."""
        for endpoint in ("/Groups", "/Users"):
            while found := (await self.request("GET", f"{endpoint}?count=500&attributes=id")).body.get("Resources"):
                for each in found:
                    await self.request("DELETE", f"{endpoint}/{each['id']}")


@asynccontextmanager
async def client(tenant: Tenant) -> AsyncIterator[RemoteHttp]:
    """Connect to an empty tenant. Raises SystemExit when it is not."""
    timeout = aiohttp.ClientTimeout(total=120)
    async with aiohttp.ClientSession(timeout=timeout, skip_auto_headers=["User-Agent"]) as session:
        http = RemoteHttp(tenant, session)
        for endpoint in ("/Users", "/Groups"):
            answer = await http.request("GET", f"{endpoint}?count=0")
            if answer.status != 200 or answer.body.get("totalResults") != 0:
                raise SystemExit(
                    f"{tenant.url}{endpoint} must answer an empty list, not {answer.status} {str(answer.body)[:200]}."
                    " Everything in the tenant is deleted on the way: name one that is there for this only."
                )
        yield http
