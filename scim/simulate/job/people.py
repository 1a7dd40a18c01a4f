"""The evaluation of one user: find it, create it, write what differs, disable or delete it."""

from scim.simulate.job.dialect import Edit, edits
from scim.simulate.job.journal import Action, Subject
from scim.simulate.job.session import Session
from scim.simulate.source.directory import Person, Standing
from scim.simulate.source.mapping import manager_of, user_body
from scim.simulate.wire.endpoint import Kind, Resource
from scim.simulate.wire.failure import DUPLICATES, Failure


class People:
    """Brings users of the target in step with people of the source; references come later."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._links = session.links

    async def evaluate(self, key: str) -> None:
        """Do what Entra does for one person. Raises Failure when the endpoint does not play along."""
        person = self._session.directory.people[key]
        if person.standing is Standing.GONE:
            await self._delete(person)
        elif person.standing is Standing.LEFT:
            await self._disable(person)
        else:
            await self._provision(person)

    async def _provision(self, person: Person) -> None:
        resource = await self._find(person)
        if resource is None:
            body = user_body(person.attributes)
            resource = await self._session.create(Kind.USERS, person.key, body)
            self._session.journal.done(Subject.USER, Action.CREATED)
        else:
            await self._update(person, resource)
        self._link(person, resource)

    async def _update(self, person: Person, resource: Resource) -> None:
        changes = edits(person.attributes, resource)
        if resource.get("active") is not True:
            changes.insert(0, Edit("active", True, absent="active" not in resource))
        if not changes:
            self._session.journal.skip(Subject.USER, "RedundantExport: nothing differs")
            return
        body = self._session.dialect(person.key).update(changes)
        await self._session.endpoint.patch(Kind.USERS, resource["id"], body, "patch Users")
        restored = changes[0].path == "active"
        self._session.journal.done(Subject.USER, Action.RESTORED if restored else Action.UPDATED)

    def _link(self, person: Person, resource: Resource) -> None:
        new = person.key not in self._links.people
        self._links.people[person.key] = resource["id"]
        self._links.written[person.key] = dict(person.attributes)
        self._links.managers[person.key] = manager_of(resource)
        self._links.unmanaged.discard(person.key)
        self._session.queue(Subject.MANAGER, person.key)
        if new and self._session.cycle:
            self._queue_references_to(person.key)

    def _queue_references_to(self, key: str) -> None:
        """References to a user who came late, after a failed creation, are written now."""
        for report in self._session.directory.reports(key):
            self._session.queue(Subject.MANAGER, report.key)
        for team in self._session.directory.live_teams():
            if key in team.members and team.key in self._links.teams:
                self._session.queue(Subject.MEMBERS, team.key)

    async def _find(self, person: Person) -> Resource | None:
        """Return the user at the target: by the cached id, or by the matching attribute."""
        known = self._links.people.get(person.key)
        endpoint = self._session.endpoint
        if known is not None and person.key not in self._links.unmanaged:
            return await endpoint.get(Kind.USERS, known)
        # A restored user is looked for like a new one, and must be found although inactive.
        matching = person.attributes.get(self._session.match)
        found = await endpoint.match(Kind.USERS, self._session.match, matching) if matching else []
        if len(found) > 1:
            detail = f"{len(found)} users have {self._session.match} {matching}"
            raise Failure(DUPLICATES, detail, 200)
        if found:
            return self._session.met(Kind.USERS, person.key, found[0])
        left = known or self._session.earlier.ids[Kind.USERS].get(person.attributes["externalId"])
        return await endpoint.get(Kind.USERS, left) if left else None

    async def _disable(self, person: Person) -> None:
        target = self._links.people.get(person.key)
        if target is None:
            self._session.journal.skip(Subject.USER, "NotInScope: disabled before it was ever provisioned")
            return
        if person.key in self._links.unmanaged:
            self._session.journal.skip(Subject.USER, "NotInScope: disabled already")
            return
        resource = await self._session.endpoint.get(Kind.USERS, target)
        if resource.get("active") is False:
            self._session.journal.skip(Subject.USER, "RedundantExport: nothing differs")
        else:
            change = Edit("active", False, absent="active" not in resource)
            body = self._session.dialect(person.key).update([change])
            await self._session.endpoint.patch(Kind.USERS, target, body, "patch Users")
            self._session.journal.done(Subject.USER, Action.DISABLED)
        self._links.unmanaged.add(person.key)

    async def _delete(self, person: Person) -> None:
        target = self._links.people.get(person.key)
        if target is None:
            self._session.journal.skip(Subject.USER, "NotInScope: deleted before it was ever provisioned")
            return
        await self._session.endpoint.delete(Kind.USERS, target)
        self._session.journal.done(Subject.USER, Action.DELETED)
        self._links.deleted[Kind.USERS][person.key] = self._links.people.pop(person.key)
        self._links.unmanaged.discard(person.key)
        # No removal is sent for the memberships of a deleted user: the target forgets them itself.
        for members in self._links.members.values():
            members.discard(target)
