"""PATCH in the words of Entra, Okta and others, whom RFC 7644 leaves room."""

from typing import Any

import pytest

from scim.protocol.errors import (
    NoTarget,
)
from scim.protocol.resource import Resource
from tests.samples import BARE, CORE, ENTERPRISE, HOME, MANAGER, MIRA, WORK, op, patched


@pytest.mark.parametrize(
    "operation",
    [
        op("Replace", "active", "False"),
        op("Replace", "active", "false"),
        op("Replace", "active", False),
        op("replace", "active", False),
        op("Add", "active", "False"),
        op("RePlAcE", "ACTIVE", "FALSE"),
        op("replace", None, {"active": False}),
        op("replace", None, {"active": "False"}),
        op("Replace", f"{CORE}:active", "False"),
        op("replace", None, {CORE: {"active": False}}),
    ],
)
def test_every_way_to_disable_a_user_disables(operation: dict[str, Any]) -> None:
    """Default dialect, flag dialect, the documentation page, Okta: `active` is false, nothing else changes."""
    assert patched(MIRA, operation) == {**MIRA, "active": False}


def test_the_flag_dialect_changes_dotted_and_qualified_keys_in_one_value() -> None:
    """Keys of a value without path are paths, not names of attributes with dots in them."""
    changed = patched(
        MIRA,
        op("replace", 'emails[type eq "work"].value', "m2"),
        op(
            "replace",
            None,
            {
                "displayName": "Mira S",
                "name.givenName": "M",
                "NAME.familyName": "S",
                f"{ENTERPRISE}:employeeNumber": "77",
                f"{CORE}:title": "Captain",
                'phoneNumbers[type eq "mobile"].value': "1",
                "department": "Land",
            },
        ),
    )
    assert changed == {
        **MIRA,
        "displayName": "Mira S",
        "name": {"givenName": "M", "familyName": "S"},
        "title": "Captain",
        "emails": [{**WORK, "value": "m2"}, HOME],
        "phoneNumbers": [{"type": "mobile", "value": "1"}],
        ENTERPRISE: {**MIRA[ENTERPRISE], "employeeNumber": "77", "department": "Land"},
    }


@pytest.mark.parametrize(
    "path",
    [
        'emails[type eq "work"].value',
        'emails[type eq "work"].Value',
        'Emails[Type EQ "WORK"].VALUE',
        f'{CORE}:emails[type eq "work"].value',
        "emails[primary eq true].value",
        'emails[primary eq "True"].value',
        'emails[type eq "work" and primary eq true].value',
    ],
)
def test_names_in_a_path_match_whatever_their_case_and_qualification(path: str) -> None:
    """The work e-mail is found by each of these paths."""
    assert patched(MIRA, op("Replace", path, "n"))["emails"] == [{**WORK, "value": "n"}, HOME]


LED = {**BARE, ENTERPRISE: {"manager": {"value": "old", "$ref": "https://x.example/Users/old"}}}


@pytest.mark.parametrize("before", [BARE, LED], ids=["nobody before", "another before"])
@pytest.mark.parametrize(
    "operation",
    [
        op("Add", MANAGER, "new"),
        op("replace", MANAGER, "new"),
        op("add", MANAGER, {"value": "new"}),
        op("replace", MANAGER, {"value": "new"}),
        op("Add", "manager", [{"value": "new"}]),
        op("Replace", "manager", [{"value": "new"}]),
        op("Add", f"{ENTERPRISE}.manager", "new"),
        op("replace", None, {MANAGER: "new"}),
        op("replace", None, {ENTERPRISE: {"manager": "new"}}),
        op("replace", f"{MANAGER}.value", "new"),
        op("add", ENTERPRISE, {"manager": {"value": "new"}}),
    ],
)
def test_every_way_to_set_the_manager_sets_it(operation: dict[str, Any], before: Resource) -> None:
    """Bare id, object, list of one, dotted URN, pathless; a reference to the manager before is not kept."""
    assert patched(before, operation) == {**BARE, ENTERPRISE: {"manager": {"value": "new"}}}


def test_a_reference_beside_the_manager_is_kept() -> None:
    """Microsoft's page shows `$ref` and `value` together."""
    manager = {"$ref": "https://x.example/Users/new", "value": "new"}
    assert patched(LED, op("Add", "manager", [manager])) == {**BARE, ENTERPRISE: {"manager": manager}}


@pytest.mark.parametrize(
    "operation",
    [
        op("Remove", MANAGER),
        op("remove", "manager"),
        op("remove", f"{ENTERPRISE}.manager"),
        op("replace", MANAGER, ""),
        op("replace", MANAGER, None),
        op("add", MANAGER, {"value": ""}),
        op("replace", MANAGER, {"value": ""}),
        op("replace", MANAGER, {"value": None}),
        op("remove", 'manager[value eq "old"]'),
        op("remove", f'{MANAGER}[value eq "old"]'),
        op("remove", f"{MANAGER}.value"),
        op("replace", None, {MANAGER: ""}),
        op("replace", MANAGER, {}),
    ],
)
def test_every_way_to_clear_the_manager_clears_it(operation: dict[str, Any]) -> None:
    """Afterwards there is no manager at all; and clearing twice is no error."""
    assert patched(LED, operation) == BARE
    assert patched(BARE, operation) == BARE


def test_a_filter_on_the_manager_selects_that_manager_only() -> None:
    """Removing somebody who is not the manager succeeds and changes nothing; setting through it has no target."""
    assert patched(LED, op("remove", 'manager[value eq "somebody"]')) == LED
    with pytest.raises(NoTarget):
        patched(LED, op("replace", 'manager[value eq "somebody"]', "new"))


JSON_ROLE = '{"id":"06b0","value":"25","displayName":"Role1234"}'


@pytest.mark.parametrize(
    ("operation", "roles"),
    [
        (op("Add", "roles", [{"value": JSON_ROLE}]), [{"value": "a"}, {"value": "25", "display": "Role1234"}]),
        (op("Add", "roles", [{"value": "b", "displayName": "B"}]), [{"value": "a"}, {"value": "b", "display": "B"}]),
        (
            op("replace", "roles", [{"primary": "False", "type": "W", "display": "B", "value": "b"}]),
            [{"primary": False, "type": "W", "display": "B", "value": "b"}],
        ),
        (op("Add", 'roles[primary eq "True"].value', "b"), [{"value": "a"}, {"value": "b", "primary": True}]),
        (op("Add", "roles", [{"value": "{not json"}]), [{"value": "a"}, {"value": "{not json"}]),
        (op("Add", "roles", ["b"]), [{"value": "a"}, {"value": "b"}]),
    ],
)
def test_every_form_of_roles_becomes_roles(operation: dict[str, Any], roles: list[Resource]) -> None:
    """JSON text inside value, displayName for display, primary as text, a filtered path."""
    assert patched({**BARE, "roles": [{"value": "a"}]}, operation) == {**BARE, "roles": roles}


def test_the_single_role_is_built_from_three_paths() -> None:
    """SingleAppRoleAssignment maps value, display and type, each with its own operation."""
    paths = {"value": "Admin", "display": "Administrator", "type": "W"}
    changed = patched(BARE, *(op("Add", f'roles[primary eq "True"].{sub}', item) for sub, item in paths.items()))
    assert changed["roles"] == [{"primary": True, **paths}]
