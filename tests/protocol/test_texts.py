"""Texts: whole numbers are taken as their digits, and a name that is nothing but blanks is none."""

from typing import Any

import pytest

from scim.protocol.errors import InvalidValue
from scim.protocol.resource import Resource
from scim.protocol.validation import read_resource
from tests.samples import BARE, CONTOSO, ENTERPRISE, GROUP, USER, op, patched, patched_group, with_contoso

NUMBERS: list[tuple[str, Any, Resource]] = [
    ("externalId", 4711, {"externalId": "4711"}),
    ("title", 0, {"title": "0"}),
    ("nickName", -7, {"nickName": "-7"}),
    ("title", 2**80, {"title": str(2**80)}),
    ("phoneNumbers", [{"type": "fax", "value": 47123}], {"phoneNumbers": [{"type": "fax", "value": "47123"}]}),
    ("phoneNumbers", [4712345678], {"phoneNumbers": [{"value": "4712345678"}]}),
    ("phoneNumbers", 4712345678, {"phoneNumbers": [{"value": "4712345678"}]}),
    ("addresses", [{"postalCode": 5003, "type": "work"}], {"addresses": [{"postalCode": "5003", "type": "work"}]}),
    ("roles", [{"value": 7, "display": 8}], {"roles": [{"value": "7", "display": "8"}]}),
    (f"{ENTERPRISE}:employeeNumber", 4711, {ENTERPRISE: {"employeeNumber": "4711"}}),
    (f"{ENTERPRISE}:manager", {"value": 26}, {ENTERPRISE: {"manager": {"value": "26"}}}),
    (f"{ENTERPRISE}:manager", 26, {ENTERPRISE: {"manager": {"value": "26"}}}),
]  # fmt: skip


@pytest.mark.parametrize(("name", "sent", "stored"), NUMBERS)
def test_a_whole_number_is_taken_as_its_digits(name: str, sent: Any, stored: Resource) -> None:
    """HR exports, and mappings of Entra's type Integer, have numbers where SCIM has texts."""
    assert read_resource(USER, {**BARE, name: sent}) == {**BARE, **stored}
    for verb in ("add", "replace"):
        assert patched(BARE, op(verb, name, sent)) == {**BARE, **stored}
        assert patched(BARE, op(verb, None, {name: sent})) == {**BARE, **stored}


def test_a_name_may_be_a_number() -> None:
    """Of a user, a group, a value that a filter selects, and in an extension."""
    assert read_resource(USER, {"userName": 4711}) == {"userName": "4711"}
    assert read_resource(GROUP, {"displayName": 4711}) == {"displayName": "4711"}
    assert patched(BARE, op("replace", 'phoneNumbers[type eq "work"].value', 47))["phoneNumbers"] == [
        {"type": "work", "value": "47"}
    ]
    assert read_resource(USER, with_contoso(cardNumber=7, languages=[1, "nb"]))[CONTOSO]["languages"] == ["1", "nb"]


@pytest.mark.parametrize("value", [True, False, 0.5, 4711.0, {}, {"value": "x"}, ["a", "b"], [4711]])
def test_anything_else_that_is_no_text_is_refused(value: Any) -> None:
    """A fraction has many spellings, and a boolean or an object is a mistake in the mapping."""
    with pytest.raises(InvalidValue, match="title must be a string"):
        read_resource(USER, {**BARE, "title": value})
    with pytest.raises(InvalidValue, match="title must be a string"):
        patched(BARE, op("replace", "title", value))


def test_a_number_is_no_address_no_time_and_no_certificate() -> None:
    """Where more than any text is asked for, a number is a mistake."""
    for name in ("hiredAt", "handbook", "signature"):
        with pytest.raises(InvalidValue, match=name):
            read_resource(USER, with_contoso(**{name: 2026}))
    with pytest.raises(InvalidValue, match="photos"):
        read_resource(USER, {**BARE, "photos": [5]})


BLANK = [" ", "\t", "\n", "   ", "\u00a0", "\u2003", "\u3000", "\u2028", "\u1680", " \u202f\u205f"]


@pytest.mark.parametrize("blank", BLANK)
def test_a_name_that_is_nothing_but_blanks_is_refused(blank: str) -> None:
    """What Unicode calls white space: nobody could find the user or group by it, and no list would show it."""
    with pytest.raises(InvalidValue, match="userName must not be blank"):
        read_resource(USER, {"userName": blank})
    with pytest.raises(InvalidValue, match="userName must not be blank"):
        patched(BARE, op("replace", "userName", blank))
    with pytest.raises(InvalidValue, match="displayName must not be blank"):
        read_resource(GROUP, {"displayName": blank})
    with pytest.raises(InvalidValue, match="displayName must not be blank"):
        patched_group(op("replace", None, {"displayName": blank}))


def test_so_is_whatever_else_is_required_or_unique() -> None:
    """Attributes of an extension too, and required parts of a value."""
    for attributes in ({"clearance": " "}, {"cardNumber": " "}, {"devices": [{"value": " ", "seal": "s"}]}):
        with pytest.raises(InvalidValue, match="must not be blank"):
            read_resource(USER, with_contoso(**attributes))


def test_a_name_with_blanks_in_it_and_a_blank_text_elsewhere_stay_as_they_are() -> None:
    """A filter is exact, so that a client finds what it has created."""
    assert read_resource(GROUP, {"displayName": "Eng "}) == {"displayName": "Eng "}
    assert read_resource(USER, {**BARE, "title": " "}) == {**BARE, "title": " "}
