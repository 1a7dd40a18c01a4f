"""Texts that hold JSON where an object or a list is expected, as Entra's AppRoleAssignments functions make them."""

import json
from typing import Any

import pytest

from scim.protocol.errors import InvalidValue
from scim.protocol.resource import Resource
from scim.protocol.validation import read_resource
from tests.samples import BARE, CONTOSO, ENTERPRISE, USER, op, patched

AUDITOR, CLERK = {"value": "Auditor", "display": "Auditor"}, {"value": "Clerk", "type": "Admin", "primary": False}
ROLES = [AUDITOR, CLERK]


def posted(**attributes: Any) -> Resource:
    return read_resource(USER, BARE | attributes)


def everywhere(name: str, value: Any) -> list[Resource]:
    """Return what a POST and each form of a PATCH make of an attribute."""
    return [
        posted(**{name: value}),
        patched(BARE, op("add", name, value)),
        patched(BARE, op("replace", name, value)),
        patched(BARE, op("replace", None, {name: value})),
    ]


@pytest.mark.parametrize(
    ("name", "text", "expected"),
    [
        ("roles", json.dumps(ROLES), ROLES),
        ("roles", f" {json.dumps(ROLES, indent=1)} ", ROLES),
        ("roles", json.dumps([{"id": "7", "value": "a", "displayName": "A"}]), [{"value": "a", "display": "A"}]),
        ("roles", json.dumps({"id": "7", "value": "a", "displayName": "A"}), [{"value": "a", "display": "A"}]),
        ("roles", json.dumps([json.dumps(AUDITOR), "plain"]), [AUDITOR, {"value": "plain"}]),
        ("emails", '[{"type": "work", "value": "m"}, "n"]', [{"type": "work", "value": "m"}, {"value": "n"}]),
        ("emails", '{"type": "work", "value": "m"}', [{"type": "work", "value": "m"}]),
        ("addresses", '[{"locality": "Oslo"}]', [{"locality": "Oslo"}]),
        ("name", '{"givenName": "Mira"}', {"givenName": "Mira"}),
    ],
)
def test_a_list_or_an_object_in_a_text_is_read_like_one(name: str, text: str, expected: Any) -> None:
    """Kept as one value, the roles of somebody would be a text that no application understands."""
    assert everywhere(name, text) == [{**BARE, name: expected}] * 4


@pytest.mark.parametrize("text", ['{"value": "26"}', '[{"value": "26"}]', '["26"]'])
def test_a_manager_in_a_text_is_read(text: str) -> None:
    """As the object, and as the list of one that Microsoft's page shows."""
    assert everywhere("manager", text) == [{**BARE, ENTERPRISE: {"manager": {"value": "26"}}}] * 4
    led = {**BARE, ENTERPRISE: {"manager": {"value": "26"}}}
    assert patched(led, op("replace", "manager", '{"value": ""}')) == BARE


def test_texts_in_a_list_of_texts_are_read() -> None:
    """An extension may have attributes of more than one plain value."""
    languages = {"clearance": "office", "languages": ["nb", "en"]}
    before = {**BARE, CONTOSO: {"clearance": "office"}}
    assert patched(before, op("add", f"{CONTOSO}:languages", '["nb", "en"]')) == {**BARE, CONTOSO: languages}


def test_what_a_list_in_a_text_names_is_removed() -> None:
    """And what a list in a text selects is exchanged: a removal of the whole text would remove nothing."""
    assert patched({**BARE, "roles": ROLES}, op("remove", "roles", json.dumps([CLERK])))["roles"] == [AUDITOR]
    assert patched({**BARE, "roles": ROLES}, op("remove", "roles", json.dumps(CLERK)))["roles"] == [AUDITOR]
    changed = patched({**BARE, "roles": ROLES}, op("add", 'roles[value eq "Clerk"]', '[{"display": "C"}]'))["roles"]
    assert changed == [AUDITOR, {**CLERK, "display": "C"}]
    assert patched({**BARE, "roles": ROLES}, op("replace", "roles", "[]")) == BARE


@pytest.mark.parametrize("text", ["[1, 2]", "[x]", "{x}", "[null]", '{"other": 1}', "[" * 5000, '"x"', "{}", "[22] 41"])
def test_what_only_looks_like_json_stays_a_text(text: str) -> None:
    """A telephone number may begin with a bracket, and nothing that was sent is lost."""
    assert everywhere("phoneNumbers", text) == [{**BARE, "phoneNumbers": [{"value": text}]}] * 4


def test_what_stands_in_the_text_is_checked_like_anything_else() -> None:
    """A text is no way around the rules."""
    for text in ('[{"value": {"a": 1}}]', '[{"value": "a", "primary": true}, {"value": "b", "primary": true}]'):
        with pytest.raises(InvalidValue):
            posted(roles=text)
        with pytest.raises(InvalidValue):
            patched(BARE, op("add", "roles", text))


def test_a_text_where_a_text_is_expected_stays_as_it_is() -> None:
    """Also when it is JSON: whoever names himself so may."""
    assert everywhere("title", '{"value": "x"}') == [{**BARE, "title": '{"value": "x"}'}] * 4
