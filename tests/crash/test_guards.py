"""Seats and guarded groups under crashes: the count that seats rest on is exact after each, and guards hold."""

from collections.abc import AsyncIterator, Callable

import pytest

from scim.directory import counts
from scim.storage.sqlite import SqliteRows
from tests.crash.operations import Case
from tests.crash.test_crashes import Trial
from tests.crash.world import MANY, Client, NoAnswer, Start, copy_of, make_app, user_body

ACTIVE = MANY + 5
SEATS = ACTIVE + 1


@pytest.fixture
async def guarded(start: Start) -> AsyncIterator[Start]:
    """The directory with one seat left, somebody who is inactive, and two guarded groups, one of them strictly."""
    with copy_of(start.rows) as rows:
        app = make_app(rows, "guards")
        ids = start.ids | {"asleep": await Client(app).create("/Users", user_body(500) | {"active": False})}
        await app.administration.change("scim", {"seats": SEATS})
        await app.administration.guard("scim", ids["circle one"], "on")
        await app.administration.guard("scim", ids["small"], "strict")
        yield Start(rows, ids)


def _active(value: bool) -> dict[str, object]:
    return {"op": "replace", "path": "active", "value": value}


async def take_the_last_seat(client: Client) -> None:
    await client.create("/Users", user_body(600))


async def wake(client: Client) -> None:
    await client.patch(f"/Users/{client.id('asleep')}", _active(True))


async def sleep(client: Client) -> None:
    await client.patch(f"/Users/{client.id('user3')}", _active(False))


async def replace_awake(client: Client) -> None:
    answer = await client.send("PUT", f"/Users/{client.id('asleep')}", user_body(500) | {"active": True})
    assert answer.status == 200, answer.body


async def change_places(client: Client) -> None:
    """One goes, another comes, and a third finds no seat."""
    answer = await client.send("DELETE", f"/Users/{client.id('user4')}")
    assert answer.status in (204, 404), answer.body
    await wake(client)
    await take_the_last_seat(client)
    answer = await client.send("POST", "/Users", user_body(602))
    assert (answer.status, answer.body["scimType"]) == (400, "invalidValue")


async def in_bulk(client: Client) -> None:
    """A seat is taken, given back, and taken again in one request."""
    operations = [
        {"method": "PATCH", "path": f"/Users/{client.id('asleep')}", "data": {"Operations": [_active(True)]}},
        {"method": "PATCH", "path": f"/Users/{client.id('user5')}", "data": {"Operations": [_active(False)]}},
    ]
    answer = await client.send("POST", "/Bulk", {"Operations": operations})
    assert answer.status == 200, answer.body
    if any(each["status"] == "503" for each in answer.body["Operations"]):
        raise NoAnswer
    assert [each["status"] for each in answer.body["Operations"]] == ["200", "200"], answer.body


async def the_last_one_goes(client: Client) -> None:
    """A dismissed person is never kept active: the only user of a circle that is guarded, but not strictly."""
    await client.patch(f"/Users/{client.id('user0')}", _active(False))


async def the_last_one_stays(client: Client) -> None:
    """Two of three may go from what is guarded strictly, and the third may not."""
    for name in ("user1", "user2"):
        await client.patch(f"/Users/{client.id(name)}", _active(False))
    answer = await client.send("DELETE", f"/Users/{client.id('user0')}")
    assert (answer.status, answer.body["scimType"]) == (400, "invalidValue")
    answer = await client.send("DELETE", f"/Groups/{client.id('small')}")
    assert (answer.status, answer.body["scimType"]) == (400, "invalidValue")


CASES = [
    Case("take the last seat", take_the_last_seat),
    Case("let somebody sleep", sleep),
    Case("wake somebody by a replacement", replace_awake),
    Case("change places", change_places, atomic=False),
    Case("change places in one request", in_bulk, atomic=False),
    Case("let the last one of a guarded group go", the_last_one_goes),
    Case("keep the last one of a strictly guarded group", the_last_one_stays, atomic=False),
]


class _Guarded(Trial):
    """A trial that counts, too."""

    async def _judged(self, rows: SqliteRows) -> object:  # type: ignore[override]
        visible = await super()._judged(rows)
        counted = await counts.active(make_app(rows, "counting").tenant)
        assert counted == sum(bool(each["active"]) for each in visible[0].values()) <= SEATS
        return visible


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
async def test_a_guard_survives_every_fault(
    guarded: Start, case: Case, count_cases: Callable[[str, int], None]
) -> None:
    """After each crash as many are active as are counted, no more than there are seats; after the retry all is done."""
    trial = _Guarded(guarded, case)
    await trial.run()
    assert trial.cases
    count_cases("crash cases", trial.cases)
