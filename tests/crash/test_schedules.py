"""Random schedules: workers take turns at each call to storage, die, get no answer, repeat; every fact is there."""

from collections.abc import Callable

import pytest

from scim.directory import memberships, resources, tenant
from tests.crash.plots import PLOTS, play

SEEDS, EVERYBODY = 20, 60
"""Schedules of each plot, and of the one that has everybody in it."""


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
    for seed in range(EVERYBODY if plot == "everybody" else SEEDS):
        count_cases("calls to storage in schedules", await play(plot, seed))
        count_cases("schedules", 1)
