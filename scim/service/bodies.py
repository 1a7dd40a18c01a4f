"""The bodies that are messages of their own, PatchOp and BulkRequest, checked with pydantic.

Imported with the first such body: pydantic takes half as long to import as a function app takes to start
(docs/benchmarks.md), and what a new instance is asked first is mostly a search.
"""

from dataclasses import dataclass
from typing import Any, TypeVar

from pydantic import TypeAdapter, ValidationError

from scim.protocol.errors import InvalidSyntax, PayloadTooLarge
from scim.protocol.patch import MAX_OPERATIONS as MAX_PATCH_OPERATIONS
from scim.protocol.patch import Operation
from scim.service.bulk import BulkRequest
from scim.service.discovery import MAX_OPERATIONS


@dataclass(frozen=True, slots=True)
class PatchOp:
    """The body of a PATCH request."""

    operations: list[Operation]


_Message = TypeVar("_Message", PatchOp, BulkRequest)

_PATCH_OP = TypeAdapter(PatchOp)
_BULK_REQUEST = TypeAdapter(BulkRequest)
_FIELDS = {"bulkid": "bulk_id", "failonerrors": "fail_on_errors"}
_SPELLED = {"bulk_id": "bulkId", "fail_on_errors": "failOnErrors", "operations": "Operations"}


def patch_operations(body: Any) -> list[Operation]:
    """Return the operations of a PatchOp. RFC 7644 §3.5.2.

    `schemas` is not insisted on: nothing else is ever sent here. The operators' case is ignored, since Entra writes
    `Add`. Raises InvalidSyntax, naming what is wrong, when the body is no PatchOp, PayloadTooLarge on too many
    operations.
    """
    return _checked(_PATCH_OP, body, "a PatchOp with a list 'Operations'", MAX_PATCH_OPERATIONS).operations


def bulk_request(body: Any) -> BulkRequest:
    """Return the BulkRequest. RFC 7644 §3.7.

    Raises InvalidSyntax, naming what is wrong, on another body, PayloadTooLarge on too many operations.
    """
    request = _checked(_BULK_REQUEST, body, "a BulkRequest", MAX_OPERATIONS)
    if request.fail_on_errors is not None and request.fail_on_errors < 1:
        raise InvalidSyntax("failOnErrors must be 1 or more.")
    ids = [each.bulk_id for each in request.operations if each.bulk_id]
    if len(set(ids)) != len(ids):
        raise InvalidSyntax("Each bulkId must be given once in a request.")
    return request


def _checked(message: TypeAdapter[_Message], body: Any, expected: str, most: int) -> _Message:
    try:
        return message.validate_python(_named(body, most))
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        where = ".".join(_SPELLED.get(str(step), str(step)) for step in first["loc"]) or "the body"
        # What pydantic says of this names a class of ours.
        wrong = "must be a JSON object" if first["type"] == "dataclass_type" else first["msg"]
        raise InvalidSyntax(f"The body must be {expected}; {where}: {wrong}.") from None


def _named(body: Any, most: int | None = None) -> Any:
    """Bring the names of a message and its operations into our form; their case is ignored. RFC 7643 §2.1."""
    if not isinstance(body, dict):
        return body
    named: dict[str, Any] = {}
    for name, item in body.items():
        field = _FIELDS.get(name.lower(), name.lower())
        if field in named:
            raise InvalidSyntax(f"'{name[:60]}' is given more than once; names match whatever their case.")
        named[field] = item
    if most is not None and isinstance(operations := named.get("operations"), list):
        if len(operations) > most:
            raise PayloadTooLarge(f"The request has {len(operations):,} operations; the limit is {most:,}.")
        named["operations"] = [_named(each) for each in operations]
    if isinstance(operator := named.get("op"), str):
        named["op"] = operator.lower()
    return named
