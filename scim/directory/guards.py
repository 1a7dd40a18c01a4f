"""Guards of a tenant: how many users may be active, and groups that keep their last active member.

Each change that depends on a guard reads the row `s.guards` first, then what it has to know, and touches the row in its
own transaction in the version that it read. So of two that meet one begins again, and sees what the other has done.
What a change needs to know of its own user or group, it holds by that row's version.
"""

import logging
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

from scim.directory import counts, keys
from scim.directory.memberships import Plan
from scim.directory.stored import Edge, Kind, Stored
from scim.directory.tenant import Tenant
from scim.protocol.active import is_active
from scim.protocol.errors import InvalidValue
from scim.protocol.resource import Resource
from scim.storage.damage import Damaged
from scim.storage.rows import Insert, Row, RowChange, Touch

MOST_LOOKED_AT = 1_000
"""Members of a guarded group among whom one who is active is looked for; behind them there is none, to be safe."""
AT_ONCE = 16
"""Members whose rows are read at a time: most often the first ones decide."""
STRICT = "strict"
MODES = ("on", STRICT)
"""How a group is guarded: whether its last active member may be disabled or deleted, with a line in the log, or not."""
REFUSED = "a guard refuses a change"
LET_THROUGH = "a guarded group has no active member any more"
"""How lines of the log begin; an alert looks for both."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Rules:
    """What a tenant guards: the most active users, None for any number, and groups, by id, with their modes."""

    seats: int | None = None
    groups: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Passage:
    """What a change that was let through brings along: rows for its transaction, and lines for the log behind it."""

    rows: Sequence[RowChange] = ()
    lines: Sequence[str] = ()

    def tell(self) -> None:
        """Log what the change has come to."""
        for line in self.lines:
            _log.warning("%s", line)


_FREE = Passage()


class Guards:
    """Looks at changes before they are committed. What it refuses is InvalidValue, and a line of the log.

    Not 401, 403 or 409, which stop Entra's job or make it look for another user. Where the tenant guards nothing that a
    change concerns, nothing is read.
    """

    def __init__(self, tenant: Tenant, users: Kind, rules: Rules) -> None:
        self._tenant, self._users, self._rules = tenant, users, rules

    def counts_seats(self, kind: Kind) -> bool:
        """Whether a resource of the kind may need a seat."""
        return kind.letter == "u" and self._rules.seats is not None

    async def user(self, kind: Kind, user_id: str, before: Resource | None, after: Resource | None) -> Passage:
        """Let a user come, change or go; the documents are None where the user is not there."""
        was, comes = before is not None and is_active(before), after is not None and is_active(after)
        if kind.letter != "u" or was == comes:
            return _FREE
        if comes:
            return await self._seated(user_id) if self._rules.seats is not None else _FREE
        return await self._left(user_id) if self._rules.groups else _FREE

    async def change(self, kind: Kind, resource_id: str, before: Resource, after: Resource, plan: Plan) -> Passage:
        """Let a user change, or the members of a group."""
        if kind.letter == "u":
            return await self.user(kind, resource_id, before, after)
        return await self.members(resource_id, plan, plan.removed)

    async def deletion(self, kind: Kind, resource_id: str, document: Resource) -> Passage:
        """Let a user or a group go."""
        if kind.letter == "u":
            return await self.user(kind, resource_id, document, None)
        if resource_id not in self._rules.groups:
            return _FREE
        gate = await self._gate()
        if await self._has_active(resource_id) is not False:
            raise self._refusal(_of_group(resource_id, "cannot be deleted while it has an active member"), resource_id)
        return Passage([gate])

    async def members(self, group_id: str, plan: Plan, leaving: Sequence[Edge]) -> Passage:
        """Let members of a group come and go; `leaving` are all whom the request removes, perhaps step by step."""
        if not plan.removed or group_id not in self._rules.groups:
            return _FREE
        gate = await self._gate()
        stays = await self._any_active(plan.added) or await self._has_active(group_id, {each.id for each in leaving})
        if not stays and await self._any_active(plan.removed):
            raise self._refusal(_of_group(group_id, "would lose its last active member"), group_id)
        return Passage([gate])

    async def _seated(self, user_id: str) -> Passage:
        """Let a user become active."""
        gate, seats = await self._gate(), self._rules.seats or 0
        if (active := await counts.active(self._tenant)) >= seats:
            detail = (
                f"No seat is free: {active:,} users are active, and this directory may have {seats:,}. Disable or"
                " delete somebody, or ask the provider for more seats; then provision this user on demand, since Entra"
                " tries again only after 6 to 24 hours."
            )
            raise self._refusal(detail, user_id, "active")
        return Passage([gate])

    async def _left(self, user_id: str) -> Passage:
        """Let an active user be disabled or deleted, who may be the last one of guarded groups."""
        groups = list(self._rules.groups)
        rows = await self._tenant.read_all([keys.member(each, user_id) for each in groups])
        own = [group for group, row in zip(groups, rows, strict=True) if row]
        if not own:
            return _FREE
        gate, lines = await self._gate(), []
        for group_id in own:
            if await self._has_active(group_id, {user_id}):
                continue
            if self._rules.groups[group_id] == STRICT:
                raise self._refusal(_of_group(group_id, "would lose its last active member"), group_id)
            lines.append(f"{LET_THROUGH}: tenant={self._tenant.name} group={group_id} user={user_id}")
        return Passage([gate], lines)

    async def _gate(self) -> RowChange:
        """Read the row that changes which depend on a guard have in common; return the change that touches it."""
        row = await self._tenant.read(keys.GUARDS)
        return Insert(keys.GUARDS, "") if row is None else Touch(keys.GUARDS, version=row.version)

    async def _has_active(self, group_id: str, without: Collection[str] = ()) -> bool | None:
        """Whether a group has an active member but for some; None when not all members were looked at."""
        rows = await self._tenant.under(keys.member(group_id), MOST_LOOKED_AT)
        found = [Edge(keys.last_part(row.key), row.body) for row in rows]
        if await self._any_active([each for each in found if each.id not in without]):
            return True
        return None if len(rows) == MOST_LOOKED_AT else False

    async def _any_active(self, members: Sequence[Edge]) -> bool:
        """Whether one of them is an active user; groups among them do not count."""
        users = [self._users.key(each.id) for each in members if each.kind == self._users.letter]
        for start in range(0, len(users), AT_ONCE):
            rows = await self._tenant.read_all(users[start : start + AT_ONCE])
            if any(row and self._is_active(row) for row in rows):
                return True
        return False

    def _is_active(self, row: Row) -> bool:
        try:
            return is_active(Stored.from_row(self._users, row).document)
        except Damaged:  # nobody can tell, and somebody who can be told is wanted
            return False

    def _refusal(self, detail: str, about: str, attribute: str = "members") -> InvalidValue:
        """Return the error, and log it in a line of its own, which an alert reads."""
        _log.warning("%s: tenant=%s id=%s: %s", REFUSED, self._tenant.name, about, detail)
        return InvalidValue(detail, attribute)


def _of_group(group_id: str, what: str) -> str:
    return (
        f"The group {group_id} is guarded and {what}. Add another active user to it first, or ask the provider to take"
        " the guard off."
    )
