"""A commit that was given up can still arrive, after others: then it undoes nothing that a client did since.

Table Storage goes on with a request for up to 30 s, longer than anybody waits for it.
https://learn.microsoft.com/rest/api/storageservices/setting-timeouts-for-table-service-operations
"""

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence

import pytest

from scim.directory.tenant import Tenant
from scim.protocol.errors import Unavailable
from scim.storage.rows import RowChange, RowConflict
from tests.conftest import Answer, Clock, Http, make_app
from tests.recording import RecordingRows


class LateRows(RecordingRows):
    """Rows that hold the next commit back when a test says so, answer nothing to it, and apply it later."""

    def __init__(self) -> None:
        super().__init__()
        self.hold = False
        self._held: list[tuple[str, Sequence[RowChange], str]] = []

    async def commit(self, partition: str, changes: Sequence[RowChange], mark: str = "") -> list[str]:
        if self.hold:
            self.hold = False
            self._held.append((partition, changes, mark))
            raise Unavailable("Table Storage does not answer.")
        return await super().commit(partition, changes, mark)

    async def arrive(self) -> bool:
        """Let what was held back arrive; return whether the store took it."""
        [held] = self._held
        self._held.clear()
        try:
            await self.commit(*held)
        except RowConflict:
            return False
        return True


@pytest.fixture
async def rows() -> AsyncIterator[LateRows]:
    made = LateRows()
    yield made
    await made.close()


@pytest.fixture
def http(rows: LateRows, clock: Clock) -> Http:
    """A client of a service that makes ids as it does when it serves."""
    app = make_app(rows, clock)
    object.__setattr__(app.tenant, "new_id", Tenant(rows).new_id)
    return Http(app)


def members(operation: str, *ids: str) -> dict[str, object]:
    values = [{"value": each} for each in ids]
    return {
        "schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"],
        "Operations": [{"op": operation, "path": "members", "value": values}],
    }


Send = Callable[[], Awaitable[Answer]]


async def late(rows: LateRows, send: Send) -> None:
    """Send a request whose commit is held back, so that the client is told to repeat it."""
    rows.hold = True
    answer = await send()
    assert (answer.status, answer.headers["Retry-After"]) == (503, "5")


@pytest.mark.parametrize("count", [1, 20, 70])
async def test_a_member_who_was_removed_does_not_come_back(rows: LateRows, http: Http, count: int) -> None:
    """Add -> 503 -> the repeat adds -> removed -> the first try arrives; also when they are many."""
    ids = [(await http.user(f"u{number}"))["id"] for number in range(count)]
    crew = (await http.group("crew"))["id"]

    async def send(operation: str) -> Answer:
        return await http.request("PATCH", f"/Groups/{crew}", members(operation, *ids))

    await late(rows, lambda: send("add"))
    assert (await send("add")).status == 204
    assert (await send("remove")).status == 204
    before = await rows.everything()
    assert not await rows.arrive()
    assert await rows.everything() == before


async def test_a_member_who_was_added_again_is_not_removed(rows: LateRows, http: Http) -> None:
    """Remove -> 503 -> the repeat removes -> added again -> the first try arrives."""
    mira = (await http.user("mira"))["id"]
    crew = (await http.group("crew", mira))["id"]

    async def send(operation: str) -> Answer:
        return await http.request("PATCH", f"/Groups/{crew}", members(operation, mira))

    await late(rows, lambda: send("remove"))
    assert (await send("remove")).status == 204
    assert (await send("add")).status == 204
    assert not await rows.arrive()
    assert (await http.request("GET", f"/Groups/{crew}")).body["members"][0]["value"] == mira


@pytest.mark.parametrize(
    ("endpoint", "body"), [("/Users", {"userName": "mira@contoso.example"}), ("/Groups", {"displayName": "crew"})]
)
async def test_what_was_deleted_does_not_come_back(
    rows: LateRows, http: Http, endpoint: str, body: dict[str, str]
) -> None:
    """Create -> 503 -> the repeat creates a second copy -> that is deleted -> the first try arrives."""
    await http.created(endpoint, **({"userName": "other"} if endpoint == "/Users" else {"displayName": "other"}))

    async def create() -> Answer:
        return await http.request("POST", endpoint, body)

    await late(rows, create)
    made = (await create()).body["id"]
    assert (await http.request("DELETE", f"{endpoint}/{made}")).status == 204
    before = await rows.everything()
    assert not await rows.arrive()
    assert await rows.everything() == before


async def test_a_second_copy_that_is_there_is_the_only_one(rows: LateRows, http: Http) -> None:
    """Create -> 503 -> the repeat creates -> the first try arrives."""

    async def create() -> Answer:
        return await http.request("POST", "/Users", {"userName": "mira"})

    await late(rows, create)
    assert (await create()).status == 201
    assert not await rows.arrive()
    assert (await http.request("GET", "/Users")).body["totalResults"] == 1


@pytest.mark.parametrize("method", ["PUT", "PATCH"])
async def test_a_newer_value_is_not_overwritten(rows: LateRows, http: Http, method: str) -> None:
    """Change -> 503 -> another change -> the first try arrives."""
    mira = (await http.user("mira"))["id"]

    async def title(value: str) -> Answer:
        if method == "PUT":
            return await http.request("PUT", f"/Users/{mira}", {"userName": "mira@contoso.example", "title": value})
        operations = [{"op": "replace", "path": "title", "value": value}]
        return await http.request("PATCH", f"/Users/{mira}", {**members("add"), "Operations": operations})

    await late(rows, lambda: title("old"))
    assert (await title("new")).status == 200
    assert not await rows.arrive()
    assert (await http.request("GET", f"/Users/{mira}")).body["title"] == "new"


async def test_a_delete_that_arrives_late_deletes_nobody_else(rows: LateRows, http: Http) -> None:
    """Delete -> 503 -> changed instead -> the first try arrives."""
    mira = (await http.user("mira"))["id"]
    crew = (await http.group("crew"))["id"]
    await late(rows, lambda: http.request("DELETE", f"/Users/{mira}"))
    await http.request("PATCH", f"/Groups/{crew}", members("add", mira))
    assert not await rows.arrive()
    assert (await http.request("GET", f"/Groups/{crew}")).body["members"][0]["value"] == mira


async def test_two_groups_that_get_different_members_do_not_wait_for_each_other(rows: LateRows, http: Http) -> None:
    """The price of the condition: two requests that add the same user at the same time conflict, and no others."""
    mira, omar = [(await http.user(name))["id"] for name in ("mira", "omar")]
    crew = (await http.group("crew"))["id"]

    async def add(member: str, group: str) -> Answer:
        return await http.request("PATCH", f"/Groups/{group}", members("add", member))

    rows.before_commit(lambda: add(omar, crew))
    rows.forget()
    assert (await add(mira, crew)).status == 204
    assert rows.calls.count("commit") == 2
    team = (await http.group("team"))["id"]
    other = (await http.group("other"))["id"]
    rows.before_commit(lambda: add(mira, team))
    rows.forget()
    assert (await add(mira, other)).status == 204
    assert rows.calls.count("commit") == 3
