"""The second pass of a cycle: managers and members, in PATCH requests of their own."""

from collections.abc import Iterator, Sequence

from scim.simulate.job.journal import Action, Subject
from scim.simulate.job.session import Session
from scim.simulate.source.directory import Standing
from scim.simulate.wire.endpoint import Kind


class References:
    """Writes the attributes that point to other objects, once those exist at the target."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._links = session.links

    async def manager(self, key: str) -> None:
        """Write a person's manager if the target shows another one. Raises Failure when refused."""
        person = self._session.directory.people[key]
        target = self._links.people.get(key)
        if target is None or person.standing is not Standing.PRESENT:
            return
        wanted = self._links.people.get(person.manager) if person.manager else None
        if person.manager and wanted is None:
            self._session.journal.skip(Subject.MANAGER, "The manager is not provisioned")
            return
        # After a lost answer nobody knows what the target shows: then write in any case.
        known = key in self._links.managers
        shown = self._links.managers.pop(key, None)
        if not known or wanted != shown:
            dialect = self._session.dialect(key)
            body = dialect.manager(wanted, absent=known and shown is None) if wanted else dialect.no_manager()
            await self._session.endpoint.patch(Kind.USERS, target, body, "patch manager")
            self._session.journal.done(Subject.MANAGER, Action.UPDATED)
        self._links.managers[key] = wanted

    async def members(self, key: str) -> None:
        """Add and remove members. Raises Failure when refused; what was written before is remembered.

        The initial cycle adds every member, for Entra does not read who is there; a later one what changed.
        """
        team = self._session.directory.teams[key]
        target = self._links.teams.get(key)
        if target is None or team.gone:
            return
        wanted = {self._links.people[member] for member in team.members if member in self._links.people}
        sent, doubtful = self._links.members[key], self._links.doubtful.setdefault(key, set())
        joining = sorted(wanted if self._session.cycle == 0 else wanted - (sent - doubtful))
        leaving = sorted((sent | doubtful) - wanted)
        dialect = self._session.dialect(key)
        for batch in self._batches(joining):
            doubtful.update(batch)
            await self._session.endpoint.patch(Kind.GROUPS, target, dialect.add_members(batch), "add members")
            sent.update(batch)
            doubtful.difference_update(batch)
            self._session.journal.members_added += len(batch)
        for batch in self._batches(leaving):
            doubtful.update(batch)
            await self._session.endpoint.patch(Kind.GROUPS, target, dialect.remove_members(batch), "remove members")
            sent.difference_update(batch)
            doubtful.difference_update(batch)
            self._session.journal.members_removed += len(batch)
        if joining or leaving:
            self._session.journal.done(Subject.MEMBERS, Action.UPDATED)

    def _batches(self, identifiers: Sequence[str]) -> Iterator[Sequence[str]]:
        size = self._session.members_per_patch
        for start in range(0, len(identifiers), size):
            yield identifiers[start : start + size]
