"""A damaged row of the registry spoils nothing but its own tenant or credential."""

import re
import secrets
from collections.abc import AsyncIterator
from datetime import timedelta

import pytest

from scim.access import registry
from scim.access.credential import Credential
from scim.access.registry import registry_name
from scim.app import App
from scim.azure.tables import TableRows
from scim.commands.verify import Report, _check_registry
from scim.storage.damage import Newer
from scim.storage.rows import Insert, Replace, Rows
from tests.azurite import azurite
from tests.conftest import Clock, Http
from tests.management.managing import operator
from tests.recording import RecordingRows
from tests.tenancy import client, tenant

__all__ = ["azurite"]
REGISTRY = registry_name("scim")
DAMAGE = ("", "{", "7", "[1]", "null", '{"key":1}', '{"id":[],"tenant":"","name":"","scope":"all"}')
NEWER = ('{"form":2}', "2:x")


NO_CONTENT = {
    "l.<tenant>.<credential>": "l.{sick}.{unused}",
    "a.<client>.<expires>.<credential>": "a.{unused}.0000000000000.b",
    "x.<expires>.<credential>": "x.9999999999999.{unused}",
    "y.<expires>.<credential>": "y.0000000000000.b",
}
"""Rows that nobody reads the content of."""
PLAYED = {
    *NO_CONTENT,
    "t.<tenant>",
    "c.<credential>",
    "n.<credential>.<expires>",
    "u.<credential>",
    "s.<tenant>.<hash>",
    "d.<inverted time>.<random>",
    "w.<tenant>",
}


@pytest.fixture(params=["sqlite", "azurite"])
async def rows(request: pytest.FixtureRequest) -> AsyncIterator[Rows]:
    """An empty store, of either kind."""
    made: Rows
    if request.param == "sqlite":
        made = RecordingRows()
    else:
        made = TableRows.from_connection_string(request.getfixturevalue("azurite"), f"t{secrets.token_hex(8)}")
    yield made
    await made.close()


def test_every_kind_of_row_of_the_registry_is_played() -> None:
    """Who adds one says above how it is damaged, and below what must go on."""
    assert set(re.findall(r"^\| `([a-z]\.[^`]+)`", registry.__doc__ or "", re.MULTILINE)) == PLAYED


class Customers:
    """Two tenants, each with a client and a credential that is not used; the first one's rows are to be damaged."""

    def __init__(self, app: App, rows: Rows) -> None:
        self.app, self.rows = app, rows

    async def made(self) -> None:
        self.sick, self.well = await tenant(self.app, "Sick"), await tenant(self.app, "Well")
        self.their, self.other = await client(self.app, self.sick), await client(self.app, self.well)
        for key in (self.sick, self.well):
            await self.app.registry.add_credential(_expiring(self.app, f"{key[:10]}aaaaaa", key))
            await self.app.registry.note_use(f"{key[:10]}aaaaaa")
        await self.their.user("mira")
        await self.other.user("mira")

    async def spoil(self, key: str, body: str) -> None:
        row = await self.rows.read(REGISTRY, key)
        change = Replace(key, body, row.version) if row else Insert(key, body)
        await self.rows.commit(REGISTRY, [change])
        self.app.admission.tenants._kept.clear()

    async def others_are_served(self, clock: Clock) -> None:
        """Check that the other tenant's client, the operator's lists and the timer go on."""
        assert (await self.other.request("GET", "/Users")).status == 200
        await self.other.user("guest")
        managing = await operator(self.app)
        listed = await managing.ask("GET", "/tenants")
        assert (listed.status, self.well in str(listed.body)) == (200, True)
        assert (await managing.ask("GET", f"/tenants/{self.well}/credentials")).status == 200
        clock.forward(minutes=20)
        done = await self.app.rounds.run()
        assert done["eventsPublished"] >= 1
        await self.app.rounds.deliver(0)


def _expiring(app: App, credential_id: str, key: str) -> Credential:
    from scim.protocol.resource import format_date_time

    return Credential(
        credential_id, key, "unused", "read", expires=format_date_time(app.registry.now + timedelta(days=20))
    )


@pytest.fixture
async def customers(app: App, rows: Rows) -> Customers:
    made = Customers(app, rows)
    await made.made()
    return made


@pytest.mark.parametrize("body", [*DAMAGE, *NEWER])
async def test_a_damaged_tenant_is_an_error_for_itself(customers: Customers, clock: Clock, body: str) -> None:
    """500 that says what it is, never 401: a client would take that for a wrong token and stop for good."""
    await customers.spoil(f"t.{customers.sick}", body)
    answer = await customers.their.request("GET", "/Users")
    assert (answer.status, "damaged" in answer.body["detail"]) == (500, True)
    await customers.others_are_served(clock)
    assert [each.status for each in await customers.app.registry.damaged()] == [500]


@pytest.mark.parametrize("body", [*DAMAGE, *NEWER])
async def test_a_damaged_credential_is_an_error_for_itself(
    customers: Customers, clock: Clock, rows: Rows, body: str
) -> None:
    """The tenant's other credentials do; it can be taken away, unless a newer release has written it."""
    unused = f"{customers.sick[:10]}aaaaaa"
    await customers.spoil(f"c.{unused}", body)
    assert (await customers.their.request("GET", "/Users")).status == 200
    await customers.others_are_served(clock)
    assert len(await customers.app.registry.credentials(customers.sick)) == 1
    await customers.app.registry.remove_credentials([unused])
    left = [row.key for row in await rows.range(REGISTRY, "", "~", 1000) if unused in row.key]
    assert (left == []) == (body not in NEWER)


@pytest.mark.parametrize("body", [*DAMAGE, *NEWER, "zzz"])
async def test_a_damaged_mark_means_now(customers: Customers, clock: Clock, rows: Rows, body: str) -> None:
    """A tenant whose mark cannot be read is looked at; else its deletes would wait for ever."""
    await customers.spoil(f"w.{customers.sick}", body)
    await customers.others_are_served(clock)
    mark = await rows.read(REGISTRY, f"w.{customers.sick}")
    assert mark is None or mark.body.startswith("2026-")


@pytest.mark.parametrize("body", [*(each for each in DAMAGE if each != "7"), *NEWER, "zzz"])
async def test_what_is_noted_of_a_credential_spoils_nothing(customers: Customers, clock: Clock, body: str) -> None:
    """The warnings before its expiry and the day of its last use are noted anew."""
    unused = f"{customers.sick[:10]}aaaaaa"
    clock.forward(days=1)
    await customers.app.rounds.run()
    [note] = [row.key for row in await customers.rows.range(REGISTRY, f"n.{unused}.", f"n.{unused}.~", 10)]
    await customers.spoil(note, body)
    await customers.spoil(f"u.{unused}", body)
    assert await customers.app.registry.last_used(unused) == ""
    await customers.others_are_served(clock)
    await customers.app.registry.note_use(unused)
    assert (await customers.app.registry.last_used(unused)).startswith("2026-")
    row = await customers.rows.read(REGISTRY, note)
    assert row is not None
    assert row.body == "30"


@pytest.mark.parametrize("body", [*DAMAGE[:5], *NEWER[1:]])
async def test_a_damaged_schema_is_an_error_for_its_tenant(customers: Customers, clock: Clock, body: str) -> None:
    """Without it, attributes that it describes would be left out of what Entra sends."""
    await customers.app.registry.put_schema(customers.sick, "urn:x", "{}")
    [row] = await customers.rows.range(REGISTRY, f"s.{customers.sick}.", f"s.{customers.sick}.~", 10)
    await customers.spoil(row.key, body)
    assert (await customers.their.request("GET", "/Users")).status == 500
    await customers.others_are_served(clock)


@pytest.mark.parametrize("kind", NO_CONTENT)
async def test_a_row_without_content_may_have_any(customers: Customers, clock: Clock, kind: str) -> None:
    """Its key says all."""
    unused = f"{customers.sick[:10]}aaaaaa"
    for body in (*DAMAGE, *NEWER):
        await customers.spoil(NO_CONTENT[kind].format(sick=customers.sick, unused=unused), body)
        assert (await customers.their.request("GET", "/Users")).status == 200
        assert unused in [each.id for each in await customers.app.registry.credentials(customers.sick)]
    await customers.others_are_served(clock)


@pytest.mark.parametrize("body", [*DAMAGE[:5], *NEWER])
async def test_a_damaged_row_of_the_audit_has_nothing_but_its_time(
    customers: Customers, clock: Clock, rows: Rows, body: str
) -> None:
    """The others are shown whole, and new ones are written."""
    managing = await operator(customers.app)
    for name in ("One", "Two"):
        clock.forward(minutes=1)
        assert (await managing.ask("PATCH", f"/tenants/{customers.well}", {"name": name})).status == 200
    [_, first] = await rows.range(REGISTRY, "d.", "d.~", 10)
    await customers.spoil(first.key, body)
    await customers.others_are_served(clock)
    shown = (await managing.ask("GET", "/audit")).body["actions"]
    assert [each["outcome"] for each in shown] == ["done", "unreadable"]
    kept = await rows.read(REGISTRY, first.key)
    assert kept is not None
    assert kept.body == body


async def test_the_default_tenant_without_a_row_is_served(http: Http, app: App) -> None:
    """It needs none; a damaged one is an error, since it may say that the tenant is suspended."""
    assert (await http.request("GET", "/Users")).status == 200
    with pytest.raises(Newer):
        await app.registry.prepare()
        await app.registry._rows.commit(REGISTRY, [Insert("t.scim", '{"key":"scim","form":2}')])
        await app.registry.tenant("scim")


@pytest.mark.parametrize(
    ("sort", "body"),
    [(sort, body) for sort in "tcs" for body in (*DAMAGE, *NEWER) if sort != "s" or not body.startswith('{"')],
)
async def test_verify_tells_of_each_damaged_row_of_the_registry(
    customers: Customers, sort: str, body: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """What it says names the row and what it is. A schema may be any object: its own tenant says what it lacks."""
    sick = customers.sick
    key = {"t": f"t.{sick}", "c": f"c.{sick[:10]}aaaaaa", "s": f"s.{sick}.made-up"}[sort]
    await customers.spoil(key, body)
    report = Report()
    await _check_registry(customers.app.registry, report)
    [finding] = report.findings
    assert (key in finding, report.left) == (True, 1)
    assert f"registry: {finding}" in capsys.readouterr().out
    assert ("newer release" in finding) == (body in NEWER)
