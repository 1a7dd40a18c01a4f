"""The provisioning log: what was created, updated, disabled, deleted, skipped and failed, and why."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from scim.simulate.wire.failure import Failure


class Subject(StrEnum):
    """What an entry of the log, a stage of a cycle and a retry are about."""

    USER = "user"
    GROUP = "group"
    MANAGER = "manager"
    MEMBERS = "members"

    @property
    def reference(self) -> bool:
        return self in (Subject.MANAGER, Subject.MEMBERS)


class Action(StrEnum):
    """What came of evaluating an object."""

    CREATED = "created"
    UPDATED = "updated"
    DISABLED = "disabled"
    RESTORED = "restored"
    DELETED = "deleted"
    SKIPPED = "skipped"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Failed:
    """One failed attempt: the cycle (0 is the initial one), what it was about, and the endpoint's words."""

    cycle: int
    subject: Subject
    name: str
    code: str
    status: int | None
    detail: str

    def as_json(self) -> dict[str, Any]:
        return {
            "cycle": self.cycle,
            "subject": str(self.subject),
            "name": self.name,
            "code": self.code,
            "status": self.status,
            "detail": self.detail,
        }


@dataclass(slots=True)
class Journal:
    """Counts by subject and action, reasons for what was skipped, and every failure in order."""

    counts: Counter[tuple[Subject, Action]] = field(default_factory=Counter)
    skipped: Counter[str] = field(default_factory=Counter)
    failures: list[Failed] = field(default_factory=list)
    members_added: int = 0
    members_removed: int = 0

    def done(self, subject: Subject, action: Action) -> None:
        self.counts[subject, action] += 1

    def skip(self, subject: Subject, reason: str) -> None:
        self.counts[subject, Action.SKIPPED] += 1
        self.skipped[reason] += 1

    def failed(self, cycle: int, subject: Subject, name: str, failure: Failure) -> None:
        self.counts[subject, Action.FAILED] += 1
        self.failures.append(Failed(cycle, subject, name, failure.code, failure.status, failure.detail))

    def total(self, action: Action, subjects: Iterable[Subject] = Subject) -> int:
        return sum(self.counts[subject, action] for subject in subjects)

    def summary(self) -> dict[str, dict[str, int]]:
        """Return the counts as {subject: {action: number}}."""
        return {str(subject): {str(action): self.counts[subject, action] for action in Action} for subject in Subject}
