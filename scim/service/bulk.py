"""Bulk: many operations in one request, which may refer to each other's results. RFC 7644 §3.7."""

import asyncio
import re
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from scim.directory.tenant import TRAFFIC, Traffic
from scim.protocol.errors import Conflict, InvalidPath, InvalidSyntax, PayloadTooLarge, ScimError
from scim.protocol.filter import STRING, parse_path
from scim.protocol.resource import to_json
from scim.protocol.schema import Attribute, ResourceType, Schemas
from scim.service.messages import Response, error_response

BULK_RESPONSE = "urn:ietf:params:scim:api:messages:2.0:BulkResponse"
MAX_NAMES = 20_000
"""Most names of attributes in the data of an operation that refers to others, about a tenth of a second of work."""
MAX_TRAFFIC = 32 * 1024 * 1024
"""Characters of rows that the operations of one request read and write, about three seconds of work.

A thousand operations on users of Entra come to three million.
"""
_REFERENCE = "bulkId:"
_IDENTIFYING = {"value", "$ref", "members"}
"""Names in a reference that say to whom. Salesforce puts the list of members to remove below `members` once more."""

_COMPARED = re.compile(
    rf'(?<![\w.])(?:value|\$ref)\s+\w\w\s*(?P<text>{STRING}|[^\s()\[\]"]+)|{STRING}', re.IGNORECASE | re.DOTALL
)
"""A comparison in the filter of a path that says whom it selects; or another string, which is stepped over."""

Resolve = Callable[[str], str]
"""Returns the id of the resource that a bulkId stands for."""
Perform = Callable[[str, str, Any, str | None], Awaitable[Response]]
"""Performs a method on a path below the prefix, with a body and an If-Match value; never raises."""
Versions = Callable[[Sequence[str]], Awaitable[Sequence[str | None]]]
"""Returns the entity tags of the resources at paths below the prefix, None where there is none to be had."""


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

    def __init__(
        self, request: BulkRequest, schemas: Schemas, perform: Perform, versions: Versions, base_url: str
    ) -> None:
        self._request = request
        self._types = {each.endpoint.lower(): each for each in schemas.resource_types}
        self._perform = perform
        self._versions = versions
        self._base_url = base_url
        self._ids: dict[str, str | None] = {}
        self._deferred: list[tuple[int, str, dict[str, Any]]] = []
        self._results: dict[int, dict[str, Any]] = {}
        self._errors = 0
        self._traffic = Traffic()

    async def run(self) -> dict[str, Any]:
        """Perform the operations and return the BulkResponse; after failOnErrors errors the rest is left out.

        What was begun is finished all the same: a resource gets the references that it was created without.
        """
        TRAFFIC.set(self._traffic)
        for index in await self._order():
            if self._has_failed():
                break
            await asyncio.sleep(0)  # other requests shall not wait for all of a long one
            await self._run(index)
        for index, path, operation in self._deferred:
            await self._run_deferred(index, path, operation)
        await self._bring_versions_up_to_date()
        return {"schemas": [BULK_RESPONSE], "Operations": [self._results[each] for each in sorted(self._results)]}

    def _has_failed(self) -> bool:
        limit = self._request.fail_on_errors
        return limit is not None and self._errors >= limit

    async def _order(self) -> list[int]:
        """Return the operations' places so that those referred to come first, as far as there is no circle."""
        operations = self._request.operations
        references = []
        for operation in operations:
            await asyncio.sleep(0)
            references.append(self._references(operation))
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
                    needed = [place[name] for name in references[index] if name in place]
                    stack += [(each, False) for each in reversed(needed) if each not in seen]
        return order

    async def _run(self, index: int) -> None:
        operation = self._request.operations[index]
        path = operation.path
        try:
            self._check_traffic()
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

    def _check_traffic(self) -> None:
        if self._traffic.characters > MAX_TRAFFIC:
            raise PayloadTooLarge(
                f"The operations before this one have read and written more than {MAX_TRAFFIC:,} characters."
                " Send it in another request."
            )

    async def _run_deferred(self, index: int, path: str, operation: dict[str, Any]) -> None:
        try:
            body = self._substituted("PATCH", path, {"Operations": [operation]}, self._id)
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

    async def _bring_versions_up_to_date(self) -> None:
        """Tell the current version where a later operation made that of the result old. RFC 7644 §3.7.3.

        It goes with the resource as it is by then, with what other clients have changed since the operation.
        """
        outdated = [result for result in self._perhaps_outdated() if "version" in result]
        paths = [result["location"].removeprefix(self._base_url) for result in outdated]
        versions = await self._versions(paths) if paths else []
        for result, version in zip(outdated, versions, strict=True):
            if version is None:
                del result["version"]
            else:
                result["version"] = version

    def _perhaps_outdated(self) -> Iterator[dict[str, Any]]:
        """Yield the results whose resource may have got a new version by a later operation.

        A change of members gives one to each of them, a delete to all groups and members of what is gone. Who these
        are is known only by reading memberships; it is cheaper to read some versions in vain.
        """
        changed: set[str | None] = set()
        others_changed = bool(self._deferred)
        for index, result in reversed(self._results.items()):
            if others_changed or result.get("location") in changed:
                yield result
            changed.add(result.get("location"))
            operation = self._request.operations[index]
            others_changed |= operation.method.upper() == "DELETE" or _endpoint(operation.path) != "/users"

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
        method, path, data = operation.method.upper(), operation.path, operation.data
        to_come = {each.bulk_id for each in self._request.operations} - set(self._ids) - set(self._failed())

        def must_wait(part: dict[str, Any]) -> bool:
            return not to_come.isdisjoint(self._names_in(method, path, part))

        deferred: list[dict[str, Any]] = []
        if method == "POST" and isinstance(data, dict) and must_wait(data):
            data, deferred = _without(data, must_wait)
        return self._substituted(method, path, data, self._id), deferred

    def _references(self, operation: BulkOperation) -> list[str]:
        """Return the bulkIds that an operation refers to."""
        steps = [each[len(_REFERENCE) :] for each in operation.path.split("/") if each.startswith(_REFERENCE)]
        return [*steps, *self._names_in(operation.method.upper(), operation.path, operation.data)]

    def _names_in(self, method: str, path: str, data: Any) -> list[str]:
        found: list[str] = []

        def note(bulk_id: str) -> str:
            found.append(bulk_id)
            return bulk_id

        with suppress(PayloadTooLarge):  # told where the operation is performed
            self._substituted(method, path, data, note)
        return found

    def _substituted(self, method: str, path: str, data: Any, resolve: Resolve) -> Any:
        """Return the data of an operation with what `resolve` makes of the bulkIds in it."""
        if _REFERENCE not in to_json(data):
            return data  # most often, and then there is no need to walk through it
        resource_type = self._types.get(_endpoint(path))
        return data if resource_type is None else _References(resource_type, resolve).substituted(method, data)

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
        location = response.headers.get("Location")
        if location is None and operation.method.upper() != "POST":
            location = f"{self._base_url}/{path.strip('/')}"
        result = {
            "method": operation.method.upper(),
            "bulkId": operation.bulk_id,
            "version": response.headers.get("ETag"),
            "location": location,
            "status": str(response.status),
            "response": response.body if failed else None,
        }
        return {name: value for name, value in result.items() if value is not None}


class _References:
    """The places in data where a bulkId is a reference. RFC 7644 §3.7.2.

    These are the attributes that a client writes and that have a `value` and a `$ref`, such as `members` and
    `manager`: in these two sub-attributes, in the bare value that stands for all of them (Entra's manager), and in the
    filter of a PATCH path that compares them. All other text stays as it is, also where it begins in the same way.
    """

    def __init__(self, resource_type: ResourceType, resolve: Resolve) -> None:
        self._type = resource_type
        self._resolve = resolve
        self._named = 0

    def substituted(self, method: str, data: Any) -> Any:
        """Return the data of an operation of that method with ids in place of references."""
        if method != "PATCH" or not isinstance(data, dict):
            return self._in_attributes(data)
        return {
            name: self._in_operations(item) if name.lower() == "operations" else item for name, item in data.items()
        }

    def _in_operations(self, operations: Any) -> Any:
        return [self._in_operation(each) for each in operations] if isinstance(operations, list) else operations

    def _in_operation(self, operation: Any) -> Any:
        """A PATCH operation names the attribute in its path, or has attributes by name in its value."""
        if not isinstance(operation, dict):
            return operation
        found = {name.lower(): item for name, item in operation.items()}
        path, value = found.get("path"), found.get("value")
        if path and isinstance(path, str):
            path, value = self._at(path, value)
        else:
            value = self._in_attributes(value)
        changed = {"path": path, "value": value}
        return {name: changed.get(name.lower(), item) for name, item in operation.items()}

    def _in_attributes(self, attributes: Any, urn: str = "") -> Any:
        if not isinstance(attributes, dict):
            return attributes
        return dict(self._at(name, item, urn) for name, item in attributes.items())

    def _at(self, name: str, value: Any, urn: str = "") -> tuple[str, Any]:
        """Return an attribute, which is named as in the path of a PATCH operation, and its value."""
        self._named += 1
        if self._named > MAX_NAMES:
            raise PayloadTooLarge(f"An operation that refers to others names more than {MAX_NAMES:,} attributes.")
        try:
            path = parse_path(f"{urn}:{name}" if urn else name).attribute
        except InvalidPath:
            return name, value  # the operation itself will say so
        if self._type.is_core(f"{path.urn}:{path.name}") and not path.sub:
            return name, self._in_attributes(value, self._type.schema.id)
        target = self._type.resolve(path)
        if target is None:
            return name, value
        if target.attribute is None:
            return name, self._in_attributes(value, target.extension)
        if not _is_reference(target.attribute):
            return name, value
        named = target.sub is None or target.sub.name in _IDENTIFYING
        return _COMPARED.sub(self._in_comparison, name), self._in_reference(value) if named else value

    def _in_comparison(self, found: re.Match[str]) -> str:
        text = (found["text"] or "").strip("\"'")
        return found[0].replace(text, self._in_text(text)) if text else found[0]

    def _in_reference(self, value: Any) -> Any:
        if isinstance(value, list):
            return [self._in_reference(each) for each in value]
        if isinstance(value, dict):
            return {
                name: self._in_reference(each) if name.lower() in _IDENTIFYING else each for name, each in value.items()
            }
        return self._in_text(value) if isinstance(value, str) else value

    def _in_text(self, text: str) -> str:
        """A reference is all of a text or, in `$ref`, the last step of an address."""
        before, mark, bulk_id = text.partition(_REFERENCE)
        return before + self._resolve(bulk_id) if mark and (not before or before.endswith("/")) else text


def _endpoint(path: str) -> str:
    """Return the endpoint that a path leads to, in lower case."""
    return "/" + path.strip("/").partition("/")[0].lower()


def _is_reference(attribute: Attribute) -> bool:
    """RFC 7643 §2.4: `$ref` is the address of the resource that a value stands for."""
    return attribute.mutability != "readOnly" and {"value", "$ref"} <= set(attribute.sub_attributes)


def _without(
    data: dict[str, Any], must_wait: Callable[[dict[str, Any]], bool]
) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """Take out what refers to resources that do not exist yet: values of lists, else whole attributes."""
    kept, deferred = dict(data), []
    for name, value in data.items():
        if not must_wait({name: value}):
            continue
        if isinstance(value, list):
            waits = [must_wait({name: [each]}) for each in value]
            kept[name] = [each for each, wait in zip(value, waits, strict=True) if not wait]
            value = [each for each, wait in zip(value, waits, strict=True) if wait]
        elif isinstance(value, dict):
            kept[name] = {key: each for key, each in value.items() if not must_wait({name: {key: each}})}
        else:
            del kept[name]
        deferred.append({"op": "add", "value": {name: value}})
    return kept, deferred
