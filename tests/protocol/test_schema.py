"""Schemas: the documents that discovery serves are those that validation uses, and a customer may add one."""

import json
from pathlib import Path
from typing import Any

import pytest

from scim.protocol.filter import parse_attribute
from scim.protocol.schema import CHARACTERISTICS, Attribute, SchemaDocumentError, load_schemas
from tests.samples import CONTOSO, CORE, ENTERPRISE, EXTENSIONS, GROUP, SCHEMAS, USER


def every(attribute: Attribute) -> list[Attribute]:
    return [attribute, *attribute.sub_attributes.values()]


def test_the_built_in_schemas_are_user_group_and_enterprise_user() -> None:
    """Without a folder there are three schemas and two resource types."""
    schemas = load_schemas()
    assert [each.id for each in schemas.all] == [CORE, GROUP.schema.id, ENTERPRISE]
    assert [(each.name, each.endpoint) for each in schemas.resource_types] == [("User", "/Users"), ("Group", "/Groups")]


def test_a_schema_document_in_a_folder_extends_the_resource_type_that_its_urn_ends_with(tmp_path: Path) -> None:
    """Contoso's document extends users; one whose URN ends in Group extends groups."""
    document = json.loads((EXTENSIONS / "contoso_user.json").read_text())
    document["id"] = "urn:ietf:params:scim:schemas:extension:Contoso:2.0:Group"
    (tmp_path / "group.json").write_text(json.dumps(document))
    schemas = load_schemas(tmp_path)
    assert [each.id for each in SCHEMAS.user.extensions] == [ENTERPRISE, CONTOSO]
    assert [each.id for each in schemas.group.extensions] == [document["id"]]
    assert [each.id for each in schemas.user.extensions] == [ENTERPRISE]


def test_discovery_serves_the_document_itself() -> None:
    """The attributes of a schema are those of its document, in their order."""
    for schema in SCHEMAS.all:
        assert [each["name"] for each in schema.document["attributes"]] == [
            each.name for each in schema.attributes.values()
        ]
        assert schema.document["schemas"] == ["urn:ietf:params:scim:schemas:core:2.0:Schema"]


def test_the_documents_tell_what_entra_looks_for() -> None:
    """externalId is listed for users and groups; emails, phoneNumbers and addresses say which types they have.

    Entra makes `emails[type eq "work"].value` of canonical types.
    """
    user, group = USER.schema.attributes, GROUP.schema.attributes
    assert "externalid" in user and "externalid" in group
    for name in ("emails", "phonenumbers", "addresses"):
        kind = user[name].sub("type")
        assert kind and "work" in kind.canonical_values


def test_every_type_has_canonical_values() -> None:
    """draft-zollner-scim-interop-profile asks for them, so that clients know which types they may write."""
    typed = [each for resource_type in (USER, GROUP) for each in resource_type.schema.attributes.values()]
    kinds = {each.name: each.sub("type") for each in typed if each.multi_valued and each.sub("type")}
    assert {"emails", "members", "roles", "entitlements", "x509Certificates"} <= set(kinds)
    assert [name for name, kind in kinds.items() if not (kind and kind.canonical_values)] == []


def test_the_documents_leave_out_what_entra_must_not_map() -> None:
    """id, schemas and meta are common to all resources; a password is not kept."""
    assert not {"id", "schemas", "meta", "password"} & set(USER.schema.attributes)


def test_documents_have_no_nulls() -> None:
    """Entra's reader of /Schemas fails over a null."""

    def nulls(value: Any) -> bool:
        if isinstance(value, dict):
            return any(map(nulls, value.values()))
        return any(map(nulls, value)) if isinstance(value, list) else value is None

    assert not any(nulls(schema.document) for schema in SCHEMAS.all)


def test_unique_names_compare_without_case() -> None:
    """userName and displayName of groups are the unique attributes, whatever the letter case."""
    unique = [
        (kind.name, each.name, each.case_exact)
        for kind in load_schemas().resource_types
        for each in kind.core.values()
        if each.uniqueness == "server" and each.name != "id"
    ]
    assert unique == [("User", "userName", False), ("Group", "displayName", False)]


def test_the_sample_extension_has_every_characteristic() -> None:
    """What the tests prove of Contoso's document holds for every type, mutability and way of returning."""
    attributes = [each for top in USER.extensions[1].attributes.values() for each in every(top)]
    assert {each.type for each in attributes} == set(CHARACTERISTICS["type"])
    assert {each.mutability for each in attributes} == set(CHARACTERISTICS["mutability"])
    assert {each.returned for each in attributes} == set(CHARACTERISTICS["returned"])
    assert any(each.required for each in attributes) and any(each.multi_valued for each in attributes)


def test_references_and_binaries_are_case_exact_unless_the_document_says_otherwise() -> None:
    """RFC 7643 §2.3.6 and §2.3.7; texts are not, §2.2."""
    kinds = {kind: Attribute.from_document({"name": "x", "type": kind}) for kind in CHARACTERISTICS["type"]}
    assert {kind for kind, each in kinds.items() if each.case_exact} == {"reference", "binary"}
    assert Attribute.from_document({"name": "x"}) == Attribute("x")
    assert not Attribute.from_document({"name": "x", "type": "reference", "caseExact": False}).case_exact


@pytest.mark.parametrize(
    ("path", "found"),
    [
        ("userName", "userName"),
        ("USERNAME", "userName"),
        ("name.GIVENname", "name.givenName"),
        ("meta.lastmodified", "meta.lastModified"),
        ("id", "id"),
        ("externalId", "externalId"),
        ("manager", f"{ENTERPRISE}:manager"),
        ("manager.value", f"{ENTERPRISE}:manager.value"),
        ("site", f"{CONTOSO}:site"),
        (f"{CORE}:userName", "userName"),
        (f"{CORE.upper()}:name.familyName", "name.familyName"),
        (f"{CORE}.userName", "userName"),
        (f"{CORE}:site", f"{CONTOSO}:site"),
        (f"{ENTERPRISE}:department", f"{ENTERPRISE}:department"),
        (f"{ENTERPRISE.lower()}:Manager.Value", f"{ENTERPRISE}:manager.value"),
        (f"{ENTERPRISE}.manager", f"{ENTERPRISE}:manager"),
        (f"{ENTERPRISE}.manager.value", f"{ENTERPRISE}:manager.value"),
        (ENTERPRISE, ENTERPRISE),
        (CORE, None),
        ("unknown", None),
        ("name.unknown", None),
        ("userName.value", None),
        (f"{ENTERPRISE}:userName", None),
        (f"{ENTERPRISE}:unknown", None),
        (f"{ENTERPRISE}.unknown", None),
        ("urn:unknown:userName", None),
        ("members", None),
        ("a.b.c", None),
    ],
)
def test_a_path_resolves_to_an_attribute_in_canonical_spelling(path: str, found: str | None) -> None:
    """Any case, with and without URN, with Entra's dot; an unqualified name may lie in an extension."""
    target = USER.resolve(parse_attribute(path))
    assert (str(target) if target else None) == found


def test_a_resource_type_describes_itself() -> None:
    """RFC 7643 §6: endpoint, schema, and the extensions, none of which is required."""
    document = USER.document()
    assert (document["id"], document["endpoint"], document["schema"]) == ("User", "/Users", CORE)
    assert document["schemaExtensions"] == [
        {"schema": ENTERPRISE, "required": False},
        {"schema": CONTOSO, "required": False},
    ]


GOOD: dict[str, Any] = {"id": "urn:x:User", "name": "X", "attributes": [{"name": "a"}]}


@pytest.mark.parametrize(
    ("document", "complaint"),
    [
        ("{", "not a schema document"),
        ("[]", "not a schema document"),
        ('"text"', "not a schema document"),
        ({}, "'id'"),
        ({**GOOD, "attributes": ...}, "'attributes'"),
        ({**GOOD, "attributes": {"a": "string"}}, "not a schema document"),
        ({**GOOD, "attributes": ["a"]}, "not a schema document"),
        ({**GOOD, "attributes": [{"type": "string"}]}, "'name'"),
        ({**GOOD, "attributes": [{"name": 5}]}, "not a schema document"),
        ({**GOOD, "attributes": [{"name": "a", "type": "text"}]}, "unknown type 'text'"),
        ({**GOOD, "attributes": [{"name": "a", "mutability": "readonly"}]}, "unknown mutability 'readonly'"),
        ({**GOOD, "attributes": [{"name": "a", "returned": "Never"}]}, "unknown returned 'Never'"),
        ({**GOOD, "attributes": [{"name": "a", "uniqueness": True}]}, "unknown uniqueness 'True'"),
        ({**GOOD, "attributes": [{"name": "a"}, {"name": "A"}]}, "same name"),
        ({**GOOD, "attributes": [{"name": "a", "type": "complex", "subAttributes": [{"name": "b", "type": "x"}]}]},
         "unknown type 'x'"),
        ({**GOOD, "id": 5}, "must be a URN"),
        ({**GOOD, "id": "Contoso:User"}, "must be a URN"),
        ({**GOOD, "id": "urn:x:Device"}, "must end in ':User' or ':Group'"),
        ({**GOOD, "id": ENTERPRISE.upper()}, "two schema documents have the id"),
    ],
)  # fmt: skip
def test_a_document_that_cannot_be_used_is_refused_by_name(tmp_path: Path, document: Any, complaint: str) -> None:
    """The service does not start, and says which file has what wrong with it."""
    if isinstance(document, dict):
        document = json.dumps({name: item for name, item in document.items() if item is not ...})
    (tmp_path / "odd.json").write_text(document)
    with pytest.raises(SchemaDocumentError, match=r"odd\.json|two schema") as refusal:
        load_schemas(tmp_path)
    assert complaint in str(refusal.value)


def test_a_folder_that_is_none_is_refused(tmp_path: Path) -> None:
    """A mistyped setting must not silently leave the extensions out."""
    with pytest.raises(SchemaDocumentError, match="is no folder"):
        load_schemas(tmp_path / "nowhere")
