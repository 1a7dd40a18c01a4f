"""A resource as a tree of attributes in canonical spelling: read values, compare, choose what is returned."""

import json
import re
import unicodedata
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

from scim.protocol.errors import InvalidPath, InvalidValue
from scim.protocol.filter import parse_attribute
from scim.protocol.schema import Attribute, ResourceType, Target

Resource = dict[str, Any]
"""Attributes by canonical name; those of an extension in an object under its URN."""

_DATE_TIME = re.compile(
    r"(\d{4}-\d\d-\d\d)[T ](\d\d:\d\d(?::\d\d)?)(?:(?<=:\d\d:\d\d)\.(\d{1,6})\d{0,14})?(Z|[+-]\d\d(?::?\d\d)?)?",
    re.ASCII | re.IGNORECASE,
)
DATE_TIME = "a date and time such as 2026-01-31T12:00:00Z or 2026-01-31T13:00:00+01:00"
"""How errors show the form of a dateTime."""

_ENCODER = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), check_circular=False)


def to_json(value: Any) -> str:
    """Return the JSON text of a value without spaces, with every character as it is."""
    return _ENCODER.encode(value)  # json.dumps would make an encoder for each call


def values(resource: Mapping[str, Any], target: Target) -> list[Any]:
    """Return every value of an attribute or sub-attribute, in order; an absent one has none."""
    container = resource.get(target.extension) if target.extension else resource
    if target.attribute is None or container is None:
        return [] if container is None else [container]
    found = _listed(container.get(target.attribute.name))
    if target.sub is None:
        return found
    name = target.sub.name
    return [value for each in found for value in _listed(each.get(name))]


def _listed(value: Any) -> list[Any]:
    if value is None:
        return []
    return value if isinstance(value, list) else [value]


def fold(text: str) -> str:
    """Return the form in which texts are compared where letter case does not matter: NFKC, casefold, NFKC.

    Keys of rows are made from it, so it is version 1 for ever; another one needs another kind of key.
    """
    if text.isascii():
        return text.lower()
    return unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).casefold())


def parse_date_time(text: str) -> datetime | None:
    """Return the instant in UTC that an xsd:dateTime names, or None when it is none; no time zone means UTC.

    Fractions beyond microseconds are cut off: pollers of the .NET world send seven digits. A blank for the T, and an
    offset without colon, are understood: Java and SQL write them so.
    """
    written = _DATE_TIME.fullmatch(text)
    return _instant(*written.groups()) if written else None


@lru_cache(maxsize=4096)
def _instant(date: str, time: str, fraction: str | None, zone: str | None) -> datetime | None:
    exact = f"{date}T{time}.{fraction.ljust(6, '0')}" if fraction else f"{date}T{time}"
    try:
        return datetime.fromisoformat(exact + (zone or "Z").upper()).astimezone(UTC)
    except (ValueError, OverflowError):  # the latter: before the year 1 in UTC
        return None


def proper_date_time(text: str) -> str:
    """Return a date and time as xsd:dateTime writes it, with T and colon; as it is where it is proper, or is none."""
    written = _DATE_TIME.fullmatch(text)
    zone = (written[4] or "") if written else ""
    if 1 < len(zone) < 6:
        text = f"{text.removesuffix(zone)}{zone[:3]}:{zone[3:] or '00'}"
    return text.replace(" ", "T") if written else text


def format_date_time(instant: datetime) -> str:
    """Return an instant as an xsd:dateTime in UTC with milliseconds."""
    return instant.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def schemas_of(resource_type: ResourceType, resource: Mapping[str, Any]) -> list[str]:
    """Return the URNs for `schemas`: the core one, then each extension that has a value. RFC 7643 §3."""
    used = [schema.id for schema in resource_type.extensions if resource.get(schema.id)]
    return [resource_type.schema.id, *used]


Selection = dict[str, Any]
"""Named attributes as nested objects by lower-case name; an empty object selects all that is below the name."""
NOTHING: Selection = {"": {}}
"""Selects no attribute, which an empty object would not: that selects all."""


class Projection:
    """Which attributes of a resource type a response carries. RFC 7644 §3.9, `returned` of RFC 7643 §7.

    `always` is there whatever is asked, `never` is not, `request` only when asked for by name. When both parameters
    are given, `excludedAttributes` is taken away from what `attributes` names. Names that no schema knows select
    nothing. Raises InvalidValue on text that is no attribute name.
    """

    def __init__(
        self, resource_type: ResourceType, attributes: Iterable[str] = (), excluded: Iterable[str] = ()
    ) -> None:
        named = list(attributes)
        self._attributes = resource_type.attributes
        self._wanted = _selection(resource_type, named) if named else None
        self._excluded = _selection(resource_type, excluded)
        self._everything = not named and not self._excluded and not resource_type.hides_by_default

    def wants(self, name: str) -> bool:
        """Whether the attribute of that name is returned at all, so that it has to be read."""
        return _kept(self._attributes[name.lower()], self._wanted, self._excluded)

    def apply(self, resource: Resource) -> Resource:
        """Return the resource with only the attributes that the client gets."""
        if self._everything:
            return resource
        return _choose(self._attributes, resource, self._wanted, self._excluded)


def _kept(attribute: Attribute, wanted: Selection | None, excluded: Selection) -> bool:
    name = attribute.name.lower()
    if attribute.returned == "always":
        return True
    if attribute.returned == "never" or excluded.get(name) == {}:
        return False
    return attribute.returned == "default" if wanted is None else name in wanted


def _has_always(attribute: Attribute) -> bool:
    """Whether something below the attribute is returned even when the attribute itself is not asked for."""
    return attribute.returned != "never" and any(
        each.returned == "always" for each in attribute.sub_attributes.values()
    )


def _choose(
    attributes: Mapping[str, Attribute], value: Resource, wanted: Selection | None, excluded: Selection
) -> Resource:
    chosen = {}
    for name, item in value.items():
        attribute = attributes.get(name.lower())
        if attribute is None:
            continue
        key = name.lower()
        below = (wanted or {}).get(key) or None, excluded.get(key) or {}
        if not _kept(attribute, wanted, excluded):
            if not _has_always(attribute):
                continue
            below = NOTHING, {}
        if attribute.sub_attributes:
            if isinstance(item, list):
                item = [part for each in item if (part := _choose(attribute.sub_attributes, each, *below))]
            else:
                item = _choose(attribute.sub_attributes, item, *below)
            if not item:
                continue
        chosen[name] = item
    return chosen


def _selection(resource_type: ResourceType, names: Iterable[str]) -> Selection:
    selection: Selection = {}
    for text in names:
        try:
            target = resource_type.resolve(parse_attribute(text))
        except InvalidPath as error:
            raise InvalidValue(f"'{text[:100]}' is no attribute name: {error.detail}") from error
        if target is not None:
            _select(selection, target)
    return selection


def _select(selection: Selection, target: Target) -> None:
    steps = [target.extension, *(each.name for each in (target.attribute, target.sub) if each)]
    names = [each.lower() for each in steps if each]
    for name in names[:-1]:
        if selection.get(name) == {}:
            return  # all of it is selected already
        selection = selection.setdefault(name, {})
    selection[names[-1]] = {}
