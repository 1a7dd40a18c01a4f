"""The timer gives way: it pauses in proportion to its work, and one failure ends nothing but itself."""

from collections.abc import AsyncIterator, Sequence

import pytest

from scim.app import App
from scim.directory import keys
from scim.directory.feed import Feed
from scim.directory.maintenance import REST, Maintenance
from scim.protocol.errors import Unavailable
from scim.storage.rows import Insert, RowChange
from tests.conftest import Clock, Http, make_app
from tests.recording import RecordingRows


class PacedRows(RecordingRows):
    """Rows of which each commit takes a time, longer with each, and which refuse to change what has some id in it."""

    def __init__(self) -> None:
        super().__init__()
        self.seconds = 0.0
        self.pace = 0.0
        self.refused = "nothing"
        self.error: Exception = Unavailable("Table Storage does not answer (503 ServerBusy).")

    def clock(self) -> float:
        return self.seconds

    async def commit(self, partition: str, changes: Sequence[RowChange], mark: str = "") -> list[str]:
        if any(self.refused in change.key for change in changes):
            raise self.error
        self.seconds += self.pace
        return await super().commit(partition, changes, mark)


class NoFeed(Feed):
    """A feed that has nothing to do."""

    def __init__(self) -> None:
        pass

    async def publish_all(self, end: float) -> int:
        return 0

    async def expire(self, end: float) -> int:
        return 0


@pytest.fixture
async def rows() -> AsyncIterator[PacedRows]:
    made = PacedRows()
    yield made
    await made.close()


@pytest.fixture
def rests() -> list[float]:
    """The pauses of the timer."""
    return []


@pytest.fixture
def app(rows: PacedRows, clock: Clock, rests: list[float]) -> App:
    """A service whose timer pauses by letting it pass."""
    app = make_app(rows, clock, change_retention_days=1)

    async def rest(seconds: float) -> None:
        rests.append(seconds)
        rows.seconds += seconds

    object.__setattr__(app.tenant, "rest", rest)
    return app


@pytest.fixture
def maintenance(app: App, rows: PacedRows) -> Maintenance:
    """Its timer."""
    return Maintenance(app.tenant, app.directory.tombstones, NoFeed(), app.tenants.default.journal, 1, clock=rows.clock)


async def deleted(http: Http, rows: PacedRows, name: str, size: int = 300) -> str:
    """Return the id of a group of that many members which is deleted, and has memberships left."""
    ids = [(await http.user(f"{name}{number}"))["id"] for number in range(size)]
    group = str((await http.group(name, *ids))["id"])
    rows.refused = f"m.{group}."
    assert (await http.request("DELETE", f"/Groups/{group}")).status == 204
    rows.refused = "nothing"
    return group


async def old_changes(app: App, clock: Clock) -> int:
    """Return how many change rows there are that shall expire."""
    clock.forward(days=2)
    return len(await app.tenant.under("e.", keys_only=True))


async def test_it_takes_a_quarter_of_the_time(
    http: Http, app: App, rows: PacedRows, maintenance: Maintenance, rests: list[float], clock: Clock
) -> None:
    """After each transaction, of deletes and of expiry alike: a busy store gets longer pauses."""
    crew = await deleted(http, rows, "crew")
    await old_changes(app, clock)
    rows.pace = 0.25
    rows.forget()
    done = await maintenance.run()
    assert not [key for key in await rows.everything() if crew in key]
    assert done["changesExpired"] > 300
    paced = [commit for commit in rows.commits if commit[0].key != keys.SIZES]  # the count of memberships only reads
    assert rests[: len(paced)] == [REST * 0.25] * len(paced)
    assert rows.seconds == pytest.approx(4 * 0.25 * len(paced) + 0.25)


@pytest.mark.parametrize("error", [Unavailable("busy"), ValueError("a bug")])
async def test_a_deleted_group_that_fails_ends_only_itself(
    http: Http,
    app: App,
    rows: PacedRows,
    maintenance: Maintenance,
    clock: Clock,
    error: Exception,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """The others are finished, changes expire, and the failure is told; the next run tries again."""
    groups = sorted([await deleted(http, rows, name, 150) for name in ("a", "b", "c")])
    expired = await old_changes(app, clock)
    rows.refused, rows.error = f"m.{groups[1]}.", error
    done = await maintenance.run()
    assert (done["deletesFinished"], done["deletesFailed"], done["changesExpired"]) == (2, 1, expired)
    assert [each for each in groups if keys.tombstone(each) in await rows.everything()] == [groups[1]]
    [record] = [each for each in caplog.records if each.name == "scim.directory.maintenance"]
    assert groups[1] in record.getMessage()
    rows.refused = "nothing"
    assert (await maintenance.run())["deletesFinished"] == 1


async def test_changes_expire_though_deletes_need_all_the_time(
    http: Http, app: App, rows: PacedRows, maintenance: Maintenance, clock: Clock
) -> None:
    """Half of a run is theirs, however much there is to delete; deletes have what they leave."""
    crew = await deleted(http, rows, "crew")
    expired = await old_changes(app, clock)
    rows.pace = 1
    done = await maintenance.run(seconds=40)
    assert (done["deletesFinished"], done["changesExpired"]) == (0, expired)
    assert keys.tombstone(crew) in await rows.everything()
    rows.pace = 0
    assert (await maintenance.run())["deletesFinished"] == 1


async def test_deletes_go_on_when_expiry_leaves_time(
    http: Http, app: App, rows: PacedRows, maintenance: Maintenance
) -> None:
    """One run of enough time finishes a delete that takes more than half of it."""
    await deleted(http, rows, "crew")
    rows.pace = 1
    assert (await maintenance.run(seconds=70))["deletesFinished"] == 1


async def test_many_deletes_that_are_done_need_no_pause(app: App, maintenance: Maintenance, rests: list[float]) -> None:
    """An empty run is three reads."""
    await app.tenant.commit([Insert("u.1", "{}")])
    await maintenance.run()
    assert rests == []
