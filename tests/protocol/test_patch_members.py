"""PATCH of the members of a group, by id and without knowing the others."""

from typing import Any

import pytest

from scim.protocol.errors import (
    InvalidPath,
    InvalidSyntax,
    InvalidValue,
    Mutability,
    ScimError,
)
from scim.protocol.members import MemberChange, member_ids
from scim.protocol.patch import MembersNeeded, apply
from scim.service.bodies import patch_operations
from tests.samples import GROUP, op, patched_group


@pytest.mark.parametrize(
    ("operation", "cleared", "wanted"),
    [
        (op("Add", "members", [{"$ref": None, "value": "u1"}]), False, {"u1": True}),
        (op("add", "members", [{"value": "u1"}, {"value": "u2"}, {"value": "u1"}]), False, {"u1": True, "u2": True}),
        (op("add", "members", {"value": "u1"}), False, {"u1": True}),
        (op("add", "members", "u1"), False, {"u1": True}),
        (op("add", None, {"members": [{"VALUE": "u1", "display": "x", "type": "User"}]}), False, {"u1": True}),
        (op("add", "members", []), False, {}),
        (op("Remove", "members", [{"$ref": None, "value": "u1"}]), False, {"u1": False}),
        (op("remove", "members", [{"value": "u1"}, {"value": "u2"}]), False, {"u1": False, "u2": False}),
        (op("remove", "members", {"value": "u1"}), False, {"u1": False}),
        (op("remove", "members", {"members": [{"value": "u1"}]}), False, {"u1": False}),
        (op("remove", "members", []), False, {}),
        (op("remove", 'members[value eq "u1"]'), False, {"u1": False}),
        (op("remove", "members[value eq u1]", "ignored"), False, {"u1": False}),
        (op("remove", 'MEMBERS[Value EQ "u1" or value eq "u2"]'), False, {"u1": False, "u2": False}),
        (op("remove", "members"), True, {}),
        (op("remove", "members", None), True, {}),
        (op("replace", "members", []), True, {}),
        (op("replace", "members", [{"value": "u1"}]), True, {"u1": True}),
        (op("replace", None, {"members": [{"value": "u1"}]}), True, {"u1": True}),
        (op("replace", f"{GROUP.schema.id}:members", [{"value": "u1"}]), True, {"u1": True}),
    ],
)
def test_members_change_by_id_without_knowing_the_others(
    operation: dict[str, Any], cleared: bool, wanted: dict[str, bool]
) -> None:
    """All forms of both dialects, Okta and JumpCloud: an empty list removes nobody, no value or null removes all."""
    change = patched_group(operation)
    assert change.members == MemberChange(cleared, wanted)
    assert bool(change.members) is (cleared or bool(wanted))
    assert change.resource == {"id": "fedcba9876543210fedcba9876543210", "displayName": "Crew"}


@pytest.mark.parametrize(
    "named",
    [
        "https://x.example/scim/v2/Users/u1",
        "/Users/u1",
        "Groups/u1/",
        "../users/u1",
        {"value": "/Users/u1"},
        {"$ref": "https://x.example/scim/v2/Groups/u1", "display": "U"},
        {"$REF": "/Users/u1"},
        {"value": "u1", "$ref": "/Users/u2"},
    ],
)
@pytest.mark.parametrize("operator", ["add", "remove", "replace"])
def test_the_address_of_a_member_is_read_as_its_id(operator: str, named: Any) -> None:
    """Who removes `/Users/u1` would be told of a success, and u1 stay inside."""
    for value in (named, [named]):
        assert patched_group(op(operator, "members", value)).members.wanted == {"u1": operator != "remove"}


@pytest.mark.parametrize(
    "selection",
    [
        'value eq "/Users/u1"',
        '$ref eq "https://x.example/scim/v2/Users/u1"',
        '$REF eq "/Users/u1" or value eq "u1"',
        'type eq "User" and value eq "/Users/u1"',
        'not (value ne "/Users/u1" or $ref ne "/Users/u1")',
    ],
)
def test_members_are_selected_by_their_addresses_as_by_their_ids(selection: str) -> None:
    """In every filter that compares all of the address."""
    members = [{"value": "u1", "type": "User"}, {"value": "u2", "type": "User"}]
    assert patched_group(op("remove", f"members[{selection}]"), members=members).members.removed == ["u1"]


@pytest.mark.parametrize("text", ["u1 ", "/Users/u1?x=1", "/Users/u1/photo", "people/u1", "/Users/"])
def test_what_is_no_address_stays_as_it_is(text: str) -> None:
    """It is no id either: as a member it is refused, as one to remove it is nobody."""
    assert member_ids([text]) == [text]


def test_later_operations_on_members_override_earlier_ones() -> None:
    """Added and then removed is removed; cleared and then added is added."""
    add, remove = op("add", "members", ["u1", "u2"]), op("remove", 'members[value eq "u1"]')
    assert patched_group(add, remove).members == MemberChange(False, {"u1": False, "u2": True})
    assert patched_group(remove, add).members == MemberChange(False, {"u1": True, "u2": True})
    assert patched_group(add, op("remove", "members")).members == MemberChange(True, {})
    change = patched_group(op("remove", "members"), add, remove).members
    assert (change.cleared, change.added, change.removed) == (True, ["u2"], ["u1"])


def test_a_rename_does_not_touch_members() -> None:
    """Okta sends id and name with every membership change; members are neither read nor changed."""
    change = patched_group(op("replace", None, {"id": "fedcba9876543210fedcba9876543210", "displayName": "Crew B"}))
    assert change.resource["displayName"] == "Crew B"
    assert not change.members


@pytest.mark.parametrize(
    ("operation", "error"),
    [
        (op("add", "members", [{"value": "u1", "operation": "delete"}]), InvalidSyntax),
        (op("replace", "members", [{"Operation": "delete", "value": "u1"}]), InvalidSyntax),
        (op("add", "members", [{"display": "x"}]), InvalidValue),
        (op("add", "members", [{"value": ""}]), InvalidValue),
        (op("add", "members", [{"value": 5}]), InvalidValue),
        (op("add", "members", [{"value": "u1", "Value": "u2"}]), InvalidValue),
        (op("replace", None, {"members": [{"value": "u1"}], "Members": []}), InvalidValue),
        (op("add", "members", [None]), InvalidValue),
        (op("add", "members", [[]]), InvalidValue),
        (op("add", "members", ""), InvalidValue),
        (op("replace", "members", None), InvalidValue),
        (op("remove", "members", ""), InvalidValue),
        (op("remove", "members", {}), InvalidValue),
        (op("remove", "members", {"value": None}), InvalidValue),
        (op("remove", "members", {"members": [{}]}), InvalidValue),
        (op("remove", "members.value"), InvalidPath),
        (op("replace", "members.type", "User"), InvalidPath),
        (op("remove", 'members[value eq "u1"].type'), InvalidPath),
        (op("add", 'members[value eq "u1"]', {"type": "User"}), InvalidPath),
        (op("replace", 'members[value eq "u1"].type', "User"), InvalidPath),
        (op("remove", 'members[$ref eq "https://x.example/scim/v2/Users/"]'), InvalidPath),
        (op("remove", 'members[$ref co "/Users/u1"]'), InvalidPath),
        (op("add", "members", [{"$ref": "https://x.example/photos/u1"}]), InvalidValue),
        (op("add", "members", [{"$ref": "/Users/u1", "$REF": "/Users/u2"}]), InvalidValue),
        (op("add", "members", [{"$ref": "/Users/u1", "value": ""}]), InvalidValue),
        (op("remove", 'members[value eq "u1" or $REF ew "u2"]'), InvalidPath),
        (op("replace", None, {"id": "other", "displayName": "Crew B"}), Mutability),
        (op("remove", "displayName"), Mutability),
    ],
)
def test_what_is_no_change_of_members_is_refused(operation: dict[str, Any], error: type[ScimError]) -> None:
    """A form that is not understood never empties a group."""
    with pytest.raises(error):
        patched_group(operation, members=[])


@pytest.mark.parametrize(
    "operation",
    [
        op("add", "members", None),
        op("replace", None, {"members": None, "displayName": "Crew B"}),
        op("add", GROUP.schema.id, {"members": None, "displayName": "Crew B"}),
    ],
)
def test_null_in_an_object_says_nothing_of_members(operation: dict[str, Any]) -> None:
    """As in a PUT; the rest of the operation counts."""
    change = patched_group(operation, members=[])
    assert not change.members
    assert change.resource["displayName"] == ("Crew" if operation.get("path") == "members" else "Crew B")


def test_members_are_needed_only_to_select_them_by_something_else_than_the_id() -> None:
    """The caller reads them and applies the operations again."""
    operations = (op("add", "members", ["u4"]), op("remove", 'members[type eq "Group" or value sw "u3"]'))
    with pytest.raises(MembersNeeded) as needed:
        patched_group(*operations, op("add", "members", ["u5"]))
    assert needed.value.added == ["u4"]
    members = [
        {"value": "u1", "type": "User"},
        {"value": "u2", "type": "Group"},
        {"value": "u3", "type": "User"},
    ]
    assert patched_group(*operations, members=members).members.wanted == {"u4": True, "u2": False, "u3": False}


def test_a_selection_of_members_sees_what_earlier_operations_did() -> None:
    """Who was removed or cleared before is not selected, who was added is."""
    members = [{"value": "u1", "type": "User"}, {"value": "u2", "type": "User"}]
    selected = op("remove", 'members[value sw "u"]')
    cleared = patched_group(op("replace", "members", ["u3", "x"]), selected, members=members).members
    assert cleared == MemberChange(True, {"u3": False, "x": True})
    removed = patched_group(op("remove", "members", ["u1"]), selected, members=members).members
    assert removed == MemberChange(False, {"u1": False, "u2": False})
    with pytest.raises(InvalidPath):
        patched_group(op("remove", 'members[unknown eq "x"]'), members=members)


def test_who_was_added_before_is_selected_by_what_it_is() -> None:
    """§3.5.2: operations apply in their order; the caller says what those are whom the operations add."""
    body = {"Operations": [op("add", "members", ["u1", "g1"]), op("remove", 'members[type eq "User"]')]}
    added = [{"value": "u1", "type": "User"}, {"value": "g1", "type": "Group"}]
    change = apply(GROUP, {"displayName": "Crew"}, patch_operations(body), [], added)
    assert change.members.wanted == {"u1": False, "g1": True}


def test_ids_of_members_are_named_once_in_their_order() -> None:
    """`display`, `$ref` and unknown keys do not matter."""
    assert member_ids([{"value": "b", "display": None}, "a", {"Value": "b"}]) == ["b", "a"]
    assert member_ids(None) == []
