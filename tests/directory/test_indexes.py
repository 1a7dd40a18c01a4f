"""The record of complete look-ups: what a filter may rely on."""

from datetime import timedelta

import pytest

from scim.directory import keys
from scim.directory.indexes import FRESH
from scim.storage.rows import Delete, Rows
from tests.conftest import Clock, Http, make_app

TITLE_AND_NICKNAME = ("title", "nickName")


async def test_a_new_tenant_starts_complete(rows: Rows, clock: Clock) -> None:
    """Every configured attribute has a look-up row for every resource while there is none."""
    app = make_app(rows, clock, filterable=("title", "externalId"))
    assert await app.indexes.complete() == {"u.title", "u.externalId", "g.externalId"}


async def test_the_first_resource_does_not_make_a_new_tenant_incomplete(rows: Rows, clock: Clock) -> None:
    """Although nobody had searched before it came."""
    app = make_app(rows, clock, filterable=("title",))
    await Http(app).user("mira", title="Pilot")
    assert await app.indexes.complete() == {"u.title"}
    assert await make_app(rows, clock, filterable=("title",)).indexes.complete() == {"u.title"}


async def test_resources_without_a_record_are_not_taken_for_complete(rows: Rows, clock: Clock) -> None:
    """As where rows were brought from elsewhere: who knows what was kept of them."""
    await Http(make_app(rows, clock, filterable=("title",))).user("mira")
    await rows.commit("scim", [Delete(keys.INDEXES)])
    assert await make_app(rows, clock, filterable=("title",)).indexes.complete() == frozenset()


async def test_an_attribute_that_became_filterable_later_is_not_complete(rows: Rows, clock: Clock) -> None:
    """Resources from before have no rows for it."""
    await Http(make_app(rows, clock, filterable=("title",))).user("mira", nickName="Mi")
    assert await make_app(rows, clock, filterable=TITLE_AND_NICKNAME).indexes.complete() == {"u.title"}


async def test_an_attribute_that_was_not_filterable_for_a_while_is_not_complete(rows: Rows, clock: Clock) -> None:
    """Its rows were not kept meanwhile, so that coming back to it does not make it complete."""
    await Http(make_app(rows, clock, filterable=TITLE_AND_NICKNAME)).user("mira")
    assert await make_app(rows, clock, filterable=("title",)).indexes.complete() == {"u.title"}
    assert await make_app(rows, clock, filterable=TITLE_AND_NICKNAME).indexes.complete() == {"u.title"}


async def test_a_repair_declares_what_it_has_made_sure_of(rows: Rows, clock: Clock) -> None:
    """For every process, and only for attributes that are configured."""
    await Http(make_app(rows, clock, filterable=("title",))).user("mira")
    app, other = (make_app(rows, clock, filterable=TITLE_AND_NICKNAME) for _ in range(2))
    assert await other.indexes.complete() == {"u.title"}
    await app.indexes.declare_complete(["u.title", "u.nickName", "u.userType"])
    assert await app.indexes.complete() == {"u.title", "u.nickName"}
    assert await other.indexes.complete() == {"u.title"}
    clock.forward(seconds=FRESH.total_seconds())
    assert await other.indexes.complete() == {"u.title", "u.nickName"}


async def test_the_record_is_read_once_in_a_while(rows: Rows, clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not for every search, since it hardly ever changes."""
    app = make_app(rows, clock)
    await app.indexes.complete()
    reads = []
    read = rows.read

    async def counted(partition: str, key: str) -> object:
        reads.append(key)
        return await read(partition, key)

    monkeypatch.setattr(rows, "read", counted)
    clock.time += FRESH - timedelta(microseconds=1)
    await app.indexes.complete()
    assert reads == []
    clock.time += timedelta(microseconds=1)
    await app.indexes.complete()
    assert reads == ["s.indexes"]
