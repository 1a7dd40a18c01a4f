"""Which look-ups are complete, so that a filter may rely on them."""

import json
from collections.abc import Iterable
from datetime import datetime, timedelta

from scim.directory import keys
from scim.directory.stored import Kind
from scim.directory.tenant import Tenant
from scim.storage.damage import FORM, Damaged, check_form, object_in, unless_damaged
from scim.storage.rows import Insert, Replace, Row, RowChange

FRESH = timedelta(minutes=1)
"""How long a process relies on what it has read of the record."""


class Indexes:
    """The attributes whose look-up rows are there for every resource.

    An attribute that becomes filterable on a tenant with resources has look-up rows only for what is written from
    then on; until `python -m scim verify --repair` has made the others, filters on it are answered by a scan. One
    that is filterable no longer is taken from the record, since its rows are no longer kept.
    """

    def __init__(self, tenant: Tenant, kinds: dict[str, Kind]) -> None:
        self._tenant = tenant
        self.configured = frozenset(f"{kind.letter}.{path}" for kind in kinds.values() for path in kind.filterable)
        self._complete: frozenset[str] = frozenset()
        self._read_at: datetime | None = None

    async def complete(self) -> frozenset[str]:
        """Return the complete look-ups as `<u|g>.<path>`.

        They are read from storage once a minute: a repair, or another instance with other settings, may change them.
        The first call on a new tenant records that all are complete; it must come before the first resource.
        """
        now = self._tenant.now()
        if self._read_at is None or now - self._read_at >= FRESH:
            self._complete, self._read_at = frozenset(await self._tenant.retried(self._settle)), now
        return self._complete

    async def recorded(self) -> frozenset[str]:
        """Return the look-ups that the record calls complete, whatever is configured here; nothing is written.

        Raises Damaged.
        """
        row = await self._tenant.read(keys.INDEXES)
        return _complete_in(row) if row else frozenset()

    async def declare_complete(self, paths: Iterable[str]) -> None:
        """Record which of the configured attributes have all of their look-up rows, as a repair made sure."""

        async def attempt(_: int) -> None:
            row = await self._tenant.read(keys.INDEXES)
            known = unless_damaged(row, _complete_in) if row else None
            complete = ((known or frozenset()) - self.configured) | (self.configured & set(paths))
            await self._tenant.commit([_record(complete, row.version if row else None)])

        await self._tenant.retried(attempt)
        self._read_at = None

    async def _settle(self, _: int) -> frozenset[str]:
        row = await self._tenant.read(keys.INDEXES)
        if row is None:
            complete = self.configured if await self._is_empty() else frozenset()
            await self._tenant.commit([_record(complete, None)])
            return complete
        try:
            recorded = _complete_in(row)
        except Damaged:  # filters are answered by a scan until it is repaired
            return frozenset()
        complete = recorded & self.configured
        if complete != recorded:
            await self._tenant.commit([_record(complete, row.version)])
        return complete

    async def _is_empty(self) -> bool:
        return not any([await self._tenant.under(keys.resource(letter, ""), 1, keys_only=True) for letter in "ug"])


def _complete_in(row: Row) -> frozenset[str]:
    record = object_in(row)
    check_form(row, record.get("form"))
    complete = record.get("complete")
    if not isinstance(complete, list) or not all(isinstance(each, str) for each in complete):
        raise Damaged(row.key, "it has no list of look-ups")
    return frozenset(complete)


def _record(complete: Iterable[str], version: str | None) -> RowChange:
    body = json.dumps({"form": FORM, "complete": sorted(complete)})
    return Replace(keys.INDEXES, body, version) if version else Insert(keys.INDEXES, body)
