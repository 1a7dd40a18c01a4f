"""How much work a piece of code is, counted and not timed: calls of functions, and characters that are normalised."""

import sys
from asyncio import base_events
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from types import FrameType
from typing import Any

from scim.protocol import resource

_TURN = base_events.BaseEventLoop._run_once.__code__  # type: ignore[attr-defined]
_FOLD = resource.fold.__code__


@dataclass
class Effort:
    """What was counted on one thread: all calls, and most calls between two turns of the event loop."""

    calls: int = 0
    stretch: int = 0
    folded: int = 0
    _since: int = 0

    def note(self, frame: FrameType, event: str, _: Any) -> None:
        """Count one event of the interpreter."""
        if event in ("call", "c_call"):
            self.calls += 1
            if frame.f_code is _TURN and event == "call":
                self._since = self.calls
            elif event == "call" and frame.f_code is _FOLD:
                self.folded += len(frame.f_locals["text"])
            self.stretch = max(self.stretch, self.calls - self._since)


@contextmanager
def counted() -> Iterator[Effort]:
    """Count what this thread does, from its next turn of the event loop on."""
    effort = Effort()
    before = sys.getprofile()
    sys.setprofile(effort.note)
    try:
        yield effort
    finally:
        sys.setprofile(before)
