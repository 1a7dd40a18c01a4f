"""The product with one mistake each, and which test notices it."""

import json
from collections.abc import Awaitable, Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import asdict, replace
from itertools import count
from typing import Any, NamedTuple

import pytest

from scim.directory import feed, keys, memberships, resources
from scim.directory.feed import Feed
from scim.directory.memberships import Memberships
from scim.directory.resources import Directory
from scim.directory.stored import Edge, Stored
from scim.directory.tenant import Tenant
from scim.directory.tombstones import Tombstones
from scim.storage.rows import Delete, Insert, Replace, RowChange, RowConflict, Touch

Commit = Callable[[Tenant, Sequence[RowChange], str], Awaitable[list[str]]]
_COMMIT: Commit = Tenant.commit


class Mutant(NamedTuple):
    """A mistake, how to make it, and the test that notices: a case of test_crashes, or a plot."""

    mistake: str
    make: Callable[[pytest.MonkeyPatch], None]
    noticed_by: str


def _commits(commit: Commit) -> Callable[[pytest.MonkeyPatch], None]:
    return lambda patch: patch.setattr(Tenant, "commit", commit)


def _apart(prefix: str, first: bool) -> Callable[[pytest.MonkeyPatch], None]:
    """Commit the rows of one kind in a transaction of their own, before or after the others."""

    async def commit(tenant: Tenant, changes: Sequence[RowChange], mark: str = "") -> list[str]:
        apart = [each for each in changes if each.key.startswith(prefix)]
        others = [each for each in changes if not each.key.startswith(prefix)]
        versions: dict[str, str] = {}
        for part in (apart, others) if first else (others, apart):
            if part:
                written = await _COMMIT(tenant, part, mark)
                versions |= {each.key: version for each, version in zip(part, written, strict=True)}
        return [versions[each.key] for each in changes]

    return _commits(commit)


def _deletes_first(prefix: str) -> Callable[[pytest.MonkeyPatch], None]:
    """Delete rows of one kind in a transaction before that of the others."""

    async def commit(tenant: Tenant, changes: Sequence[RowChange], mark: str = "") -> list[str]:
        early = [each for each in changes if isinstance(each, Delete) and each.key.startswith(prefix)]
        if early:
            await _COMMIT(tenant, early, mark)
        others = [each for each in changes if each not in early]
        written = dict(zip((each.key for each in others), await _COMMIT(tenant, others, mark), strict=True))
        return [written.get(each.key, "") for each in changes]

    return _commits(commit)


def _without(unwanted: Callable[[RowChange], bool]) -> Callable[[pytest.MonkeyPatch], None]:
    """Forget some of the changes of each transaction."""

    async def commit(tenant: Tenant, changes: Sequence[RowChange], mark: str = "") -> list[str]:
        kept = [each for each in changes if not unwanted(each)]
        written = dict(zip((each.key for each in kept), await _COMMIT(tenant, kept, mark) if kept else [], strict=True))
        return [written.get(each.key, "") for each in changes]

    return _commits(commit)


def _forgets(prefix: str, *kinds: type[RowChange]) -> Callable[[pytest.MonkeyPatch], None]:
    return _without(lambda change: change.key.startswith(prefix) and (not kinds or isinstance(change, kinds)))


def _forgets_at_first(prefix: str) -> Callable[[pytest.MonkeyPatch], None]:
    """Delete such a row at the second try only."""
    seen: set[str] = set()

    def is_forgotten(change: RowChange) -> bool:
        first = isinstance(change, Delete) and change.key.startswith(prefix) and change.key not in seen
        seen.update([change.key] if first else [])
        return first

    return _without(is_forgotten)


def _blind(*prefixes: str) -> Callable[[pytest.MonkeyPatch], None]:
    """Overwrite and delete rows of these kinds whatever their version is by now."""

    async def commit(tenant: Tenant, changes: Sequence[RowChange], mark: str = "") -> list[str]:
        return await _COMMIT(tenant, [await _now(tenant, each) for each in changes], mark)

    async def _now(tenant: Tenant, change: RowChange) -> RowChange:
        if not change.key.startswith(prefixes):
            return change
        if isinstance(change, Delete):
            return Delete(change.key)
        row = await tenant.rows.read(tenant.name, change.key)
        return replace(change, version=row.version) if isinstance(change, Replace) and row else change

    return _commits(commit)


def _settles_inserts(patch: pytest.MonkeyPatch) -> None:
    async def edge_changes(self: Directory, group_id: str, plan: Any, attempt: int) -> list[RowChange]:
        # Touched in any version, else the version of the member notices that the membership was made and taken again.
        added = memberships.added(group_id, [Edge(each.id, each.kind) for each in plan.added])
        changes = [*added, *memberships.removed(group_id, plan.removed)]
        return await self.tenant.settled(changes) if attempt else changes

    patch.setattr(Directory, "_edge_changes", edge_changes)


def _removes_any_version(patch: pytest.MonkeyPatch) -> None:
    right = memberships.removed

    def removed(group_id: str, members: Iterable[Edge]) -> list[RowChange]:
        return right(group_id, [Edge(each.id, each.kind) for each in members])

    patch.setattr(memberships, "removed", removed)


def _reads_tombstones_last(patch: pytest.MonkeyPatch) -> None:
    async def members(self: Memberships, group_id: str, limit: int | None = None) -> list[Edge]:
        rows = await self._tenant.under(keys.member(group_id), limit)
        gone = await self.tombstones()
        return [Edge(keys.last_part(row.key), row.body) for row in rows if keys.last_part(row.key) not in gone]

    patch.setattr(Memberships, "members", members)


def _reads_members_before_the_group(patch: pytest.MonkeyPatch) -> None:
    async def get(self: Directory, kind: Any, resource_id: str, projection: Any) -> Stored:
        if not projection.wants(kind.edges):
            return await self.read(kind, resource_id)
        edges = self.memberships.members if kind.letter == "g" else self.memberships.groups
        found = await edges(resource_id)
        return (await self.read(kind, resource_id)).with_edges(found)

    patch.setattr(Directory, "get", get)


def _hides_nothing(patch: pytest.MonkeyPatch) -> None:
    async def tombstones(self: Memberships) -> set[str]:
        return set()

    patch.setattr(Memberships, "tombstones", tombstones)


def _forgets_the_grave_early(patch: pytest.MonkeyPatch) -> None:
    right = Tombstones._sweep_batch

    async def sweep_batch(self: Tombstones, resource_id: str, attempt: int) -> bool:
        grave = keys.tombstone(resource_id)
        if await self._tenant.read(grave):
            await self._tenant.commit([Delete(grave)])
        return await right(self, resource_id, 1)

    patch.setattr(Tombstones, "_sweep_batch", sweep_batch)


def _buries_the_living(patch: pytest.MonkeyPatch) -> None:
    right = Tombstones._buried

    async def bury_unfinished(self: Tombstones) -> int:
        rows = await self._tenant.under(keys.tombstone())
        making = [row for row in rows if row.key == keys.making(keys.entombed(row.key))]
        return sum([await right(self, keys.entombed(row.key), row.version) for row in making])

    patch.setattr(Tombstones, "bury_unfinished", bury_unfinished)


def _shows_groups_in_the_making(patch: pytest.MonkeyPatch) -> None:
    right = Directory.create

    async def create(self: Directory, kind: Any, body: Any, origin: Any) -> Any:
        if not body.get("members"):
            return await right(self, kind, body, origin)
        stored = await right(self, kind, body | {"members": []}, origin)
        return await self.replace(kind, stored.id, body, None, origin)

    patch.setattr(Directory, "create", create)


def _steals_names(patch: pytest.MonkeyPatch) -> None:
    async def claim(self: Directory, after: Any, key: str, path: str) -> RowChange:
        row = await self.tenant.read(key)
        return Replace(key, after.id, row.version) if row else Insert(key, after.id)

    patch.setattr(Directory, "_claim", claim)


def _never_looks_at_a_name(patch: pytest.MonkeyPatch) -> None:
    async def claim(self: Directory, after: Any, key: str, path: str) -> RowChange:
        return Insert(key, after.id)

    patch.setattr(Directory, "_claim", claim)


def _stops_after_one_batch(patch: pytest.MonkeyPatch) -> None:
    right = resources._batches
    patch.setattr(resources, "_batches", lambda plan, first: right(plan, first)[:1])


def _publishes_by_key(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(feed, "_by_commit", lambda row: row.key)


def _publishes_over_whatever_is_there(patch: pytest.MonkeyPatch) -> None:
    """Write the head, and events under their numbers, although somebody else has since."""

    async def commit(tenant: Tenant, changes: Sequence[RowChange], mark: str = "") -> list[str]:
        if not any(each.key == keys.FEED for each in changes):
            return await _COMMIT(tenant, changes, mark)
        forced = [forced for each in changes if (forced := await _forced(tenant, each))]
        written = dict(zip((each.key for each in forced), await _COMMIT(tenant, forced, mark), strict=True))
        return [written.get(each.key, "") for each in changes]

    async def _forced(tenant: Tenant, change: RowChange) -> RowChange | None:
        row = await tenant.rows.read(tenant.name, change.key)
        if isinstance(change, Delete):
            return Delete(change.key) if row else None
        if isinstance(change, Insert | Replace):
            return Replace(change.key, change.body, row.version) if row else Insert(change.key, change.body)
        return change

    _commits(commit)(patch)


def _numbers_when_it_commits(patch: pytest.MonkeyPatch) -> None:
    """Let each change take its numbers from one counter before it commits, and show them as soon as they are there."""
    numbers = count(1)

    async def commit(tenant: Tenant, changes: Sequence[RowChange], mark: str = "") -> list[str]:
        said = [json.loads(each.body)["events"] for each in changes if isinstance(each, Insert) and each.key[0] in "op"]
        events = [event | {"id": "", "timestamp": "", "actor": {}, "method": ""} for each in said for event in each]
        numbered = [Insert(keys.event(next(numbers)), json.dumps(each)) for each in events]
        return (await _COMMIT(tenant, [*changes, *numbered], mark))[: len(changes)]

    async def publish(self: Feed, most: int = 0) -> bool:
        head, version = await self.head()
        rows = await self._tenant.under(keys.event(), keys_only=True)
        last = max((keys.number(row.key) for row in rows), default=0)
        if last > head.last:
            body = json.dumps(asdict(replace(head, last=last)))
            with suppress(RowConflict):  # somebody else has shown them
                await _COMMIT(self._tenant, [Replace(keys.FEED, body, version)], "")
        return False

    _commits(commit)(patch)
    patch.setattr(Feed, "publish", publish)


MUTANTS = [
    Mutant("the name row is written before its owner", _apart("n.", first=True), "create a user"),
    Mutant("the name row is written after its owner", _apart("n.", first=False), "rename a user"),
    Mutant("look-up rows are written apart", _apart("x.", first=False), "change looked-up attributes"),
    Mutant("the count is written apart", _apart("c.", first=False), "delete a user"),
    Mutant("the member's row is written apart", _apart("r.", first=False), "add a member"),
    Mutant("the tombstone is written apart", _apart("t.", first=False), "delete a large group"),
    Mutant("the change row is written apart", _apart("e.", first=False), "change a user with If-Match"),
    Mutant("the change row is forgotten", _forgets("e."), "add a member"),
    Mutant("the member's row is forgotten", _forgets("r.", Insert), "create a group with members"),
    Mutant("the member's row is not deleted", _forgets("r.", Delete), "remove a member"),
    Mutant("the group's row is not deleted", _forgets("m.", Delete), "delete a user"),
    Mutant("the count is not updated", _forgets("c."), "create a user"),
    Mutant("the old name is not released", _forgets("n.", Delete), "rename a user"),
    Mutant("the old look-up is not deleted", _forgets("x.", Delete), "replace a user"),
    Mutant("the new look-up is not made", _forgets("x.", Insert), "change looked-up attributes"),
    Mutant("the tombstone is forgotten", _forgets("t.", Insert), "delete a large group"),
    Mutant("the tombstone goes before the memberships", _forgets_the_grave_early, "delete a user in many groups"),
    Mutant("tombstones hide nothing", _hides_nothing, "delete a large group"),
    Mutant("a group shows before all of its members", _shows_groups_in_the_making, "create a group with many members"),
    Mutant("only the first transaction is made", _stops_after_one_batch, "add many members"),
    Mutant("a name is taken from its owner", _steals_names, "create a user whose name is taken"),
    Mutant("a taken name is never looked at", _never_looks_at_a_name, "create a user whose name is taken"),
    Mutant("the member is not touched", _forgets("u.", Touch), "doomed_users"),
    Mutant("the group is not touched", _forgets("g.", Touch), "doomed_groups"),
    Mutant("a user is overwritten unseen", _blind("u."), "one_user"),
    Mutant("a group is overwritten unseen", _blind("g."), "lists"),
    Mutant("a count is overwritten unseen", _blind("c."), "guests"),
    Mutant("a membership is removed in any version", _removes_any_version, "quarrels"),
    Mutant("a second try leaves out half of a membership", _settles_inserts, "quarrels"),
    Mutant("tombstones are read after memberships", _reads_tombstones_last, "graves"),
    Mutant("members are read before their group", _reads_members_before_the_group, "careful"),
    Mutant("the outbox row is forgotten", _forgets("o."), "add a member"),
    Mutant("the outbox row is written apart", _apart("o.", first=False), "create a user"),
    Mutant("a parked event is forgotten", _forgets("p.", Insert), "create a group with many members"),
    Mutant("the outbox row is not deleted when it is published", _forgets_at_first("o."), "create a user"),
    Mutant("the outbox row is deleted before its event is numbered", _deletes_first("o."), "publish the feed"),
    Mutant("a publication replaces what another one has made", _publishes_over_whatever_is_there, "readers"),
    Mutant("numbers are given when a change commits", _numbers_when_it_commits, "readers"),
    Mutant("an event is numbered apart from its outbox row", _apart("f.", first=False), "publish the feed"),
    Mutant("events are published in the order of their keys", _publishes_by_key, "clubs"),
    Mutant("what was told of roles is forgotten", _forgets("a.told."), "add a member"),
    Mutant("roles are written apart from their event", _apart("a.now.", first=True), "let groups give roles"),
    Mutant("the roles of a deleted group stay", _forgets("a.now.", Delete), "delete a group"),
    Mutant("the timer buries groups in the making", _buries_the_living, "clubs"),
]
