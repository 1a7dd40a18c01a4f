"""Mistakes made on purpose: each is noticed by the test that the table names."""

import pytest

from scim.protocol.errors import FeedBroken
from tests.crash.mutants import MUTANTS, Mutant
from tests.crash.operations import CASES
from tests.crash.plots import PLOTS, play
from tests.crash.test_crashes import Trial
from tests.crash.test_schedules import with_small_limits
from tests.crash.world import Start

MOST = 200
"""Schedules after which a mistake counts as unnoticed."""


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.mistake)
async def test_a_mistake_is_noticed(start: Start, mutant: Mutant, monkeypatch: pytest.MonkeyPatch) -> None:
    """The tests of this folder are able to fail."""
    cases = {case.name: case for case in CASES}
    mutant.make(monkeypatch)
    with pytest.raises((AssertionError, KeyError, FeedBroken)):
        if mutant.noticed_by in PLOTS:
            with_small_limits(monkeypatch)
            for seed in range(MOST):
                await play(mutant.noticed_by, seed)
        else:
            await Trial(start, cases[mutant.noticed_by]).run()
