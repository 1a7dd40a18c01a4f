"""The forms beyond the RFCs that Entra, Okta and others send, rewritten to what the RFCs say."""

from typing import Any

import pytest

from scim.protocol.entra import rewrite_single, rewrite_value
from scim.protocol.filter import parse_attribute
from scim.protocol.schema import Attribute
from tests.samples import CONTOSO, USER


def attribute(path: str) -> Attribute:
    target = USER.resolve(parse_attribute(path))
    assert target and target.leaf
    return target.leaf


@pytest.mark.parametrize(
    ("path", "sent", "meant"),
    [
        ("active", "True", True),
        ("active", "false", False),
        ("active", "FALSE", False),
        ("active", "yes", "yes"),
        ("active", True, True),
        ("active", 1, 1),
        (f"{CONTOSO}:desks", "42", 42),
        (f"{CONTOSO}:desks", "-1", -1),
        (f"{CONTOSO}:desks", "4.2", "4.2"),
        (f"{CONTOSO}:desks", "9" * 5000, "9" * 5000),
        (f"{CONTOSO}:desks", "٣", "٣"),
        (f"{CONTOSO}:workload", "0.5", 0.5),
        (f"{CONTOSO}:workload", "5e-1", 0.5),
        (f"{CONTOSO}:workload", "half", "half"),
        (f"{CONTOSO}:workload", "9999999999999999", 9999999999999999),
        (f"{CONTOSO}:workload", "-12", -12),
        (f"{CONTOSO}:workload", "1.50", 1.5),
        (f"{CONTOSO}:workload", "0.30000000000000004", 0.30000000000000004),
        (f"{CONTOSO}:workload", "9999999999999999.0", "9999999999999999.0"),
        (f"{CONTOSO}:workload", "12345678901234567890.123456", "12345678901234567890.123456"),
        (f"{CONTOSO}:workload", "3.333333333333333333", 3.3333333333333335),
        (f"{CONTOSO}:workload", "1e999", "1e999"),
        ("displayName", "True", "True"),
        ("displayName", "42", "42"),
        ("userName", "", None),
        ("userName", None, None),
        ("active", "", None),
    ],
)
def test_a_string_is_read_in_the_type_of_the_attribute(path: str, sent: Any, meant: Any) -> None:
    """Entra's default dialect sends every value as a string; what no rule covers is left to validation."""
    rewritten = rewrite_value(attribute(path), sent)
    assert (rewritten, type(rewritten)) == (meant, type(meant))


@pytest.mark.parametrize(
    ("sent", "meant"),
    [
        ({"value": "a"}, [{"value": "a"}]),
        ("a", ["a"]),
        ("", None),
        (None, None),
        ([], []),
        ([{"value": "a"}], [{"value": "a"}]),
        (5, ["5"]),
        (0.5, 0.5),
        (True, True),
    ],
)
def test_a_single_value_of_a_list_becomes_a_list(sent: Any, meant: Any) -> None:
    """OneLogin sends `emails` as one object."""
    assert rewrite_value(attribute("emails"), sent) == meant


@pytest.mark.parametrize(
    ("sent", "meant"),
    [
        ("26", {"value": "26"}),
        ({"value": "26"}, {"value": "26"}),
        ([{"value": "26"}], {"value": "26"}),
        (["26"], {"value": "26"}),
        ({"value": ""}, None),
        ({"Value": None, "displayName": "x"}, None),
        ({"displayName": "x"}, {"displayName": "x"}),
        ([{"value": "26"}, {"value": "27"}], [{"value": "26"}, {"value": "27"}]),
        (26, {"value": "26"}),
        (True, True),
    ],
)
def test_the_manager_may_be_an_id_an_object_or_a_list_of_one(sent: Any, meant: Any) -> None:
    """Microsoft's gallery test, its validator and its documentation each show another form."""
    assert rewrite_value(attribute("manager"), sent) == meant


def test_an_attribute_without_value_is_not_cleared_by_one() -> None:
    """`name` has no sub-attribute value: one that comes along by mistake says nothing."""
    assert rewrite_value(attribute("name"), {"value": "", "givenName": "a"}) == {"value": "", "givenName": "a"}


@pytest.mark.parametrize(
    ("sent", "meant"),
    [
        ({"value": '{"id":"1","value":"a","displayName":"A"}'}, {"value": "a", "display": "A"}),
        ({"value": '{"value":"a"}', "primary": True}, {"value": "a", "primary": True}),
        ({"value": '{"value":"a","displayName":"A"}', "display": "B"}, {"value": "a", "display": "B"}),
        ({"value": '{"value":5}'}, {"value": '{"value":5}'}),
        ({"value": '{"other":"a"}'}, {"value": '{"other":"a"}'}),
        ({"value": "{broken"}, {"value": "{broken"}),
        ({"value": "[1]"}, {"value": "[1]"}),
        ({"value": '{"a":' * 100_000}, {"value": '{"a":' * 100_000}),
        ({"value": "a", "displayName": "A"}, {"value": "a", "displayName": "A", "display": "A"}),
        ({"value": "a", "displayName": "A", "display": "B"}, {"value": "a", "displayName": "A", "display": "B"}),
        ("a", {"value": "a"}),
        (5, {"value": "5"}),
        (0.5, 0.5),
    ],
)
def test_a_role_may_be_json_text_or_have_a_display_name(sent: Any, meant: Any) -> None:
    """AppRoleAssignmentsComplex; a text that is no such JSON is the value itself."""
    assert rewrite_single(attribute("roles"), sent) == meant
