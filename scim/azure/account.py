"""A storage account in which each tenant has a table of its own, all of them over the same connections."""

from collections.abc import Callable
from typing import Any

from azure.core.credentials_async import AsyncTokenCredential

from scim.azure.connections import Connections, Transport, new_transport
from scim.azure.tables import TableRows


class Account:
    """The tables of one account: a partition lies in the table of its name, and nothing else does.

    `options` go to each `TableRows`.
    """

    def __init__(self, connections: Connections, **options: Any) -> None:
        """Prefer the two class methods."""
        self._connections, self._options = connections, options

    @classmethod
    def from_connection_string(
        cls, text: str, *, make_transport: Callable[[], Transport] = new_transport, **options: Any
    ) -> "Account":
        """Return the account of a connection string; see `Connections.from_connection_string`."""
        return cls(Connections.from_connection_string(text, make_transport=make_transport), **options)

    @classmethod
    def from_endpoint(cls, url: str, make_credential: Callable[[], AsyncTokenCredential], **options: Any) -> "Account":
        """Return the account at a URL; see `Connections.from_endpoint`."""
        return cls(Connections.from_endpoint(url, make_credential), **options)

    def rows(self, name: str, *, may_be_missing: bool = False) -> TableRows:
        """Return the rows of the table of that name. Raises ValueError when no table can have it."""
        return TableRows(
            self._connections, name, one_partition=not may_be_missing, may_be_missing=may_be_missing, **self._options
        )

    async def make(self, name: str) -> None:
        """Make the table; one that is there is left as it is. Raises Unavailable."""
        await self.rows(name).make_table()

    async def drop(self, name: str, batches: int) -> bool:  # noqa: ARG002 - the service drops a table in one call
        """Drop the table with all that is in it. Raises Unavailable."""
        await self.rows(name).drop_table()
        return True

    async def close(self) -> None:
        """Release the connections and the credential of the running event loop."""
        await self._connections.close()
