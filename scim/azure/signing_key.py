"""Signing keys from Azure Key Vault: the versions of one secret, of which one signs and all are published."""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, TypeVar

from azure.core.credentials_async import AsyncTokenCredential
from azure.core.exceptions import ResourceNotFoundError
from azure.keyvault.secrets import SecretProperties

from scim.azure.vault import newest_first
from scim.azure.vault_client import ERRORS, VaultClient, status_of
from scim.protocol.errors import InvalidValue, Unavailable
from scim.security_events.signing import BadKey, Jwk, SigningKey, key_of

SECRET = "scim-signing-key"  # noqa: S105 - the name of the secret, not its value
CONTENT_TYPE = "application/x-pem-file"
SECONDS = 10.0
"""How long an answer of the vault may take, all tries together."""
FRESH_SECONDS = 300.0
"""How old what a process knows of the versions may be."""
PAUSE = 30.0
"""Seconds after a failure, or an answer without a key, before the vault is asked again."""
LEAD_SECONDS = 900.0
"""Age at which a version signs, where there is an older one: until then receivers and other processes learn of it."""
MAX_VERSIONS = 10
"""Enabled versions that are read, the newest ones."""

T = TypeVar("T")

_log = logging.getLogger(__name__)


class VaultSigningKeys:
    """The enabled versions of the secret. To be used in one event loop.

    A value never changes, so that each is read once in the life of the process. While the vault does not answer, what
    is known goes on to sign.
    """

    def __init__(
        self,
        vault_url: str,
        client_id: str = "",
        credential: AsyncTokenCredential | None = None,
        clock: Callable[[], float] = time.monotonic,
        now: Callable[[], float] = time.time,
        **options: Any,
    ) -> None:
        """Keep how to connect; nothing is sent. A credential that is passed in stays the caller's to close."""
        self._vault = VaultClient(vault_url, client_id, credential, **options)
        self._clock, self._now = clock, now
        self._read: dict[str, SigningKey | None] = {}
        self._keys: list[tuple[float, SigningKey]] = []
        """When each was made, in seconds since 1970, and the key; the newest first."""
        self._due = float("-inf")
        self._failure: Unavailable | None = None
        self._lock = asyncio.Lock()

    async def signer(self) -> SigningKey:
        """Return the newest key that is old enough, or the oldest where none is. Raises Unavailable."""
        await self._refresh()
        if not self._keys:
            raise self._failure or Unavailable(
                f"Security events are signed with the vault's secret '{SECRET}', and there is none that can sign. Make"
                " it by `python -m scim signing-key create`, from a desk that may write secrets."
            )
        before = self._now() - LEAD_SECONDS
        return next((key for made, key in self._keys if made <= before), self._keys[-1][1])

    async def public(self) -> Sequence[Jwk]:
        """Return the public halves of all. Raises Unavailable while nothing is known."""
        await self._refresh()
        if not self._keys and self._failure is not None:
            raise self._failure
        return [key.jwk for _, key in self._keys]

    async def add(self, pem: str, *, first: bool) -> str:
        """Add a version. Raises InvalidValue when there is one already, or, if not first, none; Unavailable."""
        there = bool(await self._answered(self._versions()))
        if first and there:
            raise InvalidValue(f"The vault has a secret '{SECRET}' already. `signing-key rotate` adds a version to it.")
        if not first and not there:
            raise InvalidValue(f"The vault has no secret '{SECRET}' yet. `signing-key create` makes it.")
        written = self._vault.open().set_secret(
            SECRET, pem, content_type=CONTENT_TYPE, tracing_options={"enabled": False}
        )
        await self._answered(written)
        self._due = float("-inf")
        return f"{self._vault.url.rstrip('/')}/secrets/{SECRET}"

    async def close(self) -> None:
        """Release the client."""
        await self._vault.close()

    async def _refresh(self) -> None:
        if self._clock() < self._due:
            return
        async with self._lock:
            if self._clock() < self._due:
                return
            try:
                self._keys = await self._answered(self._load())
                self._failure = None
            except Unavailable as error:
                if self._failure is None:
                    _log.warning("%s", error.detail)
                self._failure = error
            self._due = self._clock() + (FRESH_SECONDS if self._keys and not self._failure else PAUSE)

    async def _load(self) -> list[tuple[float, SigningKey]]:
        usable = newest_first(await self._versions(), self._now())[:MAX_VERSIONS]
        found = [(_made(each), await self._key(str(each.version))) for each in usable]
        self._read = {name: key for name, key in self._read.items() if name in {each.version for each in usable}}
        return [(made, key) for made, key in found if key is not None]

    async def _versions(self) -> list[SecretProperties]:
        try:
            listed = self._vault.open().list_properties_of_secret_versions(SECRET)
            return [each async for each in listed]
        except ResourceNotFoundError:
            return []

    async def _key(self, version: str) -> SigningKey | None:
        """Return the key of a version, None for one that cannot sign, of which the log says why once."""
        if version not in self._read:
            secret = await self._vault.open().get_secret(SECRET, version, tracing_options={"enabled": False})
            try:
                self._read[version] = key_of(secret.value or "")
            except BadKey as error:
                self._read[version] = None
                _log.error("signing key: version %s of the secret '%s' cannot sign: %s", version, SECRET, error)
        return self._read[version]

    async def _answered(self, call: Awaitable[T]) -> T:
        """Return what the vault answers. What the SDK raises can hold the secret, so none of it is told."""
        try:
            async with asyncio.timeout(SECONDS):
                return await call
        except ERRORS as error:
            status = status_of(error)
            hint = " The identity needs Key Vault Secrets Officer to write it." if status == "403" else ""
            raise Unavailable(f"The vault's secret '{SECRET}' cannot be read or written: {status}.{hint}") from None


def _made(version: SecretProperties) -> float:
    return version.created_on.timestamp() if version.created_on else 0.0
