"""Filters on memberships, and pages that show them: any number, a few at a time."""

import json as jsonlib
from collections.abc import Sequence
from typing import Any

import pytest

from scim.app import App
from scim.directory import keys
from scim.directory import search as searching
from scim.directory.memberships import Memberships
from scim.protocol.projection import Projection
from scim.protocol.query import MAX_COUNT, SearchRequest
from scim.storage.rows import Insert, Rows
from tests.conftest import Http
from tests.directory.searches import names, search, walk


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
        found = (await app.tenants.default.search.page([kind], request, hidden)).resources
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
