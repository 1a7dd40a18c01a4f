"""When the journal is written: failures before their answer leaves, successes together; no answer depends on it."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import datetime

from scim.access.minute import MinuteCounts
from scim.access.tenants import TenantRecord
from scim.directory.entry import Entry
from scim.directory.journal import MOST, Journal
from scim.service.messages import Request, Response
from scim.storage import deadline

COLLECT_SECONDS = 2.0
"""For how long successes are collected; what is collected when a process ends is lost."""
WAIT_SECONDS = 1.0
"""How long a request waits for the journal at most; the row may still be written later."""
WRITE_SECONDS = 10.0
"""How long one writing may take."""
PAUSE_SECONDS = 10.0
"""How long nothing is written after it failed: an outage is not made worse."""
FAILURES_A_MINUTE = 60
"""Failures of one tenant and address that have rows of their own in a minute; further ones are counted in one."""
REFUSALS_A_MINUTE = 1
"""The same of refused logins, and of clients that ask for too much."""
MOST_ADDRESSES = 1_000
MOST_TENANTS = 1_000
"""Tenants for which something is collected at a time."""
MOST_COLLECTED = 3 * MOST
"""Requests of one tenant that are collected while nothing can be written; the oldest go first."""

Find = Callable[[str], Awaitable[Journal | None]]

logger = logging.getLogger(__name__)


@dataclass
class _Collected:
    """What is to be written for one tenant."""

    entries: list[Entry] = field(default_factory=list)
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    timer: asyncio.TimerHandle | None = None


class Journals:
    """The journals of all tenants, as this process writes them.

    A failure is written before its answer leaves, but for refused logins: how long they take must not tell whether
    there is such a tenant. So is a success that has been alone for COLLECT_SECONDS: where
    one request comes now and then, the host may stop the process right after the answer. All others are collected for
    COLLECT_SECONDS or until there are MOST, and written as one transaction for each tenant. What the application behind
    the service calls is told of only when it fails: it does so all the time, and waits for no write. A journal that
    cannot be written, or is slow, changes no answer: it is logged, and what it had is lost.

    `find` returns the journal of an active tenant, None for any other key, `seconds` counts up, `now` tells the time.
    Without `find` the journal is off.
    """

    def __init__(
        self, find: Find | None, now: Callable[[], datetime], seconds: Callable[[], float], masked: bool = False
    ) -> None:
        self._find, self._now, self._seconds, self._masked = find, now, seconds, masked
        self._under_way = 0
        self._last = float("-inf")
        self._paused_until = float("-inf")
        self._lost = 0
        self._told: MinuteCounts[tuple[str, str, bool]] = MinuteCounts(seconds, MOST_ADDRESSES, _others)
        self._collected: dict[str, _Collected] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    async def around(self, request: Request, answer: Awaitable[Response]) -> Response:
        """Return the answer to a request, after the journal was told of it, and written if that is due."""
        if self._find is None:
            return await answer
        self._under_way += 1
        try:
            response = await answer
        finally:
            self._under_way -= 1
        if request.known is not None:
            await self._keep(request.known, request, response)
        return response

    async def _keep(self, tenant: TenantRecord, request: Request, response: Response) -> None:
        seconds = self._seconds()
        alone = not self._under_way and seconds - self._last >= COLLECT_SECONDS
        self._last = seconds
        collected = self._of(tenant.key)
        if collected is None:
            self._lost += 1
            return
        told = [each for each in request.entries if each.status >= 400 or not each.application]
        refused = not request.credential or response.status == 429
        own_rows = [self._collect(collected, each, (tenant.key, request.address, refused)) for each in told]
        if any(own_rows) and (alone or response.status >= 400) and not refused:
            await asyncio.wait([self._begin(tenant.key)], timeout=WAIT_SECONDS)
        elif len(collected.entries) >= MOST:
            self._begin(tenant.key)
        elif collected.timer is None and collected.entries:
            loop = asyncio.get_running_loop()
            collected.timer = loop.call_later(COLLECT_SECONDS, self._begin, tenant.key)

    def _of(self, key: str) -> _Collected | None:
        if key not in self._collected:
            if len(self._collected) >= MOST_TENANTS:
                return None
            self._collected[key] = _Collected()
        return self._collected[key]

    def _collect(self, collected: _Collected, entry: Entry, who: tuple[str, str, bool]) -> bool:
        """Add a request, whose entry is the journal's own now; return whether it gets a line of its own."""
        entry.at = int(self._now().timestamp() * 1000)
        if self._masked:
            entry.name = _masked(entry.name)[:100]
        own = entry.status < 400 or self._is_to_be_told(who)
        same = None if own else next((each for each in collected.entries if _alike(each, entry)), None)
        if same is not None:
            same.times += 1
            return False
        collected.entries.append(entry)
        if len(collected.entries) > MOST_COLLECTED:
            del collected.entries[0]
            self._lost += 1
        return own

    def _is_to_be_told(self, who: tuple[str, str, bool]) -> bool:
        """Count a failure of a tenant, an address, and whether it was refused; return whether it gets a line."""
        return self._told.add(who) <= (REFUSALS_A_MINUTE if who[2] else FAILURES_A_MINUTE)

    def _begin(self, key: str) -> "asyncio.Task[None]":
        """Begin to write what is collected for a tenant; what is being written is waited for."""
        collected = self._collected.setdefault(key, _Collected())
        if collected.timer is not None:
            collected.timer.cancel()
            collected.timer = None
        task = asyncio.create_task(self._write(key, collected))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def _write(self, key: str, collected: _Collected) -> None:
        async with collected.lock:
            left = len(collected.entries)  # what comes meanwhile waits for its own time, together with what follows it
            while left and collected.entries and self._seconds() >= self._paused_until:
                count = min(left, MOST)
                entries, collected.entries = collected.entries[:count], collected.entries[count:]
                left -= count
                await self._written(key, entries)
            if not collected.entries and not collected.timer and self._collected.get(key) is collected:
                del self._collected[key]

    async def _written(self, key: str, entries: list[Entry]) -> None:
        try:
            journal = await self._find(key) if self._find else None
            if journal is None:  # the tenant was closed meanwhile: its rows may be gone already
                return
            with deadline.within(WRITE_SECONDS):
                await journal.write(entries)
        except Exception as error:  # whatever it is, no request fails by its journal
            self._lost += len(entries)
            self._paused_until = self._seconds() + PAUSE_SECONDS
            logger.warning("the journal cannot be written, and lacks %d requests by now: %r", self._lost, error)

    async def flush(self) -> None:
        """Return when all that is collected was written, or was lost."""
        await asyncio.gather(*self._tasks, *(self._begin(key) for key in list(self._collected)))


def _others(who: tuple[str, str, bool]) -> tuple[str, str, bool]:
    return who[0], "others", who[2]


def _alike(one: Entry, other: Entry) -> bool:
    return (one.status, one.function, one.scim_type, one.credential) == (
        other.status,
        other.function,
        other.scim_type,
        other.credential,
    )


def _masked(name: str) -> str:
    """Return the first character of a name, and what stands behind the @."""
    local, at, domain = name.partition("@")
    return f"{local[:1]}***{at}{domain}" if name else ""
