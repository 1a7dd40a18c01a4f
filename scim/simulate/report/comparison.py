"""Whether a resource of the target is what the source says, attribute by attribute, member by member."""

from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from scim.simulate.job.journal import Subject
from scim.simulate.source.mapping import MANAGER, manager_of, read
from scim.simulate.wire.endpoint import Resource


@dataclass(frozen=True, slots=True)
class Difference:
    """One thing that is not as the source says; `attribute` is empty when it is the whole object."""

    subject: Subject
    name: str
    attribute: str
    expected: str
    found: str

    def as_json(self) -> dict[str, Any]:
        return {
            "subject": str(self.subject),
            "name": self.name,
            "attribute": self.attribute,
            "expected": self.expected,
            "found": self.found,
        }


def _text(values: list[Any]) -> str:
    return "nothing" if not values else " and ".join(repr(value) for value in values)


def compare_attributes(
    subject: Subject, name: str, attributes: Mapping[str, str], resource: Resource
) -> list[Difference]:
    """Compare each attribute that the source has; values must be equal to the letter, and be there once."""
    return [
        Difference(subject, name, path, repr(value), _text(found))
        for path, value in attributes.items()
        if (found := read(resource, path)) != [value]
    ]


def compare_active(name: str, active: bool, resource: Resource) -> list[Difference]:
    """Compare `active`, which must be a JSON boolean."""
    found = resource.get("active")
    if found is active:
        return []
    return [Difference(Subject.USER, name, "active", str(active), _text(read(resource, "active")))]


def compare_manager(name: str, manager: str | None, resource: Resource, names: Mapping[str, str]) -> list[Difference]:
    """Compare the id of the manager; `names` gives ids their user names, for the reader."""
    found = manager_of(resource)
    if found == manager:
        return []
    return [Difference(Subject.MANAGER, name, MANAGER, _named(manager, names), _named(found, names))]


def compare_members(
    name: str, expected: Collection[str], resource: Resource, names: Mapping[str, str]
) -> list[Difference]:
    """Compare the ids of the members: each missing, unknown or repeated one is a difference."""
    members = resource.get("members") or []
    found = [member.get("value") for member in members if isinstance(member, Mapping)]
    present = set(found)
    missing = [
        Difference(Subject.MEMBERS, name, "members", _named(identifier, names), "nothing")
        for identifier in sorted(set(expected) - present)
    ]
    extra = [
        Difference(Subject.MEMBERS, name, "members", "nothing", _named(identifier, names))
        for identifier in sorted(present - set(expected), key=str)
    ]
    repeated = [
        Difference(Subject.MEMBERS, name, "members", f"{_named(identifier, names)} once", f"{count} times")
        for identifier, count in Counter(found).items()
        if count > 1
    ]
    return missing + extra + repeated


def _named(identifier: str | None, names: Mapping[str, str]) -> str:
    if identifier is None:
        return "nothing"
    return names.get(identifier, f"unknown id {identifier}")
