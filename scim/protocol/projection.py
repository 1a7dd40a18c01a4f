"""Which attributes of a resource a response carries, and which of their values. RFC 7644 §3.9, RFC 7643 §7."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from scim.protocol.errors import InvalidFilter, InvalidPath, InvalidValue
from scim.protocol.filter import comparisons, parse_path
from scim.protocol.query import Matcher, value_matcher
from scim.protocol.resource import Resource, values
from scim.protocol.schema import Attribute, ResourceType, Target

MAX_COMPARISONS = 10
"""Most comparisons in the filters of the names in one parameter: each is made with every value on a page."""
Selection = dict[str, Any]
"""Named attributes as nested objects by lower-case name, WHOLE among them where all that is below is selected."""
WHOLE = "*"
"""Selects what is returned by default; what is named beside it as well, as in `groups,groups.display`."""


class Projection:
    """Which attributes of a resource type a response carries. RFC 7644 §3.9, `returned` of RFC 7643 §7.

    `always` is there whatever is asked, `never` is not, `request` only when asked for by name. When both parameters
    are given, `excludedAttributes` is taken away from what `attributes` names. Names that no schema knows select
    nothing. Beyond the RFC a name may have a filter, as in `emails[type eq "work"]`, which means the values that it
    selects, unless the attribute is named without one too. Raises InvalidValue on text that is no attribute name.
    """

    def __init__(
        self, resource_type: ResourceType, attributes: Iterable[str] = (), excluded: Iterable[str] = ()
    ) -> None:
        named = list(attributes)
        wanted, unwanted = _read(resource_type, named), _read(resource_type, excluded)
        self._attributes = resource_type.attributes
        chosen = _selection(target for each in wanted for target in each.targets())
        self._wanted = chosen if named else None
        self._excluded = _selection(each.target for each in unwanted if each.matches is None)
        self._values = [*_filtered(wanted, returned=True), *_filtered(unwanted, returned=False)]
        self._everything = not named and not unwanted and not resource_type.hides_by_default

    def wants(self, name: str, sub: str = "") -> bool:
        """Whether the attribute of that name, or its sub-attribute, is returned at all, so that it has to be read."""
        attribute = self._attributes[name.lower()]
        kept = _kept(attribute, self._wanted, self._excluded)
        if not sub:
            return kept
        part = attribute.sub(sub)
        return kept and part is not None and _kept(part, *_below(attribute, self._wanted, self._excluded))

    def apply(self, resource: Resource) -> Resource:
        """Return the resource with only the attributes that the client gets."""
        if self._everything:
            return resource
        for each in self._values:
            resource = each.apply(resource)
        return _choose(self._attributes, resource, self._wanted, self._excluded)


def _kept(attribute: Attribute, wanted: Selection | None, excluded: Selection) -> bool:
    name = attribute.name.lower()
    if attribute.returned == "always":
        return True
    if attribute.returned == "never" or WHOLE in excluded.get(name, {}):
        return False
    by_default = attribute.returned == "default"
    return by_default if wanted is None else name in wanted or (by_default and WHOLE in wanted)


def _below(attribute: Attribute, wanted: Selection | None, excluded: Selection) -> tuple[Selection | None, Selection]:
    """Return what is wanted and what is excluded of the attributes below one that is kept."""
    key = attribute.name.lower()
    return wanted and wanted.get(key), excluded.get(key, {})


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
        below = _below(attribute, wanted, excluded)
        if not _kept(attribute, wanted, excluded):
            if not _has_always(attribute):
                continue
            below = {}, {}
        if attribute.sub_attributes:
            if isinstance(item, list):
                item = [part for each in item if (part := _choose(attribute.sub_attributes, each, *below))]
            else:
                item = _choose(attribute.sub_attributes, item, *below)
            if not item:
                continue
        chosen[name] = item
    return chosen


@dataclass(frozen=True, slots=True)
class _Named:
    """What a name means: an attribute or a sub-attribute, perhaps only in values that a filter selects."""

    target: Target
    matches: Matcher | None

    def targets(self) -> Iterable[Target]:
        """Yield what has to be read for it, and what would not be returned if it were not named."""
        if self.matches:
            yield _whole(self.target)
        yield self.target

    def means(self, value: Resource) -> bool:
        """Whether it is about this value."""
        return self.matches is None or self.matches(value)


def _read(resource_type: ResourceType, names: Iterable[str]) -> list[_Named]:
    """Return what names mean, but for those that no schema knows. Raises InvalidValue."""
    read, compared = [], 0
    for text in names:
        try:
            path = parse_path(text)
            compared += sum(1 for _ in comparisons(path.filter)) if path.filter else 0
            if compared > MAX_COMPARISONS:
                raise InvalidValue(f"The names have more than {MAX_COMPARISONS} comparisons in their filters.")
            if target := resource_type.resolve(path.attribute):
                read.append(_Named(target, value_matcher(path.filter, _whole(target)) if path.filter else None))
        except (InvalidPath, InvalidFilter) as error:
            raise InvalidValue(f"'{text[:100]}' is no attribute name: {error.detail}") from error
    return read


def _whole(target: Target) -> Target:
    return Target(target.extension, target.attribute)


@dataclass(frozen=True, slots=True)
class _Values:
    """The values of an attribute that is named with a filter: which of them are returned, and what of each."""

    whole: Target
    named: list[_Named]
    returned: bool

    def apply(self, resource: Resource) -> Resource:
        """Return the resource with no more of the values than is returned."""
        attribute, urn, found = self.whole.attribute, self.whole.extension, values(resource, self.whole)
        if attribute is None or not found:
            return resource
        parts = [part for each in found if (part := self._part(attribute, each))]
        changed = {attribute.name: parts if attribute.multi_valued else parts[0] if parts else {}}
        return {**resource, urn: {**resource[urn], **changed}} if urn else {**resource, **changed}

    def _part(self, attribute: Attribute, value: Resource) -> Resource:
        """Return what is returned of a value: some is always, whatever names say."""
        subs = [each.target.sub for each in self.named if each.means(value)]
        selection: Selection = {sub.name.lower(): {WHOLE: {}} for sub in subs if sub}
        if None in subs:
            return value if self.returned else _choose(attribute.sub_attributes, value, {}, {})
        if self.returned:
            return _choose(attribute.sub_attributes, value, selection, {})
        return _choose(attribute.sub_attributes, value, None, selection)


def _filtered(named: Iterable[_Named], *, returned: bool) -> Iterable[_Values]:
    """Yield each attribute that is named with a filter, with all that names say of it."""
    by_attribute: dict[str, list[_Named]] = {}
    for each in named:
        by_attribute.setdefault(str(_whole(each.target)), []).append(each)
    for found in by_attribute.values():
        if any(each.matches for each in found):
            yield _Values(_whole(found[0].target), found, returned)


def _selection(targets: Iterable[Target]) -> Selection:
    selection: Selection = {}
    for target in targets:
        names = (target.extension, *(each.name for each in (target.attribute, target.sub) if each))
        hidden = target.leaf is not None and target.leaf.returned == "request"
        _select(selection, [name.lower() for name in names if name], hidden)
    return selection


def _select(selection: Selection, names: Sequence[str], hidden: bool) -> None:
    """Add what lies below the names; what is `hidden` is not part of the whole, and has to be named."""
    if WHOLE in selection and not hidden:
        return
    if names:
        _select(selection.setdefault(names[0], {WHOLE: {}} if WHOLE in selection else {}), names[1:], hidden)
        return
    for part in selection.values():
        part[WHOLE] = {}
    selection[WHOLE] = {}
