"""Clients that go on asking while something is rotated: every single answer must be a success."""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence

from scim.storage.rows import Row, RowChange
from tests.recording import RecordingRows

REQUESTS = 5
"""Of each client, beside each step of a rotation."""

Ask = Callable[[int], Awaitable[int]]
"""Sends one request of the client of a number, and returns the status of the answer."""


class Load:
    """Some clients, which send their requests at the same time as each other and as what is done meanwhile."""

    def __init__(self, ask: Ask, clients: int = 8) -> None:
        self._ask, self._clients = ask, clients
        self.answers: Counter[int] = Counter()

    async def beside(self, *steps: Awaitable[object]) -> None:
        """Return when these steps are done and each client was answered REQUESTS times beside them."""
        await asyncio.gather(*steps, *(self._work(number) for number in range(self._clients)))
        assert set(self.answers) == {200}, self.answers

    async def _work(self, number: int) -> None:
        for _ in range(REQUESTS):
            self.answers[await self._ask(number)] += 1
            await asyncio.sleep(0)


class PatientRows(RecordingRows):
    """Rows in memory that let others go on in the middle of each call, as those on the network do."""

    async def read(self, partition: str, key: str) -> Row | None:
        await asyncio.sleep(0)
        found = await super().read(partition, key)
        await asyncio.sleep(0)
        return found

    async def range(self, partition: str, after: str, before: str, limit: int, keys_only: bool = False) -> list[Row]:
        await asyncio.sleep(0)
        found = await super().range(partition, after, before, limit, keys_only)
        await asyncio.sleep(0)
        return found

    async def commit(self, partition: str, changes: Sequence[RowChange], mark: str = "") -> list[str]:
        await asyncio.sleep(0)
        versions = await super().commit(partition, changes, mark)
        await asyncio.sleep(0)
        return versions
