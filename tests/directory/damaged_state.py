"""Damage to rows that are not those of users and groups: the feed, webhooks, roles, the journal, the timer."""

import pytest

from scim.app import App
from scim.commands.verify import verify
from scim.directory import keys
from scim.directory.entry import Entry, Wanted
from scim.directory.feed_cursor import cursor_of
from scim.directory.resources import Origin
from scim.protocol.errors import CursorExpired
from scim.storage.damage import Damaged, Newer
from scim.storage.rows import Delete, Replace, Row, Rows
from scim.webhooks.webhook import Webhook, WebhookRows
from tests.conftest import Clock, Http, make_app

DAMAGE = ("", "{", "7", "[1]", "null", "{}")
WRONG_TYPE = {
    "feed": '{"epoch":"a","first":"1","last":2}',
    "outbox": '{"timestamp":"x","actor":{},"method":"POST","events":[{"type":1,"data":{}}]}',
    "event": '{"id":"x","type":"user.created","timestamp":"x","actor":[],"method":"POST","data":{}}',
    "webhook": '{"id":"x","url":"https://x","cursor":"","created":"","failures":"none"}',
    "roles": '{"role":1}',
    "told": '["a",1]',
    "requests": '[{"function":"GetUser","method":"GET","status":"x"}]',
    "hour": '{"requests":"x"}',
    "maintenance": '{"since":7}',
}
NEWER = ('{"form":2}', "2:x")
KINDS = sorted(WRONG_TYPE)
FIRST = "1" * 32


class DamagedState:
    """Damage and what must go on; a class that inherits this gives `rows`."""

    @pytest.fixture
    async def app(self, rows: Rows, clock: Clock) -> App:
        return make_app(rows, clock)

    @pytest.fixture
    async def at(self, app: App, http: Http, clock: Clock) -> dict[str, str]:
        """The keys of one row of each kind: two of each are there, and this one is to be damaged."""
        for webhook_id in (FIRST, "2" * 32):  # disabled, so that nothing is sent
            await WebhookRows(app.tenant).add(Webhook(webhook_id, "https://app", "", app.tenant.time(), enabled=False))
        mira = await http.user("mira")
        team = await http.group("team", mira["id"])
        crew = await http.group("crew", mira["id"])
        for each in (team, crew):
            await app.tenants.default.roles.map(each["id"], "reader", Origin())
        await app.feed.publish()
        journal = app.tenants.default.journal
        for ago in (3, 2):
            entry = Entry("GetUser", "GET", 404, at=int(clock().timestamp() * 1000) - ago * 3_600_000)
            await journal.write([entry])
        await app.timer.run()
        await http.user("omar")
        await http.user("ines")
        under = app.tenant.under
        return {
            "feed": keys.FEED,
            "outbox": (await under(keys.outbox()))[0].key,
            "event": keys.event(2),
            "webhook": keys.webhook(FIRST),
            "roles": keys.roles(team["id"]),
            "told": keys.told_roles(team["id"]),
            "requests": (await under(keys.REQUESTS))[0].key,
            "hour": (await under(keys.HOURS))[0].key,
            "maintenance": keys.MAINTENANCE,
            "team": team["id"],
            "crew": crew["id"],
        }

    @pytest.mark.parametrize("kind", KINDS)
    async def test_it_spoils_nothing_but_itself(
        self, http: Http, app: App, rows: Rows, at: dict[str, str], kind: str
    ) -> None:
        """Whatever the damage: everybody is served, the timer does its work, and `verify` says what it is."""
        for body in (*damage_of(kind), *NEWER):
            kept = await spoil(rows, at[kind], body)
            assert any(at[kind] in line for line in await findings(app)), body
            await others_are_served(http, app, at, kind)
            if await rows.read("scim", kept.key) is None:
                return  # nobody needs it any more, and it is gone
            await spoil(rows, kept.key, kept.body)
        assert await findings(app) == []

    @pytest.mark.parametrize("kind", KINDS)
    @pytest.mark.parametrize("number", range(len(DAMAGE) + 1))
    async def test_it_is_mended_where_others_tell_what_it_was(
        self, http: Http, app: App, rows: Rows, at: dict[str, str], kind: str, number: int
    ) -> None:
        """What an operator has made is his to make anew: it can be taken away, and then nothing is wrong."""
        await spoil(rows, at[kind], damage_of(kind)[number % len(damage_of(kind))])
        assert any(at[kind] in line for line in await findings(app, repair=True))
        if kind == "webhook":
            await WebhookRows(app.tenant).remove(FIRST)
        if kind == "roles":
            await app.tenants.default.roles.unmap(at["team"], None, Origin())
        assert await findings(app) == []
        if kind in ("feed", "outbox", "event"):
            await readers_start_anew(app)
        await http.user("later")
        page = await app.feed.page("", 1000)
        assert page.events[-1]["data"]["userName"] == "later@contoso.example"

    @pytest.mark.parametrize("kind", KINDS)
    @pytest.mark.parametrize("body", NEWER)
    async def test_what_a_newer_release_has_written_stays(
        self, http: Http, app: App, rows: Rows, at: dict[str, str], clock: Clock, kind: str, body: str
    ) -> None:
        """Nobody who does not know its form changes it, deletes it or repairs it."""
        await spoil(rows, at[kind], body)
        lines = await findings(app, repair=True)
        assert any(at[kind] in line and "newer release" in line and "(repaired)" not in line for line in lines)
        await app.timer.run()
        await others_are_served(http, app, at, kind)
        await app.rounds.run()
        row = await rows.read("scim", at[kind])
        assert row is not None
        assert row.body == body
        if kind == "webhook":
            with pytest.raises(Newer):
                await WebhookRows(app.tenant).remove(FIRST)
        if kind == "roles":
            with pytest.raises(Newer):
                await app.tenants.default.roles.unmap(at["team"], None, Origin())

    async def test_a_damaged_event_is_an_error_that_says_what_to_do(
        self, http: Http, app: App, rows: Rows, at: dict[str, str]
    ) -> None:
        """To leave it out would lose a change; who is past it already goes on."""
        past = (await app.feed.page("", 3)).next
        await spoil(rows, at["event"], "{")
        with pytest.raises(Damaged, match="verify"):
            await app.feed.page("")
        assert (await app.feed.page(past)).events

    @pytest.mark.parametrize("kind", KINDS)
    async def test_a_row_that_is_gone_leaves_the_others(
        self, http: Http, app: App, rows: Rows, at: dict[str, str], kind: str
    ) -> None:
        """Somebody deleted it by hand: no request notices, and what is missed is told of."""
        row = await rows.read("scim", at[kind])
        assert row is not None
        await rows.commit("scim", [Delete(row.key, row.version)])
        await others_are_served(http, app, at, kind)
        await findings(app, repair=True)
        assert await findings(app) == []


def damage_of(kind: str) -> list[str]:
    """Return what may stand in a row of a kind and cannot be read; an hour in which nothing was counted can."""
    return [*(each for each in DAMAGE if not (kind == "hour" and each == "{}")), WRONG_TYPE[kind]]


async def others_are_served(http: Http, app: App, at: dict[str, str], damaged: str) -> None:
    """Check that requests, the timer, and every other kind of row go on."""
    user = await http.user("guest")
    patch = {"Operations": [{"op": "add", "path": "members", "value": [{"value": user["id"]}]}]}
    assert (await http.request("PATCH", f"/Groups/{at['crew']}", patch)).status == 204
    assert (await http.request("DELETE", f"/Users/{user['id']}")).status == 204
    assert (await http.request("GET", "/Users")).status == 200
    await app.timer.run()
    await app.rounds.step()
    await app.maintenance.due()
    roles = app.tenants.default.roles
    assert "crew" in [str(each.group.document["displayName"]) for each in await roles.mappings()]
    await roles.map(at["crew"], "writer", Origin())
    await roles.unmap(at["crew"], "writer", Origin())
    assert len(await WebhookRows(app.tenant).all()) == (1 if damaged == "webhook" else 2)
    journal = app.tenants.default.journal
    page = await journal.page(Wanted(status="failed"))
    assert len(page.entries) == (1 if damaged == "requests" else 2)
    hours = await journal.hours(app.tenant.now().replace(hour=0))
    assert sum(each.requests for each in hours.values()) == (1 if damaged == "hour" else 2)
    if damaged not in ("feed", "event"):
        assert (await app.feed.page("", 1000)).events[-1]["data"]["id"] == at["crew"]


async def readers_start_anew(app: App) -> None:
    """Check that who has read the feed before learns that something may be lost."""
    with pytest.raises(CursorExpired):
        await app.feed.page(cursor_of("scim", "before", 0))


async def spoil(rows: Rows, key: str, body: str) -> Row:
    """Put another body into a row; return it as it was."""
    row = await rows.read("scim", key)
    assert row is not None
    await rows.commit("scim", [Replace(key, body, row.version, row.modified)])
    return row


async def findings(app: App, repair: bool = False) -> list[str]:
    """Return what a verification says."""
    lines: list[str] = []
    await verify(app.tenants.default, repair, lines.append)
    return lines
