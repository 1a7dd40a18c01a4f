"""The guarded groups of tenants, for the command line and for HTTP alike."""

from collections.abc import Mapping
from typing import Any

from scim.access.credential import Credential
from scim.access.tenants import TenantRecord
from scim.directory import counts, keys
from scim.directory.guards import MODES
from scim.directory.memberships import name_in
from scim.management.administration import Administration
from scim.management.answers import answer
from scim.protocol import sizes
from scim.protocol.errors import InvalidValue
from scim.service.messages import Request, Response
from scim.service.tenants import TenantServices


class GroupGuards:
    """Guards and unguards groups. Every method raises ScimErrors: NotFound, InvalidValue, Unavailable."""

    def __init__(self, administration: Administration, tenants: TenantServices) -> None:
        self._administration, self._tenants = administration, tenants

    async def all(self, key: str) -> list[dict[str, Any]]:
        """Return the guarded groups, those that were deleted among them, without a name."""
        return await self._told(await self._administration.tenant(key))

    async def guard(self, key: str, group: str, mode: str = MODES[0]) -> list[dict[str, Any]]:
        """Guard the group that a text names by its id, displayName or externalId; return all that are guarded.

        It is found once, and its id is kept. It takes effect within ten seconds in every process.
        """
        if mode not in MODES:
            raise InvalidValue(f"guard must be {' or '.join(MODES)}.")
        service = await self._tenants.of(await self._administration.tenant(key))
        group_id = await service.roles.found(group)
        return await self._told(await self._administration.guard(key, group_id, mode))

    async def end(self, key: str, group: str) -> list[dict[str, Any]]:
        """Guard a group no more, which may have been deleted; return those that still are guarded."""
        record = await self._administration.tenant(key)
        group_id = group
        if group not in (record.guards or {}):
            group_id = await (await self._tenants.of(record)).roles.found(group)
        return await self._told(await self._administration.guard(key, group_id, None))

    async def _told(self, record: TenantRecord) -> list[dict[str, Any]]:
        guards = record.guards or {}
        tenant = (await self._tenants.of(record)).tenant
        rows = await tenant.read_all([keys.resource("g", each) for each in guards])
        named = zip(guards.items(), rows, strict=True)
        return [{"id": each, "displayName": name_in(row) if row else "", "guard": mode} for (each, mode), row in named]

    # Over HTTP

    async def list_guards(self, _request: Request, _caller: Credential, parameters: Mapping[str, str]) -> Response:
        """The guarded groups of the tenant, and its seats."""
        return await self._answer(parameters["key"], await self.all(parameters["key"]))

    async def guard_group(self, request: Request, _caller: Credential, parameters: Mapping[str, str]) -> Response:
        """Let a group keep its last active member."""
        body = request.json(sizes.RESOURCE)
        group, mode = (body.get("group"), body.get("guard", MODES[0])) if isinstance(body, dict) else (None, None)
        if not isinstance(group, str) or not isinstance(mode, str) or set(body) - {"group", "guard"}:
            raise InvalidValue("The body must be a JSON object with a group, and perhaps a guard, on or strict.")
        return await self._answer(parameters["key"], await self.guard(parameters["key"], group, mode))

    async def unguard_group(self, _request: Request, _caller: Credential, parameters: Mapping[str, str]) -> Response:
        """Guard the group of an id no more."""
        return await self._answer(parameters["key"], await self.end(parameters["key"], parameters["id"]))

    async def _answer(self, key: str, groups: list[dict[str, Any]]) -> Response:
        record = await self._administration.tenant(key)
        tenant = (await self._tenants.of(record)).tenant
        active = await counts.total(tenant, "u") - await counts.total(tenant, counts.INACTIVE)
        told = {"seats": record.seats, "activeUsers": max(active, 0), "groups": groups}
        return answer(200, told)
