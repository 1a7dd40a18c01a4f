"""Searches through HTTP: filters, order, pages by index and by cursor, and what they cost."""

import json as jsonlib
from collections.abc import Sequence
from typing import Any
from urllib.parse import quote

import pytest

from scim.app import App
from scim.directory import keys
from scim.directory import search as searching
from scim.directory.cursor import Cursor
from scim.directory.memberships import Memberships
from scim.directory.planning import SORT_LENGTH
from scim.protocol.filter import MAX_LENGTH, MAX_TERMS
from scim.protocol.query import LIST_RESPONSE, MAX_COUNT, SearchRequest
from scim.protocol.resource import Projection
from scim.storage.rows import Insert, Rows
from tests.conftest import Answer, Clock, Http, make_app
from tests.samples import ENTERPRISE

MISSING = "f" * 32


@pytest.fixture
async def crew(http: Http, clock: Clock) -> dict[str, Any]:
    """Five people, one minute apart, and two groups; by name."""
    people: list[tuple[str, dict[str, Any]]] = [
        ("mira", {"title": "Captain", "active": True, "emails": [{"value": "m@sea.example", "type": "work"}]}),
        ("nils", {"title": "Pilot", "active": False, "externalId": "X-2", "nickName": 'Quote " and \\ slash'}),
        ("ida", {"title": "pilot", "active": True, "emails": [{"value": "i@sea.example", "primary": True}]}),
        ("tom", {"active": True, ENTERPRISE: {"employeeNumber": "7", "department": "Deck"}}),
        ("\u00fcrsel", {"title": "Cook", "emails": [{"value": "u@home.example", "type": "home"}]}),
    ]
    made = {}
    for name, attributes in people:
        made[name] = await http.user(name, **attributes)
        clock.forward(minutes=1)
    manager = {"op": "add", "path": f"{ENTERPRISE}:manager", "value": made["mira"]["id"]}
    await http.request("PATCH", f"/Users/{made['tom']['id']}", {"Operations": [manager]})
    made["Deck"] = await http.group("Deck", made["mira"]["id"], made["tom"]["id"])
    made["Galley"] = await http.group("Galley")
    return made


async def search(http: Http, path: str, **parameters: Any) -> Answer:
    query = "&".join(f"{name}={quote(str(value))}" for name, value in parameters.items())
    return await http.request("GET", f"{path}?{query}")


def names(answer: Answer) -> list[str]:
    assert answer.status == 200, answer.body
    found = answer.body["Resources"]
    return [each.get("userName", each.get("displayName", "")).partition("@")[0] for each in found]


async def found(http: Http, filter_text: str, path: str = "/Users") -> set[str]:
    return set(names(await search(http, path, filter=filter_text)))


# --- Filters ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("filter_text", "expected"),
    [
        ('userName eq "mira@contoso.example"', "mira"),
        ('USERNAME EQ "Mira@CONTOSO.example"', "mira"),
        ('urn:ietf:params:scim:schemas:core:2.0:User:userName eq "mira@contoso.example"', "mira"),
        ('userName eq "\u00dcRSEL@contoso.example"', "\u00fcrsel"),
        ('externalId eq "X-2"', "nils"),
        ('externalId eq "x-2"', ""),
        ("externalId eq X-2", "nils"),
        ('emails.value eq "M@SEA.example"', "mira"),
        ('emails eq "m@sea.example"', "mira"),
        ('emails[type eq "work"].value eq "m@sea.example"', "mira"),
        ('emails[type eq "home"].value eq "m@sea.example"', ""),
        ('emails[type eq "work" and value eq "m@sea.example"]', "mira"),
        ('emails[primary eq true].value eq "i@sea.example"', "ida"),
        ('emails[primary eq "True"].value eq "i@sea.example"', "ida"),
        ('emails.value co "sea"', "mira ida"),
        (f'{ENTERPRISE}:employeeNumber eq "7"', "tom"),
        ("employeeNumber eq 7", "tom"),
        ('title eq "pilot"', "nils ida"),
        ('title ne "pilot"', "mira tom \u00fcrsel"),
        ("title pr", "mira nils ida \u00fcrsel"),
        ("not (title pr)", "tom"),
        ("active eq false", "nils"),
        ('active eq "False"', "nils"),
        ('nickName eq "quote \\" and \\\\ slash"', "nils"),
        ('title eq "pilot" and active eq true', "ida"),
        ('title eq "cook" or title eq "captain" and active eq false', "\u00fcrsel"),
        ('(title eq "cook" or title eq "captain") and not (active eq false)', "mira \u00fcrsel"),
        ('userName eq "tom@contoso.example" or externalId eq "X-2"', "tom nils"),
        ('userName eq "tom@contoso.example" and title eq "pilot"', ""),
        ('meta.lastModified ge "2026-01-31T12:04:00Z"', "tom \u00fcrsel"),
        ('meta.created gt "2026-01-31T12:00:00.0000000Z" and meta.created le "2026-01-31T14:02:00+02:00"', "nils ida"),
        ('userName gt "n" and userName lt "u"', "nils tom"),
        ('id eq "nobody"', ""),
    ],
)
@pytest.mark.usefixtures("crew")
async def test_a_filter_finds_who_fulfils_it(http: Http, filter_text: str, expected: str) -> None:
    """By look-up or by looking at everybody, by GET and by POST, with the same result and the right total."""
    got = await search(http, "/Users", filter=filter_text)
    assert set(names(got)) == set(expected.split())
    assert got.body["totalResults"] == got.body["itemsPerPage"] == len(expected.split())
    posted = await http.request("POST", "/Users/.search", {"filter": filter_text})
    assert posted.body == got.body


async def test_nobody_is_a_list_and_no_error(http: Http) -> None:
    """200 with an empty ListResponse, or Entra puts the job into quarantine."""
    answer = await search(http, "/Users", filter='userName eq "nobody"', startIndex=1, count=100)
    assert (answer.status, answer.body) == (
        200,
        {"schemas": [LIST_RESPONSE], "totalResults": 0, "startIndex": 1, "itemsPerPage": 0, "Resources": []},
    )


async def test_a_manager_and_a_member_are_checked_by_id(http: Http, crew: dict[str, Any]) -> None:
    """Entra's reference checks, in either order of terms, and from both sides of a membership."""
    mira, tom, deck = crew["mira"]["id"], crew["tom"]["id"], crew["Deck"]["id"]
    for text in (f'id eq "{tom}" and manager eq "{mira}"', f"manager eq {mira} and id eq {tom}"):
        answer = await search(http, "/Users", filter=text, attributes="id")
        assert [set(each) for each in answer.body["Resources"]] == [{"schemas", "id"}]
        assert answer.body["Resources"][0]["id"] == tom
    assert await found(http, f'id eq "{mira}" and manager eq "{tom}"') == set()
    assert await found(http, f'id eq "{deck}" and members eq "{mira}"', "/Groups") == {"Deck"}
    assert await found(http, f'members.value eq "{tom}"', "/Groups") == {"Deck"}
    assert await found(http, f'members[value eq "{tom}"]', "/Groups") == {"Deck"}
    assert await found(http, f'members[value eq "{MISSING}"]', "/Groups") == set()
    assert await found(http, f'members[type eq "Group"] or members.value eq "{tom}"', "/Groups") == {"Deck"}
    assert await found(http, f'not (members.value eq "{tom}")', "/Groups") == {"Galley"}
    assert await found(http, f'groups.value eq "{deck}" and userName sw "t"') == {"tom"}
    assert await found(http, "groups pr") == {"mira", "tom"}


@pytest.mark.usefixtures("crew")
async def test_null_is_no_member(http: Http) -> None:
    """`eq null` finds who has none, as for any attribute."""
    assert await found(http, "members eq null", "/Groups") == {"Galley"}
    assert await found(http, "members.value ne null", "/Groups") == {"Deck"}
    assert await found(http, "title eq null") == {"tom"}


async def test_members_found_by_a_filter_are_shown(http: Http, crew: dict[str, Any]) -> None:
    """Unless they are excluded, in a list as in a single group."""
    [group] = (await search(http, "/Groups", filter='displayName eq "deck"')).body["Resources"]
    assert group == (await http.request("GET", f"/Groups/{crew['Deck']['id']}")).body
    slim = await search(http, "/Groups", excludedAttributes="members", filter='displayName eq "deck"')
    assert "members" not in slim.body["Resources"][0]


@pytest.mark.parametrize(
    "filter_text",
    [
        "",
        "userName",
        'userName eq "x',
        'userName is "x"',
        'userName eq "x" and',
        '(userName eq "x"',
        'userName eq "x") or (title pr',
        'nobody eq "x"',
        'name eq "x"',
        "active gt true",
        'active eq "perhaps"',
        'meta.created gt "yesterday"',
        "emails[",
        'title[value eq "x"]',
        "not title pr",
        "\u00fc",
        '"x"',
        f'title eq "{"x" * MAX_LENGTH}"',
        " or ".join(["title pr"] * (MAX_TERMS + 1)),
        "not (" * 17 + "title pr" + ")" * 17,
    ],
)
async def test_a_filter_that_cannot_be_answered_is_refused(http: Http, filter_text: str) -> None:
    """400 invalidFilter, at /Users, at the root and in a body alike."""
    for answer in (
        await search(http, "/Users", filter=filter_text),
        await search(http, "", filter=filter_text),
        await http.request("POST", "/.search", {"filter": filter_text}),
    ):
        assert (answer.status, answer.body["scimType"]) == (400, "invalidFilter"), answer.body


# --- Order and pages --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("parameters", "expected"),
    [
        ({"sortBy": "userName"}, "ida mira nils tom \u00fcrsel"),
        ({"sortBy": "USERNAME", "sortOrder": "Descending"}, "\u00fcrsel tom nils mira ida"),
        ({"sortBy": "title"}, "mira \u00fcrsel nils ida tom"),
        ({"sortBy": "title", "sortOrder": "descending"}, "tom ida nils \u00fcrsel mira"),
        ({"sortBy": "emails.value"}, "ida mira \u00fcrsel nils tom"),
        ({"sortBy": "emails"}, "ida mira \u00fcrsel nils tom"),
        ({"sortBy": "meta.created", "sortOrder": "descending"}, "\u00fcrsel tom ida nils mira"),
        ({"sortBy": "active"}, "nils mira ida tom \u00fcrsel"),
        ({"sortBy": f"{ENTERPRISE}:employeeNumber"}, "tom mira nils ida \u00fcrsel"),
        ({"sortBy": "title", "filter": 'title eq "pilot" or title eq "cook"'}, "\u00fcrsel nils ida"),
        ({"sortBy": "userName", "startIndex": 2, "count": 2}, "mira nils"),
        ({"sortOrder": "descending"}, "mira nils ida tom \u00fcrsel"),
        ({"sortBy": "", "sortOrder": ""}, "mira nils ida tom \u00fcrsel"),
        ({"sortBy": "userName", "sortOrder": ""}, "ida mira nils tom \u00fcrsel"),
        ({"sortOrder": "descending", "filter": "title pr"}, "mira nils ida \u00fcrsel"),
    ],
)
@pytest.mark.usefixtures("crew")
async def test_resources_come_in_the_order_that_is_asked_for(
    http: Http, parameters: dict[str, Any], expected: str
) -> None:
    """Letter case makes no difference, who lacks the attribute comes last, ids decide the rest. RFC 7644 §3.4.2.3."""
    assert names(await search(http, "/Users", **parameters)) == expected.split()


@pytest.mark.parametrize("sort_by", ["nobody", "name.nobody", "a b", 'emails[type eq "work"]'])
async def test_an_order_that_no_schema_knows_is_refused(http: Http, sort_by: str) -> None:
    """400 invalidValue that names sortBy."""
    answer = await search(http, "/Users", sortBy=sort_by)
    assert (answer.status, answer.body["scimType"]) == (400, "invalidValue")
    assert answer.body["detail"].startswith("sortBy")


@pytest.mark.parametrize("sort_order", ["foo", "asc", "descending,"])
async def test_an_order_that_is_neither_is_refused(http: Http, sort_order: str) -> None:
    """400 invalidValue that names sortOrder, instead of an order that nobody asked for."""
    answer = await search(http, "/Users", sortBy="userName", sortOrder=sort_order)
    assert (answer.status, answer.body["scimType"]) == (400, "invalidValue")
    assert answer.body["detail"] == "sortOrder: must be ascending or descending."


@pytest.mark.parametrize("filter_text", [None, "title pr or not (title pr)", 'userName sw ""'])
@pytest.mark.parametrize(
    ("parameters", "start", "expected"),
    [
        ({}, 1, "mira nils ida tom \u00fcrsel"),
        ({"count": 2}, 1, "mira nils"),
        ({"startIndex": 2, "count": 2}, 2, "nils ida"),
        ({"startIndex": 5, "count": 2}, 5, "\u00fcrsel"),
        ({"startIndex": 6}, 6, ""),
        ({"startIndex": 10**30}, 10**30, ""),
        ({"startIndex": 0}, 1, "mira nils ida tom \u00fcrsel"),
        ({"startindex": -7, "COUNT": 1}, 1, "mira"),
        ({"count": 0}, 1, ""),
        ({"count": -1}, 1, ""),
        ({"count": 10**30}, 1, "mira nils ida tom \u00fcrsel"),
    ],
)
@pytest.mark.usefixtures("crew")
async def test_pages_by_index(
    http: Http, filter_text: str | None, parameters: dict[str, Any], start: int, expected: str
) -> None:
    """The total counts all, startIndex is told as it counts, and what is beyond the end is empty. RFC 7644 §3.4.2.4."""
    if filter_text:
        parameters = parameters | {"filter": filter_text}
    answer = await search(http, "/Users", **parameters)
    assert names(answer) == expected.split()
    assert answer.body["totalResults"] == 5
    assert (answer.body["startIndex"], answer.body["itemsPerPage"]) == (start, len(expected.split()))
    assert "nextCursor" not in answer.body


@pytest.mark.usefixtures("crew")
async def test_the_root_has_users_and_groups(http: Http) -> None:
    """One kind after the other, and pages go from one into the next. RFC 7644 §3.4.2.1."""
    assert names(await search(http, "")) == ["mira", "nils", "ida", "tom", "\u00fcrsel", "Deck", "Galley"]
    assert names(await search(http, "/", startIndex=5, count=2)) == ["\u00fcrsel", "Deck"]
    assert names(await search(http, "/", startIndex=7)) == ["Galley"]
    assert await found(http, 'displayName eq "deck" or title eq "cook"', "") == {"\u00fcrsel", "Deck"}
    assert await found(http, 'title eq "cook"', "") == {"\u00fcrsel"}
    assert await found(http, 'title ne "pilot"', "") == {"mira", "tom", "\u00fcrsel", "Deck", "Galley"}
    assert await found(http, "not (title pr)", "") == {"tom", "Deck", "Galley"}
    assert await found(http, "title eq null and members eq null", "") == {"tom", "Galley"}
    assert await found(http, 'members[value pr] or emails[type eq "home"]', "") == {"\u00fcrsel", "Deck"}
    assert await found(http, 'meta.resourceType eq "Group"', "") == {"Deck", "Galley"}
    answer = await http.request("POST", "/.search", {"sortBy": "displayName", "count": 2, "attributes": ["id"]})
    assert answer.body["totalResults"] == 7
    assert [set(each) for each in answer.body["Resources"]] == [{"schemas", "id"}] * 2


async def test_more_than_the_largest_page_is_never_sent(http: Http) -> None:
    """A larger count is served as the largest page; the total still counts all."""
    operations = [
        {"method": "POST", "path": "/Users", "bulkId": f"b{n}", "data": {"userName": f"u{n}"}} for n in range(1000)
    ]
    await http.request("POST", "/Bulk", {"Operations": operations})
    await http.user("mira")
    answer = await search(http, "/Users", count=5000, attributes="id")
    assert (answer.body["totalResults"], answer.body["itemsPerPage"]) == (1001, MAX_COUNT)
    assert len((await search(http, "/Users", attributes="id")).body["Resources"]) == 100
    deep = await search(http, "/Users", startIndex=1000, count=5, attributes="userName")
    assert [each["userName"] for each in deep.body["Resources"]] == ["u999", "mira@contoso.example"]


# --- Cursors ----------------------------------------------------------------------------------------------------------

WALKS: list[dict[str, Any]] = [
    {},
    {"filter": "userName pr"},
    {"sortBy": "title"},
    {"sortBy": "title", "sortOrder": "descending"},
    {"sortBy": "meta.created", "filter": "id pr"},
]


async def walk(http: Http, path: str, between: Any = None, **parameters: Any) -> list[list[str]]:
    """Return the names on each page of a walk by cursor to its end."""
    pages, cursor = [], ""
    for number in range(50):
        answer = await search(http, path, cursor=cursor, **parameters)
        pages.append(names(answer))
        assert "startIndex" not in answer.body
        if "nextCursor" not in answer.body:
            return pages
        cursor = answer.body["nextCursor"]
        if between:
            await between(number)
    raise AssertionError("the walk does not end")


@pytest.mark.parametrize("parameters", WALKS)
@pytest.mark.parametrize("count", [1, 2, 5, 7, 8])
@pytest.mark.usefixtures("crew")
async def test_a_walk_visits_everybody_once_in_order(http: Http, parameters: dict[str, Any], count: int) -> None:
    """Users and groups, with any page size; the last page, also a full one, has no next. RFC 9865 §2."""
    parameters = {name: "id pr" if name == "filter" else item for name, item in parameters.items()}
    pages = await walk(http, "", count=count, **parameters)
    whole = names(await search(http, "", **parameters))
    assert [name for page in pages for name in page] == whole
    assert len(whole) == 7
    assert [len(page) for page in pages[:-1]] == [count] * (len(pages) - 1)
    assert 0 < len(pages[-1]) <= count


@pytest.mark.parametrize("parameters", WALKS)
@pytest.mark.usefixtures("crew")
async def test_a_walk_misses_and_repeats_nobody_while_others_come_and_go(
    http: Http, crew: dict[str, Any], parameters: dict[str, Any]
) -> None:
    """Those who were there from beginning to end are visited exactly once, whoever is created or deleted meanwhile."""
    doomed = [(await http.user(f"doomed{number}", title=f"{number}"))["id"] for number in range(4)]

    async def between(number: int) -> None:
        await http.user(f"new{number}", title=f"{'ABCDEFGHIJ'[number % 10]}")
        if doomed:
            await http.request("DELETE", f"/Users/{doomed.pop()}")

    visited = [name for page in await walk(http, "/Users", between, count=2, **parameters) for name in page]
    stayed = ["mira", "nils", "ida", "tom", "\u00fcrsel"]
    assert sorted(name for name in visited if name in stayed) == sorted(stayed)
    assert len(set(visited)) == len(visited)


@pytest.mark.usefixtures("crew")
async def test_who_changes_place_in_a_sorted_walk_may_be_met_again_or_missed(http: Http) -> None:
    """And nobody else: who keeps the value that is sorted by is met once, and so is everybody without sortBy."""
    parameters: dict[str, Any]
    for parameters, met in (({"sortBy": "title"}, {"early": 2, "late": 0}), ({}, {"early": 1, "late": 1})):
        movers = {name: await http.user(name, title=title) for name, title in (("early", "Aaa"), ("late", "Zzz"))}

        async def between(number: int, movers: dict[str, Any] = movers) -> None:
            for name, title in (("early", "Zzz"), ("late", "Aaa")) if number == 0 else ():
                operation = {"op": "replace", "path": "title", "value": title}
                await http.request("PATCH", f"/Users/{movers[name]['id']}", {"Operations": [operation]})

        visited = [name for page in await walk(http, "/Users", between, count=2, **parameters) for name in page]
        stayed = ["mira", "nils", "ida", "tom", "\u00fcrsel"]
        assert {name: visited.count(name) for name in (*stayed, *movers)} == dict.fromkeys(stayed, 1) | met
        for mover in movers.values():
            await http.request("DELETE", f"/Users/{mover['id']}")


async def test_a_walk_goes_on_behind_somebody_who_was_deleted(http: Http, crew: dict[str, Any]) -> None:
    """The last one of a page may be gone when the next page is asked for."""
    for parameters in WALKS:
        first = await search(http, "/Users", cursor="", count=2, **parameters)
        assert len(first.body["Resources"]) == 2
        last = first.body["Resources"][-1]
        await http.request("DELETE", f"/Users/{last['id']}")
        rest = await search(http, "/Users", cursor=first.body["nextCursor"], **parameters)
        everybody = names(await search(http, "/Users", **parameters))
        assert names(rest) == everybody[1:]
        again = {name: item for name, item in last.items() if name not in ("id", "meta", "groups")}
        await http.created("/Users", **again)


async def test_cursors_are_told_where_the_client_asks_for_them_only(http: Http, crew: dict[str, Any]) -> None:
    """A client that pages by index is not told of cursors, and a walk tells the total where it is known."""
    assert "nextCursor" not in (await search(http, "/Users", count=1)).body
    body = (await search(http, "/Users", cursor="", count=2)).body
    assert set(body) == {"schemas", "totalResults", "nextCursor", "itemsPerPage", "Resources"}
    assert (body["totalResults"], body["itemsPerPage"]) == (5, 2)
    posted = await http.request("POST", "/Users/.search", {"cursor": "", "count": 2})
    assert posted.body == body
    assert (await http.request("GET", "/Users?cursor&count=2")).body == body


@pytest.mark.parametrize("parameters", WALKS)
@pytest.mark.usefixtures("crew")
async def test_a_count_of_none_tells_the_total_and_walks_nowhere(http: Http, parameters: dict[str, Any]) -> None:
    """As by index, from any place of a walk; no resources, and no next page, which would be the same one for ever."""
    begun = (await search(http, "/Users", cursor="", count=2, **parameters)).body["nextCursor"]
    for cursor in ("", begun):
        body = (await search(http, "/Users", cursor=cursor, count=0, **parameters)).body
        assert (body["totalResults"], body["Resources"], body.get("nextCursor")) == (5, [], None)


@pytest.mark.usefixtures("crew")
@pytest.mark.parametrize("parameters", [{}, {"filter": "members pr"}, {"cursor": ""}])
async def test_nothing_is_sorted_by_memberships(http: Http, parameters: dict[str, Any]) -> None:
    """They are not part of what is read for it, so that the answer would come in no order, without a word."""
    answer = await search(http, "/Groups", sortBy="members.value", **parameters)
    assert (answer.status, answer.body["scimType"]) == (400, "invalidValue")


@pytest.mark.usefixtures("crew")
async def test_a_foreign_cursor_is_refused(http: Http) -> None:
    """400 invalidCursor for one that is made up, changed, or of another search; the page size may change."""
    cursor = (await search(http, "/Users", cursor="", count=2, sortBy="userName")).body["nextCursor"]
    assert len(names(await search(http, "/Users", cursor=cursor, count=1, sortBy="userName"))) == 1
    wrong: list[tuple[str, dict[str, Any]]] = [
        ("/Users", {"cursor": "made-up", "sortBy": "userName"}),
        ("/Users", {"cursor": cursor[:-2], "sortBy": "userName"}),
        ("/Users", {"cursor": cursor.swapcase(), "sortBy": "userName"}),
        ("/Users", {"cursor": cursor}),
        ("/Users", {"cursor": cursor, "sortBy": "userName", "sortOrder": "descending"}),
        ("/Users", {"cursor": cursor, "sortBy": "userName", "filter": "id pr"}),
        ("/Groups", {"cursor": cursor, "sortBy": "userName"}),
        ("", {"cursor": cursor, "sortBy": "userName"}),
    ]
    for path, parameters in wrong:
        answer = await search(http, path, **parameters)
        assert (answer.status, answer.body["scimType"]) == (400, "invalidCursor"), parameters


@pytest.mark.parametrize("filter_text", [None, "id pr"])
@pytest.mark.parametrize("position", [(-5, MISSING), (-1, ""), (1, MISSING)])
@pytest.mark.usefixtures("crew")
async def test_a_forged_cursor_is_refused(http: Http, filter_text: str | None, position: tuple[int, str]) -> None:
    """400 invalidCursor where it names a kind that is not searched: no error of another kind, and nobody twice."""
    cursor = Cursor(["scim", "u", filter_text, None, None])
    parameters = {"filter": filter_text} if filter_text else {}
    answer = await search(http, "/Users", cursor=cursor.encode(position), **parameters)
    assert (answer.status, answer.body.get("scimType")) == (400, "invalidCursor")
    assert len(names(await search(http, "/Users", cursor=cursor.encode((0, "")), **parameters))) == 5


async def test_a_cursor_fits_into_a_url_however_long_the_values_are(http: Http) -> None:
    """Values are cut for sorting, and those that begin alike are told apart by their ids."""
    long = "\u00fc" * 10 * SORT_LENGTH
    for name in ("a", "b", "c"):
        await http.user(name, title=long + name)
    body = (await search(http, "/Users", cursor="", count=1, sortBy="title")).body
    assert len(body["nextCursor"]) < 2000
    assert await walk(http, "/Users", count=1, sortBy="title") == [["a"], ["b"], ["c"]]


# --- Filters on memberships -------------------------------------------------------------------------------------------


@pytest.fixture
async def crowds(rows: Rows, monkeypatch: pytest.MonkeyPatch) -> dict[str, int]:
    """Seventy groups that have more members than a page carries, and how many each of them has, by name."""
    monkeypatch.setattr(searching, "MAX_EDGES", 60)
    monkeypatch.setattr(searching, "EDGES_AT_ONCE", 20)
    monkeypatch.setattr(searching, "MAX_OWN_EDGES", 30)
    monkeypatch.setattr(searching, "SPARSE", 5)
    sizes = {f"g{number:02}": 25 if number == 33 else number * 7 % 5 for number in range(70)}
    for number, (name, size) in enumerate(sizes.items()):
        group = f"{number:032x}"
        members = [Insert(keys.member(group, f"{number:016x}{each:016x}"), "u") for each in range(size)]
        made = Insert(keys.resource("g", group), jsonlib.dumps({"displayName": name}))
        await rows.commit("scim", [made, *members])
    await rows.commit("scim", [Insert(keys.count("g", f"{0:032x}"), str(len(sizes)))])
    return sizes


MEMBERSHIPS = [("members pr", 1), ('members.type eq "User"', 1), ("members pr or displayName pr", 0)]
"""Filters that look at memberships, and how many members they ask for."""


@pytest.mark.parametrize(("filter_text", "least"), MEMBERSHIPS)
async def test_a_filter_may_look_at_any_number_of_memberships(
    http: Http, crowds: dict[str, int], filter_text: str, least: int
) -> None:
    """What a page carries is bounded, not what the filter looked at: without members it carries none."""
    parameters = {"filter": filter_text, "excludedAttributes": "members"}
    expected = [name for name, size in crowds.items() if size >= least]
    whole = await search(http, "/Groups", **parameters)
    assert (names(whole), whole.body["totalResults"]) == (expected, len(expected))
    assert names(await search(http, "/Groups", count=1, **parameters)) == expected[:1]
    for count in (2, 9, MAX_COUNT):
        pages = await walk(http, "/Groups", count=count, **parameters)
        assert [name for page in pages for name in page] == expected
    three = " or ".join(f'id eq "{number:032x}"' for number in (32, 33, 34))
    parameters["filter"] = f"({three}) and ({filter_text})"
    assert names(await search(http, "/Groups", **parameters)) == ["g32", "g33", "g34"]


@pytest.mark.parametrize("parameters", [{}, {"cursor": ""}, {"sortBy": "displayName"}])
async def test_one_resource_with_too_many_memberships_to_look_at_is_named(
    http: Http, rows: Rows, crowds: dict[str, int], monkeypatch: pytest.MonkeyPatch, parameters: dict[str, Any]
) -> None:
    """400 tooMany; no smaller count would help, and what the detail says instead does."""
    monkeypatch.setattr(searching, "MAX_OWN_EDGES", 24)
    parameters = parameters | {"excludedAttributes": "members"}
    answer = await search(http, "/Groups", filter="members pr", count=1000, **parameters)
    assert (answer.status, answer.body["scimType"]) == (400, "tooMany")
    assert answer.body["detail"] == (
        f"The Group {33:032x} alone has more than 24 members. Compare them in the filter by 'members.value eq' only,"
        " and ask with excludedAttributes=members."
    )
    member = f"{33:016x}{24:016x}"
    await rows.commit("scim", [Insert(keys.membership(member, f"{33:032x}"), "")])
    assert names(await search(http, "/Groups", filter=f'members.value eq "{member}"', **parameters)) == ["g33"]


async def test_a_page_carries_the_memberships_of_those_on_it(
    http: Http, crowds: dict[str, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever lies between them; over the limit it is refused, unless it is a single resource, as by its id."""
    ones = [name for name in crowds if name[-1] in "38"]
    assert len(ones) > searching.SPARSE
    by_look_up = " or ".join(f'id eq "{int(name[1:]):032x}"' for name in ones)
    for filter_text in ('displayName ew "3" or displayName ew "8"', by_look_up):
        for parameters in ({}, {"cursor": ""}, {"sortBy": "displayName"}):
            for count in (searching.SPARSE, len(ones)):
                found = await search(http, "/Groups", filter=filter_text, count=count, **parameters)
                shown = {each["displayName"]: len(each["members"]) for each in found.body["Resources"]}
                assert shown == {name: crowds[name] for name in ones[:count]}
    for parameters in ({}, {"cursor": ""}, {"filter": "members pr"}, {"sortBy": "displayName"}):
        answer = await search(http, "/Groups", **parameters)
        assert (answer.status, answer.body["scimType"]) == (400, "tooMany")
        assert answer.body["detail"] == (
            "The page has more than 60 members. Ask for a smaller count, or with excludedAttributes=members."
        )
    monkeypatch.setattr(searching, "MAX_EDGES", 20)
    for alone in ({"startIndex": 34}, {"filter": 'displayName eq "g33" or displayName ew "33"'}):
        found = await search(http, "/Groups", count=1, **alone)
        assert [len(each["members"]) for each in found.body["Resources"]] == [crowds["g33"]]


async def test_a_page_keeps_no_memberships_that_it_does_not_show(app: App, crowds: dict[str, int]) -> None:
    """What a filter looked at is let go at once, or a thousand groups would be in memory with all their members."""
    kind = app.kinds["Group"]
    hidden = {"Group": Projection(kind.type, excluded=["members"])}
    for cursor in (None, ""):
        request = SearchRequest(filter="members pr", cursor=cursor)
        found = (await app.endpoints._search.page([kind], request, hidden)).resources
        assert len(found) == sum(1 for size in crowds.values() if size)
        assert all(each.edges is None for each in found)


@pytest.fixture
def reads(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, int, int]]:
    """How memberships of several resources are read: as a range or one by one, of how many, up to which limit."""
    made: list[tuple[str, int, int]] = []
    for name in ("between", "of_each"):
        read = getattr(Memberships, name)

        async def watched(
            self: Memberships, letter: str, ids: Sequence[str], limit: int, name: str = name, read: Any = read
        ) -> Any:
            made.append((name, len(ids), limit))
            return await read(self, letter, ids, limit)

        monkeypatch.setattr(Memberships, name, watched)
    return made


@pytest.mark.usefixtures("crowds")
@pytest.mark.parametrize(("filter_text", "_"), MEMBERSHIPS)
async def test_a_filter_looks_at_a_few_memberships_at_a_time(
    http: Http, reads: list[tuple[str, int, int]], filter_text: str, _: int
) -> None:
    """So that a page of one costs little; how many resources have so many is learned from those before."""
    parameters = {"filter": filter_text, "count": 1, "excludedAttributes": "members"}
    await search(http, "/Groups", cursor="", **parameters)
    assert reads == [("between", 16, 20), ("between", 8, 20)]
    await search(http, "/Groups", **parameters)
    assert {limit for _, number, limit in reads if number > 1} == {searching.EDGES_AT_ONCE}
    assert {limit for _, number, limit in reads if number == 1} == {searching.MAX_OWN_EDGES}
    assert len(reads) < 30


async def test_the_memberships_of_a_page_are_read_as_its_resources_lie(
    http: Http, crowds: dict[str, int], reads: list[tuple[str, int, int]]
) -> None:
    """Neighbours in one range, others one by one, and those of many that a filter left as is cheaper."""
    ones = " or ".join(f'id eq "{int(name[1:]):032x}"' for name in crowds if name[-1] in "38" and name != "g33")
    ends = 'displayName ew "3" or displayName ew "8"'
    for parameters, ways in (
        ({"count": 20}, ["between"]),
        ({"filter": ones}, ["of_each"]),
        ({"filter": f"({ones}) and members pr", "excludedAttributes": "members"}, ["of_each"]),
        ({"filter": ends, "count": 5}, ["of_each"]),
        ({"filter": 'displayName sw "g0"'}, ["between"]),
        ({"filter": ends, "count": 6}, ["between", "of_each"]),
        ({"sortBy": "displayName", "count": 6}, ["of_each"]),
    ):
        reads.clear()
        assert names(await search(http, "/Groups", **parameters))
        assert [way for way, _, _ in reads] == ways, parameters


# --- What a search costs ----------------------------------------------------------------------------------------------


async def populated(http: Http, size: int) -> None:
    operations = [
        {"method": "POST", "path": "/Users", "bulkId": f"b{n}", "data": {"userName": f"u{n}", "title": f"{n % 2}"}}
        for n in range(size)
    ]
    await http.request("POST", "/Bulk", {"Operations": operations})


async def test_a_search_that_would_read_too_much_is_refused_and_a_walk_is_not(rows: Rows, clock: Clock) -> None:
    """400 tooMany that names what look-ups serve; a cursor comes to the end, in pages that may be empty."""
    http = Http(make_app(rows, clock, scan_rows=100))
    await populated(http, 250)
    for parameters in ({"filter": 'title eq "1"'}, {"sortBy": "title"}):
        answer = await search(http, "/Users", **parameters)
        assert (answer.status, answer.body["scimType"]) == (400, "tooMany")
        assert "userName, externalId" in answer.body["detail"]
    counting = await search(http, "/Users", filter='title eq "1"', cursor="", count=0)
    assert (counting.status, counting.body["scimType"]) == (400, "tooMany")
    assert await found(http, 'userName eq "u7" and title eq "1"') == {"u7"}
    pages = await walk(http, "/Users", filter='title eq "1"', count=1000)
    assert sorted(name for page in pages for name in page) == sorted(f"u{n}" for n in range(1, 250, 2))
    everybody = await walk(http, "/Users", count=100)
    assert [len(page) for page in everybody] == [100, 100, 50]


class _Ranges:
    """What is read from a store, by the first letter of the keys."""

    def __init__(self, rows: Rows, monkeypatch: pytest.MonkeyPatch) -> None:
        self.letters: list[str] = []
        ranged, read = rows.range, rows.read

        async def range_(partition: str, after: str, before: str, limit: int, keys_only: bool = False) -> Any:
            self.letters.append(f"{after[0]}*")
            return await ranged(partition, after, before, limit, keys_only)

        async def read_(partition: str, key: str) -> Any:
            self.letters.append(key[0])
            return await read(partition, key)

        monkeypatch.setattr(rows, "range", range_)
        monkeypatch.setattr(rows, "read", read_)


@pytest.mark.parametrize(
    ("path", "reads"),
    [
        ("/Groups/{group}?excludedAttributes=members", ["g"]),
        ("/Groups/{group}?attributes=displayName", ["g"]),
        ("/Groups?excludedAttributes=members&filter=displayName+eq+%22deck%22", ["n", "g"]),
        ("/Groups?attributes=id", ["c*", "g*"]),
        ("/Users/{user}?excludedAttributes=groups", ["u"]),
        ("/Users?excludedAttributes=groups&filter=userName+eq+%22mira@contoso.example%22", ["n", "u"]),
        ("/Users?excludedAttributes=groups&filter=externalId+eq+%22X-2%22", ["x*", "u"]),
        ("/Groups?excludedAttributes=members&filter=members.value+eq+%22{user}%22", ["r*", "g"]),
    ],
)
async def test_memberships_are_read_only_where_they_are_shown(
    http: Http, rows: Rows, crew: dict[str, Any], monkeypatch: pytest.MonkeyPatch, path: str, reads: list[str]
) -> None:
    """The cost of a read without members does not depend on the size of the group, and a look-up reads no others."""
    await search(http, "/Users", filter='externalId eq "warm"')
    seen = _Ranges(rows, monkeypatch)
    path = path.format(group=crew["Deck"]["id"], user=crew["mira"]["id"])
    assert (await http.request("GET", path)).status == 200
    assert [each for each in seen.letters if each not in ("t", "t*", "s")] == reads


@pytest.mark.parametrize(
    "operation",
    [
        {"op": "add", "path": "members", "value": [{"value": "{new}"}]},
        {"op": "add", "path": "members", "value": [{"value": "{old}"}]},
        {"op": "remove", "path": "members", "value": [{"value": "{old}"}]},
        {"op": "remove", "path": 'members[value eq "{old}"]'},
        {"op": "remove", "path": 'members[value eq "{new}"]'},
        {"op": "replace", "path": "displayName", "value": "Gang"},
    ],
)
async def test_the_cost_of_an_operation_on_members_does_not_depend_on_the_size_of_the_group(
    http: Http, rows: Rows, monkeypatch: pytest.MonkeyPatch, operation: dict[str, Any]
) -> None:
    """The same reads for a group of one and for a group of a hundred, and none of the other members."""
    await populated(http, 100)
    ids = [each["id"] for each in (await search(http, "/Users", count=100)).body["Resources"]]
    new = (await http.user("new"))["id"]
    text = jsonlib.dumps({"Operations": [operation]}).replace("{old}", ids[0]).replace("{new}", new)
    reads = []
    for members in ([ids[0]], ids):
        group = await http.group("Crew", *members)
        with monkeypatch.context() as patched:
            seen = _Ranges(rows, patched)
            answer = await http.request("PATCH", f"/Groups/{group['id']}", content=text.encode())
        assert answer.status == 204
        reads.append(seen.letters)
        await http.request("DELETE", f"/Groups/{group['id']}")
    assert reads[0] == reads[1]
    assert "m*" not in reads[1]
