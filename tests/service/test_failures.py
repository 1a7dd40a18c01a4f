"""What the log has of failed requests: a line each at WARNING, and not more of them than somebody reads."""

import logging

import pytest

from scim.service.failures import MAX_ADDRESSES, MAX_WARNINGS, Failures
from tests.conftest import Http


class Seconds:
    """A clock that a test turns."""

    def __init__(self) -> None:
        self.now = 1_000.0

    def __call__(self) -> float:
        return self.now


def test_an_address_gets_so_many_warnings_a_minute(caplog: pytest.LogCaptureFixture) -> None:
    """Another one is not kept from its own; the next minute begins anew and says what was left out."""
    clock = Seconds()
    failures = Failures(clock)
    assert sum(failures.is_to_be_told("20.1.2.3") for _ in range(MAX_WARNINGS + 7)) == MAX_WARNINGS
    assert failures.is_to_be_told("20.1.2.4")
    assert caplog.messages == []
    clock.now += 60
    assert failures.is_to_be_told("20.1.2.3")
    assert caplog.messages == ["7 failed requests before this minute had no line at WARNING"]


def test_addresses_without_number_take_no_memory_and_no_log() -> None:
    """Beyond the first ones all share the lines of one."""
    failures = Failures(Seconds())
    told = sum(failures.is_to_be_told(f"10.0.{number // 250}.{number % 250}") for number in range(MAX_ADDRESSES * 10))
    assert told == MAX_ADDRESSES + MAX_WARNINGS
    assert len(failures._counts) == MAX_ADDRESSES + 1


@pytest.mark.parametrize(("path", "level"), [("/Users", "INFO"), ("/Users/1", "WARNING"), ("/Nobody", "WARNING")])
async def test_a_failure_is_a_warning(http: Http, caplog: pytest.LogCaptureFixture, path: str, level: str) -> None:
    """On Azure nothing below is kept: a success is in the host's telemetry, but not why a request failed."""
    caplog.set_level(logging.INFO)
    await http.request("GET", path)
    assert [each.levelname for each in caplog.records] == [level]
