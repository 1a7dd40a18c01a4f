"""PATCH: operations applied to a resource, all of them or none. RFC 7644 §3.5.2."""

import copy
import logging
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from scim.errors import InvalidFilter, InvalidPath, InvalidSyntax, InvalidValue, Mutability, NoTarget
from scim.filter import And, AttributePath, Comparison, Filter, Or, Path, parse_path
from scim.query import Matcher, value_matcher
from scim.resource import Resource
from scim.schema import Attribute, ResourceType, Target
from scim.validation import check_primary, check_required, read_single, read_value

logger = logging.getLogger(__name__)

PATCH_OP = "urn:ietf:params:scim:api:messages:2.0:PatchOp"
_LABELS = {"type", "primary"}
"""Sub-attributes that say which value it is; a value that has nothing else is no value."""


class Operation(BaseModel):
    """One operation of a PatchOp; the operator's case is ignored, since Entra writes `Add`."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    op: Literal["add", "remove", "replace"]
    path: str | None = None
    value: Any = None

    @field_validator("op", mode="before")
    @classmethod
    def _lower(cls, value: Any) -> Any:
        return value.lower() if isinstance(value, str) else value


class PatchOp(BaseModel):
    """The body of a PATCH request. `schemas` is not insisted on: nothing else is ever sent here."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    operations: list[Operation] = Field(alias="Operations")

    @classmethod
    def from_body(cls, body: Any) -> "PatchOp":
        """Return the message; raise InvalidSyntax, naming what is wrong, when the body is none."""
        try:
            return cls.model_validate(body)
        except ValidationError as error:
            first = error.errors()[0]
            where = ".".join(str(step) for step in first["loc"]) or "the body"
            raise InvalidSyntax(
                f"The body must be a PatchOp with a list 'Operations'; {where}: {first['msg']}"
            ) from None


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


@dataclass
class Change:
    """The outcome of a PATCH: the resource afterwards, without members, and what happens to the members."""

    resource: Resource
    members: MemberChange = field(default_factory=MemberChange)


class MembersNeeded(Exception):
    """The operations select members by more than their ids: apply them again with the members at hand."""


def apply(
    resource_type: ResourceType,
    current: Resource,
    operations: Iterable[Operation],
    members: list[Resource] | None = None,
) -> Change:
    """Return what a resource becomes when the operations are applied in their order; `current` stays as it is.

    `members` are the current members of a group as objects; they are needed only when an operation selects members
    by something else than `value eq`, which raises MembersNeeded when they are not given.

    Beyond the RFC, as Entra needs it: a value filter that selects nothing makes the value it describes; `remove` with
    a list of values removes those only; keys of a value without path may be dotted, bracketed or URN-qualified; a
    path that no schema knows is left out with a log line, since Entra's one unmapped attribute must not fail the user.

    Raises a ScimError, naming the operation, when one of them cannot be applied.
    """
    patch = _Patch(resource_type, copy.deepcopy(current), members)
    for operation in operations:
        patch.apply(operation)
    return patch.finish()


class _Patch:
    """A resource on its way through the operations of one PATCH."""

    def __init__(self, resource_type: ResourceType, resource: Resource, members: list[Resource] | None) -> None:
        self._type = resource_type
        self._resource = resource
        self._members = members
        self._change = MemberChange()
        self._touched: list[_Place] = []

    def apply(self, operation: Operation) -> None:
        if operation.path:
            self._apply_at(operation.op, parse_path(operation.path), operation.value, explicit=True)
        elif operation.op == "remove":
            raise NoTarget("A remove operation needs a path that says what to remove.")
        else:
            self._apply_object(operation.op, operation.value)

    def finish(self) -> Change:
        for place in self._touched:
            place.prune()
        for schema in self._type.extensions:
            if not self._resource.get(schema.id):
                self._resource.pop(schema.id, None)
        try:
            check_required(self._type, self._resource)
        except InvalidValue as error:
            raise Mutability(error.detail) from None  # RFC 7644 §3.5.2.2: removing a required value
        return Change(self._resource, self._change)

    def _apply_object(self, op: str, value: Any, extension: str = "") -> None:
        """Apply each key of a value without path as an operation of its own."""
        if not isinstance(value, dict):
            raise InvalidValue(f"An {op} operation without a path needs an object of attributes as its value.")
        for name, item in value.items():
            if not extension and name.lower() == "schemas":
                continue
            if not extension and self._type.is_core(name):
                self._apply_object(op, item)
            elif not extension and name.lower() == "id":
                self._check_id(item)
            else:
                self._apply_at(op, parse_path(f"{extension}:{name}" if extension else name), item, explicit=False)

    def _check_id(self, value: Any) -> None:
        """Okta repeats the id of the group in its renames."""
        if value != self._resource.get("id"):
            raise Mutability("id is read-only: the request names another id than that of the resource.")

    def _apply_at(self, op: str, path: Path, value: Any, *, explicit: bool) -> None:
        if self._type.is_core(f"{path.attribute.urn}:{path.attribute.name}") and not path.attribute.sub:
            return self._apply_object(op, value)
        target = self._type.resolve(path.attribute)
        if target is None:
            logger.warning("ignored a PATCH path that no schema knows: %.100s", path.attribute)
            return None
        if target.attribute is None:
            return self._apply_extension(op, target.extension, value)
        if target.attribute.mutability == "readOnly":
            return self._refuse_read_only(target, value, explicit=explicit)
        if target.attribute is self._type.core.get("members"):
            return self._apply_members(op, path, value)
        place = _Place(self._resource, target, path.filter)
        self._touched.append(place)
        return place.apply(op, value)

    def _apply_extension(self, op: str, urn: str, value: Any) -> None:
        if op == "remove":
            self._resource.pop(urn, None)
        else:
            self._apply_object(op, value, urn)

    def _refuse_read_only(self, target: Target, value: Any, *, explicit: bool) -> None:
        """Clients echo read-only attributes in objects; a path that names one is a mistake worth telling."""
        if explicit and target.attribute and value != self._resource.get(target.attribute.name, _ABSENT):
            raise Mutability(f"{target} is read-only.")

    def _apply_members(self, op: str, path: Path, value: Any) -> None:
        if path.filter is not None:
            self._apply_selected_members(op, path, path.filter)
        elif op == "remove":
            self._remove_members(value)
        else:
            if op == "replace":
                self._change.clear()
            self._change.add(member_ids(value))

    def _remove_members(self, value: Any) -> None:
        """Entra and JumpCloud name those to remove in `value`; without one, all members go."""
        if value is None:
            self._change.clear()
            return
        if isinstance(value, dict) and set(value) == {"members"}:
            value = value["members"]  # Salesforce's documentation nests the list once more
        self._change.remove(member_ids(value))

    def _apply_selected_members(self, op: str, path: Path, selection: Filter) -> None:
        if op != "remove" or path.attribute.sub:
            raise InvalidPath("Members are added with path 'members' and removed with 'members[value eq \"id\"]'.")
        ids = _ids_in(selection)
        if ids is None:
            ids = self._matching_members(selection)
        self._change.remove(ids)

    def _matching_members(self, selection: Filter) -> list[str]:
        if self._members is None:
            raise MembersNeeded
        matches = _path_matcher(selection, Target("", self._type.core["members"]))
        before = [] if self._change.cleared else self._members
        known = {member["value"]: member for member in before} | {each: {"value": each} for each in self._change.added}
        return [each for each, member in known.items() if self._change.wanted.get(each, True) and matches(member)]


_ABSENT = object()


def member_ids(value: Any) -> list[str]:
    """Return the ids that a value of `members` names, each once; `display`, `$ref` and other keys are ignored.

    Raises InvalidValue when the value is no list of members.
    """
    if value is None:
        return []
    listed = value if isinstance(value, list) else [value]
    return list(dict.fromkeys(_member_id(each) for each in listed))


def _member_id(member: Any) -> str:
    if isinstance(member, dict) and any(name.lower() == "operation" for name in member):
        raise InvalidSyntax("members[].operation is SCIM 1.1; send a PatchOp with Operations instead.")
    if isinstance(member, dict):
        member = next((item for name, item in member.items() if name.lower() == "value"), None)
    if not isinstance(member, str) or not member:
        raise InvalidValue("Each of members must be an object whose value is the id of a user or group.")
    return member


def _ids_in(selection: Filter) -> list[str] | None:
    """Return the ids of a filter that is nothing but `value eq "id"`, joined by `or`; None for any other filter."""
    match selection:
        case Comparison(path=AttributePath(urn="", sub=""), operator="eq") if selection.path.name.lower() == "value":
            return [selection.text]
        case Or(terms):
            parts = [_ids_in(term) for term in terms]
            return [each for part in parts if part is not None for each in part] if None not in parts else None
    return None


def _path_matcher(selection: Filter, target: Target) -> Matcher:
    try:
        return value_matcher(selection, Target(target.extension, target.attribute))
    except InvalidFilter as error:
        raise InvalidPath(error.detail) from error


class _Place:
    """The place in a resource that the path of an operation names."""

    def __init__(self, resource: Resource, target: Target, selection: Filter | None) -> None:
        assert target.attribute is not None  # noqa: S101 - whole extensions are dealt with before
        self._resource = resource
        self._target = target
        self._attribute = target.attribute
        self._sub = target.sub
        self._selection = selection
        self._where = str(target)

    def apply(self, op: str, value: Any) -> None:
        if self._sub is not None and self._sub.mutability == "readOnly":
            raise Mutability(f"{self._where} is read-only.")
        container = self._container()
        before = container.get(self._attribute.name)
        after = self._applied(op, copy.deepcopy(before), value)
        self._check_immutable(before, after)
        if after is None or after in ([], {}):
            container.pop(self._attribute.name, None)
        else:
            container[self._attribute.name] = after

    def prune(self) -> None:
        """Take away values that say nothing but which value they are.

        Not before the last operation: Entra's Adds for one element come as separate operations, in any order.
        """
        container = self._container()
        value = container.get(self._attribute.name)
        if self._attribute.type == "complex" and isinstance(value, list):
            container[self._attribute.name] = [each for each in value if not _LABELS.issuperset(each)]
            if not container[self._attribute.name]:
                del container[self._attribute.name]

    def _container(self) -> Resource:
        if not self._target.extension:
            return self._resource
        container: Resource = self._resource.setdefault(self._target.extension, {})
        return container

    def _check_immutable(self, before: Any, after: Any) -> None:
        if self._attribute.mutability == "immutable" and before is not None and after != before:
            raise Mutability(f"{self._where} is immutable: it has a value, which cannot be changed.")

    def _applied(self, op: str, before: Any, value: Any) -> Any:
        """Return the attribute's value after the operation; None when it has none."""
        if not self._attribute.multi_valued:
            return self._applied_to_single(op, before, value)
        present = before or []
        old_primary = [each for each in present if isinstance(each, dict) and each.get("primary") is True]
        if self._selection is not None:
            after = self._applied_to_selected(op, present, value)
        elif self._sub is not None:
            after = self._applied_to_each(op, present, value)
        else:
            after = self._applied_to_all(op, present, value)
        return _settled(after, old_primary, self._where)

    def _applied_to_single(self, op: str, before: Any, value: Any) -> Any:
        if self._selection is not None:
            matches = _path_matcher(self._selection, self._target)
            if before is None or not matches(before):
                return self._unselected(op, before)
        if self._sub is not None:
            return _with_sub(dict(before or {}), self._sub, None if op == "remove" else value, self._where)
        if op == "remove":
            return None
        if self._attribute.type == "complex":
            return self._merged(op, before, value)
        return read_single(self._attribute, value, self._where)

    def _unselected(self, op: str, before: Any) -> Any:
        """`manager[value eq "x"]` where the manager is somebody else: removing that is done already."""
        if op == "remove":
            return before
        raise NoTarget(f"{self._where} has no value that the filter selects.")

    def _merged(self, op: str, before: Any, value: Any) -> Any:
        """Sub-attributes in the value are set, the others stay; on replace an explicit null takes one away.

        A value that says nothing clears an attribute like manager, whose meaning is its `value`: Entra's validator
        sends {"value": ""}.
        """
        read = read_single(self._attribute, value, self._where)
        if read is None and (not isinstance(value, dict) or self._attribute.sub("value")):
            return None
        after = {**(before or {}), **(read or {})}
        emptied = {name.lower() for name, item in value.items() if item in (None, "")} if op == "replace" else set()
        return {name: item for name, item in after.items() if name.lower() not in emptied}

    def _applied_to_all(self, op: str, present: list[Any], value: Any) -> list[Any]:
        if op == "remove":
            return [] if value is None else self._without(present, value)
        read = read_value(self._attribute, value, self._where) or []
        return list(read) if op == "replace" else _added(present, read)

    def _without(self, present: list[Any], value: Any) -> list[Any]:
        """Entra removes single values by naming them in `value` where the RFC uses a value filter."""
        listed = value if isinstance(value, list) else [value]
        gone = [each for item in listed if (each := read_single(self._attribute, item, self._where)) is not None]
        return [each for each in present if not any(_names(other, each) for other in gone)]

    def _applied_to_each(self, op: str, present: list[Any], value: Any) -> list[Any]:
        """A sub-attribute without a value filter is that of every value."""
        assert self._sub is not None  # noqa: S101
        item = None if op == "remove" else value
        if not present and item not in (None, ""):
            present = [{}]
        return [_with_sub(dict(each), self._sub, item, self._where) for each in present]

    def _applied_to_selected(self, op: str, present: list[Any], value: Any) -> list[Any]:
        assert self._selection is not None  # noqa: S101
        matches = _path_matcher(self._selection, self._target)
        if not any(matches(each) for each in present):
            return self._applied_to_new(op, present, value)
        after = [self._applied_to_value(op, each, value) if matches(each) else each for each in present]
        return [each for each in after if each is not None]

    def _applied_to_new(self, op: str, present: list[Any], value: Any) -> list[Any]:
        """Entra adds or replaces `emails[type eq "work"].value` where there is no such value: it comes to be."""
        if op == "remove" or value in (None, ""):
            return present
        described = _described(self._selection, self._attribute)
        if described is None:
            raise NoTarget(f"{self._where} has no value that the filter selects.")
        if made := self._applied_to_value("add", described, value):
            return [*present, made]
        return present

    def _applied_to_value(self, op: str, before: Resource, value: Any) -> Resource | None:
        """Return one selected value after the operation; None when it is gone."""
        if self._sub is not None:
            return _with_sub(dict(before), self._sub, None if op == "remove" else value, self._where)
        if op == "remove":
            return None
        read: Resource | None = read_single(self._attribute, value, self._where)
        if op == "add" or not isinstance(value, dict):
            return {**before, **(read or {})}
        return read


def _with_sub(value: Resource, sub: Attribute, item: Any, where: str) -> Resource:
    """Return a complex value with one sub-attribute set, or unset where the item means "no value"."""
    if sub.mutability == "immutable" and sub.name in value and value[sub.name] != item:
        raise Mutability(f"{where} is immutable: it has a value, which cannot be changed.")
    read = read_value(sub, item, where)
    if read is None:
        value.pop(sub.name, None)
    else:
        value[sub.name] = read
    return value


def _names(named: Any, value: Any) -> bool:
    """Whether a value given to a remove operation means this value: by `value` if it has one, else by all it says."""
    if not isinstance(named, dict) or not isinstance(value, dict):
        return bool(named == value)
    if "value" in named:
        return bool(named["value"] == value.get("value")) and named.get("type", value.get("type")) == value.get("type")
    return all(value.get(name) == item for name, item in named.items())


def _added(present: list[Any], values: list[Any]) -> list[Any]:
    """Add values to a list; one that is there already, by value and type, is brought up to date instead."""
    after = list(present)
    for value in values:
        at = next((index for index, each in enumerate(after) if _same_value(each, value)), None)
        if at is None:
            after.append(value)
        elif isinstance(value, dict):
            after[at] = {**after[at], **value}
    return after


def _same_value(one: Any, other: Any) -> bool:
    if not isinstance(one, dict) or not isinstance(other, dict) or "value" not in one:
        return bool(one == other)
    return all(one.get(name) == other.get(name) for name in ("value", "type"))


def _described(selection: Filter | None, attribute: Attribute) -> Resource | None:
    """Return the value that a filter of nothing but `eq`, joined by `and`, describes; None for any other filter."""
    match selection:
        case Comparison(path=path, operator="eq", value=value) if value is not None:
            sub = None if path.urn or path.sub else attribute.sub(path.name)
            if sub is None:
                return None
            read = read_single(sub, value if sub.type == "boolean" else selection.text, path.name)
            return {sub.name: read}
        case And(terms):
            parts = [_described(term, attribute) for term in terms]
            return {name: item for part in parts for name, item in (part or {}).items()} if None not in parts else None
    return None


def _settled(after: list[Any], old_primary: list[Resource], where: str) -> list[Any]:
    """A value that becomes primary takes that from the one that was. RFC 7644 §3.5.2."""
    primary = [each for each in after if isinstance(each, dict) and each.get("primary") is True]
    newly = [each for each in primary if each not in old_primary]
    if newly and len(primary) > len(newly):
        for index, each in enumerate(after):
            if isinstance(each, dict) and each.get("primary") is True and each not in newly:
                after[index] = {**each, "primary": False}
    check_primary(after, where)
    return after
