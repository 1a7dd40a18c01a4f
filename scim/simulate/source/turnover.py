"""What changes in the source between two cycles: joiners, movers, leavers, renames, restores, teams."""

from collections import Counter
from dataclasses import dataclass
from random import Random
from zlib import crc32

from scim.simulate.source.directory import Directory, Person, Standing, Team
from scim.simulate.source.invention import Invention, chance, department, family_name, plain, residence
from scim.simulate.source.mapping import COLUMNS, EMAIL

_FOUNDERS = 25


@dataclass(frozen=True, slots=True)
class Rates:
    """Percent of the people (teams: of the teams) that change in one cycle; above 0 at least one does.

    `restores` is the chance in percent that a leaver comes back in the next cycle.
    """

    joiners: float = 2
    movers: float = 5
    leavers: float = 3
    renames: float = 1
    restores: float = 50
    teams: float = 20


@dataclass(frozen=True, slots=True)
class Changed:
    """The keys that a delta query would return, and how many events of each kind there were."""

    people: list[str]
    teams: list[str]
    events: dict[str, int]


class Turnover:
    """Ages a directory cycle by cycle; deterministic for a seed, whatever the endpoint does."""

    def __init__(self, directory: Directory, invention: Invention, rates: Rates, delete_after: int) -> None:
        self.directory = directory
        self.invention = invention
        self.rates = rates
        self.delete_after = delete_after
        self._people: dict[str, None] = {}
        self._teams: dict[str, None] = {}
        self._events: Counter[str] = Counter()

    def cycle(self, number: int) -> Changed:
        """Change the directory as the time before incremental cycle `number` (from 1) would."""
        self._people, self._teams, self._events = {}, {}, Counter()
        source = chance(self.invention.seed, f"cycle/{number}")
        self._delete(number)
        self._restore(source, number)
        self._leave(source, number)
        self._move(source)
        self._rename(source)
        self._join(source)
        self._regroup(source)
        return Changed(list(self._people), list(self._teams), dict(self._events))

    def _pick(self, source: Random, people: list[Person], percent: float) -> list[Person]:
        if percent <= 0 or not people:
            return []
        return source.sample(people, min(len(people), max(1, round(len(people) * percent / 100))))

    def _touch(self, event: str, person: Person) -> None:
        self._events[event] += 1
        self._people[person.key] = None

    def _delete(self, number: int) -> None:
        """Delete for good who left long enough ago; the source drops the memberships itself."""
        for person in self.directory.people.values():
            if person.standing is Standing.LEFT and 0 < person.left_in <= number - self.delete_after:
                person.standing = Standing.GONE
                for team in self.directory.teams.values():
                    team.members.discard(person.key)
                self._touch("deleted", person)

    def _restore(self, source: Random, number: int) -> None:
        # Who is disabled in a loaded file stays so: left_in is 0, nobody saw them leave.
        left = [
            person
            for person in self.directory.people.values()
            if person.standing is Standing.LEFT and 0 < person.left_in < number
        ]
        for person in left:
            if source.random() * 100 >= self.rates.restores:
                continue
            person.standing, person.left_in = Standing.PRESENT, 0
            self._touch("restored", person)

    def _leave(self, source: Random, number: int) -> None:
        """Let people leave; their reports move up, their memberships stay until they are deleted."""
        restored = self._people
        stayers = [person for person in self.directory.present() if person.key not in restored]
        for person in self._pick(source, stayers, self.rates.leavers):
            person.standing, person.left_in = Standing.LEFT, number
            self._touch("leavers", person)
            for report in self.directory.reports(person.key):
                report.manager = person.manager if person.manager != report.key else None
                if report.standing is Standing.PRESENT:
                    self._people[report.key] = None

    def _move(self, source: Random) -> None:
        """Move people to another place and department; one in five gets another manager or none."""
        present = self.directory.present()
        for person in self._pick(source, present, self.rates.movers):
            moved = {COLUMNS[name]: value for name, value in residence(source).items()}
            person.attributes |= moved | {COLUMNS["department"]: department(source)}
            if source.random() < 0.2:
                boss = source.choice(present)
                person.manager = None if boss.key == person.key else boss.key
            self._touch("movers", person)

    def _rename(self, source: Random) -> None:
        """Give people another family name, and with it another user name and address."""
        for person in self._pick(source, self.directory.present(), self.rates.renames):
            given, family = person.attributes.get(COLUMNS["givenName"], "x"), family_name(source)
            login = f"{plain(given)}.{plain(family)}.{crc32(person.key.encode()):08x}{person.domain}"
            person.attributes |= {COLUMNS["familyName"]: family, "userName": login, EMAIL: login}
            self._touch("renamed", person)

    def _join(self, source: Random) -> None:
        present, teams = self.directory.present(), self.directory.live_teams()
        for boss in self._pick(source, present, self.rates.joiners):
            person = self.invention.person()
            person.manager = boss.key
            self.directory.add_person(person)
            self._touch("joiners", person)
            if teams:
                team = source.choice(teams)
                team.members.add(person.key)
                self._teams[team.key] = None

    def _regroup(self, source: Random) -> None:
        """Swap members in some teams, rename one, found one and close one."""
        teams, present = self.directory.live_teams(), self.directory.present()
        if not teams or self.rates.teams <= 0:
            return
        for team in source.sample(teams, max(1, round(len(teams) * min(self.rates.teams, 100) / 100))):
            self._swap(source, team, present)
        renamed = source.choice(teams)
        self._rename_team(renamed)
        founded = self.invention.team(present, min(len(renamed.members), _FOUNDERS))
        self.directory.add_team(founded)
        self._touch_team("founded", founded)
        if len(teams) > 2:
            closed = source.choice([team for team in teams if team is not renamed])
            closed.gone = True
            self._touch_team("closed", closed)

    def _touch_team(self, event: str, team: Team) -> None:
        self._events[f"teams {event}"] += 1
        self._teams[team.key] = None

    def _swap(self, source: Random, team: Team, present: list[Person]) -> None:
        outsiders = [person.key for person in present if person.key not in team.members]
        size = max(1, len(team.members) // 10)
        leaving = source.sample(sorted(team.members), min(size, len(team.members)))
        team.members.difference_update(leaving)
        team.members.update(source.sample(outsiders, min(size, len(outsiders))))
        self._touch_team("changed", team)

    def _rename_team(self, team: Team) -> None:
        """Put the team's name between "New" and the mark, or take the "New" away again."""
        name = team.name
        team.attributes["displayName"] = name.removeprefix("New ") if name.startswith("New ") else f"New {name}"
        self._touch_team("renamed", team)
