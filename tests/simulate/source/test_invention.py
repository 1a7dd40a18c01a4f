"""The invented directory."""

from scim.simulate.source.invention import Invention
from scim.simulate.source.mapping import COLUMNS


def test_the_same_seed_invents_the_same_directory() -> None:
    """A second run meets the objects of the first, so it matches and updates instead of creating."""
    assert Invention(3).directory(30, 4, 5) == Invention(3).directory(30, 4, 5)


def test_another_seed_shares_no_key_and_no_name() -> None:
    """Two runs with different seeds can use one endpoint side by side."""
    one, two = Invention(1).directory(30, 4, 5), Invention(2).directory(30, 4, 5)

    assert not one.people.keys() & two.people.keys()
    assert not {person.name for person in one.people.values()} & {person.name for person in two.people.values()}
    assert not {team.name for team in one.teams.values()} & {team.name for team in two.teams.values()}


def test_a_larger_directory_begins_with_the_smaller_one() -> None:
    """A person depends on the seed and the number alone, so a directory can grow between runs."""
    small, large = Invention(5).directory(10, 0, 0), Invention(5).directory(40, 0, 0)

    assert small.people.items() <= large.people.items()


def test_every_attribute_of_the_mapping_occurs_and_some_lack() -> None:
    """Absent values matter: a mover who gains one makes Entra send Add in place of Replace."""
    people = Invention(1).directory(200, 0, 0).people.values()

    assert {path for person in people for path in person.attributes} == set(COLUMNS.values())
    assert any(len(person.attributes) < len(COLUMNS) for person in people)
    assert all(value for person in people for value in person.attributes.values())


def test_everybody_but_the_first_has_a_manager_who_exists() -> None:
    """The managers form one tree."""
    directory = Invention(1).directory(50, 0, 0)
    without = [person for person in directory.people.values() if person.manager is None]

    assert len(without) == 1
    assert all(person.manager in directory.people for person in directory.people.values() if person.manager)


def test_teams_have_the_size_asked_for_at_most_everybody() -> None:
    """The number of members is exact, so a run of a given size costs the same each time."""
    assert [len(team.members) for team in Invention(1).directory(20, 3, 6).teams.values()] == [6, 6, 6]
    assert [len(team.members) for team in Invention(1).directory(4, 1, 6).teams.values()] == [4]


def test_names_carry_the_mark_of_the_seed() -> None:
    """The mark is how a later run, and --clean, know what is the simulator's."""
    invention = Invention(12)
    directory = invention.directory(5, 2, 2)

    assert all(invention.mark.on_user(person.name) for person in directory.people.values())
    assert all(invention.mark.on_group(team.name) for team in directory.teams.values())
    assert not Invention(2).mark.on_user("mira.solberg.0@seed12.simulate.example")
    assert not invention.mark.on_group("Payroll 1 (seed 1)")
