"""What an operator does with the webhooks of a tenant, for the command line and for HTTP alike."""

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime
from typing import Any

from scim.directory.feed import LATEST
from scim.protocol.errors import CursorExpired, InvalidValue
from scim.service.deliveries import Deliveries
from scim.service.events import TYPES
from scim.service.tenants import TenantService
from scim.webhooks.address import AddressRules
from scim.webhooks.delivery import Delivery
from scim.webhooks.signature import WebhookKeys, secret, text_of
from scim.webhooks.webhook import BOTH_SIGN, MAX_WEBHOOKS, OnFailure, Webhook, WebhookRows, as_told, enabled

TEST = "webhook.test"
"""The type of the event that `test` sends; it has no sequence, and no feed has it."""


class Webhooks:
    """The webhooks of one tenant as JSON objects. Every method raises ScimErrors: NotFound, InvalidValue, Unavailable.

    `url` is the Tenant URL, which a test names.
    """

    def __init__(
        self,
        service: TenantService,
        delivery: Delivery,
        webhook_keys: WebhookKeys,
        rules: AddressRules,
        deliveries: Deliveries,
    ) -> None:
        self._service, self._delivery, self._keys, self._rules = service, delivery, webhook_keys, rules
        self._deliveries = deliveries
        self._tenant = service.tenant
        self._rows = WebhookRows(service.tenant)

    async def create(self, url: str, types: Iterable[str] = (), on_failure: OnFailure = "stop") -> dict[str, Any]:
        """Return a new webhook with its secret; it gets what happens from now on."""
        self._rules.check_url(url)
        chosen = tuple(dict.fromkeys(types))
        if unknown := [each for each in chosen if each not in TYPES]:
            raise InvalidValue(f"There is no event of the type '{unknown[0][:60]}'. There are {', '.join(TYPES)}.")
        if on_failure not in ("stop", "skip"):
            raise InvalidValue("onFailure must be stop or skip.")
        if self._service.record.status != "active":
            raise InvalidValue(f"The tenant is {self._service.record.status}.")
        if len(await self._rows.all()) >= MAX_WEBHOOKS:
            raise InvalidValue(f"A tenant has {MAX_WEBHOOKS} webhooks at most; delete one first.")
        made = Webhook(
            self._tenant.new_id(""),
            url,
            await self._cursor(LATEST),
            self._tenant.time(),
            await self._keys.newest(),
            chosen,
            on_failure,
        )
        await self._rows.add(made)
        self._deliveries.look_again(self._service.record.key)
        return as_told(made) | {"secret": await self._secret(made)}

    async def all(self) -> list[dict[str, Any]]:
        """Return all webhooks, without how far they are."""
        return [as_told(each) for each in await self._rows.all()]

    async def show(self, webhook_id: str) -> dict[str, Any]:
        """Return a webhook, when it had success last, what failed last, and how far it is behind.

        `lag` counts the events that it has not passed yet, and the seconds since the first of those that it wants.
        """
        webhook = await self._rows.get(webhook_id)
        skipped = await self._rows.skipped(webhook_id, 1_000)
        return as_told(webhook) | {
            "lastSuccess": webhook.last_success or None,
            "lastError": webhook.last_error or None,
            "lastFailure": webhook.last_failure or None,
            "failures": webhook.failures,
            "nextAttempt": webhook.due or None,
            "skipped": len(skipped),
            "bothSecretsUntil": self._both_until(webhook),
            "lag": await self._lag(webhook),
        }

    async def enable(self, webhook_id: str, cursor: str = "") -> dict[str, Any]:
        """Deliver again, from a cursor, from `latest`, or from where it stopped."""
        place = await self._cursor(cursor) if cursor else ""
        if not place:
            await self._cursor((await self._rows.get(webhook_id)).cursor)  # it may be too old by now
        return await self._changed(await self._rows.change(webhook_id, lambda each: enabled(each, place)))

    async def disable(self, webhook_id: str) -> dict[str, Any]:
        """Deliver nothing until it is enabled."""
        change = {"enabled": False, "why_disabled": "an operator has disabled it", "due": ""}
        return await self._changed(await self._rows.change(webhook_id, lambda each: replace(each, **change)))  # type: ignore[arg-type]

    async def delete(self, webhook_id: str) -> None:
        """Take it away with all that is known of it."""
        await self._rows.remove(webhook_id)

    async def rotate(self, webhook_id: str) -> dict[str, Any]:
        """Return a webhook with a new secret; for 24 hours the old one signs as well."""
        newest, now = await self._keys.newest(), self._tenant.now()

        def change(each: Webhook) -> Webhook:
            if len(each.secrets(now)) > 1:
                raise InvalidValue(f"The secret was rotated at {each.rotated}; rotate again 24 hours later.")
            return replace(
                each, generation=each.generation + 1, key=newest, old_key=each.key, rotated=self._tenant.time()
            )

        rotated = await self._rows.change(webhook_id, change)
        return as_told(rotated) | {"secret": await self._secret(rotated), "bothSecretsUntil": self._both_until(rotated)}

    async def replay(self, webhook_id: str, cursor: str = "") -> dict[str, Any]:
        """Deliver again all from a cursor on; without one, the events that were skipped."""
        if cursor:
            place = await self._cursor(cursor)
            return await self._changed(await self._rows.change(webhook_id, lambda each: enabled(each, place)))
        return await self._changed(
            await self._rows.change(webhook_id, lambda each: replace(enabled(each), sends_skipped=True))
        )

    async def test(self, webhook_id: str) -> dict[str, Any]:
        """Send one signed event of the type `webhook.test`, and return what came of it; nothing is kept of it."""
        webhook = await self._rows.get(webhook_id)
        event = {
            "id": f"test-{self._tenant.new_mark()}",
            "type": TEST,
            "timestamp": self._tenant.time(),
            "data": {"webhook": webhook.id},
        }
        outcome = await self._delivery.tried(webhook, event)
        told = {"id": webhook.id, "ok": outcome.ok, "status": outcome.status or None}
        return told | {"milliseconds": outcome.milliseconds, "error": None if outcome.ok else outcome.reason}

    async def _changed(self, webhook: Webhook) -> dict[str, Any]:
        self._deliveries.look_again(self._service.record.key)
        self._deliveries.soon(self._service)
        return await self.show(webhook.id)

    async def _cursor(self, text: str) -> str:
        """Return where a cursor goes on. Raises InvalidCursor, CursorExpired."""
        page = await self._service.feed.page(text, 1)
        return page.next if text == LATEST else text

    async def _lag(self, webhook: Webhook) -> dict[str, int] | None:
        """Return how far a webhook is behind; None where events that it has not had are no longer kept."""
        try:
            page = await self._service.feed.page(webhook.cursor, 1, webhook.types)
        except CursorExpired:
            return None
        head, _ = await self._service.feed.head()
        since = [datetime.fromisoformat(event["timestamp"]) for event in page.events]
        behind = max(head.last, self._service.feed.number(page.next)) - self._service.feed.number(webhook.cursor)
        seconds = int((self._tenant.now() - since[0]).total_seconds()) if since else 0
        return {"events": behind if since or page.more else 0, "seconds": max(seconds, 0)}

    async def _secret(self, webhook: Webhook) -> str:
        key = await self._keys.key(webhook.key)
        return text_of(secret(key, self._tenant.name, webhook.id, webhook.generation))

    def _both_until(self, webhook: Webhook) -> str | None:
        if len(webhook.secrets(self._tenant.now())) < 2:
            return None
        return (datetime.fromisoformat(webhook.rotated) + BOTH_SIGN).isoformat().replace("+00:00", "Z")
