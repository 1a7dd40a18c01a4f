"""Every request is answered within its time, whatever it does, and what is left is done later."""

from collections.abc import AsyncIterator, Sequence

import pytest

from scim.app import App
from scim.protocol.errors import Unavailable
from scim.storage import deadline
from scim.storage.rows import Row, RowChange
from tests.conftest import Answer, Clock, Http, make_app
from tests.recording import RecordingRows

SECONDS = 60.0


class SlowRows(RecordingRows):
    """Rows of which each call takes some seconds of a clock of its own."""

    def __init__(self) -> None:
        super().__init__()
        self.seconds = 0.0
        self.pace = 0.0
        self.refuses_to_sweep = False

    def clock(self) -> float:
        return self.seconds

    async def read(self, partition: str, key: str) -> Row | None:
        self.seconds += self.pace
        return await super().read(partition, key)

    async def range(self, partition: str, after: str, before: str, limit: int, keys_only: bool = False) -> list[Row]:
        self.seconds += self.pace
        return await super().range(partition, after, before, limit, keys_only)

    async def commit(self, partition: str, changes: Sequence[RowChange], mark: str = "") -> list[str]:
        self.seconds += self.pace
        if self.refuses_to_sweep and changes[0].key[:2] in ("m.", "r."):
            raise Unavailable("Table Storage does not answer (503 ServerBusy).")
        return await super().commit(partition, changes, mark)


@pytest.fixture
async def rows() -> AsyncIterator[SlowRows]:
    made = SlowRows()
    yield made
    await made.close()


async def slowly(rows: SlowRows, http: Http, pace: float, *request: object) -> Answer:
    """Send a request to a store whose calls take so many seconds; it must be answered in time."""
    rows.pace, began = pace, rows.seconds
    with deadline.within(SECONDS, rows.clock):
        answer = await http.request(*request)  # type: ignore[arg-type]
    assert rows.seconds - began < SECONDS + 70 * pace  # at most the calls that were under way side by side
    rows.pace = 0
    return answer


def adding(ids: Sequence[str]) -> dict[str, object]:
    return {
        "schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"],
        "Operations": [{"op": "add", "path": "members", "value": [{"value": each} for each in ids]}],
    }


async def test_a_large_change_goes_on_when_it_is_repeated(rows: SlowRows, http: Http) -> None:
    """503 with Retry-After when the time is over; each repetition adds some of the rest, until all are there."""
    ids = [(await http.user(f"u{number}"))["id"] for number in range(300)]
    crew = (await http.group("crew"))["id"]
    sizes = []
    for _ in range(20):
        answer = await slowly(rows, http, 9, "PATCH", f"/Groups/{crew}", adding(ids))
        listed = (await http.request("GET", f"/Groups/{crew}")).body
        sizes.append(len(listed.get("members", [])))
        if answer.status == 204:
            break
        assert answer.status == 503
        assert int(answer.headers["Retry-After"]) > 0
        assert "repeat the request" in answer.body["detail"]
    assert sizes == sorted(set(sizes))
    assert (len(sizes) > 2, sizes[-1]) == (True, 300)


async def test_a_search_does_not_outlast_the_request(rows: SlowRows, http: Http) -> None:
    """Its own limit of time may be longer."""
    for number in range(150):
        await http.user(f"u{number}")
    answer = await slowly(rows, http, 70, "GET", "/Users?filter=title%20pr")
    assert answer.status == 503


async def test_operations_of_bulk_share_the_time_of_the_request(rows: SlowRows, http: Http) -> None:
    """Those that had no time left say so, each for itself; the others are done."""
    operations = [
        {"method": "POST", "path": "/Users", "bulkId": f"b{number}", "data": {"userName": f"u{number}"}}
        for number in range(30)
    ]
    body = {"schemas": ["urn:ietf:params:scim:api:messages:2.0:BulkRequest"], "Operations": operations}
    answer = await slowly(rows, http, 5, "POST", "/Bulk", body)
    statuses = [each["status"] for each in answer.body["Operations"]]
    assert statuses == sorted(statuses)
    assert set(statuses) == {"201", "503"}
    made = (await http.request("GET", "/Users")).body["totalResults"]
    assert made == statuses.count("201")


@pytest.mark.parametrize(("pace", "refuses"), [(0, True), (11, False)])
async def test_what_is_deleted_is_gone_whatever_happens_to_its_memberships(
    rows: SlowRows, http: Http, app: App, pace: float, refuses: bool
) -> None:
    """204 when the store refuses, or the time is over, behind the tombstone: the rest is the timer's."""
    ids = [(await http.user(f"u{number}"))["id"] for number in range(300)]
    crew = (await http.group("crew", *ids))["id"]
    rows.refuses_to_sweep = refuses
    answer = await slowly(rows, http, pace, "DELETE", f"/Groups/{crew}")
    assert answer.status == 204
    assert (await http.request("GET", f"/Groups/{crew}")).status == 404
    assert "groups" not in (await http.request("GET", f"/Users/{ids[0]}")).body
    rows.refuses_to_sweep = False
    assert (await app.maintenance.run())["deletesFinished"] == 1
    assert not [key for key in await rows.everything() if crew in key]


async def test_a_created_group_is_told_though_nothing_can_be_read_any_more(rows: SlowRows, http: Http) -> None:
    """A client that is told 503 repeats the POST, and would get 409 for ever."""
    ids = [(await http.user(f"u{number}"))["id"] for number in range(100)]
    rows.forget()
    crew = await http.group("crew", *ids)
    assert {each["value"] for each in crew["members"]} == set(ids)
    assert rows.calls[-1] == "commit"


def test_the_time_is_a_setting(app: App) -> None:
    """Sixty seconds unless an operator says otherwise."""
    assert app.settings.request_seconds == SECONDS


async def test_a_request_is_cut_at_the_setting(rows: SlowRows, clock: Clock) -> None:
    """Without anybody around it who sets a deadline."""
    http = Http(make_app(rows, clock, request_seconds=1e-9))
    answer = await http.request("GET", "/Users")
    assert (answer.status, answer.body["detail"][:47]) == (503, "The request could not be finished within 1e-09 ")
