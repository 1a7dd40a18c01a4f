"""The registry: tenants, credentials and marks of work, as rows of one partition that is no tenant's.

| key | row |
|---|---|
| `t.<tenant>` | a tenant; one that was deleted stays, without its name, so that the key is never given again |
| `c.<credential>` | a credential: a secret token, an OAuth client, or an access token of one |
| `l.<tenant>.<credential>` | that the tenant has the credential; `-` stands for no tenant |
| `a.<client>.<expires>.<credential>` | that the client has the access token |
| `x.<expires>.<credential>` | when a credential expires |
| `y.<expires>.<credential>` | when an access token does |
| `n.<credential>.<expires>` | for how many days before its expiry somebody was warned |
| `u.<credential>` | the day of its last use |
| `s.<tenant>.<hash>` | an extension schema of the tenant |
| `d.<inverted time>.<random>` | who changed what through the management; see `audit` |
| `w.<tenant>` | from when on the timer has to look at the tenant |
"""

import asyncio
import hashlib
import random
import re
from collections.abc import Awaitable, Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TypeVar

from scim.access.credential import Credential, credential_in, moment
from scim.access.tenants import DEFAULT_KEY, TenantRecord, new_key, tenant_in
from scim.protocol.errors import NotFound, Unavailable
from scim.protocol.resource import format_date_time, parse_date_time
from scim.storage.damage import Damaged, Newer, number_in, object_in
from scim.storage.rows import MAX_CHANGES, Delete, Insert, Replace, Row, RowChange, RowConflict, is_key
from scim.storage.store import LAST, Store

TRIES = 20
NOBODY = "-"
"""In place of a tenant's key, for the operators' credentials."""

T = TypeVar("T")


def registry_name(tenant: str) -> str:
    """Return the name of the registry beside a default tenant of that name; no SCIM_TENANT may begin so."""
    return f"registry{tenant}"


def _now() -> datetime:
    return datetime.now(UTC)


class Registry:
    """The rows about tenants and credentials. Every method raises Unavailable when the store does not answer."""

    def __init__(self, store: Store, name: str, now: Callable[[], datetime] = _now) -> None:
        self._store, self._name, self._now = store, name, now
        self._rows = store.rows(name, may_be_missing=True)  # until there is a further tenant

    @property
    def now(self) -> datetime:
        """The time now, by the clock of the service."""
        return self._now()

    def time(self) -> str:
        """The time now, as the registry keeps times."""
        return format_date_time(self._now())

    async def prepare(self) -> None:
        """Make the place of the registry, before the first row of a deployment is written."""
        await self._store.make(self._name)

    # Tenants

    async def tenant(self, key: str) -> TenantRecord | None:
        """Return the tenant with the key, or None. Raises Damaged."""
        row = await self._read(f"t.{key}")
        return tenant_in(row) if row else None

    async def tenants(self) -> list[TenantRecord]:
        """Return all tenants whose rows can be read, those that were deleted among them, in the order of keys."""
        return _readable(await self._under("t."), tenant_in)

    async def create_tenant(self, name: str) -> TenantRecord:
        """Return a new tenant of that display name, whose key nobody had before."""
        await self.prepare()
        for _ in range(TRIES):
            made = TenantRecord(new_key(), name, created=self.time())
            try:
                await self._rows.commit(self._name, [Insert(f"t.{made.key}", made.body())])
            except RowConflict:
                continue
            return made
        raise Unavailable("No free key was found for the tenant; try again.", retry_after=1)

    async def change_tenant(self, key: str, change: Callable[[TenantRecord], TenantRecord]) -> TenantRecord:
        """Return the tenant after the change, which is applied again to what others have changed meanwhile.

        A default tenant that has no row yet gets one. Raises NotFound, and whatever `change` raises.
        """
        await self.prepare()

        async def attempt() -> TenantRecord:
            row = await self._read(f"t.{key}")
            current = tenant_in(row) if row else _without_row(key)
            changed = change(current)
            if changed != current or row is None:
                await self._rows.commit(self._name, [_put(f"t.{key}", changed.body(), row)])
            return changed

        return await self._retried(attempt)

    # Extension schemas of a tenant

    async def schemas(self, key: str) -> list[str]:
        """Return the texts of the tenant's own extension schemas, in a fixed order. Raises Damaged."""
        rows = await self._under(f"s.{key}.")
        for row in rows:
            object_in(row)
        return [row.body for row in rows]

    async def put_schema(self, key: str, urn: str, document: str | None) -> None:
        """Keep an extension schema of the tenant in place of the one with the same URN; None removes it.

        Raises NotFound where none is to be removed, and when there is no such tenant.
        """
        name = f"s.{key}.{hashlib.sha256(urn.lower().encode()).hexdigest()[:32]}"

        async def attempt() -> None:
            tenant, row = await self._read(f"t.{key}"), await self._read(name)
            if document is None and row is None:
                raise NotFound(f"The tenant has no schema '{urn[:200]}'.")
            changed = replace(tenant_in(tenant) if tenant else _without_row(key), schemas=self.time())
            change = _put(name, document, row) if document is not None else Delete(name, row.version if row else None)
            await self._rows.commit(self._name, [_put(f"t.{key}", changed.body(), tenant), change])

        await self.prepare()
        await self._retried(attempt)

    # Credentials

    async def credential(self, credential_id: str) -> Credential | None:
        """Return the credential with the id, or None. Raises Damaged."""
        row = await self._read(f"c.{credential_id}")
        return credential_in(row) if row else None

    async def credentials(self, tenant: str) -> list[Credential]:
        """Return the credentials of a tenant, or of no tenant for an empty key, without access tokens.

        Those whose rows cannot be read are left out, which is logged.
        """
        listed = await self._under(f"l.{tenant or NOBODY}.", keys_only=True)
        rows = [await self._read(f"c.{row.key.rpartition('.')[2]}") for row in listed]
        return _readable(filter(None, rows), credential_in)

    async def add_credential(self, credential: Credential) -> None:
        """Keep a new credential."""
        await self.prepare()
        await self._rows.commit(self._name, [Insert(key, body) for key, body in _rows_of(credential).items()])

    async def change_credential(self, credential_id: str, change: Callable[[Credential], Credential]) -> Credential:
        """Return the credential after the change, whose id, tenant and kind stay. Raises NotFound."""

        async def attempt() -> Credential:
            row = await self._read(f"c.{credential_id}")
            if row is None:
                raise NotFound(f"There is no credential '{credential_id[:64]}'.")
            current = credential_in(row)
            changed = change(current)
            old, new = _rows_of(current), _rows_of(changed)
            moved: list[RowChange] = [Delete(key) for key in old if key not in new]
            moved += [Insert(key, "") for key in new if key not in old]
            await self._rows.commit(self._name, [Replace(row.key, changed.body(), row.version), *moved])
            return changed

        return await self._retried(attempt)

    async def remove_credentials(self, ids: Sequence[str]) -> None:
        """Take credentials and all rows about them away; those that are gone already are no error."""
        for credential_id in ids:
            warnings = [row.key for row in await self._under(f"n.{credential_id}.", keys_only=True)]
            try:
                found = await self.credential(credential_id)
                about = list(_rows_of(found)) if found else []
            except Newer:
                continue
            except Damaged:  # what it was does not tell where it is listed
                about = [f"c.{credential_id}", *await self._listings(credential_id)]
            if about:
                await self.delete([*about, f"u.{credential_id}", *warnings])

    async def _listings(self, credential_id: str) -> list[str]:
        """Return the keys of the rows that lead to a credential, by reading all of them."""
        rows = [row for sort in ("l.", "a.", "x.", "y.") for row in await self._under(sort, keys_only=True)]
        return [row.key for row in rows if row.key.endswith(f".{credential_id}")]

    async def access_tokens(self, client: str) -> list[str]:
        """Return the ids of a client's access tokens, the one that expires first before the others."""
        return [row.key.rpartition(".")[2] for row in await self._under(f"a.{client}.", keys_only=True)]

    async def expired_access_tokens(self, limit: int) -> list[str]:
        """Return the ids of access tokens that have expired."""
        rows = await self._rows.range(self._name, "y.", f"y.{_milliseconds(self.now)}", limit, keys_only=True)
        return [row.key.rpartition(".")[2] for row in rows]

    async def expiring(self, within: timedelta) -> list[str]:
        """Return the ids of credentials, access tokens aside, that expire between now and then."""
        now = self.now
        bounds = f"x.{_milliseconds(now)}", f"x.{_milliseconds(now + within)}{LAST}"
        rows = await self._rows.range(self._name, *bounds, 1000, keys_only=True)
        return [row.key.rpartition(".")[2] for row in rows]

    async def warned(self, credential: Credential, days: int) -> bool:
        """Note that somebody is warned so many days before the expiry; return whether that was not noted already."""
        key = f"n.{credential.id}.{_milliseconds(moment(credential.expires))}"
        row = await self._read(key)
        if row is not None and (noted := number_in(row)) is not None and noted <= days:
            return False
        try:
            await self._rows.commit(self._name, [_put(key, str(days), row)])
        except RowConflict:  # another run of the timer warns
            return False
        return True

    async def last_used(self, credential_id: str) -> str:
        """Return the day of the last use, or an empty text."""
        row = await self._read(f"u.{credential_id}")
        return row.body if row and _is_day(row.body) else ""

    async def note_use(self, credential_id: str) -> None:
        """Keep today as the day of the last use."""
        row, today = await self._read(f"u.{credential_id}"), self.now.date().isoformat()
        if row is None:
            await self.prepare()  # a deployment of one directory may have no registry yet
        if row is None or row.body < today or not _is_day(row.body):
            try:
                await self._rows.commit(self._name, [_put(f"u.{credential_id}", today, row)])
            except RowConflict:  # another process has noted the same day
                return

    # Marks of work

    async def mark(self, key: str) -> None:
        """Say that the tenant may have work for the timer from now on, whatever the mark said before."""
        await self.mark_from(key, self.time())

    async def mark_from(self, key: str, time: str) -> None:
        """Say that the tenant has work for the timer from that time on."""

        async def attempt() -> None:
            row = await self._read(f"w.{key}")
            await self._rows.commit(self._name, [_put(f"w.{key}", time, row)])

        await self._retried(attempt)

    async def marks(self) -> list[Row]:
        """Return the rows of all marks; the body is the time from when on the tenant has to be looked at."""
        return await self._under("w.")

    def is_due(self, mark: Row) -> bool:
        """Whether the tenant has to be looked at now; so it has when the mark cannot be read."""
        return not _is_time(mark.body) or mark.body <= self.time()

    def is_settled(self, mark: Row, age: timedelta) -> bool:
        """Whether the mark, if it can be read, was set that long ago."""
        return not _is_time(mark.body) or moment(mark.body) + age <= self.now

    async def move_mark(self, mark: Row, later: str) -> None:
        """Put the mark off, or take it away where `later` is empty, unless somebody has set it again meanwhile."""
        change = Replace(mark.key, later, mark.version) if later else Delete(mark.key, mark.version)
        try:
            await self._rows.commit(self._name, [change])
        except RowConflict:
            return

    async def damaged(self) -> list[Damaged]:
        """Return what is wrong with the rows of tenants, credentials and schemas that cannot be read, for `verify`."""
        found: list[Damaged] = []
        readers: dict[str, Callable[[Row], object]] = {"t.": tenant_in, "c.": credential_in, "s.": object_in}
        for sort, read in readers.items():
            for row in await self._under(sort):
                try:
                    read(row)
                except Damaged as error:
                    found.append(error)
        return found

    async def drop_tenant(self, key: str) -> None:
        """Take away all credentials, schemas and marks of a tenant; its own row stays. May be repeated."""
        for credential in await self.credentials(key):
            await self.remove_credentials(await self.access_tokens(credential.id))
            await self.remove_credentials([credential.id])
        await self.delete([row.key for row in await self._under(f"s.{key}.", keys_only=True)])
        await self.delete([f"w.{key}"])

    async def delete(self, keys: Sequence[str]) -> None:
        """Delete those of the rows that are there."""

        async def attempt() -> None:
            found = [row for key in keys if (row := await self._read(key)) is not None]
            for start in range(0, len(found), MAX_CHANGES):
                part = found[start : start + MAX_CHANGES]
                await self._rows.commit(self._name, [Delete(row.key, row.version) for row in part])

        await self._retried(attempt)

    async def _read(self, key: str) -> Row | None:
        return await self._rows.read(self._name, key) if is_key(key) else None

    async def _under(self, prefix: str, keys_only: bool = False) -> list[Row]:
        """Return all rows whose keys begin with the prefix, a page of 1,000 after the other."""
        rows: list[Row] = []
        last, size = prefix, 1000
        while True:
            page = await self._rows.range(self._name, last, prefix + LAST, size, keys_only)
            rows += page
            if len(page) < size:
                return rows
            last = page[-1].key

    async def _retried(self, attempt: Callable[[], Awaitable[T]]) -> T:
        for number in range(TRIES):
            try:
                return await attempt()
            except RowConflict:
                await asyncio.sleep(random.uniform(0, min(0.01 * 2**number, 0.3)))  # noqa: S311 - spreads writers
        raise Unavailable("The registry of tenants is being changed by many at once; try again.", retry_after=1)


def _readable(rows: Iterable[Row], read: Callable[[Row], T]) -> list[T]:
    """Return what those rows hold that can be read; the others are logged."""
    found: list[T] = []
    for row in rows:
        with suppress(Damaged):
            found.append(read(row))
    return found


def _is_day(text: str) -> bool:
    return re.fullmatch(r"\d{4}-\d\d-\d\d", text) is not None


def _is_time(text: str) -> bool:
    return parse_date_time(text) is not None


def _without_row(key: str) -> TenantRecord:
    if key != DEFAULT_KEY:
        raise NotFound(f"There is no tenant '{key[:64]}'.")
    return TenantRecord(key)


def _put(key: str, body: str, row: Row | None) -> Insert | Replace:
    """Return the change that gives a row the body, whether or not it is there."""
    return Insert(key, body) if row is None else Replace(key, body, row.version)


def _rows_of(credential: Credential) -> dict[str, str]:
    """Return the rows about a credential: key and body."""
    expires = _milliseconds(moment(credential.expires)) if credential.expires else ""
    rows = {f"c.{credential.id}": credential.body()}
    if credential.kind == "access":
        return rows | {f"a.{credential.client}.{expires}.{credential.id}": "", f"y.{expires}.{credential.id}": ""}
    rows[f"l.{credential.tenant or NOBODY}.{credential.id}"] = ""
    return rows | ({f"x.{expires}.{credential.id}": ""} if expires else {})


def _milliseconds(instant: datetime) -> str:
    """Return the instant as 13 digits, whose order is that of time until the year 2286."""
    return f"{int(instant.timestamp() * 1000):013}"
