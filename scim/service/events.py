"""The feed of events over HTTP: which parameters it takes, how long it waits, and what it answers."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

from scim.directory.events import chosen
from scim.directory.feed import DEFAULT_LIMIT, MAX_LIMIT, Feed
from scim.directory.stored import Kind, Stored
from scim.directory.tenant import Tenant
from scim.protocol.errors import InsufficientScope, InvalidValue
from scim.protocol.projection import Projection
from scim.protocol.query import SearchRequest, query_search
from scim.service.messages import Response
from scim.storage import deadline

MAX_WAIT = 20
"""Seconds for which an empty answer is held open at most; on Flex Consumption each of them is billed."""
POLL_SECONDS = 1.0
MAX_INCLUDED = 100
"""Different users and groups in one page."""
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
        types, included = _types(query.get("types", "")), _included(query.get("include", ""))
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
        events = [{name: part for name, part in event.items() if name != "method"} for event in page.events]
        if included:
            await self._include(events, search, base_url)
        return Response(200, {"events": events, "next": page.next, "more": page.more})

    async def _include(self, events: Sequence[dict[str, Any]], search: SearchRequest, base_url: str) -> None:
        """Put `resource` into events: who they are about as it is now, without memberships; null when it is gone."""
        projections = {
            kind.letter: Projection(kind.type, search.attributes, search.excluded_attributes)
            for kind in self._kinds.values()
        }
        about = [self._kinds[_KINDS[event["type"].partition(".")[0]]] for event in events]
        keys = [kind.key(event["data"]["id"]) for kind, event in zip(about, events, strict=True)]
        different = list(dict.fromkeys(keys))
        rows = dict(zip(different, await self._tenant.read_all(different), strict=True))
        for kind, key, event in zip(about, keys, events, strict=True):
            row = rows[key]
            found = Stored.from_row(kind, row).resource(base_url) if row else None
            event["resource"] = projections[kind.letter].apply(found) if found else None


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


def _included(text: str) -> bool:
    if text not in ("", "resource"):
        raise InvalidValue("include takes nothing but `resource`.")
    return text == "resource"
