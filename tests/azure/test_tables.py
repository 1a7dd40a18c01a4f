"""Rows in Table Storage keep the rules of the protocol: ranges, the table, the client and its identity."""

import asyncio
import json
import logging
import re
import secrets
import subprocess
import sys
from pathlib import Path
from typing import Any, ClassVar

import pytest
from aiohttp import web
from azure.core.credentials import AccessToken
from azure.core.exceptions import ClientAuthenticationError, ServiceRequestError
from azure.core.pipeline.transport import AioHttpTransport

from scim.azure.identity import identity
from scim.azure.tables import TableRows
from scim.protocol.errors import Unavailable
from scim.storage.rows import MAX_BODY_BYTES, Insert
from tests.azure.conftest import Clock
from tests.azure.faults import (
    Deliver,
    Fault,
    Service,
    honest,
    part,
    status,
)
from tests.azure.in_table_storage import InTableStorage
from tests.storage.rows_contract import NOW, RowsContract, everything

ROOT = Path(__file__).parent.parent.parent
LARGE_BODY = "ignore:Sending a large body:ResourceWarning"
"""aiohttp's advice on bodies over 1 MB is for the SDK, which passes them as bytes."""


@pytest.mark.filterwarnings(LARGE_BODY)
class TestContract(InTableStorage, RowsContract):
    random_commits = 80


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
        assert [row[:3] for row in await rows.range("t", "", "~", 10)] == [("a", "x", "v"), ("b", "y", "w")]
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
            "https://account.table.core.windows.net",
            "scim",
            make,
            make_transport=Unreachable,
            sleep=clock.sleep,
            clock=clock,
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
