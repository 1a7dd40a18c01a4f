"""How many memberships a tenant has: too many change at a time to be counted as they do, so the timer counts them."""

import json
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any

from scim.directory import keys
from scim.directory.tenant import Tenant
from scim.protocol.resource import parse_date_time, to_json
from scim.storage.rows import Insert, Replace, Row, RowConflict

EVERY = timedelta(days=1)
"""From one count to the next. A million memberships are a thousand calls of the store."""


class Census:
    """What was counted last, in one row: `memberships`, and when."""

    def __init__(self, tenant: Tenant) -> None:
        self._tenant = tenant

    async def memberships(self) -> dict[str, Any] | None:
        """Return how many memberships there were, and the time when they were counted; None before that."""
        said = _said(await self._tenant.read(keys.SIZES))
        return {"count": said["memberships"], "time": said["time"]} if said else None

    async def count(self, goes_on: Callable[[], Awaitable[bool]]) -> bool:
        """Count the memberships if that is due; return whether it was done.

        `goes_on` is asked behind each thousand; where it says no, nothing is kept, and the next run begins anew.
        """
        row = await self._tenant.read(keys.SIZES)
        now, said = self._tenant.now(), _said(row)
        counted = parse_date_time(said["time"]) if said else None
        if counted is not None and counted <= now < counted + EVERY:
            return False
        memberships = 0
        async for page in self._tenant.pages("m.", keys_only=True):
            memberships += len(page)
            if not await goes_on():
                return False
        body = to_json({"memberships": memberships, "time": self._tenant.time()})
        try:
            await self._tenant.commit([Replace(row.key, body, row.version) if row else Insert(keys.SIZES, body)])
        except RowConflict:  # another run has counted
            return False
        return True


def _said(row: Row | None) -> dict[str, Any] | None:
    """Return what the row says; None without one, or where it cannot be read: then it is written anew."""
    try:
        said: dict[str, Any] = json.loads(row.body) if row else {}
        return said if type(said["memberships"]) is int and parse_date_time(said["time"]) else None
    except (ValueError, TypeError, KeyError):
        return None
