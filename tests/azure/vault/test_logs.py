"""Which log records arrive: the function app under the real worker, behind a host that throws away what it must."""

import asyncio
import functools
import logging
import os
import sys
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from scim.azure import vault as vault_module
from scim.storage.rows import Row, RowChange, Rows
from tests.azure.vault.asking import NEW, settled

from .conftest import Clock, MadeUpIdentity
from .stand_in import Vault, status

if TYPE_CHECKING:
    from tests.functions_host import FunctionsHost

ROOT = Path(__file__).parents[3]
logger = logging.getLogger("scim.storage.chatty")


class ChattyRows:
    """A store that logs from wherever code may run: the request's task, tasks of it, and a thread."""

    def __init__(self, rows: Rows) -> None:
        self._rows = rows

    async def read(self, partition: str, key: str) -> Row | None:
        await asyncio.gather(self._say("gathered read"), self._say("gathered read"))
        await asyncio.to_thread(logger.info, "threaded read")
        return await self._rows.read(partition, key)

    async def range(self, partition: str, after: str, before: str, limit: int, keys_only: bool = False) -> list[Row]:
        await asyncio.get_running_loop().run_in_executor(None, logger.info, "threaded range")
        return await self._rows.range(partition, after, before, limit, keys_only)

    async def commit(self, partition: str, changes: Sequence[RowChange], mark: str = "") -> list[str]:
        await self._say("commit")
        return await self._rows.commit(partition, changes, mark)

    async def check(self) -> None:
        await self._rows.check()

    async def close(self) -> None:
        await self._rows.close()

    async def _say(self, what: str) -> None:
        logger.info("%s", what)


@pytest.fixture
async def host(
    vault: Vault, clock: Clock, certificate: Path, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator["FunctionsHost"]:
    """The function app with its token in a vault, over a store that logs, under the worker."""
    pytest.importorskip("azure_functions_runtime", reason="the worker is published for Python 3.13 and later only")
    from tests.functions_host import FunctionsHost

    for name in [name for name in os.environ if name.startswith("SCIM_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("SCIM_STORAGE", "sqlite::memory:")
    monkeypatch.setenv("SCIM_KEY_VAULT", vault.url)
    monkeypatch.setattr(sys, "path", list(sys.path))
    options: dict[str, Any] = {"verify_challenge_resource": False, "connection_verify": str(certificate)}
    options |= {"credential": MadeUpIdentity(), "clock": clock, "now": clock.now, "sleep": clock.sleep}
    made = functools.partial(vault_module.VaultTokens, **options)
    monkeypatch.setattr(vault_module, "VaultTokens", made)
    vault.add("1", NEW)
    before = sys.modules.get("function_app")
    async with FunctionsHost.running(ROOT) as running:
        service = sys.modules["function_app"].service
        chatty: Rows = ChattyRows(service.tenant.rows)
        object.__setattr__(service.tenant, "rows", chatty)
        yield running
        await service.close()
    if before is not None:
        sys.modules["function_app"] = before


async def ask(host: "FunctionsHost", method: str = "GET", body: bytes = b"") -> int:
    """Send a request with the token; return its status."""
    from tests.worker import HttpRequest

    headers = {"Authorization": f"Bearer {NEW}"}
    return (await host.send(HttpRequest(method, "https://made.up/scim/v2/Users", headers, body))).status


def arrivals(host: "FunctionsHost") -> dict[str, int]:
    """Return how often each text that was logged arrived, without the note of when it was logged first."""
    counts: dict[str, int] = {}
    for each in host.logged:
        text = each.text.partition(" (logged outside")[0]
        counts[text] = counts.get(text, 0) + each.arrived
    return counts


async def test_every_record_of_a_request_and_its_parts_arrives_once(host: "FunctionsHost") -> None:
    """Also those of threads, which the host throws away at first; each belongs to an invocation that is running."""
    assert await ask(host, "POST", b'{"userName": "mira"}') == 201
    assert await ask(host) == 200

    counts = arrivals(host)
    logged = [each.text for each in host.logged if "(logged outside" not in each.text]
    assert counts == {text: logged.count(text) for text in logged}
    assert {"threaded read", "threaded range", "gathered read", "commit"} <= counts.keys()
    assert next(each.text for each in host.logged if not each.arrived).startswith("threaded")


async def test_the_refresh_in_the_background_is_heard_in_the_next_request(
    host: "FunctionsHost", vault: Vault, clock: Clock
) -> None:
    """The vault fails after the answer: nobody would know, and an alert on the line would never fire."""
    tokens = sys.modules["function_app"].service.tokens
    assert await ask(host) == 200
    vault.broken = status(403)
    clock.seconds += 200
    assert await ask(host) == 200
    await settled(tokens)
    [failure] = [each for each in host.logged if "does not answer" in each.text]
    assert not failure.arrived

    assert await ask(host) == 200
    heard = [each for each in host.logged if "does not answer" in each.text and each.arrived]
    assert [(each.name, each.level) for each in heard] == [("scim.azure.vault", "WARNING")]


async def test_what_was_left_behind_is_heard_in_a_run_of_the_timer_too(host: "FunctionsHost") -> None:
    """The timer has a process of its own, where no request comes."""
    await asyncio.to_thread(logger.warning, "left behind")
    await host.tick("Maintenance")

    assert arrivals(host)["left behind"] == 1
    assert all(count for count in arrivals(host).values())
