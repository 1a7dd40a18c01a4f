"""The feed: each change of a tenant once, numbered without a gap, in an order that keeps causes before effects.

A change leaves its events in an outbox row, inserted by its own transaction: so there is one for each change that was
made and none for any other, and a change pays no further call. Nobody can give numbers at that moment, since requests
that overtake each other would give theirs too early or too late. So who reads the feed, and the timer, first publishes:
one transaction replaces the feed's head, on condition of its version, inserts the next numbered events and deletes
their outbox rows. Two who publish at once meet at the head; the second begins anew.

Outbox rows are published in the order in which the store applied their transactions (`Row.order`), which their keys do
not tell. A range that is read while others commit may miss one row and have a later one. So it is read twice: what was
there when the first reading ended, and all that came before it, is in the second.

The members of a large new group are written before the group; their rows are parked until the row of the group comes.

Which roles a group gives, its events of members say as of their own place in the feed; see `told`.
"""

import heapq
import logging
import time
from collections.abc import Awaitable, Callable, Collection, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timedelta
from functools import partial
from itertools import accumulate, takewhile
from typing import Any

from scim.directory import keys
from scim.directory.events import Event, event_in, said_in
from scim.directory.feed_cursor import cursor_of, place_of
from scim.directory.tenant import PAGE, Tenant
from scim.directory.told import further_rows, told_roles
from scim.protocol.errors import CursorExpired, FeedBroken
from scim.protocol.resource import format_date_time, to_json, to_stored_json
from scim.storage.damage import Damaged, record_in, unless_damaged
from scim.storage.rows import MAX_CHANGES, Delete, Insert, Replace, Row, RowChange, RowConflict

LATEST = "latest"
"""The cursor of the place where the future begins."""
MAX_LIMIT = 1_000
DEFAULT_LIMIT = 100
MAX_SCANNED = 5_000
"""Events that one page looks at for those of the types that are asked for."""
PUBLICATIONS = 20
"""Transactions that a reader spends on what waits in the outbox; there is more then, for the next one."""
_AT_ONCE = 100
"""Transactions of the timer between two readings of the outbox, each of which reads all that waits."""
HELD = 5_000
"""Outbox rows that are kept in memory to be sorted."""
_HELD_CHARACTERS = 10_000_000
"""Characters of these rows, after which further ones are left out."""
_BYTES = 1_000_000
"""Characters of the events in one publication, far below the bytes that a transaction takes."""

BeforeExpiry = Callable[["Feed", int], Awaitable[None]]
"""Called with a feed and a number before the events up to it expire, for those who keep a place in the feed."""

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Head:
    """The state of a feed. `first` is the oldest number that is kept, `last` the newest.

    `opening` is the id of a large group that was announced and whose parked members come next. `with_roles` counts the
    groups of which the feed has told that they give roles.
    """

    epoch: str
    first: int = 1
    last: int = 0
    opening: str = ""
    with_roles: int = 0


@dataclass(frozen=True, slots=True)
class EventPage:
    """Some events, the cursor behind them, and whether there are more."""

    events: list[Event]
    next: str
    more: bool


class Feed:
    """The feed of one tenant."""

    def __init__(self, tenant: Tenant, retention_days: int, before_expiry: BeforeExpiry | None = None) -> None:
        self._tenant, self._before_expiry = tenant, before_expiry
        self._retention = timedelta(days=retention_days)

    async def page(
        self, after: str, limit: int = DEFAULT_LIMIT, types: Collection[str] = (), most: int = MAX_LIMIT
    ) -> EventPage:
        """Return up to `limit` events behind a cursor, of some types or of all; "" begins with the oldest kept.

        They are about `most` different users and groups at most.

        Raises InvalidCursor for what is no cursor of this feed, CursorExpired for one of another epoch or older than
        what is kept, FeedBroken when an event is missing, Damaged when one or the head cannot be read.
        """
        waiting, head = await self._publish(PUBLICATIONS)
        place = self._place(after, head)
        events: list[Event] = []
        about: set[str] = set()
        scanned, full = 0, False
        while place < head.last and not full and scanned < MAX_SCANNED:
            for row in await self._numbered(place, min(PAGE, head.last - place, PAGE if types else limit)):
                event = event_in(row)
                if wanted := not types or event["type"] in types:
                    about.add(event["data"].get("id", ""))
                    if full := len(events) == limit or len(about) > most:
                        break
                place, scanned = keys.number(row.key), scanned + 1
                if wanted:
                    events.append(event)
            full = full or len(events) == limit
        return EventPage(events, self._cursor(head.epoch, place), waiting or place < head.last)

    def passed(self, cursor: str, number: int) -> str:
        """Return the cursor behind an event of a page, whose `next` is given."""
        return self._cursor(place_of(self._tenant.name, cursor)[0], number)

    def number(self, cursor: str) -> int:
        """Return the number of the event behind which a cursor goes on, 0 for "". Raises InvalidCursor."""
        return place_of(self._tenant.name, cursor)[1] if cursor else 0

    async def event(self, number: int) -> Event | None:
        """Return an event by its number, None where it is not kept or damaged. Raises Newer."""
        row = await self._tenant.read(keys.event(number))
        return unless_damaged(row, event_in) if row else None

    async def head(self) -> tuple[Head, str]:
        """Return the state of the feed, and the version of its row; the first who asks begins the feed."""
        row = await self._tenant.read(keys.FEED)
        if row is None:
            await self._tenant.retried(self._begin)
            return await self.head()
        return head_in(row), row.version

    async def first(self) -> int:
        """Return the oldest number that is kept, 1 while there is no feed. Raises Damaged."""
        row = await self._tenant.read(keys.FEED)
        return head_in(row).first if row else 1

    async def _begin(self, _: int) -> None:
        if await self._tenant.read(keys.FEED) is None:
            head = Head(self._tenant.new_id(""))
            if await self._tenant.under(keys.event(), 1, keys_only=True):
                logger.error(
                    "feed broken: the head of the feed of %s is gone, and a new epoch begins", self._tenant.name
                )
                head = await self._anew()
            await self._tenant.commit([Insert(keys.FEED, to_json(asdict(head)))])

    async def restart(self) -> None:
        """Begin a new epoch: readers learn that what they know may be wrong, and start anew."""

        async def attempt(_: int) -> None:
            row = await self._tenant.read(keys.FEED)
            if row is not None:
                await self._tenant.commit([Replace(keys.FEED, to_json(asdict(await self._anew())), row.version)])

        await self._tenant.retried(attempt)  # somebody may publish meanwhile

    async def _anew(self) -> Head:
        """Return the head of a new epoch, as the events and the roles that were told of have it."""
        last = 0
        async for page in self._tenant.pages(keys.event(), keys_only=True):
            last = keys.number(page[-1].key)
        told = len(await self._tenant.under(keys.told_roles(), keys_only=True))
        return Head(self._tenant.new_id(""), last + 1, last, await self._opened(), told)

    async def _opened(self) -> str:
        """Return the id of a large group that is there and whose parked members wait, perhaps to be opened again."""
        rows = await self._tenant.under(keys.PARKED, 1, keys_only=True)
        group = rows[0].key.split(".")[1] if rows else ""
        return group if group and await self._tenant.read(keys.resource("g", group)) else ""

    async def missing(self) -> int | None:
        """Return the first number whose event is missing or there too early, None where the feed is whole.

        Raises Damaged for its head.
        """
        row = await self._tenant.read(keys.FEED)
        if row is None:
            return None
        head = head_in(row)
        expected, newest = head.first, head.last
        async for page in self._tenant.pages(keys.event(), keys.event(head.first - 1), keys_only=True):
            for number in (keys.number(each.key) for each in page):
                if number != expected:
                    return await self._still_missing(expected)
                if number > newest and number > (newest := (await self.head())[0].last):
                    return number
                expected += 1
        return await self._still_missing(expected) if expected <= head.last else None

    async def _still_missing(self, number: int) -> int | None:
        """Return the number unless it has expired meanwhile."""
        head, _ = await self.head()
        return number if number >= head.first else None

    # Reading

    def _place(self, cursor: str, head: Head) -> int:
        """Return the number behind which a cursor goes on."""
        if cursor == LATEST:
            return head.last
        if not cursor:
            return head.first - 1
        epoch, number = place_of(self._tenant.name, cursor)
        # A number that the feed has not reached yet was told before the store was put back to an earlier state.
        if epoch != head.epoch or not head.first - 1 <= number <= head.last:
            raise CursorExpired(
                "The cursor is older than what is kept, or than a restore: events between are gone. Take after=latest,"
                " read all users and groups, then go on from the cursor that after=latest gave."
            )
        return number

    async def _numbered(self, after: int, limit: int) -> Sequence[Row]:
        """Return the rows of the next events, at least one. Raises FeedBroken when one is missing."""
        rows = await self._tenant.range(keys.event(after), keys.event() + keys.BEYOND, limit)
        expected = after + 1 + sum(1 for number, row in enumerate(rows, after + 1) if keys.number(row.key) == number)
        if expected == after + 1 + limit:
            return rows
        head, _ = await self.head()
        if after < head.first - 1:  # they expired meanwhile
            raise CursorExpired("The cursor is older than what is kept. Begin anew with after=latest.")
        raise self._broken(expected - 1)

    def _broken(self, after: int) -> FeedBroken:
        """Log, and return, that what follows a number is missing or is not the next event."""
        logger.error("feed broken: the event after %d is missing or stands there already", after)
        return FeedBroken(
            f"The event after number {after} is missing or stands there already, which is a fault of this service."
            " `python -m scim verify --repair` begins a new epoch, and readers then start anew."
        )

    def _cursor(self, epoch: str, number: int) -> str:
        return cursor_of(self._tenant.name, epoch, number)

    # Publishing

    async def publish(self, most: int = PUBLICATIONS) -> bool:
        """Number what waits in the outbox, in at most so many transactions; return whether more may wait.

        Raises FeedBroken where a row stands in the way of the next event, Damaged when the head cannot be read.
        """
        return (await self._publish(most))[0]

    async def _publish(self, most: int) -> tuple[bool, Head]:
        """Do that; return the head too, read when nothing waited: so it counts all that was committed before."""
        done, refused = 0, ""
        while done < most:
            seen = await self._tenant.under(keys.outbox(), keys_only=True)
            head, version = await self.head()  # before the rows that it will count
            rows, more = await self._parked(head) if head.opening else (await self._pending(seen), False)
            if not rows and not head.opening:
                return False, (await self.head())[0] if seen else head  # what was seen somebody else has published
            try:
                done += await self._published(head, version, rows, more, most - done)
            except RowConflict:  # somebody else has published, and the head is another one now
                if version == refused:
                    raise self._broken(head.last) from None
                done, refused = done + 1, version
        return True, (await self.head())[0]

    async def publish_all(self, end: float) -> int:
        """Publish until nothing waits or a monotonic time; return how many events."""
        if not await self._tenant.under(keys.outbox(), 1, keys_only=True):
            return 0  # what is opening waits for whoever comes next: no tenant is looked at again for it alone
        before, _ = await self.head()
        more = True
        while more and time.monotonic() < end:
            more = await self.publish(_AT_ONCE)
        if more:
            logger.warning("feed behind: tenant %s has more changes than can be numbered in a run", self._tenant.name)
        return (await self.head())[0].last - before.last

    async def _pending(self, seen: Sequence[Row]) -> list[Row]:
        """Return outbox rows in the order of their commits, with none missing before any of them.

        `seen` are those that the first reading has found. One that cannot be read stays where it is: others are
        published, and `verify` tells of it.
        """
        if not seen:
            return []
        last = max(row.order for row in seen)
        rows: list[Row] = []
        async for page in self._tenant.pages(keys.outbox()):
            found = [*rows, *(row for row in page if row.order <= last)]
            rows = _held(heapq.nsmallest(HELD, found, key=_by_commit))
        return [row for row in rows if _is_readable(row)]

    async def _parked(self, head: Head) -> tuple[list[Row], bool]:
        """Return the first parked rows of a group that is opening, and whether there may be more."""
        rows = await self._tenant.under(keys.parked(head.opening), PAGE)
        return sorted((row for row in rows if _is_readable(row)), key=_by_commit), len(rows) == PAGE

    async def _published(self, head: Head, version: str, rows: Sequence[Row], more: bool, most: int) -> int:
        """Publish rows, or that no parked row is left where there are no more; return in how many transactions."""
        rest = list(rows)
        for done in range(most):
            batch, events, opening = _batch(rest, head.opening)
            rest = rest[len(batch) :]
            told = await told_roles(self._tenant, head.with_roles, events)
            numbered = [self._row(head.last + number, told.followed(event)) for number, event in enumerate(events, 1)]
            if head.opening and not rest and not more:
                opening = ""
            count = head.with_roles + told.more
            head = replace(head, last=head.last + len(events), opening=opening, with_roles=count)
            changes: list[RowChange] = [Replace(keys.FEED, to_json(asdict(head)), version), *numbered]
            changes += [*(Delete(row.key) for row in batch), *await told.changes()]
            version = (await self._tenant.commit(changes))[0]
            if not rest or opening:
                return done + 1
        return most

    def _row(self, number: int, event: Event) -> Insert:
        return Insert(keys.event(number), to_stored_json(event), self._tenant.time())

    # Expiring

    async def expire(self, end: float) -> int:
        """Delete events beyond the retention or of an older epoch until a monotonic time; return how many."""
        oldest = format_date_time(self._tenant.now() - self._retention)
        expired = 0
        while time.monotonic() < end:
            step = await self._tenant.retried(partial(self._expire_some, oldest))
            expired += step
            if not step:
                break
        return expired

    async def next_expiry(self) -> datetime | None:
        """Return when the oldest event expires, None where there is none."""
        rows = await self._tenant.under(keys.event(), 1, keys_only=True)
        return datetime.fromisoformat(rows[0].modified) + self._retention if rows else None

    async def _expire_some(self, oldest: str, _: int) -> int:
        rows = await self._tenant.range(keys.event(), keys.event() + keys.BEYOND, MAX_CHANGES - 1, keys_only=True)
        row = await self._tenant.read(keys.FEED) if rows else None
        if row is None:
            return 0
        head = head_in(row)
        gone = list(takewhile(lambda each: keys.number(each.key) < head.first or each.modified < oldest, rows))
        if not gone:
            return 0
        if self._before_expiry is not None:
            await self._before_expiry(self, keys.number(gone[-1].key))
        head = replace(head, first=max(head.first, keys.number(gone[-1].key) + 1))
        kept = Replace(keys.FEED, to_json(asdict(head)), row.version)
        await self._tenant.commit([kept, *(Delete(each.key) for each in gone)])
        return len(gone)


def _by_commit(row: Row) -> tuple[str, str]:
    return row.order, row.key


def _held(rows: Sequence[Row]) -> list[Row]:
    """Return the first rows, as many as may be kept in memory."""
    sizes = accumulate(len(row.body) for row in rows)
    return [row for row, size in zip(rows, sizes, strict=True) if size <= _HELD_CHARACTERS]


def head_in(row: Row) -> Head:
    """Return the state of a feed that its row holds. Raises Damaged."""
    return Head(**record_in(row, Head))


def _is_readable(row: Row) -> bool:
    """Whether an outbox row can be read; else that is logged."""
    try:
        said_in(row)
    except Damaged:
        return False
    return True


def _batch(rows: Sequence[Row], opening: str) -> tuple[list[Row], list[Event], str]:
    """Return the first rows that fit into one publication, their events, and the group that they open if they do.

    A row that announces a large group is the last one of its publication: the parked rows of the group come next.
    """
    batch: list[Row] = []
    events: list[Event] = []
    size, rows_needed = 0, 1  # the head's
    for row in rows:
        said = said_in(row)
        size += len(row.body)
        rows_needed += 1 + sum(1 + further_rows(event) for event in said["events"])
        if batch and (rows_needed > MAX_CHANGES or size > _BYTES):
            break
        batch.append(row)
        events += [_event(row.key, number, said, each) for number, each in enumerate(said["events"])]
        if said.get("opens"):
            return batch, events, str(said["opens"])
    return batch, events, opening


def _event(key: str, number: int, said: dict[str, Any], event: Event) -> Event:
    """Return an event as it is kept: beside its type and data when it happened, by whom, and by which method."""
    of_change = {name: said[name] for name in ("timestamp", "actor", "method")}
    return {"id": f"{keys.last_part(key)}-{number}", "type": event["type"], **of_change, "data": event["data"]}
