"""Values of a list that have nothing but labels, which say which value it is: they are none, however they come."""

from typing import Any

import pytest

from scim.protocol.resource import Resource
from scim.protocol.schema import Attribute
from scim.protocol.validation import read_resource, read_value, says_nothing
from tests.samples import BARE, CONTOSO, USER, op, patched, with_contoso

EMPTIED = [
    ("addresses", {"type": "work", "streetAddress": None, "locality": "", "postalCode": None}),
    ("addresses", {"type": "work", "primary": True, "formatted": None, "country": ""}),
    ("addresses", {"type": "home"}),
    ("emails", {"type": "work", "value": ""}),
    ("emails", {"type": "work", "primary": True}),
    ("phoneNumbers", {"type": "mobile", "value": None, "primary": False}),
    ("ims", {"type": "xmpp"}),
    ("photos", {"type": "photo", "value": ""}),
    ("entitlements", {"display": "Licence", "type": "paid"}),
    ("roles", {"display": "Admin", "primary": "True"}),
    ("x509Certificates", {"display": "Laptop", "value": None}),
]


@pytest.mark.parametrize(("name", "emptied"), EMPTIED)
def test_labels_alone_are_no_value_in_a_post_or_put(name: str, emptied: Resource) -> None:
    """An address whose parts are all empty would stay as a type without an address."""
    assert read_resource(USER, {**BARE, name: [emptied]}) == BARE
    assert read_resource(USER, {**BARE, name: emptied}) == BARE


@pytest.mark.parametrize(("name", "emptied"), EMPTIED)
@pytest.mark.parametrize("verb", ["add", "replace"])
def test_labels_alone_are_no_value_in_a_patch(verb: str, name: str, emptied: Resource) -> None:
    """With a path, without one, and where the filter of the path says the type."""
    assert patched(BARE, op(verb, name, [emptied])) == BARE
    assert patched(BARE, op(verb, None, {name: [emptied]})) == BARE
    assert patched(BARE, op(verb, f'{name}[type eq "work"]', {**emptied, "type": "work"})) == BARE


def test_labels_alone_are_no_value_in_an_extension() -> None:
    """An attribute of a customer's own is of the same kind."""
    device = {"value": "d", "type": "desk"}
    empty = {"type": "home", "since": None}
    assert read_resource(USER, with_contoso(devices=[device, empty]))[CONTOSO]["devices"] == [device]
    assert patched(with_contoso(), op("add", f"{CONTOSO}:devices", [empty])) == with_contoso()


@pytest.mark.parametrize("emptied", [{"formatted": None}, {"formatted": ""}, {}])
def test_an_emptied_value_that_is_primary_is_no_second_one(emptied: Resource) -> None:
    """What is left out stands in nobody's way: the other one is the primary one."""
    work = {"type": "work", "primary": True, **emptied}
    home = {"type": "home", "primary": True, "formatted": "Kai 1"}
    assert read_resource(USER, {**BARE, "addresses": [work, home]})["addresses"] == [home]
    for verb in ("add", "replace"):
        assert patched(BARE, op(verb, "addresses", [work, home]))["addresses"] == [home]


def test_the_last_part_takes_the_value_with_it() -> None:
    """By one operation for each part, as Entra clears attributes that were mapped one by one."""
    before = {**BARE, "addresses": [{"type": "work", "primary": True, "locality": "Oslo", "country": "NO"}]}
    parts = [op("replace", f'addresses[type eq "work"].{part}', "") for part in ("locality", "country")]
    assert patched(before, *parts) == BARE
    assert patched(before, parts[0])["addresses"] == [{"type": "work", "primary": True, "country": "NO"}]


@pytest.mark.parametrize(
    "value",
    [{"value": "x", "type": "work"}, {"value": "x"}, {"type": "work", "formatted": "Kai 1"}],
)
def test_a_value_with_anything_else_stays(value: Resource) -> None:
    """Which of its parts it has does not matter."""
    name = "addresses" if "formatted" in value else "emails"
    assert read_resource(USER, {**BARE, name: [value]})[name] == [value]


def test_where_an_attribute_has_nothing_but_labels_they_are_what_it_says() -> None:
    """An extension may define a list of types, which would else never be kept."""
    subs = {name: Attribute(name) for name in ("type", "display")}
    attribute = Attribute("badges", type="complex", multi_valued=True, sub_attributes=subs)
    value: list[Any] = [{"type": "gold"}]
    assert read_value(attribute, value, "badges") == value
    assert not says_nothing(attribute, value[0])
