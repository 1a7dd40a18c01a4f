"""Rows in Table Storage keep the rules of the protocol, and resolve what a lost answer leaves open."""

import asyncio
import json
import logging
import re
import secrets
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any, ClassVar

import pytest
from aiohttp import web
from azure.core.credentials import AccessToken
from azure.core.exceptions import ClientAuthenticationError, HttpResponseError, ServiceRequestError
from azure.core.pipeline.transport import AioHttpTransport

from scim.azure.identity import identity
from scim.azure.tables import TableRows
from scim.protocol.errors import PayloadTooLarge, Unavailable
from scim.storage.rows import MAX_BODY_BYTES, Delete, Insert, Replace, Row, RowChange, RowConflict, Rows, Touch
from tests.azure.faults import (
    Deliver,
    Fault,
    Service,
    after,
    before,
    cut,
    honest,
    instead,
    part,
    reset,
    running,
    silence,
    status,
)
from tests.storage.rows_contract import NOW, RowsContract, everything, the_row

ROOT = Path(__file__).parent.parent.parent
LARGE_BODY = "ignore:Sending a large body:ResourceWarning"
"""aiohttp's advice on bodies over 1 MB is for the SDK, which passes them as bytes."""


@pytest.fixture
def table() -> str:
    return f"t{secrets.token_hex(8)}"


@pytest.mark.filterwarnings(LARGE_BODY)
class TestContract(RowsContract):
    random_commits = 80

    @pytest.fixture
    async def rows(self, azurite: str, table: str) -> AsyncIterator[TableRows]:
        rows = TableRows.from_connection_string(azurite, table)
        yield rows
        await rows.close()


SHORT = 0.15
"""Seconds of a real time-out, in the tests that wait for it."""
LOST = {
    "reset": reset,
    "cut": cut,
    "silence": silence,
    "500": status(500, "InternalError"),
    "503": status(503, "ServerBusy"),
    "part 500": part("500 Internal Server Error", '{"odata.error":{"code":"InternalError"}}'),
}
"""How an answer can fail to arrive, whether or not the request was applied."""
lost = pytest.mark.parametrize("fault", LOST.values(), ids=LOST)


class Clock:
    """Seconds that pass only when a test says so; pauses between tries are noted and let them pass at once."""

    def __init__(self) -> None:
        self.seconds = 100.0
        self.pauses: list[float] = []

    def __call__(self) -> float:
        return self.seconds

    async def sleep(self, seconds: float) -> None:
        self.pauses.append(seconds)
        self.seconds += seconds


@pytest.fixture
def clock() -> Clock:
    return Clock()


def port_of(connection_string: str) -> int:
    found = re.search(r":(\d+)/", connection_string)
    assert found
    return int(found[1])


@pytest.fixture
async def service(azurite: str) -> AsyncIterator[Service]:
    async with running(port_of(azurite)) as service:
        yield service


@pytest.fixture
async def rows(
    azurite: str, table: str, service: Service, clock: Clock, request: pytest.FixtureRequest
) -> AsyncIterator[TableRows]:
    """Rows whose requests pass through the service of faults; the table is there, and nothing asked yet."""
    callspec = getattr(request.node, "callspec", None)
    read_timeout = SHORT if callspec and callspec.params.get("fault") is silence else 10
    rows = TableRows.from_connection_string(
        azurite.replace(f":{port_of(azurite)}/", f":{service.port}/"),
        table,
        make_transport=lambda: AioHttpTransport(use_env_settings=False, read_timeout=read_timeout),
        sleep=clock.sleep,
        clock=clock,
    )
    try:
        await rows.check()
        service.asked.clear()
        yield rows
    finally:
        await rows.close()


@pytest.fixture
async def others(azurite: str, table: str) -> AsyncIterator[TableRows]:
    """Another instance of the app on the same table, without faults."""
    rows = TableRows.from_connection_string(azurite, table)
    yield rows
    await rows.close()


async def texts(rows: Rows) -> dict[str, str]:
    return {row.key: row.body for row in await everything(rows)}


class TestLostAnswers:
    """A commit that was applied is a success, and one that was not is what the second try says."""

    @lost
    @pytest.mark.parametrize("when", [before, after])
    async def test_a_lost_answer_does_not_show(
        self, rows: TableRows, others: TableRows, service: Service, fault: Fault, when: Callable[[Fault], Fault]
    ) -> None:
        """Whether the first try was applied or not, the commit is applied once and returns its versions."""
        replaced, deleted, _ = await others.commit("t", [Insert("r", "1"), Insert("d", ""), Insert("t", "1")])
        service.writes = [when(fault)]
        versions = await rows.commit(
            "t", [Insert("i", "1"), Replace("r", "2", replaced), Delete("d", deleted), Touch("t", NOW)]
        )
        found = {row.key: row for row in await everything(others)}
        assert versions == [found["i"].version, found["r"].version, "", found["t"].version]
        assert [(row.key, row.body, row.modified) for row in found.values()] == [
            ("i", "1", ""),
            ("r", "2", ""),
            ("t", "1", NOW),
        ]
        assert [line.split()[0] for line in service.asked[:2]] == ["POST", "POST"]

    @lost
    @pytest.mark.parametrize("change", ["insert", "replace", "delete", "delete any", "touch"])
    async def test_each_kind_of_change_alone_survives_a_lost_answer(
        self, rows: TableRows, others: TableRows, service: Service, fault: Fault, change: str
    ) -> None:
        """Also a commit that leaves no row to find."""
        [version] = await others.commit("t", [Insert("a", "1")])
        changes: dict[str, RowChange] = {
            "insert": Insert("b", "2"),
            "replace": Replace("a", "2", version),
            "delete": Delete("a", version),
            "delete any": Delete("a"),
            "touch": Touch("a", NOW),
        }
        service.writes = [after(fault)]
        [new] = await rows.commit("t", [changes[change]])
        found = {row.key: row.version for row in await everything(others)}
        assert new == found.get(changes[change].key, "")

    async def test_several_lost_answers_do_not_show(self, rows: TableRows, others: TableRows, service: Service) -> None:
        """The last try of the budget still finds out."""
        service.writes = [after(reset), reset, status(503, "ServerBusy")]
        [version] = await rows.commit("t", [Insert("a", "1")])
        assert await others.read("t", "a") == Row("a", "1", version)

    async def test_the_reading_back_survives_faults_too(
        self, rows: TableRows, others: TableRows, service: Service
    ) -> None:
        """Reads that find out what happened are tried again like others."""
        service.writes, service.reads = [after(reset)], [reset, status(500)]
        [version] = await rows.commit("t", [Insert("a", "1")])
        assert await others.read("t", "a") == Row("a", "1", version)

    async def test_a_true_conflict_after_a_lost_request_is_one(
        self, rows: TableRows, others: TableRows, service: Service
    ) -> None:
        """Another took the name while the first try was lost on its way."""
        service.writes = [instead(reset, lambda: others.commit("t", [Insert("name", "theirs")]))]
        with pytest.raises(RowConflict):
            await rows.commit("t", [Insert("name", "ours"), Insert("doc", "ours")])
        assert await texts(others) == {"name": "theirs"}

    async def test_what_others_did_since_is_kept(self, rows: TableRows, others: TableRows, service: Service) -> None:
        """Success, and for a row that others changed since a version that lets nobody overwrite their change."""
        [version] = await others.commit("t", [Insert("doc", "1")])

        async def replace() -> None:
            row = await others.read("t", "doc")
            assert row is not None
            await others.commit("t", [Replace("doc", "theirs", row.version)])

        service.writes = [after(reset, replace)]
        ours, change = await rows.commit("t", [Replace("doc", "ours", version), Insert("e.1", "")])
        assert await texts(others) == {"doc": "theirs", "e.1": ""}
        assert change == (await the_row(others, "e.1")).version
        with pytest.raises(RowConflict):
            await rows.commit("t", [Replace("doc", "blind", ours)])

    async def test_a_touch_by_others_since_hides_nothing(
        self, rows: TableRows, others: TableRows, service: Service
    ) -> None:
        """A touch leaves the mark of who wrote the body, so the commit is still seen to be applied."""
        [version] = await others.commit("t", [Insert("doc", "1")])
        service.writes = [after(reset, lambda: others.commit("t", [Touch("doc", NOW)]))]
        [ours] = await rows.commit("t", [Replace("doc", "2", version)])
        now = await the_row(others, "doc")
        assert (now.body, now.modified) == ("2", NOW)
        assert ours != now.version

    async def test_a_row_that_others_deleted_since_hides_nothing(
        self, rows: TableRows, others: TableRows, service: Service
    ) -> None:
        """The other rows of the commit tell."""
        service.writes = [after(reset, lambda: others.commit("t", [Delete("name")]))]
        await others.commit("t", [Insert("parent", "")])
        await rows.commit("t", [Touch("parent"), Insert("name", ""), Insert("e.1", ""), Insert("other", "")])
        assert set(await texts(others)) == {"parent", "e.1", "other", "name"} - {"name"}

    async def test_deletes_that_others_prevented_conflict(
        self, rows: TableRows, others: TableRows, service: Service
    ) -> None:
        """The first try was lost on its way, and one of the rows has changed when the second comes."""
        a, b = await others.commit("t", [Insert("a", "1"), Insert("b", "1")])
        service.writes = [instead(reset, lambda: others.commit("t", [Replace("b", "theirs", b)]))]
        with pytest.raises(RowConflict):
            await rows.commit("t", [Delete("a", a), Delete("b", b)])
        assert await texts(others) == {"a": "1", "b": "theirs"}

    async def test_rows_that_others_deleted_meanwhile_count_as_deleted(
        self, rows: TableRows, others: TableRows, service: Service
    ) -> None:
        """Nobody can tell who deleted them, and they are gone, which is all that the commit promises."""
        [version] = await others.commit("t", [Insert("a", "1")])
        service.writes = [instead(reset, lambda: others.commit("t", [Delete("a")]))]
        assert await rows.commit("t", [Delete("a", version)]) == [""]

    async def test_a_touch_tells_of_the_deletes_beside_it(
        self, rows: TableRows, others: TableRows, service: Service
    ) -> None:
        """The touched row bears the mark of the commit."""
        await others.commit("t", [Insert("a", ""), Insert("parent", "")])
        service.writes = [after(reset)]
        _, version = await rows.commit("t", [Delete("a"), Touch("parent")])
        assert await everything(others) == [Row("parent", "", version)]

    async def test_what_nobody_can_tell_is_not_called_a_conflict(
        self, rows: TableRows, others: TableRows, service: Service
    ) -> None:
        """Applied, but the only mark was overwritten: the client is asked to repeat the request."""
        await others.commit("t", [Insert("a", ""), Insert("parent", "")])
        service.writes = [after(reset, lambda: others.commit("t", [Touch("parent")]))]
        with pytest.raises(Unavailable, match="repeat"):
            await rows.commit("t", [Delete("a"), Touch("parent")])
        version = (await the_row(others, "parent")).version

        async def replace() -> None:
            await others.commit("t", [Replace("parent", "theirs", (await the_row(others, "parent")).version)])

        service.writes = [after(reset, replace)]
        with pytest.raises(Unavailable, match="repeat"):
            await rows.commit("t", [Replace("parent", "ours", version)])

    async def test_a_version_that_still_stands_proves_a_conflict(
        self, rows: TableRows, others: TableRows, service: Service
    ) -> None:
        """Nothing was applied, or the row to replace would have another version."""
        a, b = await others.commit("t", [Insert("a", "1"), Insert("b", "1")])
        service.writes = [instead(reset, lambda: others.commit("t", [Replace("b", "theirs", b)]))]
        with pytest.raises(RowConflict):
            await rows.commit("t", [Replace("a", "2", a), Replace("b", "2", b)])
        assert await texts(others) == {"a": "1", "b": "theirs"}

    async def test_a_conflict_at_the_first_try_costs_no_reading(
        self, rows: TableRows, others: TableRows, service: Service
    ) -> None:
        """One request: nothing was lost, so nothing has to be found out."""
        await others.commit("t", [Insert("a", "")])
        with pytest.raises(RowConflict):
            await rows.commit("t", [Insert("a", "")])
        assert len(service.asked) == 1

    @pytest.mark.parametrize("line", ["409 Conflict", "412 Precondition Failed", "404 Not Found"])
    async def test_a_conflict_needs_no_error_code(self, rows: TableRows, service: Service, line: str) -> None:
        """The service does not always send one: the status decides."""
        service.writes = [part(line)]
        with pytest.raises(RowConflict):
            await rows.commit("t", [Insert("a", "")])


class TestOutages:
    """What the service cannot do now ends in Unavailable, within a budget, and nothing is hidden."""

    @lost
    async def test_a_commit_is_given_up_after_four_tries(
        self, rows: TableRows, service: Service, clock: Clock, fault: Fault
    ) -> None:
        """Three pauses of at most two seconds between them."""
        service.writes = [fault] * 9
        with pytest.raises(Unavailable) as raised:
            await rows.commit("t", [Insert("a", "")])
        assert len(service.asked) == 4
        assert len(clock.pauses) == 3
        assert max(clock.pauses) <= 2
        assert raised.value.retry_after == 5

    @lost
    async def test_reads_are_given_up_after_four_tries(self, rows: TableRows, service: Service, fault: Fault) -> None:
        """Point reads, ranges and the check of readiness alike; an outage is never taken for an absence."""
        for ask in (rows.read("t", "a"), rows.range("t", "", "~", 5), rows.check()):
            service.asked.clear()
            service.reads = [fault] * 9
            with pytest.raises(Unavailable):
                await ask
            # aiohttp itself repeats a GET once when the connection breaks.
            assert len(service.asked) == (8 if fault is reset else 4)

    @lost
    async def test_a_read_survives_three_faults(
        self, rows: TableRows, others: TableRows, service: Service, fault: Fault
    ) -> None:
        """The fourth try answers."""
        await others.commit("t", [Insert("a", "1")])
        service.reads = [fault, fault, fault]
        assert (await the_row(rows, "a")).body == "1"

    async def test_no_try_begins_after_twenty_seconds(self, rows: TableRows, service: Service, clock: Clock) -> None:
        """Slow tries are fewer, so that the client still waits when the answer comes."""

        async def slow(request: web.Request, deliver: Deliver) -> web.StreamResponse:
            clock.seconds += 11
            return await reset(request, deliver)

        service.writes = [slow] * 4
        with pytest.raises(Unavailable):
            await rows.commit("t", [Insert("a", "")])
        assert len(service.asked) == 2

    async def test_a_try_ends_however_it_hangs(
        self, rows: TableRows, service: Service, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Also where the transport's own time-outs do not look, as while a token is fetched."""
        monkeypatch.setattr("scim.azure.tables.TRY_SECONDS", SHORT / 4)
        service.reads = [silence] * 4
        with pytest.raises(Unavailable, match="TimeoutError"):
            await rows.read("t", "a")

    @pytest.mark.parametrize(("number", "code"), [(503, "ServerBusy"), (429, "TooManyRequests")])
    async def test_a_short_wait_that_the_service_asks_for_is_kept(
        self, rows: TableRows, service: Service, clock: Clock, number: int, code: str
    ) -> None:
        """Throttled for a second: the next try comes after that second, not before."""
        service.writes = [status(number, code, Retry_After="1")]
        await rows.commit("t", [Insert("a", "")])
        assert len(clock.pauses) == 1
        assert clock.pauses[0] >= 1

    @pytest.mark.parametrize(("number", "code"), [(503, "ServerBusy"), (429, "TooManyRequests")])
    async def test_a_long_wait_that_the_service_asks_for_is_passed_on(
        self, rows: TableRows, service: Service, clock: Clock, number: int, code: str
    ) -> None:
        """Throttled for half a minute: the client hears of it at once, and the service is left alone."""
        service.writes = [status(number, code, Retry_After="30")]
        with pytest.raises(Unavailable, match=code) as raised:
            await rows.commit("t", [Insert("a", "")])
        assert raised.value.retry_after == 30
        assert (len(service.asked), clock.pauses) == (1, [])

    @pytest.mark.parametrize(("number", "code"), [(403, "AuthorizationPermissionMismatch"), (401, "")])
    async def test_a_refused_identity_is_told_what_to_change(
        self, rows: TableRows, service: Service, number: int, code: str
    ) -> None:
        """The role is named, and nothing is tried again."""
        service.writes = [status(number, code)]
        with pytest.raises(Unavailable, match=rf"\({number} ?{code}\).*Storage Table Data Contributor"):
            await rows.commit("t", [Insert("a", "")])
        assert len(service.asked) == 1

    @pytest.mark.parametrize("code", ["EntityTooLarge", "PropertyValueTooLarge", "RequestBodyTooLarge"])
    async def test_what_the_service_finds_too_large_is_the_clients_to_change(
        self, rows: TableRows, service: Service, code: str
    ) -> None:
        """Our own limits come first and are stricter; what is refused in spite of them is no fault of the server."""
        service.writes = [part("400 Bad Request", f'{{"odata.error":{{"code":"{code}"}}}}')]
        with pytest.raises(PayloadTooLarge, match=rf"\(400 {code}\)"):
            await rows.commit("t", [Insert("a", "")])
        assert len(service.asked) == 1

    async def test_what_the_service_calls_wrong_is_not_hidden(self, rows: TableRows, service: Service) -> None:
        """A request that is refused as it is, is a bug: it comes out as the SDK's error, at once."""
        service.writes = [part("400 Bad Request", '{"odata.error":{"code":"InvalidInput"}}')]
        with pytest.raises(HttpResponseError, match="InvalidInput"):
            await rows.commit("t", [Insert("a", "")])
        service.reads = [status(400, "InvalidInput")]
        with pytest.raises(HttpResponseError, match="InvalidInput"):
            await rows.read("t", "a")
        assert len(service.asked) == 2

    async def test_an_answer_that_is_not_the_services_is_an_outage(self, rows: TableRows, service: Service) -> None:
        """A page of some proxy, with status 200, is no row."""

        async def page(_: web.Request, __: Deliver) -> web.StreamResponse:
            return web.Response(text="<html>", content_type="application/json")

        service.reads = [page] * 4
        with pytest.raises(Unavailable):
            await rows.read("t", "a")


class TestRanges:
    async def test_empty_pages_are_passed(self, rows: TableRows, service: Service) -> None:
        """A page without rows and with a continuation is not the end."""

        def answer(rows: list[dict[str, str]], **token: str) -> Fault:
            async def page(_: web.Request, __: Deliver) -> web.StreamResponse:
                headers = {f"x-ms-continuation-{name}": value for name, value in token.items()}
                return web.json_response({"value": rows}, headers=headers)

            return page

        service.reads = [
            answer([], NextPartitionKey="1!4!dA--", NextRowKey="1!4!YQ--"),
            answer([], NextPartitionKey="1!4!dA--"),
            answer([{"odata.etag": "v", "RowKey": "a", "b0": "x"}], NextPartitionKey="p", NextRowKey="r"),
            answer([{"odata.etag": "w", "RowKey": "b", "b0": "y"}]),
        ]
        assert await rows.range("t", "", "~", 10) == [Row("a", "x", "v"), Row("b", "y", "w")]
        assert len(service.asked) == 4
        assert "NextPartitionKey=1!4!dA--&NextRowKey=1!4!YQ--" in service.asked[1]

    async def test_a_fault_between_pages_repeats_only_that_page(
        self, rows: TableRows, service: Service, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Five rows are three pages of two; the second is asked for twice."""
        monkeypatch.setattr("scim.azure.tables.PAGE", 2)
        await rows.commit("t", [Insert(f"k{n}", "") for n in range(5)])
        service.asked.clear()
        service.reads = [honest, status(500)]
        assert [row.key for row in await rows.range("t", "", "~", 100)] == ["k0", "k1", "k2", "k3", "k4"]
        assert len(service.asked) == 4

    async def test_no_more_is_asked_for_than_needed(self, rows: TableRows, service: Service) -> None:
        """The limit goes to the service, and with keys_only the names of what is wanted."""
        await rows.commit("t", [Insert(f"k{n}", "body") for n in range(9)])
        service.asked.clear()
        assert len(await rows.range("t", "", "~", 3, keys_only=True)) == 3
        [asked] = service.asked
        assert "$top=3" in asked
        assert "$select=RowKey%2CTimestamp%2Cmodified" in asked.replace(",", "%2C")


class TestTable:
    async def test_the_table_is_made_at_the_first_use(self, azurite: str) -> None:
        """Whatever comes first, and when several come at once."""
        for number in range(4):
            rows = TableRows.from_connection_string(azurite, f"n{secrets.token_hex(8)}")
            if number == 0:
                assert await rows.read("t", "a") is None
            elif number == 1:
                assert await rows.range("t", "", "~", 5) == []
            elif number == 2:
                await rows.check()
            await asyncio.gather(*(rows.commit("t", [Insert(f"k{n}", "")]) for n in range(8)))
            assert len(await everything(rows)) == 8
            await rows.close()

    async def test_a_table_that_may_not_be_made_is_named(self, rows: TableRows, service: Service) -> None:
        """Who may write rows and not make tables learns which table to make."""
        service.reads = [status(404, "TableNotFound"), status(403, "AuthorizationPermissionMismatch")]
        with pytest.raises(Unavailable, match=r"table 't\w+' does not exist.*403.*Make it, or give"):
            await rows.read("t", "a")

    async def test_a_table_that_is_being_deleted_is_waited_for(self, rows: TableRows, service: Service) -> None:
        """Not a conflict, though its status is 409."""
        service.writes = [part("409 Conflict", '{"odata.error":{"code":"TableBeingDeleted"}}')]
        await rows.commit("t", [Insert("a", "")])
        assert len(service.asked) == 2

    @pytest.mark.parametrize("name", ["ab", "1abc", "a-b-c", "a" * 64, "täble", ""])
    def test_a_name_that_no_table_can_have_is_refused(self, azurite: str, name: str) -> None:
        """At the start, not at the first request."""
        with pytest.raises(ValueError, match="table's name"):
            TableRows.from_connection_string(azurite, name)

    @pytest.mark.parametrize("text", ["", "AccountName=a", "https://a.table.core.windows.net"])
    def test_a_text_that_is_no_connection_string_is_refused(self, text: str) -> None:
        """At the start, too."""
        with pytest.raises(ValueError, match=r"[Cc]onnection string"):
            TableRows.from_connection_string(text, "scim")


class TestClient:
    @pytest.mark.filterwarnings(LARGE_BODY)
    async def test_the_largest_commit_fits_the_service(self, rows: TableRows, service: Service) -> None:
        """What check_limits just lets pass has at most 4 MiB on the wire, and not much less."""
        await rows.commit("t", [Insert(f"{n:03}".ljust(500, "k"), "é" * 6_300) for n in range(100)])
        assert 3_800_000 < len(service.bodies[-1]) <= 4 * 1024**2

    @pytest.mark.parametrize("text", ["x", "漢", "👍", "x👍"])
    @pytest.mark.filterwarnings(LARGE_BODY)
    async def test_each_property_fits_the_service(self, rows: TableRows, service: Service, text: str) -> None:
        """The largest body has properties of at most 64 KiB as UTF-16, and far fewer than 252."""
        await rows.commit("t", [Insert("a", text * (MAX_BODY_BYTES // len(text.encode("utf-16-le"))), NOW)])
        [sent] = re.findall(rb'\{"PartitionKey.*\}', service.bodies[-1])
        entity = {name: value for name, value in json.loads(sent).items() if "@" not in name}
        assert max(len(value.encode("utf-16-le")) for value in entity.values()) <= 64 * 1024
        assert len(entity) < 40

    async def test_the_log_stays_quiet(self, rows: TableRows, caplog: pytest.LogCaptureFixture) -> None:
        """At INFO, the level of a function app, calls to the storage write nothing."""
        with caplog.at_level(logging.INFO):
            await rows.commit("t", [Insert("a", "")])
            await rows.read("t", "a")
        assert caplog.records == []

    def test_each_event_loop_has_a_client_of_its_own(self, azurite: str, table: str) -> None:
        """One object serves loops one after another, as tests and command lines do."""
        rows = TableRows.from_connection_string(azurite, table)

        async def add(key: str) -> int:
            await rows.commit("t", [Insert(key, "")])
            found = len(await everything(rows))
            await rows.close()
            return found

        assert [asyncio.run(add(key)) for key in ("a", "b", "c")] == [1, 2, 3]

    async def test_close_twice_or_unused_is_no_error(self, azurite: str, table: str) -> None:
        """A host may stop before the first request."""
        rows = TableRows.from_connection_string(azurite, table)
        await rows.close()
        await rows.check()
        await rows.close()
        await rows.close()


class MadeUpIdentity:
    """A credential that counts its uses."""

    def __init__(self) -> None:
        self.scopes: list[str] = []
        self.closed = False

    async def get_token(self, *scopes: str, **_: Any) -> AccessToken:
        self.scopes += scopes
        return AccessToken("made-up", 2**40)

    async def close(self) -> None:
        self.closed = True

    async def __aenter__(self) -> "MadeUpIdentity":
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()


class Unreachable(AioHttpTransport):  # type: ignore[misc]
    """A transport to nowhere that notes what would be sent."""

    sent: ClassVar[list[Any]] = []

    async def send(self, request: Any, **_: Any) -> Any:
        self.sent.append(request)
        raise ServiceRequestError("nowhere")


class TestEndpoint:
    async def test_a_managed_identity_signs_the_requests(self, clock: Clock) -> None:
        """The credential is made at the first use, asked for a storage token, and closed at the end."""
        made: list[MadeUpIdentity] = []

        def make() -> MadeUpIdentity:
            made.append(MadeUpIdentity())
            return made[-1]

        rows = TableRows.from_endpoint(
            "https://account.table.core.windows.net", "scim", make, make_transport=Unreachable, sleep=clock.sleep
        )
        assert made == []
        Unreachable.sent.clear()
        with pytest.raises(Unavailable, match="ServiceRequestError"):
            await rows.read("t", "a")
        await rows.close()
        [identity] = made
        assert identity.closed
        assert set(identity.scopes) == {"https://storage.azure.com/.default"}
        assert Unreachable.sent[0].headers["Authorization"] == "Bearer made-up"
        assert Unreachable.sent[0].url.startswith("https://account.table.core.windows.net/scim(")

    async def test_an_identity_without_a_token_is_told_what_to_check(self) -> None:
        """No token: an outage for the client, a hint for the administrator."""

        class NoIdentity(MadeUpIdentity):
            async def get_token(self, *_: str, **__: Any) -> AccessToken:
                raise ClientAuthenticationError("no managed identity endpoint found")

        rows = TableRows.from_endpoint("https://a.table.core.windows.net", "scim", NoIdentity)
        with pytest.raises(Unavailable, match="managed identity"):
            await rows.read("t", "a")
        await rows.close()

    def test_only_https_is_taken(self) -> None:
        """A token never travels in the clear."""
        with pytest.raises(ValueError, match="https://"):
            TableRows.from_endpoint("http://a.table.core.windows.net", "scim", MadeUpIdentity)

    async def test_the_client_id_chooses_the_managed_identity(self) -> None:
        """Without one, whatever the environment offers is used."""
        named, default = identity("3c9e4f1e-0000-4000-8000-000000000000"), identity()
        assert (type(named).__name__, type(default).__name__) == ("ManagedIdentityCredential", "DefaultAzureCredential")
        await named.close()
        await default.close()

    def test_the_identity_sdk_is_imported_only_when_needed(self) -> None:
        """It costs a third of a second at a cold start."""
        code = "import sys, scim.azure.tables, scim.azure.identity; print('azure.identity' in sys.modules)"
        shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)  # noqa: S603
        assert shown.stdout.strip() == "False"
