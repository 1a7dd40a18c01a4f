"""What serves each tenant: made of the tenant's record when it is first asked for, forgotten when it is idle."""

import json
from collections import OrderedDict
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING

from scim.access.limits import Allowance
from scim.access.registry import Registry
from scim.access.tenants import DEFAULT_KEY, TenantRecord
from scim.directory.access import Access
from scim.directory.feed import Feed
from scim.directory.guards import Rules
from scim.directory.indexes import Indexes
from scim.directory.journal import Journal
from scim.directory.maintenance import Maintenance
from scim.directory.matching import ScanLimit
from scim.directory.resources import Directory
from scim.directory.roles import Roles
from scim.directory.search import Search
from scim.directory.stored import Kind, kinds
from scim.directory.tenant import Tenant
from scim.directory.tombstones import Tombstones
from scim.protocol.errors import InvalidPath, InvalidValue
from scim.protocol.filter import parse_attribute
from scim.protocol.schema import Schemas, extended
from scim.security_events.stream import left_behind
from scim.service.events import Events
from scim.service.marks import Marks
from scim.service.operations import Operations
from scim.service.sets import Sets
from scim.settings import Settings
from scim.storage.store import Store

if TYPE_CHECKING:
    from scim.security_events.signing import SigningKeys

MOST_KEPT = 200
"""Tenants that a process keeps ready to serve at a time; another one is made anew, without any call."""


@dataclass(frozen=True)
class TenantService:
    """One tenant's directory and what works on it."""

    record: TenantRecord
    tenant: Tenant
    kinds: dict[str, Kind]
    directory: Directory
    indexes: Indexes
    search: Search
    operations: Operations
    maintenance: Maintenance
    feed: Feed
    roles: Roles
    journal: Journal
    retention_days: int
    allowance: Allowance

    def check_active(self) -> None:
        """Return where the tenant may be given something new. Raises InvalidValue."""
        if self.record.status != "active":
            raise InvalidValue(f"The tenant is {self.record.status}.")


class TenantServices:
    """The tenants of a deployment, served from one store and with one clock.

    `default` is the tenant that needs no record; the others take after it what they have not of their own.
    `schemas` are those that every tenant has, `known` the kinds of resources that go with them.
    """

    def __init__(
        self,
        store: Store,
        registry: Registry,
        settings: Settings,
        schemas: Schemas,
        known: dict[str, Kind],
        tenant: Tenant,
        signing_keys: "SigningKeys",
    ) -> None:
        self._store, self._registry, self._settings, self.schemas = store, registry, settings, schemas
        self._tenant, self._signing_keys = tenant, signing_keys
        self._kinds = known
        self._marks = Marks(registry)
        self._kept: OrderedDict[str, TenantService] = OrderedDict()
        self.default = self._made(TenantRecord(DEFAULT_KEY), schemas, self._kinds)

    async def of(self, record: TenantRecord) -> TenantService:
        """Return what serves the tenant, as its record says now."""
        kept = self._kept.get(record.key)
        if kept is None and record == self.default.record:
            return self.default
        if kept is None or kept.record != record:
            kept = self._kept[record.key] = await self._serving(record)
        self._kept.move_to_end(record.key)
        while len(self._kept) > MOST_KEPT:
            self._kept.popitem(last=False)
        return kept

    async def _serving(self, record: TenantRecord) -> TenantService:
        schemas = self.schemas
        if record.schemas:
            schemas = extended(schemas, map(json.loads, await self._registry.schemas(record.key)))
        if schemas is self.schemas and record.filterable is None:
            return self._made(record, schemas, self._kinds)
        filterable = self._settings.filterable if record.filterable is None else record.filterable
        return self._made(record, schemas, kinds_of(schemas, filterable))

    def _made(self, record: TenantRecord, schemas: Schemas, known: dict[str, Kind]) -> TenantService:
        tenant = self._tenant
        if record.key != DEFAULT_KEY:
            tenant = replace(
                tenant, rows=self._store.rows(record.key), name=record.key, before_commit=self._marks.before
            )
        unmarked = replace(tenant, before_commit=None)  # what the timer does is no further work for it
        settings = self._settings
        indexes = Indexes(tenant, known)
        directory = Directory(tenant, known, indexes, Rules(record.seats, record.guards or {}))
        limit = ScanLimit(settings.scan_rows, settings.scan_seconds)
        search = Search(tenant, directory.memberships, indexes, limit)
        event_days = record.event_retention_days or settings.event_retention_days
        feed = Feed(unmarked, event_days, partial(left_behind, unmarked))
        roles = Roles(directory, search)
        access = Access(tenant, known, indexes, roles)
        sets = Sets(unmarked, feed, self._signing_keys)
        journal_age = timedelta(days=record.journal_days or settings.journal_days)
        retention = record.retention_days or settings.change_retention_days
        return TenantService(
            record=record,
            tenant=tenant,
            kinds=known,
            directory=directory,
            indexes=indexes,
            search=search,
            operations=Operations(schemas, directory, search, Events(feed, tenant, known), access, sets),
            maintenance=Maintenance(unmarked, Tombstones(unmarked), feed, Journal(unmarked, journal_age), retention),
            feed=feed,
            roles=roles,
            journal=Journal(tenant, journal_age),
            retention_days=retention,
            allowance=Allowance.of(record.rate or settings.rate, record.burst or settings.burst, settings.concurrent),
        )


def kinds_of(schemas: Schemas, filterable: Iterable[str]) -> dict[str, Kind]:
    """Return the kinds of resources, with look-ups for these attributes.

    Raises ValueError when one of them is none, or is complex.
    """
    try:
        known = kinds(schemas, filterable)
        for text in filterable:
            targets = [target for kind in known.values() if (target := kind.type.resolve(parse_attribute(text)))]
            if all(target.leaf is None or target.leaf.type == "complex" for target in targets):
                raise ValueError(f"'{text}' is complex; name one of its sub-attributes, such as {text}.value")
    except InvalidPath as error:
        raise ValueError(error.detail.removesuffix(".")) from error
    return known
