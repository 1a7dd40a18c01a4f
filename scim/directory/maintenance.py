"""What a timer does: finish large deletes, and let old change rows go."""

import logging
import time
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from functools import partial

from scim.directory import keys
from scim.directory.capture import Captured
from scim.directory.census import Census
from scim.directory.feed import Feed
from scim.directory.journal import Journal
from scim.directory.tenant import Tenant
from scim.directory.tombstones import Tombstones
from scim.protocol.errors import FeedBroken
from scim.storage.damage import Damaged
from scim.storage.rows import MAX_CHANGES, Delete

SECONDS = 240.0
"""How long one run may go on; the next one continues."""
REST = 3
"""Seconds of rest for each second of work. A partition gives all its users together some 2,000 rows a second: what
nobody waits for takes a quarter of the time at most, and less when the store is busy, since work takes longer then.
"""
LOOKED_AT = 50
"""Tombstones among which one step looks for work."""

logger = logging.getLogger(__name__)


class Maintenance:
    """Work that no request waits for. It may be interrupted anywhere, and two runs at once do not harm each other."""

    def __init__(
        self,
        tenant: Tenant,
        tombstones: Tombstones,
        feed: Feed,
        journal: Journal,
        retention_days: int,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._tenant = tenant
        self._tombstones = tombstones
        self._feed = feed
        self._journal = journal
        self._captured = Captured(tenant)
        self._census = Census(tenant)
        self._retention = timedelta(days=retention_days)
        self._clock = clock

    async def run(self, seconds: float = SECONDS) -> dict[str, int]:
        """Work until nothing is left or the time is over; return how much of what was done.

        Deletes get half of the time, then the expiry of changes, then deletes what is left.
        """
        end = self._clock() + seconds
        half = end - seconds / 2
        published = await self._readable(self._feed.publish_all(self._monotonic(end)))
        finished, failed = await self.finish_deletes(half)
        expired = await self.expire_changes(end)
        if half <= self._clock() < end:
            more, failed = await self.finish_deletes(end)
            finished += more
        hours_expired, hours_merged = await self._journal.tend_hours()
        await self.count_memberships(end)
        return {
            "eventsPublished": published,
            "deletesFinished": finished,
            "deletesFailed": failed,
            "changesExpired": expired,
            "eventsExpired": await self._readable(self._feed.expire(self._monotonic(end))),
            "journalRowsExpired": await self.expire_journal(end),
            "capturedExpired": await self.expire_captured(end),
            "hoursExpired": hours_expired,
            "hoursMerged": hours_merged,
        }

    async def _readable(self, work: Awaitable[int]) -> int:
        """Return how much was done, 0 where a row of the feed cannot be read: that keeps no other work waiting."""
        try:
            return await work
        except (Damaged, FeedBroken) as error:
            logger.warning("the feed of %s is left out: %s", self._tenant.name, error.detail)
            return 0

    def _monotonic(self, end: float) -> float:
        """Return a time of this clock as the feed counts them."""
        return time.monotonic() + end - self._clock()

    async def due(self) -> datetime | None:
        """Return from when on there is work to do, as far as the rows tell now; None while there is none."""
        for unfinished in (keys.tombstone(), keys.outbox()):
            if await self._tenant.under(unfinished, 1, keys_only=True):
                return self._tenant.now()
        oldest = await self._tenant.under(keys.CHANGES, 1, keys_only=True)
        change = keys.time_of_change(oldest[0].key) + self._retention if oldest else None
        others = (await self._feed.next_expiry(), await self._journal.next_look(), await self._captured.due())
        return min(filter(None, (change, *others)), default=None)

    async def step(self) -> dict[str, int]:
        """Do one step: a transaction for one large delete, or else for old changes; ten calls of the store at most.

        For requests, while the timer stays away; what nobody deletes may wait for it. Returns how many memberships
        or changes went.
        """
        rows = await self._tenant.under(keys.tombstone(), LOOKED_AT, keys_only=True)
        for row in rows:
            resource_id = keys.entombed(row.key)
            if row.key == keys.tombstone(resource_id):
                return {"deletesFinished": int(await self._tombstones.sweep(resource_id, 1))}
        return {"changesExpired": await self._expire_batch()}

    async def finish_deletes(self, end: float) -> tuple[int, int]:
        """Remove the memberships of deleted resources; return of how many resources, and how many failed.

        One that fails is logged and left to the next run; the others have their turn.
        """
        finished = failed = 0
        await self._tombstones.bury_unfinished()
        for resource_id in await self._tombstones.all():
            try:
                finished += await self._finished(resource_id, end)
            except Exception:
                failed += 1
                logger.exception("the memberships of %s, which is deleted, cannot be removed", resource_id)
        return finished, failed

    async def _finished(self, resource_id: str, end: float) -> bool:
        done = False
        while not done and (began := self._clock()) < end:
            done = await self._tombstones.sweep(resource_id, 1)
            await self._rest(began)
        return done

    async def _rest(self, began: float) -> None:
        """Pause in proportion to the step that began at a time, before the next one."""
        await self._tenant.rest(REST * (self._clock() - began))

    async def expire_changes(self, end: float) -> int:
        """Delete change rows that are older than the retention; return how many."""
        expired = 0
        while (began := self._clock()) < end and (batch := await self._expire_batch()):
            expired += batch
            await self._rest(began)
        return expired

    async def expire_journal(self, end: float) -> int:
        """Delete rows of the journal that are older than its retention; return how many."""
        expired = 0
        while (began := self._clock()) < end and (batch := await self._journal.expire()):
            expired += batch
            await self._rest(began)
        return expired

    async def expire_captured(self, end: float) -> int:
        """Delete what was captured a day ago; return how many rows."""
        expired = 0
        while (began := self._clock()) < end and (batch := await self._captured.expire()):
            expired += batch
            await self._rest(began)
        return expired

    async def count_memberships(self, end: float) -> None:
        """Count the memberships if that is due, with rests between; what a time cuts short begins anew."""
        began = self._clock()

        async def goes_on() -> bool:
            nonlocal began
            await self._rest(began)
            began = self._clock()
            return began < end

        if began < end:
            await self._census.count(goes_on)

    async def _expire_batch(self) -> int:
        oldest = int((self._tenant.now() - self._retention).timestamp() * 1000)
        rows = await self._tenant.range(keys.change(0, ""), keys.change(oldest, ""), MAX_CHANGES, keys_only=True)
        if rows:
            await self._tenant.retried(partial(self._delete, [row.key for row in rows]))
        return len(rows)

    async def _delete(self, expired: list[str], attempt: int) -> None:
        changes = list(map(Delete, expired))
        if remaining := await self._tenant.settled(changes) if attempt else changes:
            await self._tenant.commit(remaining)
