"""Resources as they are stored: the document, its version, and the rows that are derived from it."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from scim.directory import keys
from scim.protocol import entity_tag
from scim.protocol.active import stated
from scim.protocol.errors import InvalidValue, PreconditionFailed
from scim.protocol.filter import parse_attribute
from scim.protocol.query import normal
from scim.protocol.resource import Resource, schemas_of, values
from scim.protocol.schema import Attribute, ResourceType, Schemas, Target
from scim.storage.damage import FORM, Damaged, check_form, object_in
from scim.storage.rows import Delete, Insert, Row, RowChange

MAX_DERIVED = 45
"""Most look-up and name rows of one resource: the old and the new ones fit into one transaction."""


@dataclass(frozen=True, slots=True)
class Edge:
    """The other end of a membership: its id and its kind, and the version of the row that says so where it was read.

    That is the row of the membership where there is one, else the row of the user or group who is to be a member.
    """

    id: str
    kind: str
    version: str | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class Stored:
    """A resource that was read: its document without id, schemas and memberships, and the row's version and mark.

    `edges` are the members of a group or the groups of a user, None where they were not asked for. They are `shifting`
    while memberships of something deleted may be hidden: then the same version can show fewer than before.
    """

    kind: "Kind"
    id: str
    document: Resource
    version: str
    modified: str
    edges: list[Edge] | None = None
    shifting: bool = False
    mark: str = ""
    size: int = 0
    """Characters of the row's body, where it was read."""

    @classmethod
    def from_row(cls, kind: "Kind", row: Row) -> "Stored":
        """Return the resource that a row holds. Raises Damaged, also where its values have other shapes."""
        document = object_in(row)
        meta = document.get("meta", {})
        if not isinstance(meta, dict) or not isinstance(meta.get("created", ""), str):
            raise Damaged(row.key, "its meta is no object with a time")
        check_form(row, meta.get("form", FORM))
        if not has_shape(document, kind.shapes):
            raise Damaged(row.key, "a value has not the shape that its schema says")
        document = stated(kind.type, document)
        return cls(
            kind, keys.last_part(row.key), document, row.version, row.modified, mark=row.mark, size=len(row.body)
        )

    @property
    def etag(self) -> str:
        """The entity tag: weak, since the members are not hashed but every change of them makes a new version."""
        return etag(self.mark)

    def check_version(self, if_match: str | None) -> None:
        """Raise PreconditionFailed unless If-Match is absent, `*` or names this version. RFC 7644 §3.14."""
        if if_match is not None and not self.has_version(if_match):
            raise PreconditionFailed(f"If-Match names another version than the current one, {self.etag}.")

    def has_version(self, tags: str) -> bool:
        """Whether a list of entity tags, as in If-Match and If-None-Match, has this version's or `*`."""
        return entity_tag.has(tags, self.etag)

    def resource(self, base_url: str, names: Mapping[str, str] | None = None) -> Resource:
        """Return the resource as a client sees it, under the base URL of the request.

        `names` are those of groups by id, where the client asks for the names of a user's groups.
        """
        document = dict(self.document)
        created = document.pop("meta", {}).get("created", self.modified)
        resource: Resource = {"schemas": schemas_of(self.kind.type, document), "id": self.id, **document}
        if self.edges:
            resource[self.kind.edges] = [
                self.kind.edge(edge, base_url, (names or {}).get(edge.id)) for edge in self.edges
            ]
        resource["meta"] = {
            "resourceType": self.kind.type.name,
            "created": created,
            "lastModified": self.modified,
            "location": self.location(base_url),
            "version": self.etag,
        }
        return resource

    def location(self, base_url: str) -> str:
        """The address of the resource."""
        return f"{base_url}{self.kind.type.endpoint}/{self.id}"

    def with_edges(self, edges: list[Edge], shifting: bool = False) -> "Stored":
        """Return the same resource with its memberships."""
        return replace(self, edges=edges, shifting=shifting)


def etag(mark: str) -> str:
    """Return the entity tag of a resource that the commit with the mark wrote or touched last."""
    return f'W/"{mark}"'


class Kind:
    """One resource type in storage: the letter in its keys, its unique attributes and its look-ups."""

    def __init__(self, letter: str, resource_type: ResourceType, filterable: Iterable[Target]) -> None:
        self.letter = letter
        self.type = resource_type
        self.edges = "members" if letter == "g" else "groups"
        self.naming = "displayName" if letter == "g" else "userName"
        self.unique = {str(target): target for target in _unique(resource_type)}
        self.filterable = {str(target): target for target in filterable if str(target) not in self.unique}
        self.shapes = _shape_of(resource_type.attributes.values())

    def key(self, resource_id: str) -> str:
        """The key of a resource's row."""
        return keys.resource(self.letter, resource_id)

    @property
    def prefix(self) -> str:
        """What the keys of all resources of the kind begin with."""
        return keys.resource(self.letter, "")

    def edge(self, edge: Edge, base_url: str, display: str | None = None) -> Resource:
        """Return a value of `members` or `groups`, with the name of its other end if that is given."""
        endpoint, name = ("/Users", "User") if edge.kind == "u" else ("/Groups", "Group")
        what = name if self.letter == "g" else "direct"
        named = {} if display is None else {"display": display}
        return {"value": edge.id, "$ref": f"{base_url}{endpoint}/{edge.id}", **named, "type": what}

    def names(self, document: Mapping[str, Any]) -> dict[str, str]:
        """Return the unique values of a document: the key of the name row, and the attribute's path."""
        found: dict[str, str] = {}
        for path, target in self.unique.items():
            for value in values(document, target):
                found[keys.name(self.letter, path, self.key_value(target, value))] = path
        return found

    def look_ups(self, resource_id: str, document: Mapping[str, Any]) -> set[str]:
        """Return the keys of all look-up rows that a document must have."""
        return self._look_ups(self.filterable, resource_id, document)

    def _look_ups(self, paths: Iterable[str], resource_id: str, document: Mapping[str, Any]) -> set[str]:
        found = set()
        for path in paths:
            target = self.filterable[path]
            for value in values(document, target):
                found.add(keys.look_up(self.letter, path, self.key_value(target, value), resource_id))
        return found

    @staticmethod
    def key_value(target: Target, value: Any) -> str:
        """Return the text that stands for a value in keys: two values have the same one when a filter's eq holds."""
        leaf = target.leaf or Attribute("")
        return str(normal(leaf, value))

    def look_up_changes(self, resource_id: str, before: Mapping[str, Any], after: Mapping[str, Any]) -> list[RowChange]:
        """Return what to do so that the look-up rows fit the document afterwards.

        Raises InvalidValue when values come to be too many. Those that were there before an attribute became
        filterable stand in the way of no other change.
        """
        changed = [path for path, target in self.filterable.items() if values(before, target) != values(after, target)]
        old, new = self._look_ups(changed, resource_id, before), self._look_ups(changed, resource_id, after)
        if new - old:
            self._check_number(resource_id, after)
        return [*map(Delete, sorted(old - new)), *(Insert(key, "") for key in sorted(new - old))]

    def _check_number(self, resource_id: str, document: Mapping[str, Any]) -> None:
        targets = (*self.unique.values(), *self.filterable.values())
        if sum(len(values(document, target)) for target in targets) <= MAX_DERIVED:
            return  # without keys, which take hashing; equal values have one key
        look_ups, names = len(self.look_ups(resource_id, document)), len(self.names(document))
        if look_ups + names > MAX_DERIVED:
            raise InvalidValue(
                f"The {self.type.name} has {look_ups} values in {', '.join(self.filterable)}, which filters look up;"
                f" at most {MAX_DERIVED - names} can be kept. Send fewer values."
            )


PLAIN: Mapping[str, Any] = {}
"""The shape of what is neither a list nor an object."""
_PLAIN_TYPES, _OBJECT_TYPES = frozenset({str, int, float, bool}), frozenset({dict})
"""As JSON is read: values have no other types, and none derived from these."""


def _shape_of(attributes: Iterable[Attribute]) -> dict[str, Any]:
    """Return by name the shape of each attribute: PLAIN, the shapes in an object, or a list with that of its values."""
    shapes = {}
    for each in attributes:
        single = _shape_of(each.sub_attributes.values()) if each.type == "complex" else PLAIN
        shapes[each.name] = [single] if each.multi_valued else single
    return shapes


def has_shape(document: Mapping[str, Any], shapes: Mapping[str, Any]) -> bool:
    """Whether lists, objects and plain values are where schemas have them; names that they lack do not matter.

    So much is sure to be compared, put in order and chosen from; it is looked at whenever a row is read, and takes a
    microsecond or two. What is in the objects of a list is not looked at.
    """
    for name, value in document.items():
        shape = shapes.get(name)
        if shape is None:
            continue
        if shape is PLAIN:
            sound = not isinstance(value, (list, dict))
        elif isinstance(shape, list):
            wanted = _PLAIN_TYPES if shape[0] is PLAIN else _OBJECT_TYPES
            sound = isinstance(value, list) and wanted.issuperset(map(type, value))  # no call for each of many values
        else:
            sound = isinstance(value, dict) and has_shape(value, shape)
        if not sound:
            return False
    return True


def _unique(resource_type: ResourceType) -> list[Target]:
    own = [Target("", each) for each in resource_type.schema.attributes.values()]
    further = [Target(schema.id, each) for schema in resource_type.extensions for each in schema.attributes.values()]
    return [
        target
        for target in (*own, *further)
        if target.attribute and target.attribute.uniqueness != "none" and target.attribute.type != "complex"
    ]


def kinds(schemas: Schemas, filterable: Iterable[str]) -> dict[str, Kind]:
    """Return the kinds of resources by resource type name, with look-ups for the attributes named.

    An attribute that a resource type does not have is none of its look-ups. Raises ValueError on one that neither
    has.
    """
    paths = [parse_attribute(text) for text in filterable]
    made = {}
    for letter, resource_type in (("u", schemas.user), ("g", schemas.group)):
        targets = [target for path in paths if (target := resource_type.resolve(path))]
        made[resource_type.name] = Kind(letter, resource_type, [each for each in targets if _is_plain(each)])
    for path in paths:
        if not any(kind.type.resolve(path) for kind in made.values()):
            raise ValueError(f"no schema has the attribute '{path}'")
    return made


def _is_plain(target: Target) -> bool:
    """Complex attributes have no one value to look up; memberships have rows of their own."""
    leaf = target.leaf
    return (
        leaf is not None and leaf.type != "complex" and leaf.mutability != "readOnly" and str(target) != "members.value"
    )
