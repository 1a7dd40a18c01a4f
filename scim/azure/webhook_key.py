"""The key of webhooks' secrets from Azure Key Vault: the versions of one secret, each read once."""

import asyncio
from typing import Any

from azure.core.credentials_async import AsyncTokenCredential
from azure.core.exceptions import ResourceNotFoundError

from scim.azure.vault_client import ERRORS, VaultClient, status_of
from scim.protocol.errors import Unavailable

SECRET = "scim-webhook-key"  # noqa: S105 - the name of the secret, not its value
SECONDS = 10.0
"""How long an answer of the vault may take, all tries together."""
MIN_LENGTH = 32
"""Characters of a key."""


class VaultKeys:
    """The versions of the secret. A new version serves webhooks that are made or rotated from then on.

    A value never changes, so that each is asked for once in the life of the process. To be used in one event loop.
    """

    def __init__(
        self, vault_url: str, client_id: str = "", credential: AsyncTokenCredential | None = None, **options: Any
    ) -> None:
        """Keep how to connect; nothing is sent. A credential that is passed in stays the caller's to close."""
        self._vault = VaultClient(vault_url, client_id, credential, **options)
        self._known: dict[str, bytes] = {}

    async def newest(self) -> str:
        """Return the name of the current version. Raises Unavailable."""
        return await self._asked("")

    async def key(self, version: str) -> bytes:
        """Return the key of a version. Raises Unavailable."""
        if version not in self._known:
            await self._asked(version)
        return self._known[version]

    async def close(self) -> None:
        """Release the client."""
        await self._vault.close()

    async def _asked(self, version: str) -> str:
        """Return the version that the vault names. What the SDK raises can hold the secret, so none of it is told."""
        try:
            async with asyncio.timeout(SECONDS):
                found = await self._vault.open().get_secret(SECRET, version, tracing_options={"enabled": False})
        except ResourceNotFoundError:
            what = f"no version {version} of it" if version else "no such secret"
            raise Unavailable(
                f"Webhooks are signed with the vault's secret '{SECRET}', and there is {what}. Add it, as by"
                f" `az keyvault secret set --name {SECRET} --value $(openssl rand -hex 32) --vault-name NAME`."
            ) from None
        except ERRORS as error:
            raise Unavailable(f"The vault's secret '{SECRET}' cannot be read: {status_of(error)}.") from None
        value = (found.value or "").strip()
        if len(value) < MIN_LENGTH:
            raise Unavailable(f"The vault's secret '{SECRET}' needs {MIN_LENGTH} random characters or more.")
        name = str(found.properties.version)
        self._known[name] = value.encode()
        return name
