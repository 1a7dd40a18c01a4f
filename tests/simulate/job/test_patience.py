"""Entra's retries and quarantine on the simulated clock."""

import pytest

from scim.simulate.job.patience import CYCLE_HOURS, Escrow, Quarantine
from scim.simulate.wire.failure import Failure

SLIP = Failure("EntryConflict", "taken", 409)


def test_retries_come_with_the_next_cycle_then_after_6_12_24_and_24_hours() -> None:
    """The pauses of the documentation, counted from each failure."""
    escrow: Escrow[str] = Escrow()
    now, pauses = 100.0, []
    for _ in range(6):
        escrow.failed("mira", now)
        due = escrow.next_due()
        assert due is not None
        pauses.append(due - now)
        now = due

    assert pauses == [0, 6, 12, 24, 24, 24]


def test_an_object_is_not_due_before_its_hour() -> None:
    """Between retries nothing is sent for it."""
    escrow: Escrow[str] = Escrow()
    escrow.failed("mira", 0.0)
    escrow.failed("mira", 0.0)

    assert escrow.due(5.9) == []
    assert escrow.due(6.0) == ["mira"]


def test_a_success_ends_the_escrow() -> None:
    """The next failure starts over with the shortest pause."""
    escrow: Escrow[str] = Escrow()
    escrow.failed("mira", 0.0)
    escrow.failed("mira", 1.0)
    escrow.succeeded("mira")
    escrow.failed("mira", 50.0)

    assert escrow.next_due() == 50.0


def test_an_object_is_given_up_after_28_days() -> None:
    """A permanent failure ends, so the job ends too."""
    escrow: Escrow[str] = Escrow()
    escrow.failed("mira", 0.0)
    while (due := escrow.next_due()) is not None:
        assert due <= 28 * 24
        escrow.failed("mira", due)

    assert escrow.given_up == {"mira"}


@pytest.mark.parametrize(
    ("failures", "successes", "quarantined"),
    [(4_999, 0, False), (5_000, 7_500, False), (5_000, 7_499, True), (40_000, 400_000, False), (40_001, 400_000, True)],
)
def test_volume_quarantines_from_5000_failures_above_40_percent_or_above_40000(
    failures: int, successes: int, quarantined: bool
) -> None:
    """The thresholds of the documentation, each from both sides."""
    quarantine = Quarantine(attempts=failures + successes - 1, failures=failures - 1)
    quarantine.failed(SLIP, False, 0.0)

    assert (quarantine.since is not None) is quarantined


def test_reference_failures_count_in_the_absolute_limit_only() -> None:
    """Members that fail do not quarantine by share, only above 60,000 in all."""
    quarantine = Quarantine(reference_failures=59_999)
    quarantine.failed(SLIP, True, 0.0)
    assert quarantine.since is None

    quarantine.failed(SLIP, True, 0.0)
    assert quarantine.since == 0.0


@pytest.mark.parametrize(
    "failure", [Failure("x", "", 401), Failure("x", "", 403), Failure("x", "", 404, quarantines=True)]
)
def test_refused_credentials_and_404_for_200_quarantine_at_once(failure: Failure) -> None:
    """One such answer stops the cycle; the next comes a day later."""
    quarantine = Quarantine()
    quarantine.failed(failure, False, 8.0)

    assert quarantine.halted
    assert quarantine.since == 8.0
    assert quarantine.interval() == 24


def test_the_first_success_of_a_later_cycle_lifts_the_quarantine() -> None:
    """Successes beside the failures of the same cycle do not."""
    quarantine = Quarantine()
    quarantine.failed(Failure("x", "", 401), False, 0.0)
    quarantine.succeeded()
    assert quarantine.since == 0.0

    quarantine.start_cycle()
    quarantine.succeeded()
    assert quarantine.since is None
    assert quarantine.interval() == CYCLE_HOURS


def test_more_than_four_weeks_of_quarantine_disable_the_job() -> None:
    """Entra switches it off; an administrator has to start it again."""
    quarantine = Quarantine(since=0.0)

    assert not quarantine.disabled(28 * 24)
    assert quarantine.disabled(28 * 24 + 1)
