"""Seats: a tenant has no more active users than it may, whatever way they become active and whoever meets."""

import logging
from typing import Any

import pytest

from scim.app import App
from scim.directory.guards import REFUSED
from tests.conftest import Answer, Http
from tests.directory.changes import patch, replacing
from tests.recording import RecordingRows

SEATS = 2


@pytest.fixture(autouse=True)
async def seats(app: App) -> None:
    """The tenant may have two active users."""
    await app.administration.change("scim", {"seats": SEATS})


async def full(http: Http) -> list[str]:
    """Take all seats, and return the ids of who has them."""
    return [(await http.user(name))["id"] for name in ("mira", "omar")]


def refused(answer: Answer) -> bool:
    """Whether an answer is what an administrator is to read in Entra's log: neither 401, 403 nor 409."""
    if answer.status != 400:
        return False
    assert answer.body["scimType"] == "invalidValue"
    assert "2 users are active, and this directory may have 2" in answer.body["detail"]
    assert "provision this user on demand" in answer.body["detail"]
    return True


async def actives(http: Http) -> int:
    """Return how many users the service shows as active."""
    return int((await http.request("GET", "/Users?count=0&filter=active%20eq%20true")).body["totalResults"])


async def test_a_user_too_many_is_not_created(http: Http, caplog: pytest.LogCaptureFixture) -> None:
    """The log has a line of its own for it, which an alert reads."""
    await full(http)
    with caplog.at_level(logging.WARNING):
        assert refused(await http.request("POST", "/Users", {"userName": "nils"}))
    [line] = [each.getMessage() for each in caplog.records if each.getMessage().startswith(REFUSED)]
    assert "tenant=scim" in line
    assert (await http.request("GET", '/Users?filter=userName%20eq%20"nils"')).body["totalResults"] == 0


@pytest.mark.parametrize(
    ("method", "body"),
    [
        ("PATCH", {"Operations": [replacing("active", True)]}),
        ("PATCH", {"Operations": [{"op": "add", "value": {"active": "True"}}]}),
        ("PUT", {"userName": "nils", "active": True}),
    ],
)
async def test_nobody_becomes_active_without_a_seat(http: Http, method: str, body: Any) -> None:
    """To be created inactive is free, and so is every change of somebody who stays as active as before."""
    first, _ = await full(http)
    nils = (await http.created("/Users", userName="nils", active=False))["id"]
    assert refused(await http.request(method, f"/Users/{nils}", body))
    assert (await patch(http, f"/Users/{nils}", replacing("title", "Boss"))).status == 200
    assert (await patch(http, f"/Users/{first}", replacing("active", True))).status == 200
    assert (await patch(http, f"/Users/{first}", replacing("active", False))).status == 200
    assert (await http.request(method, f"/Users/{nils}", body)).status == 200
    assert await actives(http) == SEATS


async def test_a_bulk_request_is_refused_operation_by_operation(http: Http) -> None:
    """Those for whom there is a seat get it."""
    operations = [
        {"method": "POST", "path": "/Users", "bulkId": str(number), "data": {"userName": f"user{number}"}}
        for number in range(4)
    ]
    schemas = ["urn:ietf:params:scim:api:messages:2.0:BulkRequest"]
    answer = await http.request("POST", "/Bulk", {"schemas": schemas, "Operations": operations})
    assert [each["status"] for each in answer.body["Operations"]] == ["201", "201", "400", "400"]


@pytest.mark.parametrize("free", ["delete", "disable"])
async def test_who_leaves_makes_room(http: Http, free: str) -> None:
    """Deleting and disabling free a seat at once."""
    first, _ = await full(http)
    if free == "delete":
        assert (await http.request("DELETE", f"/Users/{first}")).status == 204
    else:
        assert (await patch(http, f"/Users/{first}", replacing("active", "False"))).status == 200
    assert (await http.request("POST", "/Users", {"userName": "nils"})).status == 201
    assert refused(await http.request("POST", "/Users", {"userName": "tom"}))


async def test_of_two_who_want_the_last_seat_one_gets_it(http: Http, rows: RecordingRows) -> None:
    """The seat is looked at within the transaction: a creation that came in between is seen."""
    await http.user("mira")
    rows.before_commit(lambda: http.user("omar"))
    assert refused(await http.request("POST", "/Users", {"userName": "nils"}))
    assert await actives(http) == SEATS


async def test_a_creation_and_an_enabling_that_meet(http: Http, rows: RecordingRows) -> None:
    """Two ways to become active, and one seat."""
    await http.user("mira")
    nils = (await http.created("/Users", userName="nils", active=False))["id"]
    rows.before_commit(lambda: http.user("omar"))
    assert refused(await patch(http, f"/Users/{nils}", replacing("active", True)))
    assert await actives(http) == SEATS


async def test_a_name_that_is_taken_is_told_first(http: Http) -> None:
    """Else a client whose answer was lost hears of seats instead of the user that it has made."""
    await full(http)
    answer = await http.request("POST", "/Users", {"userName": "MIRA@contoso.example"})
    assert (answer.status, answer.body["scimType"]) == (409, "uniqueness")


async def test_fewer_seats_than_active_users_throw_nobody_out(http: Http, app: App, clock: Any) -> None:
    """Nobody more becomes active until there is room."""
    first, _ = await full(http)
    await app.administration.change("scim", {"seats": 1})
    clock.forward(seconds=11)
    assert (await patch(http, f"/Users/{first}", replacing("title", "Boss"))).status == 200
    answer = await http.request("POST", "/Users", {"userName": "nils"})
    assert answer.status == 400
    assert "2 users are active, and this directory may have 1" in answer.body["detail"]


async def test_other_tenants_read_nothing_for_it(http: Http, app: App, rows: RecordingRows, clock: Any) -> None:
    """A tenant without seats pays nothing for those that have some."""
    await app.administration.change("scim", {"seats": None})
    clock.forward(seconds=11)
    await http.user("mira")
    rows.forget()
    await http.user("omar")
    without = len(rows.calls)
    await app.administration.change("scim", {"seats": 100})
    clock.forward(seconds=11)
    await http.user("nils")
    rows.forget()
    await http.user("tom")
    assert len(rows.calls) == without + 4
