"""A service between the client and the emulator that loses, delays and refuses what tests tell it to.

It speaks real HTTP on this machine, so that the client's own transport meets the faults.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import aiohttp
from aiohttp import web
from yarl import URL

Deliver = Callable[[], Awaitable[web.Response]]
Fault = Callable[[web.Request, Deliver], Awaitable[web.StreamResponse]]
"""What happens to one request; `deliver` passes it on to the emulator and gives the emulator's answer."""


class Service:
    """The address to use instead of the emulator's, what shall go wrong, and what was asked."""

    def __init__(self) -> None:
        self.port = 0
        self.writes: list[Fault] = []
        """Faults of the next transactions, first to last; a request without a fault is passed on."""
        self.reads: list[Fault] = []
        """Faults of the next point reads and queries."""
        self.asked: list[str] = []
        """The method and path of each request, with its query."""
        self.bodies: list[bytes] = []


@asynccontextmanager
async def running(port: int) -> AsyncIterator[Service]:
    """Run a service in front of the emulator at this port of 127.0.0.1."""
    service = Service()
    # A connection of one request and no queue: a lost one disturbs no other.
    connector = aiohttp.TCPConnector(force_close=True)
    async with aiohttp.ClientSession(connector=connector, auto_decompress=False) as session:

        async def answer(request: web.Request) -> web.StreamResponse:
            body = await request.read()
            service.asked.append(f"{request.method} {request.path_qs}")
            service.bodies.append(body)

            async def deliver() -> web.Response:
                url = URL(f"http://127.0.0.1:{port}{request.raw_path}", encoded=True)  # the path is signed as it is
                async with session.request(
                    request.method,
                    url,
                    headers=request.headers,
                    data=body or None,
                    skip_auto_headers=["Content-Type"],
                ) as found:
                    headers = found.headers.copy()
                    for name in ("Content-Length", "Transfer-Encoding", "Connection", "Date"):
                        headers.popall(name, None)
                    return web.Response(status=found.status, headers=headers, body=await found.read())

            faults = service.writes if request.path.endswith("$batch") else service.reads
            return await (faults.pop(0)(request, deliver) if faults else deliver())

        app = web.Application(client_max_size=8 * 1024**2)
        app.router.add_route("*", "/{tail:.*}", answer)
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        service.port = runner.addresses[0][1]
        try:
            yield service
        finally:
            await runner.cleanup()


async def honest(_: web.Request, deliver: Deliver) -> web.StreamResponse:
    """Pass the request on, and the answer back."""
    return await deliver()


def before(fault: Fault) -> Fault:
    """Let the fault happen to a request that never reaches the emulator."""
    return fault


def after(fault: Fault, meanwhile: Callable[[], Awaitable[object]] | None = None) -> Fault:
    """Apply the request, let the world go on, then let the fault happen to the answer."""

    async def applied(request: web.Request, deliver: Deliver) -> web.StreamResponse:
        answer = await deliver()
        assert answer.status < 400
        if meanwhile:
            await meanwhile()
        return await fault(request, deliver)

    return applied


def instead(fault: Fault, meanwhile: Callable[[], Awaitable[object]]) -> Fault:
    """Let the world go on, then the fault happen to a request that never reaches the emulator."""

    async def skipped(request: web.Request, deliver: Deliver) -> web.StreamResponse:
        await meanwhile()
        return await fault(request, deliver)

    return skipped


async def reset(request: web.Request, _: Deliver) -> web.StreamResponse:
    """Break the connection without an answer."""
    assert request.transport is not None
    request.transport.abort()
    return web.Response()


async def cut(request: web.Request, _: Deliver) -> web.StreamResponse:
    """Break the connection within the answer."""
    response = web.StreamResponse(status=202, headers={"Content-Type": "multipart/mixed; boundary=b"})
    response.content_length = 1_000
    await response.prepare(request)
    await response.write(b"--b\r\n")
    assert request.transport is not None
    request.transport.close()
    return response


async def silence(_: web.Request, __: Deliver) -> web.StreamResponse:
    """Never answer."""
    await asyncio.Event().wait()
    return web.Response()


def status(number: int, code: str = "", **headers: str) -> Fault:
    """Answer with a status and an error code in the service's form; `Retry_After` becomes a header."""

    async def answer(_: web.Request, __: Deliver) -> web.StreamResponse:
        body = {"odata.error": {"code": code, "message": {"lang": "en-US", "value": "made up"}}}
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return web.json_response(body, status=number, headers=named)

    return answer


def part(line: str, body: str = "") -> Fault:
    """Answer a transaction with one part, as the service reports what made it fail."""

    async def answer(_: web.Request, __: Deliver) -> web.StreamResponse:
        text = (
            "--b\r\nContent-Type: multipart/mixed; boundary=c\r\n\r\n"
            "--c\r\nContent-Type: application/http\r\nContent-Transfer-Encoding: binary\r\n\r\n"
            f"HTTP/1.1 {line}\r\nContent-Type: application/json\r\n\r\n{body}\r\n--c--\r\n--b--\r\n"
        )
        return web.Response(status=202, body=text.encode(), headers={"Content-Type": "multipart/mixed; boundary=b"})

    return answer


def held(late: list[Deliver], fault: Fault) -> Fault:
    """Let the fault happen now, and keep the request in `late`: whoever delivers it there lets it arrive."""

    async def kept(request: web.Request, deliver: Deliver) -> web.StreamResponse:
        late.append(deliver)
        return await fault(request, deliver)

    return kept


def changed(change: Callable[[bytes], bytes], content_type: str = "") -> Fault:
    """Apply the request, then give an answer that is not quite the service's."""

    async def other(_: web.Request, deliver: Deliver) -> web.StreamResponse:
        answer = await deliver()
        assert answer.status == 202
        headers = {"Content-Type": content_type or answer.headers["Content-Type"]}
        return web.Response(status=202, body=change(bytes(answer.body)), headers=headers)  # type: ignore[arg-type]

    return other
