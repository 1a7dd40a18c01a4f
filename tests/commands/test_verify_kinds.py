"""Each kind of row that there is: verify says when one cannot be read, or it is said here why nobody has to."""

from typing import NamedTuple

import pytest

from scim.app import App
from scim.commands.verify import verify
from scim.directory import keys
from scim.protocol.errors import NotFound
from scim.security_events.stream import Stream, StreamRows
from scim.storage.damage import Newer
from scim.storage.rows import Insert, Replace, Rows
from tests.conftest import Http
from tests.directory.row_kinds import row_kinds

ID, OTHER = "1" * 32, "2" * 32
ALWAYS, REPAIRED, DELETED, FEED = "a person decides", "repaired", "deleted", "a new epoch of the feed begins"
CONTENT = "no content"
ANEW = "read as if it was not there, and written anew"


class Kind(NamedTuple):
    """A key of the kind, and how verify treats one whose body cannot be read."""

    key: str
    treated: str


KINDS = {
    "u.<id>": Kind(keys.resource("u", ID), ALWAYS),
    "g.<id>": Kind(keys.resource("g", ID), ALWAYS),
    "n.<u|g>.<attribute>.<h>": Kind(keys.name("u", "userName", "mira"), REPAIRED),
    "x.<u|g>.<attribute>.<h>.<id>": Kind(keys.look_up("u", "externalId", "1", ID), CONTENT),
    "m.<group>.<member>": Kind(keys.member(OTHER, ID), REPAIRED),
    "r.<member>.<group>": Kind(keys.membership(ID, OTHER), CONTENT),
    "c.<u|g>.<first two digits>": Kind("c.u.ff", REPAIRED),
    "c.i.<first digit>": Kind("c.i.f", REPAIRED),
    "e.<time>.<random>": Kind(keys.change(2_000_000_000_000, ID), "left out of the history that shows it"),
    "t.<id>": Kind(keys.tombstone(ID), CONTENT),
    "t.<id>.new": Kind(keys.making(ID), CONTENT),
    "s.indexes": Kind(keys.INDEXES, REPAIRED),
    "s.feed": Kind(keys.FEED, FEED),
    "o.<time>.<random>": Kind(keys.outbox(f"e.0.{ID}"), FEED),
    "p.<group>.<random>": Kind(keys.parked(OTHER, ID), FEED),
    "f.<number>": Kind(keys.event(1), FEED),
    "s.sizes": Kind(keys.SIZES, ANEW),
    "s.capture": Kind(keys.CAPTURE, DELETED),
    "s.guards": Kind(keys.GUARDS, CONTENT),
    "s.probe": Kind(keys.PROBE, CONTENT),
    "s.maintenance": Kind(keys.MAINTENANCE, DELETED),
    "a.now.<group>": Kind(keys.roles(OTHER), ALWAYS),
    "a.told.<group>": Kind(keys.told_roles(OTHER), REPAIRED),
    "w.<id>": Kind(keys.webhook(ID), ALWAYS),
    "k.<webhook>.<number>": Kind(keys.skipped(ID, 1), CONTENT),
    "v.<id>": Kind(keys.stream(ID), ALWAYS),
    "j.<inverted time>.<random>": Kind(keys.requests(1_770_000_000_000, ID), DELETED),
    "h.<inverted hour>.<random>": Kind(keys.hour(1_770_000_000_000, ID), DELETED),
    "q.h.<inverted time>.<random>": Kind(keys.captured(1_770_000_000_000, ID), DELETED),
    "q.p.<inverted time>.<random>.<n>": Kind(
        keys.piece(1_770_000_000_000, ID, 0), "told by whoever asks for the exchange"
    ),
}
TOLD = {name: kind for name, kind in KINDS.items() if kind.treated in (ALWAYS, REPAIRED, DELETED, FEED)}
STREAM = Stream(ID, "c", "https://scim.example/scim/v2", "", "2026-01-31T12:00:00.000Z")


async def said(app: App, repair: bool = False) -> list[str]:
    lines: list[str] = []
    await verify(app.tenants.default, repair, lines.append)
    return lines


def test_it_is_said_of_each_kind_how_verify_treats_it() -> None:
    """Who adds a kind of row decides that, and adds it above."""
    assert row_kinds() == sorted(KINDS)


@pytest.mark.parametrize("kind", TOLD.values(), ids=TOLD.keys())
@pytest.mark.parametrize("body", ["{", "", "2:x"])
async def test_a_row_that_cannot_be_read_is_told_of(app: App, http: Http, rows: Rows, kind: Kind, body: str) -> None:
    """And mended or taken away with --repair as the table says; what a newer release has written stays."""
    await http.user("mira")
    await app.feed.publish()
    there = await rows.read("scim", kind.key)
    await rows.commit("scim", [Replace(kind.key, body, there.version) if there else Insert(kind.key, body)])
    assert any(keys.last_part(kind.key) in line for line in await said(app)), "nobody is told of it"
    lines = await said(app, repair=True)
    left = await rows.read("scim", kind.key)
    if body == "2:x":
        assert left is not None
        assert left.body == body
        return
    if kind.treated == ALWAYS:
        assert left is not None
        assert left.body == body
    if kind.treated == DELETED:
        assert left is None
        assert any(kind.key in line and "(repaired)" in line for line in lines)
    if kind.treated == FEED:
        assert await said(app) == []


async def test_a_damaged_stream_can_be_deleted_and_a_newer_one_not(app: App, rows: Rows, http: Http) -> None:
    """The others are served meanwhile."""
    streams = StreamRows(app.tenant)
    await streams.add(STREAM)
    for stream_id, body in ((OTHER, "{"), ("3" * 32, '{"form":2}')):
        await rows.commit("scim", [Insert(keys.stream(stream_id), body)])
    assert [each.id for each in await streams.all()] == [ID]
    await streams.remove(OTHER)
    with pytest.raises(NotFound):
        await streams.remove(OTHER)
    with pytest.raises(Newer):
        await streams.remove("3" * 32)
    assert [line.split(":")[0] for line in await said(app, repair=True)] == [keys.stream("3" * 32)]
