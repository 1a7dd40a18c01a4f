"""The provisioning job: cycles in Entra's order, with its retries and its quarantine."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

from scim.simulate.job.journal import Subject
from scim.simulate.job.patience import Clock, Escrow, Quarantine
from scim.simulate.job.people import People
from scim.simulate.job.progress import Progress
from scim.simulate.job.references import References
from scim.simulate.job.session import Session
from scim.simulate.job.teams import MATCH, Teams
from scim.simulate.wire.endpoint import Endpoint, Kind
from scim.simulate.wire.failure import INCOMPATIBLE, Failure

Work = Callable[[str], Awaitable[None]]
Task = tuple[Subject, str]


async def test_connection(endpoint: Endpoint, match: str) -> None:
    """Look for a user and a group that do not exist, as the button "Test Connection" does.

    Raises Failure when the answer is not an empty list.
    """
    for kind, attribute in ((Kind.USERS, match), (Kind.GROUPS, MATCH)):
        found = await endpoint.match(kind, attribute, str(uuid4()))
        if found:
            detail = f"{len(found)} {kind} answer a filter on a random {attribute}: the filter is ignored"
            raise Failure(INCOMPATIBLE, detail, 200)


async def each(keys: Sequence[str], work: Work, concurrency: int) -> None:
    """Do the work for every key, at most `concurrency` at a time, begun in the order of the keys."""
    waiting = iter(keys)

    async def worker() -> None:
        for key in waiting:
            await work(key)

    async with asyncio.TaskGroup() as group:
        for _ in range(min(concurrency, len(keys))):
            group.create_task(worker())


@dataclass(frozen=True, slots=True)
class CycleReport:
    """One cycle: its name, the simulated hour of its start, what changed in the source, failures in it."""

    name: str
    hour: float
    events: dict[str, int]
    evaluated: int
    failed: int
    quarantined: bool

    def as_json(self) -> dict[str, Any]:
        return {
            "name": self.name,
            "hour": round(self.hour, 2),
            "events": self.events,
            "evaluated": self.evaluated,
            "failed": self.failed,
            "quarantined": self.quarantined,
        }


class Job:
    """Runs cycles over one session; never waits for simulated time."""

    def __init__(self, session: Session, concurrency: int, progress: Progress) -> None:
        self.session = session
        self.clock = Clock()
        self.escrow: Escrow[Task] = Escrow()
        self.quarantine = Quarantine()
        self.reports: list[CycleReport] = []
        self._concurrency = concurrency
        self._progress = progress
        people, teams, references = People(session), Teams(session), References(session)
        # Entra's order: users, groups, then the references between them.
        self._stages: tuple[tuple[Subject, str, Work], ...] = (
            (Subject.USER, "users", people.evaluate),
            (Subject.GROUP, "groups", teams.evaluate),
            (Subject.MANAGER, "managers", references.manager),
            (Subject.MEMBERS, "members", references.members),
        )

    async def initial_cycle(self) -> None:
        """Evaluate everybody and every team."""
        directory = self.session.directory
        await self._cycle("Initial cycle", directory.people, directory.teams, {})

    async def incremental_cycle(
        self, people: Iterable[str], teams: Iterable[str], events: dict[str, int], name: str = "Incremental cycle"
    ) -> None:
        """Evaluate what changed, what the last cycle did not reach, and the retries that are due."""
        self.clock.advance_to(self.clock.now + self.quarantine.interval())
        self.session.cycle += 1
        await self._cycle(f"{name} {self.session.cycle}", people, teams, events)

    async def retry_cycle(self) -> bool:
        """Jump to the next retry and run a cycle; return False when nothing is left to do."""
        due = self.escrow.next_due()
        if (due is None and not any(self.session.pending.values())) or self.quarantine.disabled(self.clock.now):
            return False
        # incremental_cycle adds one interval: stop short of the retry by as much.
        self.clock.advance_to((due or 0.0) - self.quarantine.interval())
        await self.incremental_cycle((), (), {}, "Retry cycle")
        return True

    async def _cycle(self, name: str, people: Iterable[str], teams: Iterable[str], events: dict[str, int]) -> None:
        for key in people:
            self.session.queue(Subject.USER, key)
        for key in teams:
            self.session.queue(Subject.GROUP, key)
        self.quarantine.start_cycle()
        failed = len(self.session.journal.failures)
        evaluated = 0
        if not self.quarantine.disabled(self.clock.now) and await self._preflight():
            due = self.escrow.due(self.clock.now)
            for subject, stage, work in self._stages:
                keys = {key: None for about, key in due if about is subject} | self.session.pending[subject]
                evaluated += await self._stage(f"{name}: {stage}", subject, list(keys), work)
        failures = len(self.session.journal.failures) - failed
        quarantined = self.quarantine.since is not None
        self.reports.append(CycleReport(name, self.clock.now, events, evaluated, failures, quarantined))

    async def _preflight(self) -> bool:
        """Test the connection before the cycle; a failure is one of the whole job."""
        try:
            await test_connection(self.session.endpoint, self.session.match)
        except Failure as failure:
            self.session.journal.failed(self.session.cycle, Subject.USER, "Test Connection", failure)
            self.quarantine.failed(failure, False, self.clock.now)
            return not self.quarantine.halted
        return True

    async def _stage(self, title: str, subject: Subject, keys: list[str], work: Work) -> int:
        """Evaluate the keys and return how many; those after a halt stay pending for the next cycle."""
        evaluated = 0
        with self._progress.stage(title, len(keys)) as advance:

            async def one(key: str) -> None:
                nonlocal evaluated
                if not self.quarantine.halted:
                    await self._attempt(subject, key, work)
                    evaluated += 1
                advance()

            await each(keys, one, self._concurrency)
        return evaluated

    async def _attempt(self, subject: Subject, key: str, work: Work) -> None:
        self.session.pending[subject].pop(key, None)
        try:
            await work(key)
        except Failure as failure:
            self.session.journal.failed(self.session.cycle, subject, self._name(subject, key), failure)
            self.escrow.failed((subject, key), self.clock.now)
            self.quarantine.failed(failure, subject.reference, self.clock.now)
        else:
            self.escrow.succeeded((subject, key))
            self.quarantine.succeeded(subject.reference)

    def _name(self, subject: Subject, key: str) -> str:
        directory = self.session.directory
        in_people = subject in (Subject.USER, Subject.MANAGER)
        return directory.people[key].name if in_people else directory.teams[key].name
