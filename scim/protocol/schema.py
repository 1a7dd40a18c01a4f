"""Schemas and resource types, loaded from the same JSON documents that discovery serves. RFC 7643 §6, §7."""

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any

from scim.protocol.filter import AttributePath

SCHEMAS_FOLDER = Path(__file__).parent / "schemas"
USER = "urn:ietf:params:scim:schemas:core:2.0:User"
GROUP = "urn:ietf:params:scim:schemas:core:2.0:Group"
CHARACTERISTICS = {
    "type": ("string", "boolean", "decimal", "integer", "dateTime", "reference", "binary", "complex"),
    "mutability": ("readWrite", "readOnly", "immutable", "writeOnly"),
    "returned": ("default", "always", "never", "request"),
    "uniqueness": ("none", "server", "global"),
}
"""What a schema document may say of an attribute; a misspelt word must not open what was to be closed."""


class SchemaDocumentError(Exception):
    """A schema document cannot be used; the text names the file and what to change."""


@dataclass(frozen=True, slots=True)
class Attribute:
    """One attribute of a schema, with its characteristics. RFC 7643 §7."""

    name: str
    type: str = "string"
    multi_valued: bool = False
    required: bool = False
    case_exact: bool = False
    mutability: str = "readWrite"
    returned: str = "default"
    uniqueness: str = "none"
    canonical_values: tuple[str, ...] = ()
    sub_attributes: Mapping[str, "Attribute"] = field(default_factory=dict)

    @property
    def identifying(self) -> bool:
        """Whether its value is what a resource is found by and told apart: a text that is required or unique."""
        return self.type == "string" and (self.required or self.uniqueness != "none")

    def sub(self, name: str) -> "Attribute | None":
        """Return the sub-attribute of that name, whatever its case."""
        return self.sub_attributes.get(name.lower())

    @classmethod
    def from_document(cls, document: Mapping[str, Any]) -> "Attribute":
        """Return the attribute that one entry of `attributes` or `subAttributes` describes.

        Raises ValueError when one of its characteristics is not among CHARACTERISTICS.
        """
        for name, known in CHARACTERISTICS.items():
            if document.get(name, known[0]) not in known:
                raise ValueError(f"attribute '{document['name']}' has the unknown {name} '{document[name]}'")
        kind = document.get("type", "string")
        return cls(
            name=document["name"],
            type=kind,
            multi_valued=document.get("multiValued", False),
            required=document.get("required", False),
            case_exact=document.get("caseExact", kind in ("reference", "binary")),
            mutability=document.get("mutability", "readWrite"),
            returned=document.get("returned", "default"),
            uniqueness=document.get("uniqueness", "none"),
            canonical_values=tuple(document.get("canonicalValues", ())),
            sub_attributes=_by_name(document.get("subAttributes", ())),
        )


def _by_name(documents: Iterable[Mapping[str, Any]]) -> dict[str, Attribute]:
    attributes = [Attribute.from_document(document) for document in documents]
    found = {each.name.lower(): each for each in attributes}
    if len(found) != len(attributes):
        raise ValueError("two attributes have the same name; letter case does not tell them apart")
    return found


def _read_only(name: str, **characteristics: Any) -> Attribute:
    return Attribute(name, mutability="readOnly", **characteristics)


COMMON = {
    each.name.lower(): each
    for each in (
        _read_only("id", case_exact=True, returned="always", uniqueness="server"),
        _read_only("schemas", multi_valued=True, case_exact=True, returned="always"),
        Attribute("externalId", case_exact=True),
        _read_only(
            "meta",
            type="complex",
            sub_attributes={
                each.name.lower(): each
                for each in (
                    _read_only("resourceType", case_exact=True),
                    _read_only("created", type="dateTime"),
                    _read_only("lastModified", type="dateTime"),
                    _read_only("location", type="reference", case_exact=True),
                    _read_only("version", case_exact=True),
                )
            },
        ),
    )
}
"""The attributes of every resource. RFC 7643 §3.1."""


@dataclass(frozen=True, slots=True)
class Schema:
    """A set of attributes under a URN, and the document that says so."""

    id: str
    name: str
    attributes: Mapping[str, Attribute]
    document: Mapping[str, Any]

    @classmethod
    def from_document(cls, document: Mapping[str, Any]) -> "Schema":
        """Return the schema that a document of RFC 7643 §7 describes."""
        urn = document["id"]
        if not isinstance(urn, str) or not urn.lower().startswith("urn:"):
            raise ValueError(f"the id must be a URN, not {urn!r}")
        return cls(urn, document["name"], _by_name(document["attributes"]), document)


@dataclass(frozen=True, slots=True)
class Target:
    """An attribute of a resource type, found: where it lies and what it is.

    `extension` is the URN of the extension that holds it, or "" for the core. `attribute` is None when a path
    names a whole extension.
    """

    extension: str
    attribute: Attribute | None
    sub: Attribute | None = None

    @property
    def leaf(self) -> Attribute | None:
        """The attribute or sub-attribute that is meant in the end."""
        return self.sub or self.attribute

    def __str__(self) -> str:
        """The path in its canonical spelling, URN first where it lies in an extension."""
        names = ".".join(each.name for each in (self.attribute, self.sub) if each)
        return ":".join(part for part in (self.extension, names) if part)


@dataclass(frozen=True)
class ResourceType:
    """A kind of resource: its endpoint, its schema and its extensions. RFC 7643 §6."""

    name: str
    endpoint: str
    schema: Schema
    extensions: tuple[Schema, ...] = ()

    @cached_property
    def _schemas(self) -> dict[str, Schema]:
        return {schema.id.lower(): schema for schema in (self.schema, *self.extensions)}

    @cached_property
    def core(self) -> dict[str, Attribute]:
        """The attributes at the top level of a resource by lower-case name, the common ones among them."""
        return {**COMMON, **self.schema.attributes}

    @cached_property
    def attributes(self) -> dict[str, Attribute]:
        """All that may stand at the top level of a resource by lower-case name: core attributes and extensions.

        An extension is here what a complex attribute is: a name with attributes below it.
        """
        extensions = {
            schema.id.lower(): Attribute(schema.id, type="complex", sub_attributes=schema.attributes)
            for schema in self.extensions
        }
        return {**self.core, **extensions}

    @cached_property
    def demanding(self) -> tuple[Target, ...]:
        """The attributes that a client must fill in, themselves or one of their sub-attributes."""
        return tuple(
            Target("" if schema is self.schema else schema.id, attribute)
            for schema in (self.schema, *self.extensions)
            for attribute in schema.attributes.values()
            if (attribute.required and attribute.mutability != "readOnly")
            or any(sub.required for sub in attribute.sub_attributes.values())
        )

    @cached_property
    def hides_by_default(self) -> bool:
        """Whether some attribute is not returned unless it is asked for, or never."""
        return _hides(self.attributes.values())

    def extension(self, urn: str) -> Schema | None:
        """Return the extension with that URN, whatever its case."""
        schema = self._schemas.get(urn.lower())
        return None if schema is self.schema else schema

    def is_core(self, urn: str) -> bool:
        """Whether the URN is that of the resource type's own schema."""
        return self._schemas.get(urn.lower()) is self.schema

    def resolve(self, path: AttributePath) -> Target | None:
        """Return what a path means for this resource type, or None when no schema knows it.

        Names match whatever their case. A name that the core does not have is looked for in the extensions, since
        clients write `manager` and `department` so, with the core's URN or none. A dot between URN and attribute
        (`...:2.0:User.manager`) is what Entra's older jobs send.
        """
        return self._resolve(path)

    @cached_property
    def _resolve(self) -> Callable[[AttributePath], Target | None]:
        return lru_cache(maxsize=512)(self._meaning)  # a client names the same few attributes again and again

    def _meaning(self, path: AttributePath) -> Target | None:
        if not path.urn:
            return self._in_core(path.name, path.sub) or self._in_extensions(path.name, path.sub)
        if path.urn.lower() in self._schemas:
            return self._in_schema(self._schemas[path.urn.lower()], path.name, path.sub)
        schema = self._schemas.get(f"{path.urn}:{path.name}".lower())
        if schema is None:
            return None
        if path.sub:
            return self._in_schema(schema, *_split(path.sub))
        return None if schema is self.schema else Target(schema.id, None)

    def _in_schema(self, schema: Schema, name: str, sub: str) -> Target | None:
        if schema is self.schema:
            return self._in_core(name, sub) or self._in_extensions(name, sub)
        return _found(schema.id, schema.attributes.get(name.lower()), sub)

    def _in_core(self, name: str, sub: str) -> Target | None:
        return _found("", self.core.get(name.lower()), sub)

    def _in_extensions(self, name: str, sub: str) -> Target | None:
        for schema in self.extensions:
            if found := _found(schema.id, schema.attributes.get(name.lower()), sub):
                return found
        return None

    def document(self) -> dict[str, Any]:
        """Return the resource type as discovery serves it, without `meta`."""
        return {
            "schemas": ["urn:ietf:params:scim:schemas:core:2.0:ResourceType"],
            "id": self.name,
            "name": self.name,
            "endpoint": self.endpoint,
            "description": self.schema.document.get("description", self.name),
            "schema": self.schema.id,
            "schemaExtensions": [{"schema": schema.id, "required": False} for schema in self.extensions],
        }


def _hides(attributes: Iterable[Attribute]) -> bool:
    """What is read-only comes from the service, which reads it for nobody who does not ask."""
    return any(
        (each.returned in ("never", "request") and each.mutability != "readOnly")
        or _hides(each.sub_attributes.values())
        for each in attributes
    )


def _split(names: str) -> tuple[str, str]:
    name, _, sub = names.partition(".")
    return name, sub


def _found(extension: str, attribute: Attribute | None, sub: str) -> Target | None:
    if attribute is None:
        return None
    if not sub:
        return Target(extension, attribute)
    found = attribute.sub(sub)
    return Target(extension, attribute, found) if found else None


@dataclass(frozen=True)
class Schemas:
    """Everything the service knows about resources: its schemas and its resource types."""

    user: ResourceType
    group: ResourceType

    @property
    def resource_types(self) -> tuple[ResourceType, ...]:
        """All resource types, in the order in which discovery lists them."""
        return (self.user, self.group)

    @property
    def all(self) -> tuple[Schema, ...]:
        """All schemas, core before extensions."""
        cores = [each.schema for each in self.resource_types]
        return (*cores, *(schema for each in self.resource_types for schema in each.extensions))


def load_schemas(folder: Path | None = None) -> Schemas:
    """Return the built-in schemas, with the extensions in `folder` if there is one.

    Each `*.json` file of the folder is a schema document. Its URN ends in `:User` or `:Group`, which is the
    resource type that it extends, as in `urn:ietf:params:scim:schemas:extension:Contoso:2.0:User`.

    Raises SchemaDocumentError when a document cannot be used.
    """
    user, group, enterprise_user = [
        _schema(name, _read(SCHEMAS_FOLDER / name)) for name in ("user.json", "group.json", "enterprise_user.json")
    ]
    users, groups = ResourceType("User", "/Users", user, (enterprise_user,)), ResourceType("Group", "/Groups", group)
    if folder is not None and not folder.is_dir():
        raise SchemaDocumentError(f"'{folder}' is no folder")
    paths = sorted(folder.glob("*.json")) if folder else []
    return _with(Schemas(users, groups), [_extension(str(path), _read(path)) for path in paths])


def extended(schemas: Schemas, documents: Iterable[Any]) -> Schemas:
    """Return the schemas with further extensions, whose documents are as in the files of `load_schemas`.

    Raises SchemaDocumentError when a document cannot be used.
    """
    return _with(schemas, [_extension("the document", document) for document in documents])


def _with(schemas: Schemas, further: list[Schema]) -> Schemas:
    _check_unique([*schemas.all, *further])
    user, group = schemas.user, schemas.group
    return Schemas(
        replace(user, extensions=(*user.extensions, *_extending("user", further))),
        replace(group, extensions=(*group.extensions, *_extending("group", further))),
    )


def _read(path: Path) -> Any:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise SchemaDocumentError(f"{path}: not a schema document of RFC 7643 §7: {error!r}") from error


def _schema(where: str, document: Any) -> Schema:
    try:
        return Schema.from_document(document)
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise SchemaDocumentError(f"{where}: not a schema document of RFC 7643 §7: {error!r}") from error


def _extension(where: str, document: Any) -> Schema:
    schema = _schema(where, document)
    if _extended(schema) not in ("user", "group"):
        raise SchemaDocumentError(f"{where}: the id '{schema.id}' must end in ':User' or ':Group'")
    return schema


def _extended(schema: Schema) -> str:
    return schema.id.rpartition(":")[2].lower()


def _extending(kind: str, schemas: Iterable[Schema]) -> list[Schema]:
    return [schema for schema in schemas if _extended(schema) == kind]


def _check_unique(schemas: Iterable[Schema]) -> None:
    seen: set[str] = set()
    for schema in schemas:
        if schema.id.lower() in seen:
            raise SchemaDocumentError(f"two schema documents have the id '{schema.id}'")
        seen.add(schema.id.lower())
