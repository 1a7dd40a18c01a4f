"""The SCIM operations on one tenant: a request that may pass goes in, a response comes out or a ScimError."""

import json
import logging
import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import replace
from functools import lru_cache, partial
from typing import Any

from scim.access.credential import ALLOWED
from scim.directory import notes
from scim.directory.access import Access
from scim.directory.aside import SHORT, aside
from scim.directory.matching import EDGE_SIZE, LEAST_SIZE
from scim.directory.resources import Directory
from scim.directory.search import Search
from scim.directory.stored import Kind, Stored, etag
from scim.protocol import sizes
from scim.protocol.errors import Forbidden, NotFound, NotImplementedHere, PreconditionFailed, ScimError
from scim.protocol.projection import Projection
from scim.protocol.query import SearchRequest, list_response, query_search, search_request
from scim.protocol.resource import Resource
from scim.protocol.schema import Schemas
from scim.protocol.strictness import strictly
from scim.service import access, discovery, routes
from scim.service.answers import answered, origin_of
from scim.service.bulk import Bulk
from scim.service.events import Events
from scim.service.messages import Request, Response, in_pieces
from scim.service.routes import Route
from scim.service.sets import Sets

logger = logging.getLogger(__name__)

Parameters = Mapping[str, str]


class Operations:
    """What the routes of one tenant do.

    Each public method that a Route names as its operation takes the request, the route and the path's parameters.
    """

    def __init__(
        self, schemas: Schemas, directory: Directory, search: Search, events: Events, access: Access, sets: Sets
    ) -> None:
        self._schemas = schemas
        self._directory = directory
        self._search = search
        self._events = events
        self._access = access
        self._sets = sets

    async def perform(self, request: Request, route: Route, parameters: Parameters) -> Response:
        """Perform the operation that a route names."""
        operation: Callable[[Request, Route, Parameters], Awaitable[Response]] = getattr(self, route.operation)
        with strictly(request.strict):
            return await operation(request, route, parameters)

    def _kind(self, route: Route) -> Kind:
        return self._directory.kinds[route.resource_type]

    async def create(self, request: Request, route: Route, _: Parameters) -> Response:
        """POST of a resource. RFC 7644 §3.3."""
        kind = self._kind(route)
        projection = _projection(kind, query_search(request.query()))
        stored = await self._directory.create(kind, await _body(request, kind), origin_of(request))
        return await self._resource(request, 201, stored, projection)

    async def get(self, request: Request, route: Route, parameters: Parameters) -> Response:
        """GET of one resource. RFC 7644 §3.4.1."""
        kind = self._kind(route)
        projection = _projection(kind, query_search(request.query()))
        stored = await self._directory.get(kind, parameters["id"], projection)
        stored.check_version(request.headers.get("if-match"))  # before If-None-Match: RFC 9110 §13.2.2
        known = request.headers.get("if-none-match")
        same = not stored.shifting and not projection.wants(kind.edges, "display")  # a group's name has its own version
        if known is not None and same and stored.has_version(known):
            return Response(304, headers={"ETag": stored.etag})
        return await self._resource(request, 200, stored, projection)

    async def replace(self, request: Request, route: Route, parameters: Parameters) -> Response:
        """PUT of a resource. RFC 7644 §3.5.1."""
        kind = self._kind(route)
        projection = _projection(kind, query_search(request.query()))
        if_match = await self._if_match(request, kind, parameters["id"])
        body = await _body(request, kind)
        stored = await self._directory.replace(kind, parameters["id"], body, if_match, origin_of(request))
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
        operations = patch_operations(await _body(request, kind))
        if_match = await self._if_match(request, kind, parameters["id"])
        stored = await self._directory.patch(kind, parameters["id"], operations, if_match, origin_of(request))
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
        await self._directory.delete(kind, parameters["id"], if_match, origin_of(request))
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
        return await self._found(request, route, search_request(request.json(sizes.SEARCH)))

    async def _found(self, request: Request, route: Route, search: SearchRequest) -> Response:
        kinds = [self._kind(route)] if route.resource_type else list(self._directory.kinds.values())
        projections = {kind.type.name: _projection(kind, search) for kind in kinds}
        page = await self._search.page(kinds, search, projections)
        _note(search.filter, page.total)
        names = await self._names(page.resources, projections)
        figures: dict[str, int | str | None] = {"totalResults": page.total}
        if search.cursor is None:
            figures["startIndex"] = search.start_index
        else:
            figures["nextCursor"] = page.next_cursor

        def made() -> Resource:
            shown = [_shown(each, projections[each.kind.type.name], request.base_url, names) for each in page.resources]
            return list_response(shown, **figures)

        return await _written(200, made, sum(map(_answer_size, page.resources)))

    async def bulk(self, request: Request, _route: Route, _: Parameters) -> Response:
        """POST of many operations. RFC 7644 §3.7."""
        from scim.service.bodies import bulk_request  # here, since its imports are slow

        async def perform(method: str, path: str, data: Any, version: str | None) -> Response:
            inner = _inner(request, method, path, data, version)
            found = routes.find(method, path)

            async def operation() -> Response:
                if found is None or not found[0].resource_type or found[0].operation == "search":
                    raise NotFound(f"A Bulk operation cannot {method} {path[:200]}; use /Users and /Groups.")
                return await self.perform(inner, *found)

            name, parameters = (found[0].name, found[1]) if found else ("Bulk", {})
            return await answered(inner, name, parameters, operation)

        body = await aside(partial(request.json, sizes.MANY), len(request.body))
        bulk = Bulk(bulk_request(body), self._schemas, perform, self._versions, request.base_url)
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
        return [etag(row.mark) if row else None for row in rows]

    async def events(self, request: Request, _route: Route, _: Parameters) -> Response:
        """GET of the feed of events. docs/application.md."""
        return await self._events.answer(request.query(), request.base_url, may_read="read" in ALLOWED[request.scope])

    async def poll_sets(self, request: Request, _route: Route, parameters: Parameters) -> Response:
        """POST of a poll for Security Event Tokens. RFC 8936 §2."""
        return await self._sets.poll(request, parameters["id"])

    async def get_keys(self, _request: Request, _route: Route, _: Parameters) -> Response:
        """GET of the keys that sign these tokens, for anybody. RFC 7517 §5."""
        return await self._sets.keys()

    async def access(self, request: Request, _route: Route, _: Parameters) -> Response:
        """GET of who may do what. docs/application.md."""
        return await access.by_query(self._access, request)

    async def search_access(self, request: Request, _route: Route, _: Parameters) -> Response:
        """The same by POST, so that names stay out of addresses."""
        return await access.by_body(self._access, request)

    async def list_schemas(self, request: Request, _route: Route, _: Parameters) -> Response:
        """GET of all schemas. RFC 7644 §4."""
        return _documents(request, discovery.schema_documents(self._schemas, request.base_url))

    async def get_schema(self, request: Request, _route: Route, parameters: Parameters) -> Response:
        """GET of one schema by its URN. RFC 7644 §4."""
        documents = discovery.schema_documents(self._schemas, request.base_url)
        return _document(request, documents, "schema", parameters["id"])

    async def list_resource_types(self, request: Request, _route: Route, _: Parameters) -> Response:
        """GET of all resource types. RFC 7644 §4."""
        return _documents(request, discovery.resource_type_documents(self._schemas, request.base_url))

    async def get_resource_type(self, request: Request, _route: Route, parameters: Parameters) -> Response:
        """GET of one resource type by its name. RFC 7644 §4."""
        documents = discovery.resource_type_documents(self._schemas, request.base_url)
        return _document(request, documents, "resource type", parameters["id"])

    async def get_service_provider_config(self, request: Request, _route: Route, _: Parameters) -> Response:
        """GET of what the service supports. RFC 7644 §4."""
        _refuse_filter(request)
        return Response(200, discovery.service_provider_config(request.base_url, await self._sets.uris()))

    async def me(self, _request: Request, _route: Route, _: Parameters) -> Response:
        """The caller's own resource. RFC 7644 §3.11."""
        raise NotImplementedHere(
            "The caller is a provisioning service with a secret token, not a user, so there is no /Me. Use /Users."
        )

    async def _resource(self, request: Request, status: int, stored: Stored, projection: Projection) -> Response:
        if stored.edges is None and projection.wants(stored.kind.edges):
            stored = await self._directory.memberships.attached(stored)
        headers = {"ETag": stored.etag, "Location": stored.location(request.base_url)}
        names = await self._names([stored], {stored.kind.type.name: projection})
        made = partial(_shown, stored, projection, request.base_url, names)
        return await _written(status, made, _answer_size(stored), headers)

    async def _names(self, found: Sequence[Stored], projections: Mapping[str, Projection]) -> Mapping[str, str]:
        """Return the names of groups by id, where the client asks for `groups.display`. RFC 7643 §4.1.2."""
        asked = [each for each in found if projections[each.kind.type.name].wants(each.kind.edges, "display")]
        groups = [edge for each in asked for edge in each.edges or ()]
        return await self._directory.memberships.names(groups) if groups else {}


def _inner(request: Request, method: str, path: str, data: Any, version: str | None) -> Request:
    """Return an operation of a Bulk request as a request of its own."""
    headers = {name: value for name, value in request.headers.items() if name == "user-agent"}
    if version is not None:
        headers["if-match"] = version
    body = json.dumps(data, ensure_ascii=False).encode()
    return replace(request, method=method, url=request.base_url + path, headers=headers, body=body)


_SOUGHT = re.compile(r'\s*(userName|displayName|externalId)\s+eq\s+"([^"\\]*)"\s*', re.IGNORECASE)
_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)


def _note(filter_text: str | None, total: int | None) -> None:
    """Note whom a search by name is about; Test Connection asks for a user whose name is a random UUID.

    https://learn.microsoft.com/entra/identity/app-provisioning/use-scim-to-provision-users-and-groups
    """
    sought = _SOUGHT.fullmatch(filter_text or "")
    if sought is None:
        return
    if sought[1].lower() != "externalid":
        notes.about(sought[2])
    if total == 0 and _UUID.fullmatch(sought[2]):
        notes.test()


async def _body(request: Request, kind: Kind) -> Any:
    """Return the JSON of a resource or a PATCH; only a group has members, which explain a large one."""
    size = sizes.MANY if kind.letter == "g" else sizes.RESOURCE
    return await aside(partial(request.json, size), len(request.body))


def _shown(stored: Stored, projection: Projection, base_url: str, names: Mapping[str, str]) -> Resource:
    return projection.apply(stored.resource(base_url, names))


def _answer_size(stored: Stored) -> int:
    return max(stored.size, LEAST_SIZE) + EDGE_SIZE * len(stored.edges or ())


async def _written(
    status: int, made: Callable[[], Resource], size: int, headers: Mapping[str, str] | None = None
) -> Response:
    """Return a response whose body may be large: then it is made and written aside."""
    if size <= SHORT:
        return Response(status, made(), headers or {}, size=size)

    def written() -> Response:
        body = made()
        return Response(status, body, headers or {}, written=in_pieces(body), size=size)

    return await aside(written, size)


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
