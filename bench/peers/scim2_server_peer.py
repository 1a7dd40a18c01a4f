"""scim2-server as a peer: its ASGI application under uvicorn, over a small store in memory that is fair to it.

    python scim2_server_peer.py TOKEN

Prints its Tenant URL. The policy is the tolerant one that Entra's requests need. The store has indexes where the
library's own sample store scans or sorts, and copies only what the library goes on to change; so what is measured is
the library.
"""

import itertools
import socket
import sys
import uuid
from datetime import UTC, datetime
from typing import Any

import uvicorn  # type: ignore[import-not-found]
from scim2_models import (
    InvalidCursorException,
    Meta,
    NotFoundException,
    PreconditionFailedException,
    ScimPolicy,
    ScimProvider,
    UnauthorizedException,
    UniquenessException,
)
from scim2_models.path import CompareOperator, Comparison
from scim2_server.applications.asgi import ASGIApplication  # type: ignore[import-not-found]
from scim2_server.storage import AsyncScimStorage, SearchPage  # type: ignore[import-not-found]
from scim2_server.utils import (  # type: ignore[import-not-found]
    load_default_resource_types,
    load_default_schemas,
    load_default_service_provider_config,
)

TOLERANT = ScimPolicy(
    unknown=ScimPolicy.Unknown.ignore,
    remove_value_as_filter=ScimPolicy.RemoveValue.apply,
    unmatched_path_filter=ScimPolicy.UnmatchedPathFilter.create,
)
INDEXED = {"username": "user_name", "externalid": "external_id", "displayname": "display_name"}
"""The attributes with indexes, as filters and as models write them."""


class Shelf:
    """The resources of one type: by id in the order of creation, and by each indexed attribute."""

    def __init__(self) -> None:
        self.by_id: dict[str, Any] = {}
        self._indexes: dict[str, dict[str, set[str]]] = {name: {} for name in INDEXED}
        self._values: dict[str, dict[str, str]] = {}

    def put(self, resource: Any) -> None:
        """Keep a resource, in place of an older one of the same id."""
        self._forget(resource.id)
        self.by_id[resource.id] = resource
        values = {name: self._value(name, resource) for name in INDEXED}
        for name, value in values.items():
            self._indexes[name].setdefault(value, set()).add(resource.id)
        self._values[resource.id] = values

    def remove(self, resource_id: str) -> None:
        """Drop a resource."""
        self._forget(resource_id)
        del self.by_id[resource_id]

    def ids(self, name: str, value: str) -> set[str]:
        """Return the ids of the resources whose indexed attribute has the value."""
        return self._indexes[name].get(_folded(name, value), set())

    def _forget(self, resource_id: str) -> None:
        for name, value in self._values.pop(resource_id, {}).items():
            self._indexes[name][value].discard(resource_id)

    @staticmethod
    def _value(name: str, resource: Any) -> str:
        return _folded(name, getattr(resource, INDEXED[name], None) or "")


def _folded(name: str, value: str) -> str:
    return value if name == "externalid" else value.casefold()


class Store(AsyncScimStorage):  # type: ignore[misc]
    """A store in memory, by the library's rules for one."""

    def __init__(self) -> None:
        self._shelves: dict[str, Shelf] = {"User": Shelf(), "Group": Shelf()}
        self._versions = itertools.count(1)

    async def get(self, resource_type: Any, resource_id: str, *, response_parameters: Any = None) -> Any:
        found = self._shelves[resource_type.name].by_id.get(resource_id)
        if found is None:
            raise NotFoundException(detail=f"{resource_type.name} {resource_id!r} not found")
        if response_parameters is None:
            return found.model_copy(deep=True)  # a PATCH or PUT goes on to change it
        # A GET copies what it gets by itself, and may ask for less than there is.
        left_out = {str(each) for each in response_parameters.excluded_attributes or ()}
        return found.model_copy(update={"members": None}) if "members" in left_out else found

    async def search(self, resource_types: list[Any], search_request: Any, *, position: Any = None) -> Any:
        if position is not None:
            raise InvalidCursorException
        shelf = self._shelves[resource_types[0].name]
        start, count = search_request.start_index_0 or 0, search_request.count
        if search_request.filter is None and search_request.sort_by is None:
            stop = None if count is None else start + count
            return SearchPage(len(shelf.by_id), list(itertools.islice(shelf.by_id.values(), start, stop)))
        found = [each for each in self._candidates(shelf, search_request.filter) if search_request.filter.match(each)]
        return SearchPage(len(found), found[start : None if count is None else start + count])

    @staticmethod
    def _candidates(shelf: Shelf, scim_filter: Any) -> list[Any]:
        node = scim_filter.ast
        name = str(node.attr_path).rpartition(":")[2].lower() if isinstance(node, Comparison) else ""
        if name in INDEXED and node.op == CompareOperator.eq and isinstance(node.value, str):
            return [shelf.by_id[each] for each in shelf.ids(name, node.value)]
        return list(shelf.by_id.values())

    async def create(self, resource_type: Any, resource: Any) -> Any:
        shelf = self._shelves[resource_type.name]
        self._check_unique(shelf, resource)
        now = datetime.now(UTC)
        resource.id = uuid.uuid4().hex
        resource.meta = Meta(resource_type=resource_type.name, created=now, last_modified=now, version=self._version())
        shelf.put(resource)
        return resource

    async def update(self, resource_type: Any, resource: Any, *, expected_version: str | None = None) -> Any:
        shelf = self._shelves[resource_type.name]
        stored = self._expected(shelf, resource.id, expected_version)
        self._check_unique(shelf, resource)
        now, version = datetime.now(UTC), self._version()
        resource.meta = stored.meta.model_copy(update={"last_modified": now, "version": version})
        shelf.put(resource)
        return resource

    async def delete(self, resource_type: Any, resource_id: str, *, expected_version: str | None = None) -> None:
        shelf = self._shelves[resource_type.name]
        self._expected(shelf, resource_id, expected_version)
        shelf.remove(resource_id)

    @staticmethod
    def _expected(shelf: Shelf, resource_id: str, version: str | None) -> Any:
        stored = shelf.by_id.get(resource_id)
        if stored is None:
            raise NotFoundException
        if version is not None and stored.meta.version != version:
            raise PreconditionFailedException
        return stored

    def _version(self) -> str:
        return f'W/"{next(self._versions)}"'

    @staticmethod
    def _check_unique(shelf: Shelf, resource: Any) -> None:
        name = getattr(resource, "user_name", None)
        if name and shelf.ids("username", name) - {resource.id}:
            raise UniquenessException


class Application(ASGIApplication):  # type: ignore[misc]
    """The library's application, for those who have the token."""

    token = ""

    def check_auth(self, request: Any) -> None:
        if request.header("Authorization") != f"Bearer {self.token}":
            raise UnauthorizedException


def main() -> None:
    """Serve on a free port of 127.0.0.1 until interrupted."""
    provider = ScimProvider.from_discovery(
        load_default_schemas().values(),
        load_default_resource_types().values(),
        config=load_default_service_provider_config(),
        policy=TOLERANT,
    )
    application = Application(Store(), provider)
    application.token = sys.argv[1]
    listening = socket.create_server(("127.0.0.1", 0))
    print(f"http://127.0.0.1:{listening.getsockname()[1]}/v2", flush=True)  # noqa: T201
    config = uvicorn.Config(application, loop="uvloop", http="httptools", access_log=False, log_level="warning")
    uvicorn.Server(config).run(sockets=[listening])


if __name__ == "__main__":
    main()
