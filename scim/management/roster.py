"""The users and groups of a tenant as an administrator looks at them: found, shown, page by page, never changed."""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

from scim.directory import keys
from scim.directory.changes import Change, Changes
from scim.directory.matching import ScanLimit, readable
from scim.directory.memberships import name_in
from scim.directory.search import Page, Search
from scim.directory.stored import Kind, Stored
from scim.protocol.errors import InvalidCursor, NotFound, TooMany
from scim.protocol.filter import parse_attribute
from scim.protocol.projection import Projection
from scim.protocol.query import SearchRequest
from scim.protocol.resource import format_date_time, parse_date_time, to_json
from scim.service.tenants import TenantService
from scim.storage.rows import Row

LIMIT = ScanLimit(5_000, 5.0)
"""What one page may look at where no look-up serves it; the next one goes on there."""
SOUGHT = ("userName", "displayName", "externalId", "name.familyName", "name.givenName", "emails.value")
"""The attributes that are looked through for a part of a text; those that a kind has."""
SHOWN = ("userName", "displayName", "externalId", "active")
TYPES = {"u": "User", "g": "Group"}
_BEFORE = timedelta(minutes=1)
"""How much older than the time of creation the change row of it may say it is: clocks and steps differ."""


class Roster:
    """The users and groups of one tenant, as JSON objects. Raises NotFound, InvalidValue, InvalidCursor, Unavailable.

    A page that looks for something may have fewer than were asked for, or none, and yet a cursor.
    """

    def __init__(self, service: TenantService) -> None:
        self._service, self._tenant = service, service.tenant
        self._memberships = service.directory.memberships
        self._search = Search(service.tenant, self._memberships, service.indexes, LIMIT)

    async def found(self, name: str, text: str = "", count: int = 50, cursor: str = "") -> tuple[list[Stored], str]:
        """Return users or groups, `name` is User or Group: all, or those that a text names; and the next cursor.

        A text that is an id, or the whole of a name or externalId, finds those alone and at once; any other finds all
        who have it in a part of one of SOUGHT, in any case but that of externalId.
        """
        kind = self._service.kinds[name]
        if text and not cursor and (exact := await self._exact(kind, text)):
            return exact, ""
        wanted = to_json(text)
        sought = [each for each in SOUGHT if _has(kind, each)]
        terms = " or ".join(f"{each} co {wanted}" for each in sought) if text else None
        page = await self._page(kind, SearchRequest(filter=terms, count=count, cursor=cursor))
        return page.resources, page.next_cursor or ""

    async def _exact(self, kind: Kind, text: str) -> list[Stored]:
        if keys.is_id(text.lower()):
            row = await self._tenant.read(kind.key(text.lower()))
            return [Stored.from_row(kind, row)] if row else []
        wanted = to_json(text)
        try:
            page = await self._page(kind, SearchRequest(filter=f"{kind.naming} eq {wanted} or externalId eq {wanted}"))
        except TooMany:  # externalId has no look-ups here: everybody is looked at anyway
            return []
        return page.resources

    async def _page(self, kind: Kind, request: SearchRequest) -> Page:
        projection = Projection(kind.type, excluded=(kind.edges,))
        return await self._search.page([kind], request, {kind.type.name: projection})

    async def shown(self, name: str, resource_id: str, base_url: str) -> dict[str, Any]:
        """Return a user or group as a client sees it, but for its groups or members, which have pages."""
        stored = await self._service.directory.read(self._service.kinds[name], resource_id.lower())
        return Projection(stored.kind.type, excluded=(stored.kind.edges,)).apply(stored.resource(base_url))

    async def groups(self, name: str, resource_id: str, count: int, cursor: str) -> dict[str, Any]:
        """Return a page of the groups that a user or group is a direct member of, in the order of their ids."""
        stored = await self._service.directory.read(self._service.kinds[name], resource_id.lower())
        gone = await self._memberships.tombstones()
        rows = await self._edges(keys.membership(stored.id), count, cursor)
        listed = [keys.last_part(row.key) for row in rows if keys.last_part(row.key) not in gone]
        groups = await self._tenant.read_all([keys.resource("g", each) for each in listed])
        told = [{"id": each, "name": name_in(row)} for each, row in zip(listed, groups, strict=True) if row]
        return {"groups": told, "nextCursor": _behind(rows, count)}

    async def members(self, group_id: str, count: int, cursor: str) -> dict[str, Any]:
        """Return a page of the members of a group, in the order of their ids; an id is all of one who cannot be read.

        Each member is read for its name.
        """
        stored = await self._service.directory.read(self._service.kinds["Group"], group_id.lower())
        gone = await self._memberships.tombstones()
        rows = await self._edges(keys.member(stored.id), count, cursor)
        listed = [row for row in rows if row.body in TYPES and keys.last_part(row.key) not in gone]
        read = await self._tenant.read_all([keys.resource(row.body, keys.last_part(row.key)) for row in listed])
        told = [self._member(edge, row) for edge, row in zip(listed, read, strict=True)]
        return {"members": told, "nextCursor": _behind(rows, count)}

    async def _edges(self, prefix: str, count: int, cursor: str) -> list[Row]:
        if cursor and not keys.is_id(cursor):
            raise InvalidCursor("The cursor is none of a page of members; take it from nextCursor of the page before.")
        return await self._tenant.range(prefix + cursor, prefix + keys.BEYOND, count)

    def _member(self, edge: Row, row: Row | None) -> dict[str, Any]:
        name = ""
        if row is not None:
            kind = self._service.kinds[TYPES[edge.body]]
            name = name_in(row, kind.naming)
        return {"id": keys.last_part(edge.key), "type": TYPES[edge.body], "name": name}

    async def history(self, name: str, resource_id: str, count: int, cursor: str) -> dict[str, Any]:
        """Return a page of the changes of a user or group, the newest first; also of one that was deleted.

        Those of the groups that it came into or left are among them.
        """
        kind, resource_id = self._service.kinds[name], resource_id.lower()
        if not keys.is_id(resource_id):
            raise NotFound(f"No {name} has the id '{resource_id[:64]}'.")
        since = self._tenant.now() - timedelta(days=self._service.retention_days)
        row = await self._tenant.read(kind.key(resource_id))
        if row is not None and (stored := readable(kind, row)) is not None:
            created = parse_date_time(str(stored.document.get("meta", {}).get("created", "")))
            since = max(since, created - _BEFORE) if created else since
        found, following = await Changes(self._tenant).about(resource_id, since, count, cursor)
        return {"changes": [change(each, resource_id) for each in found], "nextCursor": following}


def summary(stored: Stored) -> dict[str, Any]:
    """Return what a list shows of a user or group; what there is not is left out."""
    document = stored.document
    told = {name: document[name] for name in SHOWN if document.get(name) not in (None, "")}
    created = document.get("meta", {}).get("created", stored.modified)
    return {"id": stored.id, **told, "created": created, "lastModified": stored.modified}


def change(each: Change, resource_id: str) -> dict[str, Any]:
    """Return a change of a resource, or of a group which it came into or left: `membership` says which of both."""
    said = each.said
    told = {
        "time": format_date_time(each.time),
        "resourceType": _text(said, "resourceType"),
        "id": _text(said, "id"),
        "operation": _text(said, "operation"),
        "attributes": _texts(said, "attributes"),
        "membersAdded": _texts(said, "membersAdded"),
        "membersRemoved": _texts(said, "membersRemoved"),
        "credential": _text(said, "credential"),
        "client": _text(said, "client"),
        "requestId": _text(said, "requestId"),
    }
    if told["id"] != resource_id:
        told["membership"] = "added" if resource_id in told["membersAdded"] else "removed"
        del told["membersAdded"], told["membersRemoved"]  # what became of others is no history of this one
    return {name: value for name, value in told.items() if value not in ("", [])}


def _has(kind: Kind, path: str) -> bool:
    return kind.type.resolve(parse_attribute(path)) is not None


def _behind(rows: Sequence[Row], count: int) -> str | None:
    return keys.last_part(rows[-1].key) if len(rows) == count else None


def _text(said: Mapping[str, Any], name: str) -> str:
    value = said.get(name, "")
    return value if isinstance(value, str) else ""


def _texts(said: Mapping[str, Any], name: str) -> list[str]:
    value = said.get(name, [])
    return [each for each in value if isinstance(each, str)] if isinstance(value, list) else []
