"""Requests to receivers: where they go, what counts as an answer, and what is read of one."""

import asyncio
import socket
import ssl
import threading
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from scim.webhooks import address
from scim.webhooks import sender as sender_module
from scim.webhooks.address import AddressRules, Resolve
from scim.webhooks.sender import Outcome, Sender
from tests.azure.vault.certificate import self_signed
from tests.webhooks.receiver import Receiver, receiving
from tests.webhooks.test_address import REFUSED

NOW = datetime(2026, 1, 31, 12, 0, tzinfo=UTC)
LOCAL = AddressRules(loopback=True)


def now() -> datetime:
    return NOW


def resolving(*addresses: str) -> Resolve:
    """A resolver that knows these addresses for every name but that of this machine."""

    async def resolve(name: str) -> list[str]:
        if not addresses or name == socket.gethostname():
            raise OSError("no such name")
        return list(addresses)

    return resolve


async def sent(url: str, rules: AddressRules = LOCAL, resolve: Resolve | None = None) -> Outcome:
    async with Sender(rules, now, resolve or resolving("127.0.0.1")) as sender:
        return await sender.send(url, {"webhook-id": "m-1"}, b"{}")


async def test_a_receiver_gets_the_request_and_answers(receiver: Receiver) -> None:
    """With the body as it was signed."""
    outcome = await sent(receiver.url)
    assert (outcome.ok, outcome.status) == (True, 204)
    [got] = receiver.received
    assert got.body == b"{}"
    assert got.headers["webhook-id"] == "m-1"
    assert got.headers["content-type"] == "application/json"


@pytest.mark.parametrize(("status", "ok"), [(200, True), (299, True), (302, False), (400, False), (500, False)])
async def test_only_2xx_is_success(receiver: Receiver, status: int, ok: bool) -> None:
    """As the specification of Standard Webhooks has it."""
    receiver.then(status)
    assert (await sent(receiver.url)).ok is ok


async def test_a_redirect_is_not_followed(receiver: Receiver) -> None:
    """It would lead where no rule has looked."""
    receiver.then(307, Location=receiver.url + "/elsewhere")
    outcome = await sent(receiver.url)
    assert (outcome.status, outcome.reason) == (307, "the receiver answers 307")
    assert len(receiver.received) == 1


async def test_a_proxy_of_the_environment_is_not_used(receiver: Receiver, monkeypatch: pytest.MonkeyPatch) -> None:
    """It would resolve names by itself, past the rules."""
    for name in ("http_proxy", "https_proxy", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    assert (await sent(receiver.url)).ok


async def test_a_slow_receiver_is_given_up(receiver: Receiver, monkeypatch: pytest.MonkeyPatch) -> None:
    """It must not hold up what comes behind."""
    monkeypatch.setattr(sender_module, "SECONDS", 0.2)
    receiver.held = asyncio.Event()
    outcome = await sent(receiver.url)
    assert (outcome.status, outcome.ok) == (0, False)
    assert "no answer" in outcome.reason


async def test_a_long_answer_is_read_in_part(receiver: Receiver) -> None:
    """64 KiB of it; its status counts."""
    receiver.answers = [lambda: web.Response(body=b"x" * 50_000_000)]
    assert (await sent(receiver.url)).ok


async def test_nobody_listens() -> None:
    """It is told, and nothing is raised."""
    async with receiving() as gone:
        pass
    outcome = await sent(gone.url)
    assert (outcome.status, outcome.reason) == (0, "it cannot be reached, or its name has no address")


async def test_a_name_without_an_address() -> None:
    """It may have one later."""
    outcome = await sent("http://localhost:9/", resolve=resolving())
    assert "no address" in outcome.reason


async def test_a_name_that_is_never_answered_holds_up_nobody(
    receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither other receivers nor whoever else looks up a name, as the store does: threads that all share are few."""
    answered, right = threading.Event(), socket.getaddrinfo

    def look(host: str, *arguments: Any, **further: Any) -> Any:
        if host.startswith("silent"):
            answered.wait()
            raise OSError
        return right(host, *arguments, **further)

    monkeypatch.setattr(socket, "getaddrinfo", look)
    silent = [asyncio.create_task(address.resolve(f"silent{number}.example")) for number in range(40)]
    try:
        async with asyncio.timeout(60):
            receiver.host = "localhost"
            assert (await sent(receiver.url, resolve=address.resolve)).ok
            assert await asyncio.get_running_loop().getaddrinfo("localhost", None)
    finally:
        answered.set()
    assert all(isinstance(each, OSError) for each in await asyncio.gather(*silent, return_exceptions=True))


@pytest.mark.parametrize("address", REFUSED)
async def test_no_connection_goes_to_an_address_that_is_refused(address: str) -> None:
    """Whoever owns a name can let it lead anywhere, at any time."""
    outcome = await sent("https://app.contoso.example/", AddressRules(), resolving("8.8.8.8", address))
    assert outcome.status == 0
    assert outcome.reason.startswith("app.contoso.example has the address")


async def test_a_url_that_is_no_longer_allowed_gets_nothing(receiver: Receiver) -> None:
    """As when an operator has taken its host off the list."""
    outcome = await sent(receiver.url, AddressRules())
    assert (outcome.status, receiver.received) == (0, [])
    for url in ("http://app.contoso.example/", "https://app.contoso.example:8443/"):
        assert (await sent(url, AddressRules(), resolving("10.0.0.1"))).reason.startswith("url must")


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("120", 120.0),
        ("0", 0.0),
        ("7200", 3600.0),
        ("99999999999999999999", 3600.0),
        ("Sat, 31 Jan 2026 12:10:00 GMT", 600.0),
        ("Sat, 31 Jan 2026 11:10:00 GMT", 0.0),
        ("soon", None),
        ("-1", None),
        ("Sat, 31 Jan 2026 12:10:00", None),
    ],
)
async def test_retry_after_is_read(receiver: Receiver, text: str, seconds: float | None) -> None:
    """In seconds or as a date, up to an hour."""
    receiver.then(503, Retry_After=text)
    assert (await sent(receiver.url)).retry_after == seconds


@pytest.mark.parametrize(
    ("of", "trusted", "ok"),
    [
        ("localhost", True, True),
        ("other.contoso.example", True, False),
        ("localhost", False, False),
    ],
)
async def test_the_certificate_is_checked_for_the_name(tmp_path: Path, of: str, trusted: bool, ok: bool) -> None:
    """Although the connection goes to an address that was looked up before."""
    certificate = self_signed(tmp_path, of)
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate)
    client = ssl.create_default_context(cafile=str(certificate) if trusted else None)
    async with receiving(context) as receiver:
        receiver.host = "localhost"
        async with Sender(LOCAL, now, resolving("127.0.0.1"), client) as sender:
            outcome = await sender.send(receiver.url, {}, b"{}")
        assert outcome.ok is ok
        assert ok or "certificate" in outcome.reason
        assert len(receiver.received) == ok
