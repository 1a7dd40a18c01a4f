"""Rows as entities of Table Storage, and back.

The body is in string properties b0, b1, ..., beside `modified`, `nonce` (the mark of the commit that wrote
the body) and `touch` (that of the one that touched the row since). The version is the entity's ETag.
"""

from typing import Any

from azure.core import MatchConditions
from azure.data.tables import TableEntity, UpdateMode

from scim.storage.rows import Delete, Insert, Replace, Row, RowChange, Touch

PIECE = 16_000
"""Characters in one property: at most 64,000 bytes as UTF-16, of the 65,536 that a property may have."""
_NONCE = "nonce"
_TOUCH = "touch"

KEYS_ONLY = ["RowKey", "Timestamp", "modified", _NONCE, _TOUCH]
"""The properties to ask for where the body is not wanted.

The SDK makes the ETag from the timestamp should the service leave it out of a selection.
"""

Operation = tuple[str, dict[str, str], dict[str, Any]]


def operation(partition: str, change: RowChange, nonce: str) -> Operation:
    """Return a change in the form of the SDK's transactions."""
    entity = {"PartitionKey": partition, "RowKey": change.key}
    match change:
        case Insert(_, body, modified):
            # Otherwise the answer repeats the entity.
            options = {"response_preference": "return-no-content"}
            return "create", entity | _content(body, modified, nonce), options
        case Replace(_, body, version, modified):
            return "update", entity | _content(body, modified, nonce), {"mode": UpdateMode.REPLACE} | _if(version)
        case Delete(_, version):
            return "delete", entity, _if(version)
        case Touch(_, modified, version):
            touched = {_TOUCH: nonce} | ({"modified": modified} if modified else {})
            return "update", entity | touched, {"mode": UpdateMode.MERGE} | _if(version)


def _if(version: str | None) -> dict[str, Any]:
    """Return the condition that the row has this version, or with None that it is there."""
    if version is None:
        return {"match_condition": MatchConditions.Unconditionally}  # the SDK sends If-Match: *
    return {"match_condition": MatchConditions.IfNotModified, "etag": version}


def _content(body: str, modified: str, nonce: str) -> dict[str, str]:
    pieces = [body[start : start + PIECE] for start in range(0, len(body), PIECE)]
    content = {f"b{number}": piece for number, piece in enumerate(pieces)} | {_NONCE: nonce}
    return content | {"modified": modified} if modified else content


def row(entity: TableEntity) -> Row:
    """Return the row that an entity holds."""
    pieces: list[str] = []
    while (piece := entity.get(f"b{len(pieces)}")) is not None:
        pieces.append(piece)
    # A property that was asked for and is not there comes as null.
    mark = entity.get(_TOUCH) or entity.get(_NONCE) or ""
    return Row(entity["RowKey"], "".join(pieces), etag(entity), entity.get("modified") or "", mark, _order(entity))


def _order(entity: TableEntity) -> str:
    """Return when the service wrote the row, to its 100 ns, as a text that sorts.

    Taken for granted: the service gives a Timestamp when it applies a transaction, and of two transactions of one
    partition, the second of which could see the first, the second gets the later one. Its documents say that it
    maintains the Timestamp on the server, and nothing more.
    https://learn.microsoft.com/rest/api/storageservices/understanding-the-table-service-data-model
    """
    text = getattr(entity.metadata.get("timestamp"), "tables_service_value", "") or ""
    whole, _, fraction = text.rstrip("Z").partition(".")
    return f"{whole}.{fraction:0<7}"


def etag(entity: TableEntity) -> str:
    """Return the version of an entity."""
    return str(entity.metadata["etag"] or "")


def bears(entity: TableEntity | None, change: RowChange, nonce: str) -> bool:
    """Return whether the row was written by the commit with the nonce, whatever happened to it since."""
    if entity is None or isinstance(change, Delete):
        return False
    return bool(entity.get(_TOUCH if isinstance(change, Touch) else _NONCE) == nonce)


def stands(entity: TableEntity | None, change: RowChange) -> bool:
    """Return whether the row is still as a change was to find it, and so cannot have been changed."""
    if entity is None or isinstance(change, Insert):
        return False
    if change.version is None:
        return isinstance(change, Delete)
    return change.version == etag(entity)


def version(entity: TableEntity | None, change: RowChange, nonce: str) -> str:
    """Return the version that the commit with the nonce gave to the row, or one that matches nothing."""
    if isinstance(change, Delete):
        return ""
    touched_since = not isinstance(change, Touch) and entity is not None and _TOUCH in entity
    if entity is None or touched_since or not bears(entity, change, nonce):
        return no_version(nonce)
    return etag(entity)


def no_version(nonce: str) -> str:
    """Return a version in the form of the service's that no row ever has: of 1601, where its calendar begins.

    https://learn.microsoft.com/rest/api/storageservices/understanding-the-table-service-data-model
    """
    return f"W/\"datetime'1601-01-01T00%3A00%3A00.{int(nonce, 16) % 10**7:07}Z'\""
