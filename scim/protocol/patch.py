"""PATCH: operations applied to a resource, all of them or none. RFC 7644 §3.5.2."""

import logging
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, Literal

from scim.protocol.entra import unpacked
from scim.protocol.errors import (
    InvalidPath,
    InvalidSyntax,
    InvalidValue,
    Mutability,
    NoTarget,
    PayloadTooLarge,
    ScimError,
)
from scim.protocol.filter import Filter, Path, comparisons, has_brackets, parse_path
from scim.protocol.members import MemberChange, by_id, ids_in, member_ids
from scim.protocol.place import Place, path_matcher
from scim.protocol.resource import Resource, values
from scim.protocol.schema import ResourceType, Schema, Target
from scim.protocol.strictness import is_strict, refuse_unknown
from scim.protocol.validation import check_immutable, check_unknown, contradiction, listed_names, missing
from scim.protocol.work import Work

logger = logging.getLogger(__name__)

PATCH_OP = "urn:ietf:params:scim:api:messages:2.0:PatchOp"
ABSENT: Any = object()
"""The value of an operation that has none, which is another thing than null."""
MAX_OPERATIONS = 10_000
"""Most operations of one PATCH; one operation may name any number of members."""
MAX_COMPARED = 50_000
"""Most comparisons of values in one PATCH, some tenths of a second of work. Lists of members need none."""


@dataclass(frozen=True, slots=True)
class Operation:
    """One operation of a PatchOp."""

    op: Literal["add", "remove", "replace"]
    path: str | None = None
    value: Any = ABSENT


@dataclass
class Change:
    """The outcome of a PATCH: the resource afterwards, without members, and what happens to the members."""

    resource: Resource
    members: MemberChange = field(default_factory=MemberChange)


class MembersNeeded(Exception):
    """The operations select members by more than their ids: apply them again with the members at hand.

    `added` are the ids that the operations add before they select: what those are is needed as well.
    """

    def __init__(self, added: Iterable[str]) -> None:
        super().__init__()
        self.added = list(added)


def apply(
    resource_type: ResourceType,
    current: Resource,
    operations: Iterable[Operation],
    members: list[Resource] | None = None,
    added: Iterable[Resource] = (),
) -> Change:
    """Return what a resource becomes when the operations are applied in their order; `current` stays as it is.

    `members` are the current members of a group as objects, `added` those that the operations add; they are needed
    only when an operation selects members by something else than `value eq`, which raises MembersNeeded when they are
    not given.

    Beyond the RFC, as Entra needs it: a value filter that selects nothing makes the value it describes; `remove` with
    a list of values removes those only; keys of a value without path may be dotted, bracketed or URN-qualified; a
    path that no schema knows, or whose attribute is none, is left out with a log line, since Entra's one unmapped
    attribute must not fail the user.

    Raises a ScimError, naming the operation, when one of them cannot be applied.
    """
    patch = _Patch(resource_type, current, members, added)
    for number, operation in enumerate(operations, start=1):
        try:
            patch.apply(operation)
        except ScimError as error:
            error.detail = (
                f"Operation {number}, {operation.op} {(operation.path or 'without path')[:100]}: {error.detail}"
            )
            raise
    return patch.finish()


class _Patch:
    """A resource on its way through the operations of one PATCH."""

    def __init__(
        self,
        resource_type: ResourceType,
        current: Resource,
        members: list[Resource] | None,
        added: Iterable[Resource],
    ) -> None:
        self._type = resource_type
        self._before = current
        # Values are replaced, never changed in place: only what holds attributes needs a copy.
        extensions = [schema.id for schema in resource_type.extensions if schema.id in current]
        self._resource = current | {urn: dict(current[urn]) for urn in extensions}
        self._members = members
        self._added = {each["value"]: each for each in added}
        self._sought: dict[str, None] | None = None
        self._change = MemberChange()
        self._touched: dict[str, Place] = {}
        self._compared = 0
        self._work = Work()
        self._unknown: list[str] = []

    def apply(self, operation: Operation) -> None:
        value = operation.value
        if value is ABSENT:
            if operation.op != "remove":
                raise InvalidSyntax("The operation needs a 'value'; send null where it shall take the value away.")
            value = None
        if operation.path:
            if path := self._path(operation.path):
                self._apply_at(operation.op, path, value, explicit=True)
        elif operation.op == "remove":
            raise NoTarget("A remove operation needs a path that says what to remove.")
        elif is_strict():
            raise InvalidSyntax("The operation needs a path, since this credential is strict.")
        else:
            self._apply_object(operation.op, value)

    def finish(self) -> Change:
        """Return the outcome after all operations; raise what is wrong with it as a whole."""
        if self._sought is not None:
            raise MembersNeeded(self._sought)
        for place in self._touched.values():
            place.prune()
        for schema in self._type.extensions:
            if not self._resource.get(schema.id):
                self._resource.pop(schema.id, None)
        check_immutable(self._type, self._before, self._resource)
        if self._unknown:
            logger.warning(
                "ignored %d PATCH paths that no schema knows: %s", len(self._unknown), listed_names(self._unknown)
            )
        if lacking := missing(self._type, self._resource):
            taken_away = bool(values(self._before, lacking))  # RFC 7644 §3.5.2.2 calls that mutability
            raise (Mutability if taken_away else InvalidValue)(
                f"{lacking} is required and must not be empty.", str(lacking)
            )
        return Change(self._resource, self._change)

    def _apply_object(self, op: str, value: Any, urn: str = "") -> None:
        """Apply each key of a value without path, or with the URN of a schema as its path, as an operation."""
        if not isinstance(value, dict):
            raise InvalidValue("The value must be an object of attributes.")
        named: dict[tuple[str, Filter | None], Any] = {}
        for name, item in value.items():
            path = self._path(f"{urn}:{name}" if urn else name)
            if path is None:
                continue
            target = self._type.resolve(path.attribute)
            if target and named.setdefault((str(target), path.filter), item) != item:
                raise contradiction(name)
            if not urn and name.lower() == "id":
                self._check_id(item)
            else:
                self._apply_at(op, path, item, explicit=False)

    def _path(self, text: str) -> Path | None:
        """Return the path that the text is; None, with a log line in the end, when it cannot be that of an attribute.

        Raises InvalidPath where it is blank, or where only what stands in the brackets of an attribute cannot be read.
        """
        try:
            return parse_path(text)
        except InvalidPath:
            if not text.strip() or has_brackets(text):
                raise
        self._leave_out(text)
        return None

    def _leave_out(self, path: str) -> None:
        refuse_unknown("path", [path[:100]])
        self._unknown.append(path[:100])
        check_unknown(self._unknown)

    def _check_id(self, value: Any) -> None:
        """Okta repeats the id of the group in its renames."""
        if value != self._resource.get("id"):
            raise Mutability("id is read-only: only the resource's own may be repeated.", "id")

    def _apply_at(self, op: str, path: Path, value: Any, *, explicit: bool) -> None:
        if self._type.is_core(f"{path.attribute.urn}:{path.attribute.name}") and not path.attribute.sub:
            return self._apply_schema(op, self._type.schema, value)
        if path.filter is not None:
            self._compare([], path.filter)
        target = self._type.resolve(path.attribute)
        if target is None:
            return self._leave_out(str(path.attribute))
        if target.attribute is None:
            return self._apply_schema(op, self._type.extension(target.extension), value)
        if "readOnly" in (target.attribute.mutability, target.sub and target.sub.mutability):
            return self._refuse_read_only(target, value, explicit=explicit)
        if target.attribute is self._type.core.get("members"):
            return self._apply_members(op, path, value, explicit=explicit)
        return self._apply_to_place(op, target, path.filter, value)

    def _apply_to_place(self, op: str, target: Target, selection: Filter | None, value: Any) -> None:
        whole = Target(target.extension, target.attribute)
        if target.sub is None and isinstance(listed := unpacked(value), list):
            value = listed
        named = len(value) if isinstance(value, list) else 0
        self._compared += named
        self._compare(values(self._resource, whole), selection, named if op == "remove" else 0)
        place = Place(self._resource, target, selection, self._work)
        self._touched[str(whole)] = place
        place.apply(op, value)

    def _compare(self, present: list[Any], selection: Filter | None, named: int = 0) -> None:
        """Count the comparisons that an operation costs; raise PayloadTooLarge when they are too many."""
        terms = sum(1 for _ in comparisons(selection)) if selection else 1
        self._compared += (1 + len(present)) * max(terms, named)
        if self._compared > MAX_COMPARED:
            raise PayloadTooLarge("The operations compare too many values. Send fewer of them in one request.")

    def _apply_schema(self, op: str, schema: Schema | None, value: Any) -> None:
        """A path that is the URN of a schema means all attributes of it."""
        assert schema is not None  # noqa: S101 - the path was resolved to it
        if op != "remove":
            self._apply_object(op, value, schema.id)
        elif self._type.is_core(schema.id):
            raise NoTarget("A remove operation needs a path that says which attribute to remove.")
        else:
            for name in list(self._resource.get(schema.id, {})):
                self._apply_to_place(op, Target(schema.id, schema.attributes[name.lower()]), None, None)

    def _refuse_read_only(self, target: Target, value: Any, *, explicit: bool) -> None:
        """Clients echo read-only attributes in objects; a path that names one is a mistake worth telling.

        Not so the resource's own id, nor `schemas`, which follows from the attributes: who adds one of an extension may
        add its URN as well.
        """
        if explicit and str(target) == "id":
            self._check_id(value)
        elif explicit and target.attribute is not self._type.core["schemas"]:
            raise Mutability(f"{target} is read-only.", str(target))

    def _apply_members(self, op: str, path: Path, value: Any, *, explicit: bool) -> None:
        if path.attribute.sub:
            raise InvalidPath(
                "Members are added with path 'members' and removed with 'members[value eq \"id\"]'.", "members"
            )
        if path.filter is not None:
            self._apply_selected_members(op, path.filter)
        elif op == "remove":
            self._remove_members(value)
        elif value is None and op == "replace" and explicit:
            raise InvalidValue(
                "members is null. To remove all members, replace them with [] or remove 'members'.", "members"
            )
        elif value is not None:  # null in an object says nothing of members, as in a PUT
            if op == "replace":
                self._change.clear()
            self._change.add(member_ids(value))

    def _remove_members(self, value: Any) -> None:
        """Entra and JumpCloud name those to remove in `value`; without one, all members go."""
        if value is None:
            self._change.clear()
            return
        value = unpacked(value)
        if isinstance(value, dict) and set(value) == {"members"}:
            value = value["members"]  # Salesforce's documentation nests the list once more
        self._change.remove(member_ids(value))

    def _apply_selected_members(self, op: str, selection: Filter) -> None:
        if op != "remove":
            raise InvalidPath(
                "Members are added with path 'members' and removed with 'members[value eq \"id\"]'.", "members"
            )
        selection = by_id(selection)
        ids = ids_in(selection)
        if ids is None:
            ids = self._matching_members(selection)
        self._change.remove(ids)

    def _matching_members(self, selection: Filter) -> list[str]:
        matches = path_matcher(selection, Target("", self._type.core["members"]), self._work)
        added, before = self._change.added, [] if self._change.cleared else self._members or []
        self._compare([*before, *added], selection)
        if self._members is None:  # who is selected does not matter yet, but who is to be known for it
            self._sought = (self._sought or {}) | dict.fromkeys(added)
            return []
        known = {member["value"]: member for member in before}
        known |= {each: self._added.get(each, {"value": each}) for each in added}
        return [each for each, member in known.items() if self._change.wanted.get(each, True) and matches(member)]
