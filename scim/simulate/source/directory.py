"""The source directory: people, their managers, teams and who belongs to them."""

from dataclasses import dataclass, field
from enum import Enum


class Standing(Enum):
    """Where a person stands in the source directory."""

    PRESENT = "present"
    LEFT = "left"  # disabled, unassigned or in the recycle bin: Entra disables the account
    GONE = "gone"  # deleted for good: Entra deletes the account


@dataclass(slots=True)
class Person:
    """One user: `key` is the object id in the source, `attributes` maps target paths to values."""

    key: str
    attributes: dict[str, str]
    manager: str | None = None
    standing: Standing = Standing.PRESENT
    left_in: int = 0

    @property
    def name(self) -> str:
        return self.attributes["userName"]

    @property
    def domain(self) -> str:
        """The part of the user name from the @ on; empty when it has none."""
        at = self.name.rfind("@")
        return self.name[at:] if at >= 0 else ""

    @property
    def gone(self) -> bool:
        return self.standing is Standing.GONE


@dataclass(slots=True)
class Team:
    """One group: `members` holds the keys of people."""

    key: str
    attributes: dict[str, str]
    members: set[str] = field(default_factory=set)
    gone: bool = False

    @property
    def name(self) -> str:
        return self.attributes["displayName"]


@dataclass(frozen=True, slots=True)
class Mark:
    """How the names of invented objects end, so that a later run knows them again."""

    seed: int

    @property
    def domain(self) -> str:
        return f"@seed{self.seed}.simulate.example"

    @property
    def suffix(self) -> str:
        return f" (seed {self.seed})"

    def on_user(self, user_name: str) -> bool:
        return user_name.casefold().endswith(self.domain)

    def on_group(self, display_name: str) -> bool:
        return display_name.casefold().endswith(self.suffix)


@dataclass(slots=True)
class Directory:
    """Everybody and every team that ever was in the source, by key, the gone ones included."""

    people: dict[str, Person] = field(default_factory=dict)
    teams: dict[str, Team] = field(default_factory=dict)

    def add_person(self, person: Person) -> None:
        self.people[person.key] = person

    def add_team(self, team: Team) -> None:
        self.teams[team.key] = team

    def present(self) -> list[Person]:
        return [person for person in self.people.values() if person.standing is Standing.PRESENT]

    def live_teams(self) -> list[Team]:
        return [team for team in self.teams.values() if not team.gone]

    def reports(self, key: str) -> list[Person]:
        """Return the people whose manager is `key`."""
        return [person for person in self.people.values() if person.manager == key]

    def memberships(self) -> int:
        return sum(len(team.members) for team in self.live_teams())
