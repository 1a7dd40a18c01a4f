"""Who may come in: from an address and an Authorization header to the tenant and the credential, or to one refusal."""

import asyncio
import hmac
import logging
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

from scim.access.auth import MISSING, WRONG, TokenSource, check_once, digest
from scim.access.credential import ALLOWED, KEY_VAULT, OPERATOR, WITHOUT_ROWS, Credential, Scope
from scim.access.fresh import Fresh
from scim.access.registry import Registry
from scim.access.strangers import MOST_A_MINUTE, MOST_MANAGING, Strangers
from scim.access.tenants import DEFAULT_KEY, TenantRecord, as_key
from scim.access.token import id_of, is_credential_id
from scim.protocol.errors import InsufficientScope, Unauthorized, Unavailable
from scim.storage.together import both

FRESH_SECONDS = 10.0
"""How old what a process knows of a tenant or a credential may be."""
MOST_KEPT = 10_000
"""Tenants, and credentials, that a process knows at a time."""
USE_SECONDS = 3600.0
"""How often the day of a credential's last use is written at most."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Caller:
    """Who calls: a tenant, and a credential of it. An operator's credential is of no tenant."""

    tenant: TenantRecord
    credential: Credential


class Admission:
    """Decides about each request. Revocation, expiry and suspension take effect within FRESH_SECONDS.

    `tokens` has the tokens of the default tenant's credential `key-vault`, `operators` those of the operator.
    In between a request makes no call to the registry.
    """

    def __init__(
        self,
        registry: Registry,
        tokens: TokenSource,
        operators: TokenSource,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._registry, self._tokens, self._operators, self._clock = registry, tokens, operators, clock
        self.tenants: Fresh[TenantRecord | None] = Fresh(registry.tenant, FRESH_SECONDS, MOST_KEPT, clock)
        self.credentials: Fresh[Credential | None] = Fresh(registry.credential, FRESH_SECONDS, MOST_KEPT, clock)
        self._seen: OrderedDict[str, None] = OrderedDict()
        self._strangers = Strangers(clock)
        self._used: OrderedDict[str, float] = OrderedDict()
        self._noting: set[asyncio.Task[None]] = set()

    async def tenant(self, key: str) -> TenantRecord | None:
        """Return the tenant that a segment of an address names, None when there is none; also one that is suspended."""
        known = as_key(key)
        if known is None:
            return None
        found = await self.tenants.get(known)
        return TenantRecord(DEFAULT_KEY) if found is None and known == DEFAULT_KEY else found

    def known(self, key: str) -> TenantRecord | None:
        """Return an active tenant, if this process has just looked it up; nothing is asked for it."""
        known = as_key(key)
        if known is None or not self.tenants.knows(known):
            return None
        found = self.tenants.kept(known) or (TenantRecord(DEFAULT_KEY) if known == DEFAULT_KEY else None)
        return found if found is not None and found.status == "active" else None

    async def tenant_and_credential(
        self, key: str, credential_id: str, address: str = ""
    ) -> tuple[TenantRecord | None, Credential | None]:
        """Return what an address and an id name, if there are such, whatever their state; both are read at once."""
        if not is_credential_id(credential_id):
            return await self.tenant(key), None
        tenant, credential = await both(self.tenant(key), self._looked_up(credential_id, address))
        return tenant, credential

    async def admit(self, key: str, authorization: str | None, needed: Scope, address: str = "") -> Caller:
        """Return who calls a SCIM route of the tenant; `address` is the one from which the request came.

        Raises Unauthorized, alike whether the tenant does not exist, is not active, or the token is not one of its
        own, and TooManyRequests in its place where the address has sent too many such tokens; InsufficientScope when
        the credential's scope does not do; Unavailable when it cannot be told.
        """
        text = token_of(authorization)
        known = as_key(key)
        if known is None or self.tenants.knows(known):  # most often: nothing to wait for, and no task for it
            tenant, credential = await self.tenant(key), await self._of_tenant(text, known, address)
        else:
            tenant, credential = await both(self.tenant(key), self._of_tenant(text, known, address))
        if tenant is None or tenant.status != "active" or credential is None or not await self._stands(credential):
            self.refused(address)
            raise Unauthorized(WRONG, presented=True)
        _check_scope(credential, needed)
        self._note_use(credential)
        return Caller(tenant, credential)

    async def admit_operator(self, authorization: str | None, address: str = "") -> Credential:
        """Return the credential, of scope operator or admin, of who calls a route that manages tenants.

        Raises Unauthorized and TooManyRequests as `admit` does, InsufficientScope when it is valid and of another
        scope, Unavailable.
        """
        text = token_of(authorization)
        found = await self._registered(text, address)
        if found is None and await self._is_among(text, self._operators):
            found = WITHOUT_ROWS[OPERATOR]
        if found is None or not await self._stands(found) or not await self._is_active(found.tenant):
            self.refused(address, MOST_MANAGING)
            raise Unauthorized(WRONG, presented=True)
        _check_scope(found, "admin")
        self._note_use(found)
        return found

    def proved(self, credential_id: str) -> None:
        """Let a credential whose secret was shown be looked up from now on without waiting behind strangers."""
        self._seen[credential_id] = None
        while len(self._seen) > MOST_KEPT:
            self._seen.popitem(last=False)

    def refused(self, address: str, most: int = MOST_A_MINUTE) -> None:
        """Count a token, or a client's secret, that is not valid. Raises TooManyRequests when there were `most`."""
        self._strangers.refused(address, most)

    async def check(self) -> None:
        """Return when the sources of tokens answer. Raises Unavailable, saying which does not."""
        await asyncio.gather(self._tokens.check(), self._operators.check())

    async def close(self) -> None:
        """Wait for what is still being noted, and release the sources of tokens."""
        await asyncio.gather(*self._noting, return_exceptions=True)
        await self._tokens.close()
        await self._operators.close()

    async def _is_active(self, key: str) -> bool:
        """Whether a credential's tenant is active; an operator's is of no tenant."""
        tenant = await self.tenant(key) if key else None
        return not key or (tenant is not None and tenant.status == "active")

    async def _of_tenant(self, text: str, key: str | None, address: str) -> Credential | None:
        found = await self._registered(text, address)
        if found is not None:
            return found if found.tenant == key else None
        if key == DEFAULT_KEY and await self._is_among(text, self._tokens):
            return WITHOUT_ROWS[KEY_VAULT]
        return None

    async def _registered(self, text: str, address: str) -> Credential | None:
        """Return the valid credential of the registry whose token this is."""
        credential_id = id_of(text)
        if credential_id is None:
            return None
        found = await self._looked_up(credential_id, address)
        expected = found.digest if found and found.kind in ("token", "access") else ""
        if not hmac.compare_digest(digest(text).hex(), expected) or found is None:
            return None
        if not found.valid(self._registry.now):
            return None
        self.proved(credential_id)
        return found

    async def _stands(self, found: Credential) -> bool:
        """Whether the client that an access token was issued to is still valid; other credentials stand alone.

        Looked at last: until then an access token that does not do costs as many calls as any other.
        """
        if found.kind != "access":
            return True
        client = await self.credentials.get(found.client)
        return client is not None and client.valid(self._registry.now)

    async def _looked_up(self, credential_id: str, address: str) -> Credential | None:
        if credential_id in self._seen or self.credentials.knows(credential_id):
            return await self.credentials.get(credential_id)
        async with self._strangers.turn(address):
            return await self.credentials.get(credential_id)

    async def _is_among(self, text: str, source: TokenSource) -> bool:
        presented = digest(text)
        return _among(presented, await source.digests()) or _among(presented, await source.refreshed())

    def _note_use(self, credential: Credential) -> None:
        """Write the day of the last use beside the request, which neither waits for that nor fails by it."""
        if self._clock() < self._used.get(credential.id, 0.0):
            return
        self._used[credential.id] = self._clock() + USE_SECONDS
        while len(self._used) > MOST_KEPT:
            self._used.popitem(last=False)
        task = asyncio.create_task(self._noted(credential.client or credential.id))
        self._noting.add(task)
        task.add_done_callback(self._noting.discard)

    async def _noted(self, credential_id: str) -> None:
        try:
            await self._registry.note_use(credential_id)
        except Unavailable as error:
            _log.warning("the last use of credential %s is not noted: %s", credential_id, error.detail)


def token_of(authorization: str | None) -> str:
    """Return the bearer token of an Authorization header; the scheme's case is ignored. RFC 6750 §2.1.

    Raises Unauthorized when there is none, InvalidSyntax when there are two.
    """
    check_once(authorization)
    scheme, _, token = (authorization or "").strip().replace("\t", " ").partition(" ")
    token = token.strip()
    if scheme.lower() != "bearer" or not token:
        raise Unauthorized(MISSING)
    return token


def _check_scope(credential: Credential, needed: Scope) -> None:
    if needed not in ALLOWED[credential.scope]:
        raise InsufficientScope(
            f"The credential's scope is '{credential.scope}', which does not do here: '{needed}' is needed.", needed
        )


def _among(presented: bytes, valid: tuple[bytes, ...]) -> bool:
    """Compare with every valid digest in constant time: timing does not tell which one matched."""
    return any([hmac.compare_digest(presented, each) for each in valid])
