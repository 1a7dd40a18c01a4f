"""The storage account as one process uses it: one gate, and clocks that begin behind it."""

import asyncio
from typing import Any, ClassVar

import pytest
from aiohttp import TCPConnector
from azure.core.pipeline.transport import AioHttpTransport

from scim.azure.connections import CONNECTIONS, Connections
from scim.azure.patience import THROTTLED, Patience, Throttling
from scim.azure.tables import TableRows
from scim.protocol.errors import Unavailable
from scim.storage import deadline
from scim.storage.rows import Insert, Record, RowConflict, Touch
from tests.azure.conftest import Clock, port_of
from tests.azure.faults import Service, status


class Counting(AioHttpTransport):  # type: ignore[misc]
    """The real transport, which notes how many requests are under way at most."""

    under_way = most = 0

    async def send(self, request: Any, **options: Any) -> Any:
        Counting.under_way += 1
        Counting.most = max(Counting.most, Counting.under_way)
        try:
            return await super().send(request, **options)
        finally:
            Counting.under_way -= 1


def test_the_gate_is_no_wider_than_the_pool_of_connections() -> None:
    """Else requests would wait for a connection while their time-outs run."""

    async def limit() -> int:
        connector = TCPConnector()
        await connector.close()
        return connector.limit

    assert asyncio.run(limit()) >= CONNECTIONS


async def test_a_thousand_calls_wait_at_one_gate(azurite: str, table: str, service: Service) -> None:
    """Sixteen requests that read 64 rows each, over two tables: all are answered, and none fails or is repeated."""
    Counting.under_way = Counting.most = 0
    account = Connections.from_connection_string(
        azurite.replace(f":{port_of(azurite)}/", f":{service.port}/"),
        make_transport=lambda: Counting(use_env_settings=False),
    )
    tables = [TableRows(account, name) for name in (table, f"{table}b")]
    for each in tables:
        await each.commit("t", [Insert("a", "1")])
    service.asked.clear()
    reads = [each.read("t", "a") for each in tables for _ in range(500)]
    assert {row.body for row in await asyncio.gather(*reads) if row} == {"1"}
    assert len(service.asked) == 1000
    assert Counting.most <= CONNECTIONS
    await account.close()


async def test_the_clock_of_a_call_begins_behind_the_gate(clock: Clock) -> None:
    """Whoever waited long for a connection has all of his patience left."""
    gate = asyncio.Semaphore(1)
    first, second = (Patience(clock, clock.sleep, Throttling()) for _ in range(2))
    await first.enter(gate)
    waiting = asyncio.create_task(second.enter(gate))
    await asyncio.sleep(0)
    clock.seconds += 100
    gate.release()
    await waiting
    began = clock.seconds
    with pytest.raises(Unavailable):
        for _ in range(99):
            await second.pause(TimeoutError())
    assert clock.seconds - began > 15


async def test_who_waits_for_a_connection_waits_no_longer_than_the_request(clock: Clock) -> None:
    """And gives back nothing that he never had."""
    gate = asyncio.Semaphore(0)
    with deadline.within(0), pytest.raises(Unavailable, match="repeat"):
        await Patience(clock, clock.sleep, Throttling()).enter(gate)
    gate.release()
    await asyncio.wait_for(gate.acquire(), 1)


async def test_a_commit_that_was_never_sent_is_not_taken_for_a_lost_answer(
    others: TableRows, azurite: str, table: str
) -> None:
    """Nobody listens at first: the conflict of the second try is a conflict at once, and no row is read back."""
    account = Connections.from_connection_string(azurite, make_transport=lambda: Deaf(use_env_settings=False))
    clock = Clock()
    deaf = TableRows(account, table, sleep=clock.sleep, clock=clock)
    await others.commit("t", [Insert("name", "theirs")])
    Deaf.refusals, Deaf.sent = 2, []
    with pytest.raises(RowConflict):
        await deaf.commit("t", [Insert("name", "ours"), Record("e.1", "")])
    assert Deaf.sent == ["POST"]
    await account.close()


class Deaf(AioHttpTransport):  # type: ignore[misc]
    """The real transport, which first connects to a port where nobody listens."""

    refusals = 0
    sent: ClassVar[list[str]] = []

    async def send(self, request: Any, **options: Any) -> Any:
        if Deaf.refusals:
            Deaf.refusals -= 1
            request.url = "http://127.0.0.1:1/"
        else:
            Deaf.sent.append(request.method)
        return await super().send(request, **options)


async def test_throttling_is_said_once_a_minute(
    rows: TableRows, service: Service, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    """Also where the repeated call succeeds: an alert reads the line. How many calls were refused is in the next."""
    said: list[str] = []
    for refusals, later in ((3, 10), (2, 60), (1, 0)):
        service.writes = [status(503, "ServerBusy")] * refusals
        await rows.commit("t", [Touch("a")] if said else [Insert("a", "")])
        clock.seconds += later
        said = [record.getMessage() for record in caplog.records if record.name == "scim.azure.patience"]
    assert said == [THROTTLED % ("503 ServerBusy", 1), THROTTLED % ("503 ServerBusy", 5)]
