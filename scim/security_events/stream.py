"""A stream as its row keeps it: whose it is, what it has acknowledged, and how it fares."""

import logging
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from functools import partial

from scim.directory import keys
from scim.directory.events import Event
from scim.directory.feed import MAX_LIMIT, EventPage, Feed
from scim.directory.feed_cursor import check_place
from scim.directory.tenant import Tenant
from scim.protocol.errors import CursorExpired, NotFound
from scim.protocol.resource import to_json
from scim.security_events.token import Recipient, has_token
from scim.storage.damage import FORM, Damaged, record_in, unless_damaged
from scim.storage.rows import Delete, Insert, Replace, Row

MAX_STREAMS = 20
"""Streams of one tenant."""
PATH = "events/sets"
"""Where streams are, below the Tenant URL."""

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Stream:
    """One stream. Times are in the form of `meta.lastModified`, and empty where there was none.

    `credential` is the id of the only one that may fetch. `types` are those of the events that it gets, none is all.
    `wait` are the seconds for which an empty answer is held open. All up to `cursor` was acknowledged, and behind it
    the events with the numbers `acknowledged`. `refused` counts tokens that the receiver could not use, `dropped`
    those that it has never acknowledged until they expired.
    """

    id: str
    credential: str
    issuer: str
    cursor: str
    created: str
    types: tuple[str, ...] = ()
    wait: int = 0
    acknowledged: tuple[int, ...] = ()
    last_acknowledged: str = ""
    refused: int = 0
    last_error: str = ""
    dropped: int = 0
    form: int = FORM

    @property
    def url(self) -> str:
        """Where its tokens are fetched, which is also the audience of each."""
        return f"{self.issuer}/{PATH}/{self.id}"

    @property
    def recipient(self) -> Recipient:
        """Whom its tokens are for."""
        return Recipient(self.id, self.issuer, self.url)

    def body(self) -> str:
        """Return the text of the row."""
        return to_json(asdict(self))


def stream_of(tenant: str, row: Row) -> Stream:
    """Return the stream of a row of a tenant. Raises Damaged, or Newer for one that a newer release has written."""
    stream = Stream(**record_in(row, Stream))
    check_place(row, tenant, stream.cursor)
    return stream


class StreamRows:
    """The streams of one tenant."""

    def __init__(self, tenant: Tenant) -> None:
        self._tenant, self._read = tenant, partial(stream_of, tenant.name)

    async def all(self) -> list[Stream]:
        """Return all streams that can be read."""
        found = []
        for row in await self._tenant.under(keys.stream()):
            with suppress(Damaged):  # which the log has; the others go on
                found.append(self._read(row))
        return found

    async def count(self) -> int:
        """Return how many streams there are, damaged ones too."""
        return len(await self._tenant.under(keys.stream(), MAX_STREAMS + 1, keys_only=True))

    async def get(self, stream_id: str) -> Stream:
        """Return a stream. Raises NotFound."""
        return self._read(await self._row(stream_id))

    async def add(self, stream: Stream) -> None:
        """Keep a new stream."""
        await self._tenant.commit([Insert(keys.stream(stream.id), stream.body(), self._tenant.time())])

    async def change(self, stream_id: str, change: Callable[[Stream], Awaitable[Stream]]) -> Stream:
        """Return the stream after the change, which is applied again to what others have changed meanwhile.

        What changes nothing is not written. Raises NotFound, and what `change` raises.
        """

        async def attempt(_: int) -> Stream:
            row = await self._row(stream_id)
            current = self._read(row)
            changed = await change(current)
            if changed != current:
                await self._tenant.commit([Replace(row.key, changed.body(), row.version, self._tenant.time())])
            return changed

        return await self._tenant.retried(attempt)

    async def remove(self, stream_id: str) -> None:
        """Take a stream away, also a damaged one. Raises NotFound, Newer."""
        row = await self._row(stream_id)
        unless_damaged(row, self._read)  # a damaged one goes, too; one of a newer release stays

        async def attempt(_: int) -> None:
            if left := await self._tenant.settled([Delete(row.key)]):
                await self._tenant.commit(left)

        await self._tenant.retried(attempt)

    async def _row(self, stream_id: str) -> Row:
        row = await self._tenant.read(keys.stream(stream_id)) if keys.is_id(stream_id) else None
        if row is None:
            raise not_found(stream_id)
        return row


def not_found(stream_id: str) -> NotFound:
    """Return the error of a stream that there is not, or that is another's: they are told alike."""
    return NotFound(f"There is no stream '{stream_id[:64]}' for this credential.")


def open_events(stream: Stream, page: EventPage) -> list[Event]:
    """Return the events of a page behind the stream's cursor whose tokens it has not acknowledged."""
    done = set(stream.acknowledged)
    return [each for each in page.events if has_token(each) and each["sequence"] not in done]


def moved(stream: Stream, feed: Feed, page: EventPage) -> Stream:
    """Return a stream whose cursor stands before the first event of the page that it has not acknowledged."""
    left = open_events(stream, page)
    cursor = feed.passed(page.next, left[0]["sequence"] - 1) if left else page.next
    number = feed.number(cursor)
    return replace(stream, cursor=cursor, acknowledged=tuple(each for each in stream.acknowledged if each > number))


async def left_behind(tenant: Tenant, feed: Feed, last: int) -> None:
    """Take the streams of a tenant past the number of an event, which is about to expire with all before it.

    Tokens that nobody has acknowledged are dropped thereby: they are counted, and the log says so.
    """
    rows = StreamRows(tenant)
    for stream in await rows.all():
        if feed.number(stream.cursor) >= last:
            continue
        try:
            now = await rows.change(stream.id, partial(_passed, feed, last))
        except (CursorExpired, NotFound):  # of an older epoch, which its receiver is told; or deleted meanwhile
            continue
        if lost := now.dropped - stream.dropped:
            logger.error(
                "stream %s of tenant %s lost %d tokens, which expired before they were acknowledged",
                *(stream.id, tenant.name, lost),
            )


async def _passed(feed: Feed, last: int, stream: Stream) -> Stream:
    lost: set[int] = set()
    while feed.number(stream.cursor) < last:
        page = await feed.page(stream.cursor, MAX_LIMIT, stream.types)
        lost |= {each["sequence"] for each in open_events(stream, page) if each["sequence"] <= last}
        number = min(last, feed.number(page.next))
        kept = tuple(each for each in stream.acknowledged if each > number)
        stream = replace(stream, cursor=feed.passed(page.next, number), acknowledged=kept)
    return replace(stream, dropped=stream.dropped + len(lost))
