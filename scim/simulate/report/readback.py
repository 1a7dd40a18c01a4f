"""Reads the endpoint back after the last cycle and compares it with the source."""

from dataclasses import dataclass, field

from scim.simulate.job.cycles import each
from scim.simulate.job.journal import Subject
from scim.simulate.job.progress import Progress
from scim.simulate.job.session import Session
from scim.simulate.report.comparison import (
    Difference,
    compare_active,
    compare_attributes,
    compare_manager,
    compare_members,
)
from scim.simulate.source.directory import Person, Standing, Team
from scim.simulate.wire.endpoint import Kind, Resource
from scim.simulate.wire.failure import Failure
from scim.simulate.wire.walk import walk

_ATTEMPTS = 5
DELETED = "read deleted"
"""What the requests are called that look whether something is gone; 404 is what they expect."""


@dataclass(slots=True)
class Findings:
    """What differs, and how many resources lie beside those of this run.

    `left_over` are of an earlier run. `orphans` come from a creation whose answer was lost, and whose source
    was renamed or deleted before the retry: Entra would leave them too, and the endpoint did no wrong.
    """

    differences: list[Difference] = field(default_factory=list)
    left_over: int = 0
    orphans: int = 0
    read: int = 0


class ReadBack:
    """Compares every object by its id at the target, then walks the lists for what should not be there."""

    def __init__(self, session: Session, concurrency: int, page_size: int, progress: Progress) -> None:
        self._session = session
        self._links = session.links
        self._concurrency = concurrency
        self._page_size = page_size
        self._progress = progress
        self._findings = Findings()
        people = session.directory.people
        self._names = {target: people[key].name for key, target in session.links.people.items()}
        self._names |= {
            target: f"{people[key].name} (deleted)" for key, target in self._links.deleted[Kind.USERS].items()
        }

    async def run(self) -> Findings:
        directory = self._session.directory
        with self._progress.stage("Read back: users", len(directory.people)) as advance:

            async def person(key: str) -> None:
                await self._person(directory.people[key])
                advance()

            await each(list(directory.people), person, self._concurrency)
        with self._progress.stage("Read back: groups", len(directory.teams)) as advance:

            async def team(key: str) -> None:
                await self._team(directory.teams[key])
                advance()

            await each(list(directory.teams), team, self._concurrency)
        with self._progress.stage("Read back: lists", len(Kind)) as advance:
            for kind in Kind:
                await self._extras(kind)
                advance()
        return self._findings

    def _differ(self, subject: Subject, name: str, expected: str, found: str) -> None:
        self._findings.differences.append(Difference(subject, name, "", expected, found))

    async def _read(self, kind: Kind, subject: Subject, name: str, identifier: str) -> Resource | None:
        """Return a resource, None with a difference noted when it is missing or cannot be read."""
        resource, failure = await self._try(kind, identifier, "read back")
        if resource is None and failure is not None:
            found = "nothing" if failure.status == 404 else f"unreadable: {failure.code}: {failure.detail}"
            self._differ(subject, name, f"id {identifier}", found)
        return resource

    async def _try(self, kind: Kind, identifier: str, label: str) -> tuple[Resource | None, Failure | None]:
        """Read a resource, again after an outage, for one lost answer says nothing of the directory."""
        failure: Failure | None = None
        for _ in range(_ATTEMPTS):
            try:
                resource = await self._session.endpoint.read(kind, identifier, "", f"{label} {kind}")
            except Failure as error:
                failure = error
                if error.status is not None and error.status < 500:
                    break
            else:
                self._findings.read += 1
                return resource, None
        return None, failure

    async def _gone(self, kind: Kind, subject: Subject, name: str, target: str | None) -> None:
        if target is None:
            return
        _, failure = await self._try(kind, target, DELETED)
        if failure is None:
            self._differ(subject, name, "deleted", f"still there, id {target}")
        elif failure.status != 404:
            self._differ(subject, name, "deleted: 404", f"{failure.status or failure.code}: {failure.detail}")

    async def _person(self, person: Person) -> None:
        target = self._links.people.get(person.key)
        if person.standing is Standing.GONE:
            deleted = target or self._links.deleted[Kind.USERS].get(person.key)
            await self._gone(Kind.USERS, Subject.USER, person.name, deleted)
            return
        if target is None:
            # Entra never provisions who is disabled from the start.
            if person.standing is Standing.PRESENT:
                self._differ(Subject.USER, person.name, "a user", "never created or matched")
            return
        resource = await self._read(Kind.USERS, Subject.USER, person.name, target)
        if resource is not None:
            self._findings.differences += self._compare(person, resource)

    def _compare(self, person: Person, resource: Resource) -> list[Difference]:
        active = person.standing is Standing.PRESENT
        # A disabled user keeps what was written last.
        frozen = person.key in self._links.unmanaged
        attributes = self._links.written[person.key] if frozen else person.attributes
        differences = compare_attributes(Subject.USER, person.name, attributes, resource)
        differences += compare_active(person.name, active, resource)
        if active:
            manager = self._links.people.get(person.manager) if person.manager else None
            differences += compare_manager(person.name, manager, resource, self._names)
        return differences

    async def _team(self, team: Team) -> None:
        target = self._links.teams.get(team.key)
        if team.gone:
            deleted = target or self._links.deleted[Kind.GROUPS].get(team.key)
            await self._gone(Kind.GROUPS, Subject.GROUP, team.name, deleted)
            return
        if target is None:
            self._differ(Subject.GROUP, team.name, "a group", "never created or matched")
            return
        resource = await self._read(Kind.GROUPS, Subject.GROUP, team.name, target)
        if resource is not None:
            expected = {self._links.people[key] for key in team.members if key in self._links.people}
            self._findings.differences += compare_attributes(Subject.GROUP, team.name, team.attributes, resource)
            self._findings.differences += compare_members(team.name, expected, resource, self._names)

    async def _extras(self, kind: Kind) -> None:
        """Find what is listed and should not be, and what should be and is not."""
        subject = Subject.USER if kind is Kind.USERS else Subject.GROUP
        try:
            listing = await walk(self._session.endpoint, kind, self._page_size)
        except Failure as failure:
            self._differ(subject, f"GET /{kind}", "a list", f"{failure.code}: {failure.detail}")
            return
        for problem in listing.problems:
            self._differ(subject, f"GET /{kind}", "every resource once", problem)
        linked = self._links.people if kind is Kind.USERS else self._links.teams
        sources = self._session.directory.people if kind is Kind.USERS else self._session.directory.teams
        for key, target in linked.items():
            if target not in listing.entries:
                self._differ(subject, sources[key].name, "in the list", "missing from the list")
        keys = {source.attributes["externalId"]: key for key, source in sources.items()}
        known = set(linked.values()) | set(self._links.deleted[kind].values())
        for entry in self._session.ownership.of(kind, listing):
            if entry.id in known:
                continue
            if entry.id in self._session.earlier.all_ids[kind]:
                self._findings.left_over += 1
            elif self._session.recover(kind, keys.get(entry.external_id or "", ""), entry.id):
                self._findings.orphans += 1
            else:
                self._differ(subject, entry.name, "nothing", f"one more, id {entry.id}")
