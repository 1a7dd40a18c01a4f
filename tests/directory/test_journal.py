"""The rows of the journal: newest first, page by page within a bound, swept and merged."""

from collections import Counter
from dataclasses import replace
from datetime import timedelta
from random import Random

import pytest

from scim.directory.entry import Entry, Wanted
from scim.directory.hours import BOUNDS, Counts, counts_in
from scim.directory.journal import AT_ONCE, MOST, PAGE_ROWS, Journal
from scim.directory.tenant import Tenant
from scim.protocol.errors import InvalidCursor
from scim.storage.rows import Insert, Row
from tests.conftest import Clock
from tests.recording import RecordingRows

DAY = 86_400_000


@pytest.fixture
def partition(rows: RecordingRows, clock: Clock) -> Tenant:
    return Tenant(rows, now=clock)


@pytest.fixture
def journal(partition: Tenant) -> Journal:
    return Journal(partition, timedelta(days=30))


def request(at: int, **told: object) -> Entry:
    return replace(Entry("GetUser", "GET", 200, "/Users/{id}", at=at, ms=3), **told)  # type: ignore[arg-type]


def now(clock: Clock) -> int:
    return int(clock().timestamp() * 1000)


async def walk(journal: Journal, wanted: Wanted, count: int = 7) -> list[Entry]:
    found: list[Entry] = []
    cursor: str | None = ""
    while cursor is not None:
        page = await journal.page(wanted, count, cursor)
        found += page.entries
        cursor = page.cursor
    return found


async def test_pages_are_newest_first_and_lose_nobody(journal: Journal, clock: Clock) -> None:
    """Over rows of many and of single requests, wherever a page ends."""
    chance, at, times = Random(1), now(clock) - DAY, []
    for _ in range(40):
        batch = []
        for _ in range(chance.choice((1, 2, 9, 60))):
            at += chance.randrange(1, 40)
            batch.append(request(at))
            times.append(at)
        await journal.write(batch)
    for count in (1, 7, 200):
        assert [each.at for each in await walk(journal, Wanted(), count)] == times[::-1]


async def test_more_than_a_row_holds_are_several_rows(journal: Journal, rows: RecordingRows, clock: Clock) -> None:
    """A row holds a hundred, of one hour and one minute, so that its key tells when all of them were."""
    at = now(clock)
    await journal.write([request(at + number) for number in range(MOST + 1)])
    await journal.write([request(at + 200), request(at + 200 + 3_600_000)])
    held = [len(row.body.split('"at"')) - 1 for row in await rows.range("scim", "j.", "j.~", 10)]
    assert held == [1, 1, 1, 100]


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        (Wanted(status="failed"), [404, 500]),
        (Wanted(status="5xx"), [500]),
        (Wanted(status="404"), [404]),
        (Wanted(credential="c1"), [404]),
        (Wanted(client="AZURE"), [500]),
        (Wanted(user="MIRA"), [404]),
        (Wanted(user="id1"), [500]),
        (Wanted(text="no such"), [404]),
        (Wanted(text="nothing has this"), []),
    ],
)
async def test_requests_are_found_by(journal: Journal, clock: Clock, wanted: Wanted, found: list[int]) -> None:
    """Texts are parts, in any case; ids and statuses are whole."""
    at = now(clock)
    await journal.write(
        [
            request(at - 3),
            request(at - 2, status=500, client="Azure AD", id="id1"),
            request(at - 1, status=404, credential="c1", name="mira@contoso.example", detail="No such user."),
        ]
    )
    assert [each.status for each in await walk(journal, wanted)] == found


async def test_a_time_is_found_without_reading_the_rest(journal: Journal, rows: RecordingRows, clock: Clock) -> None:
    """Keys hold the time."""
    at = now(clock)
    for number in range(200):
        await journal.write([request(at - (200 - number) * DAY // 24)])
    rows.forget()
    wanted = Wanted(since=at - 101 * DAY // 24, until=at - 100 * DAY // 24)
    assert [each.at for each in await walk(journal, wanted)] == [wanted.until, wanted.since]
    assert rows.rows_read <= 4


async def test_a_search_that_finds_nobody_reads_a_bounded_number_of_rows(
    journal: Journal, rows: RecordingRows, clock: Clock
) -> None:
    """And goes on where it stopped, until there is no more."""
    at = now(clock)
    for number in range(PAGE_ROWS + 5):
        await journal.write([request(at - DAY + number)])
    rows.forget()
    page = await journal.page(Wanted(text="nobody"))
    assert (page.entries, rows.rows_read, len(rows.calls)) == ([], PAGE_ROWS, PAGE_ROWS // AT_ONCE)
    assert page.cursor
    assert await journal.page(Wanted(text="nobody"), 50, page.cursor) == type(page)([], None, [])


async def test_a_cursor_of_another_kind_is_refused(journal: Journal) -> None:
    """It would read other rows."""
    for text in ("j.", "e.0.0.1", "j.0123456789ab.0123456789abcdef.x", "j.0123456789ab.0123456789abcdef"):
        with pytest.raises(InvalidCursor):
            await journal.page(Wanted(), 1, text)


async def test_an_hour_is_one_row_of_a_process(journal: Journal, rows: RecordingRows, clock: Clock) -> None:
    """However many times it writes; totals read those rows alone."""
    for number in range(5):
        await journal.write([request(now(clock) + number, status=404 if number else 200, calls=2)])
    assert len(await rows.range("scim", "h.", "h.~", 10)) == 1
    rows.forget()
    (counts,) = (await journal.hours(clock())).values()
    assert (counts.requests, counts.failures, counts.calls) == (5, 4, 10)
    assert rows.calls == ["read"]


async def test_hours_of_several_processes_are_merged_when_they_are_over(
    journal: Journal, partition: Tenant, rows: RecordingRows, clock: Clock
) -> None:
    """A process that comes late begins a row of its own, so that nothing counts twice or is lost."""
    other = Journal(partition, timedelta(days=30))
    for each in (journal, other):
        await each.write([request(now(clock))])
    assert await journal.tend_hours() == (0, 0)
    start = clock()
    clock.forward(hours=3)
    assert await journal.tend_hours() == (0, 1)
    assert len(await rows.range("scim", "h.", "h.~", 10)) == 1
    await other.write([request(int(start.timestamp() * 1000) + 1)])
    assert next(iter((await journal.hours(start)).values())).requests == 3
    assert await journal.tend_hours() == (0, 1)


async def test_hours_of_a_day_are_one_row_two_days_later(
    journal: Journal, partition: Tenant, rows: RecordingRows, clock: Clock
) -> None:
    """So that the plots of a month read some eighty rows; nothing counts twice or is lost, and days stay apart."""
    other, start = Journal(partition, timedelta(days=30)), clock()
    for _ in range(24 * 10):
        for each in (journal, other):
            await each.write([request(now(clock))])
        clock.forward(hours=1)
        await journal.tend_hours()
    kept = await rows.range("scim", "h.", "h.~", 1_000)
    assert len(kept) <= 9 + 3 * 24 + 2
    found = await journal.hours(start)
    assert sum(counts.requests for counts in found.values()) == 2 * 24 * 10
    days: Counter[int] = Counter()
    for hour, counts in found.items():
        days[hour // DAY] += counts.requests
    assert sorted(days.values()) == [24, 24, *[48] * 9], "the first and the last day have twelve hours each"


async def test_what_is_older_than_the_retention_goes(journal: Journal, rows: RecordingRows, clock: Clock) -> None:
    """And nothing else; while there are rows the timer looks once a day."""
    await journal.write([request(now(clock))])
    clock.forward(days=29)
    await journal.write([request(now(clock))])
    assert (await journal.expire(), await journal.tend_hours()) == (0, (0, 0))
    assert await journal.next_look() == clock() + timedelta(days=1)
    clock.forward(days=1, hours=3)
    assert (await journal.expire(), await journal.tend_hours()) == (1, (0, 0)), "a day's counts go together"
    clock.forward(hours=9)
    assert await journal.tend_hours() == (1, 0)
    assert len(await rows.range("scim", "", "~", 10)) == 2
    clock.forward(days=30)
    assert (await journal.expire(), await journal.tend_hours()) == (1, (1, 0))
    assert await journal.next_look() is None


async def test_a_row_that_cannot_be_read_spoils_nothing_else(
    journal: Journal, rows: RecordingRows, clock: Clock
) -> None:
    """Somebody has edited the table; the log and the totals go on without that row."""
    at = now(clock)
    await journal.write([request(at)])
    for number, body in enumerate(("nonsense", "7", "[7]", '[{"function": 1}]', '{"buckets": 3}')):
        await rows.commit("scim", [Insert(f"j.{2**48 - at:012x}.{number:016x}", body)])
        await rows.commit("scim", [Insert(f"h.{2**48 - at:012x}.{number:016x}", body)])
    assert [each.at for each in await walk(journal, Wanted())] == [at]
    assert sum(counts.requests for counts in (await journal.hours(clock() - timedelta(days=1))).values()) == 1


def test_counts_survive_their_row_and_add_up() -> None:
    """What a process goes on with after it has merged is what was written."""
    one = Counts.of([request(5, status=409, scim_type="uniqueness"), request(7, changed=True)])
    assert counts_in(Row("h.1", one.body(), "1")) == one
    both = one + Counts.of([request(6, status=500, times=3)])
    assert both.scim_types == {"uniqueness": 1, "500": 3}
    assert (both.requests, both.failures, both.last_request, both.last_change) == (5, 4, 7, 7)


def test_percentiles_are_as_fine_as_the_buckets() -> None:
    """An estimate between the bounds of the bucket in which it lies."""
    counts = Counts.of([request(1, ms=float(ms)) for ms in range(1, 101)])
    estimate = counts.milliseconds(0.95)
    assert estimate is not None
    assert 90 <= estimate <= 100
    assert Counts().milliseconds(0.95) is None
    assert Counts.of([request(1, ms=1e9)]).milliseconds(0.5) == BOUNDS[-1]
