"""What is played, and what came of it."""

from dataclasses import dataclass, field
from typing import Any

from scim.simulate.job.cycles import CycleReport
from scim.simulate.job.journal import Journal
from scim.simulate.report.comparison import Difference
from scim.simulate.report.readback import Findings
from scim.simulate.source.directory import Directory
from scim.simulate.source.invention import Invention
from scim.simulate.source.turnover import Rates
from scim.simulate.wire.measures import Measures
from scim.simulate.wire.transport import Wire


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
