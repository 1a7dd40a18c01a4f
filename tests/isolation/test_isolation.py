"""Whatever two tenants do at once, with each other's ids, tags, cursors and names, neither sees the other's."""

import asyncio
import logging
import random
import secrets
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from scim.access import fresh
from scim.app import App, build
from scim.directory.search import Search
from scim.protocol.errors import NotFound
from scim.service import answers
from scim.service.tenants import TenantServices
from scim.settings import Settings
from tests.conftest import Http
from tests.isolation.neighbours import Leak, neighbours, step
from tests.tenancy import credential

STEPS = 60


async def play(app: App, seed: int, steps: int = STEPS) -> None:
    """Let both tenants do random things at the same time."""
    choice = random.Random(seed)
    sides = await neighbours(app)

    async def act(number: int) -> None:
        for _ in range(steps):
            await step(choice, sides[number % 2])

    await asyncio.gather(*(act(number) for number in range(4)))
    for side in sides:
        listed = (await side.ask("GET", "/Users?count=1000")).body["Resources"]
        assert all(each["title"].startswith(side.marker) for each in listed)


@pytest.mark.parametrize("seed", range(10))
async def test_on_sqlite_nothing_crosses(app: App, seed: int) -> None:
    """Partitions of one file."""
    await play(app, seed)


@pytest.fixture
async def on_tables(azurite: str, key_file: Path) -> AsyncIterator[App]:
    """The service over an account of the emulator, with a default tenant of its own."""
    made = build(
        Settings(azurite, ("a-token-that-only-tests-know",), tenant=f"t{secrets.token_hex(8)}", signing_key=key_file)
    )
    yield made
    await made.close()


async def test_on_tables_nothing_crosses(on_tables: App) -> None:
    """Tables of one account, over the same connections."""
    await play(on_tables, 1, steps=20)


@pytest.mark.parametrize("method", ["GET", "PUT", "PATCH", "DELETE"])
async def test_an_id_of_the_other_is_not_there(app: App, method: str) -> None:
    """404 for each method, and nothing of the other changes."""
    one, other = await neighbours(app)
    extra = await other.clients["provision"].user("only-here", title=other.marker)
    body = {"userName": "x", "Operations": [{"op": "replace", "path": "title", "value": "taken"}]}
    assert (await one.ask(method, f"/Users/{extra['id']}", body)).status == 404
    assert (await other.ask("GET", f"/Users/{extra['id']}")).body == extra


async def test_a_member_of_the_other_is_nobody_here(app: App) -> None:
    """A membership leads to one's own users only."""
    one, other = await neighbours(app)
    extra = await other.clients["provision"].user("only-here", title=other.marker)
    operation = {"op": "add", "path": "members", "value": [{"value": extra["id"]}]}
    assert (await one.ask("PATCH", f"/Groups/{one.groups[0]}", {"Operations": [operation]})).status == 400


async def test_a_credential_of_the_other_opens_nothing(app: App) -> None:
    """Of any scope, at any of the addresses."""
    one, other = await neighbours(app)
    for scope in ("provision", "read", "events", "admin"):
        _, token = await credential(app, other.key, scope)
        for path in ("/Users", f"/Users/{one.ids[0]}", "/Groups", "/events", "/Schemas", ""):
            assert (await Http(app, token, one.key).request("GET", path)).status == 401


async def test_limits_of_one_are_not_the_other_s(app: App) -> None:
    """A tenant that is refused for its rate costs the other nothing."""
    one, other = await neighbours(app)
    statuses = {(await one.ask("GET", "/ServiceProviderConfig")).status for _ in range(300)}
    assert 429 in statuses
    assert {(await other.ask("GET", "/ServiceProviderConfig")).status for _ in range(100)} == {200}


def _one_cache_for_all(monkeypatch: pytest.MonkeyPatch) -> None:
    """What serves a tenant is kept without the tenant's key."""
    real = TenantServices.of
    kept: list[object] = []

    async def of(self: TenantServices, record: object) -> object:
        kept.append(await real(self, record))  # type: ignore[arg-type]
        return kept[0]

    monkeypatch.setattr(TenantServices, "of", of)


def _one_answer_for_all(monkeypatch: pytest.MonkeyPatch) -> None:
    """What the registry said is kept without the key that was asked for."""
    real = fresh.Fresh.get

    async def get(self: fresh.Fresh[object], key: str) -> object:
        return await real(self, min(self._kept, default=key))

    monkeypatch.setattr(fresh.Fresh, "get", get)


def _one_partition_for_all(monkeypatch: pytest.MonkeyPatch) -> None:
    """The tenant is left out of where its rows lie."""
    real = TenantServices._made

    def made(self: TenantServices, record: object, *given: object) -> object:
        service = real(self, record, *given)  # type: ignore[arg-type]
        object.__setattr__(service.tenant, "name", "scim")
        return service

    monkeypatch.setattr(TenantServices, "_made", made)


@pytest.mark.parametrize("mutant", [_one_cache_for_all, _one_answer_for_all, _one_partition_for_all])
async def test_a_tenant_left_out_of_a_key_is_noticed(app: App, monkeypatch: pytest.MonkeyPatch, mutant: object) -> None:
    """These tests are able to fail: a cache, an answer of the registry, and a partition that forget the tenant."""
    mutant(monkeypatch)  # type: ignore[operator]
    with pytest.raises((Leak, KeyError, NotFound)):
        await play(app, 1)


async def test_a_tenant_left_out_of_a_cursor_is_noticed(app: App, monkeypatch: pytest.MonkeyPatch) -> None:
    """A cursor of the other is then taken: the walk of test_a_cursor_of_one_tenant_is_none_of_another."""
    real = Search.page

    async def page(self: Search, *given: object) -> object:
        tenant, nameless = self._tenant, _Nameless(self._tenant)
        self._tenant = nameless  # type: ignore[assignment]
        try:
            return await real(self, *given)  # type: ignore[arg-type]
        finally:
            self._tenant = tenant

    monkeypatch.setattr(Search, "page", page)
    one, other = await neighbours(app)
    cursor = (await one.ask("GET", "/Users?cursor&count=1")).body["nextCursor"]
    assert (await other.ask("GET", f"/Users?cursor={cursor}&count=1")).status == 200


class _Nameless:
    """A tenant that does not say whose it is."""

    name = ""

    def __init__(self, tenant: object) -> None:
        self._tenant = tenant

    def __getattr__(self, name: str) -> object:
        return getattr(self._tenant, name)


async def test_each_log_line_names_its_own_tenant(app: App, caplog: pytest.LogCaptureFixture) -> None:
    """And never the other's."""
    caplog.set_level(logging.INFO, answers.__name__)
    one, other = await neighbours(app)
    caplog.clear()
    await one.ask("GET", f"/Users/{other.ids[0]}")
    [line] = [each for each in caplog.messages if "tenant=" in each]
    assert f"tenant={one.key}" in line
    one.check(line)
