"""A client of a key vault that is opened when it is first needed, with an identity of its own unless one is given."""

import logging
from typing import Any

from azure.core.credentials_async import AsyncTokenCredential
from azure.core.exceptions import AzureError, HttpResponseError
from azure.keyvault.secrets.aio import SecretClient

from scim.azure.identity import identity

ERRORS = (AzureError, TimeoutError, ValueError, TypeError, AttributeError, LookupError)
"""What the SDK raises, all but the first two on an answer that is JSON of another shape, as a proxy between may give.

The text of it can hold the answer, and so the secret.
"""


class VaultClient:
    """To be used in one event loop. A credential that is passed in stays the caller's to close."""

    def __init__(self, url: str, client_id: str = "", credential: AsyncTokenCredential | None = None, **options: Any):
        """Keep how to connect; nothing is sent."""
        self.url = url
        self._client_id, self._credential, self._options = client_id, credential, options
        self._own: AsyncTokenCredential | None = None
        self._client: SecretClient | None = None

    def open(self) -> SecretClient:
        """Return the client."""
        if self._client is None:
            credential = self._credential
            if credential is None:
                credential = self._own = identity(self._client_id)
            options = {"retry_total": 1, "http_logging_level": logging.DEBUG, **self._options}
            self._client = SecretClient(self.url, credential, **options)
        return self._client

    async def close(self) -> None:
        """Release the client, if there is one; it is opened anew when it is needed again."""
        for each in (self._client, self._own):
            if each is not None:
                await each.close()
        self._client = self._own = None


def status_of(error: BaseException) -> str:
    """Return what may be told of one of ERRORS: the status of the answer, or the kind of the error."""
    status = error.status_code if isinstance(error, HttpResponseError) else None
    return str(status or type(error).__name__)
