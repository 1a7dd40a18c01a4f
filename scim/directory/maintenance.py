"""What a timer does: finish large deletes, and let old change rows go."""

import time
from datetime import datetime, timedelta
from functools import partial

from scim.directory import keys
from scim.directory.feed import Feed
from scim.directory.tenant import Tenant
from scim.directory.tombstones import Tombstones
from scim.storage.rows import MAX_CHANGES, Delete

SECONDS = 240.0
"""How long one run may go on; the next one continues."""
_STEP = 50


class Maintenance:
    """Work that no request waits for. It may be interrupted anywhere, and two runs at once do not harm each other."""

    def __init__(self, tenant: Tenant, tombstones: Tombstones, feed: Feed, retention_days: int) -> None:
        self._tenant = tenant
        self._tombstones = tombstones
        self._feed = feed
        self._retention = timedelta(days=retention_days)

    async def run(self, seconds: float = SECONDS) -> dict[str, int]:
        """Work until nothing is left or the time is over; return how much of what was done."""
        end = time.monotonic() + seconds
        return {
            "eventsPublished": await self._feed.publish_all(end),
            "deletesFinished": await self.finish_deletes(end),
            "changesExpired": await self.expire_changes(end),
            "eventsExpired": await self._feed.expire(end),
        }

    async def due(self) -> datetime | None:
        """Return from when on there is work to do, as far as the rows tell now; None while there is none."""
        for unfinished in (keys.tombstone(), keys.outbox()):
            if await self._tenant.under(unfinished, 1, keys_only=True):
                return self._tenant.now()
        oldest = await self._tenant.under(keys.CHANGES, 1, keys_only=True)
        change = keys.time_of_change(oldest[0].key) + self._retention if oldest else None
        return min(filter(None, (change, await self._feed.next_expiry())), default=None)

    async def finish_deletes(self, end: float) -> int:
        """Remove the memberships of deleted resources; return how many resources were finished."""
        finished = 0
        await self._tombstones.bury_unfinished()
        for resource_id in await self._tombstones.all():
            done = False
            while not done and time.monotonic() < end:
                done = await self._tombstones.sweep(resource_id, _STEP)
            finished += done
        return finished

    async def expire_changes(self, end: float) -> int:
        """Delete change rows that are older than the retention; return how many."""
        oldest = int((self._tenant.now() - self._retention).timestamp() * 1000)
        expired = 0
        while time.monotonic() < end:
            rows = await self._tenant.range(keys.change(0, ""), keys.change(oldest, ""), MAX_CHANGES, keys_only=True)
            if not rows:
                break
            await self._tenant.retried(partial(self._delete, [row.key for row in rows]))
            expired += len(rows)
        return expired

    async def _delete(self, expired: list[str], attempt: int) -> None:
        changes = list(map(Delete, expired))
        if remaining := await self._tenant.settled(changes) if attempt else changes:
            await self._tenant.commit(remaining)
