"""What an operator does with the webhooks of a tenant, for the command line and for HTTP alike."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING, Any

from scim.directory.events import TYPES, chosen
from scim.directory.feed import LATEST
from scim.protocol.errors import CursorExpired, InvalidValue
from scim.protocol.resource import format_date_time
from scim.security_events.session import SUBJECT_FORMATS
from scim.security_events.token import TOKEN_TYPES
from scim.service.deliveries import Deliveries
from scim.service.tenants import TenantService
from scim.webhooks.address import AddressRules
from scim.webhooks.delivery import Delivery
from scim.webhooks.signature import WebhookKeys, secret, text_of
from scim.webhooks.webhook import (
    BOTH_SIGN,
    FORMS,
    MAX_WEBHOOKS,
    Form,
    OnFailure,
    Webhook,
    WebhookRows,
    as_told,
    enabled,
)

if TYPE_CHECKING:
    from scim.security_events.signing import SigningKeys

TEST = "webhook.test"
"""The type of the event that `test` sends; it has no sequence, and no feed has it."""


MAX_ISSUER = 500
"""Characters of whoever gives the names that `iss_sub` has."""


class Webhooks:
    """The webhooks of one tenant as JSON objects. Every method raises ScimErrors: NotFound, InvalidValue, Unavailable.

    `url` is the Tenant URL, which a test names.
    """

    def __init__(
        self,
        service: TenantService,
        delivery: Delivery,
        webhook_keys: WebhookKeys,
        signing_keys: "SigningKeys",
        rules: AddressRules,
        deliveries: Deliveries,
    ) -> None:
        self._service, self._delivery, self._rules = service, delivery, rules
        self._keys, self._signing_keys = webhook_keys, signing_keys
        self._deliveries = deliveries
        self._tenant = service.tenant
        self._rows = WebhookRows(service.tenant)

    async def create(
        self,
        url: str,
        types: Iterable[str] = (),
        on_failure: OnFailure = "stop",
        form: Form = "standard",
        *,
        issuer: str = "",
        session_revoked: str = "",
        subject_issuer: str = "",
    ) -> dict[str, Any]:
        """Return a new webhook; it gets what happens from now on.

        One of the form `standard` is returned with a secret of its own. One of `security-event` takes a key that signs
        its tokens, whose `issuer` is the Tenant URL; `session_revoked` says how its receiver knows users, if it wants a
        token when their sessions end: `email`, `scim`, or `iss_sub`, as whom `subject_issuer` knows by externalId.
        """
        self._rules.check_url(url)
        tokens = _tokens(form, issuer, session_revoked, subject_issuer)
        wanted = _checked_types(types, tokens)
        if on_failure not in ("stop", "skip"):
            raise InvalidValue("onFailure must be stop or skip.")
        self._service.check_active()
        if len(await self._rows.all()) >= MAX_WEBHOOKS:
            raise InvalidValue(f"A tenant has {MAX_WEBHOOKS} webhooks at most; delete one first.")
        if tokens:
            await self._signing_keys.signer()
        key = "" if tokens else await self._keys.newest()
        cursor, now = await self._cursor(LATEST), self._tenant.time()
        made = Webhook(self._tenant.new_id(""), url, cursor, now, key, wanted, on_failure, **tokens)
        await self._rows.add(made)
        self._deliveries.look_again(self._service.record.key)
        return as_told(made) | ({} if tokens else {"secret": await self._secret(made)})

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
        if (await self._rows.get(webhook_id)).issuer:
            raise InvalidValue("Its tokens are signed by the key of all security events; see `signing-key rotate`.")
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
        """Send one signed event of the type `webhook.test`, or one token, and return what came of it.

        Nothing is kept of it.
        """
        webhook = await self._rows.get(webhook_id)
        event = {
            "id": f"test-{self._tenant.new_mark()}",
            "type": TEST,
            "timestamp": self._tenant.time(),
            "data": {"webhook": webhook.id},
        }
        outcome = await self._delivery.tried(webhook, event)
        told = {"id": webhook.id, "ok": outcome.ok, "status": outcome.status or None}
        return told | {"milliseconds": outcome.milliseconds, "error": None if outcome.ok else outcome.told}

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
            page = await self._service.feed.page(webhook.cursor, 1, webhook.wanted)
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
        return format_date_time(datetime.fromisoformat(webhook.rotated) + BOTH_SIGN)


def _tokens(form: str, issuer: str, session_revoked: str, subject_issuer: str) -> dict[str, Any]:
    """Return what a webhook has besides that gets tokens; nothing of any other one. Raises InvalidValue."""
    if form not in FORMS:
        raise InvalidValue(f"form must be one of {', '.join(FORMS)}.")
    if session_revoked not in ("", *SUBJECT_FORMATS):
        raise InvalidValue(f"sessionRevoked must be one of {', '.join(SUBJECT_FORMATS)}.")
    if bool(subject_issuer) != (session_revoked == "iss_sub"):
        raise InvalidValue(
            "subjectIssuer goes with sessionRevoked iss_sub: it is who has given users their externalId."
        )
    if len(subject_issuer) > MAX_ISSUER or not subject_issuer.isprintable():
        raise InvalidValue(f"subjectIssuer must be a text of up to {MAX_ISSUER} characters.")
    if form == "standard" and session_revoked:
        raise InvalidValue("sessionRevoked goes with the form security-event.")
    if form == "standard":
        return {}
    return {"issuer": issuer, "session_revoked": session_revoked, "subject_issuer": subject_issuer}


def _checked_types(types: Iterable[str], tokens: Mapping[str, Any]) -> tuple[str, ...]:
    """Return types of events, each once. Raises InvalidValue on one that such a webhook cannot get, or lacks."""
    wanted = chosen(types, TOKEN_TYPES if tokens else TYPES)
    if wanted and tokens.get("session_revoked") and "user.deactivated" not in wanted:
        raise InvalidValue("sessionRevoked follows user.deactivated, which types must name.")
    return wanted
