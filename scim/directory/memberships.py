"""Memberships: a row on the group's side and one on the member's, always written and deleted together.

Both ends are touched in the same transaction. That gives each a new version, since its representation changed, and
it is what keeps ghosts away: the transaction fails when either end was deleted meanwhile.

Memberships of what has a tombstone are not shown. Tombstones are read before memberships, never after: then a
membership that is read although its end was deleted earlier has a tombstone that was seen, since the sweep takes the
tombstone away last.
"""

import logging
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass

from scim.directory import counts, keys
from scim.directory.damage import kind_in
from scim.directory.stored import Edge, Stored
from scim.directory.tenant import PAGE, Tenant
from scim.protocol.errors import InvalidValue
from scim.protocol.members import MemberChange
from scim.storage.damage import Damaged, object_in
from scim.storage.rows import MAX_CHANGES, Delete, Insert, Row, RowChange, Touch
from scim.storage.together import both, together

logger = logging.getLogger(__name__)

FEW = 64
"""Up to so many members are looked at one by one; more may be cheaper to find in a scan."""
ROWS_PER_READ = 20
"""A range of a thousand rows costs about as much as this share of a thousand point reads."""
MAX_NAMED = 200
"""Most groups of which one answer shows the names: each of them is read for it."""
AT_ONCE = 16
"""Resources whose memberships are read at the same time; each may have very many."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What is to be written: memberships that are not there yet, and memberships that are."""

    added: Sequence[Edge] = ()
    removed: Sequence[Edge] = ()

    def __bool__(self) -> bool:
        return bool(self.added or self.removed)

    def change(self) -> MemberChange:
        """Return what the plan wants, to be planned anew."""
        return MemberChange(wanted={edge.id: True for edge in self.added} | {edge.id: False for edge in self.removed})


class Memberships:
    """The memberships of a tenant."""

    def __init__(self, tenant: Tenant) -> None:
        self._tenant = tenant

    async def members(self, group_id: str, limit: int | None = None, gone: set[str] | None = None) -> list[Edge]:
        """Return the members of a group in the order of their ids; `gone` where tombstones were read already."""
        gone = await self.tombstones() if gone is None else gone
        return _shown(gone, group_id, await self._tenant.made_of(_members, keys.member(group_id), limit))

    async def groups(self, member_id: str, limit: int | None = None, gone: set[str] | None = None) -> list[Edge]:
        """Return the groups that a user or group is a direct member of, in the order of their ids."""
        gone = await self.tombstones() if gone is None else gone
        found = await self._tenant.made_of(_groups, keys.membership(member_id), limit, keys_only=True)
        return _shown(gone, member_id, found)

    async def attached(self, stored: Stored, gone: set[str] | None = None) -> Stored:
        """Return a resource with its members or groups."""
        edges = self.members if stored.kind.letter == "g" else self.groups
        return stored.with_edges(await edges(stored.id, gone=gone), shifting=bool(gone))

    async def between(self, letter: str, ids: Sequence[str], limit: int) -> dict[str, list[Edge]] | None:
        """Return the memberships of resources of a kind, by id, in one range from the first id to the last.

        For a page of a listing, whose ids are neighbours. None when there are more than `limit` of them.
        """
        side = "m" if letter == "g" else "r"
        gone = await self.tombstones()
        rows, last, before = [], f"{side}.{ids[0]}.", f"{side}.{ids[-1]}.{keys.BEYOND}"
        while True:
            page = await self._tenant.range(last, before, PAGE, keys_only=side == "r")
            rows += page
            if len(rows) > limit:
                return None
            if len(page) < PAGE:
                break
            last = page[-1].key
        found: dict[str, list[Edge]] = {each: [] for each in ids}
        for row in rows:
            _, owner, other = row.key.split(".")
            if owner in found and other not in gone:
                kind = kind_in(row) if side == "m" else "g"
                found[owner] += [Edge(other, kind, row.version)] if kind else []
        return found

    async def of_each(self, letter: str, ids: Sequence[str], limit: int) -> dict[str, list[Edge]] | None:
        """Return the memberships of resources of a kind, by id, resource by resource, a few of them at a time.

        For ids that lie apart. None when there are more than `limit` of them; of one resource alone all are returned,
        as where it is read by its id.
        """
        edges, gone = self.members if letter == "g" else self.groups, await self.tombstones()
        if len(ids) == 1:
            return {ids[0]: await edges(ids[0], gone=gone)}  # a search for one name: no task for it
        found: dict[str, list[Edge]] = {}
        for start in range(0, len(ids), AT_ONCE):
            some = ids[start : start + AT_ONCE]
            found |= zip(some, await together(*(edges(each, limit + 1, gone) for each in some)), strict=True)
            if sum(map(len, found.values())) > limit:
                return None
        return found

    async def names(self, groups: Iterable[Edge]) -> dict[str, str]:
        """Return the names that groups have now, by id; of the first MAX_NAMED of them, and none of a deleted one."""
        ids = list(dict.fromkeys(edge.id for edge in groups))[:MAX_NAMED]
        rows = await self._tenant.read_all([keys.resource("g", each) for each in ids])
        return {keys.last_part(row.key): name for row in rows if row and (name := name_in(row))}

    async def tombstones(self) -> set[str]:
        """Return the ids of what is deleted, or not there yet, but has memberships: they are not shown."""
        return {keys.entombed(row.key) for row in await self._tenant.under(keys.tombstone(), keys_only=True)}

    async def plan(self, group_id: str, change: MemberChange, *, must_exist: bool = True) -> Plan:
        """Return what a change of members comes to, given who is a member and who exists now.

        Without `must_exist` those who are gone are left out: they were deleted since the client was told that they
        exist. Raises InvalidValue naming members that are neither users nor groups.
        """
        if not change:
            return Plan()
        if group_id in change.added:
            raise InvalidValue(f"The group {group_id} cannot be a member of itself.", "members")
        if change.cleared:
            present = {edge.id: edge for edge in await self.members(group_id)}
            wanted = set(change.added)
            removed = [each for each in present if each not in wanted]
            exists = await self.exist([each for each in change.added if each not in present])
            missing = [each for each in change.added if each not in present and each not in exists]
        else:
            named = [each for each in change.wanted if keys.is_id(each)]
            present, exists = await both(self._present(group_id, named), self.exist(change.added))
            removed = [each for each in change.removed if each in present]
            missing = [each for each in change.added if each not in exists]
            _tell_of_no_ids(group_id, change.removed)
        if must_exist and missing:
            raise InvalidValue(_missing(missing), "members")
        added = [exists[each] for each in change.added if each in exists and each not in present]
        return Plan(added, [present[each] for each in removed])

    async def _present(self, group_id: str, ids: Sequence[str]) -> dict[str, Edge]:
        """Return which ids are members; among them may be some that were deleted and are still to be removed.

        The cost follows the number of ids, not the size of the group: many ids are found in a scan only as long as
        that is cheaper than looking for each.
        """
        if len(ids) > FEW:
            limit = len(ids) * ROWS_PER_READ
            rows = await self._tenant.under(keys.member(group_id), limit)
            if len(rows) < limit:
                wanted = set(ids)
                return {edge.id: edge for edge in _members(rows) if edge.id in wanted}
        found = await self._tenant.read_all([keys.member(group_id, each) for each in ids])
        return {edge.id: edge for edge in _members(row for row in found if row)}

    async def exist(self, ids: Sequence[str]) -> dict[str, Edge]:
        """Return those ids that are of users or groups, with the kinds and versions of these."""
        sought = [each for each in ids if keys.is_id(each)]
        users = await self._of_kind("u", sought)
        groups = await self._of_kind("g", [each for each in sought if each not in users])
        return users | groups

    async def _of_kind(self, letter: str, ids: Sequence[str]) -> dict[str, Edge]:
        if len(ids) > FEW and await self.total(letter) < len(ids) * ROWS_PER_READ:
            rows = await self._tenant.under(keys.resource(letter, ""), keys_only=True)
        else:
            rows = [row for row in await self._tenant.read_all([keys.resource(letter, each) for each in ids]) if row]
        wanted, found = set(ids), (Edge(keys.last_part(row.key), letter, row.version) for row in rows)
        return {edge.id: edge for edge in found if edge.id in wanted}

    async def total(self, letter: str) -> int:
        """Return how many resources of a kind there are."""
        return await counts.total(self._tenant, letter)


def name_in(group: Row, attribute: str = "displayName") -> str:
    """Return the name of a group, or what a user has in another attribute; "" where the row cannot be read."""
    with suppress(Damaged):
        name = object_in(group).get(attribute)
        return name if isinstance(name, str) else ""
    return ""


def capacity(fixed: int) -> int:
    """Return how many memberships fit into a transaction beside so many other changes."""
    return (MAX_CHANGES - fixed) // 3


def added(group_id: str, edges: Iterable[Edge]) -> list[RowChange]:
    """Return the changes that make memberships and touch the members; they fail where a member is gone.

    Where the version of a member is known they conflict when it is another one by now. So a try that arrives late is
    refused: whoever made the membership meanwhile, and whoever took it away again, has touched the member.
    """
    changes: list[RowChange] = []
    for edge in edges:
        changes += [
            Insert(keys.member(group_id, edge.id), edge.kind),
            Insert(keys.membership(edge.id, group_id), ""),
            Touch(keys.resource(edge.kind, edge.id), version=edge.version),
        ]
    return changes


def removed(group_id: str, members: Iterable[Edge]) -> list[RowChange]:
    """Return the changes that take members from a group and touch the members.

    Where the version of a membership is known they conflict when it is another one by now: it can be taken away and
    made again between a read and a commit.
    """
    changes: list[RowChange] = []
    for edge in members:
        changes += [
            Delete(keys.member(group_id, edge.id), edge.version),
            Delete(keys.membership(edge.id, group_id)),
            *([Touch(keys.resource(edge.kind, edge.id))] if edge.kind else []),
        ]
    return changes


def left(member_id: str, groups: Iterable[str]) -> list[RowChange]:
    """Return the changes that take a member from groups and touch the groups."""
    changes: list[RowChange] = []
    for group_id in groups:
        changes += [
            Delete(keys.member(group_id, member_id)),
            Delete(keys.membership(member_id, group_id)),
            Touch(keys.resource("g", group_id)),
        ]
    return changes


def _members(rows: Iterable[Row]) -> list[Edge]:
    """Return memberships as they are; one whose kind cannot be read has none, is not shown, and can be removed."""
    return [Edge(keys.last_part(row.key), kind_in(row), row.version) for row in rows]


def _groups(rows: Iterable[Row]) -> list[Edge]:
    return [Edge(keys.last_part(row.key), "g", row.version) for row in rows]


def _shown(gone: set[str], owner: str, edges: list[Edge]) -> list[Edge]:
    return [] if owner in gone else [edge for edge in edges if edge.kind and edge.id not in gone]


def _tell_of_no_ids(group_id: str, ids: Iterable[str]) -> None:
    """A removal of nobody succeeds, since it may be a retry; a client that names what is no id is told of nothing."""
    if number := sum(not keys.is_id(each) for each in ids):
        logger.warning(
            "group %s: %d members to remove are named by no id, which has 32 hexadecimal digits; nobody is removed",
            *(group_id, number),
        )


def _missing(ids: Sequence[str]) -> str:
    shown = ", ".join(each[:64] for each in ids[:5]) + (f" and {len(ids) - 5} more" if len(ids) > 5 else "")
    return f"members: no user or group has the id {shown}. Provision it first, or leave it out."
