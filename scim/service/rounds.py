"""What the timer does: it looks after the tenants that may have work, and lets go what has expired or was deleted."""

import logging
import random
import time
from collections import Counter
from contextlib import suppress
from datetime import timedelta

from scim.access.audit import Audit
from scim.access.credential import moment
from scim.access.registry import Registry
from scim.access.tenants import DEFAULT_KEY, TenantRecord, as_key
from scim.protocol.errors import ScimError
from scim.protocol.resource import format_date_time
from scim.service.deliveries import Deliveries
from scim.service.tenants import TenantService, TenantServices
from scim.storage.damage import Damaged
from scim.storage.rows import Row
from scim.storage.store import Store

SECONDS = 240.0
"""How long one run may go on; the next one continues."""
FOR_WEBHOOKS = 30.0
"""Seconds that webhooks have at least, also when other work has taken the time of a run."""
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

    def __init__(
        self, store: Store, registry: Registry, tenants: TenantServices, deliveries: Deliveries, audit: Audit
    ) -> None:
        self._store, self._registry, self._tenants, self._deliveries = store, registry, tenants, deliveries
        self.audit = audit

    async def run(self, seconds: float = SECONDS) -> dict[str, int]:
        """Work until nothing is left or the time is over; return how much of what was done.

        Where the default tenant's work fails, the others and all webhooks have their turn before its error is raised.
        """
        end = time.monotonic() + seconds
        done: Counter[str] = Counter()
        failure: Exception | None = None
        default = await self._default()
        try:
            done.update(await default.maintenance.run(seconds))
        except Exception as error:
            failure = error
        maintained: list[tuple[Row, TenantService]] = []
        try:
            maintained = await self._registered(end, done)
        except ScimError as error:
            _log.warning("the registry of tenants cannot be looked after: %s", error.detail)
        services = [default, *(service for _, service in maintained)]
        until = max(end, time.monotonic() + FOR_WEBHOOKS)
        done["eventsDelivered"] += await self._deliveries.run(services, until)
        for mark, service in maintained:
            await self._put_off(mark, service)
        if failure is not None:
            raise failure
        return dict(done)

    async def step(self) -> dict[str, int]:
        """Do one bounded step of the default tenant's work, and of one other tenant's that may have some.

        For requests, while the timer stays away; deleted tenants wait for it.
        """
        default = await self._default()
        done = Counter(await default.maintenance.step())
        self._deliveries.soon(default)  # no request waits for a receiver
        due = await self._due()
        if due:
            record = await self._registry.tenant(_key(random.choice(due)))  # noqa: S311 - no secret
            if record is not None and record.status not in ("deleting", "deleted"):
                service = await self._tenants.of(record)
                done.update(await service.maintenance.step())
                self._deliveries.soon(service)
        return dict(done)

    async def deliver(self, seconds: float) -> int:
        """Deliver to the webhooks of the tenants that a run would look at; return how many events."""
        end = time.monotonic() + seconds
        services = [await self._default()]
        for mark in await self._due():
            with suppress(Damaged):  # which is logged; the others have their turn
                record = await self._registry.tenant(_key(mark))
                if record is not None and record.status in ("active", "suspended"):
                    services.append(await self._tenants.of(record))
        return await self._deliveries.run(services, end)

    async def hinted(self, text: str, seconds: float = FOR_WEBHOOKS) -> int:
        """Deliver to the webhooks of the tenant that a hint names; return how many events. Never raises.

        What is not for anybody is let go with a line in the log: the sender of a message has no more to tell, and to
        read it again would not help. The timer delivers whatever a failure has left.
        """
        try:
            service = await self._named(text)
            if service is None:
                _log.warning("a hint names no tenant that may have webhooks: %.40r", text)
                return 0
            done = await self._deliveries.run([service], time.monotonic() + seconds)
            await self._deliveries.hint_again(service)
        except ScimError as error:
            _log.warning("a hint is left to the timer: %s", error.detail)
        except Exception:  # a bug, which would bring the message back five times and change nothing
            _log.exception("a hint is left to the timer")
        else:
            return done
        return 0

    async def _named(self, text: str) -> TenantService | None:
        if text == DEFAULT_KEY:
            return await self._default()
        record = await self._registry.tenant(text) if as_key(text) == text else None
        return await self._tenants.of(record) if record and record.status in ("active", "suspended") else None

    async def _default(self) -> TenantService:
        """Return what serves the default tenant as its record says, or as the settings do where that cannot be told."""
        try:
            record = await self._registry.tenant(DEFAULT_KEY)
            return await self._tenants.of(record) if record else self._tenants.default
        except ScimError as error:
            _log.warning("the default tenant is looked after as the settings say: %s", error.detail)
            return self._tenants.default

    async def _due(self) -> list[Row]:
        return [mark for mark in await self._registry.marks() if self._registry.is_due(mark)]

    async def _registered(self, end: float, done: Counter[str]) -> list[tuple[Row, TenantService]]:
        """Look after the tenants whose marks are due, counting what was done; return those that live on."""
        maintained = [
            (mark, service)
            for mark in await self._due()
            if time.monotonic() < end and (service := await self._look_after(_key(mark), mark, end, done))
        ]
        await self._warn()
        expired = await self._registry.expired_access_tokens(SWEPT)
        await self._registry.remove_credentials(expired)
        done["accessTokensExpired"] += len(expired)
        done["auditExpired"] += await self.audit.expire()
        return maintained

    async def _warn(self) -> None:
        """Log of each credential that expires, once at each of WARNED, how long it still lives."""
        for credential_id in await self._registry.expiring(timedelta(days=max(WARNED))):
            try:
                found = await self._registry.credential(credential_id)
            except Damaged:  # nobody can say when it expires
                continue
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

    async def _look_after(self, key: str, mark: Row, end: float, done: Counter[str]) -> TenantService | None:
        """Do a tenant's work; a failure of one tenant's ends nothing but itself."""
        try:
            record = await self._registry.tenant(key)
            if record is None:
                await self._registry.move_mark(mark, "")
            elif record.status in ("deleting", "deleted"):  # the latter when the run that dropped it was interrupted
                done["tenantsDropped"] += await self._drop(record, end)
            else:
                service = await self._tenants.of(record)
                done.update(await service.maintenance.run(end - time.monotonic()))
                return service
        except ScimError as error:
            _log.warning("tenant %s cannot be looked after: %s", key, error.detail)
        except Exception:
            _log.exception("tenant %s cannot be looked after", key)
        return None

    async def _put_off(self, mark: Row, service: TenantService) -> None:
        """Move the mark of a tenant that was looked after to when there is work to do again."""
        if not self._registry.is_settled(mark, SETTLED):
            return
        try:
            delivery = await self._deliveries.of(service)
            due = (await service.maintenance.due(), await delivery.due() if delivery else None)
            earliest = min(filter(None, due), default=None)
            await self._registry.move_mark(mark, format_date_time(earliest) if earliest else "")
        except ScimError as error:
            _log.warning("tenant %s stays marked: %s", _key(mark), error.detail)

    async def _drop(self, record: TenantRecord, end: float) -> int:
        """Drop all that the tenant has, its rows first, and leave a row that keeps its key from being given again."""
        while not await self._store.drop(record.key, DROPPED):
            if time.monotonic() >= end:
                return 0
        await self._registry.change_tenant(record.key, lambda gone: TenantRecord(gone.key, "", "deleted", gone.created))
        await self._registry.drop_tenant(record.key)
        _log.warning("tenant %s was deleted with all its rows and credentials", record.key)
        return 1


def _key(mark: Row) -> str:
    return mark.key.partition(".")[2]
