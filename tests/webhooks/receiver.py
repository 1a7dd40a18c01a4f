"""A receiver of webhooks on loopback, which answers as a test says and keeps what it got."""

import asyncio
import json
import ssl
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web


@dataclass
class Received:
    """One request."""

    headers: Mapping[str, str]
    body: bytes

    @property
    def event(self) -> Any:
        """The JSON of the body."""
        return json.loads(self.body)


@dataclass
class Receiver:
    """Answers 204 unless `answers` has another answer; the last one of them stays."""

    port: int = 0
    scheme: str = "http"
    host: str = "127.0.0.1"
    answers: list[Callable[[], web.StreamResponse]] = field(default_factory=list)
    received: list[Received] = field(default_factory=list)
    held: asyncio.Event | None = None
    """Until it is set, nothing is answered."""

    _arrived: asyncio.Event = field(default_factory=asyncio.Event)

    async def has(self, requests: int) -> None:
        """Return when so many requests have arrived."""
        while len(self.received) < requests:
            self._arrived.clear()
            await self._arrived.wait()

    @property
    def url(self) -> str:
        """Where it receives."""
        return f"{self.scheme}://{self.host}:{self.port}/events"

    @property
    def sequences(self) -> list[int]:
        """The numbers of the events that it got, in their order."""
        return [each.event["sequence"] for each in self.received]

    @property
    def types(self) -> list[str]:
        """Their types."""
        return [each.event["type"] for each in self.received]

    def then(self, *statuses: int, **headers: str) -> None:
        """Answer with these, one after the other."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        self.answers = [lambda status=each: web.Response(status=status, headers=named) for each in statuses]  # type: ignore[misc]

    async def answer(self, request: web.Request) -> web.StreamResponse:
        """Keep a request, and answer it."""
        self.received.append(Received(request.headers, await request.read()))
        self._arrived.set()
        if self.held is not None:
            await self.held.wait()
        if not self.answers:
            return web.Response(status=204)
        return (self.answers.pop(0) if len(self.answers) > 1 else self.answers[0])()


@asynccontextmanager
async def receiving(context: ssl.SSLContext | None = None) -> AsyncIterator[Receiver]:
    """Listen on a free port until the block ends, with TLS if there is a context."""
    receiver = Receiver(scheme="https" if context else "http")
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", receiver.answer)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=context).start()
        receiver.port = runner.addresses[0][1]
        yield receiver
    finally:
        if receiver.held is not None:
            receiver.held.set()
        await runner.cleanup()
