"""Two tenants beside each other under the real language worker: what its functions hand on crosses no border either."""

import asyncio
import json as jsonlib
import os
import random
import sys
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from scim.app import App
from tests.conftest import HOST, TOKEN, Answer, Http
from tests.isolation.neighbours import Side, neighbours, step

if TYPE_CHECKING:
    from tests.functions_host import FunctionsHost

ROOT = Path(__file__).parent.parent.parent
STEPS = 120


class OnTheWorker(Http):
    """A client whose requests are invocations of the functions of the app."""

    def __init__(self, host: "FunctionsHost", other: Http) -> None:
        super().__init__(other._app, other._token, other._tenant)
        self._host = host

    async def request(
        self,
        method: str,
        path: str,
        json: Any = None,
        headers: Mapping[str, str | None] | None = None,
        content: bytes | None = None,
    ) -> Answer:
        from tests.functions_host import Sent

        body = content if content is not None else b"" if json is None else jsonlib.dumps(json).encode()
        sent = {"host": HOST.partition("//")[2], "authorization": f"Bearer {self._token}", **(headers or {})}
        written = tuple((name, value) for name, value in sent.items() if value is not None)
        target = f"/{self._tenant}/v2{path}".replace(" ", "%20").replace('"', "%22")
        answer = await self._host.answer(Sent(method, target, written, body))
        return Answer(answer.status, dict(answer.headers), jsonlib.loads(answer.body) if answer.body else None)


@pytest.fixture
async def sides(monkeypatch: pytest.MonkeyPatch, key_file: Path) -> AsyncIterator[tuple[Side, Side]]:
    """The two tenants, their clients asking the worker."""
    reason = "the language worker of Azure Functions is published for Python 3.13 and later only"
    pytest.importorskip("azure_functions_runtime", reason=reason)
    from tests.functions_host import FunctionsHost

    for name in [name for name in os.environ if name.startswith("SCIM_")]:
        monkeypatch.delenv(name)
    for name, value in {"STORAGE": "sqlite::memory:", "TOKEN": TOKEN, "SIGNING_KEY": str(key_file)}.items():
        monkeypatch.setenv(f"SCIM_{name}", value)
    monkeypatch.setattr(sys, "path", list(sys.path))
    before = sys.modules.get("function_app")
    async with FunctionsHost.running(ROOT) as host:
        service: App = sys.modules["function_app"].service
        both = await neighbours(service)
        for side in both:
            side.clients = {scope: OnTheWorker(host, each) for scope, each in side.clients.items()}
        yield both
        await service.close()
    sys.modules.pop("function_app", None)
    if before is not None:
        sys.modules["function_app"] = before


async def test_nothing_crosses_under_the_worker(sides: tuple[Side, Side]) -> None:
    """Random steps of both tenants, with each other's ids, tags, cursors and streams."""
    choice = random.Random(7)

    async def act(number: int) -> None:
        for _ in range(STEPS // 4):
            await step(choice, sides[number % 2])

    await asyncio.gather(*(act(number) for number in range(4)))
    for side in sides:
        listed = (await side.ask("GET", "/Users?count=1000")).body["Resources"]
        assert all(each["title"].startswith(side.marker) for each in listed)


async def test_a_credential_of_the_other_is_refused_by_each_function(sides: tuple[Side, Side]) -> None:
    """401 at each address, and 404 with one's own for what is the other's."""
    one, other = sides
    extra = await other.clients["provision"].user("only-here", title=other.marker)
    for scope, mine in other.clients.items():
        mine._tenant = one.key
        for path in ("/Users", f"/Users/{one.ids[0]}", "/Groups", "/events", "/Schemas", ""):
            assert (await mine.request("GET", path)).status == 401, (scope, path)
    for method in ("GET", "DELETE"):
        assert (await one.ask(method, f"/Users/{extra['id']}")).status == 404
