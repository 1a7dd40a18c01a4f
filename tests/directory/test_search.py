"""Searches through HTTP: filters, order, pages by index, and what they cost."""

import json as jsonlib
from typing import Any

import pytest

from scim.protocol.filter import MAX_LENGTH, MAX_TERMS
from scim.protocol.query import LIST_RESPONSE, MAX_COUNT
from scim.storage.rows import Rows
from tests.conftest import Clock, Http, make_app
from tests.directory.searches import MISSING, found, names, search, walk
from tests.samples import ENTERPRISE

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
        "()",
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
