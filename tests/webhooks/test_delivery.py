"""Delivery: in order, at least once, signed, with the retries of the schedule, and each webhook by itself."""

import asyncio
import json
import logging
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from standardwebhooks.webhooks import Webhook as Verifier

from scim.app import App
from scim.directory import keys
from scim.protocol.errors import Unavailable
from scim.webhooks.delivery import LEASE, MAX_BODY, WAITS, body_of
from scim.webhooks.webhook import WebhookRows
from tests.conftest import Clock, Http
from tests.recording import RecordingRows
from tests.webhooks.conftest import deliver
from tests.webhooks.receiver import Receiver, receiving

Logged = pytest.LogCaptureFixture


async def shown(app: App, webhook: Any) -> Any:
    return await (await app.webhooks()).show(webhook["id"])


def errors(caplog: Logged) -> list[str]:
    return [each.getMessage() for each in caplog.records if each.levelno >= logging.ERROR]


async def test_each_event_is_delivered_in_order(app: App, http: Http, webhook: Any, receiver: Receiver) -> None:
    """One request for each, and a second run sends nothing again."""
    user = await http.user("mira")
    await http.group("crew", user["id"])
    await http.request("DELETE", f"/Users/{user['id']}")
    assert await deliver(app) == 4
    assert receiver.types == ["user.created", "group.created", "group.members_added", "user.deleted"]
    assert receiver.sequences == [1, 2, 3, 4]
    assert await deliver(app) == 0
    assert len(receiver.received) == 4
    told = await shown(app, webhook)
    assert told["lag"] == {"events": 0, "seconds": 0}
    assert told["lastSuccess"]


async def test_what_was_before_a_webhook_is_not_delivered(app: App, http: Http, receiver: Receiver) -> None:
    """It gets what happens from its creation on."""
    await http.user("early")
    await (await app.webhooks()).create(receiver.url)
    await http.user("late")
    await deliver(app)
    assert [each.event["data"]["userName"] for each in receiver.received] == ["late@contoso.example"]


async def test_more_than_a_page_is_delivered(app: App, http: Http, webhook: Any, receiver: Receiver) -> None:
    """In one run."""
    for number in range(120):
        await http.user(f"u{number}")
    assert await deliver(app) == 120
    assert receiver.sequences == list(range(1, 121))


async def test_the_library_of_the_specification_takes_what_is_sent(
    app: App, http: Http, webhook: Any, receiver: Receiver, clock: Clock
) -> None:
    """With the secret that was shown at creation."""
    clock.time = datetime.now(UTC)  # the library compares with its own clock
    await http.user("mira")
    await deliver(app)
    [got] = receiver.received
    event = Verifier(webhook["secret"]).verify(got.body, dict(got.headers))
    assert event["type"] == "user.created"
    assert got.headers["webhook-id"] == event["id"]


async def test_both_secrets_sign_for_a_day_after_a_rotation(
    app: App, http: Http, webhook: Any, receiver: Receiver, clock: Clock
) -> None:
    """And the new one alone after it."""
    clock.time = datetime.now(UTC) - timedelta(hours=23, minutes=59)
    rotated = await (await app.webhooks()).rotate(webhook["id"])
    assert rotated["secret"] != webhook["secret"]
    for minutes, signatures in ((23 * 60 + 59, 2), (2, 1)):
        clock.forward(minutes=minutes)
        await http.user(f"after{minutes}")
        await deliver(app)
        got = receiver.received[-1]
        assert len(got.headers["webhook-signature"].split()) == signatures
        Verifier(rotated["secret"]).verify(got.body, dict(got.headers))
    with pytest.raises(Exception, match="No matching signature"):
        Verifier(webhook["secret"]).verify(got.body, dict(got.headers))


async def test_a_body_has_nothing_of_the_credential_and_no_secret_is_stored(
    app: App, http: Http, webhook: Any, receiver: Receiver, rows: RecordingRows
) -> None:
    """Who receives need not know which token has changed something; who reads the table cannot sign."""
    await http.user("mira")
    await deliver(app)
    [got] = receiver.received
    assert set(got.event) == {"id", "sequence", "type", "timestamp", "actor", "data"}
    assert set(got.event["actor"]) == {"client", "requestId"}
    stored = " ".join(row.body for row in await rows.range("scim", "", "~", 1000))
    assert "whsec_" not in stored
    assert webhook["secret"].removeprefix("whsec_") not in stored


def test_a_body_stays_below_its_bound() -> None:
    """What makes it long is left out; the id, by which all can be read, stays."""
    data = {"id": "1" * 32, "externalId": "\u0001" * 1000, "userName": "\u0001" * 1000, "active": False}
    event = {"id": "e-0", "type": "user.updated", "data": data | {"changed": ["a" * 100] * 100, "version": "v"}}
    assert len(json.dumps(event)) > MAX_BODY
    told = json.loads(body_of(event))
    assert len(body_of(event)) < MAX_BODY
    assert told["data"]["id"] == data["id"]
    assert "changed" not in told["data"]


async def test_only_wanted_types_are_delivered(app: App, http: Http, receiver: Receiver, rows: RecordingRows) -> None:
    """What is passed over is passed for good."""
    webhook = await (await app.webhooks()).create(receiver.url, ["user.deactivated", "user.deleted"])
    user = await http.user("mira", active=True)
    await http.group("crew", user["id"])
    await http.request("PUT", f"/Users/{user['id']}", {"userName": "mira", "active": False})
    await deliver(app)
    assert receiver.types == ["user.deactivated"]
    await http.user("noah")
    await deliver(app)
    assert (await shown(app, webhook))["lag"]["events"] == 0
    rows.forget()
    await deliver(app)
    assert rows.commits == []


async def test_a_failure_is_tried_again_by_the_schedule(
    app: App, http: Http, webhook: Any, receiver: Receiver, clock: Clock, caplog: Logged
) -> None:
    """Ten attempts in three days; what is behind waits, and then the webhook is disabled and says why."""
    receiver.then(500)
    await http.user("mira")
    await http.user("noah")
    for number, wait in enumerate(WAITS, 1):
        await deliver(app)
        assert len(receiver.received) == number
        clock.forward(seconds=wait - 1)
        await deliver(app)
        assert len(receiver.received) == number
        clock.forward(seconds=1)
        assert len(errors(caplog)) == (number >= 3)  # an alert after the third failure, not at the end
    await deliver(app)
    assert set(receiver.sequences) == {1}
    told = await shown(app, webhook)
    assert (told["enabled"], told["failures"], told["lastError"]) == (False, 10, "the receiver answers 500")
    assert told["whyDisabled"] == "event 1 failed 10 times: the receiver answers 500"
    assert told["lag"] == {"events": 2, "seconds": sum(WAITS)}
    clock.forward(days=2)
    await deliver(app)
    assert len(receiver.received) == 10
    assert len(errors(caplog)) == 2
    receiver.then(204)
    await (await app.webhooks()).enable(webhook["id"])
    assert await deliver(app) == 2


async def test_a_receiver_that_comes_back_gets_what_it_missed(
    app: App, http: Http, webhook: Any, receiver: Receiver, clock: Clock
) -> None:
    """In order, and a later failure begins the schedule anew."""
    receiver.then(500, 500, 204, 204, 500)
    for name in "abc":
        await http.user(name)
    await deliver(app)
    clock.forward(seconds=5)
    await deliver(app)
    clock.forward(minutes=5)
    assert await deliver(app) == 2
    assert receiver.sequences == [1, 1, 1, 2, 3]
    assert (await shown(app, webhook))["failures"] == 1


async def test_a_receiver_that_is_gone_is_left_alone(app: App, http: Http, webhook: Any, receiver: Receiver) -> None:
    """410 says so, at the first time."""
    receiver.then(410)
    await http.user("mira")
    await deliver(app)
    told = await shown(app, webhook)
    assert (told["enabled"], told["whyDisabled"]) == (False, "the receiver answers 410, it wants no more events")


async def test_a_pause_that_the_receiver_asks_for_is_no_failure(
    app: App, http: Http, webhook: Any, receiver: Receiver, clock: Clock
) -> None:
    """However often it does; 429 with Retry-After."""
    receiver.then(429, Retry_After="120")
    await http.user("mira")
    for number in range(1, 15):
        await deliver(app)
        assert len(receiver.received) == number
        clock.forward(seconds=119)
        await deliver(app)
        assert len(receiver.received) == number
        clock.forward(seconds=1)
    told = await shown(app, webhook)
    assert (told["enabled"], told["failures"]) == (True, 0)


async def test_a_failure_with_retry_after_waits_as_long(
    app: App, http: Http, webhook: Any, receiver: Receiver, clock: Clock
) -> None:
    """An attempt it was, and the next one comes no earlier than asked for."""
    receiver.then(503, 204, Retry_After="600")
    await http.user("mira")
    await deliver(app)
    assert (await shown(app, webhook))["failures"] == 1
    clock.forward(seconds=599)
    assert await deliver(app) == 0
    clock.forward(seconds=1)
    assert await deliver(app) == 1


async def test_an_event_that_cannot_be_taken_is_skipped_and_replayed(
    app: App, http: Http, receiver: Receiver, clock: Clock
) -> None:
    """After six attempts, where the webhook says so; its number is kept until it was delivered."""
    webhooks = await app.webhooks()
    webhook = await webhooks.create(receiver.url, on_failure="skip")
    await http.user("bad")
    await http.user("good")
    receiver.then(*[500] * 6, 204)
    for wait in WAITS[:6]:
        await deliver(app)
        clock.forward(seconds=wait)
    assert receiver.sequences == [1] * 6
    await deliver(app)
    assert receiver.sequences == [1] * 6 + [2]
    told = await shown(app, webhook)
    assert (told["enabled"], told["skipped"], told["lag"]["events"]) == (True, 1, 0)
    await webhooks.replay(webhook["id"])
    await http.user("later")
    assert await deliver(app) == 2
    assert receiver.sequences[-2:] == [1, 3]
    assert (await shown(app, webhook))["skipped"] == 0


async def test_a_replay_that_fails_keeps_what_it_was_to_send(
    app: App, http: Http, receiver: Receiver, clock: Clock
) -> None:
    """And new events go on after it."""
    webhooks = await app.webhooks()
    webhook = await webhooks.create(receiver.url, on_failure="skip")
    await http.user("bad")
    receiver.then(500)
    for wait in WAITS[:6]:
        await deliver(app)
        clock.forward(seconds=wait)
    await webhooks.replay(webhook["id"])
    for wait in WAITS[:6]:
        await deliver(app)
        clock.forward(seconds=wait)
    receiver.then(204)
    await http.user("good")
    await deliver(app)
    assert receiver.sequences == [1] * 12 + [2]
    assert (await shown(app, webhook))["skipped"] == 1


async def test_skipped_events_go_with_the_feed(app: App, http: Http, receiver: Receiver, clock: Clock) -> None:
    """What is no longer kept cannot be replayed, and its number is let go."""
    webhooks = await app.webhooks()
    webhook = await webhooks.create(receiver.url, on_failure="skip")
    await http.user("bad")
    receiver.then(500)
    for wait in WAITS[:6]:
        await deliver(app)
        clock.forward(seconds=wait)
    clock.forward(days=31)
    await app.rounds.run()
    assert await WebhookRows(app.tenant).skipped(webhook["id"], 10) == []


async def test_a_webhook_that_has_missed_events_says_so(app: App, http: Http, webhook: Any, clock: Clock) -> None:
    """It is disabled and not set to go on behind a gap; an operator begins anew."""
    await (await app.webhooks()).disable(webhook["id"])
    await http.user("mira")
    await app.rounds.run()
    clock.forward(days=31)
    await app.rounds.run()
    webhooks = await app.webhooks()
    assert (await webhooks.show(webhook["id"]))["lag"] is None
    with pytest.raises(Exception, match="older than what is kept"):
        await webhooks.enable(webhook["id"])
    await WebhookRows(app.tenant).change(webhook["id"], lambda each: replace(each, enabled=True))
    await deliver(app)
    told = await WebhookRows(app.tenant).get(webhook["id"])
    assert not told.enabled
    assert "latest" in told.why_disabled
    await webhooks.enable(webhook["id"], "latest")
    await http.user("noah")
    assert await deliver(app) == 1


async def test_one_at_a_time_delivers(app: App, http: Http, webhook: Any, receiver: Receiver) -> None:
    """Two processes that want to deliver at once send each event once, and what came meanwhile is not forgotten."""
    await http.user("a")
    receiver.held = asyncio.Event()
    first = asyncio.create_task(deliver(app))
    await receiver.has(1)
    await http.user("b")
    assert await deliver(app) == 0
    receiver.held.set()
    assert await first == 2
    assert receiver.sequences == [1, 2]


async def test_two_who_begin_at_once_send_each_event_once(
    app: App, http: Http, webhook: Any, receiver: Receiver
) -> None:
    """Both have seen the webhook free; one gets it."""
    for name in "abc":
        await http.user(name)
    assert sum(await asyncio.gather(deliver(app), deliver(app))) == 3
    assert receiver.sequences == [1, 2, 3]


async def test_a_lease_ends_by_itself(app: App, http: Http, webhook: Any, receiver: Receiver, clock: Clock) -> None:
    """When the process that has it is gone, another one goes on, and sends what may not have arrived."""
    await http.user("a")
    receiver.held = asyncio.Event()
    first = asyncio.create_task(deliver(app))
    await receiver.has(1)
    first.cancel()
    await asyncio.gather(first, return_exceptions=True)
    receiver.held.set()
    assert await deliver(app) == 0
    clock.forward(seconds=LEASE)
    assert await deliver(app) == 1
    assert receiver.sequences == [1, 1]


async def test_a_webhook_that_is_disabled_meanwhile_gets_no_more(
    app: App, http: Http, webhook: Any, receiver: Receiver
) -> None:
    """Not even what is on the way behind the first."""
    await http.user("a")
    await http.user("b")
    receiver.held = asyncio.Event()
    running = asyncio.create_task(deliver(app))
    await receiver.has(1)
    await (await app.webhooks()).disable(webhook["id"])
    receiver.held.set()
    await running
    assert receiver.sequences == [1]


async def test_a_webhook_does_not_wait_for_another(app: App, http: Http, webhook: Any, receiver: Receiver) -> None:
    """One that does not answer keeps nothing from those that do."""
    async with receiving() as other:
        await (await app.webhooks()).create(other.url)
        receiver.held = asyncio.Event()
        await http.user("a")
        await http.user("b")
        running = asyncio.create_task(deliver(app))
        await other.has(2)
        assert receiver.sequences == [1]
        receiver.held.set()
        assert await running == 4


async def test_a_turn_ends_when_its_time_is_over(app: App, http: Http, webhook: Any, receiver: Receiver) -> None:
    """After a request, with the webhook free for the next turn."""
    for name in "abc":
        await http.user(name)
    assert [await deliver(app, 0), await deliver(app, 0)] == [1, 1]
    assert await deliver(app) == 1
    assert receiver.sequences == [1, 2, 3]


async def test_without_the_key_nothing_is_sent(
    app: App, http: Http, webhook: Any, receiver: Receiver, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And nothing is lost: it is delivered as soon as the key can be read."""

    async def no_key(_: str) -> bytes:
        raise Unavailable("The vault does not answer.")

    await http.user("mira")
    monkeypatch.setattr(app.webhook_keys, "key", no_key)
    assert await deliver(app) == 0
    assert receiver.received == []
    monkeypatch.undo()
    clock.forward(seconds=LEASE)
    assert await deliver(app) == 1


async def test_a_webhook_is_deleted_with_all_that_it_has(
    app: App, http: Http, receiver: Receiver, clock: Clock, rows: RecordingRows
) -> None:
    """Nothing of it is left."""
    webhook = await (await app.webhooks()).create(receiver.url, on_failure="skip")
    receiver.then(500)
    await http.user("bad")
    for wait in WAITS[:6]:
        await deliver(app)
        clock.forward(seconds=wait)
    await (await app.webhooks()).delete(webhook["id"])
    for letter in "wk":
        assert await rows.range("scim", f"{letter}.", f"{letter}.{keys.BEYOND}", 10) == []
