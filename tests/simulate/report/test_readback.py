"""After a run without failures, each planted difference is found, and only that one."""

from collections.abc import Callable
from typing import Any

import pytest
from aiohttp import web

from scim.simulate.source.mapping import ENTERPRISE
from tests.simulate.conftest import a_plan, play
from tests.simulate.stand_in import Seen, StandIn, error

Plant = Callable[[StandIn, dict[str, Any], dict[str, Any]], object]

PLANTS: dict[str, tuple[Plant, str, str]] = {
    "attribute": (lambda s, user, group: user.update(preferredLanguage="xx"), "preferredLanguage", "'xx'"),
    "active": (lambda s, user, group: user.update(active=False), "active", "False"),
    "manager": (lambda s, user, group: user[ENTERPRISE].pop("manager"), f"{ENTERPRISE}:manager", "nothing"),
    "missing user": (lambda s, user, group: s.resources["Users"].pop(user["id"]), "", "nothing"),
    "extra user": (lambda s, user, group: s.resources["Users"].update(z={**user, "id": "z"}), "", "one more, id z"),
    "group name": (lambda s, user, group: group.update(displayName="Other"), "displayName", "'Other'"),
    "extra member": (lambda s, user, group: group["members"].append({"value": "z"}), "members", "unknown id z"),
    "missing member": (lambda s, user, group: group["members"].pop(), "members", "nothing"),
    "missing group": (lambda s, user, group: s.resources["Groups"].pop(group["id"]), "", "nothing"),
    "extra group": (lambda s, user, group: s.resources["Groups"].update(z={**group, "id": "z"}), "", "one more, id z"),
}


@pytest.mark.parametrize("name", PLANTS)
async def test_a_planted_difference_is_found(stand_in: StandIn, endpoint: tuple[str, str], name: str) -> None:
    """Attributes, references, what is missing and what is too much are all noticed."""
    plant, attribute, found = PLANTS[name]
    plan = a_plan(endpoint)
    person = next(p for p in plan.directory.people.values() if p.manager and "preferredLanguage" in p.attributes)
    planted: list[object] = []

    def tamper(seen: Seen) -> None:
        # The first unfiltered GET by id of the read-back: nothing was read back before it.
        if not planted and seen.method == "GET" and seen.path.startswith("/Users/"):
            group = next(iter(stand_in.resources["Groups"].values()))
            planted.append(plant(stand_in, stand_in.user(person.name), group))

    stand_in.fault = tamper
    outcome = await play(plan)

    assert planted
    named = [one for one in outcome.differences if one.found != "missing from the list"]
    # Who is missing as a user is a member and a manager nobody can find: only those may follow.
    assert (named[0].attribute, named[0].found) == (attribute, found)
    assert all(one.attribute in ("", attribute) for one in named)
    assert not outcome.success


async def test_a_list_that_forgets_a_resource_is_a_difference(stand_in: StandIn, endpoint: tuple[str, str]) -> None:
    """Account Discovery reads lists; what a filter finds, a list must show."""

    def forgetful(seen: Seen) -> Any:
        if "startIndex=1&" in seen.query and seen.path == "/Users" and stand_in.resources["Users"]:
            complete = dict(stand_in.resources["Users"])
            stand_in.resources["Users"] = dict(list(complete.items())[1:])
            answer = stand_in.respond(seen, "Users", None)
            stand_in.resources["Users"] = complete
            return answer
        return None

    stand_in.fault = forgetful
    outcome = await play(a_plan(endpoint))

    assert [one.found for one in outcome.differences] == ["missing from the list"]


async def test_pages_that_repeat_end_the_walk_and_are_a_difference(
    stand_in: StandIn, endpoint: tuple[str, str]
) -> None:
    """An endpoint that ignores startIndex must not keep the simulator for ever."""

    def stuck(seen: Seen) -> Any:
        if seen.path == "/Users" and "startIndex=6&" in seen.query:
            first = Seen(seen.method, seen.path, seen.query.replace("startIndex=6", "startIndex=1"), {}, None)
            return stand_in.respond(first, "Users", None)
        return None

    stand_in.fault = stuck
    outcome = await play(a_plan(endpoint, page_size=5))

    found = [one.found for one in outcome.differences if one.expected == "every resource once"]
    assert "startIndex 6 was asked for and 1 answered" in found
    assert "the page from 6 repeats 5 resources" in found


async def test_an_outage_while_reading_back_is_ridden_out(stand_in: StandIn, endpoint: tuple[str, str]) -> None:
    """A lost answer says nothing about the directory."""
    answers = [error(500, "a bad day") for _ in range(3)]
    stand_in.fault = lambda seen: (
        answers.pop() if seen.path.startswith("/Users/") and answers and seen.method == "GET" else None
    )
    outcome = await play(a_plan(endpoint))

    assert outcome.equal
    assert not answers


async def test_a_deleted_user_who_is_still_there_is_a_difference(stand_in: StandIn, endpoint: tuple[str, str]) -> None:
    """204 alone proves no deletion."""
    stand_in.fault = lambda seen: web.Response(status=204) if seen.method == "DELETE" else None
    outcome = await play(a_plan(endpoint, users=30, cycles=4))

    assert {one.found.split(",")[0] for one in outcome.differences} == {"still there"}
