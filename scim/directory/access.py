"""Who may do what: users by the key that an application knows, with their groups and the roles that these give."""

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from scim.directory import keys
from scim.directory.aside import aside
from scim.directory.damage import owner_in
from scim.directory.indexes import Indexes
from scim.directory.memberships import AT_ONCE, Memberships, name_in
from scim.directory.roles import Roles
from scim.directory.stored import Kind, Stored
from scim.directory.tenant import Tenant
from scim.protocol.active import is_active
from scim.protocol.errors import Conflict, InvalidValue, NotFound, ScimError, TooMany
from scim.storage.damage import Damaged
from scim.storage.rows import Row

BY = ("userName", "externalId", "id")
"""What users are asked for by."""
MAX_GROUPS = 2_000
"""Groups, and memberships, that one answer may need."""
MAX_LEVELS = 10
"""How deep groups may be nested within each other where nested ones count."""
_NAMED = 5
"""Ids that an error names."""


@dataclass(frozen=True, slots=True)
class Sought:
    """Which user is asked for: by one of BY, and the value."""

    by: str
    value: str


@dataclass(frozen=True, slots=True)
class Entitled:
    """A user, the names of the groups that count by their ids, and the roles that they give, sorted."""

    user: Stored
    groups: Mapping[str, str] = field(default_factory=dict)
    roles: Sequence[str] = ()


class Access:
    """Answers what users may do, in three rounds of reads; in one more for each level of nested groups.

    The first reads whom the keys name, beside what all users share: tombstones and roles. The second reads users and
    their memberships, after the tombstones; the third the groups.
    """

    def __init__(self, tenant: Tenant, kinds: Mapping[str, Kind], indexes: Indexes, roles: Roles) -> None:
        self._tenant, self._users, self._groups = tenant, kinds["User"], kinds["Group"]
        self._indexes, self._roles = indexes, roles
        self._memberships = Memberships(tenant)

    async def of(self, sought: Sequence[Sought], nested: bool = False) -> list[Entitled | ScimError]:
        """Return what each of some users may do, in their order: NotFound or Conflict in place of nobody and of two.

        With `nested` the groups count in which their groups are, too. Raises InvalidValue when externalId cannot be
        looked up, TooMany beyond MAX_GROUPS and MAX_LEVELS.
        """
        ids, gone, roles = await asyncio.gather(self._ids(sought), self._memberships.tombstones(), self._roles.all())
        every = list(dict.fromkeys(each for found in ids for each in found))
        rows, edges = await asyncio.gather(
            self._tenant.read_all([self._users.key(each) for each in every]), self._edges(every, gone)
        )
        found_users = list(filter(None, rows))
        size = sum(len(row.body) for row in found_users)
        users = await aside(lambda: {row.key: self._user(row) for row in found_users}, size)
        above = await self._above(edges, gone) if nested else {}
        names = await self._names(each for some in (edges, above) for groups in some.values() for each in groups)
        answers: list[Entitled | ScimError] = []
        for each, found in zip(sought, ids, strict=True):
            named = [user for one in found if (user := users.get(self._users.key(one)))]
            holders = [user for user in named if isinstance(user, Stored) and _has(user, each)]
            if damaged := [user for user in named if isinstance(user, Damaged)]:
                answers.append(damaged[0])
                continue
            if len(holders) != 1:
                answers.append(_nobody(each) if not holders else _several(each, holders))
                continue
            groups = {group: names[group] for group in _reached(edges[holders[0].id], above) if group in names}
            given = (
                {role for group in groups for role in roles.get(group, ())} if is_active(holders[0].document) else set()
            )
            answers.append(Entitled(holders[0], groups, sorted(given)))
        return answers

    def _user(self, row: Row) -> Stored | Damaged:
        """Return a user, or what is wrong with the row: it is no reason to let others wait."""
        try:
            return Stored.from_row(self._users, row)
        except Damaged as error:
            return error

    async def _ids(self, sought: Sequence[Sought]) -> list[list[str]]:
        """Return the ids of the users that keys may name: of one id at most, but for externalId."""
        if any(each.by == "externalId" for each in sought):
            await self._check_external_ids()
        return list(await asyncio.gather(*map(self._ids_of, sought)))

    async def _ids_of(self, sought: Sought) -> list[str]:
        if sought.by == "id":
            return [sought.value] if keys.is_id(sought.value) else []
        key = _key(self._users, sought)
        if sought.by == "userName":
            row = await self._tenant.read(key)
            return [owner] if row and (owner := owner_in(row)) else []
        rows = await self._tenant.under(key, _NAMED, keys_only=True)
        return [keys.last_part(row.key) for row in rows]

    async def _check_external_ids(self) -> None:
        if f"{self._users.letter}.externalId" not in await self._indexes.complete():
            raise InvalidValue(
                "externalId cannot be looked up here. Ask by userName or id; or the operator has externalId among the"
                " filterable attributes and runs `python -m scim verify --repair`.",
                "externalId",
            )

    async def _edges(self, ids: Sequence[str], gone: set[str]) -> dict[str, list[str]]:
        """Return the ids of the groups that users, or groups, are direct members of. Raises TooMany."""
        edges: dict[str, list[str]] = {}
        for start in range(0, len(ids), AT_ONCE):
            some = ids[start : start + AT_ONCE]
            found = await asyncio.gather(*(self._memberships.groups(each, MAX_GROUPS + 1, gone) for each in some))
            edges |= {each: [edge.id for edge in groups] for each, groups in zip(some, found, strict=True)}
            if sum(map(len, edges.values())) > MAX_GROUPS:
                raise TooMany(
                    f"There are more than {MAX_GROUPS:,} memberships to look at. Ask for fewer users, or without"
                    " nested groups."
                )
        return edges

    async def _above(self, edges: Mapping[str, list[str]], gone: set[str]) -> dict[str, list[str]]:
        """Return, of each group that counts, the groups that it is a member of, level by level."""
        above: dict[str, list[str]] = {}
        level = {group for groups in edges.values() for group in groups}
        for _ in range(MAX_LEVELS):
            if not level:
                return above
            above |= await self._edges(sorted(level), gone)
            if len(above) > MAX_GROUPS:
                raise TooMany(f"More than {MAX_GROUPS:,} groups count for this answer. Ask for fewer users.")
            level = {group for each in level for group in above[each]} - above.keys()
        raise TooMany(f"Groups are nested more than {MAX_LEVELS} levels deep. Ask without nested groups.")

    async def _names(self, groups: Iterable[str]) -> dict[str, str]:
        """Return the names of groups by id; those that were deleted since are left out."""
        rows = await self._tenant.read_all([self._groups.key(each) for each in sorted(set(groups))])
        return {keys.last_part(row.key): name_in(row) for row in rows if row}


def _reached(first: Sequence[str], above: Mapping[str, list[str]]) -> list[str]:
    """Return groups and all groups above them, sorted."""
    reached, left = set(first), list(first)
    while left:
        further = set(above.get(left.pop(), ())) - reached
        reached |= further
        left += further
    return sorted(reached)


def _key(users: Kind, sought: Sought) -> str:
    """The row, or what the rows begin with, that says who has a value."""
    if sought.by == "userName":
        return keys.name(users.letter, "userName", users.key_value(users.unique["userName"], sought.value))
    return keys.look_ups(users.letter, "externalId", users.key_value(users.filterable["externalId"], sought.value))


def _has(user: Stored, sought: Sought) -> bool:
    """Whether a user has the value now: who was found by a row may have another one since."""
    if sought.by == "id":
        return True
    target = {**user.kind.unique, **user.kind.filterable}[sought.by]
    value = user.document.get(sought.by)
    return value is not None and user.kind.key_value(target, value) == user.kind.key_value(target, sought.value)


def _nobody(sought: Sought) -> NotFound:
    return NotFound(f"No User has the {sought.by} '{sought.value[:64]}'.")


def _several(sought: Sought, holders: Sequence[Stored]) -> Conflict:
    ids = ", ".join(each.id for each in holders)
    return Conflict(f"More than one User has the externalId '{sought.value[:64]}': {ids}. Ask for one by its id.")
