"""The timer over many tenants: it looks where something may be due, forgets nothing, and drops what was deleted."""

from dataclasses import replace
from typing import Any

import pytest

from scim.access.tenants import TenantRecord
from scim.app import App
from scim.protocol.errors import Unavailable
from scim.storage.rows import Insert
from tests.conftest import Clock, Http
from tests.recording import RecordingRows
from tests.tenancy import client, credential, tenant

REGISTRY = "registryscim"


async def marks(rows: RecordingRows) -> dict[str, str]:
    return {row.key[2:]: row.body for row in await rows.range(REGISTRY, "w.", "w.~", 1000)}


async def test_a_tenant_is_marked_before_its_commit(app: App, rows: RecordingRows) -> None:
    """So that a crash between the two leaves a mark too many, never one too few."""
    key = await tenant(app)
    http = await client(app, key)
    rows.forget()
    await http.user("mira")
    first = [changes[0].key for changes in rows.commits if not changes[0].key.startswith("u.")]
    assert first[0] == f"w.{key}"
    assert set(await marks(rows)) == {key}


async def test_a_change_is_not_made_when_the_mark_cannot_be(
    app: App, rows: RecordingRows, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It would be work that no timer looks for."""
    key = await tenant(app)
    http = await client(app, key)
    await http.request("GET", "/Users")

    async def fail(_: str) -> None:
        raise Unavailable("The storage does not answer.")

    monkeypatch.setattr(app.registry, "mark", fail)
    assert (await http.request("POST", "/Users", {"userName": "mira"})).status == 503
    assert await rows.range(key, "u.", "u.~", 10) == []


async def test_one_mark_serves_for_five_minutes(app: App, rows: RecordingRows, clock: Clock) -> None:
    """Further changes of the same process make no call for it."""
    http = await client(app, await tenant(app))
    await http.user("a")
    rows.forget()
    clock.forward(minutes=4)
    await http.user("b")
    assert not [changes for changes in rows.commits if changes[0].key.startswith("w.")]
    clock.forward(minutes=2)
    await http.user("c")
    assert len([changes for changes in rows.commits if changes[0].key.startswith("w.")]) == 1


async def test_a_directory_on_its_own_needs_no_mark(http: Http, app: App, rows: RecordingRows) -> None:
    """The timer looks at the default tenant each time."""
    await http.user("mira")
    assert await marks(rows) == {}
    assert "changesExpired" in await app.rounds.run()


async def test_the_timer_works_where_a_mark_is_and_puts_it_off(app: App, rows: RecordingRows, clock: Clock) -> None:
    """While changes may be under way it stays; then it says when the oldest event or change row has to go."""
    key = await tenant(app)
    http = await client(app, key)
    await http.user("mira")
    await app.rounds.run()
    assert await marks(rows) == {key: "2026-01-31T12:00:00.000Z"}
    clock.forward(minutes=10)
    await app.rounds.run()
    assert await marks(rows) == {key: "2026-03-02T12:00:00.000Z"}, "when the event expires"
    clock.forward(days=31)
    assert (await app.rounds.run())["eventsExpired"] == 1
    assert await marks(rows) == {key: "2026-05-01T12:00:00.000Z"}, "when the change row expires"
    clock.forward(days=58)
    await app.rounds.run()
    assert await rows.range(key, "e.", "e.~", 10)
    clock.forward(days=2)
    done = await app.rounds.run()
    assert done["changesExpired"] == 1
    assert await marks(rows) == {}


async def test_a_mark_that_is_set_again_meanwhile_stays(app: App, rows: RecordingRows, clock: Clock) -> None:
    """Another process has written since the timer looked."""
    key = await tenant(app)
    await (await client(app, key)).user("mira")
    clock.forward(minutes=20)

    async def again() -> None:
        await app.registry.mark(key)

    rows.before_commit(again)
    await app.rounds.run()
    assert await marks(rows) == {key: "2026-01-31T12:20:00.000Z"}


async def test_a_run_over_a_thousand_idle_tenants_is_a_few_calls(app: App, rows: RecordingRows) -> None:
    """Not one for each of them, since every run is billed."""
    for start in range(0, 1000, 100):
        records = [TenantRecord(f"a{number:019}", "idle") for number in range(start, start + 100)]
        await rows.commit(REGISTRY, [Insert(f"t.{each.key}", each.body()) for each in records])
        await rows.commit(REGISTRY, [Insert(f"w.{each.key}", "2026-05-01T12:00:00.000Z") for each in records])
    rows.forget()
    await app.rounds.run()
    few = len(rows.calls)
    assert few <= 19


ERRORS = (Unavailable("The storage does not answer."), ValueError("a bug"))


@pytest.mark.parametrize("error", ERRORS)
async def test_one_tenant_s_failure_ends_nothing_but_itself(
    app: App,
    rows: RecordingRows,
    clock: Clock,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
    error: Exception,
) -> None:
    """The others get their turn, and the log says whose it was."""
    keys = [await tenant(app) for _ in range(3)]
    for key in keys:
        await (await client(app, key)).user("mira")
    clock.forward(days=91)
    broken, ranged = sorted(keys)[0], rows.range

    async def fails_for_one(partition: str, *given: Any, **named: Any) -> Any:
        if partition == broken:
            raise error
        return await ranged(partition, *given, **named)

    monkeypatch.setattr(rows, "range", fails_for_one)
    assert (await app.rounds.run())["changesExpired"] == 2
    assert broken in caplog.text


@pytest.mark.parametrize("error", ERRORS)
async def test_the_default_tenant_s_failure_keeps_nobody_waiting(
    app: App, rows: RecordingRows, clock: Clock, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    """The others are looked after first, and then the run fails, as `/health` shall tell."""
    key = await tenant(app)
    await (await client(app, key)).user("mira")
    clock.forward(days=91)
    ranged = rows.range

    async def fails_for_default(partition: str, *given: Any, **named: Any) -> Any:
        if partition == "scim":
            raise error
        return await ranged(partition, *given, **named)

    monkeypatch.setattr(rows, "range", fails_for_default)
    with pytest.raises(type(error)):
        await app.rounds.run()
    assert await rows.range(key, "e.", "e.~", 10) == []


async def test_a_deleted_tenant_is_dropped_when_it_is_due(app: App, rows: RecordingRows, clock: Clock) -> None:
    """Its rows, its credentials and its mark; what stays is a key that is never given again."""
    key, other = await tenant(app), await tenant(app)
    for each in (key, other):
        await (await client(app, each)).user("mira")
    await app.registry.change_tenant(key, lambda each: replace(each, status="deleting", due="2026-02-07"))
    await app.registry.mark_from(key, "2026-02-07T12:00:00.000Z")
    await app.rounds.run()
    assert await rows.range(key, "", "~", 10)
    clock.forward(days=7)
    assert (await app.rounds.run())["tenantsDropped"] == 1
    assert await rows.range(key, "", "~", 10) == []
    assert await app.registry.credentials(key) == []
    assert await app.registry.tenant(key) == TenantRecord(key, status="deleted", created="2026-01-31T12:00:00.000Z")
    assert key not in await marks(rows)
    assert await rows.range(other, "u.", "u.~", 10)


async def test_dropping_goes_on_where_it_was_interrupted(
    app: App, rows: RecordingRows, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After each call that may have been the last."""
    key = await tenant(app)
    http = await client(app, key)
    for name in ("a", "b", "c"):
        await http.user(name)
    await app.registry.change_tenant(key, lambda each: replace(each, status="deleting"))
    clock.forward(days=7)
    commit, left = rows.commit, 0

    async def interrupted(*given: Any) -> Any:
        nonlocal left
        if left == 0:
            raise Unavailable("The process has ended.")
        left -= 1
        return await commit(*given)

    monkeypatch.setattr(rows, "commit", interrupted)
    for runs in range(1, 20):
        left = runs
        if (await app.rounds.run()).get("tenantsDropped"):
            break
    else:
        pytest.fail("it never ended")
    assert await rows.range(key, "", "~", 10) == []
    assert await app.registry.credentials(key) == []


async def test_an_expiry_is_warned_of_three_times(app: App, clock: Clock, caplog: pytest.LogCaptureFixture) -> None:
    """30, 7 and 1 days before, once each, however often the timer runs; not of one that was revoked."""
    key = await tenant(app)
    credential_id, _ = await credential(app, key, expires="2026-04-01T12:00:00.000Z")
    await credential(app, key, expires="2026-04-01T12:00:00.000Z", revoked="2026-01-31T12:00:00.000Z")
    warned = []
    for day in range(70):
        caplog.clear()
        for _ in range(3):
            await app.rounds.run()
        lines = [each for each in caplog.messages if credential_id in each]
        assert len(lines) <= 1
        warned += [day] if lines else []
        assert "expires" not in caplog.text or credential_id in caplog.text
        clock.forward(days=1)
    assert warned == [30, 53, 59]
    await app.registry.remove_credentials([credential_id])
    assert await app.registry._under("n.") == []
