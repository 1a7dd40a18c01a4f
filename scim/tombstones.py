"""Large deletes: a tombstone stands for a deleted resource until the last of its memberships is removed."""

from collections.abc import Iterable, Sequence

from scim import keys
from scim.memberships import capacity, left, removed
from scim.rows import Delete, RowChange
from scim.stored import Edge
from scim.tenant import Tenant

BATCHES_AT_ONCE = 20
"""Transactions that the delete request itself spends on memberships; the timer does the rest."""


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
        return [keys.last_part(row.key) for row in await self._tenant.under(keys.tombstone(), keys_only=True)]

    async def unlinking(self, resource_id: str, limit: int) -> list[list[RowChange]]:
        """Return, for up to `limit` memberships of a resource on either side, the changes that remove each."""
        members = await self._tenant.under(keys.member(resource_id), limit)
        groups = await self._tenant.under(keys.membership(resource_id), limit, keys_only=True)
        changes = [removed(resource_id, [Edge(keys.last_part(row.key), row.body)]) for row in members]
        changes += [left(resource_id, [Edge(keys.last_part(row.key), "g")]) for row in groups]
        return changes[:limit]

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
