"""The timer: change rows expire, and it may be interrupted, repeated, and run twice at once."""

import asyncio

import pytest

from scim.app import App
from scim.directory import keys
from scim.storage.rows import MAX_CHANGES, Insert
from tests.conftest import Clock, Http, make_app
from tests.recording import RecordingRows

DAYS = 30


@pytest.fixture
async def app(rows: RecordingRows, clock: Clock) -> App:
    """The service over it, which keeps change rows for a month."""
    return make_app(rows, clock, change_retention_days=DAYS)


async def changes(rows: RecordingRows) -> list[str]:
    return [row.key for row in await rows.range("scim", "e.", "e.~", 10_000)]


async def add_changes(app: App, clock: Clock, count: int) -> None:
    """Write change rows a second apart."""
    for start in range(0, count, MAX_CHANGES):
        batch = []
        for number in range(start, min(start + MAX_CHANGES, count)):
            milliseconds = int(clock().timestamp() * 1000) + 1000 * number
            batch.append(Insert(keys.change(milliseconds, app.tenant.new_id("")), "{}", app.tenant.time()))
        await app.tenant.commit(batch)


async def test_change_rows_go_when_they_are_older_than_the_setting(
    app: App, http: Http, rows: RecordingRows, clock: Clock
) -> None:
    """Not a second earlier, and nothing else goes with them."""
    await http.user("mira")
    clock.forward(days=DAYS)
    assert (await app.maintenance.run())["changesExpired"] == 0
    await http.user("omar")
    before = await rows.everything()
    clock.forward(seconds=1)
    assert (await app.maintenance.run())["changesExpired"] == 1
    assert len(await changes(rows)) == 1
    assert await rows.everything() == before


async def test_many_change_rows_go_in_full_transactions(app: App, rows: RecordingRows, clock: Clock) -> None:
    """Their bodies are not read."""
    await add_changes(app, clock, 250)
    clock.forward(days=DAYS + 1)
    rows.forget()
    assert (await app.maintenance.run())["changesExpired"] == 250
    assert [len(commit) for commit in rows.commits] == [100, 100, 50, 1], "the last one counts memberships"
    assert await changes(rows) == []


async def test_two_timers_at_once_expire_everything_once(app: App, rows: RecordingRows, clock: Clock) -> None:
    """The slower one finds its rows gone and goes on."""
    await add_changes(app, clock, 250)
    clock.forward(days=DAYS + 1)
    other = make_app(rows, clock, change_retention_days=DAYS)
    rows.before_commit(other.maintenance.run)
    await app.maintenance.run()
    assert await changes(rows) == []


async def test_timers_that_take_turns_finish_deletes_and_expiry(
    app: App, http: Http, rows: RecordingRows, clock: Clock
) -> None:
    """However they interleave, nothing is left of a large delete, and no error is raised."""
    ids = [(await http.user(f"u{number}"))["id"] for number in range(900)]
    crew = (await http.group("crew", *ids))["id"]
    await http.request("DELETE", f"/Groups/{crew}")
    clock.forward(days=DAYS + 1)
    others = [make_app(rows, clock, change_retention_days=DAYS) for _ in range(2)]
    await asyncio.gather(*(each.maintenance.run() for each in (app, *others)))
    assert not [key for key in await rows.everything() if crew in key]
    assert await changes(rows) == []


async def test_a_run_without_time_does_nothing_and_the_next_one_goes_on(
    app: App, http: Http, rows: RecordingRows, clock: Clock
) -> None:
    """A host stops functions that run for too long."""
    ids = [(await http.user(f"u{number}"))["id"] for number in range(800)]
    crew = (await http.group("crew", *ids))["id"]
    await http.request("DELETE", f"/Groups/{crew}")
    assert set((await app.maintenance.run(seconds=0)).values()) == {0}
    assert [key for key in await rows.everything() if key.startswith("t.")]
    assert (await app.maintenance.run())["deletesFinished"] == 1


async def test_a_run_with_nothing_to_do_writes_nothing(app: App, http: Http, rows: RecordingRows) -> None:
    """Eleven reads each time: three for deletes and changes, three for events, two for the journal, and three more."""
    await http.user("mira")
    await app.maintenance.run()
    rows.forget()
    assert set((await app.maintenance.run()).values()) == {0}
    assert rows.calls == ["read"] * 11


async def test_a_feed_that_falls_behind_is_told(app: App, http: Http, caplog: pytest.LogCaptureFixture) -> None:
    """By the line that an alert reads: readers would be late without knowing."""
    await http.user("mira")
    assert await app.feed.publish_all(0.0) == 0
    assert "feed behind: tenant scim" in caplog.text
    caplog.clear()
    assert (await app.rounds.run())["eventsPublished"] == 1
    assert "feed behind" not in caplog.text
