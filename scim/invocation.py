"""The invocations of this process, and the log records that none of them would carry, kept for the next one."""

import asyncio
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import UTC, datetime

KEPT = 50
"""Log records that wait for the next invocation, at most."""
MAX_LENGTH = 4_000
"""Characters of the text of a record that is kept, and of its traceback."""
THE_WORKER_S = ("azure_functions", "azure.functions")
"""How the names of loggers begin whose records the host takes at any time: those of the language worker itself."""


class LateRecord(logging.LogRecord):
    """A record that was logged outside an invocation, logged once more inside one."""


class _Invocation:
    """One invocation; tasks that it starts inherit it, and may live longer."""

    __slots__ = ("running",)

    def __init__(self) -> None:
        self.running = True


_current: ContextVar[_Invocation | None] = ContextVar("_current", default=None)


class Invocations(logging.Handler):
    """Brings log records of threads, callbacks and tasks that outlive their request into the next invocation.

    The host throws away a record whose invocation is not executing (Azure/azure-functions-host, GrpcWorkerChannel.cs,
    Log), and the worker tells the invocation by the running task (azure-functions-python-worker, dispatcher.py,
    get_current_invocation_id). As a handler of the root logger this one keeps what would be lost: KEPT records at
    most, the more severe ones rather than others; how many more there were is logged too. `logging` stays the
    interface of everybody. What is kept when the process ends is lost.
    """

    def __init__(self) -> None:
        super().__init__()
        self._kept: list[LateRecord] = []
        self._dropped = 0

    @contextmanager
    def running(self) -> Iterator[None]:
        """Mark the block as one invocation, and log in it what was kept before and, at its end, meanwhile."""
        invocation = _Invocation()
        token = _current.set(invocation)
        try:
            self._tell()
            yield
        finally:
            self._tell()
            invocation.running = False
            _current.reset(token)

    def emit(self, record: logging.LogRecord) -> None:
        """Keep a record that no invocation carries; `logging` calls this, one record at a time."""
        if _carried() or record.name.startswith(THE_WORKER_S):
            return
        try:
            self._keep(_late(record))
        except Exception:
            self.handleError(record)

    def _keep(self, record: LateRecord) -> None:
        if len(self._kept) == KEPT:
            self._dropped += 1
            least = min(self._kept, key=lambda each: each.levelno)
            if least.levelno >= record.levelno:
                return
            self._kept.remove(least)
        self._kept.append(record)

    def _tell(self) -> None:
        if not self._kept:
            return
        self.acquire()
        try:
            kept, self._kept = self._kept, []
            dropped, self._dropped = self._dropped, 0
        finally:
            self.release()
        for record in kept:
            logging.getLogger(record.name).handle(record)
        if dropped:
            logging.getLogger(__name__).warning("%d more records were logged outside invocations, and dropped", dropped)


def _carried() -> bool:
    """Return whether the worker knows the invocation of what is logged now, and the host still does."""
    invocation = _current.get()
    if invocation is None or not invocation.running:
        return False
    try:
        return asyncio.current_task() is not None  # in a callback of the loop the worker knows no invocation for sure
    except RuntimeError:
        return False  # a thread without a loop


def _late(record: logging.LogRecord) -> "LateRecord":
    """Return a record that holds nothing but text: arguments and tracebacks keep objects alive."""
    logged = datetime.fromtimestamp(record.created, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    text = f"{record.getMessage()[:MAX_LENGTH]} (logged outside an invocation, at {logged})"
    late = LateRecord(record.name, record.levelno, record.pathname, record.lineno, text, None, None)
    if record.exc_info:
        late.exc_text = logging.Formatter().formatException(record.exc_info)[-MAX_LENGTH:]
    return late
