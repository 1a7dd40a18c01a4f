"""What the timer does: it looks after the tenants that may have work, and lets go what has expired or was deleted."""

import logging
import random
import time
from collections import Counter
from datetime import timedelta

from scim.access.credential import moment
from scim.access.registry import Registry
from scim.access.tenants import TenantRecord
from scim.protocol.errors import ScimError
from scim.protocol.resource import format_date_time
from scim.service.tenants import TenantServices
from scim.storage.rows import Row
from scim.storage.store import Store

SECONDS = 240.0
"""How long one run may go on; the next one continues."""
SETTLED = timedelta(minutes=10)
"""Age at which a mark says nothing any more of changes under way: marks are renewed every 5 minutes, and a request ends
within 230 seconds."""
SWEPT = 500
"""Expired access tokens that one run takes away."""
WARNED = (30, 7, 1)
"""Days before a credential's expiry at which it is warned of."""
DROPPED = 50
"""Transactions of one step of dropping a tenant's rows."""

_log = logging.getLogger(__name__)


class Rounds:
    """One run looks at the default tenant, and at those whose mark says that they may have work.

    It may be interrupted anywhere, and two runs at once do not harm each other.
    """

    def __init__(self, store: Store, registry: Registry, tenants: TenantServices) -> None:
        self._store, self._registry, self._tenants = store, registry, tenants

    async def run(self, seconds: float = SECONDS) -> dict[str, int]:
        """Work until nothing is left or the time is over; return how much of what was done."""
        end = time.monotonic() + seconds
        done = Counter(await self._tenants.default.maintenance.run(seconds))
        try:
            done.update(await self._registered(end))
        except ScimError as error:
            _log.warning("the registry of tenants cannot be looked after: %s", error.detail)
        return dict(done)

    async def step(self) -> dict[str, int]:
        """Do one bounded step of the default tenant's work, and of one other tenant's that may have some.

        For requests, while the timer stays away; deleted tenants wait for it.
        """
        done = Counter(await self._tenants.default.maintenance.step())
        due = [mark for mark in await self._registry.marks() if mark.body <= self._registry.time()]
        if due:
            record = await self._registry.tenant(random.choice(due).key.partition(".")[2])  # noqa: S311 - no secret
            if record is not None and record.status not in ("deleting", "deleted"):
                done.update(await (await self._tenants.of(record)).maintenance.step())
        return dict(done)

    async def _registered(self, end: float) -> Counter[str]:
        done: Counter[str] = Counter()
        for mark in await self._registry.marks():
            if mark.body <= self._registry.time() and time.monotonic() < end:
                done.update(await self._look_after(mark.key.partition(".")[2], mark, end))
        await self._warn()
        expired = await self._registry.expired_access_tokens(SWEPT)
        await self._registry.remove_credentials(expired)
        done["accessTokensExpired"] += len(expired)
        return done

    async def _warn(self) -> None:
        """Log of each credential that expires, once at each of WARNED, how long it still lives."""
        for credential_id in await self._registry.expiring(timedelta(days=max(WARNED))):
            found = await self._registry.credential(credential_id)
            if found is None or not found.valid(self._registry.now):
                continue
            left = moment(found.expires) - self._registry.now
            days = min(each for each in WARNED if left <= timedelta(days=each))
            if await self._registry.warned(found, days):
                _log.warning(
                    "credential %s of tenant %s expires %s, within %d days; renew it",
                    *(found.id, found.tenant or "-"),
                    *(found.expires, days),
                )

    async def _look_after(self, key: str, mark: Row, end: float) -> dict[str, int]:
        """Do a tenant's work; a failure of one tenant's ends nothing but itself."""
        record = await self._registry.tenant(key)
        try:
            if record is None:
                await self._registry.move_mark(mark, "")
            elif record.status in ("deleting", "deleted"):  # the latter when the run that dropped it was interrupted
                return {"tenantsDropped": await self._drop(record, end)}
            else:
                return await self._maintain(record, mark, end)
        except ScimError as error:
            _log.warning("tenant %s cannot be looked after: %s", key, error.detail)
        return {}

    async def _maintain(self, record: TenantRecord, mark: Row, end: float) -> dict[str, int]:
        maintenance = (await self._tenants.of(record)).maintenance
        done = await maintenance.run(end - time.monotonic())
        if moment(mark.body) + SETTLED <= self._registry.now:
            due = await maintenance.due()
            await self._registry.move_mark(mark, format_date_time(due) if due else "")
        return done

    async def _drop(self, record: TenantRecord, end: float) -> int:
        """Drop all that the tenant has, its rows first, and leave a row that keeps its key from being given again."""
        while not await self._store.drop(record.key, DROPPED):
            if time.monotonic() >= end:
                return 0
        await self._registry.change_tenant(record.key, lambda gone: TenantRecord(gone.key, "", "deleted", gone.created))
        await self._registry.drop_tenant(record.key)
        _log.warning("tenant %s was deleted with all its rows and credentials", record.key)
        return 1
