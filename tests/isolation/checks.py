"""What each of two tenants is sure of; each raises AssertionError where it is not so."""

import asyncio
import logging
import random
from collections.abc import Awaitable, Callable

import pytest

from scim.app import App
from scim.directory import keys
from scim.service import answers
from tests.isolation.neighbours import neighbours, step

STEPS = 60

Check = Callable[[App, pytest.LogCaptureFixture], Awaitable[None]]


async def play(app: App, seed: int, steps: int = STEPS) -> None:
    """Let both tenants do random things at the same time."""
    choice = random.Random(seed)
    sides = await neighbours(app)

    async def act(number: int) -> None:
        for _ in range(steps):
            await step(choice, sides[number % 2])

    await asyncio.gather(*(act(number) for number in range(4)))
    for side in sides:
        listed = (await side.ask("GET", "/Users?count=1000")).body["Resources"]
        assert all(each["title"].startswith(side.marker) for each in listed)


async def nothing_crosses(app: App, _: pytest.LogCaptureFixture) -> None:
    """A short play."""
    await play(app, 1, steps=20)


async def cursors_are_of_one_tenant(app: App, _: pytest.LogCaptureFixture) -> None:
    """The cursor of a search is none of the other's."""
    one, other = await neighbours(app)
    cursor = (await one.ask("GET", "/Users?cursor&count=1")).body["nextCursor"]
    assert (await one.ask("GET", f"/Users?cursor={cursor}&count=1")).status == 200
    assert (await other.ask("GET", f"/Users?cursor={cursor}&count=1")).status == 400


async def places_in_the_feed_are_of_one_tenant(app: App, _: pytest.LogCaptureFixture) -> None:
    """The cursor of a feed is none of the other's."""
    one, other = await neighbours(app)
    cursor = (await one.ask("GET", "/events?limit=1", scope="events")).body["next"]
    assert (await one.ask("GET", f"/events?after={cursor}", scope="events")).status == 200
    assert (await other.ask("GET", f"/events?after={cursor}", scope="events")).status == 400


async def lines_name_their_own_tenant(app: App, caplog: pytest.LogCaptureFixture) -> None:
    """Each line of the log, and never the other's."""
    caplog.set_level(logging.INFO, answers.__name__)
    for side in await neighbours(app):
        caplog.clear()
        await side.ask("GET", f"/Users/{side.ids[0]}")
        [line] = [each for each in caplog.messages if "tenant=" in each]
        assert f"tenant={side.key}" in line
        side.check(line)


async def the_journal_is_of_one_tenant(app: App, _: pytest.LogCaptureFixture) -> None:
    """What the rows of a tenant's journal tell of are its own requests."""
    sides = await neighbours(app)
    for side in sides:
        await side.ask("GET", f"/Users/{side.marker}")
    await app.journals.flush()
    for side in sides:
        service = await app.tenants.of(await app.administration.tenant(side.key))
        bodies = [row.body for row in await service.tenant.under(keys.REQUESTS)]
        assert any(side.marker in each for each in bodies)
        side.check("".join(bodies))


CHECKS: list[Check] = [
    cursors_are_of_one_tenant,
    places_in_the_feed_are_of_one_tenant,
    lines_name_their_own_tenant,
    the_journal_is_of_one_tenant,
]
