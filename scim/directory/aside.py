"""Long computing on a thread of its own, so that the event loop goes on answering others."""

import asyncio
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from functools import partial
from typing import TypeVar

SHORT = 128 * 1024
"""Bytes of JSON that are computed with at once, such as a page of a hundred users: two or three milliseconds."""

T = TypeVar("T")

TURN = 0.0001
"""Seconds after which the interpreter gives the event loop its turn.

The loop loses it with each call of the operating system and each row of SQLite: a page of a hundred users, read and
answered while something is computed aside, takes 26 ms with it, 250 ms with 0.001, 2 s with the interpreter's own 0.005
(28 Nov 2026). Shorter ones help no more.
"""

_THREAD = ThreadPoolExecutor(1, "aside", partial(sys.setswitchinterval, TURN))
"""One for the process: what is long waits for what is long, and lets others in after each TURN."""


async def aside(work: Callable[[], T], size: int) -> T:
    """Return what `work` returns, computed on another thread when its input has more than SHORT bytes.

    `work` must not touch the store or anything else that belongs to the event loop. Raises what it raises.
    """
    if size <= SHORT:
        return work()
    context = copy_context()
    return await asyncio.get_running_loop().run_in_executor(_THREAD, partial(context.run, work))
