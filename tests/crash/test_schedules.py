"""Random schedules: workers take turns at each call to storage, die, get no answer, repeat; every fact is there."""

import asyncio
import threading
from collections.abc import Callable

import pytest

from scim.directory import memberships, resources, tenant
from scim.directory.aside import SHORT, aside
from tests.crash.plots import PLOTS, play
from tests.crash.schedule import QUIET, Scheduler

SEEDS = 20
"""Schedules of a plot."""
MORE = {"everybody": 60, "readers": 300}


@pytest.fixture
def small_limits(monkeypatch: pytest.MonkeyPatch) -> None:
    with_small_limits(monkeypatch)


def with_small_limits(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make transactions and pages of few rows, so that few members need several of them."""
    monkeypatch.setattr(memberships, "MAX_CHANGES", 24)
    monkeypatch.setattr(memberships, "FEW", 3)
    monkeypatch.setattr(memberships, "PAGE", 4)
    monkeypatch.setattr(tenant, "PAGE", 4)
    monkeypatch.setattr(resources, "BATCHES_AT_ONCE", 0)


@pytest.mark.usefixtures("small_limits")
@pytest.mark.parametrize("plot", PLOTS)
async def test_every_acknowledged_fact_is_there_at_the_end(plot: str, count_cases: Callable[[str, int], None]) -> None:
    """Whatever the order, the crashes and the lost answers."""
    for seed in range(MORE.get(plot, SEEDS)):
        count_cases("calls to storage in schedules", await play(plot, seed))
        count_cases("schedules", 1)


async def test_who_computes_aside_is_waited_for() -> None:
    """On a busy machine a thread takes longer than the rounds after which everybody waits for a turn."""
    scheduler, late = Scheduler(0), threading.Event()

    async def worker() -> None:
        await scheduler.turn("worker")
        await aside(late.wait, SHORT + 1)
        await scheduler.turn("worker")

    async def machine() -> None:
        for _ in range(3 * QUIET):
            await asyncio.sleep(0)
        late.set()

    slow = asyncio.create_task(machine())
    async with asyncio.timeout(60):
        await scheduler.run([worker()])
    await slow
    assert scheduler.calls == 2
