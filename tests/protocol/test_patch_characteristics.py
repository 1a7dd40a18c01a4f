"""PATCH and the characteristics of attributes: one primary value, mutability, required."""

from typing import Any

import pytest

from scim.protocol.errors import (
    InvalidValue,
    Mutability,
)
from tests.samples import BARE, CONTOSO, CORE, ENTERPRISE, HOME, MANAGER, MIRA, WORK, op, patched, with_contoso


def test_a_value_that_becomes_primary_takes_that_from_the_other() -> None:
    """§3.5.2: the service sets the old primary value to false, whichever way the new one came."""
    expected = [{**WORK, "primary": False}, {**HOME, "primary": True}]
    assert patched(MIRA, op("replace", 'emails[type eq "home"].primary', "True"))["emails"] == expected
    assert patched(MIRA, op("add", "emails", [{**HOME, "primary": True}]))["emails"] == expected
    assert patched(MIRA, op("replace", 'emails[type eq "home"]', {**HOME, "primary": True}))["emails"] == expected
    new = {"value": "n", "type": "other", "primary": True}
    assert patched(MIRA, op("add", None, {"emails": [new]}))["emails"] == [{**WORK, "primary": False}, HOME, new]


TAKEN = op("Add", 'emails[type eq "other"].primary', "True")


@pytest.mark.parametrize(
    "operations",
    [
        [TAKEN],
        [op("Add", 'emails[type eq "other"].value', ""), TAKEN],
        [TAKEN, op("Add", 'emails[type eq "third"].primary', "True")],
        [TAKEN, op("Replace", 'emails[type eq "home"].primary', "False")],
    ],
)
def test_a_value_that_never_comes_takes_primary_from_nobody(operations: list[dict[str, Any]]) -> None:
    """Entra maps `.primary` of an e-mail that a user does not have."""
    changed = patched(MIRA, *operations, op("Replace", 'emails[type eq "work"].value', "n"))["emails"]
    assert [each["type"] for each in changed if each.get("primary")] == ["work"]
    assert changed[0] == {**WORK, "value": "n"}


def test_primary_goes_back_to_the_value_that_had_it_last() -> None:
    """Not where another one kept it, or where the client itself took it away."""
    home = op("Replace", 'emails[type eq "home"].primary', True)
    assert patched(MIRA, home, TAKEN)["emails"] == [{**WORK, "primary": False}, {**HOME, "primary": True}]
    emptied = [home, op("Remove", 'emails[type eq "home"]')]
    assert patched(MIRA, *emptied)["emails"] == [{**WORK, "primary": False}]
    refused = op("Replace", 'emails[type eq "work"].primary', False)
    assert patched(MIRA, TAKEN, refused)["emails"] == [{**WORK, "primary": False}, HOME]


def test_the_primary_value_stays_primary_when_it_changes() -> None:
    """A new address in the primary e-mail touches no other."""
    changed = patched(MIRA, op("replace", "emails[primary eq true].value", "n"))
    assert changed["emails"] == [{**WORK, "value": "n"}, HOME]


@pytest.mark.parametrize(
    "operation",
    [
        op("add", "emails", [{"value": "a", "primary": True}, {"value": "b", "primary": True}]),
        op("replace", "emails", [{"value": "a", "primary": True}, {"value": "b", "primary": "True"}]),
        op("replace", "phoneNumbers[value pr].primary", True),
    ],
)
def test_two_primary_values_are_refused(operation: dict[str, Any]) -> None:
    """RFC 7643 §2.4: primary is true for one value at most."""
    with pytest.raises(InvalidValue, match="primary"):
        patched({**MIRA, "phoneNumbers": [{"value": "1"}, {"value": "2"}]}, operation)


@pytest.mark.parametrize(
    "operation",
    [
        op("replace", "id", "other"),
        op("remove", "id"),
        op("add", "groups", [{"value": "g"}]),
        op("remove", "groups"),
        op("replace", "meta.created", "2020-01-01T00:00:00Z"),
        op("replace", None, {"id": "other"}),
        op("replace", f"{CONTOSO}:grade", "9"),
        op("add", f"{ENTERPRISE}:manager.displayName", "x"),
        op("replace", "meta", {"resourceType": "User"}),
        op("replace", "meta.resourceType", "User"),
    ],
)
def test_a_path_to_a_read_only_attribute_is_a_mutability_error(operation: dict[str, Any]) -> None:
    """§3.5.2; another id than the resource's own is refused in an object as well."""
    with pytest.raises(Mutability):
        patched(MIRA, operation)


def test_read_only_attributes_that_are_echoed_do_no_harm() -> None:
    """Okta repeats the own id in every rename; a merged resource brings groups and meta along."""
    echo = {"id": MIRA["id"], "schemas": [CORE], "groups": [{"value": "g"}], "meta": {"version": "x"}}
    assert patched(MIRA, op("replace", None, {**echo, "title": "C"})) == {**MIRA, "title": "C"}
    assert patched(MIRA, op("replace", "id", MIRA["id"])) == MIRA
    inside = {f"{MANAGER}.displayName": "Boss", "manager": {"value": "26118915", "displayName": "Boss"}}
    assert patched(MIRA, op("replace", None, {**inside, "title": "C", "meta.version": "x"})) == {**MIRA, "title": "C"}


def test_schemas_follow_from_the_attributes() -> None:
    """A client that adds an attribute of an extension may add the URN too; that changes nothing by itself."""
    assert patched(MIRA, op("add", "schemas", [CONTOSO])) == MIRA


def test_an_immutable_attribute_is_set_once() -> None:
    """§3.5.2: a value may be added where there is none; afterwards only the same one."""
    path = f"{CONTOSO}:badge"
    given = patched(with_contoso(), op("add", path, "7"))
    assert given == with_contoso(badge="7")
    assert patched(given, op("replace", path, "7")) == given
    for operation in (op("replace", path, "8"), op("remove", path), op("replace", path, ""), op("remove", CONTOSO)):
        with pytest.raises(Mutability, match="immutable"):
            patched(given, operation)


def test_an_immutable_sub_attribute_is_set_once() -> None:
    """The same for a sub-attribute of a complex attribute, by path and by object."""
    before = with_contoso(office={"building": "A", "key": "7"})
    office = f"{CONTOSO}:office"
    assert patched(before, op("add", office, {"key": "7", "floor": "2"})) == with_contoso(
        office={"building": "A", "key": "7", "floor": 2}
    )
    for operation in (
        op("replace", f"{office}.key", "8"),
        op("remove", f"{office}.key"),
        op("add", office, {"key": "8"}),
        op("replace", office, {"key": None, "building": "B"}),
    ):
        with pytest.raises(Mutability, match="immutable"):
            patched(before, operation)
    assert patched(before, op("remove", office)) == with_contoso()


def test_an_immutable_sub_attribute_of_a_value_cannot_be_changed_by_adding_the_value_again() -> None:
    """The value may go as a whole, but not get another seal."""
    before = with_contoso(devices=[{"value": "d1", "seal": "s1"}])
    devices = f"{CONTOSO}:devices"
    for operation in (
        op("add", devices, [{"value": "d1", "seal": "s2"}]),
        op("replace", f'{devices}[value eq "d1"].seal', "s2"),
        op("add", f'{devices}[value eq "d1"]', {"seal": "s2"}),
    ):
        with pytest.raises(Mutability, match="immutable"):
            patched(before, operation)
    assert patched(before, op("remove", f'{devices}[value eq "d1"]')) == with_contoso()


@pytest.mark.parametrize(
    "operation", [op("remove", "userName"), op("replace", "userName", ""), op("replace", None, {"userName": None})]
)
def test_a_required_attribute_cannot_be_taken_away(operation: dict[str, Any]) -> None:
    """§3.5.2.2 calls that mutability; in between, a later operation may bring the value back."""
    with pytest.raises(Mutability, match="userName is required"):
        patched(MIRA, operation)
    assert patched(MIRA, operation, op("add", "userName", "new"))["userName"] == "new"


def test_an_extension_that_comes_to_be_needs_its_required_attributes() -> None:
    """What was never there was not taken away: the value is missing."""
    with pytest.raises(InvalidValue, match=f"{CONTOSO}:clearance is required"):
        patched(BARE, op("add", f"{CONTOSO}:site", "Oslo"))
    assert patched(BARE, op("add", CONTOSO, {"clearance": "lobby", "site": "Oslo"}))[CONTOSO]["site"] == "Oslo"
    with pytest.raises(Mutability, match="clearance"):
        patched(with_contoso(site="Oslo"), op("remove", f"{CONTOSO}:clearance"))
    with pytest.raises(InvalidValue, match=r"devices\.value is required"):
        patched(with_contoso(), op("add", f"{CONTOSO}:devices", [{"seal": "s"}]))
