"""Walks by cursor through HTTP: everybody once, whoever comes and goes."""

from typing import Any

import pytest

from scim.directory.cursor import Cursor
from scim.protocol.query import SORT_LENGTH
from tests.conftest import Http
from tests.directory.searches import MISSING, names, search, walk

WALKS: list[dict[str, Any]] = [
    {},
    {"filter": "userName pr"},
    {"sortBy": "title"},
    {"sortBy": "title", "sortOrder": "descending"},
    {"sortBy": "meta.created", "filter": "id pr"},
]


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
