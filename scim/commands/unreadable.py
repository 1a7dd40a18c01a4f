"""Finds rows of a tenant that cannot be read by themselves, beside those of users and groups, and a feed with a gap."""

from collections.abc import AsyncIterator, Callable, Mapping
from functools import partial
from typing import Protocol

from scim.directory import keys
from scim.directory.capture import capture_in, captured_in
from scim.directory.entry import entries_in
from scim.directory.events import event_in, said_in
from scim.directory.feed import head_in
from scim.directory.hours import counts_in
from scim.directory.timer import runs_in
from scim.directory.told import retell
from scim.security_events.stream import stream_of
from scim.service.tenants import TenantService
from scim.storage.damage import Damaged, Newer, texts_in
from scim.storage.rows import Delete, Row
from scim.webhooks.webhook import webhook_of

Read = Callable[[Row], object]


class Note(Protocol):
    """Hears of what is wrong, and whether it was repaired."""

    def __call__(self, text: str, repaired: bool = False) -> None:
        """Hear of it."""
        ...


_PASSING: Mapping[str, Read] = {
    keys.REQUESTS: entries_in,
    keys.HOURS: counts_in,
    keys.MAINTENANCE: runs_in,
    keys.CAPTURE: capture_in,
    keys.CAPTURED: captured_in,
}
"""Rows that say what was, and are not missed: how each is read."""


class Unreadable:
    """Reads each of these rows as the service does. What a newer release has written is told of, and left alone.

    Repaired is what others follow from: the roles that the feed has told of, the row of the timer, and the feed, of
    which a new epoch begins when it lacks an event, so that all readers start anew. Rows of the journal and of captures
    that nobody can read go. A webhook, a stream, and the roles that a group gives, are for a person to make anew.
    """

    def __init__(self, service: TenantService, repair: bool, note: Note) -> None:
        self._tenant, self._feed = service.tenant, service.feed
        self._repair, self._note = repair, note

    async def check(self) -> None:
        """Note what cannot be read, and repair what can be."""
        for prefix, read in _PASSING.items():
            async for row, damaged in self._damaged(prefix, read):
                await self._delete(row, damaged)
        for prefix, (read, advice) in self._made_by_people().items():
            async for row, damaged in self._damaged(prefix, read):
                self._note(f"{row.key}: {damaged.why}; {advice}")
        async for row, damaged in self._damaged(keys.told_roles(), texts_in):
            await self._retell(row, damaged)
        if await self._check_head():
            await self._check_events()

    def _made_by_people(self) -> Mapping[str, tuple[Read, str]]:
        """Rows that nobody else knows the content of: how each is read, and what an administrator has to do."""
        name = self._tenant.name
        return {
            keys.webhook(): (partial(webhook_of, name), "delete the webhook and make it anew"),
            keys.stream(): (partial(stream_of, name), "delete the stream and make it anew"),
            keys.roles(): (texts_in, "unmap the group and map it anew"),
        }

    async def _check_head(self) -> bool:
        """Return whether the feed has a head that can be read, perhaps since it was repaired."""
        async for _, damaged in self._damaged(keys.FEED, head_in):
            repair = self._may_repair(damaged)
            if repair:
                await self._feed.restart()
            self._note(f"{keys.FEED}: {damaged.why}; a new epoch begins with --repair", repair)
            return repair
        return True

    async def _check_events(self) -> None:
        """Find an event that is missing or cannot be read, which no reader could go past, or that never gets there."""
        lost = False
        for prefix in (keys.outbox(), keys.PARKED):
            async for row, damaged in self._damaged(prefix, said_in):
                lost |= not isinstance(damaged, Newer)
                await self._delete(row, damaged)
        first = await self._feed.first()
        async for row, damaged in self._damaged(keys.event(), event_in):
            if keys.number(row.key) >= first:
                lost |= not isinstance(damaged, Newer)
                self._note(f"{row.key}: {damaged.why}; a new epoch begins with --repair", self._may_repair(damaged))
        if (missing := await self._feed.missing()) is not None:
            lost = True
            self._note(
                f"{keys.event(missing)}: the feed lacks this event or has it early; a new epoch begins with --repair",
                self._repair,
            )
        if lost and self._repair:
            await self._feed.restart()

    async def _damaged(self, prefix: str, read: Read) -> AsyncIterator[tuple[Row, Damaged]]:
        """Yield the rows whose keys begin so, or the one with the key, that cannot be read, and why."""
        async for row in self._rows(prefix):
            try:
                read(row)
            except Damaged as damaged:
                yield row, damaged

    async def _rows(self, prefix: str) -> AsyncIterator[Row]:
        if not prefix.endswith("."):
            if row := await self._tenant.read(prefix):
                yield row
            return
        async for page in self._tenant.pages(prefix):
            for each in page:
                yield each

    def _may_repair(self, damaged: Damaged) -> bool:
        return self._repair and not isinstance(damaged, Newer)

    async def _delete(self, row: Row, damaged: Damaged) -> None:
        repair = self._may_repair(damaged)
        if repair:
            await self._tenant.commit([Delete(row.key, row.version), self._tenant.change_row(operation="repair")])
        self._note(f"{row.key}: {damaged.why}", repair)

    async def _retell(self, row: Row, damaged: Damaged) -> None:
        repair = self._may_repair(damaged)
        if repair:
            try:
                await retell(self._tenant, keys.last_part(row.key))
            except Damaged:  # of the roles that the group gives, which is a finding of its own
                repair = False
        self._note(f"{row.key}: {damaged.why}", repair)
