"""Rows in Table Storage when answers are lost: what is left open is resolved, and outages are told."""

from collections.abc import Callable

import pytest
from aiohttp import web
from azure.core.exceptions import HttpResponseError

from scim.azure.tables import LATE_SECONDS, TableRows
from scim.protocol.errors import PayloadTooLarge, Unavailable
from scim.storage.rows import Delete, Insert, Replace, RowChange, RowConflict, Rows, Touch
from tests.azure.conftest import SHORT, Clock
from tests.azure.faults import (
    Deliver,
    Fault,
    Service,
    after,
    before,
    cut,
    instead,
    part,
    reset,
    silence,
    status,
)
from tests.storage.rows_contract import NOW, everything, the_row

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
        assert (await the_row(others, "a"))[:4] == ("a", "1", version, "")

    async def test_the_reading_back_survives_faults_too(
        self, rows: TableRows, others: TableRows, service: Service
    ) -> None:
        """Reads that find out what happened are tried again like others."""
        service.writes, service.reads = [after(reset)], [reset, status(500)]
        [version] = await rows.commit("t", [Insert("a", "1")])
        assert (await the_row(others, "a"))[:4] == ("a", "1", version, "")

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
        assert [row[:4] for row in await everything(others)] == [("parent", "", version, "")]

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
    async def test_a_commit_is_tried_for_twenty_seconds(
        self, rows: TableRows, service: Service, clock: Clock, fault: Fault
    ) -> None:
        """A partition that is moved is away for ten seconds or more, and refuses at once all the while."""
        service.writes = [fault] * 999
        with pytest.raises(Unavailable) as raised:
            await rows.commit("t", [Insert("a", "")])
        assert len(service.asked) == len(clock.pauses) + 1
        assert 16 <= sum(clock.pauses) <= 20
        assert max(clock.pauses) <= 4
        assert raised.value.retry_after == (5 if fault is LOST["503"] else LATE_SECONDS)

    async def test_who_was_only_refused_need_not_wait_for_late_tries(self, rows: TableRows, service: Service) -> None:
        """One try without an answer among many refusals is enough to wait, and none arrives that was refused."""
        service.writes = [status(503, "ServerBusy"), reset, *[status(503, "ServerBusy")] * 999]
        with pytest.raises(Unavailable) as raised:
            await rows.commit("t", [Insert("a", "")])
        assert raised.value.retry_after == LATE_SECONDS

    @lost
    async def test_reads_are_tried_as_long(self, rows: TableRows, service: Service, clock: Clock, fault: Fault) -> None:
        """Point reads, ranges and the check of readiness alike; an outage is never taken for an absence."""
        for ask in (rows.read("t", "a"), rows.range("t", "", "~", 5), rows.check()):
            service.reads, began = [fault] * 999, clock.seconds
            with pytest.raises(Unavailable):
                await ask
            assert 16 <= clock.seconds - began <= 20

    async def test_those_who_failed_together_come_back_apart(
        self, rows: TableRows, service: Service, clock: Clock
    ) -> None:
        """Pauses are random from nothing up to a limit that doubles: nobody waits the same time as his neighbour."""
        service.writes = [status(503, "ServerBusy")] * 400
        for _ in range(20):
            with pytest.raises(Unavailable):
                await rows.commit("t", [Insert("a", "")])
        assert len(set(clock.pauses)) == len(clock.pauses)
        assert min(clock.pauses) < 0.1
        assert max(clock.pauses) > 3

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

        service.writes = [slow] * 9
        with pytest.raises(Unavailable):
            await rows.commit("t", [Insert("a", "")])
        assert len(service.asked) == 2

    async def test_a_try_ends_however_it_hangs(
        self, rows: TableRows, service: Service, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Also where the transport's own time-outs do not look, as while a token is fetched."""
        monkeypatch.setattr("scim.azure.patience.TRY_SECONDS", SHORT / 4)
        service.reads = [silence] * 99
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
        with pytest.raises(PayloadTooLarge, match=rf"\({code}\)"):
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

        service.reads = [page] * 99
        with pytest.raises(Unavailable):
            await rows.read("t", "a")
