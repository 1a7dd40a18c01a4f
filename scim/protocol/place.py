"""The place in a resource that the path of a PATCH operation names, and what each operation does there."""

from typing import Any

from scim.protocol.active import ACTIVE, removed
from scim.protocol.errors import InvalidFilter, InvalidPath, Mutability, NoTarget
from scim.protocol.filter import And, Comparison, Filter
from scim.protocol.query import Matcher, normal, value_matcher
from scim.protocol.resource import Resource
from scim.protocol.schema import Attribute, Target
from scim.protocol.validation import LABELS, check_primary, read_single, read_value, says_nothing
from scim.protocol.work import Work

_DEMOTED = " gave primary away"
"""Marks, while a PATCH lasts, a value that another one took `primary` from, with a number that grows."""


def path_matcher(selection: Filter, target: Target, work: Work) -> Matcher:
    """Return a function that says whether a value of the attribute is selected by the filter of a path.

    Raises InvalidPath when the attribute cannot be filtered so.
    """
    try:
        return value_matcher(selection, Target(target.extension, target.attribute), work)
    except InvalidFilter as error:
        raise InvalidPath(error.detail, error.attribute) from error


class Place:
    """An attribute of a resource, perhaps only the values that a filter selects, perhaps one sub-attribute."""

    def __init__(self, resource: Resource, target: Target, selection: Filter | None, work: Work) -> None:
        assert target.attribute is not None  # noqa: S101 - whole extensions are dealt with before
        self._resource = resource
        self._target = target
        self._attribute = target.attribute
        self._sub = target.sub
        self._selection = selection
        self._work = work
        self._where = str(target)

    def apply(self, op: str, value: Any) -> None:
        """Do what the operation says; raise a ScimError when it cannot be done. RFC 7644 §3.5.2.1 to §3.5.2.3."""
        container = self._container()
        before = container.get(self._attribute.name)
        after = self._applied(op, before, value)
        if after is None and self._where == ACTIVE:
            if op == "remove":
                raise removed()
            return  # null and "" say nothing, and silence changes nothing
        if self._attribute.mutability == "immutable" and before is not None and after != before:
            raise Mutability(f"{self._where} is immutable: it has a value, which cannot be changed.", self._where)
        if after is None or after in ([], {}):
            container.pop(self._attribute.name, None)
        else:
            container[self._attribute.name] = after

    def prune(self) -> None:
        """Take away values that say nothing but which value they are.

        Not before the last operation: Entra's Adds for one element come as separate operations, in any order. A value
        that is none has not taken `primary` from another one either.
        """
        container = self._container()
        value = container.get(self._attribute.name)
        if self._attribute.type != "complex" or not isinstance(value, list):
            return
        kept: list[Resource] = []
        none: list[Resource] = []
        for each in value:
            (none if self._is_unfilled(each) else kept).append(each)
        container[self._attribute.name] = _unmarked(kept, any(map(_is_primary, none)))
        if not kept:
            del container[self._attribute.name]

    def _container(self) -> Resource:
        if not self._target.extension:
            return self._resource
        container: Resource = self._resource.setdefault(self._target.extension, {})
        return container

    def _applied(self, op: str, before: Any, value: Any) -> Any:
        """Return the attribute's value after the operation, a new one; None when it has none."""
        if not self._attribute.multi_valued:
            return self._applied_to_single(op, before, value)
        present = before or []
        if self._selection is not None:
            after = self._applied_to_selected(op, present, value)
        elif self._sub is not None:
            after = self._applied_to_each(op, present, value)
        else:
            after = self._applied_to_all(op, present, value)
        return _with_one_primary(after, present, self._where)

    def _applied_to_single(self, op: str, before: Any, value: Any) -> Any:
        if self._selection is not None:
            matches = path_matcher(self._selection, self._target, self._work)
            if before is None or not matches(before):
                return self._unselected(op, before)
        if self._sub is not None:
            return self._with_sub(before or {}, None if op == "remove" else value)
        if op == "remove":
            return None
        if self._attribute.type == "complex":
            return self._merged_into_single(op, before, value)
        return read_single(self._attribute, value, self._where)

    def _unselected(self, op: str, before: Any) -> Any:
        """`manager[value eq "x"]` where the manager is somebody else: removing that is done already."""
        if op == "remove":
            return before
        raise NoTarget(f"{self._where} has no value that the filter selects.", self._where)

    def _merged_into_single(self, op: str, before: Any, value: Any) -> Any:
        """Sub-attributes in the value are set, the others stay; on replace an explicit null takes one away.

        A value that says nothing clears an attribute like manager, whose meaning is its `value`: Entra's validator
        sends {"value": ""}.
        """
        read = read_single(self._attribute, value, self._where)
        if read is None and (not isinstance(value, dict) or self._attribute.sub("value")):
            return None
        after = self._merged(before or {}, read or {})
        if op == "replace" and isinstance(value, dict):
            for name, item in value.items():
                if item in (None, "") and (sub := self._attribute.sub(name)):
                    after = _set(after, sub, None, self._where)
        return after

    def _applied_to_all(self, op: str, present: list[Any], value: Any) -> list[Any]:
        if op == "remove":
            return [] if value is None else self._without(present, value)
        read = read_value(self._attribute, value, self._where) or []
        return list(read) if op == "replace" else self._with_values(present, read)

    def _without(self, present: list[Any], value: Any) -> list[Any]:
        """Entra removes single values by naming them in `value` where the RFC uses a value filter."""
        listed = value if isinstance(value, list) else [value]
        gone = [each for item in listed if (each := read_single(self._attribute, item, self._where)) is not None]
        named = [self._compared(each) for each in gone]
        pairs = zip(present, map(self._compared, present), strict=True)
        return [each for each, compared in pairs if not any(_names(other, compared) for other in named)]

    def _with_values(self, present: list[Any], added: list[Any]) -> list[Any]:
        """Add values to a list; one that is there already, by value and type, is brought up to date instead.

        One that comes without a type is there already whatever the type: what gave it that is sent again behind it. For
        the same reason it fills the only value, when nothing but labels is known of that.
        """
        after = list(present)
        index: dict[str, int] = {}
        unfilled = len(after) == 1 and self._is_unfilled(after[0])
        for at, each in enumerate(after):
            for identity in self._identities(each):
                index.setdefault(identity, at)
        for value in added:
            exact, untyped = self._identities(value)
            typed = isinstance(value, dict) and "type" in value
            found = index.get(exact, None if typed else index.get(untyped))
            if found is None and unfilled and not typed:
                found, unfilled = 0, False
            if found is None:
                after.append(value)
            elif isinstance(value, dict):
                after[found] = self._merged(after[found], value)
            at = len(after) - 1 if found is None else found
            index.setdefault(exact, at)
            index.setdefault(untyped, at)
        return after

    def _identities(self, value: Any) -> tuple[str, str]:
        """What makes a value the same one when it is added again: what it is and its type, and what it is alone.

        What it is is its `value`, or where it has none all of it but labels.
        """
        compared = self._compared(value)
        if not isinstance(value, dict):
            return repr(compared), repr(compared)
        core = compared.get("value", sorted((name, item) for name, item in compared.items() if name not in LABELS))
        return repr((core, compared.get("type"))), repr(core)

    def _is_unfilled(self, value: Any) -> bool:
        """Whether nothing but labels is known of a value, which is none unless another operation fills it."""
        return says_nothing(self._attribute, _plain(value))

    def _compared(self, value: Any) -> Any:
        """Return a value as filters compare it: in any letter case where the attribute says so."""
        if not isinstance(value, dict):
            return normal(self._attribute, value)
        subs = {name: self._attribute.sub(name) for name in value}
        return {name: normal(sub, value[name]) for name, sub in subs.items() if sub}  # a mark is no part of the value

    def _applied_to_each(self, op: str, present: list[Any], value: Any) -> list[Any]:
        """A sub-attribute without a value filter: `remove` takes it from every value, the others mean one value.

        RFC 7644 §3.5.2 leaves open which. To change every one would lose all addresses of a user but the new one.
        """
        assert self._sub is not None  # noqa: S101
        if op == "remove":
            return [self._with_sub(each, None) for each in present]
        adds = op == "add" and self._sub.name == "value"
        if read_value(self._sub, value, self._where) is None and (adds or not present):
            return present
        if adds:
            return self._with_one_more(present, self._sub, value)
        if not present:
            return [self._with_sub({}, value)]
        return self._with_sub_at(self._meant(present, self._sub), present, value)

    def _with_one_more(self, present: list[Any], sub: Attribute, value: Any) -> list[Any]:
        """Append a value, or fill the only one of which nothing but labels is known, unless the value is there."""
        made = self._with_sub({}, value)
        if any(normal(sub, each.get(sub.name)) == normal(sub, made[sub.name]) for each in present):
            return present
        unfilled = [at for at, each in enumerate(present) if sub.name not in each]
        return self._with_sub_at(unfilled[0], present, value) if len(unfilled) == 1 else [*present, made]

    def _meant(self, present: list[Any], sub: Attribute) -> int:
        """Return the place of the only value, or else of the only one that is primary."""
        places = [at for at, each in enumerate(present) if len(present) == 1 or _is_primary(each)]
        if len(places) == 1:
            return places[0]
        whole = Target(self._target.extension, self._attribute)
        label = "type" if self._attribute.sub("type") else "value"
        raise NoTarget(
            f"{whole} has {len(present):,} values, none of which is primary."
            f' Say which one is meant, as in {whole}[{label} eq "work"].{sub.name}.'
        )

    def _with_sub_at(self, at: int, present: list[Any], value: Any) -> list[Any]:
        return [*present[:at], self._with_sub(present[at], value), *present[at + 1 :]]

    def _applied_to_selected(self, op: str, present: list[Any], value: Any) -> list[Any]:
        assert self._selection is not None  # noqa: S101
        if self._sub is None and isinstance(value, list) and len(value) == 1:
            value = value[0]  # a list attribute's path, so that a client may well send a list
        matches = path_matcher(self._selection, self._target, self._work)
        if not any(matches(each) for each in present):
            return self._applied_to_new(op, present, value, matches)
        after = [self._applied_to_value(op, each, value) if matches(each) else each for each in present]
        return [each for each in after if each is not None]

    def _applied_to_new(self, op: str, present: list[Any], value: Any, matches: Matcher) -> list[Any]:
        """Entra adds or replaces `emails[type eq "work"].value` where there is no such value: it comes to be."""
        if op == "remove" or value in (None, ""):
            return present
        described = _described(self._selection, self._attribute)
        made = self._applied_to_value("add", described, value) if described is not None else None
        if made is None or not matches(made):
            raise NoTarget(f"{self._where} has no value that the filter selects.", self._where)
        return [*present, made]

    def _applied_to_value(self, op: str, before: Resource, value: Any) -> Resource | None:
        """Return one selected value after the operation; None when it is gone.

        One that is exchanged as a whole keeps what the filter says of it, else the same request sent again would not
        find it and make another.
        """
        if self._sub is not None:
            return self._with_sub(before, None if op == "remove" else value)
        if op == "remove":
            return None
        read: Resource | None = read_single(self._attribute, value, self._where)
        if op == "add":
            return self._merged(before, read or {})
        if read is None:
            return None  # null, "" and {} are no value
        if not isinstance(value, dict):
            return self._merged(before, read)
        selected_by = _described(self._selection, self._attribute) or {}
        return {**{name: before[name] for name in selected_by}, **read}

    def _with_sub(self, before: Resource, value: Any) -> Resource:
        assert self._sub is not None  # noqa: S101
        after = _set(before, self._sub, read_value(self._sub, value, self._where), self._where)
        return _without_stale_reference(after, before)

    def _merged(self, before: Resource, read: Resource) -> Resource:
        """Return a complex value with the sub-attributes of another one set."""
        after = before
        for name, item in read.items():
            sub = self._attribute.sub(name)
            assert sub is not None  # noqa: S101 - validation leaves out what the attribute does not have
            after = _set(after, sub, item, f"{self._where}.{name}")
        return _without_stale_reference(after, before)


def _plain(value: Any) -> Any:
    """Return a value without a mark."""
    return {name: item for name, item in value.items() if name != _DEMOTED} if isinstance(value, dict) else value


def _set(before: Resource, sub: Attribute, item: Any, where: str) -> Resource:
    """Return a copy of a complex value with one sub-attribute set, or without it where the item is None."""
    if sub.mutability == "immutable" and before.get(sub.name, item) != item:
        raise Mutability(f"{where} is immutable: it has a value, which cannot be changed.", where)
    after = {name: each for name, each in before.items() if name != sub.name or item is not None}
    if item is not None:
        after[sub.name] = item
    if sub.name == "primary":
        after.pop(_DEMOTED, None)
    return after


def _without_stale_reference(after: Resource, before: Resource) -> Resource:
    """A manager's `$ref` that came with another `value` leads to somebody who is the manager no longer."""
    if "$ref" in after and after["$ref"] == before.get("$ref") and after.get("value") != before.get("value"):
        return {name: item for name, item in after.items() if name != "$ref"}
    return after


def _names(named: Any, value: Any) -> bool:
    """Whether a value given to a remove operation means this value: by `value` if it has one, else by all it says."""
    if not isinstance(named, dict) or not isinstance(value, dict):
        return bool(named == value)
    if "value" in named:
        return bool(named["value"] == value.get("value")) and named.get("type", value.get("type")) == value.get("type")
    return all(value.get(name) == item for name, item in named.items())


def _described(selection: Filter | None, attribute: Attribute) -> Resource | None:
    """Return the value that a filter of nothing but `eq`, joined by `and`, describes; None for any other filter."""
    match selection:
        case Comparison(path=path, operator="eq", value=value) if value is not None:
            sub = None if path.urn or path.sub else attribute.sub(path.name)
            if sub is None:
                return None
            read = read_single(sub, value if sub.type == "boolean" else selection.text, path.name)
            return None if read is None else {sub.name: read}
        case And(terms):
            parts = [_described(term, attribute) for term in terms]
            return {name: item for part in parts for name, item in (part or {}).items()} if None not in parts else None
    return None


def _with_one_primary(after: list[Any], before: list[Any], where: str) -> list[Any]:
    """A value that becomes primary takes that from the one that was. RFC 7644 §3.5.2."""
    primary = [each for each in after if _is_primary(each)]
    newly = [each for each in primary if each not in before] if len(primary) == 2 else []
    if len(newly) == 1:
        mark = 1 + max(each.get(_DEMOTED, 0) for each in after)
        demoted = {"primary": False, _DEMOTED: mark}
        after = [{**each, **demoted} if _is_primary(each) and each not in newly else each for each in after]
    check_primary(after, where)
    return after


def _unmarked(listed: list[Resource], restored: bool) -> list[Resource]:
    """Return the values without marks; if `restored`, the one that gave `primary` away last has it again."""
    marks = [each.get(_DEMOTED, 0) for each in listed]
    if not any(marks):
        return listed
    after = [{name: item for name, item in each.items() if name != _DEMOTED} for each in listed]
    if restored:
        after[marks.index(max(marks))]["primary"] = True
    return after


def _is_primary(value: Any) -> bool:
    return isinstance(value, dict) and value.get("primary") is True
