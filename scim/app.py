"""The composition root: settings become a service; what a setting does not ask for is not imported."""

import os
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from scim.access.auth import FixedTokens, TokenSource
from scim.directory.indexes import Indexes
from scim.directory.maintenance import Maintenance
from scim.directory.resources import Directory
from scim.directory.search import ScanLimit, Search
from scim.directory.stored import Kind, kinds
from scim.directory.tenant import Tenant
from scim.protocol.errors import InvalidPath
from scim.protocol.filter import parse_attribute
from scim.protocol.schema import SchemaDocumentError, Schemas, load_schemas
from scim.service.endpoints import Endpoints
from scim.settings import Settings, SettingsError
from scim.storage.rows import Rows
from scim.storage.sqlite import SqliteRows


@dataclass(frozen=True)
class App:
    """The parts of a running service that a host or a command uses."""

    settings: Settings
    tenant: Tenant
    kinds: dict[str, Kind]
    directory: Directory
    indexes: Indexes
    endpoints: Endpoints
    maintenance: Maintenance
    tokens: TokenSource

    async def close(self) -> None:
        """Release connections; the process may end or build another app afterwards."""
        await self.tokens.close()
        await self.tenant.rows.close()


def from_environ(*, serving: bool = True, existing: bool = False) -> App:
    """Return the app that the environment describes; without a token source if it serves nobody.

    Raises SettingsError, also when an `existing` store is asked for and there is no such file.
    """
    settings = Settings.from_environ(os.environ, serving=serving)
    path = settings.storage.removeprefix("sqlite:")
    if existing and path not in (settings.storage, ":memory:") and not Path(path).exists():
        raise SettingsError(f"SCIM_STORAGE: there is no file {path}; name the one that the service uses.")
    return build(settings)


def build(settings: Settings, tenant: Tenant | None = None, tokens: TokenSource | None = None) -> App:
    """Return the app that settings describe; tests pass a tenant with a clock of their own.

    Raises SettingsError when schema documents or filterable attributes cannot be used.
    """
    schemas = _schemas(settings)
    known = _kinds(settings, schemas)
    tenant = tenant or Tenant(open_rows(settings), settings.tenant)
    tokens = tokens or _tokens(settings)
    indexes = Indexes(tenant, known)
    directory = Directory(tenant, known, indexes)
    search = Search(tenant, directory.memberships, indexes, ScanLimit(settings.scan_rows, settings.scan_seconds))
    return App(
        settings=settings,
        tenant=tenant,
        kinds=known,
        directory=directory,
        indexes=indexes,
        endpoints=Endpoints(schemas, directory, search, tokens, settings.base_url),
        maintenance=Maintenance(tenant, directory.tombstones, settings.change_retention_days),
        tokens=tokens,
    )


def _schemas(settings: Settings) -> Schemas:
    try:
        return load_schemas(settings.schemas)
    except SchemaDocumentError as error:
        raise SettingsError(f"SCIM_SCHEMAS: {error}") from error


def _kinds(settings: Settings, schemas: Schemas) -> dict[str, Kind]:
    try:
        known = kinds(schemas, settings.filterable)
        for text in settings.filterable:
            targets = [target for kind in known.values() if (target := kind.type.resolve(parse_attribute(text)))]
            if all(target.leaf is None or target.leaf.type == "complex" for target in targets):
                raise ValueError(f"'{text}' is complex; name one of its sub-attributes, such as {text}.value")
    except (ValueError, InvalidPath) as error:
        raise SettingsError(f"SCIM_FILTERABLE: {error}") from error
    return known


def open_rows(settings: Settings) -> Rows:
    """Return the store that SCIM_STORAGE names. Raises SettingsError on text that names none."""
    storage = settings.storage
    if storage.startswith("sqlite:"):
        return SqliteRows(storage.removeprefix("sqlite:"))
    from scim.azure.identity import identity
    from scim.azure.tables import TableRows

    try:
        if storage.startswith("https://"):
            return TableRows.from_endpoint(storage, settings.tenant, partial(identity, settings.client_id))
        return TableRows.from_connection_string(storage, settings.tenant)
    except ValueError:
        raise SettingsError(
            "SCIM_STORAGE must be https://<account>.table.core.windows.net, a storage connection string"
            " (UseDevelopmentStorage=true for Azurite), or sqlite:<path>."
        ) from None


def _tokens(settings: Settings) -> TokenSource:
    if not settings.key_vault:
        return FixedTokens(settings.token)
    from scim.azure.vault import VaultTokens

    return VaultTokens(settings.key_vault, client_id=settings.client_id or None)
