"""The function app under the real language worker of Azure Functions, behind a small web server.

    python -m bench.hosts.worker_host

Needs Python 3.13 and the settings of the service in the environment. The host's own part, a process of .NET that
speaks gRPC with the worker, is not here: tests/functions_host.py does what it does, and calls the worker.
"""

import asyncio
import signal
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path

from aiohttp import web

from tests.functions_host import FunctionsHost
from tests.worker import HttpRequest

ROOT = Path(__file__).resolve().parent.parent.parent


async def main() -> None:
    """Serve on a free port of 127.0.0.1 until interrupted."""
    async with FunctionsHost.running(ROOT) as functions:
        application = web.Application(client_max_size=8 * 1024 * 1024)
        application.router.add_route("*", "/{path:.*}", _handler(functions))
        runner = web.AppRunner(application, access_log=None)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        sys.stdout.write(f"http://127.0.0.1:{runner.addresses[0][1]}/scim/v2\n")
        sys.stdout.flush()
        stopped = asyncio.Event()
        for number in (signal.SIGINT, signal.SIGTERM):
            asyncio.get_running_loop().add_signal_handler(number, stopped.set)
        await stopped.wait()
        await runner.cleanup()


def _handler(functions: FunctionsHost) -> Callable[[web.Request], Awaitable[web.Response]]:
    async def serve(request: web.Request) -> web.Response:
        url = f"http://{request.host}{request.raw_path}"
        answer = await functions.send(HttpRequest(request.method, url, dict(request.headers), await request.read()))
        return web.Response(status=answer.status, body=answer.body or None, headers=answer.headers)

    return serve


if __name__ == "__main__":
    asyncio.run(main())
