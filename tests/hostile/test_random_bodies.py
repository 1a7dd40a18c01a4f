"""Whatever a body holds, its work has a bound, in calls of functions and characters that are normalised."""

import logging
import sys

import pytest

from scim.app import App
from scim.directory import aside
from tests.conftest import Clock, Http, make_app
from tests.hostile.effort import counted
from tests.hostile.random_bodies import MAKE, SEEDS, request
from tests.recording import RecordingRows

CALLS = 1_500_000
"""Calls of functions: less than half a second of one processor."""
FOLDED = 500_000
"""Characters that are normalised."""


@pytest.fixture
async def app(rows: RecordingRows, clock: Clock) -> App:
    """A service that computes everything on one thread, so that it can be counted."""
    return make_app(rows, clock, request_seconds=200.0, scan_seconds=200.0)


@pytest.mark.parametrize("kind", MAKE)
async def test_the_work_of_a_random_body_has_a_bound(
    app: App, http: Http, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is answered or refused, never as a fault of ours, and everybody is served behind it."""
    monkeypatch.setattr(aside, "SHORT", sys.maxsize)
    monkeypatch.setattr(logging.getLogger(), "handlers", [])
    ids = {"user": (await http.user("mira"))["id"]}
    ids["group"] = (await http.group("team", ids["user"]))["id"]
    for seed in range(SEEDS):
        exchange, content = request(kind, seed, ids)
        with counted() as effort:
            answer = await http.request(exchange.method, exchange.path, content=content)
        where = f"{kind}, seed {seed}: {len(content):,} bytes, {answer.status}"
        assert answer.status < 500, where
        assert effort.calls <= CALLS, f"{where}: {effort.calls:,} calls"
        assert effort.folded <= FOLDED, f"{where}: {effort.folded:,} characters"
    assert (await http.request("GET", f"/Users/{ids['user']}")).status == 200
