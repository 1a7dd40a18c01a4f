"""What an operator does with tenants and credentials, for the command line and for HTTP alike."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from scim.access.credential import KEY_VAULT, OPERATOR, WITHOUT_ROWS, Credential, Federation, Kind, Scope
from scim.access.issuer import CLOUDS
from scim.access.registry import Registry
from scim.access.tenants import DEFAULT_KEY, MAX_NAME, TenantRecord, as_key
from scim.access.token import made
from scim.protocol.errors import InvalidValue, NotFound, PayloadTooLarge
from scim.protocol.resource import format_date_time, parse_date_time
from scim.protocol.schema import SchemaDocumentError, Schemas, extended
from scim.service.tenants import kinds_of
from scim.storage.store import Store

GRACE = timedelta(days=7)
"""From a tenant's deletion to the end of its rows."""
NOW = timedelta(minutes=5)
"""The same, at once: as long as a request that has begun, or a process that has not heard of it yet, may go on."""
CLIENT_LIFE = timedelta(days=730)
"""How long an OAuth client lives unless asked otherwise: two years, as Entra's gallery wants."""
MAX_CREDENTIALS = 100
"""Credentials of one tenant, without access tokens."""
MAX_SCHEMAS = 20
MAX_GUARDED = 20
"""Guarded groups of one tenant: each is looked at when a user is disabled or deleted."""
MAX_SCHEMA = 64 * 1024
"""Characters of one extension schema of a tenant."""
_SECRETS = {KEY_VAULT: ("scim-token", "SCIM_TOKEN"), OPERATOR: ("scim-admin-token", "SCIM_ADMIN_TOKEN")}
_TENANT_ID = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
CHANGEABLE: dict[str, str] = {
    "name": "name",
    "retentionDays": "retention_days",
    "eventRetentionDays": "event_retention_days",
    "journalDays": "journal_days",
    "filterable": "filterable",
    "rate": "rate",
    "burst": "burst",
    "seats": "seats",
}
"""What of a tenant may be changed: by its name in JSON, the field of the record."""
_RETENTION = {"retention_days": (1, 36_500), "event_retention_days": (1, 366), "journal_days": (1, 366)}
_NUMBERS = _RETENTION | {"rate": (1, 100_000), "burst": (1, 1_000_000), "seats": (0, 10_000_000)}


@dataclass(frozen=True, slots=True)
class Wanted:
    """A credential to make: a token, or an OAuth client, or with a federation one that shows assertions of Entra."""

    name: str
    scope: Scope
    oauth: bool = False
    federation: Federation | None = None
    expires: datetime | None = None
    strict: bool = False

    @property
    def kind(self) -> Kind:
        """What it comes to be."""
        return "federated" if self.federation else "client" if self.oauth else "token"


@dataclass(frozen=True, slots=True)
class Issued:
    """A credential that was just made, and its secret, which is shown this once; empty for a federated client."""

    credential: Credential
    secret: str = field(default="", repr=False)


class Administration:
    """Tenants and credentials. Every method raises ScimErrors: NotFound, InvalidValue, Unavailable."""

    def __init__(self, store: Store, registry: Registry, schemas: Schemas) -> None:
        """`schemas` are those that every tenant has."""
        self._store, self._registry, self._schemas = store, registry, schemas

    @property
    def now(self) -> datetime:
        """The time now, by the clock of the service."""
        return self._registry.now

    # Tenants

    async def tenants(self) -> list[TenantRecord]:
        """Return the default tenant, and then all others that were not deleted."""
        records = [each for each in await self._registry.tenants() if each.status != "deleted"]
        default = [each for each in records if each.key == DEFAULT_KEY] or [TenantRecord(DEFAULT_KEY)]
        return default + [each for each in records if each.key != DEFAULT_KEY]

    async def tenant(self, key: str) -> TenantRecord:
        """Return a tenant that was not deleted. Raises NotFound."""
        known = as_key(key)
        found = await self._registry.tenant(known) if known else None
        if found is None and known == DEFAULT_KEY:
            return TenantRecord(DEFAULT_KEY)
        if found is None or found.status == "deleted":
            raise NotFound(f"There is no tenant '{key[:64]}'.")
        return found

    async def create(self, name: str) -> tuple[TenantRecord, Issued]:
        """Return a new tenant, its place in the store made, and its first credential, of scope provision."""
        record = await self._registry.create_tenant(_name(name))
        await self._store.make(record.key)
        return record, await self.issue(record.key, Wanted("first token", "provision"))

    async def change(self, key: str, changes: Mapping[str, Any]) -> TenantRecord:
        """Return the tenant after changes, named as in CHANGEABLE; None gives a value back to the settings."""
        fields = {CHANGEABLE[name]: _checked(name, value) for name, value in changes.items() if name in CHANGEABLE}
        if unknown := set(changes) - set(CHANGEABLE):
            raise InvalidValue(f"'{min(unknown)[:60]}' cannot be changed; there are {', '.join(CHANGEABLE)}.")
        if fields.get("filterable") is not None:
            await self._check_filterable(key, fields["filterable"])
        changed = await self._changed(key, lambda record: replace(record, **fields))
        if set(fields) & set(_RETENTION) and changed.key != DEFAULT_KEY:  # the default one is looked at in any case
            await self._registry.mark(changed.key)
        return changed

    async def suspend(self, key: str) -> TenantRecord:
        """Close a tenant; nothing of it is lost. Entra's job for it stops, for good after four weeks."""
        return await self._changed(key, lambda record: replace(record, status="suspended"), "deleting")

    async def resume(self, key: str) -> TenantRecord:
        """Open a tenant again, also one that is being deleted as long as its rows are there."""
        return await self._changed(key, lambda record: replace(record, status="active", due=""))

    async def delete(self, key: str, grace: timedelta = GRACE) -> TenantRecord:
        """Close a tenant at once, and have the timer drop all that it has after the grace period."""
        record = await self.tenant(key)
        if record.key == DEFAULT_KEY:
            raise InvalidValue("The default tenant cannot be deleted; suspend it, or delete the deployment.")
        due = format_date_time(self.now + max(grace, NOW))
        changed = await self._changed(key, lambda each: replace(each, status="deleting", due=due))
        await self._registry.mark_from(changed.key, due)
        return changed

    async def guard(self, key: str, group_id: str, mode: str | None) -> TenantRecord:
        """Return the tenant whose group is guarded so from now on, or not any more for None. Raises NotFound."""

        def change(record: TenantRecord) -> TenantRecord:
            guards = {each: kept for each, kept in (record.guards or {}).items() if each != group_id}
            if mode is None and len(guards) == len(record.guards or {}):
                raise NotFound(f"The group '{group_id[:64]}' is not guarded.")
            if mode is not None and len(guards) >= MAX_GUARDED:
                raise InvalidValue(f"A tenant has {MAX_GUARDED} guarded groups at most; take the guard off one first.")
            return replace(record, guards=guards | ({} if mode is None else {group_id: mode}) or None)

        return await self._changed(key, change)

    # Extension schemas

    async def schemas(self, key: str) -> list[dict[str, Any]]:
        """Return the tenant's own extension schemas."""
        record = await self.tenant(key)
        return [json.loads(text) for text in await self._registry.schemas(record.key)]

    async def put_schema(self, key: str, document: Any) -> str:
        """Keep an extension schema of the tenant, in place of one with the same URN; return the URN."""
        others = [each for each in await self.schemas(key) if each.get("id") != _urn(document)]
        text = json.dumps(document, ensure_ascii=False)
        if len(text) > MAX_SCHEMA:
            raise PayloadTooLarge(f"The schema has {len(text):,} characters; the limit is {MAX_SCHEMA:,}.")
        if len(others) >= MAX_SCHEMAS:
            raise InvalidValue(f"A tenant has {MAX_SCHEMAS} schemas of its own at most; remove one first.")
        self._extended([*others, document])
        await self._registry.put_schema((await self.tenant(key)).key, _urn(document), text)
        return _urn(document)

    async def remove_schema(self, key: str, urn: str) -> None:
        """Take an extension schema away; values that were stored under it stay stored. Raises NotFound."""
        record = await self.tenant(key)
        left = [each for each in await self.schemas(key) if each["id"].lower() != urn.lower()]
        if record.filterable is not None:
            self._kinds(self._extended(left), record.filterable)
        await self._registry.put_schema(record.key, urn, None)

    # Credentials

    async def credentials(self, key: str) -> list[tuple[Credential, str]]:
        """Return the tenant's credentials, each with the day of its last use; for an empty key the operators'."""
        place = await self._place(key)
        listed = [each for each in WITHOUT_ROWS.values() if each.tenant == place]
        listed += await self._registry.credentials(place)
        return [(each, await self._registry.last_used(each.id)) for each in listed]

    async def credential(self, credential_id: str, tenant: str | None = None) -> tuple[Credential, str]:
        """Return a credential with the day of its last use.

        It is of that tenant if one is named, an operator's if an empty one is. Raises NotFound.
        """
        found = WITHOUT_ROWS.get(credential_id) or await self._registry.credential(credential_id)
        place = as_key(tenant) if tenant else tenant
        if found is None or found.kind == "access" or (tenant is not None and found.tenant != place):
            raise NotFound(f"There is no credential '{credential_id[:64]}'.")
        return found, await self._registry.last_used(credential_id)

    async def issue(self, key: str, wanted: Wanted) -> Issued:
        """Return a new credential of the tenant, for an empty key of an operator, with its secret, kept nowhere."""
        place = await self._place(key)
        if place and (await self.tenant(place)).status == "deleting":
            raise InvalidValue("The tenant is being deleted; resume it first.")
        _check(place, wanted, self.now)
        if len(await self._registry.credentials(place)) >= MAX_CREDENTIALS:
            raise InvalidValue(f"There are {MAX_CREDENTIALS} credentials at most; revoke and remove some first.")
        token = made()
        credential = Credential(
            id=token.id,
            tenant=place,
            name=_name(wanted.name),
            scope=wanted.scope,
            kind=wanted.kind,
            created=self._registry.time(),
            expires=self._expires(wanted),
            digest="" if wanted.federation else token.digest.hex(),
            strict=wanted.strict,
            federation=wanted.federation,
        )
        await self._registry.add_credential(credential)
        return Issued(credential, "" if wanted.federation else token.text)

    async def renew(self, credential_id: str, expires: datetime | None = None) -> Issued:
        """Return a new credential beside an old one, which stays valid until it is revoked: that is the rotation."""
        old = await self._with_row(credential_id)
        wanted = Wanted(old.name, old.scope, old.kind == "client", old.federation, expires, old.strict)
        return await self.issue(old.tenant, wanted)

    async def revoke(self, credential_id: str) -> Credential:
        """Return a credential that is refused from now on, in every process within ten seconds."""
        await self._with_row(credential_id)
        time = self._registry.time()
        return await self._registry.change_credential(
            credential_id, lambda each: each if each.revoked else replace(each, revoked=time)
        )

    async def remove(self, credential_id: str) -> None:
        """Take a credential that was revoked or has expired off the list, with its access tokens."""
        found = await self._with_row(credential_id)
        if found.valid(self.now):
            raise InvalidValue("The credential is valid; revoke it first.")
        await self._registry.remove_credentials(await self._registry.access_tokens(credential_id))
        await self._registry.remove_credentials([credential_id])

    async def _place(self, key: str) -> str:
        """Return the key of a tenant as it is kept; an empty one stays so, for the operators. Raises NotFound."""
        return (await self.tenant(key)).key if key else ""

    async def _with_row(self, credential_id: str) -> Credential:
        """Return a credential that can be changed here. Raises NotFound, and InvalidValue of a secret of the vault."""
        found, _ = await self.credential(credential_id)
        if found.kind == "vault":
            secret, setting = _SECRETS[found.id]
            raise InvalidValue(
                f"'{found.id}' is the secret '{secret}' of the key vault, or the setting {setting}: add a version there"
                " to renew it, and disable one to revoke it."
            )
        return found

    async def _changed(self, key: str, change: Any, refused: str = "deleted") -> TenantRecord:
        record = await self.tenant(key)

        def checked(current: TenantRecord) -> TenantRecord:
            if current.status in ("deleted", refused):
                raise InvalidValue(f"The tenant is {current.status}.")
            changed: TenantRecord = change(current)
            return changed

        return await self._registry.change_tenant(record.key, checked)

    async def _check_filterable(self, key: str, filterable: tuple[str, ...]) -> None:
        self._kinds(self._extended(await self.schemas(key)), filterable)

    def _extended(self, documents: list[Any]) -> Schemas:
        try:
            return extended(self._schemas, documents)
        except SchemaDocumentError as error:
            raise InvalidValue(f"The schema cannot be used: {error}.") from error

    @staticmethod
    def _kinds(schemas: Schemas, filterable: tuple[str, ...]) -> None:
        try:
            kinds_of(schemas, filterable)
        except ValueError as error:
            raise InvalidValue(f"filterable: {error}.") from error

    def _expires(self, wanted: Wanted) -> str:
        if wanted.expires is not None:
            return format_date_time(wanted.expires)
        return format_date_time(self.now + CLIENT_LIFE) if wanted.kind == "client" else ""


def _check(place: str, wanted: Wanted, now: datetime) -> None:
    if place and wanted.scope == "operator":
        raise InvalidValue("A credential of a tenant is of scope provision, read, events or admin.")
    if not place and wanted.scope != "operator":
        raise InvalidValue("A credential without a tenant is of scope operator.")
    if wanted.kind != "token" and wanted.scope in ("admin", "operator"):
        raise InvalidValue(f"The scope {wanted.scope} cannot be had by OAuth; make a secret token.")
    if wanted.expires is not None and wanted.expires <= now:
        raise InvalidValue("The credential would have expired already; name a later date.")
    if (federation := wanted.federation) is not None:
        if federation.cloud not in CLOUDS:
            raise InvalidValue(f"The cloud is one of {', '.join(CLOUDS)}.")
        if not _TENANT_ID.fullmatch(federation.entra_tenant):
            raise InvalidValue("Entra's tenant id is a GUID, which its overview page shows, not a name or a domain.")
        if not (federation.subjects and federation.audiences):
            raise InvalidValue("A federated client needs Entra's tenant id, a subject and an audience.")


def expiry(text: str) -> datetime:
    """Return the instant that a date, or a time, names; a date alone ends with its day. Raises InvalidValue."""
    read = parse_date_time(f"{text}T23:59:59Z" if len(text) == 10 else text)
    if read is None:
        raise InvalidValue(f"'{text[:40]}' is no date; write it as 2027-12-31.")
    return read


def _name(text: str) -> str:
    name = text.strip()
    if not name or len(name) > MAX_NAME or not name.isprintable():
        raise InvalidValue(f"A name has 1 to {MAX_NAME} characters, all of them printable.")
    return name


def _urn(document: Any) -> str:
    if not isinstance(document, dict) or not isinstance(document.get("id"), str):
        raise InvalidValue("The schema must be a JSON object with an id, its URN.")
    return str(document["id"])


def _checked(name: str, value: Any) -> Any:
    """Return a value for a field of the record. Raises InvalidValue naming it."""
    field_name = CHANGEABLE[name]
    if field_name == "name":
        return _name(value) if isinstance(value, str) else _wrong(name, "a text")
    if field_name in _NUMBERS:
        least, most = _NUMBERS[field_name]
        fits = value is None or (type(value) is int and least <= value <= most)
        return value if fits else _wrong(name, f"a whole number from {least:,} to {most:,}, or null")
    texts = isinstance(value, list) and len(value) <= 50 and all(isinstance(each, str) for each in value)
    return None if value is None else tuple(value) if texts else _wrong(name, "a list of up to 50 texts, or null")


def _wrong(name: str, expected: str) -> Any:
    raise InvalidValue(f"{name} must be {expected}.")
