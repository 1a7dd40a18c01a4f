"""What a client may write: names, types, required values, mutability. RFC 7643 §2, RFC 7644 §3.3, §3.5.1."""

import base64
import binascii
import logging
import math
import re
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace
from typing import Any

from scim.protocol import entra
from scim.protocol.active import ACTIVE
from scim.protocol.errors import InvalidPath, InvalidSyntax, InvalidValue, Mutability, PayloadTooLarge
from scim.protocol.filter import AttributePath, parse_attribute
from scim.protocol.resource import DATE_TIME, Resource, parse_date_time, values
from scim.protocol.schema import Attribute, ResourceType, Target
from scim.protocol.strictness import refuse_unknown
from scim.protocol.uri import is_uri_reference

logger = logging.getLogger(__name__)

MAX_INTEGER = 2**63 - 1
_UNPRINTABLE = re.compile("[\x00-\x1f\x7f-\x9f\ufffe\uffff]")
"""Control characters, and what is none. Elsewhere than in names they are kept: stores return them unchanged."""
MAX_TEXT = 64 * 1024
"""Characters of a text. Addresses and binary values may be longer, since nobody compares them without letter case."""
LABELS = frozenset({"type", "primary", "display"})
"""What says which value of a list it is, and nothing else of it."""
MAX_UNKNOWN = 1_000
"""Most names in one request that no schema knows."""


def read_resource(resource_type: ResourceType, body: Any) -> Resource:
    """Return the resource that a POST or PUT body describes, with canonical names and checked values.

    Read-only attributes and attributes that no schema knows are left out: clients echo the former (Okta's PUT) and
    send the latter (unmapped extensions), and both must not fail the user. null, "" and [] mean "no value".

    Raises InvalidSyntax when the body is no object, InvalidValue when a value does not fit its attribute or a
    required one is missing.
    """
    if not isinstance(body, dict):
        raise InvalidSyntax(f"The body must be a JSON object that describes a {resource_type.name}.")
    _check_schemas(resource_type, body)
    resource: Resource = {}
    unnamed: dict[str, Any] = {}
    _read_attributes(resource_type, "", body, resource, unnamed)
    if unknown := _read_paths(resource_type, unnamed, resource):
        refuse_unknown("attribute", unknown)
        logger.info("ignored %d attributes that no schema knows: %s", len(unknown), listed_names(unknown))
    check_required(resource_type, resource)
    return resource


def _check_schemas(resource_type: ResourceType, body: dict[str, Any]) -> None:
    """The list is advice, since Entra leaves extensions out and misspells one; but it must be of strings, or one."""
    schemas = next((value for name, value in body.items() if name.lower() == "schemas"), None)
    if schemas is None or isinstance(schemas, str):
        return
    if not (isinstance(schemas, list) and all(isinstance(each, str) for each in schemas)):
        raise InvalidValue(f"schemas must be a list of URNs such as '{resource_type.schema.id}'.")
    known = (each for each in schemas if resource_type.is_core(each) or resource_type.extension(each))
    refuse_unknown("schema", sorted(set(schemas) - set(known)))


def _read_attributes(
    resource_type: ResourceType, urn: str, body: dict[str, Any], resource: Resource, unnamed: dict[str, Any]
) -> None:
    """Read attributes into the resource, and what has the name of none into `unnamed`, with the URN around it."""
    for name, value in body.items():
        if not urn and resource_type.is_core(name):  # some clients nest core attributes under their URN
            _read_attributes(resource_type, resource_type.schema.id, _object(name, value), resource, unnamed)
        elif not urn and (schema := resource_type.extension(name)):
            _read_attributes(resource_type, schema.id, _object(name, value), resource, unnamed)
        elif target := resource_type.resolve(AttributePath(urn, name)):
            _read_attribute(target, name, value, resource)
        else:
            unnamed[f"{urn}:{name}" if urn else name] = value
            check_unknown(unnamed)


def _read_paths(resource_type: ResourceType, unnamed: dict[str, Any], resource: Resource) -> list[str]:
    """Read what is named by its path, `name.givenName` or URN and attribute; return the names that no schema knows."""
    unknown: list[str] = []
    for name, value in unnamed.items():
        target = _named_by_path(resource_type, name)
        if target is None:
            unknown.append(name[:100])
        else:
            _read_attribute(target, name, value, resource)
    return unknown


def _named_by_path(resource_type: ResourceType, name: str) -> Target | None:
    """Return what a path means; a sub-attribute of a list, which does not say of which value, is nothing."""
    try:
        target = resource_type.resolve(parse_attribute(name))
    except InvalidPath:
        return None
    return None if target and target.sub and target.attribute and target.attribute.multi_valued else target


def listed_names(names: Sequence[str]) -> str:
    """Return names that a client made up as they may stand in a log line: 20 at most, 60 printable characters each."""
    shown = ["".join(each if each.isprintable() else "?" for each in name[:60]) for name in names[:20]]
    return ", ".join(shown) + (f" and {len(names) - 20} more" if len(names) > 20 else "")


def check_unknown(names: Collection[str]) -> None:
    """Raise PayloadTooLarge when a request has more names than MAX_UNKNOWN that no schema knows: each costs time."""
    if len(names) > MAX_UNKNOWN:
        raise PayloadTooLarge(f"The request has more than {MAX_UNKNOWN:,} names that no schema knows. Leave them out.")


def _object(name: str, value: Any) -> dict[str, Any]:
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise InvalidValue(f"{name} must be an object with the attributes of that schema.")
    return value


def _read_attribute(target: Target, name: str, value: Any, resource: Resource) -> None:
    attribute, leaf = target.attribute, target.leaf
    if attribute is None or leaf is None or "readOnly" in (attribute.mutability, leaf.mutability):
        return
    checked = read_value(leaf, value, str(target))
    if checked is None:
        return
    container = resource.setdefault(target.extension, {}) if target.extension else resource
    if target.sub:
        container = container.setdefault(attribute.name, {})
    container[leaf.name] = _agreed(name, container[leaf.name], checked) if leaf.name in container else checked


def _agreed(name: str, one: Any, other: Any) -> Any:
    """Return what two spellings of one attribute say together. Raises InvalidValue where they disagree."""
    both = isinstance(one, dict) and isinstance(other, dict)
    if both and all(one.get(part, item) == item for part, item in other.items()):
        return {**one, **other}
    if one != other:
        raise contradiction(name)
    return one


def contradiction(name: str) -> InvalidValue:
    """Return the error that an attribute is given twice, spelt in two ways perhaps, with different values."""
    return InvalidValue(
        f"{name[:100]} is given more than once, with other values."
        " Names match whatever their case, with and without URN."
    )


def read_value(attribute: Attribute, value: Any, where: str) -> Any:
    """Return a checked value of the attribute in canonical form, or None when it means "no value".

    `where` is the attribute's path, for the error's detail. Raises InvalidValue.
    """
    if not attribute.multi_valued:
        return read_single(attribute, value, where)
    value = entra.rewrite_value(attribute, value)
    if value is None:
        return None
    if not isinstance(value, list):
        raise InvalidValue(f"{where} must be a list.", where)
    read = [each for item in value if (each := read_single(attribute, item, where)) is not None]
    listed = [each for each in read if not says_nothing(attribute, each)]
    check_primary(listed, where)
    return listed or None


def says_nothing(attribute: Attribute, value: Any) -> bool:
    """Whether a value of a list has nothing but LABELS: it is none, as an address of which every part was emptied.

    Not so where the attribute has no other sub-attributes.
    """
    return isinstance(value, dict) and value.keys() <= LABELS and not attribute.sub_attributes.keys() <= LABELS


def read_single(attribute: Attribute, value: Any, where: str) -> Any:
    """Return one checked value of an attribute, or None when it means "no value". Raises InvalidValue."""
    value = entra.rewrite_single(attribute, value)
    if value is None:
        return None
    if attribute.type == "complex":
        return _read_complex(attribute, value, where)
    check, expected = _CHECKS[attribute.type]
    if not check(value):
        raise InvalidValue(f"{where} must be {expected}.", where)
    if attribute.type == "string" and len(value) > MAX_TEXT:
        raise InvalidValue(f"{where} has {len(value):,} characters; the limit is {MAX_TEXT:,}.", where)
    if attribute.identifying and _UNPRINTABLE.search(value) and not value.isspace():
        raise InvalidValue(f"{where} must not have control characters, which nobody can see.", where)
    if attribute.identifying and value.isspace():
        raise InvalidValue(f"{where} must not be blank: nobody could tell who that is.", where)
    return value


def _read_complex(attribute: Attribute, value: Any, where: str) -> dict[str, Any] | None:
    if not isinstance(value, dict):
        raise InvalidValue(f"{where} must be an object{' in a list' if attribute.multi_valued else ''}.", where)
    checked: dict[str, Any] = {}
    for name, item in value.items():
        sub = attribute.sub(name)
        if sub is None and attribute.multi_valued and name.lower() == "operation":
            raise InvalidSyntax(f"{where}[].operation is SCIM 1.1; send a PATCH with Operations instead.")
        if sub is None or sub.mutability == "readOnly":
            continue
        if sub.name in checked:
            raise InvalidValue(f"{where}.{sub.name} is given more than once; names match whatever their case.", where)
        if (read := read_value(sub, item, f"{where}.{sub.name}")) is not None:
            checked[sub.name] = read
    return checked or None


def check_primary(listed: list[Any], where: str) -> None:
    """Raise InvalidValue when more than one value of a multi-valued attribute is primary. RFC 7643 §2.4."""
    if sum(1 for each in listed if isinstance(each, dict) and each.get("primary") is True) > 1:
        raise InvalidValue(f"{where} has more than one value with primary true; only one may be.", where)


def check_required(resource_type: ResourceType, resource: Resource) -> None:
    """Raise InvalidValue naming the first required attribute that has no value. RFC 7643 §7."""
    if lacking := missing(resource_type, resource):
        raise InvalidValue(f"{lacking} is required and must not be empty.", str(lacking))


def missing(resource_type: ResourceType, resource: Resource) -> Target | None:
    """Return the first required attribute or sub-attribute that has no value; an unused extension requires none."""
    for target in resource_type.demanding:
        if str(target) == ACTIVE:
            continue  # known where nobody says it
        attribute, found = target.attribute, values(resource, target)
        assert attribute is not None  # noqa: S101 - no whole extension is among them
        used = not target.extension or bool(resource.get(target.extension))
        if used and not found and attribute.required and attribute.mutability != "readOnly":
            return target
        for sub in attribute.sub_attributes.values() if found else ():
            if sub.required and any(sub.name not in each for each in found):
                return replace(target, sub=sub)
    return None


def keep_unwritable(resource_type: ResourceType, current: Resource, replacement: Resource) -> None:
    """Carry into a PUT's resource what it may leave out, and refuse what it may not change. RFC 7644 §3.5.1.

    An immutable attribute keeps its value, and so does one that a GET does not return by default: who reads,
    changes and writes back, as Okta does, cannot know of it. The same holds for sub-attributes of an attribute with
    a single value. Raises Mutability when the replacement has another value for what is immutable.
    """
    _keep(resource_type.attributes, current, replacement, "")


def _keep(attributes: Mapping[str, Attribute], before: Resource, after: Resource, where: str) -> None:
    for name, value in before.items():
        attribute = attributes.get(name.lower())
        if attribute is None:
            continue
        if attribute.mutability == "immutable" or attribute.returned in ("never", "request"):
            kept = after.setdefault(name, value)
            if attribute.mutability == "immutable" and kept != value:
                raise Mutability(
                    f"{where}{name} is immutable: it has a value, which cannot be changed.", f"{where}{name}"
                )
        elif attribute.sub_attributes and isinstance(value, dict):
            inner = dict(after.get(name, {}))
            _keep(attribute.sub_attributes, value, inner, f"{where}{name}.")
            if inner:
                after[name] = inner


def check_immutable(resource_type: ResourceType, before: Resource, after: Resource) -> None:
    """Raise Mutability when what is immutable and had a value has another one, or none, afterwards.

    For the whole of a PATCH: one operation may remove what another then adds anew. A complex attribute or an
    extension may go as a whole, and what is immutable in it with it.
    """
    _check_immutable(resource_type.attributes, before, after, "")


def _check_immutable(attributes: Mapping[str, Attribute], before: Resource, after: Resource, where: str) -> None:
    for name, value in before.items():
        attribute = attributes.get(name.lower())
        if attribute is None:
            continue
        left = after.get(name)
        if attribute.mutability == "immutable" and left != value:
            raise Mutability(f"{where}{name} is immutable: it has a value, which cannot be changed.", f"{where}{name}")
        if attribute.sub_attributes and isinstance(value, dict) and isinstance(left, dict):
            _check_immutable(attribute.sub_attributes, value, left, f"{where}{name}.")


def _is_boolean(value: Any) -> bool:
    return isinstance(value, bool)


def _is_string(value: Any) -> bool:
    return isinstance(value, str)


def _is_reference(value: Any) -> bool:
    return isinstance(value, str) and is_uri_reference(value)


def _is_integer(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and -MAX_INTEGER - 1 <= value <= MAX_INTEGER


def _is_decimal(value: Any) -> bool:
    return _is_integer(value) or (isinstance(value, float) and math.isfinite(value))


def _is_date_time(value: Any) -> bool:
    return isinstance(value, str) and parse_date_time(value) is not None


def _is_binary(value: Any) -> bool:
    if not isinstance(value, str):
        return False
    try:
        base64.b64decode(value.replace("-", "+").replace("_", "/"), validate=True)
    except (binascii.Error, ValueError):
        return False
    return True


_CHECKS: dict[str, tuple[Callable[[Any], bool], str]] = {
    "string": (_is_string, "a string"),
    "reference": (_is_reference, "an address, a URI reference of RFC 3986 without blanks"),
    "boolean": (_is_boolean, "true or false"),
    "integer": (_is_integer, "an integer of at most 64 bits"),
    "decimal": (_is_decimal, "a number that 64 bits can hold"),
    "dateTime": (_is_date_time, DATE_TIME),
    "binary": (_is_binary, "a Base64 text"),
}
