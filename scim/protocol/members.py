"""The members that operations on a group name: by their ids, or by what else clients write in their place."""

import re
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Any

from scim.protocol.entra import unpacked
from scim.protocol.errors import InvalidPath, InvalidSyntax, InvalidValue
from scim.protocol.filter import MAX_LENGTH, And, AttributePath, Comparison, Filter, Not, Or, comparisons

_ADDRESS = re.compile(r"(?:[^?#]*/)?(?:Users|Groups)/([^/?#]+)/?", re.IGNORECASE)


@dataclass
class MemberChange:
    """What operations do to the members of a group, without knowing the members.

    `cleared` says that who was a member before is none now; `wanted` then says, id by id, who is to be a member
    and who is not. Later operations override earlier ones.
    """

    cleared: bool = False
    wanted: dict[str, bool] = field(default_factory=dict)

    def __bool__(self) -> bool:
        return self.cleared or bool(self.wanted)

    @property
    def added(self) -> list[str]:
        """Ids that are members afterwards, in the order in which they were named."""
        return [each for each, member in self.wanted.items() if member]

    @property
    def removed(self) -> list[str]:
        """Ids that are no members afterwards."""
        return [each for each, member in self.wanted.items() if not member]

    def add(self, ids: Iterable[str]) -> None:
        """Make the ids members."""
        self.wanted.update(dict.fromkeys(ids, True))

    def remove(self, ids: Iterable[str]) -> None:
        """Make the ids no members."""
        self.wanted.update(dict.fromkeys(ids, False))

    def clear(self) -> None:
        """Make everybody no member."""
        self.cleared, self.wanted = True, {}


def member_ids(value: Any) -> list[str]:
    """Return the ids that a value of `members` names, each once; `display` and other keys are ignored.

    The address of a resource, `.../Users/ID`, is read as the id at its end, and so is a `$ref` without a `value`.
    Raises InvalidValue when the value is no list of members.
    """
    value = unpacked(value)
    if value is None:
        return []
    listed = value if isinstance(value, list) else [value]
    return list(dict.fromkeys(_member_id(each) for each in listed))


def _member_id(member: Any) -> str:
    if isinstance(member, dict):
        member = _identifying(member)
    if not isinstance(member, str) or not member:
        raise InvalidValue("Each of members must be an object whose value is the id of a user or group.", "members")
    return _addressed(member) or member


def _identifying(member: dict[str, Any]) -> Any:
    """Return what says who is meant: `value`, or `$ref` where there is none."""
    if any(name.lower() == "operation" for name in member):
        raise InvalidSyntax("members[].operation is SCIM 1.1; send a PatchOp with Operations instead.")
    ids = [item for name, item in member.items() if name.lower() == "value"]
    if len(ids) > 1:
        raise InvalidValue("members.value is given more than once; names match whatever their case.", "members")
    if ids:
        return ids[0]
    addresses = [item for name, item in member.items() if name.lower() == "$ref" and isinstance(item, str)]
    return _addressed(addresses[0]) if len(addresses) == 1 else None


def _addressed(text: str) -> str:
    """Return the id at the end of the address of a user or group, or "" when the text is none."""
    # Most often it is an id, one of very many; and no address is longer than a path may be.
    found = _ADDRESS.fullmatch(text) if "/" in text and len(text) <= MAX_LENGTH else None
    return found[1] if found else ""


def by_id(selection: Filter) -> Filter:
    """Return a filter of members with ids in place of the addresses that they are compared with.

    Raises InvalidPath where an address is compared otherwise: it is made for each answer, so that this would select
    nobody without a word.
    """
    selection = _by_id(selection)
    for _, comparison in comparisons(selection):
        if comparison.path.name.lower() == "$ref" and comparison.value is not None:
            raise InvalidPath(
                "members.$ref is made for each answer and cannot be selected by, unless with 'eq' and all of it."
                " Select by the id at its end, as in 'members[value eq \"id\"]'."
            )
    return selection


def _by_id(tree: Filter) -> Filter:
    match tree:
        case And(terms):
            return And(tuple(map(_by_id, terms)))
        case Or(terms):
            return Or(tuple(map(_by_id, terms)))
        case Not(term):
            return Not(_by_id(term))
        case Comparison(path=AttributePath(urn="", sub=""), operator="eq" | "ne"):
            if tree.path.name.lower() in ("value", "$ref") and (found := _addressed(tree.text)):
                return replace(tree, path=AttributePath("", "value"), value=found, text=found)
    return tree


def ids_in(selection: Filter) -> list[str] | None:
    """Return the ids of a filter that is nothing but `value eq "id"`, joined by `or`; None for any other filter."""
    match selection:
        case Comparison(path=AttributePath(urn="", sub=""), operator="eq") if selection.path.name.lower() == "value":
            return [selection.text]
        case Or(terms):
            parts = [ids_in(term) for term in terms]
            return [each for part in parts if part is not None for each in part] if None not in parts else None
    return None
