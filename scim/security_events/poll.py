"""Fetching tokens: what a receiver acknowledges, what it reports, and what it gets. RFC 8936."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Collection, Mapping
from dataclasses import dataclass, field, replace
from functools import partial

from scim.directory.aside import SHORT, aside
from scim.directory.events import Event
from scim.directory.feed import MAX_LIMIT, Feed
from scim.directory.tenant import Tenant
from scim.security_events.signing import SigningKey, SigningKeys
from scim.security_events.stream import Stream, StreamRows, moved, not_found, open_events
from scim.security_events.token import claims
from scim.storage import deadline

MAX_SETS = 100
"""Tokens in one answer."""
POLL_SECONDS = 1.0

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Asked:
    """What a receiver asks for: how many tokens at most, whether to wait for the first, and what it says of others.

    `acknowledged` are `jti`s of tokens that it has; `errors` has, by `jti`, a word for why one could not be used.
    """

    most: int = MAX_SETS
    at_once: bool = False
    acknowledged: Collection[str] = ()
    errors: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Answered:
    """Signed tokens by `jti`, in the order of the feed, and whether there are more."""

    sets: dict[str, str]
    more: bool


class Poll:
    """Gives the tokens of one tenant's streams to their receivers, each until it was acknowledged."""

    def __init__(
        self,
        tenant: Tenant,
        feed: Feed,
        signing_keys: SigningKeys,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._tenant, self._feed, self._keys, self._sleep = tenant, feed, signing_keys, sleep
        self._rows = StreamRows(tenant)

    async def answer(self, stream_id: str, credential: str, asked: Asked) -> Answered:
        """Return tokens of a stream after what is acknowledged was kept.

        A token that was reported with an error counts as acknowledged: it would be the same when it came again.
        What is no `jti` of a token that is still open is ignored, since an acknowledgement may be repeated.

        Raises NotFound unless the stream is the credential's, Unavailable, CursorExpired after a restore.
        """
        stream, events, more = await self._step(stream_id, credential, asked)
        wait = 0 if asked.at_once or not asked.most else stream.wait
        while not events and not more and wait > 0 and deadline.current().left() > deadline.MARGIN:
            await self._sleep(POLL_SECONDS)
            wait -= 1
            stream, events, more = await self._step(stream_id, credential, Asked(asked.most))
        return Answered(await self._signed(stream, events), more)

    async def _step(self, stream_id: str, credential: str, asked: Asked) -> tuple[Stream, list[Event], bool]:
        """Keep what is acknowledged, then return the stream, the first tokens' events, and whether there are more."""
        left: list[Event] = []
        more = False

        async def change(stream: Stream) -> Stream:
            nonlocal left, more
            if stream.credential != credential:
                raise not_found(stream_id)
            # Whatever was given out lies among so many: what was acknowledged behind the cursor, and what was not.
            said = len(asked.acknowledged) + len(asked.errors)
            limit = min(MAX_LIMIT, len(stream.acknowledged) + said + MAX_SETS)
            page = await self._feed.page(stream.cursor, limit, stream.types)
            stream = self._heard(stream, open_events(stream, page), asked)
            left = open_events(stream, page)
            more = page.more or len(left) > asked.most
            return moved(stream, self._feed, page)

        stream = await self._rows.change(stream_id, change)
        if asked.errors:
            words = ", ".join(sorted(set(asked.errors.values())))[:200]
            logger.warning(
                "the receiver of stream %s of tenant %s cannot use %d tokens: %s",
                *(stream.id, self._tenant.name, len(asked.errors), words),
            )
        return stream, left[: asked.most], more

    def _heard(self, stream: Stream, still: list[Event], asked: Asked) -> Stream:
        """Return a stream that knows what its receiver says of tokens of events that are still open."""
        by_id = {stream.recipient.token_id(each): each["sequence"] for each in still}
        refused = [word for each, word in asked.errors.items() if each in by_id]
        new = [by_id[each] for each in (*asked.acknowledged, *asked.errors) if each in by_id]
        if new:
            kept = tuple(sorted({*stream.acknowledged, *new}))
            stream = replace(stream, acknowledged=kept, last_acknowledged=self._tenant.time())
        if refused:
            stream = replace(stream, refused=stream.refused + len(refused), last_error=refused[-1])
        return stream

    async def _signed(self, stream: Stream, events: list[Event]) -> dict[str, str]:
        if not events:
            return {}
        key = await self._keys.signer()
        # A hundred signatures of RSA take as long as a large body; those of a curve are done at once.
        return await aside(partial(_sign_all, key, stream, events), SHORT + 1 if key.algorithm == "RS256" else 0)


def _sign_all(key: SigningKey, stream: Stream, events: list[Event]) -> dict[str, str]:
    made = [claims(each, stream.recipient) for each in events]
    return {each["jti"]: key.signed(each) for each in made}
