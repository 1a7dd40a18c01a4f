"""What changes are made with: ranges of any length, parallel reads, second tries."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from functools import partial

import pytest

from scim.directory import tenant as tenant_module
from scim.directory.tenant import PARALLEL_READS, TRIES, Tenant
from scim.protocol.errors import Unavailable
from scim.storage import deadline
from scim.storage.rows import Delete, Insert, Replace, Row, RowChange, RowConflict, Touch
from tests.recording import RecordingRows


@pytest.fixture
def tenant(rows: RecordingRows, monkeypatch: pytest.MonkeyPatch) -> Tenant:
    """A tenant with pages of ten rows and a clock that stands still; its writers do not wait."""
    monkeypatch.setattr(tenant_module, "PAGE", 10)

    async def no_pause(_: int) -> None:
        return None

    return Tenant(rows, now=lambda: datetime(2026, 1, 31, 12, 0, tzinfo=UTC), new_id=lambda _: "0" * 32, pause=no_pause)


async def filled(tenant: Tenant, count: int) -> list[str]:
    made = [f"k.{number:03}" for number in range(count)]
    await tenant.commit([Insert(each, each) for each in [*made, "j.1", "l.1"]])
    return made


@pytest.mark.parametrize("count", [0, 1, 9, 10, 11, 25])
@pytest.mark.parametrize("limit", [None, 0, 1, 9, 10, 11, 20, 100])
async def test_what_begins_with_a_prefix_is_read_to_its_limit(
    tenant: Tenant, rows: RecordingRows, count: int, limit: int | None
) -> None:
    """Over as many pages as it takes, and not a row more than is asked for."""
    keys = await filled(tenant, count)
    rows.forget()
    assert [row.key for row in await tenant.under("k.", limit)] == keys[:limit]
    assert rows.rows_read == len(keys[:limit])
    assert len(rows.calls) <= len(keys[:limit]) // 10 + 1


async def test_pages_go_on_behind_a_key(tenant: Tenant) -> None:
    """A page is never empty."""
    keys = await filled(tenant, 25)
    pages = [[row.key for row in page] async for page in tenant.pages("k.", keys[4])]
    assert pages == [keys[5:15], keys[15:25]]


async def test_many_rows_are_read_in_the_order_of_their_keys(tenant: Tenant, monkeypatch: pytest.MonkeyPatch) -> None:
    """A bounded number at a time, and None where there is no row."""
    at_once, most = 0, 0

    async def read(self: Tenant, key: str) -> Row | None:
        nonlocal at_once, most
        at_once += 1
        most = max(most, at_once)
        await asyncio.sleep(0)
        at_once -= 1
        return None if key == "missing" else Row(key, "", "1")

    monkeypatch.setattr(Tenant, "read", read)
    wanted = [f"k.{number}" for number in range(500)]
    wanted[77] = "missing"
    found = await tenant.read_all(wanted)
    assert [row.key if row else "missing" for row in found] == wanted
    assert most == PARALLEL_READS


async def test_a_second_try_leaves_out_what_is_done(tenant: Tenant) -> None:
    """Inserts of what is there, deletes and touches of what is not; nothing that names a version."""
    [version] = await tenant.commit([Insert("there", "1")])
    firm: list[RowChange] = [
        Replace("there", "2", version),
        Replace("gone", "2", "v"),
        Delete("gone", "v"),
        Insert("new", ""),
    ]
    left = await tenant.settled([Insert("there", ""), Delete("gone"), Touch("gone"), *firm])
    assert left == firm
    assert await tenant.settled([Delete("there"), Touch("there")]) == [Delete("there"), Touch("there")]


async def test_a_conflict_is_tried_again_a_bounded_number_of_times(rows: RecordingRows) -> None:
    """Each try knows its number and waits before the next; what never rests is a 503 that asks to come again soon."""
    numbers: list[int] = []
    pauses: list[int] = []

    async def pause(number: int) -> None:
        pauses.append(number)

    tenant = Tenant(rows, pause=pause)

    async def attempt(number: int) -> str:
        numbers.append(number)
        if number < 3:
            raise RowConflict
        return "done"

    assert await tenant.retried(attempt) == "done"
    assert numbers == [0, 1, 2, 3]
    assert pauses == [0, 1, 2]

    async def never(_: int) -> None:
        raise RowConflict

    with pytest.raises(Unavailable) as error:
        await tenant.retried(never)
    assert error.value.retry_after == 1


async def test_other_failures_are_not_tried_again(tenant: Tenant) -> None:
    """A store that did not answer may have done it."""
    tries = 0

    async def attempt(_: int) -> None:
        nonlocal tries
        tries += 1
        raise Unavailable("no answer")

    with pytest.raises(Unavailable):
        await tenant.retried(attempt)
    assert tries == 1


async def test_writers_who_met_wait_for_random_and_growing_times(monkeypatch: pytest.MonkeyPatch) -> None:
    """All tries together wait a few seconds, far less than a request may take."""
    waited: list[float] = []

    async def sleep(seconds: float) -> None:
        waited.append(seconds)

    monkeypatch.setattr(asyncio, "sleep", sleep)
    for number in range(TRIES):
        await tenant_module._pause(number)
    assert max(waited) <= 0.3
    assert sum(waited) < 12
    assert max(waited[:3]) < 0.03


def test_a_change_row_has_what_was_said_and_nothing_empty(tenant: Tenant) -> None:
    """Under the time of the change."""
    row = tenant.change_row(operation="patch", attributes=[], client="", id="1")
    assert json.loads(row.body) == {"form": 1, "operation": "patch", "id": "1"}
    assert row.key == f"e.{int(tenant.now().timestamp() * 1000):012x}.{'0' * 32}"
    assert row.modified == "2026-01-31T12:00:00.000Z"


@pytest.mark.parametrize("call", ["read", "range", "commit"])
async def test_no_call_of_the_store_begins_behind_the_deadline(tenant: Tenant, rows: RecordingRows, call: str) -> None:
    """Whatever sort of call comes next, the client has gone by then."""
    calls: dict[str, Callable[[], Awaitable[object]]] = {
        "read": partial(tenant.read, "u.x"),
        "range": partial(tenant.range, "u.", "u.~", 1),
        "commit": partial(tenant.commit, [Insert("s.x", "")]),
    }
    with deadline.within(0), pytest.raises(Unavailable, match="could not be finished"):
        await calls[call]()
    assert rows.calls == []
