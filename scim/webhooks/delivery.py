"""Delivery: each webhook gets its events in order, one after the other, at least once."""

import asyncio
import logging
import time
from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from scim.directory import keys
from scim.directory.events import Event
from scim.directory.feed import Feed
from scim.directory.tenant import Tenant
from scim.protocol.errors import CursorExpired, NotFound, ScimError
from scim.protocol.resource import to_json
from scim.storage.rows import Delete, Insert
from scim.webhooks.push import Message, Push, with_refusal
from scim.webhooks.sender import SECONDS, Outcome, Sender
from scim.webhooks.signature import WebhookKeys, headers, secret
from scim.webhooks.webhook import Webhook, WebhookRows, later

if TYPE_CHECKING:
    from scim.security_events.signing import SigningKeys

WAITS = (4, 300, 1_800, 7_200, 18_000, 36_000, 50_400, 72_000, 86_400)
"""Seconds from a failure of an event to its next attempt, if somebody looks then: `make run` does each second."""
SKIPPED_AFTER = 6
"""Failures after which a webhook that skips passes an event."""
ALERT_AT = 3
"""The failure that is logged as an error."""
LEASE = 3 * SECONDS
"""Seconds for which whoever delivers has a webhook to himself; renewed with each event."""
MAX_BODY = 20_000
"""Bytes of a request's body."""
_PAGE = 50

logger = logging.getLogger(__name__)

MakeSender = Callable[[], AbstractAsyncContextManager[Sender]]


class _Lost(Exception):
    """The webhook is no longer ours: it was disabled, changed or taken over meanwhile."""


class Delivery:
    """What delivers to the webhooks of one tenant. Two at once do not harm each other: a lease lets one work."""

    def __init__(
        self, tenant: Tenant, feed: Feed, webhook_keys: WebhookKeys, signing_keys: "SigningKeys", sender: MakeSender
    ) -> None:
        self.tenant, self.feed, self.sender = tenant, feed, sender
        self.rows = WebhookRows(tenant)
        self._keys, self._push = webhook_keys, Push(tenant, signing_keys)

    async def run(self, seconds: float) -> int:
        """Deliver to all webhooks of the tenant, each by itself, beginning no request after so many seconds.

        Returns how many events were delivered. What fails is kept with the webhook and logged, never raised.
        """
        end = time.monotonic() + seconds
        return sum(await asyncio.gather(*(self._safely(each, end) for each in await self.waiting())))

    async def run_one(self, webhook_id: str, seconds: float) -> int:
        """The same for one webhook."""
        end = time.monotonic() + seconds
        webhooks = [each for each in await self.waiting() if each.id == webhook_id]
        return sum([await self._safely(each, end) for each in webhooks])

    async def waiting(self) -> list[Webhook]:
        """Return the webhooks to which events can be delivered now, whether or not there are any."""
        return [each for each in await self.rows.all() if not each.waits(self.tenant.now())]

    async def due(self) -> datetime | None:
        """Return from when on there is something to deliver, as far as the rows tell now; None while there is not.

        A webhook that somebody has at the moment waits until his time is over: he may have ended without a word.
        """
        webhooks = [each for each in await self.rows.all() if each.enabled]
        head, _ = await self.feed.head() if webhooks else (None, "")
        times = [
            max(self.tenant.now(), each.held_until())
            for each in webhooks
            if each.due or each.sends_skipped or (head and self.feed.number(each.cursor) < head.last)
        ]
        return min(times, default=None)

    async def _safely(self, webhook: Webhook, end: float) -> int:
        try:
            return await _Turn(self, webhook).run(end)
        except (_Lost, NotFound):  # somebody else goes on with it, or nobody shall
            return 0
        except ScimError as error:
            logger.warning("webhook %s of tenant %s waits: %s", webhook.id, self.tenant.name, error.detail)
        except Exception:  # a bug, which must not keep events from the other webhooks
            logger.exception("the delivery to webhook %s of tenant %s failed", webhook.id, self.tenant.name)
        return 0

    async def expire(self) -> int:
        """Let go of skipped events that the feed no longer has, some at a time; return how many."""
        webhooks = await self.rows.all()
        first = (await self.feed.head())[0].first if webhooks else 0
        return sum([await self.rows.forget_skipped(each.id, first) for each in webhooks])

    async def send(self, sender: Sender, webhook: Webhook, event: Event) -> Outcome:
        """Send what tells of an event until some of it fails; return what came of the last request.

        Raises Unavailable without the key that signs.
        """
        return await _sent(sender, webhook, await self._messages(webhook, event))

    async def tried(self, webhook: Webhook, event: Event) -> Outcome:
        """Send an event of no feed once, and keep nothing of it."""
        messages = await (self._push.verification if webhook.issuer else self._messages)(webhook, event)
        async with self.sender() as sender:
            return await _sent(sender, webhook, messages)

    async def _messages(self, webhook: Webhook, event: Event) -> list[Message]:
        if webhook.issuer:
            return await self._push.messages(webhook, event)
        body = body_of(event)
        now = self.tenant.now()
        secrets = [
            secret(await self._keys.key(version), self.tenant.name, webhook.id, generation)
            for generation, version in webhook.secrets(now)
        ]
        return [(headers(secrets, event["id"], int(now.timestamp()), body), body)]


async def _sent(sender: Sender, webhook: Webhook, messages: Sequence[Message]) -> Outcome:
    first, *others = messages
    outcome = await sender.send(webhook.url, *first)
    for each in others:
        if outcome.ok:
            outcome = await sender.send(webhook.url, *each)
    return with_refusal(outcome) if webhook.issuer else outcome


class _Turn:
    """One turn of a webhook: under a lease, events from its cursor on until one fails, none is left or time is up."""

    def __init__(self, delivery: Delivery, webhook: Webhook) -> None:
        self._delivery, self._webhook = delivery, webhook
        self._tenant, self._feed, self._rows = delivery.tenant, delivery.feed, delivery.rows
        self._owner = self._tenant.new_mark()

    async def run(self, end: float) -> int:
        done = 0
        # Whoever committed while the lease was held has found it taken: so the feed is read again after its release.
        while events := await self._next(end):
            async with self._delivery.sender() as sender:
                await self._lease()
                sent = await self._send(sender, events, end)
            done += sent
            if sent < len(events) or time.monotonic() >= end:
                break
        return done

    async def _next(self, end: float) -> list[Event]:
        """Return the next events, of those that were skipped first if they are wanted again."""
        while self._webhook.sends_skipped:
            if found := await self._skipped():
                return found
        while True:
            webhook = self._webhook
            try:
                page = await self._feed.page(webhook.cursor, _PAGE, webhook.wanted)
            except CursorExpired:
                await self._disable("events that it has not had are no longer kept; enable it --from latest")
                return []
            if page.events or page.next == webhook.cursor:
                return page.events
            # What has passed is of no type that it wants.
            await self._change(lambda each, behind=page.next: replace(each, cursor=behind))  # type: ignore[misc]
            if not page.more or time.monotonic() >= end:
                return []

    async def _skipped(self) -> list[Event]:
        """Return skipped events that are still kept; with no number left, the webhook goes on from its cursor."""
        numbers = await self._rows.skipped(self._webhook.id, _PAGE)
        if not numbers:
            await self._change(lambda each: replace(each, sends_skipped=False))
        found = {number: await self._feed.event(number) for number in numbers}
        if gone := [number for number, event in found.items() if event is None]:
            logger.warning("webhook %s of tenant %s: %d skipped events are gone", *self._names, len(gone))
            await self._rows.forget(self._webhook.id, gone)
        return [event for event in found.values() if event]

    @property
    def _names(self) -> tuple[str, str]:
        return self._webhook.id, self._tenant.name

    async def _lease(self) -> None:
        """Take the webhook. Raises _Lost when somebody has it, or it waits."""

        def change(each: Webhook) -> Webhook:
            now = self._tenant.now()
            if each.waits(now) or (each.cursor, each.sends_skipped) != self._place:
                raise _Lost
            return replace(each, lease=self._owner, leased=later(now, LEASE))

        self._webhook = await self._rows.change(self._webhook.id, change)

    @property
    def _place(self) -> tuple[str, bool]:
        return self._webhook.cursor, self._webhook.sends_skipped

    async def _send(self, sender: Sender, events: list[Event], end: float) -> int:
        """Send events one after the other; return how many were delivered. The lease is released in the end."""
        for number, event in enumerate(events):
            if time.monotonic() >= end and number:
                await self._change(_released)
                return number
            outcome = await self._delivery.send(sender, self._webhook, event)
            if not outcome.ok:
                await self._failed(event, outcome)
                return number
            await self._delivered(event, last=number == len(events) - 1)
        return len(events)

    async def _delivered(self, event: Event, *, last: bool) -> None:
        now = self._tenant.time()

        def change(each: Webhook) -> Webhook:
            leased = "" if last else later(self._tenant.now(), LEASE)
            found = replace(each, failures=0, due="", last_success=now, leased=leased, lease="" if last else each.lease)
            return self._past(found, event)

        further = [self._skipped_row(event)] if self._webhook.sends_skipped else []
        await self._change(change, *further)

    def _past(self, webhook: Webhook, event: Event) -> Webhook:
        """Return the webhook behind an event; one that was skipped before lies behind its cursor already."""
        if webhook.sends_skipped:
            return webhook
        return replace(webhook, cursor=self._feed.passed(webhook.cursor, event["sequence"]))

    def _skipped_row(self, event: Event) -> Delete:
        return Delete(keys.skipped(self._webhook.id, event["sequence"]))

    async def _failed(self, event: Event, outcome: Outcome) -> None:
        """Keep what went wrong, and when to try again; a receiver that asks for a pause has made no failure."""
        asked = outcome.retry_after
        counts = outcome.status != 429 or asked is None
        failures = self._webhook.failures + counts
        wait = max(WAITS[min(failures, len(WAITS)) - 1] if counts else WAITS[0], asked or 0)
        told = replace(
            self._webhook,
            failures=failures,
            due=later(self._tenant.now(), wait),
            last_error=outcome.told[:500],
            last_failure=self._tenant.time(),
        )
        if outcome.status == 410:
            await self._disable("the receiver answers 410, it wants no more events", told)
        elif failures > len(WAITS):
            await self._disable(f"event {event['sequence']} failed {failures} times: {outcome.reason}", told)
        elif self._webhook.on_failure == "skip" and failures >= SKIPPED_AFTER:
            await self._skip(event, told)
        else:
            await self._change(lambda each: _with_state(each, told))
            self._tell(event, outcome, wait, logging.ERROR if counts and failures == ALERT_AT else logging.WARNING)

    def _tell(self, event: Event, outcome: Outcome, wait: float, level: int) -> None:
        logger.log(
            level,
            "webhook %s of tenant %s failed %d times with event %d at %s: %s; the next attempt is in %d s",
            *(*self._names, self._webhook.failures, event["sequence"], urlsplit(self._webhook.url).hostname),
            *(outcome.reason, wait),
        )

    async def _skip(self, event: Event, told: Webhook) -> None:
        """Pass an event, whose number is kept for `replay`; one that is being replayed is kept as it was."""
        logger.error("webhook %s of tenant %s skips event %d", *self._names, event["sequence"])
        if self._webhook.sends_skipped:
            await self._change(lambda each: replace(_with_state(each, told), failures=0, due="", sends_skipped=False))
            return
        row = Insert(keys.skipped(told.id, event["sequence"]), "", self._tenant.time())
        await self._change(lambda each: self._past(replace(_with_state(each, told), failures=0, due=""), event), row)

    async def _disable(self, reason: str, told: Webhook | None = None) -> None:
        logger.error("webhook %s of tenant %s is disabled: %s", *self._names, reason)
        state = replace(told or self._webhook, due="", last_error=told.last_error if told else reason)
        await self._change(lambda each: replace(_with_state(each, state), enabled=False, why_disabled=reason))

    async def _change(self, change: Callable[[Webhook], Webhook], *further: Delete | Insert) -> None:
        """Change the webhook while it is ours. Raises _Lost when it is not."""

        def checked(each: Webhook) -> Webhook:
            ours = each.lease == self._webhook.lease and (each.cursor, each.sends_skipped) == self._place
            if not (ours and each.enabled):
                raise _Lost
            return change(each)

        self._webhook = await self._rows.change(self._webhook.id, checked, *further)


def _released(webhook: Webhook) -> Webhook:
    return replace(webhook, lease="", leased="")


def _with_state(webhook: Webhook, of: Webhook) -> Webhook:
    """Return a webhook with the state of delivery that `of` has; what an operator may have changed stays."""
    return replace(
        _released(webhook),
        failures=of.failures,
        due=of.due,
        last_error=of.last_error,
        last_failure=of.last_failure,
    )


def body_of(event: Event) -> bytes:
    """Return the body of the request that tells of an event, below MAX_BODY bytes: without who the credential is of.

    An event that would be longer, by an externalId or names of attributes, goes without these; its `id` stays.
    """
    actor = {name: text for name, text in event.get("actor", {}).items() if name != "credential"}
    told: dict[str, Any] = {name: part for name, part in event.items() if name != "method"} | {"actor": actor}
    for dropped in ((), ("changed",), ("changed", "externalId", "userName", "displayName")):
        data = {name: part for name, part in event["data"].items() if name not in dropped}
        body = to_json(told | {"data": data}).encode()
        if len(body) < MAX_BODY:
            break
    return body
