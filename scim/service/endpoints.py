"""The operations behind the routes: a request goes in, a response comes out, errors become responses here."""

import json
import logging
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from functools import lru_cache
from typing import Any

from scim.access.auth import TokenSource, authorize
from scim.directory.resources import Directory, Origin
from scim.directory.search import Search
from scim.directory.stored import Kind, Stored
from scim.protocol.errors import (
    Forbidden,
    MethodNotAllowed,
    NotFound,
    NotImplementedHere,
    PreconditionFailed,
    ScimError,
)
from scim.protocol.projection import Projection
from scim.protocol.query import SearchRequest, list_response, query_search, search_request
from scim.protocol.resource import Resource
from scim.protocol.schema import Schemas
from scim.service import discovery, routes
from scim.service.bulk import Bulk
from scim.service.messages import Request, Response, error_response
from scim.service.routes import Route

logger = logging.getLogger(__name__)

Parameters = Mapping[str, str]


class Endpoints:
    """The service behind any host: give it a request and the route that the host found, get a response.

    Each public method that a Route names as its operation takes the request, the route and the path's parameters.
    """

    def __init__(
        self,
        schemas: Schemas,
        directory: Directory,
        search: Search,
        tokens: TokenSource,
        base_url: str = "",
    ) -> None:
        self._schemas = schemas
        self._directory = directory
        self._search = search
        self._tokens = tokens
        self._base_url = base_url.rstrip("/")

    async def respond(self, request: Request, route: Route, parameters: Parameters) -> Response:
        """Answer a request of a known route, whatever happens; see `respond_anywhere` for unknown ones."""
        if parameters.get("id", "").lower() == routes.SEARCH:
            return await self.respond_anywhere(request)  # the host takes it for an id when the method is not POST

        async def operation() -> Response:
            await authorize(request.headers.get("authorization"), self._tokens)
            return await self._perform(request, route, parameters)

        return await self._answer(request, route.name, parameters, operation)

    async def respond_anywhere(self, request: Request) -> Response:
        """Answer a request that the host found no route for: perhaps only a slash or the method is in the way."""
        path = request.path.strip("/")
        inside = (path.lower() + "/").startswith(routes.PREFIX + "/")
        path = path[len(routes.PREFIX) :] if inside else path
        allowed = routes.allowed(path) if inside else []
        found = routes.find(request.method, path) if inside else None

        async def operation() -> Response:
            if request.method == "OPTIONS" and allowed:
                return Response(204, headers={"Allow": ", ".join(allowed)})
            await authorize(request.headers.get("authorization"), self._tokens)
            if found:
                return await self._perform(request, *found)
            if allowed:
                methods = ", ".join(allowed)
                raise MethodNotAllowed(f"{request.method} is not for {request.path[:200]}; use {methods}.", methods)
            raise NotFound(
                f"There is no endpoint {request.path[:200]}. The Tenant URL is {self._base(request)};"
                " below it are /Users, /Groups, /Schemas, /ResourceTypes and /ServiceProviderConfig."
            )

        name, parameters = (found[0].name, found[1]) if found else (routes.ANYWHERE, {})
        return await self._answer(request, name, parameters, operation)

    async def health(self) -> Response:
        """Say, to anybody, whether storage and token source answer: 200 when both do, else 503."""
        checks = {"storage": self._directory.tenant.rows.check, "tokens": self._tokens.check}
        states = {name: await self._state(name, check) for name, check in checks.items()}
        healthy = all(state == "ok" for state in states.values())
        return Response(200 if healthy else 503, {"status": "ok" if healthy else "failing", **states})

    async def _state(self, name: str, check: Callable[[], Awaitable[None]]) -> str:
        try:
            await check()
        except ScimError as error:
            return error.detail
        except Exception:
            logger.exception("the health check of %s failed", name)
            return "failing; the log says why"
        return "ok"

    async def _answer(
        self, request: Request, name: str, parameters: Parameters, operation: Callable[[], Awaitable[Response]]
    ) -> Response:
        """Run an operation; every failure becomes a response here and nowhere else; one line is logged."""
        start = time.perf_counter()
        level = logging.INFO
        try:
            response = await operation()
        except ScimError as error:
            response = error_response(error)
            level = logging.WARNING if error.status >= 500 else logging.INFO
        except Exception:
            logger.exception("request %s failed", request.request_id)
            response = error_response(_Internal(f"Internal error; the log has it under request {request.request_id}."))
            level = logging.ERROR
        milliseconds = (time.perf_counter() - start) * 1000
        logger.log(
            level,
            "%s %s id=%.64s status=%d ms=%.1f request=%s client=%.100s",
            *(request.method, name, _on_one_line(parameters.get("id", "-")), response.status, milliseconds),
            *(request.request_id, _client(request) or "-"),
        )
        return response

    async def _perform(self, request: Request, route: Route, parameters: Parameters) -> Response:
        operation: Callable[[Request, Route, Parameters], Awaitable[Response]] = getattr(self, route.operation)
        return await operation(request, route, parameters)

    def _base(self, request: Request) -> str:
        return self._base_url or request.base_url

    def _kind(self, route: Route) -> Kind:
        return self._directory.kinds[route.resource_type]

    async def create(self, request: Request, route: Route, _: Parameters) -> Response:
        """POST of a resource. RFC 7644 §3.3."""
        kind = self._kind(route)
        projection = _projection(kind, query_search(request.query()))
        stored = await self._directory.create(kind, request.json(), _origin(request))
        return await self._resource(request, 201, stored, projection)

    async def get(self, request: Request, route: Route, parameters: Parameters) -> Response:
        """GET of one resource. RFC 7644 §3.4.1."""
        kind = self._kind(route)
        projection = _projection(kind, query_search(request.query()))
        stored = await self._directory.get(kind, parameters["id"], projection)
        stored.check_version(request.headers.get("if-match"))  # before If-None-Match: RFC 9110 §13.2.2
        known = request.headers.get("if-none-match")
        if known is not None and stored.has_version(known) and not stored.shifting:
            return Response(304, headers={"ETag": stored.etag})
        return await self._resource(request, 200, stored, projection)

    async def replace(self, request: Request, route: Route, parameters: Parameters) -> Response:
        """PUT of a resource. RFC 7644 §3.5.1."""
        kind = self._kind(route)
        projection = _projection(kind, query_search(request.query()))
        if_match = await self._if_match(request, kind, parameters["id"])
        stored = await self._directory.replace(kind, parameters["id"], request.json(), if_match, _origin(request))
        return await self._resource(request, 200, stored, projection)

    async def patch(self, request: Request, route: Route, parameters: Parameters) -> Response:
        """PATCH of a resource. RFC 7644 §3.5.2.

        A user is returned; a group only when attributes are asked for, since Microsoft advises against returning
        members.
        """
        from scim.service.bodies import patch_operations  # here, since its imports are slow

        kind = self._kind(route)
        search = query_search(request.query())
        projection = _projection(kind, search)
        operations = patch_operations(request.json())
        if_match = await self._if_match(request, kind, parameters["id"])
        stored = await self._directory.patch(kind, parameters["id"], operations, if_match, _origin(request))
        if kind.letter == "g":
            if not (search.attributes or search.excluded_attributes):
                return Response(204, headers={"ETag": stored.etag})
            # Others may have changed the group while members were written: its version must not go with an older text.
            stored = await self._directory.get(kind, parameters["id"], projection)
        return await self._resource(request, 200, stored, projection)

    async def delete(self, request: Request, route: Route, parameters: Parameters) -> Response:
        """DELETE of a resource. RFC 7644 §3.6."""
        kind = self._kind(route)
        if_match = await self._if_match(request, kind, parameters["id"])
        await self._directory.delete(kind, parameters["id"], if_match, _origin(request))
        return Response(204)

    async def _if_match(self, request: Request, kind: Kind, resource_id: str) -> str | None:
        """Return the If-Match of a change, after its If-None-Match, which is rare, was looked at. RFC 9110 §13.1.2.

        That is soon enough before the change: a version never comes back, so that one which is not the current one
        now will not be when the change is written. Raises PreconditionFailed, NotFound.
        """
        unwanted = request.headers.get("if-none-match")
        if unwanted is not None and (stored := await self._directory.read(kind, resource_id)).has_version(unwanted):
            raise PreconditionFailed(f"If-None-Match names the current version, {stored.etag}, or any with *.")
        return request.headers.get("if-match")

    async def list(self, request: Request, route: Route, _: Parameters) -> Response:
        """GET of many resources, of one type or, at the root, of all. RFC 7644 §3.4.2."""
        return await self._found(request, route, query_search(request.query()))

    async def search(self, request: Request, route: Route, _: Parameters) -> Response:
        """POST of a SearchRequest. RFC 7644 §3.4.3."""
        return await self._found(request, route, search_request(request.json()))

    async def _found(self, request: Request, route: Route, search: SearchRequest) -> Response:
        kinds = [self._kind(route)] if route.resource_type else list(self._directory.kinds.values())
        projections = {kind.type.name: _projection(kind, search) for kind in kinds}
        page = await self._search.page(kinds, search, projections)
        base_url = self._base(request)
        resources = [projections[each.kind.type.name].apply(each.resource(base_url)) for each in page.resources]
        figures: dict[str, int | str | None] = {"totalResults": page.total}
        if search.cursor is None:
            figures["startIndex"] = search.start_index
        else:
            figures["nextCursor"] = page.next_cursor
        return Response(200, list_response(resources, **figures))

    async def bulk(self, request: Request, _route: Route, _: Parameters) -> Response:
        """POST of many operations. RFC 7644 §3.7."""
        from scim.service.bodies import bulk_request  # here, since its imports are slow

        async def perform(method: str, path: str, data: Any, version: str | None) -> Response:
            inner = _inner(request, method, path, data, version)
            found = routes.find(method, path)

            async def operation() -> Response:
                if found is None or not found[0].resource_type or found[0].operation == "search":
                    raise NotFound(f"A Bulk operation cannot {method} {path[:200]}; use /Users and /Groups.")
                return await self._perform(inner, *found)

            name, parameters = (found[0].name, found[1]) if found else ("Bulk", {})
            return await self._answer(inner, name, parameters, operation)

        bulk = Bulk(bulk_request(request.json()), self._schemas, perform, self._versions, self._base(request))
        return Response(200, await bulk.run())

    async def _versions(self, paths: Sequence[str]) -> Sequence[str | None]:
        """Return the entity tags of resources that exist or did, by their paths; None where one cannot be had."""
        found = [each for path in paths if (each := routes.find("GET", path))]
        named = [(self._kind(route), parameters["id"]) for route, parameters in found]
        try:
            rows = await self._directory.tenant.read_all([kind.key(resource_id) for kind, resource_id in named])
        except ScimError as error:
            # What a Bulk request has done stands and must be told; it is only the versions that are left out.
            logger.warning("the versions after a Bulk request cannot be read: %s", error.detail)
            return [None] * len(paths)
        return [Stored.from_row(kind, row).etag if row else None for (kind, _), row in zip(named, rows, strict=True)]

    async def list_schemas(self, request: Request, _route: Route, _: Parameters) -> Response:
        """GET of all schemas. RFC 7644 §4."""
        return _documents(request, discovery.schema_documents(self._schemas, self._base(request)))

    async def get_schema(self, request: Request, _route: Route, parameters: Parameters) -> Response:
        """GET of one schema by its URN. RFC 7644 §4."""
        documents = discovery.schema_documents(self._schemas, self._base(request))
        return _document(request, documents, "schema", parameters["id"])

    async def list_resource_types(self, request: Request, _route: Route, _: Parameters) -> Response:
        """GET of all resource types. RFC 7644 §4."""
        return _documents(request, discovery.resource_type_documents(self._schemas, self._base(request)))

    async def get_resource_type(self, request: Request, _route: Route, parameters: Parameters) -> Response:
        """GET of one resource type by its name. RFC 7644 §4."""
        documents = discovery.resource_type_documents(self._schemas, self._base(request))
        return _document(request, documents, "resource type", parameters["id"])

    async def get_service_provider_config(self, request: Request, _route: Route, _: Parameters) -> Response:
        """GET of what the service supports. RFC 7644 §4."""
        _refuse_filter(request)
        return Response(200, discovery.service_provider_config(self._base(request)))

    async def me(self, _request: Request, _route: Route, _: Parameters) -> Response:
        """The caller's own resource. RFC 7644 §3.11."""
        raise NotImplementedHere(
            "The caller is a provisioning service with a secret token, not a user, so there is no /Me. Use /Users."
        )

    async def _resource(self, request: Request, status: int, stored: Stored, projection: Projection) -> Response:
        if stored.edges is None and projection.wants(stored.kind.edges):
            stored = await self._directory.memberships.attached(stored)
        base_url = self._base(request)
        headers = {"ETag": stored.etag, "Location": stored.location(base_url)}
        return Response(status, projection.apply(stored.resource(base_url)), headers)


class _Internal(ScimError):
    """A bug; its cause is in the log only."""

    status = 500


def _inner(request: Request, method: str, path: str, data: Any, version: str | None) -> Request:
    """Return an operation of a Bulk request as a request of its own."""
    headers = {name: value for name, value in request.headers.items() if name == "user-agent"}
    if version is not None:
        headers["if-match"] = version
    body = json.dumps(data, ensure_ascii=False).encode()
    return Request(method, request.base_url + path, headers, body, request.request_id)


def _origin(request: Request) -> Origin:
    return Origin(request.request_id, _client(request))


def _client(request: Request) -> str:
    return _on_one_line(request.headers.get("user-agent", ""))


def _on_one_line(text: str) -> str:
    """What a client may write into the log and into change rows: no line breaks, and nothing but characters."""
    return text if text.isprintable() else "".join(each if each.isprintable() else "?" for each in text)


def _projection(kind: Kind, search: SearchRequest) -> Projection:
    if not search.attributes and not search.excluded_attributes:
        return _default_projection(kind)
    return Projection(kind.type, search.attributes, search.excluded_attributes)


@lru_cache(maxsize=8)
def _default_projection(kind: Kind) -> Projection:
    return Projection(kind.type)


def _refuse_filter(request: Request) -> None:
    """RFC 7644 §4."""
    if any(name.lower() == "filter" and value.strip() for name, value in request.query()):
        raise Forbidden("Discovery does not take filters; leave the parameter 'filter' out.")


def _documents(request: Request, documents: list[Resource]) -> Response:
    _refuse_filter(request)
    return Response(200, list_response(documents, totalResults=len(documents), startIndex=1))


def _document(request: Request, documents: list[Resource], what: str, document_id: str) -> Response:
    _refuse_filter(request)
    found = discovery.find(documents, document_id)
    if found is None:
        known = ", ".join(each["id"] for each in documents)
        raise NotFound(f"There is no {what} '{document_id[:200]}'; there are {known}.")
    return Response(200, found)
