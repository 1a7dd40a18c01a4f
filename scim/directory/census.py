"""How many memberships a tenant has: too many change at a time to be counted as they do, so the timer counts them."""

from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import asdict, dataclass
from datetime import timedelta
from typing import Any

from scim.directory import keys
from scim.directory.tenant import Tenant
from scim.protocol.resource import parse_date_time, to_json
from scim.storage.damage import Newer, record_in, unless_damaged
from scim.storage.rows import Insert, Replace, Row, RowConflict

EVERY = timedelta(days=1)
"""From one count to the next. A million memberships are a thousand calls of the store."""


@dataclass(frozen=True, slots=True)
class Sizes:
    """What the row says: how many memberships there were, and when they were counted."""

    memberships: int
    time: str


class Census:
    """What was counted last, in one row: `memberships`, and when."""

    def __init__(self, tenant: Tenant) -> None:
        self._tenant = tenant

    async def memberships(self) -> dict[str, Any] | None:
        """Return how many memberships there were, and the time when they were counted; None before that."""
        with suppress(Newer):
            if sizes := _read(await self._tenant.read(keys.SIZES)):
                return {"count": sizes.memberships, "time": sizes.time}
        return None

    async def count(self, goes_on: Callable[[], Awaitable[bool]]) -> bool:
        """Count the memberships if that is due; return whether it was done.

        `goes_on` is asked behind each thousand; where it says no, nothing is kept, and the next run begins anew.
        """
        row = await self._tenant.read(keys.SIZES)
        try:
            sizes = _read(row)
        except Newer:  # it is for that release to count
            return False
        now, counted = self._tenant.now(), parse_date_time(sizes.time) if sizes else None
        if counted is not None and counted <= now < counted + EVERY:
            return False
        memberships = 0
        async for page in self._tenant.pages("m.", keys_only=True):
            memberships += len(page)
            if not await goes_on():
                return False
        body = to_json(asdict(Sizes(memberships, self._tenant.time())))
        try:
            await self._tenant.commit([Replace(row.key, body, row.version) if row else Insert(keys.SIZES, body)])
        except RowConflict:  # another run has counted
            return False
        return True


def _read(row: Row | None) -> Sizes | None:
    """Return what the row says; None without one, or where it cannot be read: then it is written anew. Raises Newer."""
    said = unless_damaged(row, _sizes_in) if row else None
    return said if said and parse_date_time(said.time) else None


def _sizes_in(row: Row) -> Sizes:
    return Sizes(**record_in(row, Sizes))
