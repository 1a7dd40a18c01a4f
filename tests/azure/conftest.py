"""The emulator for the tests of this folder, rows on it, and a service of faults in between."""

import re
import secrets
from collections.abc import AsyncIterator

import pytest
from azure.core.pipeline.transport import AioHttpTransport

from scim.azure.tables import TableRows
from tests.azure.faults import Service, running, silence
from tests.azurite import azurite

__all__ = ["azurite"]


@pytest.fixture
def table() -> str:
    return f"t{secrets.token_hex(8)}"


SHORT = 0.15
"""Seconds of a real time-out, in the tests that wait for it."""


class Clock:
    """Seconds that pass only when a test says so; pauses between tries are noted and let them pass at once."""

    def __init__(self) -> None:
        self.seconds = 100.0
        self.pauses: list[float] = []

    def __call__(self) -> float:
        return self.seconds

    async def sleep(self, seconds: float) -> None:
        self.pauses.append(seconds)
        self.seconds += seconds


@pytest.fixture
def clock() -> Clock:
    return Clock()


def port_of(connection_string: str) -> int:
    found = re.search(r":(\d+)/", connection_string)
    assert found
    return int(found[1])


@pytest.fixture
async def service(azurite: str) -> AsyncIterator[Service]:
    async with running(port_of(azurite)) as service:
        yield service


@pytest.fixture
async def rows(
    azurite: str, table: str, service: Service, clock: Clock, request: pytest.FixtureRequest
) -> AsyncIterator[TableRows]:
    """Rows whose requests pass through the service of faults; the table is there, and nothing asked yet."""
    callspec = getattr(request.node, "callspec", None)
    read_timeout = SHORT if callspec and callspec.params.get("fault") is silence else 10
    rows = TableRows.from_connection_string(
        azurite.replace(f":{port_of(azurite)}/", f":{service.port}/"),
        table,
        make_transport=lambda: AioHttpTransport(use_env_settings=False, read_timeout=read_timeout),
        sleep=clock.sleep,
        clock=clock,
    )
    try:
        await rows.check()
        service.asked.clear()
        yield rows
    finally:
        await rows.close()


@pytest.fixture
async def others(azurite: str, table: str) -> AsyncIterator[TableRows]:
    """Another instance of the app on the same table, without faults."""
    rows = TableRows.from_connection_string(azurite, table)
    yield rows
    await rows.close()
