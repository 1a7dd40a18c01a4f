"""The local host: serves the functions of function_app.py over HTTP by the rules of the Azure Functions host."""

import asyncio
import importlib
import json
import logging
import os
import secrets
import signal
import sys
import uuid
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path

import azure.functions as func
from aiohttp import web
from aiohttp.typedefs import Handler

from scim.app import App
from scim.commands.command import DONE, Failure, Parser, WrongUsage
from scim.host import (
    BODILESS,
    BODY_LIMIT,
    BadTarget,
    HttpTrigger,
    Target,
    find,
    in_order,
    is_sendable,
    joined,
    passed_on,
    target,
)
from scim.invocation import LateRecord
from scim.protocol.errors import ScimError
from scim.service import routes

FOLDER = Path(".local")
"""Where the store and the tokens of `make run` lie."""
TIMER_SECONDS = 300
DELIVERY_SECONDS = 1.0
"""From one look at the webhooks to the next, which is also how late a retry is."""
STOP_SECONDS = 3.0
MAX_PORT = 65_535


@dataclass(frozen=True, slots=True)
class HttpFunction(HttpTrigger):
    """A function with an HTTP trigger, as the function app declares it."""

    call: Callable[..., Awaitable[func.HttpResponse]]


Timer = Callable[..., Awaitable[None]]


def functions(app: func.FunctionApp) -> tuple[list[HttpFunction], list[Timer]]:
    """Return the HTTP functions of an app, in the order in which the host tries them, and what its timers call.

    To be called once for an app: asking it twice counts each function double.
    """
    http, timers = [], []
    for function in app.get_functions():
        call = function.get_user_function()
        for binding in json.loads(function.get_function_json())["bindings"]:
            if binding["type"] == "httpTrigger":
                methods = frozenset(str(method).upper() for method in binding["methods"])
                http.append(HttpFunction(str(function.get_function_name()), methods, binding["route"], call))
            elif binding["type"] == "timerTrigger":
                timers.append(call)
    return in_order(http), timers


class _Context:
    """What a function sees of its invocation."""

    def __init__(self) -> None:
        self.invocation_id = str(uuid.uuid4())


def host(http: Sequence[HttpFunction]) -> web.Application:
    """Return a web application that passes requests to functions as the Functions host does."""

    @web.middleware
    async def serve(request: web.Request, handler: Handler) -> web.StreamResponse:  # noqa: ARG001
        """Answer before aiohttp's own router, to which `%0d%0a` or `*` is no path."""
        try:
            asked = target(request.raw_path)
            body = await request.read()
        except BadTarget:
            return web.Response(status=400)
        except web.HTTPRequestEntityTooLarge:
            return web.Response(status=500, headers={"Connection": "close"})
        found = find(http, request.method, asked.path)
        return await _invoke(*found, request, asked, body) if found else web.Response(status=404)

    return web.Application(middlewares=[serve], client_max_size=BODY_LIMIT)


async def _invoke(
    function: HttpFunction, parameters: dict[str, str], request: web.Request, asked: Target, body: bytes
) -> web.Response:
    # As Azure's front end adds the address of who calls it, behind whatever the client has written.
    caller = [("X-Forwarded-For", request.remote)] if request.remote else []
    headers = joined([*request.headers.items(), *caller])
    answer = await function.call(
        func.HttpRequest(
            method=request.method,
            url=f"{request.scheme}://{asked.host or request.host}{asked.url}",
            headers=headers,
            route_params=parameters,
            body=passed_on(headers, body),
        ),
        _Context(),
    )
    sent = {**answer.headers, "Content-Type": f"{answer.mimetype}; charset={answer.charset}"}
    if not is_sendable(sent):
        return web.Response(status=500)
    content = b"" if answer.status_code in BODILESS else answer.get_body()
    return web.Response(status=answer.status_code, body=content or None, headers=sent)


def prepare_environment(environ: dict[str, str] | os._Environ[str], folder: Path = FOLDER) -> None:
    """Fill in what a developer has not set: the embedded store, and tokens that are made on first use.

    They lie in files that only their owner can read: the client's, and the operator's, for the console. Raises Failure
    when the folder cannot be used.
    """
    try:
        if not environ.get("SCIM_STORAGE"):
            folder.mkdir(mode=0o700, exist_ok=True)
            environ["SCIM_STORAGE"] = f"sqlite:{folder / 'scim.db'}"
        if not environ.get("SCIM_TOKEN") and not environ.get("SCIM_KEY_VAULT"):
            environ["SCIM_TOKEN"] = _token(folder / "token")
            environ["SCIM_ADMIN_TOKEN"] = environ.get("SCIM_ADMIN_TOKEN") or _token(folder / "admin-token")
    except OSError as error:
        raise Failure(
            f"{error.filename} cannot be used: {error.strerror}. Start in a folder that you may write to, or set"
            " SCIM_STORAGE and SCIM_TOKEN"
        ) from error


def _token(path: Path) -> str:
    path.parent.mkdir(mode=0o700, exist_ok=True)
    if not path.exists():
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w") as file:
            file.write(secrets.token_hex(32))
    token = path.read_text().strip()
    if not token:
        raise Failure(f"{path} is empty; delete it, then another token is made")
    return token


async def serve(port: int) -> None:
    """Serve function_app.py on 127.0.0.1 until SIGINT or SIGTERM; port 0 takes a free one.

    Requests that are being answered have STOP_SECONDS to end. Raises Failure when the port is taken.
    """
    function_app = importlib.import_module("function_app")
    http, timers = functions(function_app.app)
    # A compressed body is passed on as it is, as the Functions host does.
    runner = web.AppRunner(host(http), access_log=None, auto_decompress=False, shutdown_timeout=STOP_SECONDS)
    await runner.setup()
    try:
        await _listen(runner, port)
        work = (_run_timers(timers, function_app.service), _deliver(function_app.service))
        background = [asyncio.create_task(each) for each in work]
        await _signalled()
        for task in background:
            task.cancel()
    finally:
        await runner.cleanup()
        await function_app.service.close()


async def _listen(runner: web.AppRunner, port: int) -> None:
    try:
        await web.TCPSite(runner, "127.0.0.1", port).start()
    except OSError as error:
        reason = os.strerror(error.errno) if error.errno else error
        remedy = "name another port, as PORT=8080 make run does, or 0 for a free one"
        raise Failure(f"cannot listen on 127.0.0.1:{port}: {reason}; {remedy}") from error
    _announce(runner.addresses[0][1])


async def _signalled() -> None:
    stopped, loop = asyncio.Event(), asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        # Not add_signal_handler, which Windows does not have.
        signal.signal(number, lambda *_: loop.call_soon_threadsafe(stopped.set))
    await stopped.wait()


async def _tell_health(service: App) -> None:
    """Say at once what the first request would meet."""
    response = await service.health.response()
    if response.status != HTTPStatus.OK:
        logging.getLogger(__name__).warning("requests are answered 503 for now: %s", response.content().decode())


async def _run_timers(timers: Sequence[Timer], service: App) -> None:
    """Run them at once, since the machine may have been off for days, say how the service is, and go on running."""
    await _run_each(timers)
    await _tell_health(service)
    while True:
        await asyncio.sleep(TIMER_SECONDS)
        await _run_each(timers)


async def _run_each(timers: Sequence[Timer]) -> None:
    for function in timers:
        try:
            await function(_Timer())
        except ScimError as error:
            logging.getLogger(__name__).warning("a timer function failed; it runs again: %s", error)
        except Exception:
            logging.getLogger(__name__).exception("a timer function failed; it runs again")


async def _deliver(service: App) -> None:
    """Look at the webhooks each second, also for those that a command in another process has made."""
    while True:
        await asyncio.sleep(DELIVERY_SECONDS)
        try:
            await service.rounds.deliver(DELIVERY_SECONDS)
        except ScimError as error:
            logging.getLogger(__name__).warning("webhooks wait: %s", error)
        except Exception:
            logging.getLogger(__name__).exception("the delivery to webhooks failed; it is tried again")


class _Timer(func.TimerRequest):
    """A timer that is on time."""

    @property
    def past_due(self) -> bool:
        return False


def _announce(port: int) -> None:
    base = f"http://127.0.0.1:{port}"
    if os.environ.get("SCIM_KEY_VAULT"):  # then the tokens of settings do not count
        token, operator = "in the key vault, secret scim-token", "in the key vault, secret scim-admin-token"
    else:
        token = os.environ.get("SCIM_TOKEN", "").split(",")[0]
        operator = os.environ.get("SCIM_ADMIN_TOKEN", "").split(",")[0] or "none: set SCIM_ADMIN_TOKEN"
    sys.stdout.write(
        f"\n  Tenant URL    {base}/{routes.PREFIX}\n  Secret token  {token}\n"
        f"  Console       {base}/console\n  Operator      {operator}\n  Health        {base}/health\n\n"
    )
    sys.stdout.flush()


def main(arguments: list[str]) -> int:
    """Serve until interrupted, and return 0. Raises what scim/commands/command.py tells."""
    parser = Parser("python -m scim serve", description="Serve the endpoint on 127.0.0.1, until Ctrl-C.")
    parser.add_argument("port", metavar="PORT", nargs="?", help="0 for a free one; default: the variable PORT, or 7071")
    named = parser.parse_args(arguments).port
    port = _port(os.environ.get("PORT") or "7071" if named is None else named)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    for handler in logging.getLogger().handlers:
        handler.addFilter(lambda record: not isinstance(record, LateRecord))  # it was printed at its time
    logging.getLogger("azure").setLevel(logging.WARNING)
    # The format names none of these, and finding them out for each line takes time.
    logging.logThreads = logging.logProcesses = logging.logMultiprocessing = False
    prepare_environment(os.environ)
    asyncio.run(serve(port))
    return DONE


def _port(text: str) -> int:
    if not text.isdecimal() or int(text[:6]) > MAX_PORT:
        raise WrongUsage(f"the port must be a number up to {MAX_PORT}, not '{text[:40]}'")
    return int(text)
