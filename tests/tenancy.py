"""Tenants and credentials for tests, and clients that use them."""

from typing import Any

from scim.access.credential import Credential, Scope
from scim.access.token import made
from scim.app import App
from tests.conftest import Http


async def credential(app: App, tenant: str, scope: Scope = "provision", **further: Any) -> tuple[str, str]:
    """Make a credential; return its id and its token."""
    token = made()
    kept = Credential(token.id, tenant, f"{scope} for tests", scope, digest=token.digest.hex(), **further)
    await app.registry.add_credential(kept)
    return token.id, token.text


async def tenant(app: App, name: str = "Contoso") -> str:
    """Make a tenant; return its key."""
    record = await app.registry.create_tenant(name)
    await app.store.make(record.key)
    return record.key


async def client(app: App, key: str, scope: Scope = "provision") -> Http:
    """Return a client with a credential of its own."""
    return Http(app, (await credential(app, key, scope))[1], key)
