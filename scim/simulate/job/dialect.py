"""The two ways in which Entra writes a PATCH: the default one, and the one of the flag aadOptscim062020."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol
from zlib import crc32

from scim.simulate.source.mapping import MANAGER, place, read

PATCH_OP = "urn:ietf:params:scim:api:messages:2.0:PatchOp"
FLAG_NAME = "aadOptscim062020"

Body = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Edit:
    """One attribute to write; `absent` when the target has no value there yet."""

    path: str
    value: str | bool
    absent: bool


def edits(attributes: Mapping[str, str], resource: Mapping[str, Any]) -> list[Edit]:
    """Return what differs between the source's attributes and a resource of the target.

    What the source lacks is left alone: Entra does not provision nulls.
    """
    changes = []
    for path, value in attributes.items():
        found = read(resource, path)
        if found != [value]:
            changes.append(Edit(path, value, absent=not found))
    return changes


def _patch(operations: Sequence[Body]) -> Body:
    return {"schemas": [PATCH_OP], "Operations": list(operations)}


class Dialect(Protocol):
    """Writes the bodies of PATCH requests."""

    name: str

    def update(self, changes: Sequence[Edit]) -> Body: ...

    def manager(self, identifier: str, absent: bool) -> Body: ...

    def no_manager(self) -> Body: ...

    def add_members(self, identifiers: Iterable[str]) -> Body: ...

    def remove_members(self, identifiers: Iterable[str]) -> Body: ...


class Default:
    """Without the flag: capital op names, a path on each op, booleans as text, members removed by value."""

    name = "default"

    def update(self, changes: Sequence[Edit]) -> Body:
        return _patch(
            [
                {"op": "Add" if change.absent else "Replace", "path": change.path, "value": str(change.value)}
                for change in changes
            ]
        )

    def manager(self, identifier: str, absent: bool) -> Body:
        return _patch([{"op": "Add" if absent else "Replace", "path": MANAGER, "value": identifier}])

    def no_manager(self) -> Body:
        return _patch([{"op": "Remove", "path": MANAGER}])

    def add_members(self, identifiers: Iterable[str]) -> Body:
        value = [{"$ref": None, "value": identifier} for identifier in identifiers]
        return _patch([{"op": "Add", "path": "members", "value": value}])

    def remove_members(self, identifiers: Iterable[str]) -> Body:
        value = [{"$ref": None, "value": identifier} for identifier in identifiers]
        return _patch([{"op": "Remove", "path": "members", "value": value}])


class Flag:
    """With the flag: lower-case op names, JSON booleans, and one op without a path for plain attributes."""

    name = "flag"

    def update(self, changes: Sequence[Edit]) -> Body:
        alone = [change for change in changes if self._alone(change)]
        operations: list[Body] = [
            {"op": "add" if change.absent else "replace", "path": change.path, "value": change.value}
            for change in alone
        ]
        added = {change.path: change.value for change in changes if change.absent and change not in alone}
        replaced = {change.path: change.value for change in changes if not change.absent and change not in alone}
        if len(added) == 1:
            # One attribute that the target lacks keeps its path; several share an op, as replaced ones do.
            [(path, value)] = added.items()
            operations.append({"op": "add", "path": path, "value": value})
        elif added:
            operations.append({"op": "add", "value": added})
        if replaced:
            operations.append({"op": "replace", "value": replaced})
        return _patch(operations)

    def _alone(self, change: Edit) -> bool:
        """Value paths and `active` keep an op of their own."""
        return change.path == "active" or place(change.path).type is not None

    def manager(self, identifier: str, absent: bool) -> Body:
        operation = {"op": "add" if absent else "replace", "path": MANAGER, "value": {"value": identifier}}
        return _patch([operation])

    def no_manager(self) -> Body:
        return _patch([{"op": "remove", "path": MANAGER}])

    def add_members(self, identifiers: Iterable[str]) -> Body:
        value = [{"value": identifier} for identifier in identifiers]
        return _patch([{"op": "add", "path": "members", "value": value}])

    def remove_members(self, identifiers: Iterable[str]) -> Body:
        return _patch([{"op": "remove", "path": f'members[value eq "{identifier}"]'} for identifier in identifiers])


class Dialects:
    """Which dialect an object is written in: the same for all, or one half in each.

    An object keeps its dialect for the whole run, as if two jobs shared the endpoint; else a retry in the
    other dialect would hide that the first one is refused.
    """

    NAMES = ("default", "flag", "both")

    def __init__(self, name: str) -> None:
        self.name = name
        chosen: dict[str, list[Dialect]] = {"default": [Default()], "flag": [Flag()], "both": [Default(), Flag()]}
        self._chosen = chosen[name]

    def choose(self, key: str) -> Dialect:
        """Return the dialect for the object `key`."""
        return self._chosen[crc32(key.encode()) % len(self._chosen)]
