"""Cycles: their order, what they send, and what they do about failures."""

from collections.abc import Callable
from dataclasses import replace
from random import Random
from typing import Any

import pytest

from scim.simulate.job.journal import Action, Subject
from scim.simulate.job.progress import Silent
from scim.simulate.report.outcome import Plan
from scim.simulate.simulation import simulate
from scim.simulate.source.directory import Standing
from scim.simulate.source.mapping import MANAGER
from scim.simulate.source.turnover import Rates
from tests.simulate.conftest import a_plan, play
from tests.simulate.stand_in import Seen, StandIn, error

NO_CHANGES = Rates(0, 0, 0, 0, 0, 0)


def step(seen: Seen) -> str:
    """Name a request as the documentation would."""
    kind = seen.path.split("/")[1]
    if seen.method == "GET":
        return f"match {kind}" if "filter=" in seen.query else f"list {kind}" if "startIndex" in seen.query else "get"
    paths = [operation.get("path", "") for operation in (seen.body or {}).get("Operations", [])]
    if any(path == MANAGER for path in paths):
        return "manager"
    return "members" if any(path.startswith("members") for path in paths) else f"{seen.method} {kind}"


def order(stand_in: StandIn) -> list[str]:
    """Return the kinds of requests in the order in which each ended, without what reads back."""
    steps = [step(seen) for seen in stand_in.requests if step(seen).split()[0] not in ("get", "list")]
    return list(dict.fromkeys(reversed(steps)))[::-1]


async def test_the_initial_cycle_creates_users_then_groups_then_references(stand_in: StandIn, plan: Plan) -> None:
    """Each user is looked for before it is created; managers and members wait for all objects."""
    outcome = await play(plan)

    assert outcome.equal
    assert order(stand_in) == ["match Users", "POST Users", "match Groups", "POST Groups", "manager", "members"]
    assert len(stand_in.sent("POST", "/Users")) == 12
    assert not any("manager" in str(seen.body) for seen in stand_in.sent("POST", "/Users"))
    assert not any("members" in seen.body for seen in stand_in.sent("POST", "/Groups"))


async def test_the_run_begins_with_test_connection_for_users_and_groups(stand_in: StandIn, plan: Plan) -> None:
    """A user and a group that cannot exist are looked for first."""
    await play(plan)

    assert [step(seen) for seen in stand_in.requests[:2]] == ["match Users", "match Groups"]


async def test_an_existing_user_is_updated_with_what_differs_only(stand_in: StandIn, endpoint: tuple[str, str]) -> None:
    """A match is no second user, and equal attributes are not written again."""
    plan = a_plan(endpoint, users=1, groups=0, dialect="default")
    [person] = plan.directory.people.values()
    await play(plan)
    stand_in.user(person.name)["name"]["givenName"] = "Somebody"
    stand_in.requests.clear()

    outcome = await play(plan)

    assert outcome.equal
    assert not stand_in.sent("POST")
    [patch] = stand_in.sent("PATCH")
    assert patch.body["Operations"] == [
        {"op": "Replace", "path": "name.givenName", "value": person.attributes["name.givenName"]}
    ]


async def test_a_second_run_creates_nothing(stand_in: StandIn, endpoint: tuple[str, str]) -> None:
    """The same seed matches everything it created, and the directory is equal again."""
    assert (await play(a_plan(endpoint))).equal
    stand_in.requests.clear()

    outcome = await play(a_plan(endpoint))

    assert outcome.equal
    assert outcome.journal.total(Action.CREATED) == 0
    assert outcome.journal.counts[Subject.USER, Action.SKIPPED] == 12


async def test_a_second_run_after_changes_finds_renamed_objects_by_their_external_id(
    stand_in: StandIn, endpoint: tuple[str, str]
) -> None:
    """What the first run renamed would not match by name, and must not be created twice."""
    renames = Rates(0, 0, 0, renames=30, restores=0, teams=0)
    assert (await play(a_plan(endpoint, cycles=1, rates=renames))).equal

    outcome = await play(a_plan(endpoint))

    assert outcome.equal
    assert outcome.journal.total(Action.CREATED) == 0


async def test_leavers_are_disabled_then_deleted_and_restored_ones_are_matched_again(
    stand_in: StandIn, endpoint: tuple[str, str]
) -> None:
    """Disabling writes active alone; a restore starts with a match query; a deletion follows later."""
    plan = a_plan(endpoint, users=20, cycles=5, rates=Rates(0, 0, 10, 0, 40, 0), dialect="default")
    outcome = await play(plan)
    counts = outcome.journal.counts

    assert outcome.equal
    disabling = [{"op": "Replace", "path": "active", "value": "False"}]
    patches = [seen.body["Operations"] for seen in stand_in.sent("PATCH", "/Users")]
    assert patches.count(disabling) == counts[Subject.USER, Action.DISABLED] > 0
    assert counts[Subject.USER, Action.RESTORED] > 0
    assert counts[Subject.USER, Action.DELETED] == len(stand_in.sent("DELETE", "/Users")) > 0


async def test_somebody_disabled_from_the_start_is_not_provisioned(
    stand_in: StandIn, endpoint: tuple[str, str]
) -> None:
    """Entra sends nothing for who was never active, neither as a user nor as a manager or member."""
    plan = a_plan(endpoint, users=4, groups=1)
    boss = next(iter(plan.directory.people.values()))
    boss.standing = Standing.LEFT

    outcome = await play(plan)

    assert outcome.equal
    assert len(stand_in.resources["Users"]) == 3
    assert not [seen for seen in stand_in.requests if step(seen) == "manager"]
    assert outcome.journal.skipped["NotInScope: disabled before it was ever provisioned"] == 1


async def test_members_travel_in_batches(stand_in: StandIn, endpoint: tuple[str, str]) -> None:
    """A PATCH holds no more members than asked for."""
    outcome = await play(a_plan(endpoint, groups=1, members_per_patch=3))

    sizes = [len(seen.body["Operations"][0]["value"]) for seen in stand_in.requests if step(seen) == "members"]
    assert outcome.equal
    assert sizes == [3, 1]


def failing(times: int, answer: Callable[[], Any], method: str, part: str) -> Callable[[Seen], Any]:
    """Return a fault that answers the first requests of a method and path in the endpoint's place."""
    left = [None] * times

    def fault(seen: Seen) -> Any:
        if left and seen.method == method and part in seen.path:
            left.pop()
            return answer()
        return None

    return fault


async def test_a_failed_creation_is_made_up_for_in_the_next_cycle_with_its_references(
    stand_in: StandIn, endpoint: tuple[str, str]
) -> None:
    """The user, the reports and the memberships all come, once the retry succeeds."""
    stand_in.fault = failing(1, lambda: error(500, "a bad day"), "POST", "/Users")
    outcome = await play(a_plan(endpoint, retries=1))

    assert outcome.equal
    assert [(one.code, one.detail) for one in outcome.journal.failures] == [("InternalServerError", "a bad day")]
    assert outcome.cycles[-1].name == "Retry cycle 1"


async def test_a_creation_whose_answer_was_lost_is_matched_not_repeated(
    stand_in: StandIn, endpoint: tuple[str, str]
) -> None:
    """The retry finds the user by its name; the outcome counts no second creation."""

    def lost(seen: Seen) -> Any:
        if seen.method == "POST" and seen.path == "/Users" and not stand_in.resources["Users"]:
            stand_in.respond(seen, "Users", None)
            return error(500, "lost")
        return None

    stand_in.fault = lost
    outcome = await play(a_plan(endpoint, retries=1))

    assert outcome.equal
    assert outcome.journal.counts[Subject.USER, Action.CREATED] == 11


@pytest.mark.parametrize("seed", [1, 2, 3])
async def test_faults_at_random_heal_until_the_directory_is_right(
    stand_in: StandIn, endpoint: tuple[str, str], seed: int
) -> None:
    """Errors before and after the work, and outages: the retries end with an equal directory."""
    dice = Random(seed)

    def fault(seen: Seen) -> Any:
        chance = dice.random()
        # Without the connection test that opens the run, and the lists at its ends.
        if len(stand_in.requests) < 6 or "startIndex" in seen.query or chance > 0.15:
            return None
        if chance > 0.10:
            return error(503, "busy", Retry_After="0")
        if chance > 0.05:
            kind, _, identifier = seen.path.removeprefix("/").partition("/")
            stand_in.respond(seen, kind, identifier or None)
        return error(500, "a bad day")

    stand_in.fault = fault
    outcome = await play(a_plan(endpoint, users=40, groups=4, cycles=4, retries=40, concurrency=8))

    assert outcome.differences == []
    assert outcome.waiting == 0
    assert len(outcome.journal.failures) > 10


async def test_a_permanent_refusal_stays_in_escrow_and_shows_as_a_difference(
    stand_in: StandIn, endpoint: tuple[str, str]
) -> None:
    """The retries follow the simulated pauses, end when asked to, and the verdict is not equal."""
    plan = a_plan(endpoint, retries=3)
    name = next(iter(plan.directory.people.values())).name
    stand_in.fault = lambda seen: (
        error(400, "no such employee", "invalidValue")
        if seen.method == "POST" and seen.body.get("userName") == name
        else None
    )
    outcome = await play(plan)

    assert not outcome.equal
    assert outcome.waiting == 1
    assert [round(report.hour, 2) for report in outcome.cycles] == [0, 0.67, 6.67, 18.67]
    assert [one.name for one in outcome.journal.failures] == [name] * 4
    assert (name, "never created or matched") in [(one.name, one.found) for one in outcome.differences]


async def test_a_refused_token_halts_the_cycle_and_the_next_comes_a_day_later(
    stand_in: StandIn, endpoint: tuple[str, str]
) -> None:
    """Quarantine at once; the first success lifts it and the rest is made up for."""
    stand_in.fault = failing(1, lambda: error(401, "expired"), "POST", "/Users")
    outcome = await play(a_plan(endpoint, cycles=1, rates=NO_CHANGES))

    assert outcome.equal
    assert outcome.quarantines == 1
    assert outcome.quarantine_reason == ""
    first, second = outcome.cycles
    assert (first.hour, first.evaluated, first.quarantined) == (0, 1, True)
    assert (second.hour, second.quarantined) == (24, False)


async def test_404_on_a_filter_quarantines(stand_in: StandIn, endpoint: tuple[str, str]) -> None:
    """A query without hits must answer 200 and an empty list."""
    plan = a_plan(endpoint)
    name = next(iter(plan.directory.people.values())).name.replace("@", "%40")
    stand_in.fault = lambda seen: error(404, "nobody") if name in seen.query else None
    outcome = await play(plan)

    assert outcome.quarantines == 1
    assert "HTTP/404 Not Found was returned rather than the expected HTTP/200" in outcome.journal.failures[0].detail


async def test_two_hits_of_a_match_query_fail_the_object(stand_in: StandIn, endpoint: tuple[str, str]) -> None:
    """Entra does not choose between duplicates."""
    plan = a_plan(endpoint, users=1, groups=0)
    [person] = plan.directory.people.values()
    for identifier in ("x1", "x2"):
        stand_in.resources["Users"][identifier] = {"id": identifier, "userName": person.name}
    outcome = await play(plan)

    assert [one.code for one in outcome.journal.failures] == ["DuplicateTargetEntries"]


async def test_a_group_that_shows_excluded_members_fails(stand_in: StandIn, endpoint: tuple[str, str]) -> None:
    """Entra asks for groups without members and cannot use an answer that has them."""
    plan = a_plan(endpoint, users=2, groups=1)
    await play(plan)
    [group] = stand_in.resources["Groups"].values()
    stand_in.fault = lambda seen: (
        stand_in.respond(replace(seen, query=seen.query.replace("excludedAttributes=members", "")), "Groups", None)
        if seen.path == "/Groups" and "filter=" in seen.query
        else None
    )
    outcome = await play(plan)

    assert group["members"]
    assert [one.code for one in outcome.journal.failures] == [
        "SystemForCrossDomainIdentityManagementMultipleEntriesInResponse"
    ]


async def test_concurrency_changes_nothing_but_the_order(endpoint: tuple[str, str]) -> None:
    """Many requests at a time lead to the same directory."""
    outcome = await simulate(a_plan(endpoint, users=30, groups=4, cycles=3, concurrency=16), Silent())

    assert outcome.equal
    assert outcome.journal.total(Action.FAILED) == 0
