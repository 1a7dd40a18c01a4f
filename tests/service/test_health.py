"""Health is told soon and from a state that is hardly old, and a store that takes no changes is not well."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import pytest

from scim.app import App
from scim.directory import keys
from scim.protocol.errors import Unavailable
from scim.service.health import CHECK_SECONDS, FRESH_SECONDS, Health
from scim.storage.rows import Insert, RowChange
from scim.storage.sqlite import SqliteRows
from tests.conftest import Clock, Http, make_app
from tests.recording import RecordingRows
from tests.tenancy import client, tenant


class Part:
    """A part of the service that counts how often it is asked, and may fail or never answer."""

    def __init__(self) -> None:
        self.asked = 0
        self.error: Exception | None = None
        self.answers = asyncio.Event()
        self.answers.set()

    async def check(self) -> None:
        self.asked += 1
        await self.answers.wait()
        if self.error:
            raise self.error


class Seconds:
    """Seconds that pass when a test says so."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


async def test_however_many_ask_each_part_is_asked_once_in_five_seconds() -> None:
    """Nobody needs a token for it, so that anybody could make the store work."""
    part, seconds = Part(), Seconds()
    health = Health({"storage": part.check}, seconds)
    part.answers.clear()
    asking = [asyncio.create_task(health.response()) for _ in range(50)]
    await asyncio.sleep(0)
    part.answers.set()
    assert {(await each).status for each in asking} == {200}
    seconds.now += FRESH_SECONDS - 0.01
    await health.response()
    assert part.asked == 1
    part.error = Unavailable("It is away.")
    seconds.now += 0.01
    response = await health.response()
    assert (response.status, response.body) == (503, {"status": "failing", "storage": "It is away."})
    assert part.asked == 2


async def test_a_part_that_never_answers_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """The answer comes within three seconds, and the other parts are told."""
    assert CHECK_SECONDS < 3
    monkeypatch.setattr("scim.service.health.CHECK_SECONDS", 0.05)
    hanging, well = Part(), Part()
    hanging.answers.clear()
    response = await Health({"storage": hanging.check, "tokens": well.check}).response()
    assert response.body == {"status": "failing", "storage": "does not answer within 0.05 s", "tokens": "ok"}


async def test_an_idle_process_is_well_as_soon_as_the_store_takes_a_row_again(
    app: App, rows: RecordingRows, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One failure that is over must not keep a process from its work; while it is not over, it is told each time."""
    full = True
    committed = rows.commit

    async def commit(partition: str, changes: Sequence[RowChange], mark: str = "") -> list[str]:
        if full:
            raise Unavailable("The disk is full.")
        return await committed(partition, changes, mark)

    await app.timer.run()
    monkeypatch.setattr(rows, "commit", commit)
    assert (await Http(app).request("POST", "/Users", {"userName": "mira"})).status == 503
    for _ in range(2):
        clock.forward(seconds=FRESH_SECONDS)
        response = await app.health.response()
        assert response.status == 503
        assert "nor can another one. The disk is full." in response.body["storage"]
    full = False
    clock.forward(seconds=FRESH_SECONDS)
    assert (await app.health.response()).status == 200
    assert await app.tenant.read(keys.PROBE) is None


async def test_nothing_is_written_while_the_last_write_succeeded(app: App, rows: RecordingRows, clock: Clock) -> None:
    """Anybody may ask, and must not make the store work."""
    await Http(app).user("mira")
    await app.timer.run()
    rows.forget()
    for _ in range(3):
        clock.forward(seconds=FRESH_SECONDS)
        assert (await app.health.response()).status == 200
    assert rows.commits == []


async def test_a_row_that_a_process_has_left_is_taken_away(app: App) -> None:
    """It died while it tried."""
    await app.tenant.commit([Insert(keys.PROBE, "x")])
    app.tenant.writes.failed(Unavailable("It was away."))
    assert (await app.health.response()).status == 200
    assert await app.tenant.read(keys.PROBE) is None


@pytest.fixture
async def file(tmp_path: Path) -> AsyncIterator[SqliteRows]:
    rows = SqliteRows(str(tmp_path / "scim.db"))
    yield rows
    await rows.close()


@pytest.mark.parametrize("disk", ["full", "readonly"])
async def test_a_store_that_can_be_read_and_not_written_is_not_well(file: SqliteRows, clock: Clock, disk: str) -> None:
    """A full disk answered every create with 503, while health said ok."""
    app = make_app(file, clock)
    http = Http(app)
    await http.user("mira")
    [(pages,)] = file._db.execute("PRAGMA page_count").fetchall()
    file._db.execute(f"PRAGMA max_page_count = {pages}" if disk == "full" else "PRAGMA query_only = 1")
    created = await http.request("POST", "/Users", {"userName": "omar", "title": "x" * 9_000})
    assert (created.status, (await http.request("GET", "/Users")).status) == (503, 200)
    response = await app.health.response()
    assert response.status == 503
    assert str(response.body["storage"]).startswith(
        "The last change could not be written, nor can another one. The SQLite"
    )
    assert disk in response.body["storage"]


async def test_a_write_that_cannot_be_marked_for_the_timer_is_a_failed_one(
    app: App, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The mark of another tenant is the first thing that a full store refuses."""
    http = await client(app, await tenant(app))

    async def full(_: str) -> None:
        raise Unavailable("The disk is full.")

    monkeypatch.setattr(app.registry, "mark", full)
    assert (await http.request("POST", "/Users", {"userName": "mira"})).status == 503
    assert str(app.tenant.writes.failure) == "The disk is full."


async def test_a_timer_that_stays_away_is_not_ok_and_refuses_nobody(app: App, clock: Clock) -> None:
    """It may stay away because its process can write nothing, which no process that only reads would notice."""
    await app.timer.run()
    clock.forward(minutes=15)
    response = await app.health.response()
    assert (response.status, response.body["status"], response.body["timer"]) == (200, "impaired", "late")


async def test_a_conflict_is_no_failed_write(file: SqliteRows, clock: Clock) -> None:
    """The store has judged it."""
    app = make_app(file, clock)
    await Http(app).user("mira")
    app.tenant.writes.failed(Unavailable("It was away."))
    answer = await Http(app).request("POST", "/Users", {"userName": "mira@contoso.example"})
    assert answer.status == 409
    assert (await app.health.response()).status == 200
