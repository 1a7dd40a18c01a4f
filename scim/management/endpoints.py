"""Tenants and credentials over HTTP, for automation and for the console: `/manage/v1`, in plain JSON."""

from collections.abc import Awaitable, Callable, Mapping
from typing import TYPE_CHECKING, Any

from scim.access.address import Permitted
from scim.access.admission import Admission
from scim.access.audit import Audit, given
from scim.access.credential import SCOPES, Credential, Federation, Scope
from scim.access.tenants import as_key
from scim.management import documents
from scim.management.administration import GRACE, NOW, Administration, Wanted, expiry
from scim.management.answers import answer, problem, unless_known
from scim.management.parameters import members
from scim.management.routes import PREFIX, ROUTES, ManageRoute
from scim.protocol import sizes
from scim.protocol.errors import InsufficientScope, InvalidValue, MethodNotAllowed, NotFound, ScimError
from scim.service.addresses import Addresses
from scim.service.answers import Parameters, answered, origin_of
from scim.service.messages import JSON, Request, Response
from scim.service.routes import matched
from scim.service.tenants import TenantService, TenantServices

if TYPE_CHECKING:
    from scim.management.streams import Streams
    from scim.management.webhooks import Webhooks

Operation = Callable[[Request, Credential, Parameters], Awaitable[Response]]

DELEGATED: frozenset[Scope] = frozenset({"read", "events"})
"""Scopes of the credentials that a tenant's own administrator may make and end."""


class Management:
    """Answers requests of the routes above.

    Each public method that a route names as its operation takes the request, the caller's credential and the path's
    parameters. Who administers one tenant finds no other: 404.
    """

    def __init__(
        self,
        admission: Admission,
        administration: Administration,
        addresses: Addresses,
        tenants: TenantServices,
        webhooks: Callable[[str], Awaitable["Webhooks"]],
        streams: Callable[[str], Awaitable["Streams"]],
        permitted: Permitted,
        audit: Audit,
        changed: Callable[[TenantService], Awaitable[None]],
        *parts: object,
    ) -> None:
        """`changed` is awaited with a tenant whose feed has something to tell, before the request is answered.

        `parts` have further operations, as methods of the same form.
        """
        self._changed = changed
        self._parts, self._permitted, self._audit = (self, *parts), permitted, audit
        self._admission, self._administration = admission, administration
        self._tenants, self._webhooks, self._streams = tenants, webhooks, streams
        self._address = addresses.tenant

    async def respond(self, request: Request) -> Response:
        """Answer a request below PREFIX, whatever happens; errors are problem details. RFC 9457."""
        path = "/".join(each for each in request.path.split("/")[3:] if each)
        found = {route.method: (route, given) for route in ROUTES if (given := matched(route.path, path)) is not None}
        route, parameters = found.get("GET" if request.method == "HEAD" else request.method, (None, {}))
        request.tenant = as_key(parameters.get("key", "")) or "-"

        async def operation() -> Response:
            self._permitted.check(request.address)
            if route is not None:
                caller = await self._admitted(request, route, parameters)
                if route.method == "GET":
                    return unless_known(request, await self._operation(route)(request, caller, parameters))
                return await self._audited(route, request, caller, parameters)
            request.credential = (await self._admit(request)).id
            if found:
                methods = ", ".join(sorted(found))
                raise MethodNotAllowed(f"{request.method} is not for this address; use {methods}.", methods)
            raise NotFound(f"There is no such address; /{PREFIX}/openapi.json lists those there are.")

        return await answered(request, route.name if route else "Manage", parameters, operation, problem)

    async def _audited(
        self, route: ManageRoute, request: Request, caller: Credential, parameters: Parameters
    ) -> Response:
        """Do what changes something, after it was written down; nothing is done where it cannot be."""
        action = {
            "action": route.name,
            "tenant": as_key(parameters.get("key", "")) or "",
            "id": parameters.get("id", parameters.get("urn", ""))[:200],
            "given": given({**dict(request.query()), **_said(request)}),
            "credential": caller.id,
            "client": origin_of(request).client[:200],
            "address": request.address,
            "requestId": request.request_id,
        }
        return await self._audit.around(
            action,
            lambda: self._operation(route)(request, caller, parameters),
            lambda response: (response.status, response.body),
        )

    def _operation(self, route: ManageRoute) -> Operation:
        found: Operation = next(
            getattr(part, route.operation) for part in self._parts if hasattr(part, route.operation)
        )
        return found

    async def _admitted(self, request: Request, route: ManageRoute, parameters: Parameters) -> Credential:
        if route.scope is None:
            return Credential("", "", "", "events")
        caller = await self._admit(request)
        request.credential = caller.id
        if caller.scope == "admin":
            if route.scope != "admin":
                raise InsufficientScope("Only an operator may do this.", "operator")
            if "key" in parameters and as_key(parameters["key"]) != caller.tenant:
                raise NotFound(f"There is no tenant '{parameters['key'][:64]}'.")
        return caller

    async def _admit(self, request: Request) -> Credential:
        return await self._admission.admit_operator(request.headers.get("authorization"), request.address)

    async def describe(self, _request: Request, _caller: Credential, _: Parameters) -> Response:
        """The OpenAPI document of these routes."""
        from scim.management.openapi import document  # here, since only developers ask for it

        return Response(200, document(), {}, JSON)

    async def list_tenants(self, request: Request, caller: Credential, _: Parameters) -> Response:
        """All tenants, or the caller's own."""
        found = await self._administration.tenants()
        own = [each for each in found if caller.scope == "operator" or each.key == caller.tenant]
        listed = [documents.tenant(each, self._address(request, each.key)) for each in own]
        return answer(200, {"caller": {"scope": caller.scope}, "tenants": listed})

    async def create_tenant(self, request: Request, _caller: Credential, _: Parameters) -> Response:
        """A new tenant, with its Secret Token, shown this once."""
        body = members(request, {"name": str})
        record, first = await self._administration.create(body.get("name", ""))
        url = self._address(request, record.key)
        return answer(201, documents.tenant(record, url) | {"secretToken": first.secret})

    async def get_tenant(self, request: Request, _caller: Credential, parameters: Parameters) -> Response:
        """One tenant."""
        record = await self._administration.tenant(parameters["key"])
        return answer(200, documents.tenant(record, self._address(request, record.key)))

    async def change_tenant(self, request: Request, _caller: Credential, parameters: Parameters) -> Response:
        """A tenant's name, status or settings."""
        body = request.json(sizes.RESOURCE)
        if not isinstance(body, dict) or body.get("status", "active") not in ("active", "suspended"):
            raise InvalidValue("The body must be a JSON object; its status, if it has one, active or suspended.")
        changes = {name: value for name, value in body.items() if name != "status"}
        record = await self._administration.change(parameters["key"], changes)
        if "status" in body:
            turn = self._administration.resume if body["status"] == "active" else self._administration.suspend
            record = await turn(record.key)
        return answer(200, documents.tenant(record, self._address(request, record.key)))

    async def delete_tenant(self, request: Request, _caller: Credential, parameters: Parameters) -> Response:
        """Close a tenant now, and drop it after the grace period, or with `now=true` in five minutes."""
        grace = NOW if ("now", "true") in request.query() else GRACE
        record = await self._administration.delete(parameters["key"], grace)
        return answer(202, documents.tenant(record, self._address(request, record.key)))

    async def list_credentials(self, _request: Request, _caller: Credential, parameters: Parameters) -> Response:
        """The tenant's credentials."""
        listed = await self._administration.credentials(parameters.get("key", ""))
        now = self._administration.now
        return answer(200, {"credentials": [documents.credential(each, now, used) for each, used in listed]})

    async def create_credential(self, request: Request, caller: Credential, parameters: Parameters) -> Response:
        """A new credential, with its secret, shown this once."""
        wanted = _wanted(request)
        if caller.scope == "admin" and wanted.scope not in DELEGATED:
            raise InsufficientScope("An administrator makes credentials of scope read and events only.", "operator")
        issued = await self._administration.issue(parameters.get("key", ""), wanted)
        url = self._address(request, issued.credential.tenant)
        return answer(201, documents.issued(issued, self._administration.now, url))

    async def get_credential(self, _request: Request, _caller: Credential, parameters: Parameters) -> Response:
        """One credential."""
        found, used = await self._administration.credential(parameters["id"], parameters.get("key", ""))
        return answer(200, documents.credential(found, self._administration.now, used))

    async def renew_credential(self, request: Request, caller: Credential, parameters: Parameters) -> Response:
        """A new credential beside the old one, which stays valid."""
        await self._may_change(caller, parameters)
        expires = members(request, {"expires": str}).get("expires") if request.body else None
        issued = await self._administration.renew(parameters["id"], expiry(expires) if expires else None)
        url = self._address(request, issued.credential.tenant)
        return answer(201, documents.issued(issued, self._administration.now, url))

    async def revoke_credential(self, _request: Request, caller: Credential, parameters: Parameters) -> Response:
        """Refuse a credential from now on."""
        await self._may_change(caller, parameters)
        revoked = await self._administration.revoke(parameters["id"])
        return answer(200, documents.credential(revoked, self._administration.now, ""))

    async def remove_credential(self, _request: Request, caller: Credential, parameters: Parameters) -> Response:
        """Take a credential that is not valid any more off the list."""
        await self._may_change(caller, parameters)
        await self._administration.remove(parameters["id"])
        return answer(204, None)

    async def list_access(self, _request: Request, _caller: Credential, parameters: Parameters) -> Response:
        """The groups of the tenant that give roles."""
        found = await (await self._serving(parameters)).roles.mappings()
        return answer(200, {"groups": [documents.access(each) for each in found]})

    async def map_access(self, request: Request, _caller: Credential, parameters: Parameters) -> Response:
        """A group gives a role from now on."""
        body = members(request, {"group": str, "role": str})
        service, origin = await self._serving(parameters), origin_of(request)
        mapping = await service.roles.map(body.get("group", ""), body.get("role", ""), origin)
        await self._changed(service)
        return answer(200, documents.access(mapping))

    async def unmap_access(self, request: Request, _caller: Credential, parameters: Parameters) -> Response:
        """The group of an id does not give a role any more, or none at all."""
        role = dict(request.query()).get("role")
        service, origin = await self._serving(parameters), origin_of(request)
        mapping = await service.roles.unmap(parameters["id"], role, origin)
        await self._changed(service)
        return answer(200, documents.access(mapping))

    async def _serving(self, parameters: Parameters) -> TenantService:
        return await self._tenants.of(await self._administration.tenant(parameters["key"]))

    async def list_schemas(self, _request: Request, _caller: Credential, parameters: Parameters) -> Response:
        """The tenant's own extension schemas."""
        return answer(200, {"schemas": await self._administration.schemas(parameters["key"])})

    async def put_schema(self, request: Request, _caller: Credential, parameters: Parameters) -> Response:
        """Keep an extension schema of the tenant."""
        urn = await self._administration.put_schema(parameters["key"], request.json(sizes.RESOURCE))
        return answer(200, {"id": urn})

    async def remove_schema(self, _request: Request, _caller: Credential, parameters: Parameters) -> Response:
        """Take an extension schema of the tenant away."""
        await self._administration.remove_schema(parameters["key"], parameters["urn"])
        return answer(204, None)

    async def list_streams(self, _request: Request, _caller: Credential, parameters: Parameters) -> Response:
        """The tenant's streams."""
        return answer(200, {"streams": await (await self._streams(parameters["key"])).all()})

    async def create_stream(self, request: Request, _caller: Credential, parameters: Parameters) -> Response:
        """A new stream, with the secret token of a new credential, unless one is named."""
        body = members(request, {"types": list, "wait": int, "credential": str}) if request.body else {}
        streams, issuer = await self._streams(parameters["key"]), self._address(request, request.tenant)
        return answer(
            201, await streams.create(issuer, _texts(body, "types"), body.get("wait"), body.get("credential", ""))
        )

    async def bind_stream(self, request: Request, _caller: Credential, parameters: Parameters) -> Response:
        """Let another credential fetch its tokens."""
        named = members(request, {"credential": str}).get("credential", "")
        if not named:
            raise InvalidValue("credential must be the id of a credential of the scope events.")
        return answer(200, await (await self._streams(parameters["key"])).bind(parameters["id"], named))

    async def restart_stream(self, _request: Request, _caller: Credential, parameters: Parameters) -> Response:
        """Go on with what happens from now on."""
        return answer(200, await (await self._streams(parameters["key"])).restart(parameters["id"]))

    async def delete_stream(self, _request: Request, _caller: Credential, parameters: Parameters) -> Response:
        """Take a stream away."""
        await (await self._streams(parameters["key"])).delete(parameters["id"])
        return answer(204, None)

    async def list_webhooks(self, _request: Request, _caller: Credential, parameters: Parameters) -> Response:
        """The tenant's webhooks."""
        return answer(200, {"webhooks": await (await self._webhooks(parameters["key"])).all()})

    async def create_webhook(self, request: Request, _caller: Credential, parameters: Parameters) -> Response:
        """A new webhook, with its secret, or with what the receiver of its tokens has to know."""
        texts = ("url", "onFailure", "form", "sessionRevoked", "subjectIssuer")
        body = members(request, dict.fromkeys(texts, str) | {"types": list})
        webhooks, issuer = await self._webhooks(parameters["key"]), self._address(request, request.tenant)
        made = await webhooks.create(
            body.get("url", ""),
            _texts(body, "types"),
            body.get("onFailure", "stop"),
            body.get("form", "standard"),
            issuer=issuer,
            session_revoked=body.get("sessionRevoked", ""),
            subject_issuer=body.get("subjectIssuer", ""),
        )
        return answer(201, made)

    async def get_webhook(self, _request: Request, _caller: Credential, parameters: Parameters) -> Response:
        """One webhook, and how it fares."""
        return answer(200, await (await self._webhooks(parameters["key"])).show(parameters["id"]))

    async def delete_webhook(self, _request: Request, _caller: Credential, parameters: Parameters) -> Response:
        """Take a webhook away."""
        await (await self._webhooks(parameters["key"])).delete(parameters["id"])
        return answer(204, None)

    async def enable_webhook(self, request: Request, _caller: Credential, parameters: Parameters) -> Response:
        """Deliver again, from a cursor, from `latest`, or from where it stopped."""
        webhooks = await self._webhooks(parameters["key"])
        return answer(200, await webhooks.enable(parameters["id"], _from(request)))

    async def disable_webhook(self, _request: Request, _caller: Credential, parameters: Parameters) -> Response:
        """Deliver nothing until the webhook is enabled."""
        return answer(200, await (await self._webhooks(parameters["key"])).disable(parameters["id"]))

    async def rotate_webhook(self, _request: Request, _caller: Credential, parameters: Parameters) -> Response:
        """A new secret, beside which the old one signs for 24 hours."""
        return answer(200, await (await self._webhooks(parameters["key"])).rotate(parameters["id"]))

    async def replay_webhook(self, request: Request, _caller: Credential, parameters: Parameters) -> Response:
        """Deliver again from a cursor on; without one, what was skipped."""
        webhooks = await self._webhooks(parameters["key"])
        return answer(200, await webhooks.replay(parameters["id"], _from(request)))

    async def test_webhook(self, _request: Request, _caller: Credential, parameters: Parameters) -> Response:
        """Send one event, and tell what the receiver made of it."""
        return answer(200, await (await self._webhooks(parameters["key"])).test(parameters["id"]))

    async def _may_change(self, caller: Credential, parameters: Parameters) -> None:
        found, _ = await self._administration.credential(parameters["id"], parameters.get("key", ""))
        if caller.scope == "admin" and found.scope not in DELEGATED:
            raise InsufficientScope("An administrator changes credentials of scope read and events only.", "operator")


def _said(request: Request) -> dict[str, Any]:
    """Return the members of the body; none where it is no object, which the operation itself tells of."""
    try:
        body = request.json(sizes.RESOURCE) if request.body else {}
    except ScimError:
        return {}
    return body if isinstance(body, dict) else {}


def _texts(body: Mapping[str, Any], name: str) -> list[str]:
    """Return the texts of a list that may be missing. Raises InvalidValue when one of them is none."""
    texts: list[str] = body.get(name, [])
    if not all(isinstance(each, str) for each in texts):
        raise InvalidValue(f"{name} must be a list of texts.")
    return texts


def _from(request: Request) -> str:
    """Return the cursor in the member `from` of the body; both may be missing."""
    cursor: str = members(request, {"from": str}).get("from", "") if request.body else ""
    return cursor


def _wanted(request: Request) -> Wanted:
    body = members(
        request, {"name": str, "scope": str, "oauth": bool, "expires": str, "strict": bool, "federation": dict}
    )
    scope = next((each for each in SCOPES if each == body.get("scope")), None)
    if scope is None:
        raise InvalidValue(f"scope must be one of {', '.join(SCOPES)}.")
    return Wanted(
        name=body.get("name", ""),
        scope=scope,
        oauth=body.get("oauth", False),
        federation=_federation(body["federation"]) if "federation" in body else None,
        expires=expiry(body["expires"]) if "expires" in body else None,
        strict=body.get("strict", False),
    )


def _federation(body: Mapping[str, Any]) -> Federation:
    tid, subjects, audiences = body.get("entraTenant"), body.get("subjects"), body.get("audiences")
    lists = [each for each in (subjects, audiences) if isinstance(each, list) and 0 < len(each) <= 20]
    if not isinstance(tid, str) or len(lists) < 2 or not all(isinstance(each, str) for part in lists for each in part):
        raise InvalidValue("federation must have an entraTenant, and subjects and audiences, lists of 1 to 20 texts.")
    return Federation(tid, tuple(subjects or ()), tuple(audiences or ()), str(body.get("cloud", "public")))
