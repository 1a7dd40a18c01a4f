"""What tests of tokens share: the admission of a service that has no credentials but those of a source of tokens."""

import asyncio
from datetime import UTC, datetime

from scim.access.admission import Admission
from scim.access.auth import FixedTokens, TokenSource
from scim.access.registry import Registry
from scim.access.tenants import DEFAULT_KEY
from scim.storage.sqlite import SqliteRows
from scim.storage.store import Partitions


async def let_in(authorization: str | None, source: TokenSource) -> None:
    """Return when a request with this header is let in at the default tenant; raise what it is answered otherwise."""
    store = Partitions(SqliteRows(":memory:"))
    try:
        registry = Registry(store, "registryscim", lambda: datetime.now(UTC))
        admission = Admission(registry, source, FixedTokens([]))
        await admission.admit(DEFAULT_KEY, authorization, "provision")
        await asyncio.gather(*admission._noting)
    finally:
        await store.close()
