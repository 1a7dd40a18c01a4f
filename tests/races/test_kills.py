"""The process is killed in the middle of load, and started again on the same file."""

import asyncio
import random
import signal
from collections import Counter
from pathlib import Path
from typing import Any

import aiohttp

from tests.races.client import Client, calling, findings
from tests.races.journal import SHARED, Journal, Person, World
from tests.server import Server, serving

TOKEN = "a-token-that-only-tests-know"
KILLS = 3
WORKERS = 8
ANSWERS = 250
"""How many answers a server gives before it is killed."""


class Load:
    """Workers that change the store at the same time, until the server is killed with requests under way."""

    def __init__(self, client: Client, server: Server) -> None:
        self._client = client
        self._server = server
        self._left = ANSWERS
        self.methods: Counter[str] = Counter()
        self.unanswered = 0

    async def work(self, journal: Journal) -> None:
        """Take steps, each noted when it is acknowledged, until an answer fails to come."""
        while True:
            step = journal.next_step()
            journal.asked = step.after
            try:
                answer = await self._client.send(step.method, step.path, step.body)
            except aiohttp.ClientError:
                self.unanswered += 1
                return
            assert 200 <= answer.status < 300, (step, answer)
            journal.note(step, answer.body)
            self.methods[step.method] += 1
            self._left -= 1
            if not self._left:
                self._server.process.send_signal(signal.SIGKILL)


async def listed(client: Client, path: str) -> list[Any]:
    """Return all resources of a kind, fewer than fit on a page."""
    page = await client.read(f"{path}?count=200")
    assert len(page["Resources"]) == page["totalResults"]
    return list(page["Resources"])


def pairs(resources: list[Any], edges: str) -> set[tuple[str, str]]:
    """Return the ids of all resources with those that they are connected to."""
    return {(each["id"], edge["value"]) for each in resources for edge in each.get(edges, [])}


async def observe(client: Client, journals: list[Journal]) -> None:
    """Compare what is there with the journals, and go on from it: what was acknowledged must be there.

    A request without an answer was carried out as a whole or not at all.
    """
    users, groups = await listed(client, "/Users"), await listed(client, "/Groups")
    assert pairs(users, "groups") == {(member, group) for group, member in pairs(groups, "members")}
    names = {each["id"]: each["displayName"] for each in groups}
    for journal in journals:
        mine = [each for each in users if each["userName"].startswith(f"{journal.worker}-")]
        people = {
            each["userName"]: Person(each["title"], frozenset(names[edge["value"]] for edge in each.get("groups", [])))
            for each in mine
        }
        world = World(people, club=journal.club in names.values())
        assert world in (journal.world, journal.asked)
        journal.world = journal.asked = world
        journal.ids |= {each["userName"]: each["id"] for each in mine} | {name: key for key, name in names.items()}
    assert len(users) == sum(len(journal.world.people) for journal in journals)
    assert len(groups) == len(SHARED) + sum(journal.world.club for journal in journals)


async def test_what_was_acknowledged_survives_kills_of_the_process(tmp_path: Path) -> None:
    """Each time it starts again it has all of that, nothing by halves, and goes on."""
    storage, done = f"sqlite:{tmp_path / 'scim.db'}", Counter[str]()
    journals = [Journal(f"w{number}", random.Random(number), {}) for number in range(WORKERS)]
    for turn in range(KILLS + 1):
        with serving(tmp_path, SCIM_STORAGE=storage, SCIM_TOKEN=TOKEN) as server:
            async with calling(server) as client:
                if turn == 0:
                    for name in SHARED:
                        await client.created("/Groups", displayName=name)
                await observe(client, journals)
                if turn < KILLS:
                    load = Load(client, server)
                    await asyncio.gather(*map(load.work, journals))
                    assert server.process.wait(20) == -signal.SIGKILL
                    assert load.unanswered == WORKERS
                    done += load.methods
        assert await findings(storage, "scim") == []
    assert done.total() >= KILLS * ANSWERS
    assert min(done[method] for method in ("POST", "PATCH", "DELETE")) > 30
