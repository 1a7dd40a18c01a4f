"""The service behind any host: who may pass is let in, and the tenant's own operations answer."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from urllib.parse import unquote

from scim.access.admission import Admission
from scim.access.credential import Scope
from scim.access.limits import Limits
from scim.access.tenants import DEFAULT_KEY, as_key
from scim.protocol.errors import InsufficientScope, MethodNotAllowed, NotFound, Unauthorized
from scim.service import routes
from scim.service.addresses import Addresses, metadata_url
from scim.service.answers import SECONDS, answered
from scim.service.capturing import Capturing
from scim.service.journals import Journals
from scim.service.messages import NO_STORE, Request, Response
from scim.service.routes import Route
from scim.service.tenants import TenantService, TenantServices

Parameters = Mapping[str, str]
Operation = Callable[[TenantService], Awaitable[Response]]


class Endpoints:
    """Give it a request, and the route that the host found, and get a response, whatever happens."""

    def __init__(
        self,
        admission: Admission,
        limits: Limits,
        tenants: TenantServices,
        addresses: Addresses,
        journals: Journals,
        capturing: Capturing,
        changed: Callable[[TenantService], Awaitable[None]],
        seconds: float = SECONDS,
    ) -> None:
        """`changed` is awaited with a tenant that a request may have changed, before the request is answered.

        `seconds` are those within which it is answered.
        """
        self._admission = admission
        self._journals, self._capturing = journals, capturing
        self._limits = limits
        self._tenants = tenants
        self._addresses = addresses
        self._changed = changed
        self._seconds = seconds

    async def respond(self, request: Request, route: Route, parameters: Parameters) -> Response:
        """Answer a request of a known route; see `respond_anywhere` for unknown ones."""
        if parameters.get("id", "").lower() == routes.SEARCH:
            return await self.respond_anywhere(request)  # the host takes it for an id when the method is not POST
        self._settle(request, parameters.get("tenant", DEFAULT_KEY))

        async def operation() -> Response:
            return await self._performed(request, route, parameters)

        answer = answered(request, route.name, parameters, operation, seconds=self._seconds)
        return _cached(route, await self._noted(request, answer))

    async def respond_anywhere(self, request: Request) -> Response:
        """Answer a request that the host found no route for: perhaps only a slash or the method is in the way."""
        key, path = routes.inside(request.path)
        found = None if path is None else routes.find(request.method, path)
        self._settle(request, unquote(key))

        async def operation() -> Response:
            if found:
                return await self._performed(request, *found)
            allowed = [] if path is None else routes.allowed(path)
            if request.method == "OPTIONS" and allowed:
                return Response(204, headers={"Allow": ", ".join(allowed)})
            await self._admitted(request, "read")
            if allowed:
                methods = ", ".join(allowed)
                raise MethodNotAllowed(f"{request.method} is not for {request.path[:200]}; use {methods}.", methods)
            raise NotFound(
                f"There is no endpoint {request.path[:200]}. The Tenant URL is {request.base_url};"
                " below it are /Users, /Groups, /Schemas, /ResourceTypes and /ServiceProviderConfig."
            )

        name, parameters = (found[0].name, found[1]) if found else (routes.ANYWHERE, {})
        answer = answered(request, name, parameters, operation, seconds=self._seconds)
        response = await self._noted(request, answer)
        if found:
            return _cached(found[0], response)
        return replace(response, headers={**NO_STORE, **response.headers})  # perhaps of the feed, which nobody keeps

    async def _noted(self, request: Request, answer: Awaitable[Response]) -> Response:
        """Return the answer after the journal was told of it, and the capture where there is one."""
        response = await self._journals.around(request, answer)
        await self._capturing.keep(request, response)
        return response

    def _settle(self, request: Request, segment: str) -> None:
        """Note of a request which tenant it is for, and the address that the tenant's routes are below.

        A segment that can be no tenant's key is kept out of log and answers: it is the client's own text.
        """
        request.tenant = as_key(segment) or "-"
        request.base_url = self._addresses.tenant(request, request.tenant)

    async def _performed(self, request: Request, route: Route, parameters: Parameters) -> Response:
        if route.scope is None:  # it is the same for all tenants, so that nobody learns which there are
            return await self._tenants.default.operations.perform(request, route, parameters)
        tenant = await self._admitted(request, route.scope)
        try:
            with self._limits.under_way(request.share, tenant.allowance) as share:
                response = await tenant.operations.perform(request, route, parameters)
                share.weigh(len(request.body) + response.size)
                return response
        finally:  # also what fails may have changed something: a group of thousands is several transactions
            if route.scope == "provision":
                await self._changed(tenant)

    async def _admitted(self, request: Request, needed: Scope) -> TenantService:
        try:
            caller = await self._admission.admit(
                request.tenant, request.headers.get("authorization"), needed, request.address
            )
        except InsufficientScope:
            request.known = self._admission.known(request.tenant)  # whose journal tells of it
            raise
        except Unauthorized as error:
            request.known = self._admission.known(request.tenant)
            metadata = "" if request.tenant == "-" else metadata_url(request.base_url)
            raise Unauthorized(error.detail, error.presented, metadata) from None
        request.credential, request.scope = caller.credential.id, caller.credential.scope
        request.strict, request.known = caller.credential.strict, caller.tenant
        request.share = caller.credential.client or caller.credential.id
        return await self._tenants.of(caller.tenant)


def _cached(route: Route, response: Response) -> Response:
    """Return a response that says how long it may be kept, where its route or it itself does."""
    return replace(response, headers={"Cache-Control": route.cache, **response.headers}) if route.cache else response
