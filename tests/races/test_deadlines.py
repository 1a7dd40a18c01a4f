"""Two servers over one store whose requests run out of time at any call; clients repeat what was answered 503."""

import asyncio
import random
from collections import Counter
from collections.abc import Awaitable, Callable

import pytest

from tests.races.client import Answer, Client
from tests.races.conftest import CUT
from tests.races.journal import SHARED, Journal
from tests.races.observing import observe
from tests.races.test_races import a_name, groups_of, is_gone, members, users

pytestmark = pytest.mark.parametrize("store", CUT, indirect=True, scope="module")
WORKERS = 6
STEPS = 40
LEAST = 10
"""Of the answers, how many are to requests that were repeated: some forty are."""
MANY = 40
"""Members of a group: more than one transaction takes."""
SOME = 16
"""Users who are deleted: in one of six or so the time is over behind the first transaction."""
TRIES = 200


async def test_what_is_acknowledged_in_the_end_is_there(client: Client) -> None:
    """Whatever a request had done when its time was over: repeated it goes on from there, and does nothing twice."""
    for name in SHARED:
        await client.created("/Groups", displayName=name)
    journals = [Journal(f"w{number}", random.Random(number), {}) for number in range(WORKERS)]
    await observe(client, journals)
    answers = [answer for each in await asyncio.gather(*(work(client, each) for each in journals)) for answer in each]
    await observe(client, journals)
    assert len(answers) == WORKERS * STEPS
    assert sum(each.repeated for each in answers) >= LEAST


async def work(client: Client, journal: Journal) -> list[Answer]:
    """Take steps, each of which is acknowledged before the next; return the answers."""
    answers = []
    for _ in range(STEPS):
        step = journal.next_step()
        if step.method == "POST":
            answer = await client.create(step.path, **step.body)
        else:
            answer = await client.send(step.method, step.path, step.body)
        assert answer.status < 300 or (step.method == "DELETE" and is_gone(answer)), (step, answer)
        journal.note(step, answer.body)
        answers.append(answer)
    return answers


async def test_a_large_group_that_runs_out_of_time_is_shown_whole_or_not_at_all(client: Client) -> None:
    """Behind each answer 503: neither while it is created nor while it is deleted does anybody see a part of it."""
    ids = await users(client, MANY)
    body = {"displayName": a_name(), "members": [{"value": each} for each in ids]}
    named = f'/Groups?filter=displayName eq "{body["displayName"]}"'

    async def look() -> None:
        sizes = [len(each.get("members", [])) for each in (await client.read(named))["Resources"]]
        assert sizes in ([], [MANY])

    await until(client, ("POST", "/Groups", body), 409, look)
    [group] = (await client.read(named))["Resources"]
    assert await members(client, group["id"]) == sorted(ids)
    await until(client, ("DELETE", f"/Groups/{group['id']}", None), 404, look)
    assert (await client.read(named))["Resources"] == []
    assert [await groups_of(client, each) for each in (ids[0], ids[-1])] == [[], []]


async def test_who_is_in_many_groups_and_whose_delete_runs_out_of_time_is_in_all_of_them_or_in_none(
    client: Client,
) -> None:
    """Behind each try: what the delete has not reached yet shows nobody who is gone."""
    ids = await users(client, SOME)
    everybody = [{"value": each} for each in ids]
    for _ in range(MANY):
        await client.created("/Groups", displayName=a_name(), members=everybody)

    async def look() -> None:
        listed = (await client.read("/Groups?count=200"))["Resources"]
        shown = Counter(each["value"] for group in listed for each in group.get("members", []))
        assert {shown[each] for each in ids} <= {0, MANY}

    for each in ids:
        await until(client, ("DELETE", f"/Users/{each}", None), 404, look)
        found = await client.read(f'/Groups?count=0&filter=members.value eq "{each}"')
        assert found["totalResults"] == 0


async def until(
    client: Client, request: tuple[str, str, object], done: int, look: Callable[[], Awaitable[None]]
) -> None:
    """Try a request, and look behind each try, until it is answered by success, or as one that was done before."""
    for number in range(TRIES):
        answer = await client.attempt(*request)
        await look()
        if answer.status != 503:
            assert answer.status < 300 or (number and answer.status == done), answer
            return
    raise AssertionError(f"{request[:2]} is never answered")
