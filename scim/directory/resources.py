"""The users and groups of a tenant: created, read, replaced, patched and deleted, each change in one transaction."""

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from scim.directory import counts, keys, memberships, notes
from scim.directory.aside import aside
from scim.directory.bodies import read_body
from scim.directory.damage import owner_in
from scim.directory.events import Event, changed_paths, events_of, outbox_row
from scim.directory.guards import Guards, Passage, Rules
from scim.directory.indexes import Indexes
from scim.directory.memberships import Memberships, Plan
from scim.directory.stored import MAX_DERIVED, Edge, Kind, Stored
from scim.directory.tenant import Tenant
from scim.directory.tombstones import BATCHES_AT_ONCE, Tombstones, merged
from scim.protocol import sizes
from scim.protocol.active import stated
from scim.protocol.errors import NotFound, Unavailable, Uniqueness
from scim.protocol.patch import Change, MembersNeeded, Operation, apply
from scim.protocol.projection import Projection
from scim.protocol.resource import Resource, to_stored_json
from scim.protocol.validation import check_required, keep_unwritable
from scim.storage.damage import FORM, Damaged, Newer
from scim.storage.rows import Delete, Insert, Record, Replace, Row, RowChange, Touch
from scim.storage.together import both

logger = logging.getLogger(__name__)

_METHODS = {"create": "POST", "replace": "PUT", "patch": "PATCH", "delete": "DELETE"}
_BESIDE_EDGES = 4
"""Rows beside memberships in a transaction of nothing else: the group's, the change row, the outbox row, the guards'.
"""


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a change comes from, for its change row and its events, and how many bytes of JSON say what it is."""

    request_id: str = ""
    client: str = ""
    credential: str = ""
    size: int = 0


@dataclass(frozen=True, slots=True)
class _Writing:
    """What is done, who asked for it, and which attempt at it this is."""

    operation: str
    origin: Origin
    attempt: int = 0


class Directory:
    """The resources of one tenant.

    Changes are applied again to what others changed meanwhile, up to a bound. A name is unique because its row is
    inserted in the same transaction as its owner. Errors are ScimErrors: NotFound, Uniqueness, PreconditionFailed,
    what validation and PATCH say, and Unavailable.
    """

    def __init__(self, tenant: Tenant, kinds: dict[str, Kind], indexes: Indexes, rules: Rules | None = None) -> None:
        self.tenant = tenant
        self.kinds = kinds
        self._indexes = indexes
        self._guards = Guards(tenant, kinds["User"], rules or Rules())
        self.memberships = Memberships(tenant)
        self.tombstones = Tombstones(tenant)

    async def get(self, kind: Kind, resource_id: str, projection: Projection) -> Stored:
        """Return a resource, with its memberships if the projection wants them. Raises NotFound."""
        if not projection.wants(kind.edges) or not keys.is_id(resource_id):
            return await self.read(kind, resource_id)
        # Memberships are read after the document, never before: who puts back what is read here, if it still has that
        # version, must not undo a membership that the version tells of and the list does not.
        stored, gone = await both(self.read(kind, resource_id), self.memberships.tombstones())
        return await self.memberships.attached(stored, gone)

    async def read(self, kind: Kind, resource_id: str) -> Stored:
        """Return a resource without its memberships. Raises NotFound."""
        row = await self.tenant.read(kind.key(resource_id)) if keys.is_id(resource_id) else None
        if row is None:
            raise NotFound(f"No {kind.type.name} has the id '{resource_id[:64]}'.")
        stored = await aside(partial(Stored.from_row, kind, row), len(row.body))
        notes.about(stored.document.get(kind.naming))
        return stored

    async def create(self, kind: Kind, body: Any, origin: Origin) -> Stored:
        """Return the resource that was made from a POST body. RFC 7644 §3.3.

        A group is there with all of its members or not at all: more of them than fit into its transaction are
        written before it, and not shown until it is there.
        """
        if isinstance(body, dict):
            notes.about(body.get(kind.naming))
        document, members = await aside(partial(read_body, kind, body), origin.size)
        await self._indexes.complete()  # an empty tenant starts with complete look-ups: said before it has a resource
        now = self.tenant.time()
        stands = {**stated(kind.type, document), "meta": {"created": now}}
        new = Stored(kind, self._new_id(kind, document), stands, "", now)
        plan = await self.memberships.plan(new.id, members)
        if many := bool(plan) and len(plan.added) > _room(new):
            await self._prepare(_Writing("create", origin), new, plan)

        async def attempt(number: int) -> Stored:
            if self._guards.counts_seats(kind):
                await self._names({}, new, attempt=1)  # that a name is taken is told before that no seat is free
            passage = await self._guards.user(kind, new.id, None, new.document)
            counted = await counts.changes(self.tenant, kind, new.id, None, new.document)
            head = [Insert(kind.key(new.id), _body(new), now), *counted]
            if many:
                head.append(Delete(keys.making(new.id)))
            current = await self.memberships.plan(new.id, members) if number and not many else plan
            writing = _Writing("create", origin, number)
            return await self._write(writing, {}, new, head, Plan() if many else current, passage)

        made = await self.tenant.retried(attempt)
        # Nobody knows the id yet, so that these are all memberships: no need to read them for the answer, and no
        # failure of that can hide that the resource is there now.
        return made.with_edges(sorted(plan.added, key=lambda edge: edge.id))

    def _new_id(self, kind: Kind, document: Resource) -> str:
        """Return an id whose first two digits are those of the hash of the resource's unique name.

        They choose the row that counts it (`keys.count`). So a request that is repeated counts in the same row as its
        first try: should that try arrive late, when the second copy was deleted again, the row has another version
        than the try expects.
        """
        name = next(iter(kind.names(document)), "")
        return self.tenant.new_id(keys.last_part(name)[:2])

    async def _prepare(self, writing: _Writing, group: Stored, plan: Plan) -> None:
        """Write the memberships of a group that is not there yet."""
        await self._names({}, group, attempt=1)  # a name that is taken is refused before anything is written
        group.kind.look_up_changes(group.id, {}, group.document)  # and so are too many values
        making = Insert(keys.making(group.id), "", group.modified)
        await self.tenant.commit([making])
        for batch in _batches(plan, memberships.capacity(_BESIDE_EDGES)):
            await self._write_edges(writing, group, making.key, batch)

    async def replace(self, kind: Kind, resource_id: str, body: Any, if_match: str | None, origin: Origin) -> Stored:
        """Return the resource after a PUT. RFC 7644 §3.5.1.

        A group whose body has no `members` keeps its members: clients that hide them from themselves leave them out.
        A user whose body does not say whether it is active stays what it was.
        """
        document, members = await aside(partial(read_body, kind, body), origin.size)

        def change(current: Stored) -> Change:
            replacement = dict(document)
            keep_unwritable(kind.type, current.document, replacement)
            check_required(kind.type, replacement)  # what was kept may belong to an extension with required attributes
            replacement = stated(kind.type, replacement, current.document)
            return Change({**replacement, "meta": current.document["meta"]}, members)

        return await self._changed(kind, resource_id, if_match, change, _Writing("replace", origin))

    async def patch(
        self, kind: Kind, resource_id: str, operations: Sequence[Operation], if_match: str | None, origin: Origin
    ) -> Stored:
        """Return the resource after a PATCH, all of whose operations were applied. RFC 7644 §3.5.2.

        Nothing is written, and the version stays, when nothing changes.
        """
        known: list[Resource] | None = None
        added: list[Resource] = []

        def change(current: Stored) -> Change:
            document = {**current.document, "id": current.id}
            outcome = apply(kind.type, document, operations, known, added)
            del outcome.resource["id"]
            return outcome

        try:
            return await self._changed(kind, resource_id, if_match, change, _Writing("patch", origin))
        except MembersNeeded as need:
            known = [kind.edge(each, "") for each in await self.memberships.members(resource_id)]
            exist = await self.memberships.exist(need.added)
            added = [kind.edge(edge, "") for edge in exist.values()]
            return await self._changed(kind, resource_id, if_match, change, _Writing("patch", origin))

    async def _changed(
        self,
        kind: Kind,
        resource_id: str,
        if_match: str | None,
        change: Callable[[Stored], Change],
        writing: _Writing,
    ) -> Stored:
        async def attempt(number: int) -> Stored:
            current = await self.read(kind, resource_id)
            current.check_version(if_match)
            outcome = await aside(partial(change, current), writing.origin.size + current.size)
            plan = await self.memberships.plan(resource_id, outcome.members)
            same = outcome.resource == current.document
            if same and not plan:
                return current
            now = self.tenant.time()
            after = Stored(kind, resource_id, outcome.resource, current.version, now)
            # A touch does not conflict with others who change members of the same group. To say who all members are
            # is another matter: nobody may have changed them since they were read.
            head: RowChange = Touch(kind.key(resource_id), now)
            if not same or outcome.members.cleared or if_match is not None:
                head = Replace(kind.key(resource_id), _body(after), current.version, now)
            passage = await self._guards.change(kind, resource_id, current.document, after.document, plan)
            counted = await counts.changes(self.tenant, kind, resource_id, current.document, outcome.resource)
            attempted = replace(writing, attempt=number)
            return await self._write(attempted, current.document, after, [head, *counted], plan, passage)

        return await self.tenant.retried(attempt)

    async def delete(self, kind: Kind, resource_id: str, if_match: str | None, origin: Origin) -> None:
        """Delete a resource and its memberships; from the first transaction on it is gone. RFC 7644 §3.6.

        Memberships that do not fit into that transaction are removed behind a tombstone, which hides them.
        """

        async def attempt(number: int) -> bool:
            current = await self._deletable(kind, resource_id)
            current.check_version(if_match)
            writing, mark = _Writing("delete", origin), self.tenant.new_mark()
            passage = await self._guards.deletion(kind, resource_id, current.document)
            audit = self._audit(writing, current, [], Plan())
            events = events_of(kind, resource_id, current.document, None, (), Plan(), mark)
            fixed: list[RowChange] = [
                Delete(kind.key(resource_id), current.version),
                *passage.rows,
                *await counts.changes(self.tenant, kind, resource_id, current.document, None),
                audit,
                self._said(writing, audit, events),
            ]
            derived = _derived_deletes(current)
            if number or len(derived) > MAX_DERIVED:
                derived = await self.tenant.settled(derived)
            room = memberships.capacity(len(fixed) + len(derived) + 1)
            unlinked = await self.tombstones.unlinking(resource_id, room + 1)
            if many := len(unlinked) > room:
                edges: list[RowChange] = [Insert(keys.tombstone(resource_id), kind.letter, self.tenant.time())]
            else:
                edges = merged(unlinked)
            rest = await self.tenant.settled(edges) if number else edges
            await self.tenant.commit([*fixed, *derived, *rest], mark)
            passage.tell()
            notes.change()
            return many

        if await self.tenant.retried(attempt):
            try:
                await self.tombstones.sweep(resource_id, BATCHES_AT_ONCE)
            except Unavailable as error:  # it is gone, which is what the client asked for
                logger.warning("the memberships of %s are left to the timer: %s", resource_id, error.detail)

    async def _deletable(self, kind: Kind, resource_id: str) -> Stored:
        """Return a resource that is to be deleted, a damaged one too: what belongs to it is then left for `verify`."""
        try:
            return await self.read(kind, resource_id)
        except Newer:
            raise
        except Damaged:
            row = await self.tenant.read(kind.key(resource_id))
            if row is None:
                raise
            return Stored(kind, resource_id, {}, row.version, row.modified, mark=row.mark)

    async def _write(
        self,
        writing: _Writing,
        before: Resource,
        after: Stored,
        head: Sequence[RowChange],
        plan: Plan,
        passage: Passage,
    ) -> Stored:
        """Commit the head with all that follows from it, and return what was written.

        `head` begins with the resource's own row; `passage` is what its guards ask for. Memberships that do not fit
        follow in further commits; when they are cut short, the client's retry adds what is missing.
        """
        look_ups = after.kind.look_up_changes(after.id, before, after.document)
        if writing.attempt or len(look_ups) > 2 * MAX_DERIVED:
            look_ups = await self.tenant.settled(look_ups)
        fixed = [*head, *passage.rows, *await self._names(before, after, writing.attempt), *look_ups]
        first, *rest = _batches(plan, memberships.capacity(len(fixed) + 2))
        mark = self.tenant.new_mark()
        paths = changed_paths(before, after.document)
        audit = self._audit(writing, after, paths, first)
        known = None if writing.operation == "create" else before
        events = events_of(after.kind, after.id, known, after.document, paths, first, mark)
        opens = after.id if any(isinstance(each, Delete) and each.key == keys.making(after.id) for each in head) else ""
        edges = await self._edge_changes(after.id, first, writing.attempt)
        said = self._said(writing, audit, events, opens=opens)
        await self.tenant.commit([*fixed, audit, said, *edges], mark)
        passage.tell()
        notes.about(after.document.get(after.kind.naming))
        notes.change([*paths, after.kind.edges] if plan else paths)
        for batch in rest:
            mark = await self._write_edges(writing, after, after.kind.key(after.id), batch, plan.removed) or mark
        return replace(after, mark=mark)

    async def _write_edges(
        self, writing: _Writing, group: Stored, parent: str, batch: Plan, leaving: Sequence[Edge] = ()
    ) -> str | None:
        """Commit some memberships of a group; return the mark that the parent row got if it was touched.

        The parent is the row that must be there all the time: the group's, or that which stands for it. `leaving` are
        those whom this batch or another one removes. Raises NotFound when the parent is gone.
        """

        async def attempt(number: int) -> str | None:
            plan = batch
            if number:
                if await self.tenant.read(parent) is None:
                    raise NotFound(f"The {group.kind.type.name} {group.id} was deleted meanwhile.")
                plan = await self.memberships.plan(group.id, batch.change(), must_exist=False)
            if not plan:
                return None
            head = Touch(parent, self.tenant.time())
            audit = self._audit(writing, group, [], plan)
            mark = self.tenant.new_mark()
            events = events_of(group.kind, group.id, group.document, group.document, (), plan, mark)
            parked = group.id if parent == keys.making(group.id) else ""
            said = self._said(writing, audit, events, parked=parked)
            passage = await self._guards.members(group.id, plan, leaving)
            edges = await self._edge_changes(group.id, plan, number)
            await self.tenant.commit([head, audit, said, *passage.rows, *edges], mark)
            return mark

        return await self.tenant.retried(attempt)

    async def _edge_changes(self, group_id: str, plan: Plan, attempt: int) -> list[RowChange]:
        """Return the changes of a plan; a member who is gone meanwhile does not stand in the way of its removal."""
        gone = memberships.removed(group_id, plan.removed)
        return [*memberships.added(group_id, plan.added), *(await self.tenant.settled(gone) if attempt else gone)]

    async def _names(self, before: Resource, after: Stored, attempt: int) -> list[RowChange]:
        """Return what to do with name rows. Raises Uniqueness when a name belongs to somebody else.

        The first attempt simply inserts, since most names are free; a conflict makes the second one look.
        """
        old, new = after.kind.names(before), after.kind.names(after.document)
        released: list[RowChange] = [Delete(key) for key in old if key not in new]
        claimed = [key for key in new if key not in old]
        if attempt == 0:
            return [*released, *(Insert(key, after.id) for key in claimed)]
        return [*await self.tenant.settled(released), *[await self._claim(after, key, new[key]) for key in claimed]]

    async def _claim(self, after: Stored, key: str, path: str) -> RowChange:
        """Return the change that takes a name: from nobody, or from an owner who does not have it (any more)."""
        row = await self.tenant.read(key)
        if row is None:
            return Insert(key, after.id)
        if (owner_id := owner_in(row)) is None:
            raise Damaged(key, f"it has no id, so that nobody can be told who has this {path}")
        owner = await self.tenant.read(after.kind.key(owner_id))
        if owner_id != after.id and owner and _may_have(after.kind, owner, key):
            raise Uniqueness(
                f"Another {after.kind.type.name} has this {path} (id {row.body}){_whatever_case(after.kind, path)}."
                f" Find it with a filter on {path} and update it, or choose another {path}.",
                path,
            )
        return Replace(key, after.id, row.version)

    def _said(
        self, writing: _Writing, change: Record, events: Sequence[Event], *, parked: str = "", opens: str = ""
    ) -> RowChange:
        """Return the row that takes the events of a change to the feed, for the change's own transaction."""
        origin = writing.origin
        actor = {"credential": origin.credential, "client": origin.client[:200], "requestId": origin.request_id}
        return outbox_row(change, events, actor, _METHODS[writing.operation], parked=parked, opens=opens)

    def _audit(self, writing: _Writing, stored: Stored, paths: Sequence[str], plan: Plan) -> Record:
        """Return the change row: who changed what, never a value. It goes into the change's own transaction."""
        return self.tenant.change_row(
            resourceType=stored.kind.type.name,
            id=stored.id,
            operation=writing.operation,
            attributes=list(paths),
            membersAdded=[edge.id for edge in plan.added],
            membersRemoved=[edge.id for edge in plan.removed],
            client=writing.origin.client[:200],
            tenant=self.tenant.name,
            credential=writing.origin.credential,
            requestId=writing.origin.request_id,
        )


def _room(new: Stored) -> int:
    """Return how many memberships fit into the transaction that makes a resource."""
    derived = len(new.kind.names(new.document)) + len(new.kind.look_ups(new.id, new.document))
    return memberships.capacity(4 + derived)


def _whatever_case(kind: Kind, path: str) -> str:
    leaf = kind.unique[path].leaf
    return "" if leaf is None or leaf.case_exact or leaf.type != "string" else "; letter case makes no difference"


def _may_have(kind: Kind, owner: Row, key: str) -> bool:
    """Whether a row has the unique value of a key; one that cannot be read may well have it."""
    try:
        return key in kind.names(Stored.from_row(kind, owner).document)
    except Damaged:
        return True


def _body(stored: Stored) -> str:
    text = to_stored_json({**stored.document, "meta": {**stored.document["meta"], "form": FORM}})
    sizes.RESOURCE.check(text.encode(), f"The {stored.kind.type.name}")
    return text


def _batches(plan: Plan, first: int) -> list[Plan]:
    """Divide a plan into parts that fit into transactions, the first beside other changes, even if it is empty."""
    edges = [(edge, True) for edge in plan.added] + [(edge, False) for edge in plan.removed]
    size = memberships.capacity(_BESIDE_EDGES)
    parts = [edges[:first], *(edges[start : start + size] for start in range(first, len(edges), size))]
    return [Plan([e for e, new in part if new], [e for e, new in part if not new]) for part in parts]


def _derived_deletes(current: Stored) -> list[RowChange]:
    names = current.kind.names(current.document)
    return [Delete(key) for key in (*names, *sorted(current.kind.look_ups(current.id, current.document)))]
