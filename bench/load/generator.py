"""A load generator that costs little: HTTP/1.1 over kept connections, one request at a time on each."""

import asyncio
import re
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from scim.protocol.resource import to_json

_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
_CHUNKED = re.compile(rb"\r\ntransfer-encoding: *chunked", re.IGNORECASE)
_LAST_CHUNK = b"0\r\n\r\n"
_SECONDS = 120.0
"""How long one answer may take: a peer that changes a group of 10,000 members needs its time."""


class ConnectionBroken(Exception):
    """The server closed a connection in the middle of an exchange."""


@dataclass(frozen=True, slots=True)
class Answer:
    """The status and the body of an answer; a chunked body is as it was sent."""

    status: int
    body: bytes


@dataclass(frozen=True, slots=True)
class Tenant:
    """Where to send requests: the Tenant URL and its secret token."""

    url: str
    token: str

    @property
    def host(self) -> str:
        """Host and port."""
        return urlsplit(self.url).netloc

    def request(self, method: str, path: str, body: object = None) -> bytes:
        """Return a request to a path below the Tenant URL as it goes over the wire."""
        content = b"" if body is None else to_json(body).encode()
        head = (
            f"{method} {urlsplit(self.url).path}{path} HTTP/1.1\r\nHost: {self.host}\r\n"
            f"Authorization: Bearer {self.token}\r\n"
        )
        if content:
            head += f"Content-Type: application/scim+json\r\nContent-Length: {len(content)}\r\n"
        return head.encode() + b"\r\n" + content


class Connection(asyncio.Protocol):
    """One connection; `ask` must be awaited before it is called again."""

    def __init__(self) -> None:
        self._received = b""
        self._answer: asyncio.Future[Answer] | None = None
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)  # noqa: S101
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._received += data
        answer = _complete(self._received)
        if answer is not None and self._answer is not None and not self._answer.done():
            self._received = b""
            self._answer.set_result(answer)

    def connection_lost(self, error: Exception | None) -> None:
        if self._answer is not None and not self._answer.done():
            self._answer.set_exception(ConnectionBroken(str(error or "the server closed the connection")))

    async def ask(self, request: bytes) -> Answer:
        """Send a request and return its answer. Raises ConnectionBroken."""
        if self._transport is None or self._transport.is_closing():
            raise ConnectionBroken("the server closed the connection")
        self._answer = asyncio.get_running_loop().create_future()
        self._transport.write(request)
        async with asyncio.timeout(_SECONDS):
            return await self._answer

    def close(self) -> None:
        """Close the connection."""
        if self._transport is not None:
            self._transport.close()


def _complete(received: bytes) -> Answer | None:
    """Return the answer if all of it is there."""
    head, found, body = received.partition(b"\r\n\r\n")
    if not found:
        return None
    status = int(head[9:12])
    if status in (204, 304):
        return Answer(status, b"")
    if length := _LENGTH.search(head):
        return Answer(status, body) if len(body) >= int(length[1]) else None
    if _CHUNKED.search(head):
        return Answer(status, body) if body.endswith(_LAST_CHUNK) else None
    return Answer(status, body)


@asynccontextmanager
async def connected(tenant: Tenant, number: int) -> AsyncIterator[list[Connection]]:
    """Open so many connections to a server; they are for now, since servers close idle ones after some seconds."""
    host, _, port = tenant.host.partition(":")
    loop = asyncio.get_running_loop()
    connections = [(await loop.create_connection(Connection, host, int(port)))[1] for _ in range(number)]
    try:
        yield connections
    finally:
        for each in connections:
            each.close()


@dataclass
class Burst:
    """What came of sending requests for a while: seconds of each exchange, and how long it all took."""

    seconds: list[float] = field(default_factory=list)
    elapsed: float = 0.0
    failures: list[Answer] = field(default_factory=list)
    own_cpu: float = 0.0
    """Processor seconds of the generator itself."""


async def burst(
    connections: list[Connection],
    make: Callable[[int], bytes],
    first: int,
    *,
    seconds: float,
    most: int,
    expected: frozenset[int],
) -> Burst:
    """Send requests over all connections until the time is up or `most` were sent; each connection sends one at least.

    `make` returns the request with a number, from `first` on. An answer with another status than the expected ones
    counts as a failure.
    """
    result = Burst()
    last, end = first, time.perf_counter() + seconds

    async def send(connection: Connection) -> None:
        nonlocal last
        while True:
            number, last = last, last + 1
            request, began = make(number), time.perf_counter()
            answer = await connection.ask(request)
            now = time.perf_counter()
            result.seconds.append(now - began)
            if answer.status not in expected:
                result.failures.append(answer)
            if now >= end or last - first >= most:
                return

    began, cpu = time.perf_counter(), time.process_time()
    await asyncio.gather(*(send(each) for each in connections))
    result.elapsed, result.own_cpu = time.perf_counter() - began, time.process_time() - cpu
    return result
