"""Bulk: many operations in one request, which may refer to each other's results. RFC 7644 §3.7."""

import asyncio
import copy
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from typing import Any

from scim.errors import Conflict, InvalidSyntax, ScimError
from scim.messages import Response, error_response

BULK_RESPONSE = "urn:ietf:params:scim:api:messages:2.0:BulkResponse"
_REFERENCE = "bulkId:"

Perform = Callable[[str, str, Any, str | None], Awaitable[Response]]
"""Performs a method on a path below the prefix, with a body and an If-Match value; never raises."""


@dataclass(frozen=True, slots=True)
class BulkOperation:
    """One operation of a BulkRequest."""

    method: str
    path: str
    bulk_id: str | None = None
    version: str | None = None
    data: Any = None


@dataclass(frozen=True, slots=True)
class BulkRequest:
    """The body of a request to /Bulk: operations with bulkIds of their own, and the errors after which it stops."""

    operations: list[BulkOperation]
    fail_on_errors: int | None = None


class Bulk:
    """One Bulk request on its way.

    Operations run in their order, except that one which another refers to by bulkId runs before it. Where they refer
    to each other in a circle, a resource is first created without the references that do not exist yet, and gets them
    by a PATCH at the end.
    """

    def __init__(self, request: BulkRequest, perform: Perform, base_url: str) -> None:
        self._request = request
        self._perform = perform
        self._base_url = base_url
        self._ids: dict[str, str | None] = {}
        self._deferred: list[tuple[int, str, dict[str, Any]]] = []
        self._results: dict[int, dict[str, Any]] = {}
        self._errors = 0

    async def run(self) -> dict[str, Any]:
        """Perform the operations and return the BulkResponse; after failOnErrors errors the rest is left out.

        What was begun is finished all the same: a resource gets the references that it was created without.
        """
        for index in self._order():
            if self._has_failed():
                break
            await asyncio.sleep(0)  # other requests shall not wait for all of a long one
            await self._run(index)
        for index, path, operation in self._deferred:
            await self._run_deferred(index, path, operation)
        return {"schemas": [BULK_RESPONSE], "Operations": [self._results[each] for each in sorted(self._results)]}

    def _has_failed(self) -> bool:
        limit = self._request.fail_on_errors
        return limit is not None and self._errors >= limit

    def _order(self) -> list[int]:
        """Return the operations' places so that those referred to come first, as far as there is no circle."""
        operations = self._request.operations
        place = {each.bulk_id: index for index, each in enumerate(operations) if each.bulk_id}
        order: list[int] = []
        seen: set[int] = set()
        for start in range(len(operations)):
            stack = [(start, False)]
            while stack:
                index, ready = stack.pop()
                if ready:
                    order.append(index)
                elif index not in seen:
                    seen.add(index)
                    stack.append((index, True))
                    needed = [place[name] for name in _references(operations[index]) if name in place]
                    stack += [(each, False) for each in reversed(needed) if each not in seen]
        return order

    async def _run(self, index: int) -> None:
        operation = self._request.operations[index]
        path = operation.path
        try:
            path = self._resolved_path(operation)
            data, deferred = self._resolved_data(operation)
        except ScimError as error:
            response = error_response(error)
        else:
            response = await self._perform(operation.method.upper(), path, data, operation.version)
            if response.status < 300:
                self._created(operation, response)
                location = response.headers.get("Location", "")
                self._deferred += [(index, f"{path}/{location.rpartition('/')[2]}", each) for each in deferred]
        self._results[index] = self._result(operation, path, response)

    async def _run_deferred(self, index: int, path: str, operation: dict[str, Any]) -> None:
        try:
            body = {"Operations": [_substituted(operation, self._id)]}
        except ScimError as error:
            response = error_response(error)
        else:
            response = await self._perform("PATCH", path, body, None)
        if response.status >= 300:
            # What is reported as failed must not be there: the client will send it again.
            await self._perform("DELETE", path, None, None)
            self._results[index] |= {"status": str(response.status), "response": response.body}
            for name in ("version", "location"):
                self._results[index].pop(name, None)
            self._errors += 1
        elif etag := response.headers.get("ETag"):
            self._results[index]["version"] = etag

    def _created(self, operation: BulkOperation, response: Response) -> None:
        if operation.bulk_id and (location := response.headers.get("Location")):
            self._ids[operation.bulk_id] = location.rpartition("/")[2]

    def _id(self, bulk_id: str) -> str:
        if found := self._ids.get(bulk_id):
            return found
        raise Conflict(f"bulkId '{bulk_id[:64]}' stands for no resource that this request has created.")

    def _resolved_path(self, operation: BulkOperation) -> str:
        if operation.method.upper() not in ("POST", "PUT", "PATCH", "DELETE"):
            raise InvalidSyntax("method must be POST, PUT, PATCH or DELETE.")
        if operation.method.upper() == "POST" and not operation.bulk_id:
            raise InvalidSyntax("A POST needs a bulkId, by which the answer can be told from others.")
        steps = operation.path.split("/")
        return "/".join(self._id(each[len(_REFERENCE) :]) if each.startswith(_REFERENCE) else each for each in steps)

    def _resolved_data(self, operation: BulkOperation) -> tuple[Any, list[dict[str, Any]]]:
        """Return the data with ids in place of references, and PATCH operations for those that must wait."""
        known = {each.bulk_id for each in self._request.operations}
        waiting = {name for name in _names_in(operation.data) if name in known and name not in self._ids}
        data: Any = operation.data
        deferred: list[dict[str, Any]] = []
        if waiting and operation.method.upper() == "POST" and isinstance(data, dict):
            data, deferred = _without(data, waiting - set(self._failed()))
        return _substituted(data, self._id), deferred

    def _failed(self) -> Iterator[str]:
        """Yield the bulkIds of operations that were run and made nothing: waiting for them is in vain."""
        for index in self._results:
            bulk_id = self._request.operations[index].bulk_id
            if bulk_id and bulk_id not in self._ids:
                yield bulk_id

    def _result(self, operation: BulkOperation, path: str, response: Response) -> dict[str, Any]:
        """RFC 7644 §3.7.3: each result names its resource, except that of a failed POST, which has none."""
        failed = response.status >= 300
        self._errors += failed
        created = operation.method.upper() == "POST"
        location = response.headers.get("Location") if created else f"{self._base_url}/{path.strip('/')}"
        result = {
            "method": operation.method.upper(),
            "bulkId": operation.bulk_id,
            "version": response.headers.get("ETag"),
            "location": location,
            "status": str(response.status),
            "response": response.body if failed else None,
        }
        return {name: value for name, value in result.items() if value is not None}


def _references(operation: BulkOperation) -> list[str]:
    steps = [each[len(_REFERENCE) :] for each in operation.path.split("/") if each.startswith(_REFERENCE)]
    return [*steps, *_names_in(operation.data)]


def _names_in(value: Any) -> list[str]:
    """Return the bulkIds that a value refers to anywhere."""
    if isinstance(value, str):
        return [value[len(_REFERENCE) :]] if value.startswith(_REFERENCE) else []
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return [name for each in inner for name in _names_in(each)]


def _substituted(value: Any, resolve: Callable[[str], str]) -> Any:
    if isinstance(value, str):
        return resolve(value[len(_REFERENCE) :]) if value.startswith(_REFERENCE) else value
    if isinstance(value, dict):
        return {name: _substituted(each, resolve) for name, each in value.items()}
    if isinstance(value, list):
        return [_substituted(each, resolve) for each in value]
    return value


def _without(data: dict[str, Any], waiting: set[str]) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """Take out what refers to resources that do not exist yet: values of lists, else whole attributes."""
    kept, deferred = copy.deepcopy(data), []
    for name, value in data.items():
        if not waiting.intersection(_names_in(value)):
            continue
        if isinstance(value, list):
            kept[name] = [each for each in value if not waiting.intersection(_names_in(each))]
            value = [each for each in value if waiting.intersection(_names_in(each))]
        elif isinstance(value, dict):
            kept[name] = {key: each for key, each in value.items() if not waiting.intersection(_names_in(each))}
        else:
            del kept[name]
        deferred.append({"op": "add", "value": {name: value}})
    return kept, deferred
