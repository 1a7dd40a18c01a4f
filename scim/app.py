"""The composition root: settings become a service; what a setting does not ask for is not imported."""

import os
import time
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING

from scim.access.admission import Admission
from scim.access.auth import FixedTokens, TokenSource
from scim.access.limits import Limits
from scim.access.registry import Registry, registry_name
from scim.access.tenants import DEFAULT_KEY
from scim.directory.feed import Feed
from scim.directory.indexes import Indexes
from scim.directory.maintenance import Maintenance
from scim.directory.resources import Directory
from scim.directory.stored import Kind
from scim.directory.tenant import Tenant
from scim.directory.timer import Timer
from scim.protocol.schema import SchemaDocumentError, Schemas, load_schemas
from scim.service.addresses import Addresses
from scim.service.endpoints import Endpoints
from scim.service.rounds import Rounds
from scim.service.tenants import TenantService, TenantServices, kinds_of
from scim.settings import Settings, SettingsError
from scim.storage.sqlite import SqliteRows
from scim.storage.store import Partitions, Store

if TYPE_CHECKING:
    from scim.service.administration import Administration
    from scim.service.management import Management
    from scim.service.oauth import OAuth


@dataclass(frozen=True)
class App:
    """The parts of a running service that a host or a command uses."""

    settings: Settings
    store: Store
    registry: Registry
    admission: Admission
    tenants: TenantServices
    addresses: Addresses
    limits: Limits
    endpoints: Endpoints
    rounds: Rounds
    timer: Timer
    tokens: TokenSource

    async def close(self) -> None:
        """Release connections; the process may end or build another app afterwards."""
        await self.admission.close()
        await self.store.close()

    async def serving(self, key: str = DEFAULT_KEY) -> TenantService:
        """Return what serves a tenant, for commands. Raises NotFound, Unavailable."""
        return await self.tenants.of(await self.administration.tenant(key))

    @cached_property
    def administration(self) -> "Administration":
        """What an operator does; imported when it is needed, since most processes never do."""
        from scim.service.administration import Administration

        return Administration(self.store, self.registry, self.tenants.schemas)

    @cached_property
    def management(self) -> "Management":
        """The same over HTTP; imported when it is needed."""
        from scim.service.management import Management

        return Management(self.admission, self.administration, self.addresses, self.tenants)

    @cached_property
    def oauth(self) -> "OAuth":
        """The token endpoints; imported when somebody asks for a token."""
        from scim.access.clients import Clients
        from scim.access.issuer import Issuers
        from scim.service.oauth import OAuth

        clients = Clients(self.admission, self.registry, Issuers(), self.settings.access_token_seconds)
        return OAuth(clients, self.addresses, self.limits)

    @property
    def tenant(self) -> Tenant:
        """The default tenant."""
        return self.tenants.default.tenant

    @property
    def kinds(self) -> dict[str, Kind]:
        """The kinds of resources of the default tenant."""
        return self.tenants.default.kinds

    @property
    def directory(self) -> Directory:
        """The directory of the default tenant."""
        return self.tenants.default.directory

    @property
    def indexes(self) -> Indexes:
        """The look-ups of the default tenant."""
        return self.tenants.default.indexes

    @property
    def feed(self) -> Feed:
        """The feed of the default tenant."""
        return self.tenants.default.feed

    @property
    def maintenance(self) -> Maintenance:
        """The maintenance of the default tenant."""
        return self.tenants.default.maintenance


def from_environ(*, serving: bool = True, existing: bool = False) -> App:
    """Return the app that the environment describes; without a token source if it serves nobody.

    Raises SettingsError, also when an `existing` store is asked for and there is no such file.
    """
    settings = Settings.from_environ(os.environ, serving=serving)
    path = settings.storage.removeprefix("sqlite:")
    if existing and path not in (settings.storage, ":memory:") and not Path(path).exists():
        raise SettingsError(f"SCIM_STORAGE: there is no file {path}; name the one that the service uses.")
    return build(settings)


def build(
    settings: Settings,
    tenant: Tenant | None = None,
    tokens: TokenSource | None = None,
    operators: TokenSource | None = None,
) -> App:
    """Return the app that settings describe; tests pass a tenant with a clock of their own.

    Raises SettingsError when schema documents or filterable attributes cannot be used.
    """
    schemas = _schemas(settings)
    known = _kinds(settings, schemas)  # before anything is opened
    clock = time.monotonic if tenant is None else partial(_seconds, tenant)
    store: Store = Partitions(tenant.rows) if tenant else open_store(settings)
    tenant = tenant or Tenant(store.rows(settings.tenant), settings.tenant)
    registry = Registry(store, registry_name(settings.tenant), tenant.now)
    tenants = TenantServices(store, registry, settings, schemas, known, tenant)
    tokens = tokens or _tokens(settings)
    admission = Admission(registry, tokens, operators or _operators(settings), clock)
    addresses, limits = Addresses(settings.base_url), Limits(clock)
    rounds = Rounds(store, registry, tenants)
    timer = Timer(tenant, rounds)
    return App(
        settings=settings,
        store=store,
        registry=registry,
        admission=admission,
        tenants=tenants,
        addresses=addresses,
        limits=limits,
        endpoints=Endpoints(admission, limits, tenants, addresses, timer, settings.request_seconds),
        rounds=rounds,
        timer=timer,
        tokens=tokens,
    )


def _seconds(tenant: Tenant) -> float:
    return tenant.now().timestamp()


def _schemas(settings: Settings) -> Schemas:
    try:
        return load_schemas(settings.schemas)
    except SchemaDocumentError as error:
        raise SettingsError(f"SCIM_SCHEMAS: {error}") from error


def _kinds(settings: Settings, schemas: Schemas) -> dict[str, Kind]:
    try:
        return kinds_of(schemas, settings.filterable)
    except ValueError as error:
        raise SettingsError(f"SCIM_FILTERABLE: {error}") from error


def open_store(settings: Settings) -> Store:
    """Return the store that SCIM_STORAGE names. Raises SettingsError on text that names none."""
    storage = settings.storage
    if storage.startswith("sqlite:"):
        return Partitions(SqliteRows(storage.removeprefix("sqlite:")))
    from scim.azure.account import Account
    from scim.azure.identity import identity

    try:
        if storage.startswith("https://"):
            return Account.from_endpoint(storage, partial(identity, settings.client_id))
        return Account.from_connection_string(storage)
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


def _operators(settings: Settings) -> TokenSource:
    if not settings.key_vault:
        return FixedTokens(settings.admin_token)
    from scim.azure.vault import OPERATOR_SECRET, VaultTokens

    return VaultTokens(
        settings.key_vault, client_id=settings.client_id or None, secret=OPERATOR_SECRET, may_be_missing=True
    )
