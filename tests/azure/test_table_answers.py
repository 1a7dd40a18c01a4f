"""Answers of Table Storage that a client misreads: late ones, odd ones, and those that refuse."""

import re

import pytest
from azure.data.tables.aio import TableClient

from scim.azure.entities import no_version
from scim.azure.tables import TableRows
from scim.protocol.errors import PayloadTooLarge, Unavailable
from scim.storage import deadline
from scim.storage.rows import Delete, Insert, Record, Replace, RowChange, RowConflict, Touch
from tests.azure.conftest import Clock
from tests.azure.faults import Deliver, Service, after, changed, held, instead, part, reset, silence, status
from tests.storage.rows_contract import everything, the_row

ODD = {
    "another media type": changed(lambda body: body, "text/plain"),
    "a part missing": changed(
        lambda body: re.sub(rb"--changeset[^\r]+\r\n.*?(?=--changeset)", b"", body, count=1, flags=re.S)
    ),
    "a part without ETag": changed(lambda body: re.sub(rb"(?i)etag: [^\r]+\r\n", b"", body)),
    "no part": changed(lambda _: b"--b\r\n\r\n--b--\r\n", "multipart/mixed; boundary=b"),
    "nothing": changed(lambda _: b""),
}
"""Answers to a transaction that was applied, as the SDK does not expect them."""
LARGE = {
    "part 413": part("413 Request Entity Too Large", '{"odata.error":{"code":"RequestBodyTooLarge"}}'),
    "part 413 without a code": part("413 Request Entity Too Large"),
    "bare 413": status(413, "RequestBodyTooLarge"),
    "bare 413 without a code": status(413),
}


async def keys(rows: TableRows) -> list[str]:
    return [row.key for row in await everything(rows)]


class TestLateTries:
    """The service goes on with a try when nobody waits for it any longer."""

    @pytest.mark.parametrize("fault", [reset, silence, status(500, "OperationTimedOut")])
    async def test_a_try_that_arrives_after_a_later_one_changes_nothing(
        self, rows: TableRows, others: TableRows, service: Service, fault: object
    ) -> None:
        """Given up, sent again, applied, and then undone by others: the record of the commit refuses the first."""
        late: list[Deliver] = []
        service.writes = [held(late, fault)]  # type: ignore[arg-type]
        await rows.commit("t", [Insert("m", ""), Record("e.1", "")])
        await others.commit("t", [Delete("m")])
        assert (await late[0]()).status == 202
        assert await keys(others) == ["e.1"]

    async def test_a_commit_that_was_given_up_is_refused_by_its_conditions(
        self, rows: TableRows, others: TableRows, service: Service
    ) -> None:
        """All its tries arrive after a repeat and after what undid that: the member has another version by then."""
        await others.commit("t", [Insert("u.1", ""), Insert("g.1", "")])
        version = (await the_row(others, "u.1")).version

        def added(record: str, expected: str) -> list[RowChange]:
            return [Touch("g.1"), Touch("u.1", version=expected), Insert("m", ""), Record(record, "")]

        late: list[Deliver] = []
        service.writes = [held(late, status(503, "ServerBusy"))] * 99
        with pytest.raises(Unavailable):
            await rows.commit("t", added("e.1", version))
        service.writes = []
        await rows.commit("t", added("e.2", version))
        await others.commit("t", [Delete("m"), Touch("u.1")])
        for deliver in late:
            await deliver()
        assert await keys(others) == ["e.2", "g.1", "u.1"]

    async def test_the_service_is_asked_to_give_up_before_we_do(self, rows: TableRows, service: Service) -> None:
        """Seconds, on the address of the transaction; the signature of the request is still the right one."""
        await rows.commit("t", [Insert("a", "")])
        assert re.fullmatch(r"POST /scim/\$batch\?timeout=8", service.asked[-1])


class TestSettling:
    """What became of a commit is found out by one row, and within the commit's own time."""

    async def test_one_read_tells(self, rows: TableRows, others: TableRows, service: Service) -> None:
        """Of a hundred rows only the record is read."""
        service.writes = [after(reset)]
        await rows.commit("t", [*(Insert(f"k{n:02}", "") for n in range(99)), Record("e.1", "")])
        assert [line.split()[0] for line in service.asked] == ["POST", "POST", "GET"]
        assert len(await keys(others)) == 100

    async def test_without_its_record_it_was_not_applied(
        self, rows: TableRows, others: TableRows, service: Service
    ) -> None:
        """A true conflict, though another one has left rows that look the same."""
        service.writes = [instead(reset, lambda: others.commit("t", [Insert("a", "1")]))]
        with pytest.raises(RowConflict):
            await rows.commit("t", [Insert("a", "1"), Record("e.1", "")])
        assert await keys(others) == ["a"]

    async def test_others_may_have_changed_every_other_row(
        self, rows: TableRows, others: TableRows, service: Service
    ) -> None:
        """The record stays, so that an applied commit is never told as a conflict."""
        service.writes = [after(reset, lambda: others.commit("t", [Delete("a")]))]
        await rows.commit("t", [Insert("a", "1"), Record("e.1", "")])
        assert await keys(others) == ["e.1"]

    async def test_reading_back_has_no_budget_of_its_own(self, rows: TableRows, service: Service, clock: Clock) -> None:
        """A commit is over after the time of one call, whatever it has to find out."""
        service.writes, service.reads, began = [after(reset)], [status(503, "ServerBusy")] * 999, clock.seconds
        with pytest.raises(Unavailable):
            await rows.commit("t", [Insert(f"k{n}", "") for n in range(40)])
        assert clock.seconds - began <= 20

    async def test_the_request_has_the_last_word(self, rows: TableRows, service: Service, clock: Clock) -> None:
        """A call does not go on beyond the deadline of the request that makes it."""
        service.writes, began = [status(503, "ServerBusy")] * 999, clock.seconds
        with deadline.within(7, clock), pytest.raises(Unavailable):
            await rows.commit("t", [Insert("a", "")])
        assert clock.seconds - began <= 7
        with deadline.within(0, clock), pytest.raises(Unavailable, match="within 0 s"):
            await rows.read("t", "a")


class TestMisread:
    """The SDK raises ValueError and KeyError on an answer that it does not expect, when all is applied already."""

    @pytest.mark.parametrize("fault", ODD.values(), ids=ODD)
    async def test_an_odd_answer_is_a_lost_one(
        self, rows: TableRows, others: TableRows, service: Service, fault: object
    ) -> None:
        """What was applied is a success, and the versions are those of the rows."""
        [version] = await others.commit("t", [Insert("a", "1")])
        service.writes = [fault]  # type: ignore[list-item]
        versions = await rows.commit("t", [Replace("a", "2", version), Insert("b", "")])
        assert versions == [(await the_row(others, key)).version for key in ("a", "b")]

    async def test_a_mistake_of_ours_is_not_taken_for_one(
        self, rows: TableRows, service: Service, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """What is raised before anything was sent is a bug, and comes out at once."""

        async def broken(*_: object, **__: object) -> None:
            raise ValueError("made up")

        monkeypatch.setattr(TableClient, "submit_transaction", broken)
        with pytest.raises(ValueError, match="made up"):
            await rows.commit("t", [Insert("a", "")])
        assert service.asked == []


class TestTooLarge:
    """What the service finds too large stays too large: it is the client's to change, and is not sent again."""

    @pytest.mark.parametrize("fault", LARGE.values(), ids=LARGE)
    async def test_413_is_413(self, rows: TableRows, service: Service, fault: object) -> None:
        """Not an outage, which a client would send four megabytes to again and again; and not a bug of ours."""
        service.writes = [fault] * 9  # type: ignore[list-item]
        with pytest.raises(PayloadTooLarge, match="Send fewer or shorter values"):
            await rows.commit("t", [Insert("a", "")])
        assert len(service.asked) == 1


def test_the_version_that_matches_nothing_lies_in_the_services_calendar() -> None:
    """It begins in 1601: a time before it would be refused as no ETag, not as another one."""
    assert no_version("ffff0000ffff0000").startswith("W/\"datetime'1601-01-01T")


async def test_the_service_takes_that_version_for_another_one(rows: TableRows) -> None:
    """As far as its emulator tells."""
    await rows.commit("t", [Insert("a", "1")])
    with pytest.raises(RowConflict):
        await rows.commit("t", [Replace("a", "2", no_version("00000000deadbeef"))])
