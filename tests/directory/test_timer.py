"""The timer's runs are written down, somebody notices when they stay away, and requests make up for them."""

import asyncio
import json
import logging
from typing import Any

import pytest

from scim.app import App
from scim.directory import keys
from scim.directory.timer import INTERVAL, LATE, Timer
from scim.protocol.errors import Unavailable
from scim.storage.rows import Delete, Insert, Replace
from tests.conftest import Clock, Http, make_app
from tests.recording import RecordingRows

LATE_SECONDS = LATE.total_seconds()


async def written(app: App) -> dict[str, Any]:
    """Return what the row holds."""
    row = await app.tenant.read(keys.MAINTENANCE)
    assert row is not None
    found: dict[str, Any] = json.loads(row.body)
    return found


def another_process(app: App) -> Timer:
    """Return the timer as another process has it, which shares nothing but the store."""
    return Timer(app.tenant, app.rounds)


async def test_a_run_is_written_down(app: App, clock: Clock) -> None:
    """When it began, and when the last one succeeded."""
    await app.timer.run()
    first = app.tenant.time()
    clock.forward(seconds=300)
    await app.timer.run()
    assert await written(app) == {
        "since": first,
        "last_run": app.tenant.time(),
        "last_success": app.tenant.time(),
        "failures": 0,
    }


async def test_a_run_that_fails_is_counted_until_one_succeeds(
    app: App, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And its error goes on to the host, which shows the run as failed."""
    await app.timer.run()
    success = app.tenant.time()

    async def fail() -> dict[str, int]:
        raise Unavailable("The store does not answer.")

    with monkeypatch.context() as patched:
        patched.setattr(app.rounds, "run", fail)
        for count in (1, 2):
            clock.forward(seconds=300)
            with pytest.raises(Unavailable):
                await app.timer.run()
            row = await written(app)
            assert (row["last_run"], row["last_success"], row["failures"]) == (app.tenant.time(), success, count)
    await app.timer.run()
    assert (await written(app))["failures"] == 0


async def test_it_is_late_after_three_intervals(app: App, clock: Clock, caplog: pytest.LogCaptureFixture) -> None:
    """Not earlier, and a line that an alert reads says so; the run may be another process's."""
    await app.timer.run()
    web = another_process(app)
    clock.forward(seconds=LATE_SECONDS - 1)
    assert (await web.state(), caplog.messages) == ("ok", [])
    clock.forward(seconds=60)
    assert await web.state() == "late"
    [line] = caplog.records
    assert line.levelno == logging.WARNING
    assert line.getMessage().startswith("maintenance is late: last run 2026-01-31T12:00:00.000Z, last success 2026-")


async def test_a_timer_that_never_ran_is_late_too(app: App, clock: Clock) -> None:
    """From the first question on: it may never fire after a deployment."""
    web = another_process(app)
    assert await web.state() == "ok"
    clock.forward(seconds=LATE_SECONDS)
    assert await another_process(app).state() == "late"
    await app.timer.run()
    assert await another_process(app).state() == "ok"


async def test_runs_that_fail_for_three_intervals_are_failing(
    app: App, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They begin in time, and nothing gets done."""
    await app.timer.run()

    async def fail() -> dict[str, int]:
        raise LookupError

    monkeypatch.setattr(app.rounds, "run", fail)
    for _ in range(3):
        clock.forward(seconds=INTERVAL.total_seconds())
        with pytest.raises(LookupError):
            await app.timer.run()
    assert await another_process(app).state() == "failing"


async def test_it_is_read_once_a_minute(app: App, clock: Clock, rows: RecordingRows) -> None:
    """Anybody may ask for /health, as often as they like."""
    await app.timer.run()
    web = another_process(app)
    rows.forget()
    for _ in range(3):
        await web.state()
        await web.catch_up()
    assert rows.calls == ["read"]
    clock.forward(seconds=60)
    await web.catch_up()
    assert rows.calls == ["read", "read"]


async def test_health_says_how_the_timer_does(http: Http, app: App, clock: Clock) -> None:
    """Nobody is refused for it: 200 while storage and tokens answer."""
    await app.timer.run()
    for step, expected in ((0, "ok"), (LATE_SECONDS, "late")):
        clock.forward(seconds=step)
        answer = await app.health.response()
        assert (answer.status, answer.body) == (
            200,
            {"status": "ok" if expected == "ok" else "impaired", "storage": "ok", "tokens": "ok", "timer": expected},
        )


@pytest.mark.parametrize(
    "body", ["", "{", "[]", "1", '{"since": "yesterday"}', '{"since": "2026-01-01T00:00:00"}', '{"other": 1}']
)
async def test_a_row_that_cannot_be_read_is_written_anew(app: App, body: str, caplog: pytest.LogCaptureFixture) -> None:
    """With a line that names it; nothing else stops."""
    await app.tenant.commit([Insert(keys.MAINTENANCE, body)])
    assert await app.timer.state() == "ok"
    assert "the row s.maintenance cannot be read" in caplog.text
    assert (await written(app))["since"] == app.tenant.time()
    row = await app.tenant.read(keys.MAINTENANCE)
    assert row is not None
    await app.tenant.commit([Replace(keys.MAINTENANCE, body, row.version)])
    await app.timer.run()
    assert (await written(app))["last_success"] == app.tenant.time()


async def test_two_timers_at_once_write_one_row(app: App) -> None:
    """The platform may start two."""
    await asyncio.gather(app.timer.run(), another_process(app).run(), app.timer.run())
    assert (await written(app))["last_success"] == app.tenant.time()


class TestCatchingUp:
    @pytest.fixture
    async def app(self, rows: RecordingRows, clock: Clock) -> App:
        """The service with a large group that is deleted, and old changes, whose timer stays away."""
        made = make_app(rows, clock, change_retention_days=1)
        await made.timer.run()
        http = Http(made)
        users = [(await http.user(f"user{number}"))["id"] for number in range(3)]
        group = await http.group("Crew", *users)
        row = await made.tenant.read(keys.resource("g", group["id"]))
        assert row is not None
        await made.tenant.commit([Delete(row.key), Insert(keys.tombstone(group["id"]), "g", made.tenant.time())])
        clock.forward(days=2)
        return made

    async def test_a_request_does_one_bounded_step(
        self, app: App, clock: Clock, rows: RecordingRows, caplog: pytest.LogCaptureFixture
    ) -> None:
        """Once a minute in each process: first the delete, a transaction at a time, then the changes."""
        web, done = another_process(app), []
        for _ in range(4):
            clock.forward(seconds=60)
            rows.forget()
            caplog.clear()
            for _ in range(3):
                await web.catch_up()
            assert len(rows.commits) <= 1
            assert len(rows.calls) <= 10
            done.append(caplog.messages[-1])
        assert [each.partition(": ")[2] for each in done] == [
            "{'deletesFinished': 0}",
            "{'deletesFinished': 1}",
            "{'changesExpired': 4}",
            "{'changesExpired': 0}",
        ]
        assert await app.tenant.under("t.") == []
        assert await app.tenant.under("e.") == []

    async def test_nothing_is_done_while_the_timer_runs(self, app: App, rows: RecordingRows) -> None:
        """Requests have their own work."""
        await app.timer.run()
        rows.forget()
        await another_process(app).catch_up()
        assert rows.commits == []

    @pytest.mark.parametrize("error", [Unavailable("The store does not answer."), LookupError("a bug"), TimeoutError()])
    async def test_what_fails_concerns_no_request(
        self, app: App, error: Exception, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
    ) -> None:
        """Its client is answered already; the log says it."""

        async def fail() -> dict[str, int]:
            raise error

        monkeypatch.setattr(app.rounds, "step", fail)
        await another_process(app).catch_up()
        assert "a step of the maintenance failed" in caplog.text
