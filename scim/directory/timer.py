"""The timer's runs: written down, watched, and made up for by requests when they stay away."""

import asyncio
import json
import logging
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timedelta
from typing import Protocol

from scim.directory import keys
from scim.directory.tenant import Tenant
from scim.protocol.errors import ScimError
from scim.storage.damage import Damaged, Newer, record_in, unless_damaged
from scim.storage.rows import Insert, Replace, Row, RowChange

INTERVAL = timedelta(minutes=5)
"""From one run to the next: the schedule in function_app.py."""
LATE = 3 * INTERVAL
FRESH = timedelta(minutes=1)
"""How long a process relies on what it has read of the runs; so often, at most, a request makes up for one."""
CATCH_UP_SECONDS = 2.0
"""How long a request may be kept by that."""

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Runs:
    """What is written down, in one row: times in ISO 8601, empty before the first; failures since the last success."""

    since: str
    last_run: str = ""
    last_success: str = ""
    failures: int = 0

    def __str__(self) -> str:
        last, success = self.last_run or "never", self.last_success or "never"
        return f"last run {last}, last success {success}, {self.failures} failures since; watched from {self.since}"


class Work(Protocol):
    """What the timer is for. It may be interrupted anywhere, and done by several processes at once."""

    async def run(self) -> dict[str, int]:
        """Do what there is to do, within the time of one run; return how much of what was done."""
        ...

    async def step(self) -> dict[str, int]:
        """Do one bounded step of it."""
        ...


class Timer:
    """Runs the maintenance and says whether that goes on.

    On Azure the timer has a process of its own, and nothing makes sure that it runs: after a deployment timers were
    seen to stop for good while HTTP went on (Azure/azure-functions-host#11828), and one whose host storage cannot be
    reached at its start never fires (seen under host 4.1037). Processes know of each other by the row alone.
    """

    def __init__(self, tenant: Tenant, maintenance: Work) -> None:
        self._tenant = tenant
        self._maintenance = maintenance
        self._state = "ok"
        self._read_at: datetime | None = None

    async def run(self) -> dict[str, int]:
        """Run the maintenance, and write down that it ran and how it ended; return what was done."""
        await self._write(lambda runs, now: replace(runs, last_run=now))
        try:
            done = await self._maintenance.run()
        except Exception:
            await self._write(lambda runs, _: replace(runs, failures=runs.failures + 1))
            raise
        await self._write(lambda runs, now: replace(runs, last_success=now, failures=0))
        return done

    async def state(self) -> str:
        """Return "ok"; "late" when no run began for LATE; "failing" when runs begin and none succeeded for LATE.

        It is read once in FRESH, and then a line is logged if it is not "ok".
        """
        now = self._tenant.now()
        if self._read_at is None or now - self._read_at >= FRESH:
            self._read_at = now
            runs = await self._tenant.retried(self._watched)
            self._state = self._judged(runs, now)
            if self._state != "ok":
                logger.warning("maintenance is %s: %s", self._state, runs)
        return self._state

    async def catch_up(self) -> None:
        """Do one bounded step of the maintenance when that is not "ok", once in FRESH in each process.

        A request does it after its own work: what goes wrong is logged and does not concern its client.
        """
        if self._read_at is not None and self._tenant.now() - self._read_at < FRESH:
            return
        try:
            async with asyncio.timeout(CATCH_UP_SECONDS):
                if await self.state() != "ok":
                    logger.warning("a request did a step of the maintenance: %s", await self._maintenance.step())
        except (ScimError, TimeoutError) as error:
            logger.warning("a step of the maintenance failed: %s", error or "it took too long")
        except Exception:
            logger.exception("a step of the maintenance failed")

    async def _watched(self, _: int) -> Runs:
        """Return what is written down; where nothing is yet, it begins now."""
        row = await self._tenant.read(keys.MAINTENANCE)
        runs = _read(row)
        if runs is None:
            runs = Runs(self._tenant.time())
            await self._tenant.commit([_written(runs, row)])
        return runs

    async def _write(self, changed: Callable[[Runs, str], Runs]) -> None:
        async def attempt(_: int) -> None:
            row = await self._tenant.read(keys.MAINTENANCE)
            now = self._tenant.time()
            await self._tenant.commit([_written(changed(_read(row) or Runs(now), now), row)])

        with suppress(Newer):  # what that release writes down is not for this one to change; the work is done
            await self._tenant.retried(attempt)
        self._read_at = None

    def _judged(self, runs: Runs, now: datetime) -> str:
        def old(time: str) -> bool:
            return now - datetime.fromisoformat(time or runs.since) >= LATE

        return "late" if old(runs.last_run) else "failing" if old(runs.last_success) else "ok"


def _read(row: Row | None) -> Runs | None:
    """Return what a row says; None without one, or when it cannot be read: then it is written anew. Raises Newer."""
    if row is None:
        return None
    runs = unless_damaged(row, runs_in)
    if runs is None:
        logger.warning("the row %s cannot be read, and is written anew: %.100s", keys.MAINTENANCE, row.body)
    return runs


def runs_in(row: Row) -> Runs:
    """Return what a row says. Raises Damaged."""
    runs = Runs(**record_in(row, Runs))
    times = (runs.since, runs.last_run or runs.since, runs.last_success or runs.since)
    try:
        if all(datetime.fromisoformat(each).tzinfo for each in times):
            return runs
    except ValueError:
        pass
    raise Damaged(row.key, "one of its times is none")


def _written(runs: Runs, row: Row | None) -> RowChange:
    body = json.dumps(asdict(runs))
    return Replace(keys.MAINTENANCE, body, row.version) if row else Insert(keys.MAINTENANCE, body)
