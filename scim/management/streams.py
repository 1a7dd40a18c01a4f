"""What an operator does with the streams of a tenant, for the command line and for HTTP alike."""

from collections.abc import Iterable
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from scim.directory.events import chosen
from scim.directory.feed import LATEST
from scim.management.administration import Administration, Wanted
from scim.protocol.errors import InvalidValue
from scim.security_events.stream import MAX_STREAMS, Stream, StreamRows
from scim.security_events.token import JWKS, TOKEN_TYPES
from scim.service.events import MAX_WAIT
from scim.service.tenants import TenantService

if TYPE_CHECKING:
    from scim.security_events.signing import SigningKeys

NAME = "security events"
"""Name of the credential that a stream is given where none is named."""


class Streams:
    """The streams of one tenant as JSON objects. Every method raises ScimErrors: NotFound, InvalidValue, Unavailable.

    `wait` are the seconds of a stream for which nothing is said.
    """

    def __init__(
        self, service: TenantService, administration: Administration, signing_keys: "SigningKeys", wait: int = 0
    ) -> None:
        self._service, self._administration, self._keys = service, administration, signing_keys
        self._wait = wait
        self._tenant, self._feed = service.tenant, service.feed
        self._rows = StreamRows(service.tenant)

    async def create(
        self, issuer: str, types: Iterable[str] = (), wait: int | None = None, credential: str = ""
    ) -> dict[str, Any]:
        """Return a new stream of what happens from now on.

        `issuer` is the Tenant URL, which each of its tokens names. Without the id of a credential of scope `events` one
        is made, whose secret is told this once. There must be a key that signs.
        """
        wanted = chosen(types, TOKEN_TYPES, "token")
        seconds = self._wait if wait is None else wait
        if not 0 <= seconds <= MAX_WAIT:
            raise InvalidValue(f"wait must be a whole number from 0 to {MAX_WAIT}.")
        self._service.check_active()
        if await self._rows.count() >= MAX_STREAMS:
            raise InvalidValue(f"A tenant has {MAX_STREAMS} streams at most; delete one first.")
        await self._keys.signer()
        cursor = await self._latest()
        holder, secret = await self._credential(credential)
        made = Stream(self._tenant.new_id(""), holder, issuer, cursor, self._tenant.time(), wanted, seconds)
        await self._rows.add(made)
        return self._told(made, await self._last()) | ({"secretToken": secret} if secret else {})

    async def all(self) -> list[dict[str, Any]]:
        """Return all streams, and how they fare."""
        found = await self._rows.all()
        last = await self._last() if found else 0
        return [self._told(each, last) for each in found]

    async def bind(self, stream_id: str, credential: str) -> dict[str, Any]:
        """Let another credential fetch the tokens of a stream, in place of the one that does."""
        holder, _ = await self._credential(credential)

        async def change(stream: Stream) -> Stream:
            return replace(stream, credential=holder)

        return self._told(await self._rows.change(stream_id, change), await self._last())

    async def restart(self, stream_id: str) -> dict[str, Any]:
        """Go on with what happens from now on, as after a restore; what was not acknowledged is let go."""
        cursor = await self._latest()

        async def change(stream: Stream) -> Stream:
            return replace(stream, cursor=cursor, acknowledged=())

        return self._told(await self._rows.change(stream_id, change), await self._last())

    async def delete(self, stream_id: str) -> None:
        """Take a stream away; its credential stays."""
        await self._rows.remove(stream_id)

    async def _latest(self) -> str:
        return (await self._feed.page(LATEST, 1)).next

    async def _credential(self, credential_id: str) -> tuple[str, str]:
        """Return the id of the credential, and its secret if it was made for this. Raises NotFound, InvalidValue."""
        key = self._service.record.key
        if not credential_id:
            issued = await self._administration.issue(key, Wanted(NAME, "events"))
            return issued.credential.id, issued.secret
        found, _ = await self._administration.credential(credential_id, key)
        if found.scope != "events" or not found.valid(self._administration.now):
            raise InvalidValue("A stream takes a valid credential of the scope events.")
        return found.id, ""

    async def _last(self) -> int:
        """Return the number of the newest event."""
        return (await self._feed.head())[0].last

    def _told(self, stream: Stream, last: int) -> dict[str, Any]:
        """Return how a stream fares; `waiting` are the events that it has not acknowledged, whatever their types."""
        done = self._feed.number(stream.cursor)
        return {
            "id": stream.id,
            "url": stream.url,
            "issuer": stream.issuer,
            "jwks": f"{stream.issuer}/{JWKS}",
            "credential": stream.credential,
            "types": list(stream.types),
            "wait": stream.wait,
            "created": stream.created,
            "acknowledgedUpTo": done,
            "waiting": max(last - done - len(stream.acknowledged), 0),
            "lastAcknowledged": stream.last_acknowledged or None,
            "refused": stream.refused,
            "lastError": stream.last_error or None,
            "dropped": stream.dropped,
        }
