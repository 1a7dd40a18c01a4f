"""Entra's patience on a simulated clock: when a failed object is tried again, when a job is quarantined."""

from collections.abc import Hashable
from dataclasses import dataclass
from typing import Generic, TypeVar

from scim.simulate.wire.failure import Failure

Task = TypeVar("Task", bound=Hashable)

CYCLE_HOURS = 40 / 60
QUARANTINE_HOURS = 24.0
DISABLED_AFTER_HOURS = 28 * 24.0
GIVEN_UP_AFTER_HOURS = 28 * 24.0
# After the first failure the next cycle tries again; then the pauses grow, and the last one repeats.
_PAUSES = (0.0, 6.0, 12.0, 24.0)

_EVALUATED_FROM = 5_000
_SHARE = 0.4
_FAILURES = 40_000
_WITH_REFERENCES = 60_000


@dataclass(slots=True)
class Clock:
    """Simulated hours since the job began; nobody waits for them."""

    now: float = 0.0

    def advance_to(self, hours: float) -> None:
        self.now = max(self.now, hours)


@dataclass(slots=True)
class Waiting:
    """An object in escrow: the hour of its first failure, their number, the hour of the next retry."""

    since: float
    failures: int
    due: float


class Escrow(Generic[Task]):
    """Objects that failed, each with the simulated hour of its next retry; given up after 28 days."""

    def __init__(self) -> None:
        self.waiting: dict[Task, Waiting] = {}
        self.given_up: set[Task] = set()

    def failed(self, task: Task, now: float) -> None:
        entry = self.waiting.setdefault(task, Waiting(now, 0, now))
        entry.due = now + _PAUSES[min(entry.failures, len(_PAUSES) - 1)]
        entry.failures += 1
        if entry.due - entry.since > GIVEN_UP_AFTER_HOURS:
            del self.waiting[task]
            self.given_up.add(task)

    def succeeded(self, task: Task) -> None:
        self.waiting.pop(task, None)
        self.given_up.discard(task)

    def due(self, now: float) -> list[Task]:
        return [task for task, entry in self.waiting.items() if entry.due <= now]

    def next_due(self) -> float | None:
        """Return the hour of the earliest retry, None when nothing waits."""
        return min((entry.due for entry in self.waiting.values()), default=None)


@dataclass(slots=True)
class Quarantine:
    """The health of the job: counts of the running cycle, and since when it is quarantined, if it is."""

    since: float | None = None
    reason: str = ""
    halted: bool = False  # the running cycle is over
    entered: int = 0
    attempts: int = 0  # without references, as are the failures
    failures: int = 0
    reference_failures: int = 0
    _old: bool = False

    def start_cycle(self) -> None:
        self.attempts = self.failures = self.reference_failures = 0
        self.halted = False
        self._old = self.since is not None

    def succeeded(self, reference: bool = False) -> None:
        """Count a success; the first one after the cycle that failed lifts the quarantine."""
        self.attempts += not reference
        if self._old:
            self.since, self.reason, self._old = None, "", False

    def failed(self, failure: Failure, reference: bool, now: float) -> None:
        self.attempts += not reference
        self.failures += not reference
        self.reference_failures += reference
        if failure.quarantines:
            self.halted = True
            self._enter(f"{failure.code}: {failure.detail}", now)
        elif self._too_many():
            self._enter(f"{self.failures + self.reference_failures} failures in one cycle", now)

    def _too_many(self) -> bool:
        """Apply the volume rules: references count in the absolute limit only."""
        if self.failures + self.reference_failures > _WITH_REFERENCES:
            return True
        share = self.failures / self.attempts if self.attempts else 0.0
        return self.failures >= _EVALUATED_FROM and (share > _SHARE or self.failures > _FAILURES)

    def _enter(self, reason: str, now: float) -> None:
        if self.since is None:
            self.since, self.reason = now, reason
            self.entered += 1

    def interval(self) -> float:
        """Return the hours to the next cycle: 40 minutes, a day in quarantine."""
        return CYCLE_HOURS if self.since is None else QUARANTINE_HOURS

    def disabled(self, now: float) -> bool:
        """Say whether the job has been quarantined for more than four weeks and is switched off."""
        return self.since is not None and now - self.since > DISABLED_AFTER_HOURS
