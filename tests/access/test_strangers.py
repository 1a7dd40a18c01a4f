"""Tokens that are not valid: their work is bounded, and nobody else is refused for them."""

import asyncio
from typing import Any

import pytest

from scim.access import strangers
from scim.access.strangers import AT_ONCE, MOST_A_MINUTE, Strangers
from scim.access.token import made
from scim.app import App
from scim.protocol.errors import TooManyRequests
from scim.service.messages import Request
from tests.conftest import HOST, Answer, Clock
from tests.management.managing import Manager
from tests.recording import RecordingRows
from tests.tenancy import credential, tenant


async def ask(app: App, token: str, address: str = "192.0.2.1", key: str = "scim") -> Any:
    """Ask for users with a token from an address; return the response."""
    headers = {"authorization": f"Bearer {token}"}
    request = Request("GET", f"{HOST}/{key}/v2/Users", headers, b"", "request-1", address)
    return await app.endpoints.respond_anywhere(request)


async def wear_out(app: App, address: str = "192.0.2.1") -> None:
    """Send as many tokens that are not valid as an address may send within a minute."""
    for number in range(MOST_A_MINUTE):
        assert (await ask(app, f"guess{number}", address)).status == 401


async def test_too_many_wrong_tokens_of_one_address_are_told_to_wait(app: App, clock: Clock) -> None:
    """All alike, whatever is wrong with them, until the minute is over."""
    await wear_out(app)
    key, other = await tenant(app), await tenant(app)
    _, foreign = await credential(app, other)
    answers = [await ask(app, made().text), await ask(app, "guess"), await ask(app, foreign, key=key)]
    answers.append(await ask(app, foreign, key="abcdefghijklmnopqrst"))
    assert {each.status for each in answers} == {429}
    assert len({(str(each.body), str(sorted(each.headers.items()))) for each in answers}) == 1
    assert 1 <= int(answers[0].headers["Retry-After"]) <= 60
    clock.forward(minutes=1)
    assert (await ask(app, "guess")).status == 401


async def test_a_valid_token_is_never_refused_for_what_others_send(app: App) -> None:
    """Not even one that this process has never seen, from the same address: Entra's are shared by all customers."""
    await wear_out(app)
    key = await tenant(app)
    _, token = await credential(app, key)
    assert (await ask(app, token, key=key)).status == 200
    assert (await ask(app, "a-token-that-only-tests-know")).status == 200
    assert (await ask(app, "guess", "192.0.2.2")).status == 401


async def test_operators_tokens_are_counted_as_well(app: App) -> None:
    """The management is no way around it."""
    await wear_out(app)
    answer: Answer = await Manager(app, "guess").ask("GET", "/tenants", address="192.0.2.1")
    assert answer.status == 429


async def test_who_sends_too_many_has_one_turn_at_a_time(clock: Clock) -> None:
    """The turns of all others stay theirs."""
    counted = Strangers(lambda: clock().timestamp())
    assert [counted.turn("192.0.2.1").locked() for _ in range(AT_ONCE)] == [False] * AT_ONCE
    for _ in range(MOST_A_MINUTE):
        counted.refused("192.0.2.1")
    async with counted.turn("192.0.2.1"):
        assert counted.turn("192.0.2.1").locked()
        assert not counted.turn("192.0.2.2").locked()


async def test_addresses_have_a_bound(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    """Those beyond it share one count: nothing grows with what comes from everywhere."""
    monkeypatch.setattr(strangers, "MAX_ADDRESSES", 2)
    counted = Strangers(lambda: clock().timestamp())
    for number in range(MOST_A_MINUTE + 2):
        counted.refused(f"192.0.2.{number}")
    with pytest.raises(TooManyRequests):
        counted.refused("198.51.100.1")
    counted.refused("192.0.2.0")


async def test_an_unknown_token_is_one_read_and_garbage_none(app: App, rows: RecordingRows) -> None:
    """The tenant's row is kept for ten seconds; a thousand guesses ask the store for nothing."""
    await ask(app, "guess")
    rows.forget()
    await asyncio.gather(*(ask(app, f"guess{number}") for number in range(50)))
    assert rows.calls == []
    await ask(app, made().text)
    assert rows.calls == ["read"]
