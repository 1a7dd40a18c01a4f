"""The queue of hints: each of its messages names a tenant that has something to deliver."""

import logging
from collections.abc import Callable
from typing import Any, NamedTuple

from azure.core.credentials_async import AsyncTokenCredential
from azure.core.exceptions import HttpResponseError
from azure.storage.queue import StorageErrorCode
from azure.storage.queue.aio import QueueClient

from scim.azure.connections import new_transport

QUEUE = "scim-hints"
KEPT_SECONDS = 600
"""How long a message waits to be read; after that the timer has been there."""
# https://learn.microsoft.com/rest/api/storageservices/delete-message2
_READ = (StorageErrorCode.MESSAGE_NOT_FOUND, StorageErrorCode.POP_RECEIPT_MISMATCH)
PIPELINE: dict[str, Any] = {
    # One try: whoever sends has no time for a second one, and the timer comes anyway.
    "retry_total": 0,
    "http_logging_level": logging.DEBUG,
    # Old enough for every account and for the emulator, which refuses the SDK's newest one; nothing new is used.
    "api_version": "2024-11-04",
}


class Message(NamedTuple):
    """A message that was sent, and what lets its sender delete it until somebody has read it."""

    id: str
    receipt: str


class HintQueue:
    """Sends and deletes messages of the queue, which whoever deploys has made. To be used in one event loop.

    The text is the tenant's key as it is, without base64: `messageEncoding` in host.json is `none`.
    https://learn.microsoft.com/azure/azure-functions/functions-bindings-storage-queue#host-json
    """

    def __init__(
        self,
        make: Callable[[AsyncTokenCredential | None], QueueClient],
        make_credential: Callable[[], AsyncTokenCredential] | None = None,
    ) -> None:
        """Prefer the two class methods. Nothing is sent before the first message."""
        self._make, self._make_credential = make, make_credential
        self._credential: AsyncTokenCredential | None = None
        self._client: QueueClient | None = None

    @classmethod
    def from_endpoint(cls, url: str, make_credential: Callable[[], AsyncTokenCredential]) -> "HintQueue":
        """Return the queue at https://NAME.queue.core.windows.net; the credential is closed by `close`."""

        def make(credential: AsyncTokenCredential | None) -> QueueClient:
            return QueueClient(url, QUEUE, credential, transport=new_transport(), **PIPELINE)

        return cls(make, make_credential)

    @classmethod
    def from_connection_string(cls, text: str) -> "HintQueue":
        """Return the queue of the account that a connection string with a key leads to, as for the emulator."""
        return cls(lambda _: QueueClient.from_connection_string(text, QUEUE, transport=new_transport(), **PIPELINE))

    async def send(self, text: str, delay: int) -> Message:
        """Send a message that nobody sees for so many seconds. Raises AzureError."""
        sent = await self._opened().send_message(text, visibility_timeout=delay, time_to_live=KEPT_SECONDS)
        return Message(sent.id, str(sent.pop_receipt))

    async def delete(self, message: Message) -> None:
        """Delete a message; one that somebody has read is theirs, and stays. Raises AzureError."""
        try:
            await self._opened().delete_message(message.id, message.receipt)
        except HttpResponseError as error:
            if error.error_code not in _READ:  # type: ignore[attr-defined]
                raise

    async def close(self) -> None:
        """Release the client and its credential."""
        for each in (self._client, self._credential):
            if each is not None:
                await each.close()
        self._client = self._credential = None

    def _opened(self) -> QueueClient:
        if self._client is None:
            self._credential = self._make_credential() if self._make_credential else None
            self._client = self._make(self._credential)
        return self._client
