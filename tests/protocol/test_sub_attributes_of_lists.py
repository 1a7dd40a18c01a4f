"""PATCH of a sub-attribute of many values whose path does not say of which: no address of a user is lost by it."""

from typing import Any

import pytest

from scim.protocol.errors import InvalidValue, NoTarget
from tests.samples import BARE, MIRA, op, patched

WORK, HOME = MIRA["emails"]
PLAIN = [{"value": "a", "type": "work"}, {"value": "b", "type": "home"}]


def emails(before: list[Any], *operations: dict[str, Any]) -> Any:
    return patched({**BARE, "emails": before} if before else BARE, *operations).get("emails", [])


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ([], [{"value": "x"}]),
        ([WORK], [WORK, {"value": "x"}]),
        ([WORK, HOME], [WORK, HOME, {"value": "x"}]),
        (PLAIN, [*PLAIN, {"value": "x"}]),
        ([{"value": "X", "type": "home"}, WORK], [{"value": "X", "type": "home"}, WORK]),
    ],
)
def test_add_appends_a_value_unless_it_is_there(before: list[Any], after: list[Any]) -> None:
    """The RFC leaves open what it means; it must not overwrite every address that the user has."""
    assert emails(before, op("add", "emails.value", "x")) == after
    assert emails(before, op("add", None, {"emails.value": "x"})) == after
    assert emails(after, op("add", "emails.value", "x")) == after


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ([], [{"value": "x"}]),
        ([HOME], [{**HOME, "value": "x"}]),
        ([WORK, HOME], [{**WORK, "value": "x"}, HOME]),
        ([HOME, WORK], [HOME, {**WORK, "value": "x"}]),
    ],
)
def test_replace_changes_the_only_value_or_the_primary_one(before: list[Any], after: list[Any]) -> None:
    """And makes one where there is none, as with a filter."""
    assert emails(before, op("replace", "emails.value", "x")) == after
    assert emails(before, op("replace", None, {"emails.value": "x"})) == after


@pytest.mark.parametrize("operation", [op("replace", "emails.value", "x"), op("replace", "emails.value", None)])
def test_among_several_values_without_a_primary_one_none_is_meant(operation: dict[str, Any]) -> None:
    """The refusal shows a path that says which."""
    with pytest.raises(NoTarget) as refusal:
        emails(PLAIN, operation)
    assert 'emails[type eq "work"].value' in refusal.value.detail


def test_other_sub_attributes_are_those_of_the_value_that_is_meant() -> None:
    """To add a type is to say one of a value that is there, not to make another one."""
    for operator in ("add", "replace"):
        assert emails([WORK, HOME], op(operator, "emails.type", "other")) == [{**WORK, "type": "other"}, HOME]
        with pytest.raises(NoTarget):
            emails(PLAIN, op(operator, "emails.type", "other"))
    operations = [op("add", "addresses.locality", "Oslo"), op("add", "addresses.country", "NO")]
    assert patched(BARE, *operations)["addresses"] == [{"locality": "Oslo", "country": "NO"}]


def test_operations_without_a_filter_fill_one_value_in_any_order() -> None:
    """A value of which only the type is known so far is filled."""
    value, kind = op("add", "emails.value", "x"), op("add", "emails.type", "work")
    assert emails([], value, kind) == emails([], kind, value) == [{"value": "x", "type": "work"}]


def test_nothing_is_added_by_an_empty_text() -> None:
    """It would take the addresses away."""
    for nothing in ("", None):
        assert emails([WORK, HOME], op("add", "emails.value", nothing)) == [WORK, HOME]
        assert emails([], op("replace", "emails.value", nothing)) == []
    assert emails([WORK, HOME], op("replace", "emails.value", "")) == [HOME]


def test_a_removal_still_means_every_value() -> None:
    """RFC 7644 §3.5.2.2."""
    assert emails([WORK, HOME], op("remove", "emails.value")) == []


def test_what_does_not_fit_is_refused_before_anything_is_looked_for() -> None:
    """The wrong type is the more telling mistake."""
    for operator in ("add", "replace"):
        with pytest.raises(InvalidValue):
            emails(PLAIN, op(operator, "emails.value", ["x", "y"]))
