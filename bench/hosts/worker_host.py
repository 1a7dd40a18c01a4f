"""The function app under the real language worker of Azure Functions, behind a small web server.

    python -m bench.hosts.worker_host

Needs Python 3.13 and the settings of the service in the environment. The host's own part, a process of .NET that
speaks gRPC with the worker, is not here: a request goes from the web server to the worker by a call.
"""

import asyncio
import signal
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path

from aiohttp import web

from scim.service import routes
from tests.worker import HttpRequest, Worker

ROOT = Path(__file__).resolve().parent.parent.parent


async def main() -> None:
    """Serve on a free port of 127.0.0.1 until interrupted."""
    worker = Worker()
    for name in await worker.index(ROOT):
        await worker.load(name)
    application = web.Application(client_max_size=8 * 1024 * 1024)
    application.router.add_route("*", "/{path:.*}", _handler(worker))
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


def _handler(worker: Worker) -> Callable[[web.Request], Awaitable[web.Response]]:
    async def serve(request: web.Request) -> web.Response:
        path = request.raw_path.partition("?")[0].removeprefix(f"/{routes.PREFIX}")
        route, parameters = routes.find(request.method, path) or (None, {})
        url = f"http://{request.host}{request.raw_path}"
        sent = HttpRequest(request.method, url, dict(request.headers), await request.read(), parameters)
        answer = await worker.invoke(route.name if route else "Anywhere", sent)
        return web.Response(status=answer.status, body=answer.body or None, headers=answer.headers)

    return serve


if __name__ == "__main__":
    asyncio.run(main())
