"""The composition root: settings become a service; what a setting does not ask for is not imported."""

import os
import re
import socket
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, partial
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from scim.access.address import Permitted
from scim.access.admission import Admission
from scim.access.audit import Audit
from scim.access.auth import FixedTokens, TokenSource
from scim.access.limits import Limits
from scim.access.registry import Registry, registry_name
from scim.access.tenants import DEFAULT_KEY
from scim.directory.feed import Feed
from scim.directory.indexes import Indexes
from scim.directory.journal import Journal
from scim.directory.maintenance import Maintenance
from scim.directory.resources import Directory
from scim.directory.stored import Kind
from scim.directory.tenant import Tenant
from scim.directory.timer import Timer
from scim.protocol.schema import SchemaDocumentError, Schemas, load_schemas
from scim.service.addresses import Addresses
from scim.service.capturing import Capturing
from scim.service.deliveries import Deliveries
from scim.service.endpoints import Endpoints
from scim.service.events import MAX_WAIT
from scim.service.health import Health, check_storage
from scim.service.hints import Hints, Queue
from scim.service.journals import Journals
from scim.service.rounds import Rounds
from scim.service.tenants import TenantService, TenantServices, kinds_of
from scim.settings import Settings, SettingsError
from scim.storage.sqlite import SqliteRows
from scim.storage.store import Partitions, Store

if TYPE_CHECKING:
    from scim.management.administration import Administration
    from scim.management.captures import Captures
    from scim.management.console import Console
    from scim.management.endpoints import Management
    from scim.management.guards import GroupGuards
    from scim.management.streams import Streams
    from scim.management.webhooks import Webhooks
    from scim.security_events.signing import Jwk, SigningKey, SigningKeys
    from scim.service.oauth import OAuth
    from scim.webhooks.address import AddressRules
    from scim.webhooks.delivery import Delivery
    from scim.webhooks.signature import WebhookKeys


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
    journals: Journals
    capturing: Capturing
    endpoints: Endpoints
    health: Health
    rounds: Rounds
    timer: Timer
    deliveries: Deliveries
    webhook_keys: "WebhookKeys"
    signing_keys: "SigningKeys"
    tokens: TokenSource
    clock: Callable[[], float] = time.monotonic

    async def close(self) -> None:
        """Release connections; the process may end or build another app afterwards."""
        await self.deliveries.close()
        await self.webhook_keys.close()
        await self.signing_keys.close()
        await self.journals.flush()
        await self.capturing.flush()
        await self.admission.close()
        await self.store.close()

    async def serving(self, key: str = DEFAULT_KEY) -> TenantService:
        """Return what serves a tenant, for commands. Raises NotFound, Unavailable."""
        return await self.tenants.of(await self.administration.tenant(key))

    @cached_property
    def administration(self) -> "Administration":
        """What an operator does; imported when it is needed, since most processes never do."""
        from scim.management.administration import Administration

        return Administration(self.store, self.registry, self.tenants.schemas)

    @property
    def audit(self) -> Audit:
        """Who changed what through the management and by commands."""
        return self.rounds.audit

    @cached_property
    def permitted(self) -> Permitted:
        """The addresses from which the management and its page may be used."""
        return Permitted(self.settings.manage_addresses)

    @cached_property
    def management(self) -> "Management":
        """The same over HTTP; imported when it is needed."""
        from scim.management.capture import CaptureRoutes
        from scim.management.endpoints import Management
        from scim.management.reading import Reading

        reading = Reading(self.administration, self.tenants, self.addresses, self.health.response, self.audit)
        captures = CaptureRoutes(self.captures)
        return Management(
            self.admission,
            self.administration,
            self.addresses,
            self.tenants,
            self.webhooks,
            self.streams,
            self.permitted,
            self.audit,
            self.deliveries.changed,
            reading,
            captures,
            self.group_guards,
        )

    @cached_property
    def group_guards(self) -> "GroupGuards":
        """The guarded groups of tenants."""
        from scim.management.guards import GroupGuards

        return GroupGuards(self.administration, self.tenants)

    @cached_property
    def console(self) -> "Console":
        """The page for administrators; imported, and its files read, when a browser asks for it."""
        from scim.management.console import Console

        return Console(self.permitted, offered=self.settings.console)

    async def webhooks(self, key: str = DEFAULT_KEY) -> "Webhooks":
        """Return the webhooks of a tenant. Raises NotFound, Unavailable."""
        from scim.management.webhooks import Webhooks

        service = await self.serving(key)
        delivery = _delivery(self.settings, self.webhook_keys, self.signing_keys, service)
        return Webhooks(service, delivery, self.webhook_keys, self.signing_keys, _rules(self.settings), self.deliveries)

    async def captures(self, key: str = DEFAULT_KEY) -> "Captures":
        """Return the capture of a tenant. Raises NotFound, Unavailable."""
        from scim.management.captures import Captures

        return Captures(self.registry, await self.serving(key))

    async def streams(self, key: str = DEFAULT_KEY) -> "Streams":
        """Return the streams of a tenant. Raises NotFound, Unavailable."""
        from scim.management.streams import Streams

        wait = MAX_WAIT if self.settings.storage.startswith("sqlite:") else 0  # elsewhere who waits is billed
        return Streams(await self.serving(key), self.administration, self.signing_keys, wait)

    @cached_property
    def oauth(self) -> "OAuth":
        """The token endpoints; imported when somebody asks for a token."""
        from scim.access.clients import Clients
        from scim.access.issuer import Issuers
        from scim.service.oauth import OAuth

        clients = Clients(self.admission, self.registry, Issuers(), self.settings.access_token_seconds)
        return OAuth(clients, self.addresses, self.limits, self.journals)

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
    file = settings.storage_file
    if existing and file and not file.exists():
        raise SettingsError(f"SCIM_STORAGE: there is no file {file}; name the one that the service uses.")
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
    name = registry_name(settings.tenant)
    registry = Registry(store, name, tenant.now)
    signing_keys = _SigningKeys(settings)
    tenants = TenantServices(store, registry, settings, schemas, known, tenant, signing_keys)
    tokens = tokens or _tokens(settings)
    admission = Admission(registry, tokens, operators or _operators(settings), clock)
    addresses, limits = Addresses(settings.base_url), Limits(clock)
    webhook_keys = _WebhookKeys(settings)
    hints = Hints(partial(_queue, settings) if settings.hints else None, clock)
    deliveries = Deliveries(partial(_delivery, settings, webhook_keys, signing_keys), hints)
    rounds = Rounds(store, registry, tenants, deliveries, Audit(registry, store.rows(name, may_be_missing=True), name))
    timer = Timer(tenant, rounds)
    capturing, journals = Capturing(tenants.of), _journals(settings, admission, tenants, tenant, clock)
    return App(
        settings=settings,
        store=store,
        registry=registry,
        admission=admission,
        tenants=tenants,
        addresses=addresses,
        limits=limits,
        journals=journals,
        capturing=capturing,
        endpoints=Endpoints(
            admission, limits, tenants, addresses, journals, capturing, deliveries.changed, settings.request_seconds
        ),
        health=Health(
            {"storage": partial(check_storage, tenant), "tokens": admission.check, "timer": timer.state}, clock
        ),
        rounds=rounds,
        timer=timer,
        deliveries=deliveries,
        webhook_keys=webhook_keys,
        signing_keys=signing_keys,
        tokens=tokens,
        clock=clock,
    )


def _journals(
    settings: Settings, admission: Admission, tenants: TenantServices, tenant: Tenant, clock: Callable[[], float]
) -> Journals:
    """Return what writes the journals of tenants, those that are active, or of none where the journal is off."""

    async def journal_of(key: str) -> Journal | None:
        record = await admission.tenant(key)
        return (await tenants.of(record)).journal if record and record.status == "active" else None

    masked = settings.journal_names == "masked"
    return Journals(journal_of if settings.journal else None, tenant.now, clock, masked)


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


class _WebhookKeys:
    """The key that the settings lead to; what reads it is imported when the first webhook needs it."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    @cached_property
    def _source(self) -> "WebhookKeys":
        settings = self._settings
        if settings.key_vault:
            from scim.azure.webhook_key import VaultKeys

            return VaultKeys(settings.key_vault, settings.client_id)
        from scim.webhooks.local_key import FILE, FileKeys, SettingKeys

        if settings.webhook_key or settings.storage_file is None:
            return SettingKeys(settings.webhook_key)
        return FileKeys(settings.storage_file.parent / FILE)

    async def newest(self) -> str:
        return await self._source.newest()

    async def key(self, version: str) -> bytes:
        return await self._source.key(version)

    async def close(self) -> None:
        if "_source" in self.__dict__:
            await self._source.close()


class _SigningKeys:
    """The keys that the settings lead to; what reads them is imported when the first token is to be signed."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    @cached_property
    def _source(self) -> "SigningKeys":
        settings = self._settings
        if settings.key_vault:
            from scim.azure.signing_key import VaultSigningKeys

            return VaultSigningKeys(settings.key_vault, settings.client_id)
        from scim.security_events.local_key import FILE, FileSigningKeys

        beside = settings.storage_file.parent / FILE if settings.storage_file else None
        return FileSigningKeys(settings.signing_key or beside)

    async def signer(self) -> "SigningKey":
        return await self._source.signer()

    async def public(self) -> "Sequence[Jwk]":
        return await self._source.public()

    async def add(self, pem: str, *, first: bool) -> str:
        return await self._source.add(pem, first=first)

    async def close(self) -> None:
        if "_source" in self.__dict__:
            await self._source.close()


def _delivery(
    settings: Settings, webhook_keys: "WebhookKeys", signing_keys: "SigningKeys", service: TenantService
) -> "Delivery":
    """Return what delivers to a tenant's webhooks; imported when a tenant has one."""
    from scim.webhooks.delivery import Delivery
    from scim.webhooks.sender import Sender

    tenant = replace(service.tenant, before_commit=None)  # its work is known already
    sender = partial(Sender, _rules(settings), tenant.now)
    return Delivery(tenant, service.feed, webhook_keys, signing_keys, sender)


def _queue(settings: Settings) -> Queue:
    """Return the queue of hints; imported when the first one is sent."""
    from scim.azure.hints import HintQueue
    from scim.azure.identity import identity

    return HintQueue.from_endpoint(settings.hints, partial(identity, settings.client_id))


def _rules(settings: Settings) -> "AddressRules":
    from scim.webhooks.address import AddressRules

    own = {urlsplit(settings.base_url).hostname or "", socket.gethostname().lower()} - {"", "localhost"}
    # A store on this machine is a developer's: there a receiver on the same machine is what is meant.
    local = re.match(r"sqlite:|UseDevelopmentStorage=true$|.*TableEndpoint=http://127\.0\.0\.1:", settings.storage)
    return AddressRules(frozenset(settings.webhook_hosts), frozenset(own), loopback=local is not None)
