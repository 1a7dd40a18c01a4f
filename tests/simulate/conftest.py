from collections.abc import Iterator
from typing import Any

import pytest

from scim.simulate.job.progress import Silent
from scim.simulate.report.outcome import Outcome, Plan
from scim.simulate.simulation import simulate
from scim.simulate.source.invention import Invention
from scim.simulate.wire.transport import Wire
from tests.simulate.stand_in import TOKEN, StandIn


@pytest.fixture
def started() -> Iterator[tuple[StandIn, str]]:
    stand_in = StandIn()
    url = stand_in.start()
    yield stand_in, url
    stand_in.stop()


@pytest.fixture
def stand_in(started: tuple[StandIn, str]) -> StandIn:
    """The endpoint in memory, to look into."""
    return started[0]


@pytest.fixture
def endpoint(started: tuple[StandIn, str]) -> tuple[str, str]:
    """Tenant URL and token of an endpoint that understands both dialects."""
    return started[1], TOKEN


@pytest.fixture
def plan(endpoint: tuple[str, str]) -> Plan:
    """Twelve people and two teams of four, the initial cycle only."""
    return a_plan(endpoint)


def a_plan(endpoint: tuple[str, str], users: int = 12, groups: int = 2, **changes: Any) -> Plan:
    invention = Invention(7)
    wire = Wire(*endpoint, max_wait=0.0)
    settings: dict[str, Any] = {"cycles": 0, "retries": 0, "concurrency": 1} | changes
    return Plan(wire, invention.directory(users, groups, 4), invention, **settings)


async def play(plan: Plan) -> Outcome:
    return await simulate(plan, Silent())
