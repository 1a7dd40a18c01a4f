"""Which attributes of a resource, and which of their values, a response carries."""

import copy
from dataclasses import replace
from typing import Any

import pytest

from scim.protocol.errors import InvalidValue
from scim.protocol.projection import MAX_COMPARISONS, Projection
from scim.protocol.resource import Resource
from scim.protocol.schema import load_schemas
from tests.samples import CONTOSO, CORE, ENTERPRISE, MIRA, USER

WORK, HOME = MIRA["emails"]
FULL: Resource = {
    **MIRA,
    "schemas": [CORE, ENTERPRISE, CONTOSO],
    "meta": {"resourceType": "User", "version": 'W/"1"'},
    CONTOSO: {
        "clearance": "office",
        "doorCode": "0000",
        "remarks": "ill",
        "site": "Oslo",
        "office": {"building": "A", "alarmCode": "1"},
    },
}


def shown(attributes: str = "", excluded: str = "") -> Resource:
    return Projection(USER, attributes.split(), excluded.split()).apply(FULL)


ALWAYS = {"schemas": FULL["schemas"], "id": MIRA["id"], CONTOSO: {"site": "Oslo"}}


def test_by_default_all_is_returned_but_what_is_for_those_who_ask_and_what_is_never() -> None:
    """`returned` of RFC 7643 §7, in extensions and sub-attributes as well."""
    assert shown() == {**FULL, CONTOSO: {"clearance": "office", "site": "Oslo", "office": {"building": "A"}}}


@pytest.mark.parametrize(
    ("attributes", "chosen"),
    [
        ("userName", {"userName": MIRA["userName"]}),
        ("USERNAME displayname", {"userName": MIRA["userName"], "displayName": "Mira Solberg"}),
        ("name.givenName", {"name": {"givenName": "Mira"}}),
        ("name.givenName name", {"name": MIRA["name"]}),
        ("name name.givenName", {"name": MIRA["name"]}),
        ("emails.type", {"emails": [{"type": "work"}, {"type": "home"}]}),
        ("emails.primary", {"emails": [{"primary": True}]}),
        ("meta.version", {"meta": {"version": 'W/"1"'}}),
        (f"{CORE}:userName", {"userName": MIRA["userName"]}),
        ("department", {ENTERPRISE: {"department": "Sea"}}),
        (f"{ENTERPRISE}:manager.value", {ENTERPRISE: {"manager": {"value": "26118915"}}}),
        (ENTERPRISE, {ENTERPRISE: MIRA[ENTERPRISE]}),
        (f"{CONTOSO}:remarks", {CONTOSO: {"remarks": "ill", "site": "Oslo"}}),
        (f"{CONTOSO}:doorCode", {CONTOSO: {"site": "Oslo"}}),
        ("id", {}),
        ("unknown", {}),
        ("unknown title", {}),
        ("name.unknown", {}),
    ],
)
def test_attributes_choose_what_is_returned_besides_what_always_is(attributes: str, chosen: Resource) -> None:
    """RFC 7644 §3.9; a name that no schema knows selects nothing, which is not the same as naming none."""
    assert shown(attributes) == {**ALWAYS, **chosen}


@pytest.mark.parametrize(
    ("excluded", "changed"),
    [
        ("emails", {"emails": ...}),
        ("EMAILS name.givenName", {"emails": ..., "name": {"familyName": "Solberg"}}),
        ("emails.value", {"emails": [{"type": "work", "primary": True}, {"type": "home"}]}),
        ("name.givenName name.familyName", {"name": ...}),
        ("id schemas", {}),
        ("meta", {"meta": ...}),
        (ENTERPRISE, {ENTERPRISE: ...}),
        ("manager", {ENTERPRISE: {"department": "Sea"}}),
        (f"{CONTOSO}:site {CONTOSO}:clearance", {CONTOSO: {"site": "Oslo", "office": {"building": "A"}}}),
        ("unknown", {}),
    ],
)
def test_excluded_attributes_are_left_out_unless_always_returned(excluded: str, changed: Resource) -> None:
    """The key goes, not only its value: Microsoft's validator checks that `members` is not there at all."""
    assert shown(excluded=excluded) == {name: item for name, item in {**shown(), **changed}.items() if item is not ...}


@pytest.mark.parametrize(
    ("name", "chosen"),
    [
        ('emails[type eq "work"]', {"emails": [WORK]}),
        ("EMAILS[type eq 'home'].value", {"emails": [{"value": HOME["value"]}]}),
        (f'{CORE}:emails[value ew "@home.example" or primary eq true]', {"emails": [WORK, HOME]}),
        ('emails[type eq "other"]', {}),
        ('manager[value eq "26118915"]', {ENTERPRISE: {"manager": MIRA[ENTERPRISE]["manager"]}}),
        ('manager[value eq "1"]', {}),
        ('unknown[type eq "work"]', {}),
    ],
)
def test_a_name_with_a_filter_chooses_the_values_that_it_selects(name: str, chosen: Resource) -> None:
    """Microsoft's reference tests ask for `emails[type eq "work"]`, which the RFC's grammar of names does not have."""
    assert Projection(USER, [name]).apply(FULL) == {**ALWAYS, **chosen}


def test_what_is_for_those_who_ask_is_there_behind_a_filter_too() -> None:
    """A sub-attribute that is returned on request is asked for by its name, whatever stands before it."""
    plain = USER.core["emails"]
    kinds = {**plain.sub_attributes, "type": replace(plain.sub_attributes["type"], returned="request")}
    schema = replace(USER.schema, attributes={**USER.schema.attributes, "emails": replace(plain, sub_attributes=kinds)})
    kind = replace(USER, schema=schema)
    assert Projection(kind, ['emails[type eq "work"]']).apply(FULL)["emails"] == [
        {"value": WORK["value"], "primary": True}
    ]
    assert Projection(kind, ['emails[type eq "work"].type']).apply(FULL)["emails"] == [{"type": "work"}]


def test_names_of_one_attribute_with_several_filters_choose_what_one_of_them_selects() -> None:
    """Of each value what is named for it."""
    names = ['emails[type eq "work"]', 'emails[type eq "home"]']
    assert Projection(USER, names).apply(FULL)["emails"] == [WORK, HOME]
    assert Projection(USER, [names[0], "emails"]).apply(FULL)["emails"] == [WORK, HOME]
    assert Projection(USER, [names[0], "emails.type"]).apply(FULL)["emails"] == [WORK, {"type": "home"}]
    parts = Projection(USER, [f"{names[0]}.value", f"{names[1]}.type"]).apply(FULL)["emails"]
    assert parts == [{"value": WORK["value"]}, {"type": "home"}]


@pytest.mark.parametrize(
    ("name", "left"),
    [
        ('emails[type eq "work"]', [HOME]),
        ('emails[type eq "work"].value', [{"type": "work", "primary": True}, HOME]),
        ("emails[value pr]", ...),
        ('emails[type eq "other"]', [WORK, HOME]),
    ],
)
def test_an_excluded_name_with_a_filter_leaves_out_the_values_that_it_selects(name: str, left: Any) -> None:
    """The same in the other parameter."""
    changed = {**shown(), "emails": left}
    assert Projection(USER, [], [name]).apply(FULL) == {name: item for name, item in changed.items() if item is not ...}


def test_exclusion_is_taken_away_from_what_is_named() -> None:
    """The RFC leaves open what both parameters mean together."""
    assert shown("name userName", "name.givenName") == {
        **ALWAYS,
        "userName": MIRA["userName"],
        "name": {"familyName": "Solberg"},
    }
    assert shown("name", "name") == ALWAYS


def test_a_projection_tells_what_need_not_be_read() -> None:
    """Members and groups are not read when they are not returned."""
    assert Projection(USER).wants("groups")
    assert not Projection(USER, excluded=["Groups"]).wants("groups")
    assert Projection(USER, excluded=["groups.value"]).wants("groups")
    assert not Projection(USER, ["userName"]).wants("groups")
    assert Projection(USER, ["userName", "groups.value"]).wants("groups")
    assert Projection(USER, ['groups[type eq "direct"]']).wants("groups")
    assert Projection(USER, excluded=['groups[type eq "direct"]']).wants("groups")


@pytest.mark.parametrize("name", ["", "na me", "emails[type", "emails[x pr]", "title[x pr]", "1st", "a" * 9000])
def test_text_that_is_no_attribute_name_is_an_invalid_value(name: str) -> None:
    """400, with the name in the detail."""
    with pytest.raises(InvalidValue, match="no attribute name"):
        Projection(USER, [name])
    with pytest.raises(InvalidValue):
        Projection(USER, excluded=[name])


def test_the_comparisons_in_filters_of_names_are_bounded() -> None:
    """A page may have hundreds of thousands of values, and each is compared while nobody else is answered."""
    most = [f'emails[type eq "{number}"]' for number in range(MAX_COMPARISONS)]
    assert Projection(USER, most, most).apply(FULL) == ALWAYS
    for names in ([*most, "emails[type pr]"], [f"unknown[{' or '.join(['type pr'] * (MAX_COMPARISONS + 1))}]"]):
        with pytest.raises(InvalidValue, match="comparisons"):
            Projection(USER, names)
        with pytest.raises(InvalidValue, match="comparisons"):
            Projection(USER, [], names)


def test_a_projection_does_not_change_the_resource() -> None:
    """What is stored is what was read, whatever was shown of it."""
    before = copy.deepcopy(FULL)
    shown("emails.type name", "name.givenName")
    Projection(USER, ['emails[type eq "work"].value'], ['emails[type eq "home"].value']).apply(FULL)
    assert before == FULL


def test_without_hidden_attributes_nothing_is_copied() -> None:
    """Where all is returned, as with the built-in schemas, the resource itself is what is shown."""
    assert Projection(load_schemas().user).apply(MIRA) is MIRA


@pytest.mark.parametrize("attributes", [f"{CONTOSO} {CONTOSO}:remarks", f"{CONTOSO}:remarks {CONTOSO}"])
def test_what_has_to_be_named_is_there_beside_the_whole(attributes: str) -> None:
    """In whichever order: what is returned on request is no part of "all of it"."""
    assert shown(attributes)[CONTOSO] == {**shown()[CONTOSO], "remarks": "ill"}


def test_a_part_is_wanted_where_it_is_returned() -> None:
    """So that the names of groups are read for nobody who does not see them."""
    assert not Projection(USER).wants("groups", "display")
    assert not Projection(USER, ["groups"]).wants("groups", "display")
    assert not Projection(USER, ["userName"]).wants("groups", "display")
    assert not Projection(USER, ["groups.display"], ["groups"]).wants("groups", "display")
    assert not Projection(USER, ["groups.display"]).wants("groups", "nobody")
    filtered = ['groups[type eq "direct"].display']
    for asked in (["groups.display"], ["groups", "groups.display"], ["groups.display", "groups"], filtered):
        assert Projection(USER, asked).wants("groups", "display")
