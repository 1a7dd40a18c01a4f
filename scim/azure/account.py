"""A storage account in which each tenant has a table of its own, all of them over the same connections."""

import asyncio
from collections.abc import Callable
from typing import Any
from weakref import WeakKeyDictionary

from azure.core.credentials_async import AsyncTokenCredential
from azure.core.pipeline.transport import AsyncHttpTransport
from azure.data.tables.aio import TableClient, TableServiceClient

from scim.azure.tables import PIPELINE, TableRows, new_transport

MakeService = Callable[[AsyncTokenCredential | None, AsyncHttpTransport[Any, Any]], TableServiceClient]


class Account:
    """The tables of one account: a partition lies in the table of its name.

    There is one set of connections for each event loop, whatever the number of tables; a table's client shares them
    and is made at the table's first use. `options` go to each `TableRows`.
    """

    def __init__(
        self,
        make_service: MakeService,
        make_credential: Callable[[], AsyncTokenCredential] | None = None,
        *,
        make_transport: Callable[[], AsyncHttpTransport[Any, Any]] = new_transport,
        **options: Any,
    ) -> None:
        """Keep how to connect; nothing is sent. Prefer the two class methods."""
        self._make_service, self._make_credential = make_service, make_credential
        self._make_transport, self._options = make_transport, options
        self._open: WeakKeyDictionary[
            asyncio.AbstractEventLoop, tuple[TableServiceClient, AsyncTokenCredential | None]
        ] = WeakKeyDictionary()

    @classmethod
    def from_connection_string(cls, text: str, **options: Any) -> "Account":
        """Return the account that a connection string with a key leads to, as for the emulator.

        Raises ValueError when the text is not a connection string.
        """

        def make(_: AsyncTokenCredential | None, transport: AsyncHttpTransport[Any, Any]) -> TableServiceClient:
            return TableServiceClient.from_connection_string(text, transport=transport, **PIPELINE)

        TableServiceClient.from_connection_string(text)  # fails now, not at the first request
        return cls(make, **options)

    @classmethod
    def from_endpoint(cls, url: str, make_credential: Callable[[], AsyncTokenCredential], **options: Any) -> "Account":
        """Return the account at `url`, https://NAME.table.core.windows.net.

        The credential is made at the first use, and closed by `close`. Raises ValueError when the URL is not an https
        one.
        """

        def make(
            credential: AsyncTokenCredential | None, transport: AsyncHttpTransport[Any, Any]
        ) -> TableServiceClient:
            return TableServiceClient(url, credential=credential, transport=transport, **PIPELINE)

        if not url.startswith("https://"):
            raise ValueError(f"the table endpoint begins with https://, not {url!r:.80}")
        return cls(make, make_credential, **options)

    def rows(self, name: str) -> TableRows:
        """Return the rows of the table of that name. Raises ValueError when no table can have it."""

        def make_client(*_: object) -> TableClient:
            return self._service().get_table_client(name)

        return TableRows(make_client, name, **self._options)

    async def make(self, name: str) -> None:
        """Make the table; one that is there is left as it is. Raises Unavailable."""
        await self.rows(name).make_table()

    async def drop(self, name: str, batches: int) -> bool:  # noqa: ARG002 - the service drops a table in one call
        """Drop the table with all that is in it. Raises Unavailable."""
        await self.rows(name).drop_table()
        return True

    async def close(self) -> None:
        """Release the connections and the credential of the running event loop."""
        for each in self._open.pop(asyncio.get_running_loop(), ()):
            if each is not None:
                await each.close()

    def _service(self) -> TableServiceClient:
        loop = asyncio.get_running_loop()
        if loop not in self._open:
            credential = self._make_credential() if self._make_credential else None
            self._open[loop] = (self._make_service(credential, self._make_transport()), credential)
        return self._open[loop][0]
