"""Who may come in: how fresh what is known is, what a request costs, and that refusals are alike."""

import asyncio
from dataclasses import replace
from typing import Any

import pytest

from scim.access.credential import Credential
from scim.access.token import made
from scim.app import App
from scim.protocol.errors import Unavailable
from tests.conftest import TOKEN, Clock, Http
from tests.recording import RecordingRows
from tests.tenancy import client, credential, tenant


async def outcome(http: Http, headers: Any = None) -> tuple[int, Any, Any]:
    answer = await http.request("GET", "/Users?count=0", headers=headers)
    return answer.status, dict(answer.headers), answer.body


async def test_a_credential_opens_its_own_tenant(app: App) -> None:
    """By its own address, whatever the case of the key."""
    key = await tenant(app)
    token = (await credential(app, key))[1]
    assert (await outcome(Http(app, token, key)))[0] == 200
    assert (await outcome(Http(app, token, key.upper())))[0] == 200
    assert (await outcome(Http(app, token)))[0] == 401


async def test_the_default_tenant_takes_its_own_token_and_credentials(app: App, http: Http) -> None:
    """The secret of the key vault, and what the registry has for it."""
    assert (await outcome(http))[0] == 200
    assert (await outcome(await client(app, "scim")))[0] == 200
    assert (await outcome(Http(app, TOKEN, await tenant(app))))[0] == 401


@pytest.mark.parametrize("garbage", [f"scim_{'a' * 75}", "nothing-of-ours"])
async def test_five_refusals_cannot_be_told_apart(app: App, rows: RecordingRows, clock: Clock, garbage: str) -> None:
    """A wrong token, another tenant's, and a tenant that is not there, is suspended or was deleted: one answer.

    Nobody learns from it, nor from the calls behind it, which customers there are.
    """
    keys = {name: await tenant(app, name) for name in ("active", "other", "suspended", "deleted")}
    tokens = {name: (await credential(app, key))[1] for name, key in keys.items()}
    await app.registry.change_tenant(keys["suspended"], lambda each: replace(each, status="suspended"))
    await app.registry.change_tenant(keys["deleted"], lambda each: replace(each, status="deleted"))
    cases = {
        "wrong": (made().text, keys["active"]),
        "another's": (tokens["other"], keys["active"]),
        "unknown": (tokens["active"], "a" * 20),
        "suspended": (tokens["suspended"], keys["suspended"]),
        "deleted": (tokens["deleted"], keys["deleted"]),
    }
    seen = []
    for token, key in cases.values():
        clock.forward(minutes=1)
        rows.forget()
        answer = await Http(app, token, key).request("GET", "/Users?count=0")
        headers = {name: value.replace(key, "KEY") for name, value in answer.headers.items()}
        seen.append((answer.status, headers, answer.body, sorted(rows.calls)))
    assert seen[0][0] == 401
    assert seen[0][3] == ["read", "read"]
    assert all(each == seen[0] for each in seen)
    status, headers, body = await outcome(Http(app, garbage, keys["active"]))
    assert (status, body) == (401, seen[0][2])
    assert headers["WWW-Authenticate"].replace(keys["active"], "KEY") == seen[0][1]["WWW-Authenticate"]


async def test_who_is_known_is_let_in_without_a_task(app: App) -> None:
    """Nothing has to be waited for then: a turn of the event loop would be work for nothing, at each request."""
    http = await client(app, await tenant(app))
    await outcome(http)
    await app.admission.close()
    loop, tasks = asyncio.get_running_loop(), list[Any]()

    def make(running: asyncio.AbstractEventLoop, given: Any, **options: Any) -> asyncio.Task[Any]:
        tasks.append(given)
        return asyncio.Task(given, loop=running, **options)

    loop.set_task_factory(make)
    assert (await outcome(http))[0] == 200
    loop.set_task_factory(None)
    assert tasks == []


async def test_a_request_asks_the_registry_once_in_ten_seconds(app: App, rows: RecordingRows, clock: Clock) -> None:
    """In between it makes no call for who calls."""
    http = await client(app, await tenant(app))
    await outcome(http)
    await app.admission.close()
    rows.forget()
    await outcome(http)
    calls = len(rows.calls)
    clock.forward(seconds=9.9)
    rows.forget()
    await outcome(http)
    assert len(rows.calls) == calls
    clock.forward(seconds=0.2)
    rows.forget()
    await outcome(http)
    assert len(rows.calls) == calls + 2


async def test_requests_at_once_share_one_look(app: App, rows: RecordingRows) -> None:
    """A hundred that come when nothing is known ask once for the tenant and once for the credential."""
    http = await client(app, await tenant(app))
    rows.forget()
    await asyncio.gather(*(http.request("GET", "/ResourceTypes") for _ in range(100)))
    await app.admission.close()
    assert rows.calls.count("read") == 3
    assert rows.calls.count("commit") == 1  # the day of the last use


@pytest.mark.parametrize("what", ["revoke", "expire", "suspend"])
async def test_what_ends_a_credential_takes_effect_within_ten_seconds(app: App, clock: Clock, what: str) -> None:
    """Without a restart, in every process."""
    key = await tenant(app)
    expires = "2026-01-31T12:00:05.000Z" if what == "expire" else ""
    credential_id, token = await credential(app, key, expires=expires)
    http = Http(app, token, key)
    assert (await outcome(http))[0] == 200
    if what == "revoke":
        await app.registry.change_credential(credential_id, lambda each: replace(each, revoked="2026-01-31"))
    if what == "suspend":
        await app.registry.change_tenant(key, lambda each: replace(each, status="suspended"))
    clock.forward(seconds=10)
    assert (await outcome(http))[0] == 401


async def test_a_registry_that_does_not_answer_is_503_never_401(
    app: App, rows: RecordingRows, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A 401 stops a customer's provisioning at once."""
    http = await client(app, await tenant(app))
    await outcome(http)
    clock.forward(minutes=1)

    async def fail(*_: Any) -> None:
        raise Unavailable("The storage does not answer.")

    monkeypatch.setattr(rows, "read", fail)
    assert (await outcome(http))[0] == 503
    assert (await outcome(Http(app, TOKEN)))[0] == 503


async def test_garbage_asks_no_store_for_a_credential(app: App, rows: RecordingRows) -> None:
    """Its checksum is wrong: the tenant's row is all that is read."""
    key = await tenant(app)
    rows.forget()
    assert (await outcome(Http(app, f"scim_{'a' * 75}", key)))[0] == 401
    assert rows.calls == ["read"]


async def test_a_credential_that_is_known_does_not_wait_behind_unknown_ones(
    app: App, rows: RecordingRows, monkeypatch: pytest.MonkeyPatch, clock: Clock
) -> None:
    """A flood of tokens that nobody issued is looked up a few at a time; who was let in before goes past it."""
    http = await client(app, await tenant(app))
    await outcome(http)
    clock.forward(minutes=1)
    read, gate = rows.read, asyncio.Event()
    waiting: set[str] = set()

    async def slow(partition: str, key: str) -> Any:
        if key in unknown:
            waiting.add(key)
            await gate.wait()
        return await read(partition, key)

    tokens = [made() for _ in range(50)]
    unknown = {f"c.{each.id}" for each in tokens}
    monkeypatch.setattr(rows, "read", slow)
    flood = [asyncio.create_task(outcome(Http(app, each.text))) for each in tokens]
    await asyncio.sleep(0)
    assert (await outcome(http))[0] == 200
    assert 0 < len(waiting) <= 8
    gate.set()
    assert {each[0] for each in await asyncio.gather(*flood)} == {401}


async def test_the_day_of_the_last_use_is_noted_once_an_hour(app: App, clock: Clock, rows: RecordingRows) -> None:
    """Beside the request, which does not wait for it."""
    key = await tenant(app)
    credential_id, token = await credential(app, key)
    for _ in range(3):
        await outcome(Http(app, token, key))
    await app.admission.close()
    assert await app.registry.last_used(credential_id) == "2026-01-31"
    clock.forward(days=1)
    await outcome(Http(app, token, key))
    await app.admission.close()
    assert await app.registry.last_used(credential_id) == "2026-02-01"


async def test_an_access_token_falls_with_its_client(app: App, clock: Clock) -> None:
    """Revoking the client is enough."""
    key = await tenant(app)
    await app.registry.add_credential(Credential("client1", key, "n", "provision", "client"))
    token = made()
    kept = Credential(token.id, key, "n", "provision", "access", digest=token.digest.hex(), client="client1")
    await app.registry.add_credential(replace(kept, expires="2026-01-31T13:00:00.000Z"))
    assert (await outcome(Http(app, token.text, key)))[0] == 200
    await app.registry.change_credential("client1", lambda each: replace(each, revoked="2026-01-31"))
    clock.forward(seconds=10)
    assert (await outcome(Http(app, token.text, key)))[0] == 401
