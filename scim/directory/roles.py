"""Roles of the application that groups give: an operator maps a group to them, by its id."""

import json
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass

from scim.directory import keys
from scim.directory.events import outbox_row, roles_event
from scim.directory.resources import Directory, Origin
from scim.directory.search import Search
from scim.directory.stored import Kind, Stored
from scim.directory.tenant import Tenant
from scim.protocol.errors import InvalidValue, NotFound
from scim.protocol.projection import Projection
from scim.protocol.query import SearchRequest
from scim.protocol.resource import to_json
from scim.storage.damage import Damaged, Newer, texts_in
from scim.storage.rows import Delete, Insert, Replace, Row, RowChange, Touch

MAX_ROLE = 64
"""Characters of the name of a role."""
MAX_ROLES = 20
"""Roles that one group gives."""
MAX_MAPPED = 1_000
"""Groups of a tenant that give roles: all of them are read at once."""


@dataclass(frozen=True, slots=True)
class Mapping:
    """A group and the roles that it gives, sorted."""

    group: Stored
    roles: Sequence[str]


class Roles:
    """The roles of a tenant's groups. A change of them is one transaction, with its change row and its event.

    A group is found by name, externalId or id once, and its id is kept: who is named so later inherits nothing. When
    the group is deleted its roles end with it.
    """

    def __init__(self, directory: Directory, search: Search) -> None:
        self._directory, self._search = directory, search
        self._tenant: Tenant = directory.tenant
        self._kind: Kind = directory.kinds["Group"]

    async def all(self) -> dict[str, list[str]]:
        """Return the roles by the ids of groups, some of which may be deleted."""
        rows = await self._tenant.under(keys.roles())
        found: dict[str, list[str]] = {}
        for row in rows:
            with suppress(Damaged):  # gives nothing, and takes nothing from others
                found[keys.last_part(row.key)] = texts_in(row)
        return found

    async def mappings(self) -> list[Mapping]:
        """Return the groups that give roles, in the order of their names."""
        roles = await self.all()
        rows = await self._tenant.read_all([self._kind.key(group) for group in roles])
        groups: list[Stored] = []
        for row in filter(None, rows):
            with suppress(Damaged):
                groups.append(Stored.from_row(self._kind, row))
        return sorted((Mapping(each, roles[each.id]) for each in groups), key=lambda each: _name(each.group).lower())

    async def map(self, group: str, role: str, origin: Origin) -> Mapping:
        """Return what a group gives when it gives a role too. Raises InvalidValue, NotFound."""
        checked = _checked(role)

        def more(roles: Sequence[str]) -> Sequence[str]:
            if checked not in roles and len(roles) >= MAX_ROLES:
                raise InvalidValue(f"A group gives {MAX_ROLES} roles at most; take one from it first.")
            return [*roles, checked]

        return await self._changed(await self.found(group), more, "map", origin)

    async def unmap(self, group: str, role: str | None, origin: Origin) -> Mapping:
        """Return what a group gives when it does not give a role any more, or none at all. Raises NotFound."""

        def fewer(roles: Sequence[str]) -> Sequence[str]:
            if not roles or (role is not None and role not in roles):
                gives = f"not '{role[:MAX_ROLE]}'; it gives {', '.join(roles)}" if role and roles else "no role"
                raise NotFound(f"The group gives {gives}.")
            return [each for each in roles if role is not None and each != role]

        return await self._changed(await self.found(group), fewer, "unmap", origin, damaged_too=role is None)

    async def _changed(
        self,
        group_id: str,
        change: Callable[[Sequence[str]], Sequence[str]],
        operation: str,
        origin: Origin,
        damaged_too: bool = False,
    ) -> Mapping:
        """Return what a group gives after the change; roles that cannot be read end, where those are meant too."""

        async def attempt(_: int) -> Mapping:
            group = await self._directory.read(self._kind, group_id)
            row = await self._tenant.read(keys.roles(group_id))
            before = _roles_in(row, damaged_too) if row else []
            after = sorted(set(change(before))) if before is not None else []
            if after == before:
                return Mapping(group, after)
            if row is None and len(await self._tenant.under(keys.roles(), MAX_MAPPED, keys_only=True)) >= MAX_MAPPED:
                raise InvalidValue(f"A tenant has {MAX_MAPPED:,} groups at most that give roles; unmap some first.")
            await self._commit(group, row, before or [], after, operation, origin)
            return Mapping(group, after)

        return await self._tenant.retried(attempt)

    async def _commit(
        self, group: Stored, row: Row | None, before: list[str], after: list[str], operation: str, origin: Origin
    ) -> None:
        mark = self._tenant.new_mark()
        event = roles_event(self._kind, group.id, group.document, before, after, mark)
        actor = {"credential": origin.credential, "client": origin.client[:200], "requestId": origin.request_id}
        audit = self._tenant.change_row(
            resourceType=self._kind.type.name,
            id=group.id,
            operation=operation,
            attributes=["roles"],
            tenant=self._tenant.name,
            **actor,
        )
        said = outbox_row(audit, [event], actor, "")
        # The touch fails when the group is deleted meanwhile: no roles are left behind it.
        await self._tenant.commit(
            [Touch(self._kind.key(group.id)), _row_change(group.id, row, after), audit, said], mark
        )

    async def found(self, text: str) -> str:
        """Return the id of the one group that a text names, by its id, displayName or externalId.

        Raises NotFound, and InvalidValue when it names several or is empty.
        """
        if not text.strip():
            raise InvalidValue("Name the group by its displayName, its externalId or its id.")
        if keys.is_id(text):
            return (await self._directory.read(self._kind, text)).id
        literal = json.dumps(text.strip())
        request = SearchRequest(filter=f"displayName eq {literal} or externalId eq {literal}", count=5)
        page = await self._search.page(
            [self._kind], request, {self._kind.type.name: Projection(self._kind.type, ("id",))}
        )
        found = [f"{each.id} ({_name(each)[:60]})" for each in page.resources]
        if not found:
            raise NotFound(f"No group has the name, the externalId or the id '{text[:64]}'.")
        if len(found) > 1:
            raise InvalidValue(f"'{text[:64]}' names more than one group: {', '.join(found)}. Name one by its id.")
        return page.resources[0].id


def _roles_in(row: Row, damaged_too: bool) -> list[str] | None:
    """Return the roles in a row, or None for a damaged one where that will do. Raises Damaged."""
    try:
        return texts_in(row)
    except Damaged as error:
        if damaged_too and not isinstance(error, Newer):
            return None
        raise


def _row_change(group_id: str, row: Row | None, roles: list[str]) -> RowChange:
    key, body = keys.roles(group_id), to_json(roles)
    if row is None:
        return Insert(key, body)
    return Replace(key, body, row.version) if roles else Delete(key, row.version)


def _checked(role: str) -> str:
    name = role.strip()
    if not name or len(name) > MAX_ROLE or not name.isprintable():
        raise InvalidValue(f"The name of a role has 1 to {MAX_ROLE} characters, all of them printable.")
    return name


def _name(group: Stored) -> str:
    return str(group.document.get("displayName", ""))
