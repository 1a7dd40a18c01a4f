"""Long computing leaves the event loop to others."""

import asyncio
import threading

import pytest

from scim.directory.aside import SHORT, aside


async def test_what_is_short_is_computed_at_once() -> None:
    """To hand it over would cost more than it takes."""
    assert await aside(threading.current_thread, SHORT) is threading.current_thread()


async def test_what_is_long_is_computed_elsewhere_one_after_the_other() -> None:
    """One thread for the process, so that many long requests take the interpreter no oftener than one."""
    threads = await asyncio.gather(*(aside(threading.current_thread, SHORT + 1) for _ in range(5)))
    assert threading.current_thread() not in threads
    assert len(set(threads)) == 1


async def test_others_are_answered_meanwhile() -> None:
    """The long work below ends only when the event loop goes on."""
    other = threading.Event()
    asyncio.get_running_loop().call_soon(other.set)
    assert await aside(lambda: other.wait(60), SHORT + 1)


async def test_an_error_comes_back() -> None:
    """A refusal is the client's, wherever it was found."""

    def fails() -> None:
        raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        await aside(fails, SHORT + 1)
