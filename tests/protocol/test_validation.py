"""What a client may write: names, types, required values and mutability, in POST and PUT."""

import copy
from typing import Any

import pytest

from scim.protocol.errors import InvalidSyntax, InvalidValue, Mutability, PayloadTooLarge
from scim.protocol.resource import Resource
from scim.protocol.validation import MAX_INTEGER, MAX_UNKNOWN, check_required, keep_unwritable, missing, read_resource
from tests.samples import CONTOSO, CORE, ENTERPRISE, GROUP, USER

BARE: Resource = {"userName": "bare@contoso.example"}


def read(**attributes: Any) -> Resource:
    return read_resource(USER, {**BARE, **attributes})


def read_contoso(**attributes: Any) -> Resource:
    extension: Resource = read(**{CONTOSO: {"clearance": "office", **attributes}})[CONTOSO]
    del extension["clearance"]
    return extension


def test_entras_create_body_is_read_as_it_is_meant() -> None:
    """meta and an empty list of roles come along, and a resource keeps only what has a value."""
    body = {
        "schemas": [CORE, "urn:ietf:params:scim:schemas:extension:enterprise:2.0User"],
        "externalId": "5d0e7d0c",
        "userName": "mira@contoso.example",
        "active": "True",
        "emails": [{"primary": True, "type": "work", "value": "mira@contoso.example"}],
        "meta": {"resourceType": "User"},
        "name": {"formatted": "Mira Solberg", "familyName": "Solberg", "givenName": None},
        "roles": [],
        "department": None,
        "manager": None,
        ENTERPRISE: {"department": "Sea", "manager": "26", "costCenter": None},
    }
    assert read_resource(USER, body) == {
        "externalId": "5d0e7d0c",
        "userName": "mira@contoso.example",
        "active": True,
        "emails": [{"primary": True, "type": "work", "value": "mira@contoso.example"}],
        "name": {"formatted": "Mira Solberg", "familyName": "Solberg"},
        ENTERPRISE: {"department": "Sea", "manager": {"value": "26"}},
    }


def test_entras_group_is_read_without_the_legacy_schema() -> None:
    """The second URN has no definition and is dropped."""
    legacy = "http://schemas.microsoft.com/2006/11/ResourceManagement/ADSCIM/2.0/Group"
    body = {"schemas": [GROUP.schema.id, legacy], "displayName": "Crew", "meta": {"resourceType": "Group"}}
    assert read_resource(GROUP, body) == {"displayName": "Crew"}


def test_names_are_brought_into_their_canonical_spelling() -> None:
    """Names match whatever their case, on every level; the values stay as they are."""
    body = {
        "USERNAME": "Bare@Contoso.example",
        "Name": {"GIVENNAME": "bare"},
        "Emails": [{"VALUE": "B@x", "Type": "Work"}],
        ENTERPRISE.upper(): {"DEPARTMENT": "sea"},
    }
    assert read_resource(USER, body) == {
        "userName": "Bare@Contoso.example",
        "name": {"givenName": "bare"},
        "emails": [{"value": "B@x", "type": "Work"}],
        ENTERPRISE: {"department": "sea"},
    }


@pytest.mark.parametrize(
    "attributes",
    [
        {"department": "Sea"},
        {ENTERPRISE: {"department": "Sea"}},
        {CORE: {"department": "Sea"}},
    ],
)
def test_an_attribute_of_an_extension_may_come_flat_or_below_the_core_schema(attributes: Resource) -> None:
    """Clients that know no extensions put its attributes at the top level or under the core URN."""
    assert read(**attributes) == {**BARE, ENTERPRISE: {"department": "Sea"}}


@pytest.mark.parametrize("schemas", [CORE, "", CORE.lower(), [], [CORE, ENTERPRISE], None])
def test_the_schemas_of_a_body_are_advice(schemas: Any) -> None:
    """Entra leaves some out, and who writes one URN without a list around it is understood, as in a PATCH."""
    assert read(schemas=schemas) == BARE


def test_core_attributes_may_come_below_their_own_schema() -> None:
    """One level deep only: deeper nesting is no form that anybody sends."""
    assert read_resource(USER, {CORE: {"userName": "a", "title": "b"}}) == {"userName": "a", "title": "b"}
    nested: Resource = {"title": "b"}
    for _ in range(5000):
        nested = {CORE: nested}
    assert read(**nested) == BARE


def test_what_no_schema_knows_and_what_is_read_only_is_left_out() -> None:
    """Okta's PUT echoes id, meta and groups; an unmapped extension must not fail the user."""
    echoed = {
        "id": "x",
        "meta": {"created": "no date"},
        "groups": [{"value": "g"}],
        "schemas": [CORE],
        "unknown": {"a": [1]},
        "urn:x:User": {"a": 1},
        "name": {"unknown": 1, "givenName": "a"},
        ENTERPRISE: {"unknown": 1, "manager": {"value": "26", "displayName": "Ada"}},
        CONTOSO: {"clearance": "office", "grade": "9"},
    }
    assert read(**echoed) == {
        **BARE,
        "name": {"givenName": "a"},
        ENTERPRISE: {"manager": {"value": "26"}},
        CONTOSO: {"clearance": "office"},
    }


@pytest.mark.parametrize(
    "attributes",
    [
        {"title": None, "name": None, "emails": None, ENTERPRISE: None, CORE: None},
        {"title": "", "name": "", "emails": ""},
        {"name": {}, "emails": [], ENTERPRISE: {}},
        {"name": {"givenName": None, "familyName": ""}, "emails": [None, "", {}, {"value": None}]},
        {ENTERPRISE: {"manager": {"value": ""}, "department": ""}},
    ],
)
def test_null_and_emptiness_are_no_value(attributes: Resource) -> None:
    """RFC 7643 §2.5: unassigned, null and empty are the same, on every level."""
    assert read(**attributes) == BARE


@pytest.mark.parametrize("body", [None, [], "userName", 5])
def test_a_body_that_is_no_object_is_invalid_syntax(body: Any) -> None:
    """The detail says which resource is expected."""
    with pytest.raises(InvalidSyntax, match="User"):
        read_resource(USER, body)


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"userName": None},
        {"userName": ""},
        {"displayName": "x"},
        {"userName": "a", "username": "b"},
        {"userName": "a", "schemas": {"urn": 1}},
        {"userName": "a", "Schemas": [5]},
        {"userName": 0.5},
        {"userName": True},
        {"userName": ["a", "b"]},
        {"userName": {"value": "a"}},
        {"userName": "a", "active": "maybe"},
        {"userName": "a", "active": 1},
        {"userName": "a", "name": "Mira"},
        {"userName": "a", "name": [{"givenName": "x"}, {"givenName": "y"}]},
        {"userName": "a", "name": {"givenName": 0.5}},
        {"userName": "a", "name": {"givenName": "x", "GivenName": "y"}},
        {"userName": "a", "emails": 0.5},
        {"userName": "a", "emails": [True]},
        {"userName": "a", "emails": [[{"value": "x"}]]},
        {"userName": "a", "emails": [{"value": {"x": 1}}]},
        {"userName": "a", "emails": [{"value": "x", "primary": True}, {"value": "y", "primary": "true"}]},
        {"userName": "a", ENTERPRISE: "x"},
        {"userName": "a", ENTERPRISE: [{"department": "x"}]},
        {"userName": "a", ENTERPRISE: {"department": "x"}, "department": "y"},
        {"userName": "a", CORE: ["x"]},
        {"userName": "a", CONTOSO: {"site": "Oslo"}},
        {"userName": "a", CONTOSO: {"clearance": "office", "devices": [{"seal": "s"}]}},
    ],
)
def test_a_value_that_does_not_fit_is_invalid_value(body: Resource) -> None:
    """A missing required value, a wrong type, a name given twice, two primary values."""
    with pytest.raises(InvalidValue):
        read_resource(USER, body)


@pytest.mark.parametrize(
    ("attributes", "detail"),
    [
        ({"active": "maybe"}, "active must be true or false."),
        ({"name": {"givenName": 0.5}}, "name.givenName must be a string."),
        ({ENTERPRISE: {"department": 0.5}}, f"{ENTERPRISE}:department must be a string."),
        ({"userName": ""}, "userName is required and must not be empty."),
    ],
)
def test_the_detail_names_the_attribute_and_what_it_must_be(attributes: Resource, detail: str) -> None:
    """It names the path, never the value."""
    with pytest.raises(InvalidValue) as refusal:
        read(**attributes)
    assert refusal.value.detail == detail


@pytest.mark.parametrize(
    ("name", "sent", "stored"),
    [
        ("desks", 0, 0),
        ("desks", "7", 7),
        ("desks", MAX_INTEGER, MAX_INTEGER),
        ("desks", -MAX_INTEGER - 1, -MAX_INTEGER - 1),
        ("desks", "-9223372036854775808", -MAX_INTEGER - 1),
        ("workload", 1, 1),
        ("workload", 0.5, 0.5),
        ("workload", "0.5", 0.5),
        ("remote", "false", False),
        ("hiredAt", "2026-01-31T12:00:00Z", "2026-01-31T12:00:00Z"),
        ("hiredAt", "2026-01-31T12:00:00.1234567+02:00", "2026-01-31T12:00:00.1234567+02:00"),
        ("handbook", "../Handbook", "../Handbook"),
        ("signature", "QUJD", "QUJD"),
        ("signature", "-_8=", "-_8="),
        ("languages", ["nb", "", None, "de"], ["nb", "de"]),
        ("languages", "nb", ["nb"]),
        ("office", {"floor": "0"}, {"floor": 0}),
        ("devices", {"value": "d", "primary": "True"}, [{"value": "d", "primary": True}]),
        ("doorCode", "0000", "0000"),
    ],
)  # fmt: skip
def test_values_are_stored_as_they_were_sent(name: str, sent: Any, stored: Any) -> None:
    """Checked, and rewritten only from text to the attribute's type: no reformatting."""
    assert read_contoso(**{name: sent}) == {name: stored}


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("desks", 1.5),
        ("desks", True),
        ("desks", "seven"),
        ("desks", MAX_INTEGER + 1),
        ("desks", -MAX_INTEGER - 2),
        ("desks", "9" * 30),
        ("workload", True),
        ("workload", float("inf")),
        ("workload", float("nan")),
        ("workload", "1e999"),
        ("workload", "12345678901234567890.123456"),
        ("workload", "9223372036854775808"),
        ("workload", "half"),
        ("remote", 0),
        ("hiredAt", "2026-01-31"),
        ("hiredAt", "31.01.2026 12:00"),
        ("hiredAt", "2026-02-30T12:00:00Z"),
        ("hiredAt", 1769860800),
        ("handbook", 5),
        ("signature", "not base64!"),
        ("signature", "QUI"),
        ("signature", "å"),
        ("languages", [0.5]),
        ("languages", {"value": "nb"}),
        ("languages", [["nb"]]),
        ("office", {"floor": "ground"}),
        ("office", "A"),
        ("devices", [{"value": "d", "since": "today"}]),
    ],
)
def test_values_of_the_wrong_type_are_refused(name: str, value: Any) -> None:
    """Each type of RFC 7643 §2.3 has its rule; a number must be one that JSON can write."""
    with pytest.raises(InvalidValue, match=rf"{CONTOSO}:{name}"):
        read_contoso(**{name: value})


def test_the_delta_of_scim_1_1_is_refused() -> None:
    """`operation: delete` in a PUT of a group must never make somebody a member."""
    with pytest.raises(InvalidSyntax, match=r"SCIM 1\.1"):
        read_resource(GROUP, {"displayName": "Crew", "members": [{"value": "u1", "operation": "delete"}]})


def test_members_are_read_as_any_list() -> None:
    """A group may be created with members; what they carry besides is left out."""
    body = {"displayName": "Crew", "members": [{"value": "u1", "display": "Ada", "type": "User"}, "u2"]}
    assert read_resource(GROUP, body)["members"] == [{"value": "u1", "type": "User"}, {"value": "u2"}]


def test_the_body_is_not_changed() -> None:
    """The request's body is the caller's."""
    body = {**BARE, "emails": {"value": "a"}, ENTERPRISE: {"manager": "26"}, "roles": [{"value": '{"value":"a"}'}]}
    before = copy.deepcopy(body)
    read_resource(USER, body)
    assert body == before


def test_what_is_missing_is_told_by_its_path() -> None:
    """Required values of an extension count once the extension is used, those of a value once there is a value."""
    assert missing(USER, BARE) is None
    assert str(missing(USER, {})) == "userName"
    assert str(missing(USER, {**BARE, CONTOSO: {"site": "Oslo"}})) == f"{CONTOSO}:clearance"
    assert str(missing(USER, {**BARE, CONTOSO: {"clearance": "x", "devices": [{"seal": "s"}]}})) == (
        f"{CONTOSO}:devices.value"
    )
    assert missing(USER, {**BARE, CONTOSO: {}}) is None
    with pytest.raises(InvalidValue, match="userName is required"):
        check_required(USER, {"title": "x"})


STORED: Resource = {
    **BARE,
    "title": "Captain",
    CONTOSO: {"clearance": "office", "badge": "7", "doorCode": "0000", "remarks": "ill", "site": "Oslo"},
}


def replaced(**attributes: Any) -> Resource:
    replacement = read(**attributes)
    keep_unwritable(USER, STORED, replacement)
    return replacement


def test_a_put_keeps_what_it_cannot_know_or_change() -> None:
    """An immutable value stays, and so does what no GET returns by default; all else follows the PUT."""
    kept = {"badge": "7", "doorCode": "0000", "remarks": "ill"}
    assert replaced(**{CONTOSO: {"clearance": "lobby"}}) == {**BARE, CONTOSO: {"clearance": "lobby", **kept}}
    assert replaced(**{CONTOSO: {"clearance": "lobby", "badge": "7", "doorCode": "1", "remarks": "well"}}) == {
        **BARE,
        CONTOSO: {"clearance": "lobby", "badge": "7", "doorCode": "1", "remarks": "well"},
    }


def test_a_put_cannot_change_an_immutable_value() -> None:
    """RFC 7644 §3.5.1: 400 mutability."""
    with pytest.raises(Mutability, match="badge"):
        replaced(**{CONTOSO: {"clearance": "office", "badge": "8"}})


def test_a_put_may_set_an_immutable_value_that_was_never_set() -> None:
    """Immutable means that a value, once there, stays."""
    replacement = read(**{CONTOSO: {"clearance": "office", "badge": "8"}})
    keep_unwritable(USER, BARE, replacement)
    assert replacement[CONTOSO] == {"clearance": "office", "badge": "8"}


@pytest.mark.parametrize(
    "body",
    [
        {f"{ENTERPRISE}:department": "Sea", f"{ENTERPRISE}.manager": "26", "name.givenName": "Mira"},
        {f"{ENTERPRISE}:DEPARTMENT": "Sea", f"{ENTERPRISE}:manager.value": "26", f"{CORE}:NAME.givenName": "Mira"},
        {CORE: {"name.givenName": "Mira"}, ENTERPRISE: {"manager.value": "26", "department": "Sea"}},
    ],
)
def test_attributes_may_be_named_by_their_paths(body: Resource) -> None:
    """As in PATCH, where Entra names them so; left out they would be lost."""
    expected = {"department": "Sea", "manager": {"value": "26"}}
    assert read(**body) == {**BARE, "name": {"givenName": "Mira"}, ENTERPRISE: expected}


def test_a_path_adds_to_the_object_and_gives_nothing_twice() -> None:
    """Whichever comes first in the body."""
    for body in (
        {"name.givenName": "Mira", "name": {"familyName": "Solberg"}},
        {"name": {"familyName": "Solberg"}, "name.givenName": "Mira"},
    ):
        assert read(**body)["name"] == {"givenName": "Mira", "familyName": "Solberg"}
    for twice in (
        {"name.givenName": "Mira", "name": {"givenName": "M"}},
        {"department": "Sea", f"{ENTERPRISE}:department": "Land"},
        {f"{CORE}:userName": "other"},
    ):
        with pytest.raises(InvalidValue, match="more than once"):
            read(**twice)


def test_the_same_may_be_said_twice() -> None:
    """Some clients send the nested form and the path for whoever reads only one of them."""
    twice = {"name": {"givenName": "Mira"}, "name.givenName": "Mira", "title": "Pilot", f"{CORE}:title": "Pilot"}
    assert read(**twice) == {**BARE, "name": {"givenName": "Mira"}, "title": "Pilot"}


@pytest.mark.parametrize(
    "name",
    ["emails.value", 'emails[type eq "work"].value', "name.x", "id.x", "meta.created", f"{CONTOSO}:x", "a b", "."],
)
def test_a_path_that_means_no_one_value_is_left_out(name: str) -> None:
    """Of which e-mail it would be, nobody said; and read-only is read-only."""
    assert read(**{name: "x"}) == BARE


def test_a_body_has_a_thousand_names_at_most_that_no_schema_knows() -> None:
    """Each costs time; it does not matter on which level they are."""
    names = [f"unknown{number}" for number in range(MAX_UNKNOWN + 1)]
    assert read(**dict.fromkeys(names[1:], 1)) == BARE
    for body in (dict.fromkeys(names, 1), {names[0]: 1, ENTERPRISE: dict.fromkeys(names[1:], 1)}):
        with pytest.raises(PayloadTooLarge, match="1,000 names"):
            read(**body)
