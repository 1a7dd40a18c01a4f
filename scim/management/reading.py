"""What an administrator reads of a tenant over HTTP: its users and groups, their history, and its requests."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from scim.access.audit import Audit
from scim.access.credential import Credential
from scim.management import activity, download
from scim.management.administration import Administration
from scim.management.answers import answer
from scim.management.overview import overview
from scim.management.parameters import count_of, given
from scim.management.roster import Roster, summary
from scim.service.addresses import Addresses
from scim.service.answers import Parameters
from scim.service.messages import Request, Response
from scim.service.tenants import TenantService, TenantServices

PAGE = ("count", "cursor")
FIND = ("find", *PAGE)


class Reading:
    """Each public method that a route names takes the request, the caller's credential and the path's parameters."""

    def __init__(
        self,
        administration: Administration,
        tenants: TenantServices,
        addresses: Addresses,
        health: Callable[[], Awaitable[Response]],
        audit: Audit,
    ) -> None:
        """`health` answers as /health does."""
        self._audit = audit
        self._administration, self._tenants, self._asked_health = administration, tenants, health
        self._address = addresses.tenant

    async def _service(self, parameters: Parameters) -> TenantService:
        return await self._tenants.of(await self._administration.tenant(parameters["key"]))

    async def get_overview(self, _request: Request, _caller: Credential, parameters: Parameters) -> Response:
        """How a tenant does."""
        service = await self._service(parameters)
        listed = await self._administration.credentials(service.record.key)
        return answer(200, await overview(service, self._administration.now, listed, self._health))

    async def _health(self) -> Mapping[str, Any]:
        states: Mapping[str, Any] = (await self._asked_health()).body
        return states

    async def list_users(self, request: Request, _caller: Credential, parameters: Parameters) -> Response:
        """Users, all or those that `find` names."""
        return await self._found("User", "users", request, parameters)

    async def list_groups(self, request: Request, _caller: Credential, parameters: Parameters) -> Response:
        """Groups, all or those that `find` names."""
        return await self._found("Group", "groups", request, parameters)

    async def _found(self, name: str, plural: str, request: Request, parameters: Parameters) -> Response:
        asked = given(request.query(), FIND, f"a list of {plural}")
        roster = Roster(await self._service(parameters))
        found, cursor = await roster.found(name, asked.get("find", ""), count_of(asked), asked.get("cursor", ""))
        return answer(200, {plural: [summary(each) for each in found], "nextCursor": cursor or None})

    async def get_user(self, request: Request, _caller: Credential, parameters: Parameters) -> Response:
        """One user, without its groups."""
        return await self._shown("User", request, parameters)

    async def get_group(self, request: Request, _caller: Credential, parameters: Parameters) -> Response:
        """One group, without its members."""
        return await self._shown("Group", request, parameters)

    async def _shown(self, name: str, request: Request, parameters: Parameters) -> Response:
        service = await self._service(parameters)
        url = self._address(request, service.record.key)
        return answer(200, await Roster(service).shown(name, parameters["id"], url))

    async def list_groups_of_user(self, request: Request, _caller: Credential, parameters: Parameters) -> Response:
        """The groups that a user is a direct member of."""
        return await self._groups("User", request, parameters)

    async def list_groups_of_group(self, request: Request, _caller: Credential, parameters: Parameters) -> Response:
        """The groups that a group is a direct member of."""
        return await self._groups("Group", request, parameters)

    async def _groups(self, name: str, request: Request, parameters: Parameters) -> Response:
        asked = given(request.query(), PAGE, "a list of groups")
        roster = Roster(await self._service(parameters))
        return answer(200, await roster.groups(name, parameters["id"], count_of(asked), asked.get("cursor", "")))

    async def list_members(self, request: Request, _caller: Credential, parameters: Parameters) -> Response:
        """The members of a group."""
        asked = given(request.query(), PAGE, "a list of members")
        roster = Roster(await self._service(parameters))
        return answer(200, await roster.members(parameters["id"], count_of(asked), asked.get("cursor", "")))

    async def get_user_history(self, request: Request, _caller: Credential, parameters: Parameters) -> Response:
        """Who changed which attributes of a user when, and its memberships."""
        return await self._history("User", request, parameters)

    async def get_group_history(self, request: Request, _caller: Credential, parameters: Parameters) -> Response:
        """Who changed which attributes and members of a group when."""
        return await self._history("Group", request, parameters)

    async def _history(self, name: str, request: Request, parameters: Parameters) -> Response:
        asked = given(request.query(), PAGE, "a history")
        roster = Roster(await self._service(parameters))
        return answer(200, await roster.history(name, parameters["id"], count_of(asked), asked.get("cursor", "")))

    async def list_audit(self, request: Request, _caller: Credential, _: Parameters) -> Response:
        """Who changed what, of all tenants or of one."""
        asked = given(request.query(), ("tenant", *PAGE), "the audit")
        return await self._audited(asked.get("tenant"), asked)

    async def list_audit_of_tenant(self, request: Request, _caller: Credential, parameters: Parameters) -> Response:
        """Who changed what of a tenant."""
        key = (await self._administration.tenant(parameters["key"])).key
        return await self._audited(key, given(request.query(), PAGE, "the audit"))

    async def _audited(self, tenant: str | None, asked: Mapping[str, str]) -> Response:
        found, cursor = await self._audit.page(tenant, count_of(asked), asked.get("cursor", ""))
        return answer(200, {"actions": found, "nextCursor": cursor})

    async def list_requests(self, request: Request, _caller: Credential, parameters: Parameters) -> Response:
        """The requests of a tenant, as its journal has them."""
        return answer(200, await activity.log(await self._service(parameters), request.query()))

    async def list_all_requests(self, request: Request, _caller: Credential, _: Parameters) -> Response:
        """The requests of all tenants together."""
        records = await self._administration.tenants()
        return answer(200, await activity.log_of_all(records, self._tenants.of, request.query()))

    async def download_requests(self, request: Request, _caller: Credential, parameters: Parameters) -> Response:
        """The same as a file."""
        address = request.url.partition("?")[0]
        return await download.requests(await self._service(parameters), request.query(), address)
