"""The connections to a storage account: who we are there, and how many requests are under way."""

import asyncio
import logging
from collections.abc import Callable
from typing import Any, NamedTuple
from urllib.parse import urlsplit
from weakref import WeakKeyDictionary

from azure.core.credentials_async import AsyncTokenCredential
from azure.core.pipeline.transport import AioHttpTransport, AsyncHttpTransport
from azure.data.tables.aio import TableClient, TableServiceClient

from scim.azure.patience import Throttling

CONNECTIONS = 100
"""Requests to the account at a time in one process: as many connections as aiohttp's pool has (TCPConnector).

With a request more than that, aiohttp itself would make it wait for a connection, while its time-outs run.
"""
CONNECT_SECONDS = 3
READ_SECONDS = 10
"""How long nothing may arrive on a connection: our own patience with one try."""
LOOPBACK = ("127.0.0.1", "::1", "localhost")
EMULATOR = "devstoreaccount1"
"""The account that every emulator has, also one on another machine.

https://learn.microsoft.com/azure/storage/common/storage-connect-azurite
"""

Transport = AsyncHttpTransport[Any, Any]
MakeService = Callable[[AsyncTokenCredential | None, Transport], TableServiceClient]
PIPELINE: dict[str, Any] = {
    "retry_total": 0,
    # At INFO, the level of a function app, the SDK writes some 20 headers for each call: a fifth of its CPU.
    "http_logging_level": logging.DEBUG,
}


def new_transport() -> Transport:
    """Return a transport with the service's own patience."""
    # Without use_env_settings=False each call looks for a netrc file in a thread, half of the CPU of a call.
    transport: Transport = AioHttpTransport(
        use_env_settings=False, connection_timeout=CONNECT_SECONDS, read_timeout=READ_SECONDS
    )
    return transport


class _Open(NamedTuple):
    """What one event loop has of the account."""

    service: TableServiceClient
    credential: AsyncTokenCredential | None
    gate: asyncio.Semaphore


class Connections:
    """One process's connections to a storage account.

    All tables share them, the identity, and the gate in front of them, each event loop its own. Nothing is sent
    before a client is used.
    """

    def __init__(
        self,
        make_service: MakeService,
        make_credential: Callable[[], AsyncTokenCredential] | None = None,
        *,
        is_emulator: bool = False,
        make_transport: Callable[[], Transport] = new_transport,
    ) -> None:
        """Prefer the two class methods."""
        self._make_service, self._make_credential = make_service, make_credential
        self._make_transport = make_transport
        self.is_emulator = is_emulator
        self.throttling = Throttling()
        self._loops: WeakKeyDictionary[asyncio.AbstractEventLoop, _Open] = WeakKeyDictionary()

    @classmethod
    def from_connection_string(cls, text: str, **options: Any) -> "Connections":
        """Return connections to the account that a connection string with a key leads to, as for the emulator.

        Raises ValueError when the text is not a connection string.
        """

        def make(_: AsyncTokenCredential | None, transport: Transport) -> TableServiceClient:
            return TableServiceClient.from_connection_string(text, transport=transport, **PIPELINE)

        probe = TableServiceClient.from_connection_string(text)  # fails now, not at the first request
        is_emulator = urlsplit(probe.url).hostname in LOOPBACK or probe.account_name == EMULATOR
        return cls(make, is_emulator=is_emulator, **options)

    @classmethod
    def from_endpoint(
        cls, url: str, make_credential: Callable[[], AsyncTokenCredential], **options: Any
    ) -> "Connections":
        """Return connections to the account at `url`, https://NAME.table.core.windows.net.

        The credential is made at the first use, and closed by `close`. Raises ValueError when the URL is not an
        https one.
        """

        def make(credential: AsyncTokenCredential | None, transport: Transport) -> TableServiceClient:
            return TableServiceClient(url, credential=credential, transport=transport, **PIPELINE)

        if not url.startswith("https://"):
            raise ValueError(f"the table endpoint begins with https://, not {url!r:.80}")
        return cls(make, make_credential, **options)

    def client(self, table: str) -> TableClient:
        """Return a new client of a table, over the running loop's connections."""
        return self._opened().service.get_table_client(table)

    @property
    def gate(self) -> asyncio.Semaphore:
        """What a request holds while it has a connection; who waits for it has sent nothing yet."""
        return self._opened().gate

    async def close(self) -> None:
        """Release what the running loop has open; a later use begins anew."""
        if (opened := self._loops.pop(asyncio.get_running_loop(), None)) is None:
            return
        await opened.service.close()
        if opened.credential is not None:
            await opened.credential.close()

    def _opened(self) -> _Open:
        loop = asyncio.get_running_loop()
        if loop not in self._loops:
            credential = self._make_credential() if self._make_credential else None
            service = self._make_service(credential, self._make_transport())
            self._loops[loop] = _Open(service, credential, asyncio.Semaphore(CONNECTIONS))
        return self._loops[loop]
