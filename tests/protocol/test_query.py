"""Searching: which resources a filter selects, in which order they come, and what a client may ask for."""

import copy
from typing import Any

import pytest

from scim.protocol.errors import InvalidCount, InvalidFilter, InvalidSyntax, InvalidValue
from scim.protocol.filter import parse_attribute, parse_filter
from scim.protocol.query import (
    MAX_COUNT,
    MAX_NAMES,
    SearchRequest,
    list_response,
    matcher,
    normal,
    search_request,
    sort_key,
)
from scim.protocol.resource import Resource
from scim.protocol.schema import Attribute
from tests.samples import CONTOSO, ENTERPRISE, GROUP, MIRA, USER

IRIS: Resource = {
    **MIRA,
    "title": "Übersetzerin",
    "profileUrl": "https://x.example/Iris",
    "roles": [{"value": "Admin", "primary": True}],
    "addresses": [{"locality": "Oslo", "type": "work"}],
    "meta": {"resourceType": "User", "lastModified": "2026-05-13T04:42:34.125Z"},
    CONTOSO: {
        "clearance": "office",
        "remote": False,
        "desks": 2,
        "workload": 0.5,
        "hiredAt": "2020-02-29T23:30:00-01:00",
        "signature": "QUJD",
        "languages": ["nb", "DE"],
        "site": "Bergen",
    },
}


def matches(text: str, resource: Resource = IRIS) -> bool:
    return matcher(parse_filter(text), USER)(resource)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('userName eq "mira@contoso.example"', True),
        ('userName eq "MIRA@Contoso.example"', True),
        ('username EQ "mira@contoso.example"', True),
        ('userName eq "mira"', False),
        ('externalId eq "5d0e7d0c"', True),
        ('externalId eq "5D0E7D0C"', False),
        ('id eq "0123456789abcdef0123456789abcdef"', True),
        ('id eq "0123456789ABCDEF0123456789ABCDEF"', False),
        ('title eq "ÜBERSETZERIN"', True),
        ('profileUrl eq "https://x.example/iris"', False),
        ('schemas eq "x"', False),
    ],
)
def test_letter_case_matters_only_where_the_schema_says_so(text: str, expected: bool) -> None:
    """`caseExact` of RFC 7643 §7; userName compares without case, externalId and id with it."""
    assert matches(text) is expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('displayName co "a so"', True),
        ('displayName sw "mira"', True),
        ('displayName sw "Solberg"', False),
        ('displayName ew "BERG"', True),
        ('displayName ew "Mira"', False),
        ('externalId sw "5d"', True),
        ('externalId sw "5D"', False),
        ('displayName gt "Mira"', True),
        ('displayName gt "mira solberg"', False),
        ('displayName ge "mira solberg"', True),
        ('displayName lt "mirb"', True),
        ('displayName le "mira solberg"', True),
        ('displayName le "mira"', False),
        ('displayName ne "mira solberg"', False),
        ('displayName ne "x"', True),
    ],
)
def test_texts_compare_by_part_and_by_order(text: str, expected: bool) -> None:
    """co, sw, ew, gt, ge, lt, le and ne of RFC 7644 table 3, without case where the attribute has none."""
    assert matches(text) is expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("active eq true", True),
        ("active eq True", True),
        ('active eq "True"', True),
        ("active ne true", False),
        ('roles[primary eq "True"].value eq "admin"', True),
        (f"{CONTOSO}:desks eq 2", True),
        (f"{CONTOSO}:desks eq 2.0", True),
        (f'{CONTOSO}:desks eq "2"', True),
        (f"{CONTOSO}:desks gt 1.5", True),
        (f"{CONTOSO}:desks lt 2", False),
        (f"{CONTOSO}:workload eq 0.50", True),
        (f"{CONTOSO}:workload le 5e-1", True),
        (f'{CONTOSO}:signature eq "QUJD"', True),
        (f'{CONTOSO}:signature eq "qujd"', False),
        ("desks ge 2", True),
        ("externalId eq 5d0e7d0c", True),
    ],
)
def test_values_compare_in_the_type_of_the_attribute(text: str, expected: bool) -> None:
    """Booleans and numbers may come as strings, as Entra writes them."""
    assert matches(text) is expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('meta.lastModified eq "2026-05-13T04:42:34.125Z"', True),
        ('meta.lastModified eq "2026-05-13T06:42:34.125+02:00"', True),
        ('meta.lastModified ge "2026-05-13T04:42:34.1250000Z"', True),
        ('meta.lastModified gt "2026-05-13T04:42:34.1249999Z"', True),
        ('meta.lastModified lt "2026-05-13T04:42:35"', True),
        ("meta.lastModified gt 2026-05-13T04:42:34Z", True),
        ('meta.lastModified gt "2026-05-13t04:42:35z"', False),
        ('meta.lastModified sw "2026-05-13"', True),
        ('meta.lastModified ew ".125z"', True),
        (f'{CONTOSO}:hiredAt eq "2020-03-01T00:30:00Z"', True),
        (f'{CONTOSO}:hiredAt co "2020-02-29"', True),
        (
            'active eq true and (meta.lastModified ge "2026-01-01T00:00:00.0000000Z"'
            ' and meta.lastModified le "2026-12-31T00:00:00.0000000Z")',
            True,
        ),
    ],
)
def test_dates_compare_as_instants_and_their_parts_as_text(text: str, expected: bool) -> None:
    """Zones do not matter to eq and order, and the seven digits of .NET are read; co, sw and ew see the text."""
    assert matches(text) is expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('emails.value eq "mira@home.example"', True),
        ('emails.value ne "mira@home.example"', False),
        ('emails.value ne "x"', True),
        ('emails.type eq "work" and emails.value eq "mira@home.example"', True),
        ('emails[type eq "work" and value eq "mira@home.example"]', False),
        ('emails[type eq "home" and value eq "mira@home.example"]', True),
        ('emails[type eq "WORK"].value eq "mira@contoso.example"', True),
        ('emails[type eq "work"].value eq "mira@home.example"', False),
        ("emails[primary eq true]", True),
        ("emails[not (type pr)]", False),
        ('emails co "home.example"', True),
        ('emails eq "mira@home.example"', True),
        (f'{CONTOSO}:languages eq "de"', True),
        ('manager eq "26118915"', True),
        (f'{ENTERPRISE}:manager.value eq "26118915"', True),
        (f'{ENTERPRISE}.manager eq "26118915"', True),
        ('department eq "sea"', True),
        ('urn:ietf:params:scim:schemas:core:2.0:User:userName sw "mira"', True),
    ],
)
def test_a_comparison_holds_for_one_of_many_values(text: str, expected: bool) -> None:
    """Brackets ask for one value that fulfils all; without them each comparison may find another value."""
    assert matches(text) is expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("title pr", True),
        ("nickName pr", False),
        ("name pr", True),
        ("name.givenName pr", True),
        ("name.middleName pr", False),
        ("active pr", True),
        (f"{CONTOSO}:remote pr", True),
        ("emails pr", True),
        ("photos pr", False),
        (f"{ENTERPRISE} pr", True),
        ("nickName eq null", True),
        ("title eq null", False),
        ("title ne null", True),
        ('nickName ne "x"', True),
        ('nickName eq "x"', False),
        ("not (nickName pr)", True),
        ('not (title pr) or displayName sw "m"', True),
        ('title pr and nickName pr or userName ew "example"', True),
        ('title pr and (nickName pr or userName ew "nowhere")', False),
    ],
)
def test_no_value_is_neither_equal_nor_present(text: str, expected: bool) -> None:
    """`pr`, null and the logical operators; false is a value."""
    assert matches(text) is expected


@pytest.mark.parametrize(
    "text",
    [
        'unknown eq "x"',
        'name.unknown eq "x"',
        'emails[unknown eq "x"]',
        'userName[value eq "x"]',
        'emails.value[type eq "x"]',
        f'{ENTERPRISE}[department eq "x"]',
        "name eq 5",
        'addresses eq "x"',
        'active eq "maybe"',
        "active eq 1",
        "active gt true",
        'active co "tr"',
        f'{CONTOSO}:desks eq "two"',
        f"{CONTOSO}:desks eq true",
        f"{CONTOSO}:desks co 2",
        f'{CONTOSO}:signature gt "QUJD"',
        'meta.lastModified gt "yesterday"',
        'meta.lastModified eq "2026-W05-5T12:00:00Z"',
        "userName gt null",
        'members eq "x"',
        'urn:unknown:userName eq "x"',
        f'{CONTOSO}:doorCode eq "1234"',
        f"{CONTOSO}:doorCode pr",
        f'{CONTOSO}:office.alarmCode sw "1"',
        "emails[value[x eq 1]]",
    ],
)
def test_what_cannot_be_compared_is_an_invalid_filter(text: str) -> None:
    """An unknown attribute or an impossible comparison is told before anything is read.

    What is never returned cannot be searched either, else a client could guess it piece by piece.
    """
    with pytest.raises(InvalidFilter):
        matches(text)


def test_an_unknown_attribute_is_named() -> None:
    """The administrator learns which attribute of the mapping to change."""
    with pytest.raises(InvalidFilter, match="User has no attribute 'nickname2'"):
        matches('nickname2 eq "x"')


def test_members_of_a_group_can_be_searched() -> None:
    """Entra asks `id eq "A" and members eq "B"` to check a membership."""
    crew = {"id": "A", "displayName": "Crew", "members": [{"value": "B"}, {"value": "C"}]}
    matches_crew = matcher(parse_filter('id eq "A" and members eq "B"'), GROUP)
    assert matches_crew(crew)
    assert not matches_crew({**crew, "members": [{"value": "C"}]})


@pytest.mark.parametrize(
    ("one", "other", "kind"),
    [
        ("Straße", "STRASSE", "string"),
        ("e\u0301", "É", "string"),
        ("2026-01-31T12:00:00+02:00", "2026-01-31T10:00:00.000Z", "dateTime"),
        (5, 5.0, "decimal"),
    ],
)
def test_equal_values_have_one_normal_form(one: Any, other: Any, kind: str) -> None:
    """Keys are made from the normal form, so values that a filter takes as equal must be written alike in it."""
    attribute = Attribute("x", type=kind)
    assert str(normal(attribute, one)) == str(normal(attribute, other))


def order(attribute: str, *people: Resource) -> list[Any]:
    target = USER.resolve(parse_attribute(attribute))
    assert target
    return [each.get("id") for each in sorted(people, key=sort_key(target))]


def test_resources_sort_by_an_attribute_in_its_own_order() -> None:
    """Text without case, numbers by size, dates by time; who has no value comes last. RFC 7644 §3.4.2.3."""
    texts: list[Resource] = [{"id": 1, "title": "b"}, {"id": 2}, {"id": 3, "title": "C"}, {"id": 4, "title": "A"}]
    numbers: list[Resource] = [{"id": 1, CONTOSO: {"desks": 10}}, {"id": 2, CONTOSO: {"desks": 9}}, {"id": 3}]
    dates = [{"id": each, "meta": {"created": f"2026-01-31T12:00:00+0{each}:00"}} for each in range(3)]
    assert order("title", *texts) == [4, 1, 3, 2]
    assert order(f"{CONTOSO}:desks", *numbers) == [2, 1, 3]
    assert order("meta.created", *dates) == [2, 1, 0]


def test_a_multi_valued_attribute_sorts_by_its_primary_value_else_by_its_first() -> None:
    """RFC 7644 §3.4.2.3; sorting leaves the resources as they are."""
    people: list[Resource] = [
        {"id": 1, "emails": [{"value": "a"}, {"value": "z", "primary": True}]},
        {"id": 2, "emails": [{"value": "m"}, {"value": "b"}]},
        {"id": 3, "emails": [{"type": "work"}, {"value": "c"}]},
    ]
    before = copy.deepcopy(people)
    assert order("emails.value", *people) == order("emails", *people) == [3, 2, 1]
    assert people == before


def test_sorting_by_what_has_no_order_changes_nothing() -> None:
    """A complex attribute without `value` has no order."""
    assert order("name", {"id": 2, "name": {"givenName": "b"}}, {"id": 1, "name": {"givenName": "a"}}) == [2, 1]


def test_figures_of_a_search_are_brought_into_their_bounds() -> None:
    """startIndex below 1 means 1, a negative count 0, a larger one than is served the largest. RFC 7644 §3.4.2.4."""
    low = search_request({"startIndex": "-3", "count": "-1"})
    high = search_request({"startIndex": 7.0, "count": 10**9})
    assert (low.start_index, low.count) == (1, 0)
    assert (high.start_index, high.count) == (7, MAX_COUNT)


def test_a_search_that_asks_for_nothing_is_for_everything() -> None:
    """What a search does not know is ignored, and so is null."""
    assert search_request({"other": 1, "filter": None}) == search_request({}) == SearchRequest()


def test_a_search_is_read_from_parameters_and_bodies_whatever_the_case_of_names() -> None:
    """Unknown names and nulls are left out; names in a query are separated by commas, in a body they are a list."""
    query = search_request({"STARTINDEX": "3", "attributes": "userName, name.givenName,", "x": "y", "sortby": "id"})
    body = search_request(
        {"startindex": 3, "Attributes": ["userName", "name.givenName"], "schemas": [], "sortBy": "id", "filter": None}
    )
    assert query == body
    assert (query.start_index, query.attributes, query.sort_by) == (3, ("userName", "name.givenName"), "id")


@pytest.mark.parametrize("text", ["ascending", "Ascending", "descending", "DESCENDING"])
def test_an_order_is_ascending_or_descending(text: str) -> None:
    """In any letter case. RFC 7644 §3.4.2.3."""
    assert search_request({"sortOrder": text}).sort_order == text.lower()


def test_what_is_empty_is_not_given() -> None:
    """Addresses that are made from templates have empty parameters; but an empty cursor begins a walk. RFC 9865 §2."""
    names = ("filter", "sortBy", "sortOrder", "startIndex", "count", "attributes", "excludedAttributes")
    for empty in ("", " "):
        assert search_request(dict.fromkeys(names, empty)) == SearchRequest()
    assert search_request({"cursor": ""}).cursor == ""


@pytest.mark.parametrize("values", [None, [], "filter"])
def test_a_body_that_is_no_object_is_no_search(values: Any) -> None:
    """A SearchRequest is an object."""
    with pytest.raises(InvalidSyntax, match="SearchRequest"):
        search_request(values)


@pytest.mark.parametrize(
    ("values", "name"),
    [
        ({"startIndex": "first"}, "startIndex"),
        ({"startIndex": "1" * 5000}, "startIndex"),
        ({"filter": 5}, "filter"),
        ({"attributes": [1]}, "attributes"),
        ({"excludedattributes": 1}, "excludedAttributes"),
        ({"startIndex": 1.5}, "startIndex"),
        ({"startIndex": True}, "startIndex"),
        ({"sortBy": ["id"]}, "sortBy"),
        ({"sortOrder": "foo"}, "sortOrder"),
        ({"sortOrder": "desc"}, "sortOrder"),
        ({"sortorder": True}, "sortOrder"),
    ],
)
def test_a_parameter_of_another_type_is_named(values: dict[str, Any], name: str) -> None:
    """The detail begins with the parameter that is wrong."""
    with pytest.raises(InvalidValue, match=f"^{name}: "):
        search_request(values)


@pytest.mark.parametrize("name", ["attributes", "excludedAttributes"])
@pytest.mark.parametrize("in_query", [True, False])
def test_so_many_names_that_others_would_have_to_wait_are_refused(name: str, in_query: bool) -> None:
    """With both figures; as many as the limit are read, in a query and in a body alike."""
    names = ["userName"] * (MAX_NAMES + 1)
    many, most = (",".join(names), ",".join(names[1:])) if in_query else (names, names[1:])
    search = search_request({name: most})
    assert len(search.attributes + search.excluded_attributes) == MAX_NAMES
    with pytest.raises(InvalidValue, match=f"^{name}: {MAX_NAMES + 1} names are more than the limit of {MAX_NAMES};"):
        search_request({name: many})


def test_what_is_named_twice_in_a_body_is_refused() -> None:
    """Which of the two is meant nobody can tell; in a query the host joins them, and the first counts."""
    with pytest.raises(InvalidSyntax, match="filter is given more than once"):
        search_request({"filter": "id pr", "Filter": "title pr"})


def test_a_count_that_is_no_number_has_an_error_of_its_own() -> None:
    """RFC 9865 §2.1 calls it invalidCount."""
    for text in ("many", "1_0", "1.5", "\u0661", "9" * 5_000):
        with pytest.raises(InvalidCount, match=r"^count: must be a whole number"):
            search_request({"count": text})
    assert [search_request({"count": each}).count for each in ("7", " +7 ", "-7", 7.0)] == [7, 7, 0, 7]


def test_a_list_response_tells_the_figures_that_are_known() -> None:
    """RFC 7644 §3.4.2; itemsPerPage is how many came, and figures without a value are left out."""
    empty = {"totalResults": 0, "startIndex": 1, "itemsPerPage": 0, "Resources": []}
    assert list_response([], totalResults=0, startIndex=1, nextCursor=None) == {
        "schemas": ["urn:ietf:params:scim:api:messages:2.0:ListResponse"],
        **empty,
    }
