"""The evaluation of one group: find it without its members, create it, write what differs, delete it."""

from scim.simulate.job.dialect import edits
from scim.simulate.job.journal import Action, Subject
from scim.simulate.job.session import Session
from scim.simulate.source.directory import Team
from scim.simulate.source.mapping import group_body
from scim.simulate.wire.endpoint import Kind, Resource
from scim.simulate.wire.failure import DUPLICATES, Failure

MATCH = "displayName"


class Teams:
    """Brings groups of the target in step with teams of the source; members come later."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._links = session.links

    async def evaluate(self, key: str) -> None:
        """Do what Entra does for one team. Raises Failure when the endpoint does not play along."""
        team = self._session.directory.teams[key]
        if team.gone:
            await self._delete(team)
            return
        resource = await self._find(team)
        if resource is None:
            resource = await self._session.create(Kind.GROUPS, key, group_body(team.attributes))
            self._session.journal.done(Subject.GROUP, Action.CREATED)
        else:
            await self._update(team, resource)
        self._links.teams[key] = resource["id"]
        self._links.members.setdefault(key, self._session.earlier.members.get(resource["id"], set()))
        self._session.queue(Subject.MEMBERS, key)

    async def _find(self, team: Team) -> Resource | None:
        known = self._links.teams.get(team.key)
        if known is not None:
            return await self._session.endpoint.get(Kind.GROUPS, known)
        found = await self._session.endpoint.match(Kind.GROUPS, MATCH, team.name)
        if len(found) > 1:
            raise Failure(DUPLICATES, f"{len(found)} groups have displayName {team.name}", 200)
        if found:
            return self._session.met(Kind.GROUPS, team.key, found[0])
        left = self._session.earlier.ids[Kind.GROUPS].get(team.attributes["externalId"])
        return await self._session.endpoint.get(Kind.GROUPS, left) if left else None

    async def _update(self, team: Team, resource: Resource) -> None:
        changes = edits(team.attributes, resource)
        if not changes:
            self._session.journal.skip(Subject.GROUP, "RedundantExport: nothing differs")
            return
        body = self._session.dialect(team.key).update(changes)
        await self._session.endpoint.patch(Kind.GROUPS, resource["id"], body, "patch Groups")
        self._session.journal.done(Subject.GROUP, Action.UPDATED)

    async def _delete(self, team: Team) -> None:
        target = self._links.teams.get(team.key)
        if target is None:
            self._session.journal.skip(Subject.GROUP, "NotInScope: deleted before it was ever provisioned")
            return
        await self._session.endpoint.delete(Kind.GROUPS, target)
        self._session.journal.done(Subject.GROUP, Action.DELETED)
        self._links.deleted[Kind.GROUPS][team.key] = self._links.teams.pop(team.key)
        self._links.members.pop(team.key, None)
