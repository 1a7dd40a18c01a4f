"""Webhooks with `make run`: a command makes one beside the process that serves, and events come at once."""

import asyncio
import json
import subprocess
from pathlib import Path
from typing import Any

import httpx

from scim.local import DELIVERY_SECONDS
from scim.webhooks.delivery import WAITS
from tests.children import python
from tests.server import environment, serving
from tests.webhooks.receiver import receiving


async def test_events_reach_a_receiver_on_this_machine(tmp_path: Path) -> None:
    """Although the process that serves had found the tenant without webhooks."""
    with serving(tmp_path) as server:
        async with receiving() as receiver, httpx.AsyncClient() as client:
            headers = {"Authorization": f"Bearer {server.token}"}

            async def create(name: str) -> None:
                answer = await client.post(f"{server.tenant_url}/Users", json={"userName": name}, headers=headers)
                assert answer.status_code == 201

            await create("before")
            made: Any = json.loads(await asyncio.to_thread(webhook, tmp_path, "create", "--url", receiver.url))
            await create("after")
            await receiver.has(1)
            assert receiver.received[0].event["data"]["userName"] == "after"
            shown: Any = json.loads(await asyncio.to_thread(webhook, tmp_path, "show", made["id"]))
            assert shown["lastError"] is None


def webhook(folder: Path, *arguments: str) -> str:
    settings = environment(SCIM_STORAGE=f"sqlite:{folder / '.local' / 'scim.db'}")
    with python(
        "-m", "scim", "webhook", *arguments, "--json", cwd=folder, env=settings, stdout=subprocess.PIPE
    ) as done:
        told, _ = done.communicate()
    assert done.returncode == 0
    return str(told)


def test_the_first_retry_comes_within_five_seconds() -> None:
    """On a developer's machine, where somebody waits for it."""
    assert WAITS[0] + DELIVERY_SECONDS <= 5
