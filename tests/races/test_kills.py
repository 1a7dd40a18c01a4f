"""The process is killed in the middle of load, and started again on the same file."""

import asyncio
import random
import signal
from collections import Counter
from pathlib import Path

import aiohttp

from tests.races.client import Client, calling, findings
from tests.races.journal import SHARED, Journal
from tests.races.observing import observe
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
