"""Bodies of POST and PUT: a document, and what they say of members, which are stored elsewhere."""

from typing import Any

from scim.directory.stored import Kind
from scim.protocol.members import MemberChange, member_ids
from scim.protocol.resource import Resource
from scim.protocol.validation import read_resource


def read_body(kind: Kind, body: Any) -> tuple[Resource, MemberChange]:
    """Return the document of a POST or PUT body, and what the body says of members, which are stored elsewhere."""
    change = MemberChange()
    if kind.letter == "g" and isinstance(body, dict):
        body, named = _without_members(kind, body)
        if named:
            change.clear()
        for members in named:
            change.add(member_ids(members))
    return read_resource(kind.type, body), change


def _without_members(kind: Kind, body: dict[str, Any]) -> tuple[dict[str, Any], list[Any]]:
    """Return a body without members, and what it gives as members, there or below the URN of the schema.

    Of members only the ids are read, a tenth of the work of reading a value; null says nothing of them.
    """
    kept: dict[str, Any] = {}
    named: list[Any] = []
    for name, value in body.items():
        if name.lower() in ("members", f"{kind.type.schema.id}:members".lower()):
            named += [] if value is None else [value]
        elif kind.type.is_core(name) and isinstance(value, dict):
            kept[name], below = _without_members(kind, value)
            named += below
        else:
            kept[name] = value
    return kept, named
