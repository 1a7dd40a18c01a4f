"""The load generator: whole answers in every form that servers send them, and what it counts."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress

import pytest

from bench.load.generator import Answer, ConnectionBroken, Tenant, _complete, burst, connected

OK = frozenset({200})
Serve = Callable[[bytes], bytes]


@asynccontextmanager
async def server(serve: Serve) -> AsyncIterator[Tenant]:
    """Answer each request with the bytes that `serve` returns; none closes the connection."""
    handling: set[asyncio.Task[None] | None] = set()

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        handling.add(asyncio.current_task())
        try:
            while answer := serve(await reader.readuntil(b"\r\n\r\n")):
                writer.write(answer)
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass  # the client has gone
        writer.close()
        with suppress(ConnectionError):
            await writer.wait_closed()

    listening = await asyncio.start_server(handle, "127.0.0.1", 0)
    async with listening:
        yield Tenant(f"http://127.0.0.1:{listening.sockets[0].getsockname()[1]}/scim/v2", "secret")
    await asyncio.gather(*(each for each in handling if each))


@pytest.mark.parametrize(
    ("received", "answer"),
    [
        (b"HTTP/1.1 200 OK\r\nContent-Le", None),
        (b"HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nabc", None),
        (b"HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nabcd", Answer(200, b"abcd")),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n", None),
        (
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n",
            Answer(200, b"3\r\nabc\r\n0\r\n\r\n"),
        ),
        (b"HTTP/1.1 204 No Content\r\nETag: x\r\n\r\n", Answer(204, b"")),
    ],
)
def test_an_answer_is_complete_when_all_of_it_is_there(received: bytes, answer: Answer | None) -> None:
    """By length, by the last chunk, or at once where there is no body."""
    assert _complete(received) == answer


def test_a_request_goes_over_the_wire_as_a_client_writes_it() -> None:
    """Path below the Tenant URL, token, and the length of the body in bytes."""
    tenant = Tenant("http://127.0.0.1:1/scim/v2", "secret")

    assert tenant.request("GET", "/Users?count=1") == (
        b"GET /scim/v2/Users?count=1 HTTP/1.1\r\nHost: 127.0.0.1:1\r\nAuthorization: Bearer secret\r\n\r\n"
    )
    assert tenant.request("POST", "/Users", {"a": "é"}).endswith(b'Content-Length: 10\r\n\r\n{"a":"\xc3\xa9"}')


async def test_a_burst_sends_each_number_once_and_no_more_than_it_may() -> None:
    """Numbers go out over all connections, none twice; another status than expected is a failure."""
    seen: list[bytes] = []

    def serve(request: bytes) -> bytes:
        seen.append(request.split()[1])
        status = b"404" if request.split()[1].endswith(b"/107") else b"200"
        return b"HTTP/1.1 " + status + b" X\r\ncontent-length: 2\r\n\r\n{}"

    async with server(serve) as tenant, connected(tenant, 3) as connections:
        done = await burst(
            connections, lambda n: tenant.request("GET", f"/Users/{n}"), 100, seconds=60, most=20, expected=OK
        )

    assert 20 <= len(done.seconds) <= 22
    assert sorted(seen) == [f"/scim/v2/Users/{n}".encode() for n in range(100, 100 + len(seen))]
    assert done.failures == [Answer(404, b"{}")]


async def test_a_broken_connection_is_no_answer() -> None:
    """The measurement ends instead of counting it."""
    async with server(lambda _: b"") as tenant, connected(tenant, 1) as connections:
        with pytest.raises(ConnectionBroken):
            await connections[0].ask(tenant.request("GET", "/Users"))
