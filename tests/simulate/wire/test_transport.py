"""Requests on the wire."""

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest

from scim.simulate.wire.endpoint import Endpoint, Kind
from scim.simulate.wire.failure import Failure
from scim.simulate.wire.transport import Transport, Wire, retry_after
from tests.simulate.stand_in import StandIn, error


async def test_a_match_query_carries_the_token_and_a_name_and_no_other_header_of_its_own(
    stand_in: StandIn, endpoint: tuple[str, str]
) -> None:
    """Entra sends no Accept, and no Content-Type without a body; by its name the endpoint's log tells the simulator."""
    async with Transport(Wire(*endpoint)) as transport:
        await Endpoint(transport).match(Kind.USERS, "userName", "mira@x.example")

    [seen] = stand_in.requests
    assert seen.headers.keys() == {"Host", "Authorization", "User-Agent"}
    assert seen.headers["User-Agent"] == "scim-simulate"
    assert seen.headers["Authorization"] == f"Bearer {endpoint[1]}"


async def test_filters_are_encoded_with_plus_and_quotes_are_escaped(
    stand_in: StandIn, endpoint: tuple[str, str]
) -> None:
    """A space travels as plus, a quote of the value behind a backslash; groups exclude members first."""
    async with Transport(Wire(*endpoint)) as transport:
        await Endpoint(transport).match(Kind.USERS, "userName", 'mi"ra+åse')
        await Endpoint(transport).match(Kind.GROUPS, "displayName", "Crew")

    assert [f"{seen.path}?{seen.query}" for seen in stand_in.requests] == [
        "/Users?filter=userName+eq+%22mi%5C%22ra%2B%C3%A5se%22",
        "/Groups?excludedAttributes=members&filter=displayName+eq+%22Crew%22",
    ]


async def test_bodies_are_scim_json(stand_in: StandIn, endpoint: tuple[str, str]) -> None:
    """Bodies carry the media type of SCIM with its charset."""
    async with Transport(Wire(*endpoint)) as transport:
        await Endpoint(transport).create(Kind.USERS, {"userName": "mira"})

    assert stand_in.requests[0].headers["Content-Type"] == "application/scim+json; charset=utf-8"


async def test_the_query_and_the_slash_of_the_tenant_url_are_not_sent(
    stand_in: StandIn, endpoint: tuple[str, str]
) -> None:
    """The Tenant URL may end in a slash and hold Entra's flag."""
    async with Transport(Wire(f"{endpoint[0]}/?aadOptscim062020", endpoint[1])) as transport:
        await Endpoint(transport).match(Kind.USERS, "userName", "x")

    assert stand_in.requests[0].path == "/Users"
    assert "aadOptscim062020" not in stand_in.requests[0].query


@pytest.mark.parametrize("status", [429, 503])
async def test_throttling_and_outages_are_waited_for_and_counted(
    stand_in: StandIn, endpoint: tuple[str, str], status: int
) -> None:
    """The request is sent again, and the answer that comes in the end is the one that counts."""
    answers = [error(status, "later", Retry_After="0") for _ in range(2)]
    stand_in.fault = lambda _: answers.pop() if answers else None
    async with Transport(Wire(*endpoint)) as transport:
        assert await Endpoint(transport).match(Kind.USERS, "userName", "x") == []

    measures = transport.measures
    assert (measures.throttled, measures.unavailable) == ((2, 0) if status == 429 else (0, 2))
    assert measures.kinds["match Users"].statuses == {str(status): 2, "200": 1}


async def test_patience_with_throttling_ends_after_four_attempts_of_bounded_waits(
    stand_in: StandIn, endpoint: tuple[str, str]
) -> None:
    """An endpoint that asks for an hour gets no more than the bound, three times."""
    stand_in.fault = lambda _: error(429, "much later", Retry_After="3600")
    async with Transport(Wire(*endpoint, max_wait=0.01)) as transport:
        with pytest.raises(Failure) as raised:
            await Endpoint(transport).match(Kind.USERS, "userName", "x")

    assert (raised.value.code, raised.value.detail) == ("TooManyRequests", "much later")
    assert transport.measures.throttled == 4
    assert transport.measures.waited == pytest.approx(0.03)


def test_retry_after_is_seconds_or_a_date() -> None:
    """RFC 9110 allows both; without the header, or with nonsense, a second will do."""
    soon = format_datetime(datetime.now(UTC) + timedelta(seconds=30), usegmt=True)

    assert retry_after("7") == 7
    assert 25 < retry_after(soon) <= 30
    assert retry_after("Wed, 21 Oct 2015 07:28:00 GMT") == 0
    assert retry_after(None) == retry_after("soon") == 1


async def test_no_listener_is_a_failure_with_the_address() -> None:
    """A refused connection is a failure of the log, not a traceback."""
    async with Transport(Wire("http://127.0.0.1:1/scim", "x")) as transport:
        with pytest.raises(Failure, match=r"127\.0\.0\.1:1") as raised:
            await Endpoint(transport).get(Kind.USERS, "u1")

    assert raised.value.code == "WebExceptionProtocolError"
    assert transport.measures.kinds["get Users"].statuses == {"none": 1}


@pytest.mark.parametrize(
    ("status", "code"),
    [
        (400, "SystemForCrossDomainIdentityManagementBadRequest"),
        (401, "Unauthorized"),
        (404, "InvalidAnchor"),
        (409, "EntryConflict"),
        (422, "UnprocessableEntity"),
        (500, "InternalServerError"),
        (501, "NotImplemented"),
        (302, "SystemForCrossDomainIdentityManagementServiceIncompatible"),
    ],
)
async def test_refusals_carry_entras_code_and_the_endpoints_words(
    stand_in: StandIn, endpoint: tuple[str, str], status: int, code: str
) -> None:
    """Whoever reads the log learns what the endpoint said."""
    stand_in.fault = lambda _: error(status, "because", "invalidValue")
    async with Transport(Wire(*endpoint)) as transport:
        with pytest.raises(Failure) as raised:
            await Endpoint(transport).patch(Kind.USERS, "u1", {}, "patch Users")

    assert (raised.value.code, raised.value.detail) == (code, "invalidValue: because")


async def test_an_id_with_reserved_letters_stays_one_segment(stand_in: StandIn, endpoint: tuple[str, str]) -> None:
    """An endpoint may use any text as id."""
    async with Transport(Wire(*endpoint)) as transport:
        with pytest.raises(Failure, match="a/b \\? does not exist"):
            await Endpoint(transport).get(Kind.USERS, "a/b ?")
