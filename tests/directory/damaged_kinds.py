"""Every kind of row of a tenant, damaged in every way and missing: clients, the timer and administrators are served."""

from collections.abc import Sequence
from datetime import timedelta
from typing import NamedTuple

import pytest

from scim.app import App
from scim.commands.verify import verify
from scim.directory import keys
from scim.directory.capture import Capture, Captured
from scim.directory.entry import Entry
from scim.directory.resources import Origin
from scim.management import routes
from scim.protocol.resource import format_date_time
from scim.security_events.stream import Stream, StreamRows
from scim.storage.rows import Delete, Insert, Replace, Row, Rows
from scim.webhooks.webhook import Webhook, WebhookRows
from tests.conftest import Clock, Http, make_app
from tests.directory.row_kinds import row_kinds
from tests.management.managing import Manager, administrator, operator

MISSING = None
ANYTHING = ("", "{", "7", "[1]", "null", "{}")
WORD, JSON = ("2:x",), ('{"form":2}', "2:x")
"""How a newer release would write a word or a number, and an object or a list."""
OF_A_RESOURCE = ('{"userName":"sick@contoso.example","displayName":"sick","meta":{"created":"x","form":2}}',)
SICK, WELL = "1" * 32, "2" * 32
"""Ids of two webhooks, of two streams, and of what is half deleted."""


class Kind(NamedTuple):
    """How a row of a kind may be damaged: with values of other types (`wrong`), or by a newer release.

    `told` is whether verify says that it cannot be read; a row without content, which nobody reads, has no `newer`.
    """

    wrong: str = "x"
    newer: tuple[str, ...] = ()
    told: bool = True


NO_CONTENT = Kind(told=False)
KINDS = {
    "u.<id>": Kind('{"userName":["a"],"meta":{"created":"x"}}', OF_A_RESOURCE),
    "g.<id>": Kind('{"displayName":["a"],"meta":{"created":"x"}}', OF_A_RESOURCE),
    "n.<u|g>.<attribute>.<h>": Kind(newer=WORD),
    "x.<u|g>.<attribute>.<h>.<id>": NO_CONTENT,
    "m.<group>.<member>": Kind(newer=WORD),
    "r.<member>.<group>": NO_CONTENT,
    "c.<u|g>.<first two digits>": Kind(newer=WORD),
    "c.i.<first digit>": Kind(newer=WORD),
    "e.<time>.<random>": Kind('{"operation":7,"membersAdded":"x"}', JSON, told=False),
    "t.<id>": NO_CONTENT,
    "t.<id>.new": NO_CONTENT,
    "s.indexes": Kind("[7]", JSON),
    "s.feed": Kind('{"epoch":"a","first":"1","last":2}', JSON),
    "o.<time>.<random>": Kind('{"timestamp":"x","actor":{},"method":"POST","events":[{"type":1,"data":{}}]}', JSON),
    "p.<group>.<random>": Kind('{"timestamp":"x","actor":{},"method":"POST","events":[{"type":1}]}', JSON),
    "f.<number>": Kind('{"id":"x","type":"user.created","timestamp":"x","actor":[],"method":"POST","data":{}}', JSON),
    "s.sizes": Kind('{"memberships":"x","time":7}', JSON, told=False),
    "s.capture": Kind('{"id":7,"started":"x","until":"x","requests":"x"}', JSON),
    "s.guards": NO_CONTENT,
    "s.probe": NO_CONTENT,
    "s.maintenance": Kind('{"since":7}', JSON),
    "a.now.<group>": Kind('{"role":1}', JSON),
    "a.told.<group>": Kind('["a",1]', JSON),
    "w.<id>": Kind('{"id":"x","url":"https://x","cursor":"","created":"","failures":"none"}', JSON),
    "k.<webhook>.<number>": NO_CONTENT,
    "v.<id>": Kind('{"id":"x","credential":"c","issuer":7,"cursor":"","created":""}', JSON),
    "j.<inverted time>.<random>": Kind('[{"function":"GetUser","method":"GET","status":"x"}]', JSON),
    "h.<inverted hour>.<random>": Kind('{"requests":"x"}', JSON),
    "q.h.<inverted time>.<random>": Kind('{"method":"GET","target":7,"pieces":"x"}', ('{"form":2}',)),
    "q.p.<inverted time>.<random>.<n>": Kind('{"request":{"headers":[],"body":7},"answer":{}}', told=False),
}
READABLE = {("h.<inverted hour>.<random>", "{}"), ("c.<u|g>.<first two digits>", "7"), ("c.i.<first digit>", "7")}
"""What is no damage: an hour in which nothing was counted, and a number, which is a wrong one."""


WRONG_NUMBERS = ("c.<u|g>.<first two digits>", "c.i.<first digit>")
"""A count that is gone is one of 0, as of ids that nobody has: no list can see that it is damaged, but verify does."""
TOLD_OF = {
    "s.feed": ("is damaged", ("streams", "webhooks", f"webhooks/{WELL}")),  # they tell how far a reader is behind
    "s.capture": ("Nothing was captured", ("capture/download",)),
}
"""By kind, what administrators are told in place of what depends on the row, and where."""


class World(NamedTuple):
    """A tenant with rows of every kind, of which those of `key` are to be damaged, and who is well."""

    key: dict[str, str]
    well: dict[str, str]
    """Ids of a user, a group and others, by the words before them in the paths of administrators."""
    managers: tuple[Manager, Manager]


class DamagedKinds:
    """Damage and what must go on; a class that inherits this gives `rows`."""

    anything: Sequence[str] = ANYTHING

    @pytest.fixture
    async def app(self, rows: Rows, clock: Clock) -> App:
        return make_app(rows, clock)

    @pytest.fixture
    async def world(self, app: App, http: Http, clock: Clock) -> World:
        """Two of each kind are there: one to be damaged, and one that is well."""
        return await made(app, http, clock)

    @pytest.mark.parametrize("kind", KINDS)
    async def test_a_row_spoils_nothing_but_itself(
        self, app: App, http: Http, rows: Rows, world: World, kind: str
    ) -> None:
        """Whatever is in it, or if it is gone: `verify` tells, and what a newer release has written nobody changes."""
        key, shape = world.key[kind], KINDS[kind]
        kept = await rows.read("scim", key)
        assert kept is not None
        for body in damage_of(kind, self.anything):
            await put(rows, kept, body)
            lines = await said(app, repair=body in shape.newer)
            if body is not MISSING and (kind, body) not in READABLE:
                assert any(keys.last_part(key) in line for line in lines) == shape.told, (body, lines)
            await others_are_served(app, http, world, kind)
            if body in shape.newer:
                row = await rows.read("scim", key)
                assert row is not None
                assert row.body == body
        await put(rows, kept, kept.body)


def test_every_kind_of_row_is_played() -> None:
    """Who adds a kind of row says above how it may be damaged."""
    assert sorted(KINDS) == row_kinds()


async def made(app: App, http: Http, clock: Clock) -> World:
    """Make the tenant: what is damaged belongs to those who are sick."""
    sick, well = [await http.user(name, externalId=name, active=name == "well") for name in ("sick", "well")]
    ward, crew = await http.group("ward", sick["id"], well["id"]), await http.group("crew", well["id"])
    service, tenant = app.tenants.default, app.tenant
    for group in (ward, crew):
        await service.roles.map(group["id"], "reader", Origin())
    for each in (SICK, WELL):
        await WebhookRows(tenant).add(Webhook(each, "https://app", "", tenant.time(), enabled=False))
        await StreamRows(tenant).add(Stream(each, "c", "https://scim.example/scim/v2", "", tenant.time()))
    ago = int(clock().timestamp() * 1000)
    for hours in (3, 2):
        await service.journal.write([Entry("GetUser", "GET", 404, at=ago - hours * 3_600_000)])
    exchanges = await captured(app)
    await app.timer.run()
    parked = (await outbox(app, http, "first"))[0].body
    time = tenant.time()
    half = [
        keys.tombstone(SICK),
        keys.making(WELL),
        keys.GUARDS,
        keys.PROBE,
        keys.skipped(SICK, 1),
        keys.skipped(WELL, 1),
    ]
    await tenant.commit([*(Insert(each, "", time) for each in half), Insert(keys.parked(WELL, SICK), parked)])
    await http.user("last")
    under = tenant.under
    [look_up] = await under(keys.look_ups("u", "externalId", "sick"))
    key = {
        "u.<id>": keys.resource("u", sick["id"]),
        "g.<id>": keys.resource("g", ward["id"]),
        "n.<u|g>.<attribute>.<h>": keys.name("u", "userName", "sick@contoso.example"),
        "x.<u|g>.<attribute>.<h>.<id>": look_up.key,
        "m.<group>.<member>": keys.member(ward["id"], sick["id"]),
        "r.<member>.<group>": keys.membership(sick["id"], ward["id"]),
        "c.<u|g>.<first two digits>": keys.count("u", sick["id"]),
        "c.i.<first digit>": keys.count("i", sick["id"]),
        "e.<time>.<random>": (await under(keys.CHANGES))[0].key,
        "t.<id>": keys.tombstone(SICK),
        "t.<id>.new": keys.making(WELL),
        "s.indexes": keys.INDEXES,
        "s.feed": keys.FEED,
        "o.<time>.<random>": (await under(keys.outbox()))[0].key,
        "p.<group>.<random>": keys.parked(WELL, SICK),
        "f.<number>": keys.event(2),
        "s.sizes": keys.SIZES,
        "s.capture": keys.CAPTURE,
        "s.guards": keys.GUARDS,
        "s.probe": keys.PROBE,
        "s.maintenance": keys.MAINTENANCE,
        "a.now.<group>": keys.roles(ward["id"]),
        "a.told.<group>": keys.told_roles(ward["id"]),
        "w.<id>": keys.webhook(SICK),
        "k.<webhook>.<number>": keys.skipped(SICK, 1),
        "v.<id>": keys.stream(SICK),
        "j.<inverted time>.<random>": (await under(keys.REQUESTS))[0].key,
        "h.<inverted hour>.<random>": (await under(keys.HOURS))[0].key,
        "q.h.<inverted time>.<random>": keys.CAPTURED + exchanges[0],
        "q.p.<inverted time>.<random>.<n>": keys.piece_of(exchanges[0], 0),
    }
    managers = (await administrator(app), await operator(app))
    listed = {"credentials": "scim", "operators": ""}
    ids = {"users": well["id"], "groups": crew["id"], "exchanges": exchanges[1], "webhooks": WELL} | {
        name: (await app.registry.credentials(whose))[0].id for name, whose in listed.items()
    }
    return World(key, ids, managers)


async def captured(app: App) -> list[str]:
    """Capture two exchanges; return their ids."""
    tenant, rows = app.tenant, Captured(app.tenant)
    until = format_date_time(tenant.now() + timedelta(minutes=5))
    await rows.begin(Capture("c" * 20, tenant.time(), until, 10, "plain"))
    numbers = dict.fromkeys(("status", "milliseconds", "bytesSent", "bytesAnswered"), 200)
    head = {"method": "GET", "target": "/Users", "base": "/scim/v2", "replayable": True, **numbers}
    side = '{"headers": {}, "body": ""}'
    for _ in range(2):
        assert await rows.add("c" * 20, head, f'{{"request": {side}, "answer": {side}}}')
    return [str(each["id"]) for each in (await rows.heads(10))[0]]


async def outbox(app: App, http: Http, name: str) -> list[Row]:
    """Create a user; return the rows of what is to be told of it, and let it be told."""
    await http.user(name)
    rows = await app.tenant.under(keys.outbox())
    await app.feed.publish()
    return rows


def damage_of(kind: str, anything: Sequence[str]) -> list[str | None]:
    """Return what a row of a kind may have in it, or that it is gone."""
    return [*anything, KINDS[kind].wrong, *KINDS[kind].newer, *([] if kind in WRONG_NUMBERS else [MISSING])]


async def others_are_served(app: App, http: Http, world: World, damaged: str) -> None:
    """Check that whoever is well is found and changed, that the timer does its work, and what administrators see."""
    listed = await http.request("GET", "/Users")
    assert world.well["users"] in [each["id"] for each in listed.body["Resources"]]
    found = await http.request("GET", '/Users?filter=userName+eq+"well@contoso.example"')
    assert [each["id"] for each in found.body["Resources"]] == [world.well["users"]]
    guest = await http.user("guest")
    joining = {"Operations": [{"op": "add", "path": "members", "value": [{"value": guest["id"]}]}]}
    assert (await http.request("PATCH", f"/Groups/{world.well['groups']}", joining)).status == 204
    assert (await http.request("DELETE", f"/Users/{guest['id']}")).status == 204
    await app.timer.run()
    await app.rounds.step()
    assert WELL in [each.id for each in await WebhookRows(app.tenant).all()]
    assert (await StreamRows(app.tenant).get(WELL)).id == WELL
    for manager, path in readings(world):
        answer = await manager.ask("GET", path)
        if answer.status != 200:
            words, paths = TOLD_OF.get(damaged, ("", ()))
            assert path.removeprefix("/tenants/scim/") in paths, (path, answer.body)
            assert words in answer.body["detail"]


def readings(world: World) -> list[tuple[Manager, str]]:
    """Return every path that administrators and operators can read of the tenant, with who may."""
    found = []
    for route in routes.ROUTES:
        if route.method == "GET" and route.scope in ("admin", "operator"):
            path = route.path.replace("{key}", "scim")
            if "{id}" in path:
                path = path.replace("{id}", world.well[path.split("/{id}")[0].rpartition("/")[2]])
            found.append((world.managers[route.scope == "operator"], f"/{path}"))
    return found


async def put(rows: Rows, kept: Row, body: str | None) -> None:
    """Give a row a body, whether or not it is there; None takes it away."""
    row = await rows.read("scim", kept.key)
    if body is MISSING:
        if row is not None:
            await rows.commit("scim", [Delete(row.key)])
        return
    change = Replace(row.key, body, row.version, kept.modified) if row else Insert(kept.key, body, kept.modified)
    await rows.commit("scim", [change])


async def said(app: App, repair: bool) -> list[str]:
    """Return what a verification says."""
    lines: list[str] = []
    await verify(app.tenants.default, repair, lines.append)
    return lines
