"""Which roles the feed has told of: an event of members names those that the group gave at its own place in the feed.

When events are numbered, roles may have changed since their commits. So not the roles of now go into them, but those
that the feed itself has told of so far; they are kept in rows of their own, which only a publication writes.
"""

from collections.abc import Iterable

from scim.directory import keys
from scim.directory.events import MEMBERS_CHANGED, ROLES_CHANGED, Event
from scim.directory.tenant import Tenant
from scim.protocol.resource import to_json
from scim.storage.damage import Damaged, Newer, texts_in
from scim.storage.rows import Delete, Insert, Replace, Row, RowChange

DELETED = "group.deleted"


class Told:
    """The roles of groups as a reader of the feed knows them, while events are numbered behind those that it has."""

    def __init__(self, tenant: Tenant, rows: Iterable[Row]) -> None:
        self._tenant = tenant
        self._rows = {keys.last_part(row.key): row for row in rows}
        self._roles: dict[str, list[str]] = {}
        self._newer: set[str] = set()
        for group, row in self._rows.items():
            try:
                self._roles[group] = texts_in(row)
            except Newer:
                self._newer.add(group)
            except Damaged:  # readers get on; what the feed tells next of the group's roles puts it right
                continue
        self._ended: list[str] = []

    def followed(self, event: Event) -> Event:
        """Return an event with the roles of its group, where it is about members or an end, and know what it says."""
        data = event["data"]
        group = data.get("id", "")
        if event["type"] == ROLES_CHANGED:
            self._set(group, data["roles"])
        elif event["type"] in (*MEMBERS_CHANGED, DELETED) and (roles := self._roles.get(group)):
            event = {**event, "data": {**data, "roles": roles}}
            if event["type"] == DELETED:
                self._set(group, [])
                self._ended.append(group)
        return event

    def _set(self, group: str, roles: list[str]) -> None:
        self._roles.pop(group, None)
        if roles:
            self._roles[group] = roles

    @property
    def more(self) -> int:
        """How many groups more give roles than before, which may be fewer."""
        return len(self._roles.keys() | self._newer) - len(self._rows)

    async def changes(self) -> list[RowChange]:
        """Return the changes that keep what is known now, and end the roles of deleted groups."""
        known = self._roles.keys() | self._newer
        changes: list[RowChange] = [Delete(row.key) for group, row in self._rows.items() if group not in known]
        for group, roles in self._roles.items():
            row, body = self._rows.get(group), to_json(roles)
            if group in self._newer:  # it belongs to the release that has written it
                continue
            if row is None:
                changes.append(Insert(keys.told_roles(group), body))
            elif row.body != body:
                changes.append(Replace(row.key, body, row.version))
        ended = [Delete(keys.roles(group)) for group in self._ended]
        return [*changes, *(await self._tenant.settled(ended) if ended else ())]


async def told_roles(tenant: Tenant, count: int, events: Iterable[Event]) -> Told:
    """Return what the feed has told of roles as far as events need it; `count` is how many groups give any.

    It costs nothing where no group gives roles, nor for events of users.
    """
    concerned = any(event["type"] in (*MEMBERS_CHANGED, ROLES_CHANGED, DELETED) for event in events)
    return Told(tenant, await tenant.under(keys.told_roles()) if count and concerned else ())


async def retell(tenant: Tenant, group: str) -> None:
    """Put the roles that the group gives now in place of a row that cannot be read.

    Raises Damaged when those cannot be read either.
    """

    async def attempt(_: int) -> None:
        told, now = await tenant.read_all([keys.told_roles(group), keys.roles(group)])
        if told is not None:
            roles = texts_in(now) if now else []
            await tenant.commit([Replace(told.key, to_json(roles), told.version)])

    await tenant.retried(attempt)


def further_rows(event: Event) -> int:
    """Return how many rows the publication of an event may write besides the event."""
    return {ROLES_CHANGED: 1, DELETED: 2}.get(event["type"], 0)
