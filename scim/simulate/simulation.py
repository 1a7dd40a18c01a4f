"""One run from Test Connection to the comparison."""

from urllib.parse import urlsplit

from scim.simulate.job.cleaning import clean, look, marked
from scim.simulate.job.cycles import Job, test_connection
from scim.simulate.job.dialect import Dialects
from scim.simulate.job.progress import Progress
from scim.simulate.job.session import Ownership, Session
from scim.simulate.report.outcome import Outcome, Plan
from scim.simulate.report.readback import ReadBack
from scim.simulate.source.turnover import Turnover
from scim.simulate.wire.endpoint import Endpoint, Kind
from scim.simulate.wire.failure import DROPPED, INCOMPATIBLE, TIMEOUT, Failure
from scim.simulate.wire.transport import Transport


class CannotStart(Exception):
    """The endpoint does not pass Test Connection; the text says what to change."""


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
        raise CannotStart(advice(plan.wire.base, failure)) from failure


def advice(url: str, failure: Failure) -> str:
    """Return one line that names the failure of Test Connection and what to change."""
    if failure.status in (401, 403):
        return f"{url} refused the token ({failure.status} {failure.detail}). Pass its secret token with --token."
    if failure.status == 404:
        return f"{url} has no /Users (404). Pass the Tenant URL, which ends before /Users, as .../scim/v2."
    if failure.code == DROPPED:
        here = ": `make run` in another terminal" if urlsplit(url).hostname in ("127.0.0.1", "localhost", "::1") else ""
        return f"{url} cannot be reached: {failure.detail}. Check the Tenant URL, and that the endpoint runs{here}."
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
