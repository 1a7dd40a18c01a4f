"""The function app under the real language worker of Azure Functions, behind a small web server.

    python -m bench.hosts.worker_host

Needs Python 3.13 and the settings of the service in the environment. The host's own part, a process of .NET that
speaks gRPC with the worker, is not here: tests/functions_host.py does what it does, and calls the worker.
"""

import asyncio
import signal
import sys
from pathlib import Path

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

from scim.host import BODY_LIMIT
from tests.functions_host import FunctionsHost, Sent

ROOT = Path(__file__).resolve().parent.parent.parent


async def main() -> None:
    """Serve on a free port of 127.0.0.1 until interrupted."""
    async with FunctionsHost.running(ROOT) as functions:
        application = web.Application(middlewares=[_handler(functions)], client_max_size=2 * BODY_LIMIT)
        # A compressed body is passed on as it is, as the Functions host does.
        runner = web.AppRunner(application, access_log=None, auto_decompress=False)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        sys.stdout.write(f"http://127.0.0.1:{runner.addresses[0][1]}/scim/v2\n")
        sys.stdout.flush()
        stopped = asyncio.Event()
        for number in (signal.SIGINT, signal.SIGTERM):
            asyncio.get_running_loop().add_signal_handler(number, stopped.set)
        await stopped.wait()
        await runner.cleanup()


def _handler(functions: FunctionsHost) -> Middleware:
    @web.middleware
    async def serve(request: web.Request, handler: Handler) -> web.StreamResponse:  # noqa: ARG001
        """Answer before aiohttp's own router, to which `%0d%0a` or `*` is no path."""
        headers = tuple(request.headers.items())
        answer = await functions.answer(Sent(request.method, request.raw_path, headers, await request.read(), "http"))
        return web.Response(status=answer.status, body=answer.body or None, headers=answer.headers)

    return serve


if __name__ == "__main__":
    asyncio.run(main())
