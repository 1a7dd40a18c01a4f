"""Notes where the event loop stands still while somebody waits for an answer."""

import asyncio
import logging
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import PurePath
from types import FrameType

LIMIT = 1.0
"""Seconds for which the loop may not turn without a word."""
TICK = 0.25
"""Seconds from one look at the loop to the next; as often the loop says that it turns."""
FRAMES = 20

_OF_THE_LOOP = asyncio.Handle._run.__code__
"""What calls whatever the loop runs: from there on all places are the same."""

logger = logging.getLogger(__name__)


class Watchdog:
    """While an invocation is under way a thread looks whether its event loop turns.

    One that did not turn for LIMIT kept every request of the process waiting: a warning says for how long, and where
    it was after LIMIT. It is logged when the loop turns again, outside of any invocation, so that `Invocations` brings
    it into the next one. A process that was frozen or got no processor meanwhile is no fault: time counts only by the
    looks of the thread and by the processor time of the process, which a call that holds the interpreter uses up.
    """

    def __init__(self, tick: float = TICK) -> None:
        self._tick, self._looks = tick, round(LIMIT / TICK)
        self._under_way = 0
        self._wanted = threading.Event()
        self._thread: threading.Thread | None = None
        self._armed = False
        self._watched = 0
        self.stands_at = ""
        self._turn()

    @contextmanager
    def watching(self) -> Iterator[None]:
        """Watch the running loop during the block; nothing of the block's own is touched."""
        self._watched = threading.get_ident()
        if not self._armed:
            self._turn()
            self._arm(asyncio.get_running_loop())
        self._under_way += 1
        self._wanted.set()
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="watchdog", daemon=True)
            self._thread.start()
        try:
            yield
        finally:
            self._under_way -= 1
            if not self._under_way:
                self._wanted.clear()

    def look(self) -> None:
        """Count one TICK during which the loop may have stood still, and note where it is when it is too long."""
        self._missed += 1
        used = time.process_time() - self._used
        if not self.stands_at and (self._missed >= self._looks or used >= LIMIT):
            self.stands_at = _places(sys._current_frames().get(self._watched))

    def _run(self) -> None:
        while self._wanted.wait():
            time.sleep(self._tick)
            if self._under_way:
                self.look()

    def _arm(self, loop: asyncio.AbstractEventLoop) -> None:
        self._armed = True
        loop.call_later(self._tick, self._beat, loop)

    def _beat(self, loop: asyncio.AbstractEventLoop) -> None:
        """Say that the loop turns; the loop calls it."""
        self._armed = False
        if self.stands_at:
            waited = time.monotonic() - self._turned
            logger.warning("the event loop did not turn for %.1f s and was at %s", waited, self.stands_at)
        self._turn()
        if self._under_way:
            self._arm(loop)

    def _turn(self) -> None:
        self._turned, self._used = time.monotonic(), time.process_time()
        self._missed = 0
        self.stands_at = ""


def _places(frame: FrameType | None) -> str:
    """Return where a thread is, the innermost call first: files, lines and functions, never a value."""
    places: list[str] = []
    while frame is not None and len(places) < FRAMES and frame.f_code is not _OF_THE_LOOP:
        code = frame.f_code
        file = "/".join(PurePath(code.co_filename).parts[-3:])
        places.append(f"{file}:{frame.f_lineno} {code.co_name}")
        frame = frame.f_back
    return " < ".join(places) or "a place that is not known"
