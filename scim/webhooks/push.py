"""Webhooks that get Security Event Tokens: one in the body of each request, as RFC 8935 says."""

import json
import logging
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from scim.directory import keys
from scim.directory.events import Event
from scim.directory.tenant import Tenant
from scim.protocol.resource import Resource
from scim.security_events.refusal import description_of, word_of
from scim.security_events.session import SubjectFormat, ends_sessions, session_revoked, subject_of
from scim.security_events.token import MEDIA_TYPE, Claims, claims, enveloped
from scim.storage.damage import Damaged, object_in
from scim.webhooks.sender import Outcome
from scim.webhooks.webhook import Webhook

if TYPE_CHECKING:
    from scim.security_events.signing import SigningKeys

VERIFICATION = "https://schemas.openid.net/secevent/ssf/event-type/verification"
"""What a test sends: a token about the webhook itself. OpenID Shared Signals Framework 1.0 §8.1.4."""
REFUSED = 400
"""The status with which a receiver says why it does not take a token. RFC 8935 §2.3."""
_HEADERS = {"content-type": MEDIA_TYPE, "accept": "application/json"}  # RFC 8935 §2.1

Message = tuple[dict[str, str], bytes]
"""Headers and body of a request to a receiver."""

logger = logging.getLogger(__name__)


class Push:
    """The requests that tell the webhooks of one tenant of events."""

    def __init__(self, tenant: Tenant, signing_keys: "SigningKeys") -> None:
        self._tenant, self._keys = tenant, signing_keys

    async def messages(self, webhook: Webhook, event: Event) -> list[Message]:
        """Return the requests that tell of an event of the feed, in their order. Raises Unavailable without a key."""
        told = [claims(event, webhook.recipient)]
        if webhook.session_revoked and ends_sessions(event):
            told += await self._session(webhook, webhook.session_revoked, event)
        return await self._signed(told)

    async def verification(self, webhook: Webhook, event: Event) -> list[Message]:
        """Return the request that tells of no event of the feed, but that the way to the receiver is open."""
        subject = {"format": "opaque", "id": webhook.id}
        told = enveloped(event, webhook.recipient, f"{webhook.id}.{event['id']}", subject, {VERIFICATION: {}})
        del told["txn"]  # it belongs to no transaction
        return await self._signed([told])

    async def _session(self, webhook: Webhook, known_as: SubjectFormat, event: Event) -> list[Claims]:
        """Return the claims of the token that the user's sessions have ended; of one without that name there is none.

        That is an error of whoever chose the name, and keeps no other event waiting.
        """
        user = await self._user(event["data"]["id"]) if known_as == "email" else None
        subject = subject_of(known_as, event, webhook.subject_issuer, user)
        if subject is not None:
            return [session_revoked(event, webhook.recipient, subject)]
        logger.error(
            "webhook %s of tenant %s: no session-revoked goes with event %d, its user has no %s",
            *(webhook.id, self._tenant.name, event["sequence"], "externalId" if known_as == "iss_sub" else "e-mail"),
        )
        return []

    async def _user(self, user_id: str) -> Resource | None:
        row = await self._tenant.read(keys.resource("u", user_id))
        with suppress(Damaged):  # which the log has
            return object_in(row) if row else None
        return None

    async def _signed(self, told: list[Claims]) -> list[Message]:
        key = await self._keys.signer()
        return [(dict(_HEADERS), key.signed(each).encode()) for each in told]


def with_refusal(outcome: Outcome) -> Outcome:
    """Return an outcome with what the receiver says of a token that it refuses: its `err`, and its `description`."""
    if outcome.status != REFUSED:
        return outcome
    try:
        said: Any = json.loads(outcome.answer)
    except (ValueError, RecursionError):
        return outcome
    if not isinstance(said, dict):
        return outcome
    error = f"the receiver answers {REFUSED} with {word_of(said)}"
    return replace(outcome, error=error, description=description_of(said))
