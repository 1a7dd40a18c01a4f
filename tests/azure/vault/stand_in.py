"""A stand-in for Azure Key Vault: the part of its REST protocol for secrets that is used, over HTTPS on this machine.

https://learn.microsoft.com/rest/api/keyvault/secrets: GET /secrets/NAME/versions in pages, GET /secrets/NAME/VERSION,
GET /secrets/NAME/ for the newest version, PUT /secrets/NAME for a new one, and the challenge that answers the first
request without a bearer token.
Versions are listed in the order of their ids, as the vault does, which tells nothing about their age.
"""

import asyncio
import ssl
from collections.abc import Callable
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Self

from aiohttp import web

ACCESS_TOKEN = "an access token of the made-up identity"
Answer = Callable[[web.Request], web.StreamResponse | None]


@dataclass
class Version:
    """One version of the secret; times in seconds since 1970."""

    value: str | None
    created: int
    enabled: bool = True
    begins: int | None = None
    expires: int | None = None

    def attributes(self) -> dict[str, Any]:
        times = {"nbf": self.begins, "exp": self.expires}
        known = {name: moment for name, moment in times.items() if moment is not None}
        return {"enabled": self.enabled, "created": self.created, "updated": self.created, **known}


@dataclass
class Vault:
    """The vault. Tests change `versions` and queue `answers`, which are given instead of the true ones."""

    certificate: ssl.SSLContext
    name: str = "scim-token"
    page_size: int = 25
    versions: dict[str, Version] = field(default_factory=dict)
    answers: list[Answer] = field(default_factory=list)
    broken: Answer | None = None
    """The answer to every request while it is set."""
    lists: int = 0
    values: list[str] = field(default_factory=list)
    """The versions whose value was fetched."""
    challenges: int = 0
    asked: int = 0
    """Requests with a bearer token, however they were answered."""
    url: str = ""

    async def __aenter__(self) -> Self:
        self._released = asyncio.Event()
        app = web.Application()
        app.router.add_get("/secrets/{name}/versions", self._list)
        app.router.add_get("/secrets/{name}/{version}", self._get)
        app.router.add_get("/secrets/{name}/", self._get)
        app.router.add_put("/secrets/{name}", self._put)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0, ssl_context=self.certificate)
        await site.start()
        self.url = f"https://127.0.0.1:{self._runner.addresses[0][1]}"
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._released.set()
        await self._runner.cleanup()

    def add(self, version: str, value: str | None, **attributes: Any) -> Version:
        """Add a version; without a time of creation it is one minute newer than all others."""
        newest = max((each.created for each in self.versions.values()), default=1_000_000_000)
        self.versions[version] = Version(value, **{"created": newest + 60, **attributes})
        return self.versions[version]

    async def _list(self, request: web.Request) -> web.StreamResponse:
        answer = await self._instead(request)
        if answer is not None:
            return answer
        self.lists += 1
        if request.match_info["name"] != self.name or not self.versions:
            return _error(404, "SecretNotFound")
        ids = sorted(self.versions)
        start = int(request.query.get("$skiptoken", 0))
        page = ids[start : start + self.page_size]
        following = start + self.page_size
        items = [{"id": self._id(each), "attributes": self.versions[each].attributes()} for each in page]
        more = f"{self.url}{request.path}?api-version=7.6&$skiptoken={following}" if following < len(ids) else None
        return web.json_response({"value": items, "nextLink": more})

    async def _get(self, request: web.Request) -> web.StreamResponse:
        answer = await self._instead(request)
        if answer is not None:
            return answer
        version = request.match_info.get("version") or max(
            self.versions, key=lambda each: self.versions[each].created, default=""
        )
        stored = self.versions.get(version)
        if stored is None:
            return _error(404, "SecretNotFound")
        if not stored.enabled:
            return _error(403, "Forbidden", inner="SecretDisabled")
        self.values.append(version)
        body = {"value": stored.value, "id": self._id(version), "attributes": stored.attributes()}
        return web.json_response(body)

    async def _put(self, request: web.Request) -> web.StreamResponse:
        answer = await self._instead(request)
        if answer is not None:
            return answer
        body = await request.json()
        version = f"put{len(self.versions)}"
        stored = self.add(version, body["value"])
        kept = {"value": stored.value, "id": self._id(version), "attributes": stored.attributes()}
        return web.json_response(kept | {"contentType": body.get("contentType")})

    async def _instead(self, request: web.Request) -> web.StreamResponse | None:
        """Return what is given instead of the true answer: the challenge, a queued answer, a fault."""
        if request.headers.get("Authorization") != f"Bearer {ACCESS_TOKEN}":
            self.challenges += 1
            return _challenge()
        self.asked += 1
        answer = self.broken or (self.answers.pop(0) if self.answers else None)
        given = answer(request) if answer else None
        if given is HANG:
            await self._released.wait()
        return given

    def _id(self, version: str) -> str:
        return f"{self.url}/secrets/{self.name}/{version}"


HANG = web.Response(status=500)


def status(code: int, **headers: str) -> Answer:
    """Answer with an error in the vault's form; `Retry_After="2"` becomes the header of that name."""
    return lambda request: _error(code, "Fault", {name.replace("_", "-"): text for name, text in headers.items()})


def text(body: str, content_type: str = "application/json") -> Answer:
    """Answer 200 with this body, whatever was asked."""
    return lambda request: web.Response(text=body, content_type=content_type)


def hang() -> Answer:
    """Never answer."""
    return lambda request: HANG


def honest() -> Answer:
    """Give the true answer: a place in the queue of answers before a fault."""
    return lambda request: None


def _error(code: int, name: str, headers: dict[str, str] | None = None, inner: str = "") -> web.Response:
    """https://learn.microsoft.com/rest/api/keyvault/secrets/get-secret#error; inner: Azure/azure-sdk-for-js#24756."""
    body: dict[str, Any] = {"error": {"code": name, "message": f"The vault says {name}."}}
    if inner:
        body["error"]["innererror"] = {"code": inner}
    return web.json_response(body, status=code, headers=headers)


def _challenge() -> web.Response:
    authority = 'Bearer authorization="https://login.microsoftonline.com/made-up", resource="https://vault.azure.net"'
    return web.json_response({"error": {"code": "Unauthorized"}}, status=401, headers={"WWW-Authenticate": authority})
