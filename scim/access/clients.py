"""OAuth clients: who proves to be one, and the access tokens that it gets. RFC 6749 §4.4."""

import hmac
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from scim.access.admission import Admission
from scim.access.assertion import Refused, check
from scim.access.auth import digest
from scim.access.credential import Credential, Scope
from scim.access.issuer import Issuers
from scim.access.registry import Registry
from scim.access.tenants import TenantRecord, as_key
from scim.access.token import made
from scim.protocol.resource import format_date_time

MOST_TOKENS = 100
"""Live access tokens of one client; the one that expires first goes for a new one."""

_log = logging.getLogger(__name__)


class InvalidClient(Exception):
    """Nobody is let in: the tenant, the client, its secret or its assertion is not right, and it is not told which."""


@dataclass(frozen=True, slots=True)
class AccessToken:
    """An access token, its life in seconds, and its scope as the client is told it."""

    text: str
    seconds: int
    scope: str


class Clients:
    """The clients of all tenants. Every method raises Unavailable when it cannot be told."""

    def __init__(self, admission: Admission, registry: Registry, issuers: Issuers, seconds: int) -> None:
        """Access tokens live for so many seconds."""
        self._admission, self._registry, self._issuers, self._seconds = admission, registry, issuers, seconds

    def known(self, key: str) -> TenantRecord | None:
        """Return the tenant, if it is active and was just looked up; see `Admission.known`."""
        return self._admission.known(key)

    async def by_secret(self, key: str, pairs: Sequence[tuple[str, str]], address: str) -> Credential:
        """Return the client of the tenant that one of the pairs of id and secret proves.

        `address` is the one that the request came from. Raises InvalidClient, and TooManyRequests in its place where
        the address has shown too much that is not valid.
        """
        for client_id, secret in pairs:
            client = await self._client(key, client_id, "client", address)
            expected = client.digest if client else ""
            if hmac.compare_digest(digest(secret).hex(), expected) and client is not None:
                self._admission.proved(client.id)
                return client
        self._admission.refused(address)
        raise InvalidClient

    async def by_assertion(self, key: str, client_id: str, assertion: str, address: str) -> Credential:
        """Return the federated client of the tenant that the assertion proves. Raises as `by_secret` does."""
        client = await self._client(key, client_id, "federated", address)
        if client is None or client.federation is None:
            self._admission.refused(address)
            raise InvalidClient
        try:
            await check(assertion, client.federation, self._issuers, self._registry.now)
        except Refused as refused:
            self._admission.refused(address)
            _log.warning("an assertion for client %s is refused: reason=%s", client.id, refused)
            raise InvalidClient from refused
        self._admission.proved(client.id)
        return client

    async def issue(self, client: Credential, requested: Sequence[str]) -> AccessToken:
        """Return a new access token of the client. What is requested is never refused; `read` alone narrows it."""
        scope = _narrowed(client.scope, requested)
        token = made()
        expires = format_date_time(self._registry.now + timedelta(seconds=self._seconds))
        await self._registry.add_credential(
            Credential(
                id=token.id,
                tenant=client.tenant,
                name=client.name,
                scope=scope,
                kind="access",
                created=self._registry.time(),
                expires=expires,
                digest=token.digest.hex(),
                strict=client.strict,
                client=client.id,
            )
        )
        live = await self._registry.access_tokens(client.id)
        await self._registry.remove_credentials(live[: max(len(live) - MOST_TOKENS, 0)])
        told = "provision scim" if client.strict and scope == "provision" else scope
        return AccessToken(token.text, self._seconds, told)

    async def _client(self, key: str, client_id: str, kind: str, address: str) -> Credential | None:
        """Return the valid client of an active tenant; the same calls whatever is wrong."""
        tenant, found = await self._admission.tenant_and_credential(key, client_id, address)
        if tenant is None or tenant.status != "active" or found is None:
            return None
        fits = found.tenant == as_key(key) and found.kind == kind and found.valid(self._registry.now)
        return found if fits else None


def _narrowed(scope: Scope, requested: Sequence[str]) -> Scope:
    return (
        "read" if scope == "provision" and "read" in requested and not {"provision", "scim"} & set(requested) else scope
    )
