"""The feed of events over HTTP: which parameters it takes, how long it waits, and what it answers."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from itertools import accumulate, takewhile
from typing import Any

from scim.directory.aside import aside
from scim.directory.events import chosen
from scim.directory.feed import DEFAULT_LIMIT, MAX_LIMIT, EventPage, Feed
from scim.directory.matching import MAX_PAGE_BYTES
from scim.directory.stored import Kind, Stored
from scim.directory.tenant import Tenant
from scim.protocol.errors import InsufficientScope, InvalidValue
from scim.protocol.projection import Projection
from scim.protocol.query import SearchRequest, query_search
from scim.protocol.resource import Resource
from scim.service.messages import Response, in_pieces
from scim.storage import deadline
from scim.storage.damage import Damaged
from scim.storage.rows import Row

MAX_WAIT = 20
"""Seconds for which an empty answer is held open at most; on Flex Consumption each of them is billed."""
POLL_SECONDS = 1.0
MAX_INCLUDED = 100
"""Different users and groups in one page."""
FIRST_ROWS = 10
"""Of these, how many are read at first: they may be of 1 MiB each."""
_KINDS = {"user": "User", "group": "Group"}
_SINGLE = ("after", "limit", "wait", "include")
_KNOWN = (*_SINGLE, "types", "attributes", "excludedAttributes")


class Events:
    """The feed of a tenant as its readers see it."""

    def __init__(
        self,
        feed: Feed,
        tenant: Tenant,
        kinds: Mapping[str, Kind],
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._feed, self._tenant, self._kinds, self._sleep = feed, tenant, kinds, sleep

    async def answer(self, parameters: Sequence[tuple[str, str]], base_url: str, *, may_read: bool) -> Response:
        """Return a page of events behind a cursor.

        `after`: a cursor, `latest`, or nothing for the oldest; `limit`: 1 to 1000; `types`: names, separated by commas;
        `wait`: seconds, 0 to 20, for which an empty answer is held open, fewer where a request has less time;
        `include=resource`: with each event the user or group as it is now, at most 100 different ones, for those who
        may read users and groups; `attributes` and `excludedAttributes` choose from it.

        Raises InvalidValue, InsufficientScope, InvalidCursor, CursorExpired, FeedBroken.
        """
        query, search = _single(parameters), query_search(parameters)
        limit = _number(query, "limit", 1, MAX_LIMIT, DEFAULT_LIMIT)
        wait = _number(query, "wait", 0, MAX_WAIT, 0)
        types, included = _types(query.get("types", "")), _wants_resources(query.get("include", ""))
        if included and not may_read:
            raise InsufficientScope(
                "include=resource takes a credential of the scope read, which sees the directory.", "read"
            )
        most = MAX_INCLUDED if included else limit
        page = await self._feed.page(query.get("after", ""), limit, types, most)
        while not page.events and not page.more and wait > 0 and deadline.current().left() > deadline.MARGIN:
            await self._sleep(POLL_SECONDS)
            wait -= 1
            page = await self._feed.page(page.next, limit, types, most)
        return await self._included(page, search, base_url) if included else Response(200, _body(page))

    async def _included(self, page: EventPage, search: SearchRequest, base_url: str) -> Response:
        """Return a page whose events have a `resource`: who they are about as it is now, without memberships.

        That is null when it is gone, and an error when it cannot be read. The page ends early where more would be too
        long; one event it has in any case.
        """
        about = [self._kinds[_KINDS[event["type"].partition(".")[0]]] for event in page.events]
        keys = [kind.key(event["data"]["id"]) for kind, event in zip(about, page.events, strict=True)]
        rows = await self._rows(keys)
        sizes = list(accumulate(len(row.body) if (row := rows.get(key)) else 0 for key in keys))
        fitting = list(takewhile(lambda size: size <= MAX_PAGE_BYTES, sizes))  # rows that were not read lie behind
        if len(fitting) < len(page.events):
            kept = page.events[: len(fitting) or 1]
            page = EventPage(kept, self._feed.passed(page.next, kept[-1]["sequence"]), True)
        projections = {
            kind.letter: Projection(kind.type, search.attributes, search.excluded_attributes)
            for kind in self._kinds.values()
        }

        def made() -> Response:
            body = _body(page)
            for kind, key, event in zip(about, keys, body["events"], strict=False):
                event["resource"] = _shown(kind, rows[key], projections[kind.letter], base_url)
            return Response(200, body, written=in_pieces(body), size=size)

        size = sizes[len(page.events) - 1] if page.events else 0
        return await aside(made, size)

    async def _rows(self, keys: Sequence[str]) -> dict[str, Row | None]:
        """Return rows by their keys, each once, until they are more than fit into a page.

        After the first few, as many are read at a time as fit if they are like these, and at most twice as many.
        """
        different, many, size = list(dict.fromkeys(keys)), FIRST_ROWS, 0
        rows: dict[str, Row | None] = {}
        while size <= MAX_PAGE_BYTES and (some := different[len(rows) : len(rows) + many]):
            found = await self._tenant.read_all(some)
            rows |= zip(some, found, strict=True)
            size += sum(len(row.body) for row in found if row)
            many = max(1, min(2 * many, (MAX_PAGE_BYTES - size) * len(rows) // max(1, size)))
        return rows


def _body(page: EventPage) -> dict[str, Any]:
    events = [{name: part for name, part in event.items() if name != "method"} for event in page.events]
    return {"events": events, "next": page.next, "more": page.more}


def _shown(kind: Kind, row: Row | None, projection: Projection, base_url: str) -> Resource | None:
    """Return a resource as a page has it; an error for a damaged one, of which nobody may believe that it is gone."""
    try:
        return projection.apply(Stored.from_row(kind, row).resource(base_url)) if row else None
    except Damaged as error:
        return error.body()


def _single(parameters: Sequence[tuple[str, str]]) -> dict[str, str]:
    """Return the parameters of the feed by their names; `types` may be repeated, the others with one value only.

    One that is not known is refused: a mistyped name would leave out what it asks for. Raises InvalidValue.
    """
    query: dict[str, str] = {}
    for name, value in ((name.lower(), value.strip()) for name, value in parameters if value.strip()):
        if name.partition("[")[0] not in map(str.lower, _KNOWN):  # lists may be written as `attributes[]`
            raise InvalidValue(f"'{name[:60]}' is not known; there are {', '.join(_KNOWN)}.")
        if name == "types":
            value = ",".join(filter(None, (query.get(name), value)))
        elif query.get(name, value) != value and name in _SINGLE:
            raise InvalidValue(f"{name} is given more than once, with different values.")
        query[name] = value
    return query


def _number(query: Mapping[str, str], name: str, least: int, most: int, default: int) -> int:
    text = query.get(name, "")
    if not text:
        return default
    if not (text.isascii() and text.isdecimal() and least <= int(text[:9]) <= most):
        raise InvalidValue(f"{name} must be a whole number from {least} to {most}.")
    return int(text)


def _types(text: str) -> Sequence[str]:
    return chosen(filter(None, map(str.strip, text.split(","))))


def _wants_resources(text: str) -> bool:
    if text not in ("", "resource"):
        raise InvalidValue("include takes nothing but `resource`.")
    return text == "resource"
