"""Which look-ups are complete, so that a filter may rely on them."""

import json

from scim import keys
from scim.rows import Insert, Replace, RowChange
from scim.stored import Kind
from scim.tenant import Tenant


class Indexes:
    """The attributes whose look-up rows are there for every resource.

    An attribute that becomes filterable on a tenant with resources has look-up rows only for what is written from
    then on; until `python -m scim verify --repair` has made the others, filters on it are answered by a scan.
    """

    def __init__(self, tenant: Tenant, kinds: dict[str, Kind]) -> None:
        self._tenant = tenant
        self._configured = {f"{kind.letter}.{path}" for kind in kinds.values() for path in kind.filterable}
        self._complete: frozenset[str] | None = None

    async def complete(self) -> frozenset[str]:
        """Return the complete look-ups as `<u|g>.<path>`; read from storage once in the life of the process."""
        if self._complete is None:
            self._complete = frozenset(await self._tenant.retried(self._settle))
        return self._complete

    async def declare_complete(self) -> None:
        """Record that the look-up rows of every configured attribute are there, as a repair made sure."""

        async def attempt(_: int) -> None:
            row = await self._tenant.read(keys.INDEXES)
            await self._tenant.commit([self._record(self._configured, row.version if row else None)])

        await self._tenant.retried(attempt)
        self._complete = frozenset(self._configured)

    async def _settle(self, _: int) -> set[str]:
        """Take away what is no longer configured, since its rows are no longer kept; a new tenant starts complete."""
        row = await self._tenant.read(keys.INDEXES)
        if row is None:
            complete = self._configured if await self._is_empty() else set()
            await self._tenant.commit([self._record(complete, None)])
            return complete
        recorded = set(json.loads(row.body))
        complete = recorded & self._configured
        if complete != recorded:
            await self._tenant.commit([self._record(complete, row.version)])
        return complete

    async def _is_empty(self) -> bool:
        return not any([await self._tenant.under(keys.resource(letter, ""), 1, keys_only=True) for letter in "ug"])

    @staticmethod
    def _record(complete: set[str], version: str | None) -> RowChange:
        body = json.dumps(sorted(complete))
        return Replace(keys.INDEXES, body, version) if version else Insert(keys.INDEXES, body)
