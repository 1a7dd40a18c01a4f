"""The attribute mapping: bodies of create requests, and reading values back."""

import pytest

from scim.simulate.source.mapping import COLUMNS, EMAIL, ENTERPRISE, group_body, manager_of, place, read, user_body


def test_a_user_is_created_with_the_nesting_that_entra_sends() -> None:
    """One work element for each multi-valued attribute, the extension under its URN, roles empty, no manager."""
    short = {
        "userName": "mira@x.example",
        "externalId": "e1",
        "email": "m@x.example",
        "givenName": "Mira",
        "familyName": "Solberg",
        "streetAddress": "1 Fjordgata",
        "locality": "Oslo",
        "phone": "+47 1",
        "department": "IT",
    }

    assert user_body({COLUMNS[name]: value for name, value in short.items()}) == {
        "schemas": [
            "urn:ietf:params:scim:schemas:core:2.0:User",
            "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User",
        ],
        "externalId": "e1",
        "userName": "mira@x.example",
        "active": True,
        "emails": [{"primary": True, "type": "work", "value": "m@x.example"}],
        "name": {"givenName": "Mira", "familyName": "Solberg"},
        "addresses": [{"type": "work", "streetAddress": "1 Fjordgata", "locality": "Oslo"}],
        "phoneNumbers": [{"type": "work", "value": "+47 1"}],
        "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User": {"department": "IT"},
        "meta": {"resourceType": "User"},
        "roles": [],
    }


def test_a_group_is_created_with_the_legacy_schema_and_without_members() -> None:
    """Entra names a second schema that nobody defines."""
    assert group_body({"displayName": "Crew", "externalId": "g1"}) == {
        "schemas": [
            "urn:ietf:params:scim:schemas:core:2.0:Group",
            "http://schemas.microsoft.com/2006/11/ResourceManagement/ADSCIM/2.0/Group",
        ],
        "externalId": "g1",
        "displayName": "Crew",
        "meta": {"resourceType": "Group"},
    }


@pytest.mark.parametrize("path", COLUMNS.values())
def test_what_a_create_request_holds_is_read_back_at_its_path(path: str) -> None:
    """Writing and reading agree on every attribute of the mapping."""
    assert read(user_body({path: "value"}), path) == ["value"]
    assert read({}, path) == []


def test_two_values_of_one_type_are_both_read() -> None:
    """An endpoint that appends instead of replacing must not go unnoticed."""
    resource = {
        "emails": [{"type": "work", "value": "a"}, {"type": "home", "value": "b"}, {"type": "work", "value": "c"}]
    }

    assert read(resource, EMAIL) == ["a", "c"]


@pytest.mark.parametrize("manager", [{}, {"value": ""}, {"value": None}, "u1", None, ["u1"]])
def test_anything_but_an_object_with_an_id_is_no_manager(manager: object) -> None:
    """Entra cannot read a manager that is bare text, and an empty value means none."""
    assert manager_of({ENTERPRISE: {"manager": manager}}) is None
    assert manager_of({ENTERPRISE: {"manager": {"value": "u1"}}}) == "u1"


def test_a_text_that_is_no_path_is_refused() -> None:
    """The mapping holds paths of four shapes only."""
    with pytest.raises(ValueError, match="is not an attribute path"):
        place("emails[type eq")
