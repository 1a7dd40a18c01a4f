"""Looks closely at rows that may disagree: what is wrong with them now, and which change would put it right."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from scim.directory import keys
from scim.directory.counts import INACTIVE, letters
from scim.directory.stored import MAX_DERIVED, Kind, Stored
from scim.directory.tenant import Tenant
from scim.protocol.errors import ScimError
from scim.protocol.resource import Resource
from scim.protocol.validation import read_resource
from scim.storage.damage import Damaged, Newer, is_newer
from scim.storage.rows import Delete, Insert, Replace, Row, RowChange

ROUNDS = 20
"""How often rows are read again until they stand still."""


@dataclass(frozen=True, slots=True)
class Finding:
    """Something wrong, in one line, and the changes that put it right.

    They change derived rows only and conflict when anything they follow from has changed. Without changes it is for
    a person to decide, since documents or memberships would have to change.
    """

    text: str
    repair: tuple[RowChange, ...] = ()


@dataclass(frozen=True, slots=True)
class Suspect:
    """Rows that may disagree: a `sort` of check, what it is about, and the ids of those who seem to be concerned."""

    sort: str
    about: str
    ids: frozenset[str] = frozenset()


class Inspection:
    """Checks single rows of a tenant while others change it.

    The rows that belong together are read twice; when nothing changed in between they are as they were at one
    moment, and since they always change in one transaction they must agree.
    """

    def __init__(self, tenant: Tenant, kinds: Iterable[Kind]) -> None:
        self._tenant = tenant
        self._kinds = {kind.letter: kind for kind in kinds}

    async def examine(self, suspect: Suspect) -> Finding | None:
        """Return what is wrong, None when nothing is or the rows never stand still."""
        finding = await self._examined(suspect)
        if finding and any([await self._is_newer(change.key) for change in finding.repair]):
            return Finding(f"{finding.text}; written by a newer release, which has to repair it")
        return finding

    async def _is_newer(self, key: str) -> bool:
        row = await self._tenant.read(key)
        return row is not None and is_newer(row.body)

    async def _examined(self, suspect: Suspect) -> Finding | None:
        match suspect.sort:
            case "look-up":
                return await self._look_up(suspect.about)
            case "name":
                return await self._name(suspect.about, suspect.ids)
            case "membership":
                _, group_id, member_id = suspect.about.split(".")
                return await self._membership(group_id, member_id)
            case "count":
                return await self._count(suspect.about)
            case "tombstone":
                return await self._tombstone(suspect.about)
        return await self._document(suspect.about)

    async def _steady(self, *wanted: str) -> Mapping[str, Row | None] | None:
        before = await self._tenant.read_all(wanted)
        for _ in range(ROUNDS):
            after = await self._tenant.read_all(wanted)
            if after == before:
                return dict(zip(wanted, after, strict=True))
            before = after
        return None

    async def _look_up(self, key: str) -> Finding | None:
        kind = self._kinds[key.split(".")[1]]
        resource_id = keys.last_part(key)
        rows = await self._steady(kind.key(resource_id), key)
        if rows is None:
            return None
        owner, row = rows.values()
        if owner is None:
            return row and Finding(f"{key}: no {kind.type.name} has this id", (Delete(key, row.version),))
        stored = document_of(kind, owner)
        if stored is None:
            return None
        needed = key in kind.look_ups(resource_id, stored)
        if needed and row is None and not fits(kind, resource_id, stored):
            return await self._document(kind.key(resource_id))
        if needed and row is None:
            return Finding(f"{key}: missing", (Insert(key, ""), same(owner)))
        if row and not needed:
            return Finding(f"{key}: the {kind.type.name} has no such value", (Delete(key, row.version), same(owner)))
        return None

    async def _name(self, key: str, ids: frozenset[str]) -> Finding | None:
        kind = self._kinds[key.split(".")[1]]
        taken = await self._tenant.read(key)
        named = sorted(each for each in ids | ({taken.body} if taken else set()) if keys.is_id(each))
        rows = await self._steady(key, *map(kind.key, named))
        if rows is None or ((row := rows[key]) and keys.is_id(row.body) and row.body not in named):
            return None  # in use right now
        owners = {each: owner for each in named if (owner := rows[kind.key(each)])}
        documents = {each: document_of(kind, owner) for each, owner in owners.items()}
        holders = [each for each, stored in documents.items() if stored is None or key in kind.names(stored)]
        if any(documents[each] is None for each in holders):
            return None  # its own finding
        if len(holders) > 1:
            return Finding(f"{key}: more than one {kind.type.name} has this name: {', '.join(holders)}")
        if not holders and row and (urn := _unknown_extension(kind, documents.get(row.body))):
            return Finding(
                f"{key}: {row.body} has {urn}, unknown to the schemas here; set SCIM_SCHEMAS as in the service"
            )
        if not holders:
            return row and Finding(f"{key}: nobody has this name", (Delete(key, row.version),))
        owner = owners[holders[0]]
        if row is None:
            return Finding(f"{key}: missing for {holders[0]}", (Insert(key, holders[0]), same(owner)))
        if row.body != holders[0]:
            right = Replace(key, holders[0], row.version)
            return Finding(f"{key}: belongs to {holders[0]}, not to {row.body!a:.40}", (right, same(owner)))
        return None

    async def _membership(self, group_id: str, member_id: str) -> Finding | None:
        key, other = keys.member(group_id, member_id), keys.membership(member_id, group_id)
        ends = [keys.resource("g", group_id), keys.resource("u", member_id), keys.resource("g", member_id)]
        graves = [keys.tombstone(group_id), keys.making(group_id), keys.tombstone(member_id)]
        wanted = (key, other, *ends, *graves)
        found = await self._steady(*wanted)
        if found is None:
            return None
        row, mirror, group, user, nested, *entombed = (found[each] for each in wanted)  # fewer keys in a loop of one
        where = f"membership of {member_id} in {group_id}"
        if not row and not mirror:
            return None
        for dead, end, kind in (
            (not group and not entombed[0] and not entombed[1], group_id, "g"),
            (not user and not nested and not entombed[2], member_id, row.body if row else "u"),
        ):
            if dead:
                bury = Insert(keys.tombstone(end), kind, self._tenant.time())
                return Finding(f"{where}: {end} does not exist", (bury,))
        if row and not mirror:
            return Finding(f"{where}: missing on the member's side", (Insert(other, ""), same(row)))
        if mirror and not row:
            return Finding(f"{where}: on the member's side only", (Delete(other, mirror.version),))
        kind = "u" if user else "g" if nested else ""
        if row and kind and row.body != kind:
            return Finding(f"{where}: has the kind '{row.body}'", (Replace(key, kind, row.version),))
        return None

    async def _count(self, key: str) -> Finding | None:
        _, letter, prefix = key.split(".")
        for _ in range(ROUNDS):
            row = await self._tenant.read(key)
            real = await self._real(letter, prefix)
            again = await self._tenant.read(key)
            if row == again:
                break
        else:
            return None
        if row is None:
            return Finding(f"{key}: missing, should be {real}", (Insert(key, str(real)),)) if real else None
        if row.body == str(real):
            return None
        return Finding(f"{key}: is {row.body!a:.20}, should be {real}", (Replace(key, str(real), row.version),))

    async def _real(self, letter: str, prefix: str) -> int:
        """Return how many resources there are whose ids begin so, or how many inactive users."""
        if letter != INACTIVE:
            return len(await self._tenant.under(keys.resource(letter, prefix), keys_only=True))
        kind = self._kinds["u"]
        rows = await self._tenant.under(keys.resource("u", prefix))
        return sum(INACTIVE in letters(kind, document_of(kind, row)) for row in rows)

    async def _tombstone(self, key: str) -> Finding | None:
        resource_id = keys.entombed(key)
        rows = await self._steady(key, keys.resource("u", resource_id), keys.resource("g", resource_id))
        if rows is None:
            return None
        grave, user, group = rows.values()
        alive = user or group
        if not grave or not alive:
            return None
        return Finding(f"{key}: the resource exists, its memberships are hidden", (Delete(key, grave.version),))

    async def _document(self, key: str) -> Finding | None:
        kind = self._kinds[key[0]]
        row = await self._tenant.read(key)
        wrong = row and problem(kind, row)
        return Finding(f"{key}: {wrong}") if wrong else None


def _unknown_extension(kind: Kind, document: Resource | None) -> str:
    """Return the URN of an extension that a document has and the schemas do not know: it may hold any name."""
    urns = [name for name in document or () if name.lower().startswith("urn:")]
    return next((urn for urn in urns if kind.type.extension(urn) is None), "")


def same(row: Row) -> Replace:
    """Return a change that leaves a row as it is and conflicts when it is not as it was read."""
    return Replace(row.key, row.body, row.version, row.modified)


def document_of(kind: Kind, row: Row) -> Resource | None:
    """Return the document that a row holds; None when names and look-ups cannot be read from it."""
    try:
        document = Stored.from_row(kind, row).document
        kind.names(document)
        kind.look_ups("", document)
    except (Damaged, ValueError, AttributeError, TypeError):  # no JSON, or none of the shape that its schema says
        return None
    return document


def problem(kind: Kind, row: Row) -> str:
    """Return what is wrong with a resource's row by itself, "" when nothing is."""
    resource_id = keys.last_part(row.key)
    if not keys.is_id(resource_id):
        return "the key has no id of a resource"
    try:
        Stored.from_row(kind, row)
    except Newer:
        return "was written by a newer release, which has to serve this directory again"
    except Damaged as damaged:
        return f"the document cannot be read: {damaged.why}"
    document = document_of(kind, row)
    if document is None:
        return "the document cannot be read"
    try:
        read_resource(kind.type, document)
    except ScimError as error:
        return f"the document does not fit its schema: {error.detail}"
    if not isinstance(document.get("meta", {}).get("created"), str):
        return "the document has no meta.created"
    if not fits(kind, resource_id, document):
        most = MAX_DERIVED - len(kind.names(document))
        return (
            f"has more than {most} values that filters look up; let the client send fewer, or take an attribute from"
            " SCIM_FILTERABLE"
        )
    return ""


def fits(kind: Kind, resource_id: str, document: Resource) -> bool:
    """Return whether all look-up and name rows of a resource can be kept."""
    return len(kind.look_ups(resource_id, document)) + len(kind.names(document)) <= MAX_DERIVED
