"""The bodies of PATCH requests, letter by letter as the documentation of Entra shows them."""

from typing import Any

import pytest

from scim.simulate.job.dialect import Default, Dialects, Edit, Flag, edits
from scim.simulate.source.mapping import EMAIL, ENTERPRISE

MANAGER = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:manager"
EMPLOYEE_NUMBER = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:employeeNumber"


def operations(body: dict[str, Any]) -> Any:
    assert body["schemas"] == ["urn:ietf:params:scim:api:messages:2.0:PatchOp"]
    assert body.keys() == {"schemas", "Operations"}
    return body["Operations"]


def test_default_writes_one_capital_op_with_a_path_for_each_attribute() -> None:
    """Add when the target lacks the value, Replace when it has one."""
    changes = [Edit(EMAIL, "m@x.example", True), Edit("name.givenName", "Mira", False)]

    assert operations(Default().update(changes)) == [
        {"op": "Add", "path": 'emails[type eq "work"].value', "value": "m@x.example"},
        {"op": "Replace", "path": "name.givenName", "value": "Mira"},
    ]


@pytest.mark.parametrize(("active", "text"), [(True, "True"), (False, "False")])
def test_default_writes_active_as_a_capital_word(active: bool, text: str) -> None:
    """The default dialect sends booleans as text."""
    assert operations(Default().update([Edit("active", active, False)])) == [
        {"op": "Replace", "path": "active", "value": text}
    ]


def test_flag_writes_active_as_a_json_boolean() -> None:
    """The flag's dialect sends real booleans, with a path."""
    assert operations(Flag().update([Edit("active", False, False)])) == [
        {"op": "replace", "path": "active", "value": False}
    ]


def test_flag_puts_plain_attributes_into_one_op_without_a_path() -> None:
    """Value paths stay alone; the rest shares one value whose keys are dotted or carry the URN."""
    changes = [
        Edit("name.givenName", "Mira", False),
        Edit(EMAIL, "m2@x.example", False),
        Edit(EMPLOYEE_NUMBER, "77", False),
    ]

    assert operations(Flag().update(changes)) == [
        {"op": "replace", "path": 'emails[type eq "work"].value', "value": "m2@x.example"},
        {"op": "replace", "value": {"name.givenName": "Mira", EMPLOYEE_NUMBER: "77"}},
    ]


def test_flag_adds_one_absent_attribute_by_path_and_several_in_one_op() -> None:
    """A single addition keeps its path; several share an op."""
    one, two = Edit("preferredLanguage", "nb-NO", True), Edit(EMPLOYEE_NUMBER, "77", True)

    assert operations(Flag().update([one])) == [{"op": "add", "path": "preferredLanguage", "value": "nb-NO"}]
    assert operations(Flag().update([one, two])) == [
        {"op": "add", "value": {"preferredLanguage": "nb-NO", EMPLOYEE_NUMBER: "77"}}
    ]


def test_default_manager_is_a_bare_id_and_goes_with_remove() -> None:
    """The default dialect names the manager by the id alone."""
    assert operations(Default().manager("u1", absent=True)) == [{"op": "Add", "path": MANAGER, "value": "u1"}]
    assert operations(Default().manager("u2", absent=False)) == [{"op": "Replace", "path": MANAGER, "value": "u2"}]
    assert operations(Default().no_manager()) == [{"op": "Remove", "path": MANAGER}]


def test_flag_manager_is_an_object_and_goes_with_remove() -> None:
    """The flag's dialect names the manager by an object with the id as value."""
    assert operations(Flag().manager("u1", absent=True)) == [{"op": "add", "path": MANAGER, "value": {"value": "u1"}}]
    assert operations(Flag().manager("u2", absent=False)) == [
        {"op": "replace", "path": MANAGER, "value": {"value": "u2"}}
    ]
    assert operations(Flag().no_manager()) == [{"op": "remove", "path": MANAGER}]


def test_default_members_come_and_go_as_a_list_of_values_with_a_null_ref() -> None:
    """Remove with a list of values takes these members only: the form that strict servers get wrong."""
    value = [{"$ref": None, "value": "u1"}, {"$ref": None, "value": "u2"}]

    assert operations(Default().add_members(["u1", "u2"])) == [{"op": "Add", "path": "members", "value": value}]
    assert operations(Default().remove_members(["u1", "u2"])) == [{"op": "Remove", "path": "members", "value": value}]


def test_flag_members_go_with_one_filtered_op_each() -> None:
    """Each member is removed by an op of its own, all in one PATCH."""
    assert operations(Flag().add_members(["u1"])) == [{"op": "add", "path": "members", "value": [{"value": "u1"}]}]
    assert operations(Flag().remove_members(["u1", "u2"])) == [
        {"op": "remove", "path": 'members[value eq "u1"]'},
        {"op": "remove", "path": 'members[value eq "u2"]'},
    ]


def test_only_what_differs_is_edited_and_absence_is_noted() -> None:
    """Entra writes what differs, to the letter; a value the target lacks is an addition."""
    resource = {"userName": "mira@x.example", "name": {"givenName": "mira"}, ENTERPRISE: {"department": "IT"}}
    source = {
        "userName": "mira@x.example",
        "name.givenName": "Mira",
        EMAIL: "m@x.example",
        f"{ENTERPRISE}:department": "IT",
    }

    assert edits(source, resource) == [Edit("name.givenName", "Mira", False), Edit(EMAIL, "m@x.example", True)]


def test_both_gives_every_object_one_dialect_for_good() -> None:
    """A retry must not heal in the other dialect what the endpoint refused in the first."""
    dialects = Dialects("both")
    names = [dialects.choose(f"key-{number}").name for number in range(50)]

    assert set(names) == {"default", "flag"}
    assert names == [dialects.choose(f"key-{number}").name for number in range(50)]
    assert {Dialects("flag").choose(f"key-{number}").name for number in range(50)} == {"flag"}
