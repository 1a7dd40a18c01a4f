"""What changes in the source between cycles."""

from collections import Counter

from scim.simulate.source.directory import Directory, Standing
from scim.simulate.source.invention import Invention
from scim.simulate.source.turnover import Changed, Rates, Turnover


def aged(cycles: int, rates: Rates | None = None) -> tuple[Directory, list[Changed]]:
    invention = Invention(4)
    directory = invention.directory(40, 5, 8)
    turnover = Turnover(directory, invention, rates or Rates(), delete_after=2)
    return directory, [turnover.cycle(number) for number in range(1, cycles + 1)]


def test_the_same_seed_changes_the_same() -> None:
    """A run can be repeated, its changes included."""
    assert aged(6) == aged(6)


def test_every_kind_of_event_occurs_within_six_cycles() -> None:
    """Joiners, movers, leavers, renames, restores, deletions and group changes are all played."""
    events: Counter[str] = Counter()
    for changed in aged(6)[1]:
        events.update(changed.events)

    kinds = {"joiners", "movers", "leavers", "renamed", "restored", "deleted"}
    assert events.keys() == kinds | {"teams changed", "teams renamed", "teams founded", "teams closed"}


def test_rates_of_zero_change_nothing() -> None:
    """A run can leave out a kind of change, or all."""
    directory, [changed] = aged(1, Rates(0, 0, 0, 0, 0, 0))

    assert changed == Changed([], [], {})
    assert directory == Invention(4).directory(40, 5, 8)


def test_a_leaver_is_disabled_first_and_deleted_after_the_pause() -> None:
    """Entra disables who leaves, and deletes when the source deletes for good."""
    rates = Rates(0, 0, leavers=5, renames=0, restores=0, teams=0)
    directory, changes = aged(3, rates)

    assert [changed.events for changed in changes] == [{"leavers": 2}, {"leavers": 2}, {"deleted": 2, "leavers": 2}]
    assert Counter(person.standing for person in directory.people.values()) == {
        Standing.PRESENT: 34,
        Standing.LEFT: 4,
        Standing.GONE: 2,
    }


def test_nobody_reports_to_a_leaver_and_memberships_stay_until_deletion() -> None:
    """The source moves reports up at once, and drops memberships only with the person."""
    directory, _ = aged(8)
    away = {key for key, person in directory.people.items() if person.standing is not Standing.PRESENT}
    gone = {key for key, person in directory.people.items() if person.gone}

    assert away > gone
    assert not [person for person in directory.present() if person.manager in away]
    assert not any(team.members & gone for team in directory.teams.values())


def test_whoever_differs_is_reported_as_changed() -> None:
    """An incremental cycle sees only what a delta query returns: nothing may change unreported."""
    invention = Invention(4)
    before, directory = Invention(4).directory(40, 5, 8), invention.directory(40, 5, 8)
    changed = Turnover(directory, invention, Rates(), delete_after=2).cycle(1)

    differing = {key for key, person in directory.people.items() if person != before.people.get(key)}
    differing_teams = {key for key, team in directory.teams.items() if team != before.teams.get(key)}
    assert differing <= set(changed.people)
    assert differing_teams <= set(changed.teams)
