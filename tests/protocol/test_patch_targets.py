"""PATCH where the target is not there: a value that the filter describes comes to be, anything else is refused."""

from typing import Any

import pytest

from scim.protocol.errors import (
    InvalidPath,
    InvalidSyntax,
    InvalidValue,
    NoTarget,
    ScimError,
)
from tests.samples import BARE, CONTOSO, CORE, ENTERPRISE, MIRA, op, patched


@pytest.mark.parametrize("verb", ["Add", "Replace", "add", "replace"])
def test_a_value_that_the_filter_describes_comes_to_be(verb: str) -> None:
    """Entra adds or replaces `emails[type eq "work"].value` whether or not there is such a value."""
    made = patched(BARE, op(verb, 'emails[type eq "work"].value', "w"))
    assert made["emails"] == [{"type": "work", "value": "w"}]
    whole = patched(BARE, op(verb, 'addresses[type eq "work" and primary eq true]', {"locality": "Oslo"}))
    assert whole["addresses"] == [{"type": "work", "primary": True, "locality": "Oslo"}]
    role = patched(BARE, op(verb, 'roles[primary eq "True"].value', "Admin"))
    assert role["roles"] == [{"primary": True, "value": "Admin"}]


@pytest.mark.parametrize(
    "selection", ['type ne "x"', 'value co "@"', 'type eq "a" or type eq "b"', "not (type pr)", "type eq null"]
)
def test_a_filter_that_describes_no_value_and_selects_none_has_no_target(selection: str) -> None:
    """§3.5.2.3: nothing to replace, and nothing that could be made."""
    for verb in ("add", "replace"):
        with pytest.raises(NoTarget):
            patched(BARE, op(verb, f"emails[{selection}].value", "x"))
    assert patched(BARE, op("remove", f"emails[{selection}].value")) == BARE


def test_a_value_that_would_not_be_what_the_filter_describes_does_not_come_to_be() -> None:
    """The second of two equal requests must not make a value that the first one changed away."""
    for path, value in (
        ('emails[value eq "a"].value', "b"),
        ('emails[type eq "work"]', {"type": "home", "value": "b"}),
    ):
        with pytest.raises(NoTarget):
            patched(BARE, op("replace", path, value))


@pytest.mark.parametrize("nothing", [None, "", {}, {"value": ""}])
def test_a_selected_value_that_is_replaced_by_nothing_is_gone(nothing: Any) -> None:
    """RFC 7643 §2.5: null is no value. To add nothing changes nothing."""
    path = 'emails[type eq "home"]'
    assert [each["type"] for each in MIRA["emails"]] == ["work", "home"]
    assert [each["type"] for each in patched(MIRA, op("replace", path, nothing))["emails"]] == ["work"]
    assert patched(MIRA, op("add", path, nothing)) == MIRA


def test_operations_on_one_described_value_fill_one_value() -> None:
    """Entra sends value, primary and type of one e-mail as operations of their own, in any order, primary as text."""
    operations = [
        op("Add", 'emails[type eq "work"].primary', "true"),
        op("Add", 'emails[type eq "work"].type', "work"),
        op("Add", 'emails[type eq "work"].value', "w"),
    ]
    for order in ([0, 1, 2], [2, 1, 0], [1, 2, 0]):
        made = patched(BARE, *(operations[at] for at in order))
        assert made["emails"] == [{"value": "w", "type": "work", "primary": True}]


def test_labels_alone_are_no_value() -> None:
    """An e-mail that has a type and nothing else is not kept when the operations are over."""
    assert patched(BARE, op("add", 'emails[type eq "work"].primary', True)) == BARE


def test_the_same_may_be_said_twice_in_an_object() -> None:
    """With and without the URN; another value is refused."""
    object_ = {"title": "Pilot", f"{CORE}:title": "Pilot"}
    assert patched(BARE, op("add", None, object_)) == {**BARE, "title": "Pilot"}
    with pytest.raises(InvalidValue, match="more than once"):
        patched(BARE, op("add", None, {**object_, f"{CORE}:title": "Cook"}))


def test_a_label_that_becomes_primary_without_a_value_takes_it_from_nobody() -> None:
    """It is none after all, and goes, also when it was stored."""
    home = {"type": "home", "value": "h", "primary": True}
    before = {**BARE, "emails": [{"type": "work"}, home]}
    assert patched(before, op("Add", 'emails[type eq "work"].primary', "True"))["emails"] == [home]


def test_a_value_that_gives_primary_away_is_still_the_same() -> None:
    """When it is added again in the same PATCH."""
    work, home = {"type": "work", "locality": "Oslo"}, {"type": "home", "locality": "Bergen"}
    before = {**BARE, "addresses": [{**work, "primary": True}]}
    operations = (
        op("add", "addresses", [{**home, "primary": True}]),
        op("add", "addresses", [{**work, "primary": False}]),
    )
    after = patched(before, *operations)["addresses"]
    assert after == [{**work, "primary": False}, {**home, "primary": True}]


def test_labels_that_an_early_version_stored_go_with_the_next_change() -> None:
    """They say nothing; what is primary among them takes that from nobody."""
    before = {**BARE, "roles": [{"type": "Admin", "primary": True}, {"value": "r"}]}
    assert patched(before, op("add", "roles", [{"value": "s"}]))["roles"] == [{"value": "r"}, {"value": "s"}]
    assert patched(before, op("add", "roles", [{"value": "r", "primary": True}]))["roles"] == [
        {"value": "r", "primary": True}
    ]
    assert patched(before, op("remove", 'roles[value eq "r"]')) == BARE


@pytest.mark.parametrize(
    "operation",
    [
        op("replace", "urn:ietf:params:scim:schemas:extension:Fjord:2.0:User:tag", "x"),
        op("add", "nickname2", "x"),
        op("add", "name.unknown", "x"),
        op("remove", "unknown"),
        op("replace", None, {"unknown": {"a": 1}, "urn:x:y": {"z": 1}}),
        op("replace", f"{CORE}:unknown", "x"),
        op("add", "members", [{"value": "x"}]),
    ],
)  # fmt: skip
def test_a_path_that_no_schema_knows_is_left_out(operation: dict[str, Any]) -> None:
    """One unmapped attribute must not fail the whole user; the other operations count."""
    assert patched(BARE, operation, op("add", "title", "C")) == {**BARE, "title": "C"}


@pytest.mark.parametrize(
    ("operation", "error"),
    [
        (op("add", "emails[broken!!!filter", "x"), InvalidPath),
        (op("add", "emails[", "x"), InvalidPath),
        (op("add", " ", "x"), InvalidPath),
        (op("add", 'emails[unknown eq "x"].value', "x"), InvalidPath),
        (op("add", 'userName[value eq "x"]', "x"), InvalidPath),
        (op("add", f'{CONTOSO}:languages[value eq "x"]', "x"), InvalidPath),
        (op("replace", None, {"emails[": "x"}), InvalidPath),
        (op("add", f'emails[value eq "{"x" * 9000}"].value', "x"), InvalidPath),
        (op("add", None, "x"), InvalidValue),
        (op("replace", None, {"title": "A", "TITLE": "Z"}), InvalidValue),
        (op("replace", None, {"title": "A", f"{CORE}:title": "Z"}), InvalidValue),
        (op("replace", None, {"department": "A", f"{ENTERPRISE}:department": "Z"}), InvalidValue),
        (op("add", ENTERPRISE, {"department": "A", "Department": "Z"}), InvalidValue),
        (op("add", None, {'emails[type eq "work"].value': "a", 'Emails[type eq "work"].Value': "z"}), InvalidValue),
        (op("replace", None, None), InvalidValue),
        (op("add", ENTERPRISE, "x"), InvalidValue),
        (op("replace", None, {CORE: "x"}), InvalidValue),
        (op("replace", "active", "maybe"), InvalidValue),
        (op("replace", "active", [True]), InvalidValue),
        (op("replace", "displayName", {"a": 1}), InvalidValue),
        (op("replace", "name", "Mira"), InvalidValue),
        (op("replace", "name", [{"givenName": "a"}, {"givenName": "b"}]), InvalidValue),
        (op("add", "emails", [True]), InvalidValue),
        (op("add", "emails", 0.5), InvalidValue),
        (op("add", "emails", [{"value": "x", "operation": "delete"}]), InvalidSyntax),
        (op("replace", 'emails[type eq "work"]', True), InvalidValue),
        (op("replace", 'emails[type eq "work"]', [{"value": "a"}, {"value": "b"}]), InvalidValue),
        (op("remove", "emails", [0.5]), InvalidValue),
    ],
)
def test_what_does_not_fit_is_refused_with_its_scim_type(operation: dict[str, Any], error: type[ScimError]) -> None:
    """Table 9 of RFC 7644."""
    with pytest.raises(error):
        patched(MIRA, operation)


def test_an_error_names_the_operation() -> None:
    """The administrator reads in Entra's log which mapping to change."""
    with pytest.raises(InvalidValue) as refusal:
        patched(MIRA, op("Add", "title", "x"), op("Replace", "active", "maybe"))
    assert refusal.value.detail == "Operation 2, replace active: active must be true or false."
    assert refusal.value.body()["detail"] == refusal.value.detail


@pytest.mark.parametrize("operator", ["add", "replace"])
@pytest.mark.parametrize("path", [None, CORE, ENTERPRISE])
def test_the_refusal_of_what_is_no_object_names_the_operation_once(operator: str, path: str | None) -> None:
    """It is read by administrators in Entra's log."""
    with pytest.raises(InvalidValue) as refusal:
        patched(BARE, op(operator, path, "x"))
    where = path or "without path"
    assert refusal.value.detail == f"Operation 1, {operator} {where}: The value must be an object of attributes."


@pytest.mark.parametrize(
    "value",
    [
        {"emails": "a", "emails.type": "work"},
        {"emails.type": "work", "emails": "a"},
        {"emails": [{"value": "a"}], "emails.type": "work"},
        {"emails": "a", "emails.primary": True},
        {"emails": "a", 'emails[type eq "work"].value': "b"},
        {"addresses": [{"locality": "Oslo"}], "addresses.type": "work"},
        {"addresses": [{"locality": "Oslo", "type": "work"}], "addresses.primary": True},
        {"addresses.primary": True, "addresses": [{"locality": "Oslo"}]},
    ],
)
def test_an_add_that_is_repeated_changes_nothing(value: Any) -> None:
    """In one object, and as operations of their own: a client that got no answer sends it again."""
    once = patched(BARE, op("add", None, value))
    assert once["emails" if "emails" in str(value) else "addresses"][0].keys() & {"value", "locality"}
    assert patched(once, op("add", None, value)) == once
    apart = [op("add", path, each) for path, each in value.items()]
    assert patched(BARE, *apart) == once
    assert patched(once, *apart) == once


def test_what_is_added_without_a_type_is_there_whatever_its_type() -> None:
    """It is brought up to date; with another type it is another value."""
    before = {**BARE, "phoneNumbers": [{"value": "1", "type": "work"}]}
    assert patched(before, op("add", "phoneNumbers", [{"value": "1", "primary": True}]))["phoneNumbers"] == [
        {"value": "1", "type": "work", "primary": True}
    ]
    assert len(patched(before, op("add", "phoneNumbers", [{"value": "1", "type": "home"}]))["phoneNumbers"]) == 2
