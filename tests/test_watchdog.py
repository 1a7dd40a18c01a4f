"""A loop that stands still while somebody waits is told of: where it was, once, and nothing else is."""

import asyncio
import logging
import time
from collections.abc import Iterator

import pytest

from scim.invocation import Invocations, LateRecord
from scim.watchdog import LIMIT, TICK, Watchdog

LOOKS = round(LIMIT / TICK)


class Unstarted(Watchdog):
    """A watchdog whose thread a test plays itself."""

    def _run(self) -> None:
        return


@pytest.fixture
def invocations(caplog: pytest.LogCaptureFixture) -> Iterator[Invocations]:
    """A process of its own, as it were."""
    caplog.set_level(logging.INFO)
    made = Invocations()
    logging.getLogger().addHandler(made)
    yield made
    logging.getLogger().removeHandler(made)


async def turned(watched: Watchdog) -> None:
    """Return when the loop has said that it turns."""
    while watched._armed and (watched._missed or watched.stands_at):  # noqa: ASYNC110 - turns are waited for
        await asyncio.sleep(0)


async def test_a_loop_that_stands_still_is_told_of_in_the_next_invocation(
    invocations: Invocations, caplog: pytest.LogCaptureFixture
) -> None:
    """One warning with the place, although nobody but a thread could see it."""
    watched = Watchdog(tick=0.001)

    def the_culprit() -> None:
        while not watched.stands_at:
            pass

    with invocations.running(), watched.watching():
        the_culprit()
    await turned(watched)
    with invocations.running():
        pass
    [record] = [each for each in caplog.records if isinstance(each, LateRecord)]
    assert record.levelno == logging.WARNING
    assert record.getMessage().startswith("the event loop did not turn for ")
    places = record.getMessage().partition(" and was at ")[2].partition(" (logged")[0].split(" < ")
    assert "tests/test_watchdog.py:" in places[0]
    assert [each.partition(" ")[2] for each in places] == [
        "the_culprit",
        "test_a_loop_that_stands_still_is_told_of_in_the_next_invocation",
    ]


async def test_a_loop_that_turns_is_not_told_of(caplog: pytest.LogCaptureFixture) -> None:
    """However long a request lasts: those that wait let others work."""
    watched = Unstarted(tick=0)
    with watched.watching():
        for _ in range(3 * LOOKS):
            watched.look()
            await turned(watched)
    assert caplog.text == ""


async def test_a_block_is_told_of_once(caplog: pytest.LogCaptureFixture) -> None:
    """However long it lasts, and whoever begins meanwhile; the next one is told of again."""
    watched = Unstarted(tick=0)
    for _ in range(2):
        with watched.watching(), watched.watching():
            for _ in range(10 * LOOKS):
                watched.look()
        await turned(watched)
    assert len(caplog.messages) == 2


async def test_a_process_that_was_frozen_is_no_fault(caplog: pytest.LogCaptureFixture) -> None:
    """The clock went on, and neither the thread nor the processor did."""
    watched = Unstarted(tick=0)
    with watched.watching():
        watched._turned -= 3600
        watched.look()
        await turned(watched)
    assert caplog.text == ""


async def test_one_call_that_holds_the_interpreter_is_told_of(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The thread cannot look meanwhile, but the processor was busy."""
    watched = Unstarted(tick=0)
    with watched.watching():
        used = time.process_time() + LIMIT
        monkeypatch.setattr(time, "process_time", lambda: used)
        watched.look()
        await turned(watched)
    assert "the event loop did not turn for " in caplog.text


async def test_nothing_is_looked_at_between_requests() -> None:
    """A process that nobody waits for may stand still, and its thread sleeps."""
    watched = Unstarted()
    with watched.watching():
        assert watched._wanted.is_set()
    assert not watched._wanted.is_set()
