"""A stand-in of the Azure Functions host in front of the real language worker: routes, and which log records arrive."""

import asyncio
import logging
from collections import deque
from collections.abc import AsyncIterator, Awaitable
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import urlsplit
from uuid import uuid4

from azure_functions_runtime.bindings.context import _invocation_id_local

from scim.host import HttpTrigger, find, in_order
from tests.worker import HttpRequest, HttpResponse, Worker

T = TypeVar("T")


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


class FunctionsHost:
    """One worker with one function app, behind the app's routes. As the worker, one at a time; see `running`."""

    def __init__(self) -> None:
        self.worker = Worker()
        self._triggers: list[HttpTrigger] = []
        self._executing: set[str] = set()
        self._channel = _Channel(self._executing)

    @property
    def logged(self) -> deque[Logged]:
        """The log records of the app so far, also those that the host throws away."""
        return self._channel.logged

    async def send(self, request: HttpRequest) -> HttpResponse:
        """Call the function that a request belongs to; a request that belongs to none gets the host's bare 404."""
        found = find(self._triggers, request.method, urlsplit(request.url).path)
        if found is None:
            return HttpResponse(404, {}, b"")
        function, parameters = found
        invocation_id = str(uuid4())
        sent = replace(request, route_params=parameters)
        return await self._invocation(invocation_id, self.worker.invoke(function.name, sent, invocation_id))

    async def tick(self, name: str) -> None:
        """Call a timer function."""
        invocation_id = str(uuid4())
        await self._invocation(invocation_id, self.worker.tick(name, invocation_id))

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
        for name in await self.worker.index(app):
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
