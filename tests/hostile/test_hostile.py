"""No request holds up another: each hostile input is answered or refused within its bounds, counted in work."""

import logging
import sys
from collections.abc import AsyncIterator

import pytest

from bench.load import fill
from scim.app import App
from scim.directory import aside
from scim.protocol import work
from tests.conftest import Clock, Http, make_app
from tests.hostile.effort import Effort, counted
from tests.hostile.inputs import Exchange, Input, inputs
from tests.recording import RecordingRows

USERS = 1_200
CALLS = 7_000_000
"""Calls of functions in a second or two of one processor; what 400,000 comparisons come to."""
STRETCH = 300_000
"""Calls of functions in about a tenth of a second, during which nobody else is answered."""
INPUTS = list(inputs())


async def _asked(http: Http, exchange: Exchange, ids: dict[str, str]) -> int:
    answer = await http.request(exchange.method, exchange.address(ids), content=exchange.content(ids))
    if exchange.named and answer.status == 201:
        ids[exchange.named] = answer.body["id"]
    return answer.status


async def _effort(http: Http, hostile: Input, group: str) -> tuple[Effort, int]:
    ids = {"group": group}
    for each in hostile.before:
        assert await _asked(http, each, ids) == 201, hostile.name
    content = hostile.request.content(ids)
    with counted() as effort:
        answer = await http.request(hostile.request.method, hostile.request.address(ids), content=content)
    return effort, answer.status


@pytest.fixture(params=INPUTS, ids=lambda each: each.name)
def hostile(request: pytest.FixtureRequest) -> Input:
    """Each input in turn."""
    given: Input = request.param
    return given


@pytest.fixture
async def full(rows: RecordingRows, clock: Clock, hostile: Input) -> AsyncIterator[tuple[App, str]]:
    """A service with users, and the id of a group of all of them."""
    made = make_app(rows, clock, scan_rows=hostile.scan_rows, scan_seconds=200.0, request_seconds=200.0)
    await fill.fill_users(made.directory, USERS)
    [group] = await fill.fill_groups(made.directory, ["Everybody"])
    await fill.fill_members(made.directory, [(group, [each async for each in fill.user_ids(made.directory)])])
    yield made, group
    await made.close()


@pytest.fixture(autouse=True)
def a_fifth_of_the_work(monkeypatch: pytest.MonkeyPatch) -> None:
    """A search may compare a fifth of what it may: counting takes longer than comparing."""
    monkeypatch.setattr(work.Work.__init__, "__defaults__", (work.MAX_WORK // 5,))


@pytest.fixture(autouse=True)
def no_handlers(monkeypatch: pytest.MonkeyPatch) -> None:
    """What the log's handlers do with a line is not counted; a function app that another test loaded has one more."""
    monkeypatch.setattr(logging.getLogger(), "handlers", [])


async def test_a_hostile_input_has_its_bound(
    full: tuple[App, str], hostile: Input, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All of its work, computed on one thread so that it can be counted."""
    monkeypatch.setattr(aside, "SHORT", sys.maxsize)
    app, group = full
    effort, status = await _effort(Http(app), hostile, group)
    assert status in hostile.status
    assert effort.calls <= hostile.bounds["calls"] <= CALLS
    assert effort.folded <= hostile.bounds["folded"]


async def test_a_hostile_input_lets_others_in(full: tuple[App, str], hostile: Input) -> None:
    """What is long is computed on another thread, or in pieces."""
    app, group = full
    effort, status = await _effort(Http(app), hostile, group)
    assert status in hostile.status
    assert effort.stretch <= STRETCH
