"""Who delivers to webhooks, and when: a task after a change was answered, who reads its hint, and the timer."""

import asyncio
import logging
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Iterable
from contextvars import Context
from functools import partial
from typing import TYPE_CHECKING, Any

from scim.directory import keys
from scim.protocol.errors import ScimError
from scim.service.hints import PATIENT, SOON, Hints
from scim.service.tenants import TenantService

if TYPE_CHECKING:
    from scim.webhooks.delivery import Delivery

SECONDS = 3.0
"""After an answer, no further request to a receiver begins later than this."""
AFTER = 0.05
"""Seconds from an answer to the delivery of what it has changed: the answer is on its way first."""
MOST_TASKS = 100
"""Tasks of a process at a time, one for each webhook and one more for its tenant; what is above waits for the timer."""
UNKNOWN_FOR = 300.0
"""Seconds for which a process that found a tenant without webhooks does not look again, as long as a mark of work."""
MOST_KEPT = 10_000
AT_ONCE = 32
"""Tenants to which the timer delivers at a time."""
TURN = 20.0
"""Seconds of the timer's turn with one tenant; one with more to deliver gets another turn behind the others."""

logger = logging.getLogger(__name__)


class Deliveries:
    """Delivers to the webhooks of tenants. What delivers is imported when there is a webhook, for the first time."""

    def __init__(
        self,
        make: Callable[[TenantService], "Delivery"],
        hints: Hints | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._make, self._clock = make, clock
        self.hints = hints or Hints(None)
        self.after_answers = False
        """Whether changes are delivered by a task of this process; commands leave it to whoever serves."""
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._again: set[str] = set()
        self._without: OrderedDict[str, float] = OrderedDict()
        self._with: OrderedDict[str, None] = OrderedDict()

    async def changed(self, service: TenantService) -> None:
        """Deliver what a request has changed after its answer, and before that leave a hint for others.

        Only of a tenant that is known to have webhooks: a tenant without them pays nothing, not even an import.
        """
        if service.record.key in self._with:
            await self.hints.changed(service.record.key)
        self.soon(service)

    def soon(self, service: TenantService) -> None:
        """Deliver what a request has changed, in a task that begins after its answer."""
        key = service.record.key
        if self.after_answers and self._without.get(key, 0) <= self._clock():
            self._start(key, service, partial(self._look, service))

    def look_again(self, key: str) -> None:
        """Note that a tenant may have a webhook now."""
        self._without.pop(key, None)

    async def run(self, services: Iterable[TenantService], end: float) -> int:
        """Deliver to the webhooks of tenants until nothing is left or a monotonic time; return how many events."""
        waiting = list(services)
        workers = [self._work(waiting, end) for _ in range(min(AT_ONCE, len(waiting)))]
        return sum(await asyncio.gather(*workers))

    async def of(self, service: TenantService) -> "Delivery | None":
        """Return what delivers to a tenant's webhooks, None where it has none."""
        if not await service.tenant.under(keys.webhook(), 1, keys_only=True):
            return None
        return self._make(service)

    async def hint_again(self, service: TenantService) -> None:
        """Leave another hint where something is due so soon that the timer would be late: a retry, or the rest."""
        try:
            seconds = await self._due_in(service)
        except ScimError as error:
            logger.warning("webhooks of tenant %s wait for the timer: %s", service.record.key, error.detail)
            return
        if seconds is not None:
            await self.hints.due(service.record.key, seconds)

    async def close(self) -> None:
        """Stop the tasks; what they have not delivered is delivered later."""
        tasks = list(self._tasks.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self.hints.close()

    async def settle(self) -> None:
        """Return when no task is left."""
        while tasks := list(self._tasks.values()):
            await asyncio.gather(*tasks)

    def _start(self, name: str, service: TenantService, work: Callable[[], Awaitable[object]]) -> None:
        """Do some work for a tenant in a task of that name; where there is one already, it does it once more."""
        if name in self._tasks:
            self._again.add(name)
        elif len(self._tasks) < MOST_TASKS:
            # In a context of its own: the deadline of the request is not that of the delivery.
            self._tasks[name] = asyncio.create_task(self._done(name, service, work), context=Context())

    async def _done(self, name: str, service: TenantService, work: Callable[[], Awaitable[object]]) -> None:
        key = service.record.key
        try:
            again = True
            while again:
                self._again.discard(name)
                await work()
                await self._take_back(name, service)
                again = name in self._again
        except ScimError as error:
            logger.warning("webhooks of tenant %s wait for the timer: %s", key, error.detail)
        except Exception:
            logger.exception("the delivery to webhooks of tenant %s failed", key)
        finally:  # nothing is waited for since `again` was looked at, so that no change is missed
            self._tasks.pop(name, None)

    async def _take_back(self, name: str, service: TenantService) -> None:
        """Delete the tenant's hint when its last task has left nothing to whoever reads it."""
        key = service.record.key
        if self.hints.has(key) and not self._others(name, key):
            seconds = await self._due_in(service)
            if (seconds is None or seconds > SOON) and name not in self._again and not self._others(name, key):
                await self.hints.delivered(key)

    def _others(self, name: str, key: str) -> bool:
        return any(each != name and each.partition(" ")[0] == key for each in self._tasks)

    async def _due_in(self, service: TenantService) -> float | None:
        """Return in how many seconds there is something to deliver to a tenant's webhooks, None where there is not."""
        delivery = await self.of(service)
        due = await delivery.due() if delivery else None
        return None if due is None else max(0.0, (due - service.tenant.now()).total_seconds())

    async def _look(self, service: TenantService) -> None:
        """Start a task for each webhook of a tenant that does not wait, so that none waits for another."""
        await asyncio.sleep(AFTER)
        key, delivery = service.record.key, await self.of(service)
        if delivery is None:
            self._remember_none(key)
            return
        for each in await delivery.waiting():
            self._start(f"{key} {each.id}", service, partial(delivery.run_one, each.id, SECONDS))
        if key not in self._with:  # the first change since the process began has left no hint yet
            self._with[key] = None
            _at_most(self._with, MOST_KEPT)
            await self.hints.changed(key, PATIENT)

    def _remember_none(self, key: str) -> None:
        self._with.pop(key, None)
        self._without[key] = self._clock() + UNKNOWN_FOR
        _at_most(self._without, MOST_KEPT)

    async def _work(self, waiting: list[TenantService], end: float) -> int:
        done = 0
        while waiting and time.monotonic() < end:
            service = waiting.pop(0)
            delivered = await self._turn(service, min(TURN, end - time.monotonic()))
            done += delivered
            if delivered:
                waiting.append(service)  # there may be more
        return done

    async def _turn(self, service: TenantService, seconds: float) -> int:
        try:
            delivery = await self.of(service)
            if delivery is None:
                return 0
            await delivery.expire()
            return await delivery.run(seconds)
        except ScimError as error:
            logger.warning("webhooks of tenant %s cannot be looked after: %s", service.record.key, error.detail)
            return 0


def _at_most(kept: OrderedDict[str, Any], most: int) -> None:
    while len(kept) > most:
        kept.popitem(last=False)
