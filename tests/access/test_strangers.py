"""Tokens that are not valid: their work is bounded, and nobody else is refused for them."""

import asyncio
from typing import Any
from urllib.parse import urlencode

import pytest

from scim.access import strangers
from scim.access.credential import Federation
from scim.access.strangers import AT_ONCE, MOST_A_MINUTE, MOST_MANAGING, Strangers
from scim.access.token import made
from scim.app import App
from scim.management.administration import Wanted
from scim.protocol.errors import TooManyRequests
from scim.service.messages import Request
from scim.service.oauth import ASSERTION_TYPE
from tests.conftest import HOST, Answer, Clock
from tests.management.managing import Manager
from tests.recording import RecordingRows
from tests.tenancy import credential, tenant


async def ask(app: App, token: str, address: str = "192.0.2.1", key: str = "scim") -> Any:
    """Ask for users with a token from an address; return the response."""
    headers = {"authorization": f"Bearer {token}"}
    request = Request("GET", f"{HOST}/{key}/v2/Users", headers, b"", "request-1", address)
    return await app.endpoints.respond_anywhere(request)


async def get_token(app: App, key: str, shown: dict[str, str], address: str = "192.0.2.1") -> Any:
    """Ask for an access token from an address; return the response."""
    body = urlencode({"grant_type": "client_credentials", **shown}).encode()
    headers = {"content-type": "application/x-www-form-urlencoded"}
    request = Request("POST", f"{HOST}/{key}/v2/oauth/token", headers, body, "request-1", address)
    return await app.oauth.token(request, {"tenant": key})


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


async def test_wrong_client_secrets_are_counted_as_tokens_are(app: App, clock: Clock) -> None:
    """The token endpoint is no way to guess: a client's secret, an unknown client, an assertion; all one count."""
    key = await tenant(app)
    client = await app.administration.issue(key, Wanted("Entra", "provision", oauth=True))
    federation = Federation("11111111-1111-1111-1111-111111111111", ("s",), ("a",))
    federated = await app.administration.issue(key, Wanted("federated", "provision", federation=federation))
    guesses = [
        {"client_id": client.credential.id, "client_secret": "wrong"},
        {"client_id": "a" * 16, "client_secret": "wrong"},
        {
            "client_id": federated.credential.id,
            "client_assertion": "e30.e30.x",
            "client_assertion_type": ASSERTION_TYPE,
        },
    ]
    for number in range(MOST_A_MINUTE):
        assert (await get_token(app, key, guesses[number % 3])).status == 401
    for guess in guesses:
        refused = await get_token(app, key, guess)
        assert refused.status == 429
        assert 1 <= int(refused.headers["Retry-After"]) <= 60
    assert (await ask(app, "guess")).status == 429
    assert (await get_token(app, key, guesses[0], "192.0.2.2")).status == 401
    clock.forward(minutes=1)
    assert (await get_token(app, key, guesses[0])).status == 401


async def test_a_valid_client_is_never_refused_for_what_others_send(app: App, clock: Clock) -> None:
    """Entra's addresses are shared: one customer's mistyped secret must not stop another's job."""
    await wear_out(app)
    key = await tenant(app)
    client = await app.administration.issue(key, Wanted("Entra", "provision", oauth=True))
    form = {"client_id": client.credential.id, "client_secret": client.secret}
    granted = await get_token(app, key, form)
    assert granted.status == 200
    assert (await ask(app, granted.body["access_token"], key=key)).status == 200


async def test_a_client_that_was_let_in_does_not_wait_behind_guesses(app: App, clock: Clock) -> None:
    """It is known by then: looked up anew after ten seconds, but not in the turns of those whom nobody knows."""
    await wear_out(app)
    key = await tenant(app)
    client = await app.administration.issue(key, Wanted("Entra", "provision", oauth=True))
    form = {"client_id": client.credential.id, "client_secret": client.secret}
    assert (await get_token(app, key, form)).status == 200
    clock.forward(seconds=20)
    async with app.admission._strangers.turn("192.0.2.1"):
        async with asyncio.timeout(10):
            assert (await get_token(app, key, form)).status == 200


async def test_operators_tokens_are_counted_as_well(app: App) -> None:
    """The management is no way around it."""
    await wear_out(app)
    answer: Answer = await Manager(app, "guess").ask("GET", "/tenants", address="192.0.2.1")
    assert answer.status == 429


async def test_guesses_at_the_management_end_early(app: App, rows: RecordingRows, clock: Clock) -> None:
    """After twenty, and none of them asks the store for anything; who has a valid credential is let in all the same.

    Also from the same address, and one that this process has never seen: an office has one address.
    """
    for number in range(MOST_MANAGING):
        answer = await Manager(app, f"guess{number}").ask("GET", "/tenants", address="192.0.2.1")
        assert answer.status == 401
    rows.forget()
    refused = await Manager(app, "guess").ask("GET", "/tenants", address="192.0.2.1")
    assert (refused.status, rows.calls) == (429, [])
    assert 1 <= int(refused.headers["Retry-After"]) <= 60
    for scope in ("operator", "admin"):
        _, token = await credential(app, "scim" if scope == "admin" else "", scope)
        assert (await Manager(app, token).ask("GET", "/tenants", address="192.0.2.1")).status == 200
    assert (await Manager(app, "guess").ask("GET", "/tenants", address="192.0.2.2")).status == 401
    assert (await ask(app, "a-token-that-only-tests-know")).status == 200, "nor is a client of the same address"
    clock.forward(minutes=1)
    assert (await Manager(app, "guess").ask("GET", "/tenants", address="192.0.2.1")).status == 401


async def test_one_guess_that_is_repeated_is_one_read(app: App, rows: RecordingRows) -> None:
    """However well it is formed: what is not there is known for ten seconds."""
    token = made().text
    rows.forget()
    for _ in range(MOST_MANAGING + 5):
        await Manager(app, token).ask("GET", "/tenants", address="192.0.2.1")
    assert rows.calls == ["read"]


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
