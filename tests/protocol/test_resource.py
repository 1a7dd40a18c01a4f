"""Resources as trees: their values, how texts and dates compare, and which attributes a response carries."""

import copy
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest

from scim.protocol.errors import InvalidValue
from scim.protocol.filter import parse_attribute
from scim.protocol.resource import Projection, Resource, fold, format_date_time, parse_date_time, schemas_of, values
from scim.protocol.schema import load_schemas
from tests.samples import CONTOSO, CORE, ENTERPRISE, MIRA, USER

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


@pytest.mark.parametrize(
    ("path", "found"),
    [
        ("userName", ["mira@contoso.example"]),
        ("title", []),
        ("name.givenName", ["Mira"]),
        ("name.middleName", []),
        ("photos.value", []),
        ("emails.value", ["mira@contoso.example", "mira@home.example"]),
        ("emails.primary", [True]),
        ("department", ["Sea"]),
        ("manager.value", ["26118915"]),
        (f"{CONTOSO}:languages", []),
    ],
)
def test_an_attribute_has_every_value_it_holds(path: str, found: list[Any]) -> None:
    """Of a multi-valued attribute all, of an absent one none."""
    target = USER.resolve(parse_attribute(path))
    assert target
    assert values(MIRA, target) == found


def test_an_extension_is_a_value_itself() -> None:
    """So that `pr` on its URN tells whether it is used."""
    target = USER.resolve(parse_attribute(ENTERPRISE))
    assert target
    assert values(MIRA, target) == [MIRA[ENTERPRISE]]
    assert values({"userName": "x"}, target) == []


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("MIRA@Contoso.example", "mira@contoso.EXAMPLE"),
        ("Straße", "STRASSE"),
        ("É", "e\u0301"),
        ("ﬁord", "FIORD"),
        ("Σίσυφος", "ΣΊΣΥΦΟΣ"),
        ("Ａ", "a"),
    ],
)
def test_texts_that_differ_in_letter_case_only_fold_to_one(one: str, other: str) -> None:
    """NFKC and full case folding; folding again changes nothing."""
    assert fold(one) == fold(other) == fold(fold(one))


def test_different_texts_stay_different() -> None:
    """An accent is not letter case."""
    assert len({fold(text) for text in ("a", "á", "b", "a ", "")}) == 5


NOON = datetime(2026, 1, 31, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "instant"),
    [
        ("2026-01-31T12:00:00Z", NOON),
        ("2026-01-31t12:00:00z", NOON),
        ("2026-01-31T12:00:00", NOON),
        ("2026-01-31T12:00", NOON),
        ("2026-01-31T14:00:00+02:00", NOON),
        ("2026-01-31T06:30:00-05:30", NOON),
        ("2026-01-31T12:00:00.5Z", NOON + timedelta(milliseconds=500)),
        ("2026-01-31T12:00:00.1234567Z", NOON + timedelta(microseconds=123456)),
        ("2026-01-31T12:00:00.000000000000001Z", NOON),
        ("2026-01-31T12:00:00.000+0000", NOON),
        ("2026-01-31T06:30:00-0530", NOON),
        ("2026-01-31 14:00:00+02", NOON),
        ("2026-01-31 12:00", NOON),
        ("9999-12-31T23:59:59Z", datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC)),
    ],
)
def test_a_date_and_time_is_an_instant(text: str, instant: datetime) -> None:
    """xsd:dateTime with and without zone, up to the seven and more digits of other platforms."""
    assert parse_date_time(text) == instant


@pytest.mark.parametrize(
    "text",
    [
        "",
        "yesterday",
        "2026-01-31",
        "2026-01-31  12:00:00Z",
        "2026-01-31 12:00:00 Z",
        "2026-01-31T12:00:00 01:00",
        "2026-01-31T12:00:00+1",
        "2026-01-31T12:00:00+010",
        "2026-01-31T12:00:00+01:0",
        "2026-02-30T12:00:00Z",
        "2026-01-31T25:00:00Z",
        "2026-01-31T12:00:00+99:00",
        "2026-W05-6T12:00:00Z",
        "20260131T120000Z",
        "2026-01-31T12:00:00,5Z",
        "2026-01-31T12:00:00.Z",
        "2026-01-31T12:00.5Z",
        "٢٠٢٦-01-31T12:00:00Z",
        "0001-01-01T00:00:00+01:00",
        "9999-12-31T23:59:59-01:00",
        "2026-01-31T12:00:00Z" + "0" * 100_000,
        "2026-01-31T12:00:00." + "0" * 100_000,
    ],
)
def test_what_is_no_date_and_time_is_none(text: str) -> None:
    """Other forms of ISO 8601, and instants that no calendar has, are not taken."""
    assert parse_date_time(text) is None


def test_an_instant_is_written_in_utc_with_milliseconds() -> None:
    """The form of meta.created and meta.lastModified."""
    assert format_date_time(NOON) == "2026-01-31T12:00:00.000Z"
    assert format_date_time(datetime(2026, 1, 31, 13, 0, 0, 1999, timezone(timedelta(hours=1)))) == (
        "2026-01-31T12:00:00.001Z"
    )


def test_schemas_are_the_core_one_and_those_of_the_extensions_in_use() -> None:
    """RFC 7643 §3: the list says which namespaces the resource has."""
    assert schemas_of(USER, MIRA) == [CORE, ENTERPRISE]
    assert schemas_of(USER, {"userName": "x", CONTOSO: {}}) == [CORE]


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


@pytest.mark.parametrize("name", ["", "na me", 'emails[type eq "work"]', "1st", "a" * 9000])
def test_text_that_is_no_attribute_name_is_an_invalid_value(name: str) -> None:
    """400, with the name in the detail."""
    with pytest.raises(InvalidValue, match="no attribute name"):
        Projection(USER, [name])
    with pytest.raises(InvalidValue):
        Projection(USER, excluded=[name])


def test_a_projection_does_not_change_the_resource() -> None:
    """What is stored is what was read, whatever was shown of it."""
    before = copy.deepcopy(FULL)
    shown("emails.type name", "name.givenName")
    assert before == FULL


def test_without_hidden_attributes_nothing_is_copied() -> None:
    """Where all is returned, as with the built-in schemas, the resource itself is what is shown."""
    assert Projection(load_schemas().user).apply(MIRA) is MIRA
