"""Query parameters that are repeated, empty or written in the way of some client's library."""

import pytest

from scim.protocol.errors import InvalidCount, InvalidValue
from scim.protocol.query import SearchRequest, query_search
from tests.conftest import Http
from tests.service.asking import assert_error


@pytest.mark.parametrize(
    ("parameters", "search"),
    [
        ([("attributes", "id"), ("Attributes", "title,name")], SearchRequest(attributes=("id", "title", "name"))),
        ([("attributes[]", "id"), ("attributes[]", "title")], SearchRequest(attributes=("id", "title"))),
        (
            [("excludedAttributes[0]", "a"), ("excludedAttributes[1]", "b")],
            SearchRequest(excluded_attributes=("a", "b")),
        ),
        ([("attributes", ""), ("attributes", "id")], SearchRequest(attributes=("id",))),
        (
            [("attributes", "emails[value eq \"a,b\" or value eq 'c,d']. value,title")],
            SearchRequest(attributes=("emails[value eq \"a,b\" or value eq 'c,d']. value", "title")),
        ),
        ([("count", "2"), ("COUNT", "2"), ("count", "")], SearchRequest(count=2)),
        ([("filter", "id pr"), ("filter", "id pr")], SearchRequest(filter="id pr")),
        ([("count", ""), ("startIndex", ""), ("filter", ""), ("sortBy", " ")], SearchRequest()),
        ([("cursor", "")], SearchRequest(cursor="")),
        ([("cursor", ""), ("cursor", "")], SearchRequest(cursor="")),
        ([("aad", "1"), ("aad", "2"), ("filter[]", "id pr"), ("count[]", "x"), ("attributes]", "id")], SearchRequest()),
    ],
)
def test_what_is_repeated_or_empty_is_read_as_it_is_meant(
    parameters: list[tuple[str, str]], search: SearchRequest
) -> None:
    """Lists are joined, equal repetitions count once, and what is empty is not given, but for a cursor. RFC 9865 §2."""
    assert query_search(parameters) == search


@pytest.mark.parametrize(
    ("name", "one", "other"),
    [
        ("filter", "id pr", "title pr"),
        ("count", "1", "2"),
        ("startIndex", "1", "2"),
        ("sortBy", "id", "title"),
        ("sortOrder", "ascending", "descending"),
        ("cursor", "", "x"),
    ],
)
def test_a_repetition_with_another_value_is_refused(name: str, one: str, other: str) -> None:
    """Whichever counted, somebody would be mistaken; the refusal names the parameter."""
    failure = InvalidCount if name == "count" else InvalidValue
    for pair in ([one, other], [other, one]):
        with pytest.raises(failure, match=name):
            query_search([(name, value) for value in pair])


@pytest.mark.parametrize(
    "query",
    [
        "attributes=userName&attributes=title",
        "attributes%5B%5D=userName&attributes%5B%5D=title",
        "attributes[]=userName&attributes[]=title",
        "attributes=userName,title&filter=&count=&startIndex=&sortBy=&sortOrder=",
        "attributes=userName,title&filter=title%20pr&filter=title%20pr",
        "excludedAttributes=meta&excludedAttributes=emails,active",
        "attributes=userName,title&cursor=",
    ],
)
async def test_a_search_takes_repeated_and_empty_parameters(http: Http, query: str) -> None:
    """Also a walk by cursor begins with an empty one."""
    user = await http.user("mira", title="Pilot", emails=["mira@contoso.example"])
    answer = await http.request("GET", f"/Users?{query}")
    assert answer.status == 200
    shown = {"schemas": user["schemas"], "id": user["id"], "userName": user["userName"], "title": "Pilot"}
    assert answer.body["Resources"] == [shown]
    assert ("startIndex" in answer.body) is ("cursor" not in query)


@pytest.mark.parametrize("text", ['"\\' * 100_000, "'\\" * 100_000, "\"'" * 100_000, "'" * 100_000])
def test_quotes_that_are_never_closed_cost_no_more_than_other_text(text: str) -> None:
    """Looking for the end of each anew would take minutes, in which nobody else is answered."""
    assert len(query_search([("attributes", text)]).attributes) == 1


async def test_a_search_that_says_two_things_is_refused(http: Http) -> None:
    """400 in SCIM's form, at each address with a query."""
    user = await http.user("mira")
    for path in ("/Users", "", f"/Users/{user['id']}", "/Groups"):
        answer = await http.request("GET", f"{path}?filter=id%20pr&filter=title%20pr")
        assert_error(answer, 400, "invalidValue", "filter is given more than once")


async def test_discovery_takes_an_empty_filter_for_none(http: Http) -> None:
    """As everywhere; one that says something is refused. RFC 7644 §4."""
    assert (await http.request("GET", "/Schemas?filter=")).status == 200
    assert (await http.request("GET", "/Schemas?filter=&filter=id%20pr")).status == 403


async def test_a_body_with_empty_fields_searches_as_without_them(http: Http) -> None:
    """A SearchRequest by POST has the same fields."""
    await http.user("mira")
    for empty in ("", None):
        body = {"filter": empty, "count": empty, "startIndex": empty, "sortBy": empty, "attributes": empty}
        answer = await http.request("POST", "/Users/.search", body)
        assert (answer.status, answer.body["totalResults"]) == (200, 1)


async def test_values_of_a_list_may_be_asked_for_by_a_filter(http: Http) -> None:
    """As Microsoft's reference tests do, in a search and of one resource; a comma in the filter divides no names."""
    work, home = {"type": "work", "value": "a,b"}, {"type": "home", "value": "c"}
    user = await http.user("mira", emails=[work, home])
    for name in ('emails[type eq "work"]', "emails[value eq 'a,b']"):
        for path in ("/Users", f"/Users/{user['id']}"):
            answer = await http.request("GET", f"{path}?attributes={name.replace(' ', '%20')},title")
            [found] = answer.body.get("Resources", [answer.body])
            assert found["emails"] == [work]


async def test_members_may_be_asked_for_by_a_filter(http: Http) -> None:
    """They are read for it, which lists without them are not."""
    mira, nils = [(await http.user(name))["id"] for name in ("mira", "nils")]
    group = await http.group("Crew", mira, nils)
    for path in ("/Groups", f"/Groups/{group['id']}"):
        answer = await http.request("GET", f"{path}?attributes=members[value%20eq%20%22{nils}%22].value")
        [found] = answer.body.get("Resources", [answer.body])
        assert found["members"] == [{"value": nils}]
