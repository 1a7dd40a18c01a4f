"""How long a tenant's changes, events and log are kept is its own, the default tenant's too."""

from typing import Any

import pytest

from scim.app import App
from scim.directory import keys
from tests.conftest import Clock, make_app
from tests.recording import RecordingRows
from tests.tenancy import client, tenant

OWN: dict[str, Any] = {"retentionDays": 2, "eventRetentionDays": 2, "journalDays": 2}
KINDS = {"changes": keys.CHANGES, "events": keys.event(), "requests": keys.REQUESTS}


async def kept(rows: RecordingRows, key: str) -> dict[str, int]:
    """Return how many rows of each kind a tenant has."""
    return {kind: len(await rows.range(key, prefix, f"{prefix}~", 100)) for kind, prefix in KINDS.items()}


@pytest.mark.parametrize("which", ["default", "another"])
async def test_a_tenant_s_own_retention_is_kept_to(rows: RecordingRows, clock: Clock, which: str) -> None:
    """What is older is gone after a run of the timer, and a tenant without one keeps what the settings say."""
    app = make_app(rows, clock, journal=True)
    key, beside = "scim" if which == "default" else await tenant(app), await tenant(app)
    await app.administration.change(key, OWN)
    for each in (key, beside):
        await (await client(app, each)).user("mira")
    await app.journals.flush()
    await app.rounds.run()  # which publishes the events
    before = await kept(rows, key)
    assert all(before.values()), before
    assert await kept(rows, beside) == before
    clock.forward(days=3)
    await app.rounds.run()
    assert await kept(rows, key) == dict.fromkeys(KINDS, 0)
    assert await kept(rows, beside) == before
    await app.close()


async def test_a_shorter_retention_is_taken_up_by_a_tenant_that_is_idle(
    app: App, rows: RecordingRows, clock: Clock
) -> None:
    """Its mark was put off until the oldest row had to go by the longer one."""
    key = await tenant(app)
    await (await client(app, key)).user("mira")
    for _ in range(3):
        clock.forward(days=1)
        await app.rounds.run()
    assert (await kept(rows, key))["events"] == 1
    await app.administration.change(key, {"eventRetentionDays": 1})
    await app.rounds.run()
    assert (await kept(rows, key))["events"] == 0
