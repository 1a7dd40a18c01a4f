"""Tombstones: they hide the memberships of what is deleted, or not there yet, until the last one is removed."""

from collections.abc import Iterable, Sequence
from datetime import timedelta

from scim.directory import keys
from scim.directory.damage import kind_in
from scim.directory.memberships import capacity, left, removed
from scim.directory.stored import Edge
from scim.directory.tenant import Tenant
from scim.protocol.resource import format_date_time
from scim.storage.rows import MAX_CHANGES, Delete, Insert, RowChange, RowConflict

BATCHES_AT_ONCE = 5
"""Transactions that the delete request itself spends on memberships; the timer, which takes its time, does the rest.

They change some 500 rows: a quarter of what a partition gives everybody in a second.
"""
MAKING = timedelta(hours=1)
"""How long a group may be in the making: far longer than any request lasts."""


def merged(changes: Iterable[Sequence[RowChange]]) -> list[RowChange]:
    """Return the changes with each key once: two groups that are members of each other are touched once."""
    return list({change.key: change for each in changes for change in each}.values())


class Tombstones:
    """The deleted resources of a tenant whose memberships are not all removed yet.

    Everything here may be interrupted and repeated, also by two timers at once.
    """

    def __init__(self, tenant: Tenant) -> None:
        self._tenant = tenant

    async def all(self) -> list[str]:
        """Return the ids of all resources that have a tombstone."""
        rows = await self._tenant.under(keys.tombstone(), keys_only=True)
        return [keys.entombed(row.key) for row in rows if row.key == keys.tombstone(keys.entombed(row.key))]

    async def bury_unfinished(self) -> int:
        """Turn groups that were in the making when their request died into deleted ones; return how many.

        A request that is still alive after all cannot finish then, since its row is gone.
        """
        oldest = format_date_time(self._tenant.now() - MAKING)
        buried = 0
        for row in await self._tenant.under(keys.tombstone(), keys_only=True):
            group_id = keys.entombed(row.key)
            if row.key == keys.making(group_id) and row.modified < oldest:
                await self._clear_parked(group_id)
                buried += await self._buried(group_id, row.version)
        return buried

    async def _clear_parked(self, group_id: str) -> None:
        """Forget the events of a group that never came to be."""
        while rows := await self._tenant.under(keys.parked(group_id), MAX_CHANGES, keys_only=True):
            await self._tenant.commit([Delete(row.key) for row in rows])

    async def _buried(self, group_id: str, version: str) -> bool:
        grave = Insert(keys.tombstone(group_id), "g", self._tenant.time())
        try:
            await self._tenant.commit([Delete(keys.making(group_id), version), grave])
        except RowConflict:  # another timer was faster
            return False
        return True

    async def unlinking(self, resource_id: str, limit: int) -> list[list[RowChange]]:
        """Return, for up to `limit` memberships of a resource on either side, the changes that remove each."""
        members = await self._tenant.under(keys.member(resource_id), limit)
        groups = await self._tenant.under(keys.membership(resource_id), limit - len(members), keys_only=True)
        changes = [removed(resource_id, [Edge(keys.last_part(row.key), kind_in(row))]) for row in members]
        return changes + [left(resource_id, [keys.last_part(row.key)]) for row in groups]

    async def sweep(self, resource_id: str, batches: int) -> bool:
        """Remove memberships in at most so many transactions; return whether none is left."""
        for _ in range(batches):
            if not await self._tenant.retried(lambda number: self._sweep_batch(resource_id, number)):
                return True
        return False

    async def _sweep_batch(self, resource_id: str, attempt: int) -> bool:
        """Remove some memberships, or the tombstone when there are none; return whether there were any."""
        changes = merged(await self.unlinking(resource_id, capacity(0)))
        found = bool(changes)
        if not found:
            changes = [Delete(keys.tombstone(resource_id))]
        if attempt:
            changes = await self._tenant.settled(changes)
        if changes:
            await self._tenant.commit(changes)
        return found
