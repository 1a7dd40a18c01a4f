"""A stand-in of the Azure Functions host in front of the real language worker: it orders, refuses, drops and joins.

The rules that a developer meets too are in scim/host.py. Each rule names where it is from: a file of
Azure/azure-functions-host or of azure-functions-python-worker, or "seen": host 4.1037 with worker 4.34.
"""

import asyncio
import logging
from collections import deque
from collections.abc import AsyncIterator, Awaitable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar
from uuid import uuid4

from azure_functions_runtime.bindings.context import _invocation_id_local

from scim.host import (
    BODILESS,
    BODY_LIMIT,
    DEFAULT_TYPE,
    BadTarget,
    HttpTrigger,
    find,
    in_order,
    is_sendable,
    joined,
    passed_on,
    target,
)
from tests.worker import HttpRequest, HttpResponse, Worker, WorkerError

T = TypeVar("T")

MAX_HEADERS = 32 * 1024
MAX_TARGET = 8 * 1024
"""Bytes that Kestrel takes of all headers and of the request line; 33,000 and 9,000 were seen to be refused."""


class InvocationTask(asyncio.Task[Any]):
    """A task of the worker's loop: it belongs to the invocation of the task that made it.

    azure-functions-python-worker, dispatcher.py, ContextEnabledTask.
    """

    invocation_id: str | None = None

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.invocation_id = getattr(asyncio.current_task(self.get_loop()), "invocation_id", None)


def _invocation_id() -> str | None:
    """Return the invocation that the worker takes a log record for.

    dispatcher.py, get_current_invocation_id: that of the running task; else what the thread last remembered, which
    for an async function is the invocation that began last.
    """
    try:
        found = getattr(asyncio.current_task(), "invocation_id", None)
    except RuntimeError:
        found = None
    return found or getattr(_invocation_id_local, "invocation_id", None)


@dataclass(frozen=True)
class Logged:
    """A log record as the host gets it: which invocation it belongs to, and whether that was executing."""

    name: str
    level: str
    text: str
    invocation_id: str | None
    arrived: bool


class _Channel(logging.Handler):
    """What takes log records to the host: dispatcher.py, AsyncLoggingHandler; and what the host does with them."""

    def __init__(self, executing: set[str]) -> None:
        super().__init__()
        self._executing = executing
        self.logged: deque[Logged] = deque(maxlen=10_000)

    def emit(self, record: logging.LogRecord) -> None:
        """Note a record of the app. GrpcWorkerChannel.cs, Log: it counts while its invocation is executing."""
        if not record.name.startswith(("azure_functions", "azure.functions")):  # logging.py, is_system_log_category
            known = _invocation_id()
            self.logged.append(
                Logged(record.name, record.levelname, self.format(record), known, known in self._executing)
            )


@dataclass(frozen=True)
class Sent:
    """A request on the wire: its target and its headers as they were written, and whether the body was chunked."""

    method: str
    target: str
    headers: tuple[tuple[str, str], ...] = (("Host", "made.up"),)
    body: bytes = b""
    scheme: str = "https"


def _refused(sent: Sent) -> HttpResponse | None:
    """Return the answer to a request that no function sees (all seen): Kestrel's, and the limit of bodies."""
    names = [name.lower() for name, _ in sent.headers]
    lines = sum(len(name) + len(value) + 4 for name, value in sent.headers)
    if names.count("host") != 1 or not all(value.isascii() for _, value in sent.headers):
        return HttpResponse(400, {}, b"")
    if lines > MAX_HEADERS:
        return HttpResponse(431, {}, b"")
    if len(sent.target) > MAX_TARGET:
        return HttpResponse(414, {}, b"")
    try:
        target(sent.target)
    except BadTarget:
        return HttpResponse(400, {}, b"")
    if len(sent.body) > BODY_LIMIT:
        return HttpResponse(500, {"connection": "close"}, b"")
    return None


def _own_page(path: str) -> HttpResponse | None:
    """Return the answer of the host's own pages (seen); other paths below `/admin` and `/runtime` are anybody's."""
    if path.lower() == "/admin/host/ping":
        return HttpResponse(200, {}, b"")
    if path.lower() == "/admin/host/status" or path.lower().startswith("/runtime/webhooks/"):
        return HttpResponse(401, {"www-authenticate": "Bearer"}, b"")
    return None


def _sent(answered: HttpResponse) -> HttpResponse:
    """Return what leaves of an answer (seen): nothing of one whose headers cannot be sent, no body of 204 and 304."""
    if not is_sendable(answered.headers):
        return HttpResponse(500, {}, b"")
    headers = {"content-type": DEFAULT_TYPE} | answered.headers
    return HttpResponse(answered.status, headers, b"" if answered.status in BODILESS else answered.body)


class FunctionsHost:
    """One worker with one function app, behind the app's routes. As the worker, one at a time; see `running`."""

    def __init__(self) -> None:
        self.worker = Worker()
        self._triggers: list[HttpTrigger] = []
        self._executing: set[str] = set()
        self._channel = _Channel(self._executing)
        self.errors: list[str] = []
        """What the worker said of the calls that failed, with the stack."""

    @property
    def logged(self) -> deque[Logged]:
        """The log records of the app so far, also those that the host throws away."""
        return self._channel.logged

    async def send(self, request: HttpRequest) -> HttpResponse:
        """Answer a request that has each header once; see `answer`."""
        scheme, _, rest = request.url.partition("://")
        authority, slash, path = rest.partition("/")
        headers = [
            ("Host", authority),
            *((name, each) for name, each in request.headers.items() if name.lower() != "host"),
        ]
        sent = Sent(request.method, f"{slash}{path}", tuple(headers), request.body, scheme)
        return await self.answer(sent)

    async def answer(self, sent: Sent) -> HttpResponse:
        """Answer a request as a client would get it."""
        if refused := _refused(sent):
            return refused
        asked, headers = target(sent.target), joined(sent.headers)
        if own := _own_page(asked.path):
            return own
        found = find(self._triggers, sent.method, asked.path)
        if found is None:
            return HttpResponse(404, {}, b"")
        function, parameters = found
        url = f"{sent.scheme}://{headers['host']}{asked.url}"
        request = HttpRequest(sent.method.upper(), url, headers, passed_on(headers, sent.body), parameters)
        invocation_id = str(uuid4())
        try:
            answered = await self._invocation(invocation_id, self.worker.invoke(function.name, request, invocation_id))
        except WorkerError as error:  # an exception, None or a number returned: 500, empty, with a traceback (seen)
            self.errors.append(str(error))
            return HttpResponse(500, {}, b"")
        return _sent(answered)

    async def tick(self, name: str) -> None:
        """Call a timer function."""
        invocation_id = str(uuid4())
        await self._invocation(invocation_id, self.worker.tick(name, invocation_id))

    async def read(self, name: str, text: str) -> None:
        """Call a function with a queue message."""
        invocation_id = str(uuid4())
        await self._invocation(invocation_id, self.worker.read(name, text, invocation_id))

    async def _invocation(self, invocation_id: str, call: Awaitable[T]) -> T:
        """Run a call as a task of its own, as dispatcher.py does; when it has answered it executes no longer."""
        task = InvocationTask(_awaited(call), loop=asyncio.get_running_loop())
        task.invocation_id = invocation_id
        self._executing.add(invocation_id)
        try:
            result: T = await task
            return result
        finally:
            self._executing.discard(invocation_id)

    async def _start(self, app: Path) -> None:
        """Load the functions. An app that cannot be imported has none, and everything is 404 (seen)."""
        try:
            names = await self.worker.index(app)
        except WorkerError as error:
            self.errors.append(str(error))
            return
        for name in names:
            await self.worker.load(name)
            trigger = self.worker.trigger(name)
            if trigger["type"] == "httpTrigger":
                methods = frozenset(str(each).upper() for each in trigger["methods"])
                self._triggers.append(HttpTrigger(name, methods, trigger["route"]))
        self._triggers = in_order(self._triggers)

    @classmethod
    @asynccontextmanager
    async def running(cls, app: Path) -> AsyncIterator["FunctionsHost"]:
        """Let the worker find and load the functions of the function_app.py in a folder; put all back at the end."""
        host, loop, root = cls(), asyncio.get_running_loop(), logging.getLogger()
        handlers, level, factory = list(root.handlers), root.level, loop.get_task_factory()
        loop.set_task_factory(lambda loop, coro, **options: InvocationTask(coro, loop=loop, **options))
        root.addHandler(host._channel)
        root.setLevel(logging.INFO)  # dispatcher.py, dispatch_forever
        try:
            await host._start(app)
            yield host
        finally:
            root.setLevel(level)
            root.handlers[:] = handlers
            loop.set_task_factory(factory)


async def _awaited(call: Awaitable[T]) -> T:
    return await call
