"""The journal of a tenant: who came, what was answered and why, newest first; and the counts of each hour."""

import re
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from itertools import islice

from scim.directory import keys
from scim.directory.aside import aside
from scim.directory.entry import Entry, Wanted, entries_in
from scim.directory.hours import HOUR, Counts, counts_in
from scim.directory.tenant import Tenant
from scim.protocol.errors import InvalidCursor
from scim.protocol.resource import to_stored_json
from scim.storage.damage import Damaged
from scim.storage.rows import MAX_CHANGES, Delete, Insert, Record, Replace, Row, RowChange, RowConflict

MOST = 100
"""Requests in one row, and in one transaction."""
SPAN = 60_000
"""Milliseconds between the oldest and the newest request of one row, at most."""
MAX_COUNT = 200
"""Requests on one page."""
PAGE_ROWS = 200
"""Rows that one page reads at most, whatever it finds in them; the next page goes on there."""
AT_ONCE = 20
"""Rows in one call: two thousand requests at most, which are looked through aside."""
DAY = 24 * HOUR
HOURLY = 2 * DAY
"""For how long the counts of hours stand apart; then those of a day are one row. Days are those of UTC."""
HOUR_ROWS = 5_000
"""Rows of hours that totals are made of, at most."""


@dataclass(frozen=True, slots=True)
class Page:
    """Requests, the newest first, and the cursor with which the search goes on; None where there is no more.

    `places` are the cursors with which a search goes on behind each of the requests.
    """

    entries: list[Entry]
    cursor: str | None
    places: list[str]


@dataclass(frozen=True, slots=True)
class _Part:
    """The row in which this process counts an hour, as it is written."""

    hour: int
    key: str
    version: str
    counts: Counts


class Journal:
    """The rows of one tenant's journal; what is older than the retention is swept by the timer.

    One row holds the requests that a process wrote together. The rows of several processes are in the order of
    their newest requests, so that within the two seconds for which requests are collected the order may be another.
    """

    def __init__(self, tenant: Tenant, retention: timedelta) -> None:
        self._tenant = tenant
        self._retention = retention
        self._part: _Part | None = None

    async def write(self, entries: Sequence[Entry]) -> None:
        """Keep requests, in the order in which they were answered, and count them: one transaction for most.

        Not for two at a time. Raises Unavailable, RowConflict.
        """
        for chunk in _chunks(entries):
            await self._keep(chunk)

    async def _keep(self, chunk: Sequence[Entry]) -> None:
        hour = chunk[-1].at // HOUR * HOUR
        part = self._part if self._part and self._part.hour == hour else self._new_part(hour)
        try:
            self._part = await self._commit(chunk, part)
        except RowConflict:  # the timer has merged the hour, or an answer was lost
            self._part = await self._commit(chunk, self._new_part(hour))

    def _new_part(self, hour: int) -> _Part:
        return _Part(hour, keys.hour(hour, self._tenant.new_mark()), "", Counts())

    async def _commit(self, chunk: Sequence[Entry], part: _Part) -> _Part:
        counts = part.counts + Counts.of(chunk)
        key = keys.requests(chunk[-1].at, self._tenant.new_mark())
        body = to_stored_json([each.kept() for each in reversed(chunk)])
        counted: RowChange = Insert(part.key, counts.body())
        if part.version:
            counted = Replace(part.key, counts.body(), part.version)
        _, version = await self._tenant.commit([Record(key, body), counted])
        return _Part(part.hour, part.key, version, counts)

    async def page(self, wanted: Wanted, count: int = 50, cursor: str = "", most: int = PAGE_ROWS) -> Page:
        """Return up to `count` requests that are wanted, the newest first, from where the cursor says.

        At most `most` rows are read, so that a page may have fewer, or none, and yet a cursor. Raises InvalidCursor,
        Unavailable.
        """
        start, skip = _position(cursor) if cursor else (_start(wanted), -1)
        after, before = start[:-1] if cursor else start, keys.requests(max(wanted.since - SPAN, 0), keys.BEYOND)
        before = before if wanted.since else keys.REQUESTS + keys.BEYOND
        found: list[tuple[Entry, str]] = []
        at_once = min(AT_ONCE, most)
        for _ in range(most // at_once):
            rows = await self._tenant.range(after, before, at_once)
            look = partial(_fitting, rows, wanted, (start, skip), count - len(found))
            found += await aside(look, sum(len(row.body) for row in rows))
            if len(found) == count:
                return _page(found, found[-1][1])
            if len(rows) < at_once:
                return _page(found, None)
            after = rows[-1].key
        return _page(found, f"{after}.{MOST}")

    async def hours(self, since: datetime) -> dict[int, Counts]:
        """Return the counts of each hour that had requests, from the day in which `since` lies.

        By the hour's beginning in milliseconds since 1970, the newest first; what is two days old counts for the
        beginning of its day. Raises Unavailable.
        """
        before = keys.hour(_milliseconds(since) // DAY * DAY, keys.BEYOND)
        found: dict[int, Counts] = {}
        after = keys.HOURS
        for _ in range(HOUR_ROWS // 1_000):
            rows = await self._tenant.range(after, before, 1_000)
            for row in rows:
                hour = keys.time_of(row.key)
                found[hour] = found.get(hour, Counts()) + (_counts(row) or Counts())
            if len(rows) < 1_000:
                break
            after = rows[-1].key
        return found

    # What the timer does

    async def expire(self) -> int:
        """Delete one batch of requests that are older than the retention; return how many rows."""
        first = keys.requests(self._oldest(), keys.BEYOND)
        rows = await self._tenant.range(first, keys.REQUESTS + keys.BEYOND, MAX_CHANGES, keys_only=True)
        return len(rows) if rows and await self._applied([Delete(row.key) for row in rows]) else 0

    async def tend_hours(self) -> tuple[int, int]:
        """Delete hours that are older than the retention, and make one row of those in which a span was counted.

        A span is an hour, and a day where it lies two days back: so the rows of a month are some eighty, however many
        processes there were. Returns how many rows were deleted, and how many spans merged, of those that are over for
        an hour and more.
        """
        now = _milliseconds(self._tenant.now())
        rows = await self._tenant.range(keys.hour(now - 2 * HOUR, ""), keys.HOURS + keys.BEYOND, 1_000, keys_only=True)
        parts: defaultdict[int, list[str]] = defaultdict(list)
        for row in rows:
            hour = keys.time_of(row.key)
            parts[hour if hour >= (now - HOURLY) // DAY * DAY else hour // DAY * DAY].append(row.key)
        gone = [listed for span, listed in parts.items() if span // DAY * DAY + DAY <= self._oldest()]
        old = [key for listed in gone for key in listed][:MAX_CHANGES]
        several = [span for span, listed in parts.items() if len(listed) > 1 and listed not in gone]
        deleted = len(old) if old and await self._applied(list(map(Delete, old))) else 0
        return deleted, sum([await self._merged(span, parts[span][: MAX_CHANGES - 1]) for span in several])

    def _oldest(self) -> int:
        return _milliseconds(self._tenant.now() - self._retention)

    async def _merged(self, hour: int, listed: Sequence[str]) -> bool:
        read = [(row, counts) for row in await self._tenant.read_all(listed) if row and (counts := _counts(row))]
        if len(read) < 2:
            return False
        whole = Insert(keys.hour(hour, self._tenant.new_mark()), sum((each for _, each in read), Counts()).body())
        return await self._applied([*(Delete(row.key, row.version) for row, _ in read), whole])

    async def _applied(self, changes: Sequence[RowChange]) -> bool:
        """Commit, unless another run, or a process that comes late, has changed the same rows: the next run goes on."""
        try:
            await self._tenant.commit(changes)
        except RowConflict:
            return False
        return True

    async def next_look(self) -> datetime | None:
        """Return when the timer has to look again: in a day while there are rows, since the oldest are the last."""
        rows = await self._tenant.range(keys.REQUESTS, keys.REQUESTS + keys.BEYOND, 1, keys_only=True)
        return self._tenant.now() + timedelta(days=1) if rows else None


def _chunks(entries: Sequence[Entry]) -> Iterator[Sequence[Entry]]:
    """Divide requests into those of one row: MOST of them, of one hour, and not further than SPAN apart."""
    first = 0
    for number, each in enumerate(entries):
        start = entries[first].at
        if number - first >= MOST or each.at - start > SPAN or each.at // HOUR != start // HOUR:
            yield entries[first:number]
            first = number
    if entries:
        yield entries[first:]


def _fitting(rows: Sequence[Row], wanted: Wanted, behind: tuple[str, int], count: int) -> list[tuple[Entry, str]]:
    """Return up to `count` requests of rows that are wanted, behind a position, and the cursor behind each."""
    start, skip = behind
    each = (
        (entry, f"{row.key}.{number}")
        for row in rows
        if row.key >= start
        for number, entry in enumerate(_entries(row))
        if (row.key != start or number > skip) and wanted.fits(entry)
    )
    return list(islice(each, count))


def _page(found: Sequence[tuple[Entry, str]], cursor: str | None) -> Page:
    return Page([entry for entry, _ in found], cursor, [place for _, place in found])


def _entries(row: Row) -> list[Entry]:
    """Return the requests of a row; one that cannot be read has none, and spoils nothing else."""
    try:
        return entries_in(row)
    except Damaged:
        return []


def _counts(row: Row) -> Counts | None:
    """Return the counts of a row, None where it cannot be read."""
    try:
        return counts_in(row)
    except Damaged:
        return None


def _start(wanted: Wanted) -> str:
    """Return the key behind which the requests lie that may be wanted; a row spans up to SPAN."""
    return keys.requests(wanted.until + SPAN, "") if wanted.until else keys.REQUESTS


_CURSOR = re.compile(r"(j\.[0-9a-f]{12}\.[0-9a-f]{16,32})\.(\d{1,3})")


def _position(cursor: str) -> tuple[str, int]:
    """Return the row, and the number of the request in it, behind which a page goes on. Raises InvalidCursor."""
    read = _CURSOR.fullmatch(cursor)
    if read is None:
        raise InvalidCursor("The cursor is none of the log; take it from nextCursor of the page before.")
    return read[1], int(read[2])


def _milliseconds(instant: datetime) -> int:
    return int(instant.timestamp() * 1000)


def instant(milliseconds: int) -> datetime:
    """Return the instant of milliseconds since 1970."""
    return datetime.fromtimestamp(milliseconds / 1000, UTC)
