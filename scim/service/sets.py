"""Security Event Tokens over HTTP: what a poll takes and answers, and the public keys. RFC 8936, RFC 7517."""

from typing import TYPE_CHECKING, Any

from scim.directory import keys
from scim.directory.feed import Feed
from scim.directory.tenant import Tenant
from scim.protocol import sizes
from scim.protocol.errors import InvalidValue, NotFound
from scim.security_events.refusal import word_of
from scim.security_events.token import URIS
from scim.service.messages import JSON, Request, Response

if TYPE_CHECKING:
    from scim.security_events.poll import Asked
    from scim.security_events.signing import SigningKeys

MAX_ACKNOWLEDGED = 1_000
"""Tokens that one request may acknowledge, and as many that it may report."""
JWKS = "application/jwk-set+json"
"""RFC 7517 §8.5.2."""
KEYS_KEPT = "public, max-age=300"


class Sets:
    """The tokens of one tenant's streams. What signs is imported with the first of them."""

    def __init__(self, tenant: Tenant, feed: Feed, signing_keys: "SigningKeys") -> None:
        self._tenant, self._feed, self._keys = tenant, feed, signing_keys

    async def poll(self, request: Request, stream_id: str) -> Response:
        """Return tokens of a stream to the credential that it is bound to.

        Raises NotFound for any other one, InvalidValue, Unavailable, CursorExpired.
        """
        from scim.security_events.poll import Poll  # here, since few ask for it

        asked = _asked(request.json(sizes.RESOURCE) if request.body else {})
        found = await Poll(self._tenant, self._feed, self._keys).answer(stream_id, request.share, asked)
        return Response(200, {"sets": found.sets, "moreAvailable": found.more}, media_type=JSON)

    async def keys(self) -> Response:
        """Return the public keys, for anybody. Raises NotFound where there is no key, Unavailable."""
        found = await self._keys.public()
        if not found:
            raise NotFound("There are no keys: security events are not switched on.")
        return Response(200, {"keys": list(found)}, {"Cache-Control": KEYS_KEPT}, JWKS)

    async def uris(self) -> list[str]:
        """Return the events that tokens of this tenant are about; none where nobody gets any. RFC 9967 §4."""
        if await self._tenant.under(keys.stream(), 1, keys_only=True):
            return list(URIS)
        if not await self._tenant.under(keys.webhook(), 1, keys_only=True):
            return []
        from scim.webhooks.webhook import WebhookRows

        return list(URIS) if any(each.issuer for each in await WebhookRows(self._tenant).all()) else []


def _asked(body: Any) -> "Asked":
    """Return what a body asks for. RFC 8936 §2.4."""
    from scim.security_events.poll import MAX_SETS, Asked

    if not isinstance(body, dict):
        raise InvalidValue("The body must be a JSON object.")
    most, at_once = body.get("maxEvents", MAX_SETS), body.get("returnImmediately", False)
    if type(most) is not int or most < 0:
        raise InvalidValue("maxEvents must be a whole number, 0 or more.")
    if not isinstance(at_once, bool):
        raise InvalidValue("returnImmediately must be true or false.")
    acknowledged, errors = body.get("ack", []), body.get("setErrs", {})
    if not isinstance(acknowledged, list) or not all(isinstance(each, str) for each in acknowledged):
        raise InvalidValue("ack must be a list of texts, each the jti of a token.")
    if not isinstance(errors, dict) or not all(isinstance(each, dict) for each in errors.values()):
        raise InvalidValue("setErrs must be an object: by the jti of a token, an object with `err`.")
    if max(len(acknowledged), len(errors)) > MAX_ACKNOWLEDGED:
        raise InvalidValue(f"ack and setErrs may name {MAX_ACKNOWLEDGED:,} tokens each; send several requests.")
    return Asked(min(most, MAX_SETS), at_once, acknowledged, {each: word_of(said) for each, said in errors.items()})
