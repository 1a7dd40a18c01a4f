"""One run from Test Connection to the comparison."""

from dataclasses import dataclass, field
from typing import Any

from scim.simulate.job.cleaning import clean, look, marked
from scim.simulate.job.cycles import CycleReport, Job, test_connection
from scim.simulate.job.dialect import Dialects
from scim.simulate.job.journal import Journal
from scim.simulate.job.progress import Progress
from scim.simulate.job.session import Ownership, Session
from scim.simulate.report.comparison import Difference
from scim.simulate.report.readback import Findings, ReadBack
from scim.simulate.source.directory import Directory
from scim.simulate.source.invention import Invention
from scim.simulate.source.turnover import Rates, Turnover
from scim.simulate.wire.endpoint import Endpoint, Kind
from scim.simulate.wire.failure import DROPPED, INCOMPATIBLE, TIMEOUT, Failure
from scim.simulate.wire.measures import Measures
from scim.simulate.wire.transport import Transport, Wire


class CannotStart(Exception):
    """The endpoint does not pass Test Connection; the text says what to change."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What to play and where. `invented` is false for a directory from a file."""

    wire: Wire
    directory: Directory
    invention: Invention
    invented: bool = True
    dialect: str = "both"
    match: str = "userName"
    cycles: int = 3
    rates: Rates = field(default_factory=Rates)
    delete_after: int = 2
    retries: int = 3
    concurrency: int = 8
    members_per_patch: int = 100
    page_size: int = 100
    clean: bool = False
    clean_only: bool = False


@dataclass(slots=True)
class Outcome:
    """What came of a run. `equal` is None when nothing was compared."""

    journal: Journal
    measures: Measures
    cycles: list[CycleReport] = field(default_factory=list)
    findings: Findings = field(default_factory=Findings)
    equal: bool | None = None
    waiting: int = 0
    given_up: int = 0
    quarantines: int = 0
    quarantine_reason: str = ""
    cleaned: int | None = None
    clean_failures: int = 0

    @property
    def differences(self) -> list[Difference]:
        return self.findings.differences

    @property
    def success(self) -> bool:
        return self.equal is not False and not self.clean_failures


async def simulate(plan: Plan, progress: Progress) -> Outcome:
    """Play the plan against its endpoint and return what came of it.

    Raises CannotStart when Test Connection fails; every later failure is part of the outcome.
    """
    async with Transport(plan.wire) as transport:
        endpoint = Endpoint(transport)
        ownership = Ownership(plan.directory, plan.invention.mark)
        session = Session(
            plan.directory, endpoint, Dialects(plan.dialect), ownership, plan.match, plan.members_per_patch
        )
        outcome = Outcome(session.journal, endpoint.measures)
        await _connect(plan, endpoint)
        if not plan.clean_only:
            await _play(plan, session, progress, outcome)
        if plan.clean or plan.clean_only:
            await _clean(plan, session, progress, outcome)
        return outcome


async def _connect(plan: Plan, endpoint: Endpoint) -> None:
    try:
        await test_connection(endpoint, plan.match)
    except Failure as failure:
        raise CannotStart(_advice(plan.wire.base, failure)) from failure


def _advice(url: str, failure: Failure) -> str:
    """Return one line that names the failure of Test Connection and what to change."""
    if failure.status in (401, 403):
        return f"{url} refused the token ({failure.status} {failure.detail}). Pass its secret token with --token."
    if failure.status == 404:
        return f"{url} has no /Users (404). Pass the Tenant URL, which ends before /Users, as .../scim/v2."
    if failure.code == DROPPED:
        return f"{url} cannot be reached: {failure.detail}. Check the Tenant URL, and that the endpoint runs."
    if failure.code == TIMEOUT:
        return f"{url} does not answer: {failure.detail}. Check the Tenant URL, or raise --timeout."
    if failure.code == INCOMPATIBLE:
        return f"{url} does not answer as SCIM does: {failure.detail}. Check the Tenant URL."
    return f"{url} fails Test Connection: {failure.status} {failure.code}: {failure.detail}. Repair the endpoint."


async def _play(plan: Plan, session: Session, progress: Progress, outcome: Outcome) -> None:
    await _look(plan, session)
    job = Job(session, plan.concurrency, progress)
    turnover = Turnover(plan.directory, plan.invention, plan.rates, plan.delete_after)
    await job.initial_cycle()
    for number in range(1, plan.cycles + 1):
        changed = turnover.cycle(number)
        await job.incremental_cycle(changed.people, changed.teams, changed.events)
    for _ in range(plan.retries):
        if not await job.retry_cycle():
            break
    outcome.findings = await ReadBack(session, plan.concurrency, plan.page_size, progress).run()
    outcome.cycles, outcome.equal = job.reports, not outcome.findings.differences
    outcome.waiting, outcome.given_up = len(job.escrow.waiting), len(job.escrow.given_up)
    outcome.quarantines, outcome.quarantine_reason = job.quarantine.entered, job.quarantine.reason


async def _look(plan: Plan, session: Session) -> None:
    """Remember what an earlier run left; without a list the run goes on as if there were none."""
    try:
        session.earlier = await look(session, plan.page_size)
    except Failure as failure:
        remark = f"Earlier runs are unknown, the lists cannot be read: {failure.code}: {failure.detail}"
        session.endpoint.measures.remarks[remark] += 1


async def _clean(plan: Plan, session: Session, progress: Progress, outcome: Outcome) -> None:
    failed = len(session.journal.failures)
    targets: dict[Kind, set[str]] = session.links.created
    if plan.invented:
        try:
            targets = await marked(session.endpoint, session.ownership, plan.page_size)
        except Failure as failure:
            raise CannotStart(f"{plan.wire.base} cannot be cleaned: {failure.code}: {failure.detail}") from failure
    outcome.cleaned = await clean(session, targets, plan.concurrency, progress)
    outcome.clean_failures = len(session.journal.failures) - failed


def as_json(plan: Plan, outcome: Outcome) -> dict[str, Any]:
    """Return the outcome as one document for machines; latencies in milliseconds."""
    measures = outcome.measures
    return {
        "endpoint": plan.wire.base,
        "seed": plan.invention.seed,
        "dialect": plan.dialect,
        "concurrency": plan.concurrency,
        "equal": outcome.equal,
        "success": outcome.success,
        "directory": {
            "users": len([person for person in plan.directory.people.values() if not person.gone]),
            "groups": len(plan.directory.live_teams()),
            "memberships": plan.directory.memberships(),
        },
        "cycles": [report.as_json() for report in outcome.cycles],
        "log": outcome.journal.summary(),
        "members": {"added": outcome.journal.members_added, "removed": outcome.journal.members_removed},
        "skipped": dict(outcome.journal.skipped),
        "requests": {kind: figures.summary() for kind, figures in sorted(measures.kinds.items())},
        "retries": {
            "throttled": measures.throttled,
            "unavailable": measures.unavailable,
            "waited_seconds": round(measures.waited, 2),
            "in_escrow": outcome.waiting,
            "given_up": outcome.given_up,
        },
        "quarantine": {"times": outcome.quarantines, "reason": outcome.quarantine_reason},
        "remarks": dict(measures.remarks),
        "failures": [failure.as_json() for failure in outcome.journal.failures],
        "differences": [difference.as_json() for difference in outcome.differences],
        "left_over": outcome.findings.left_over,
        "orphans": outcome.findings.orphans,
        "cleaned": outcome.cleaned,
    }
