"""The judgement of a running endpoint: short, over a socket, and able to find fault."""

from collections.abc import Iterator

import pytest

from bench import conformance
from bench.conformance import Verdict, played_entra, recorded_exchanges, rfc_examples, table
from bench.hosts.servers import OURS, running
from bench.load.generator import Tenant
from bench.load.remote import Headers, RemoteHttp, client
from tests import test_clients

FEW = test_clients.FILES[::12]


@pytest.fixture(scope="module")
def tenant() -> Iterator[Tenant]:
    """The local host in a process of its own."""
    with running(OURS) as server:
        yield server.tenant


async def test_the_running_endpoint_passes(tenant: Tenant) -> None:
    """The RFCs' examples, some recordings of clients and a played Entra in both dialects pass over a real socket."""
    async with client(tenant) as http:
        verdicts = [await rfc_examples(http), *await recorded_exchanges(http, FEW)]
    verdicts += [await played_entra(tenant, dialect, users=8) for dialect in ("default", "flag")]

    assert [line for each in verdicts for line in each.failures] == []
    assert all(each.passed for each in verdicts)
    assert verdicts[0].passed >= 35


async def test_what_fails_is_told(tenant: Tenant, monkeypatch: pytest.MonkeyPatch) -> None:
    """An example that does not hold is counted and named, with the line that says so."""
    monkeypatch.setattr(conformance, "RFC_TRIALS", {"exchange": _refused})
    async with client(tenant) as http:
        verdict = await rfc_examples(http)

    assert verdict.passed == 0
    assert "assert stage is None" in verdict.failures[0]
    assert "| RFC 7643 and RFC 7644 |" in table([verdict])
    assert f"| **0** | **{len(verdict.failures)}** |" in table([verdict])


async def _refused(stage: object, _: str) -> None:
    assert stage is None, "it does not hold"


async def test_a_tenant_that_is_in_use_is_left_alone(tenant: Tenant) -> None:
    """Everything is deleted between the examples, so a tenant with users is refused before anything is done."""
    async with client(tenant) as http:
        await http.created("/Users", userName="mira")
        with pytest.raises(SystemExit, match="must answer an empty list"):
            async with client(tenant):
                pass
        assert (await http.request("GET", "/Users?count=0")).body["totalResults"] == 1
        await http.clear()


def test_lists_are_compared_in_the_order_of_creation() -> None:
    """Random ids must not make an example fail; lists of anything but resources stay as they are."""
    http = RemoteHttp(Tenant("http://127.0.0.1/scim/v2", "t"), None)  # type: ignore[arg-type]
    http._created = ["b", "a"]

    assert http._in_order({"members": [{"value": "a"}, {"value": "b"}]}) == {
        "members": [{"value": "b"}, {"value": "a"}]
    }
    assert http._in_order([{"value": "a"}, {"value": "z"}]) == [{"value": "a"}, {"value": "z"}]
    assert http._in_order(["b", "a", 1]) == ["b", "a", 1]


def test_header_names_match_whatever_their_case() -> None:
    """A server may write them as it likes."""
    headers = Headers({"etag": "1"})

    assert (headers["ETag"], headers.get("Etag"), headers.get("Location")) == ("1", "1", None)


def test_a_verdict_counts() -> None:
    """The last line sums up."""
    assert "| **all** | | **5** | **1** |" in table([Verdict("a", "x", 2), Verdict("b", "y", 3, ["broken"])])
