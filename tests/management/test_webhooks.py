"""Webhooks over HTTP and in the process: who may have them, when they are delivered, and what waits for none."""

import asyncio
from collections.abc import AsyncIterator
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from scim.app import App
from scim.directory.events import TYPES
from scim.protocol.errors import Unavailable
from scim.service import deliveries as deliveries_module
from scim.service.deliveries import UNKNOWN_FOR
from scim.service.tenants import TenantService
from scim.storage.deadline import within
from scim.webhooks.webhook import MAX_WEBHOOKS
from tests.conftest import BASE_URL, Clock, Http, make_app
from tests.management.managing import Manager, administrator, fits
from tests.recording import RecordingRows
from tests.security_events.conftest import key_file
from tests.tenancy import client, credential, tenant
from tests.webhooks.conftest import KEY, receiver
from tests.webhooks.receiver import Receiver, receiving

__all__ = ["key_file", "receiver"]


@pytest.fixture
async def app(rows: RecordingRows, clock: Clock) -> AsyncIterator[App]:
    """A service that delivers after its answers."""
    made = make_app(rows, clock, webhook_key=KEY)
    made.deliveries.after_answers = True
    yield made
    await made.close()


@pytest.fixture
async def operator(app: App) -> Manager:
    return Manager(app, (await credential(app, "", "operator"))[1])


async def made(operator: Manager, receiver: Receiver, key: str = "scim", **further: Any) -> Any:
    answer = await operator.ask("POST", f"/tenants/{key}/webhooks", {"url": receiver.url, **further})
    assert answer.status == 201, answer.body
    return answer.body


async def test_a_webhook_is_operated_over_http(app: App, operator: Manager, receiver: Receiver) -> None:
    """The same as on the command line, and each answer is as the document says."""
    webhook = await made(operator, receiver, types=["user.deleted"], onFailure="skip")
    fits("Webhook", webhook)
    path = f"/tenants/scim/webhooks/{webhook['id']}"
    for action in ("disable", "enable", "replay", "rotate"):
        answer = await operator.ask("POST", f"{path}/{action}")
        assert answer.status == 200, answer.body
        fits("Webhook", answer.body)
        assert answer.headers["Cache-Control"] == "no-store"
        assert answer.body["enabled"] is (action != "disable")
    fits("Webhook", (await operator.ask("GET", path)).body)
    [listed] = (await operator.ask("GET", "/tenants/scim/webhooks")).body["webhooks"]
    fits("Webhook", listed)
    assert "secret" not in listed
    tested = (await operator.ask("POST", f"{path}/test")).body
    fits("WebhookTest", tested)
    assert (tested["ok"], tested["status"], tested["error"]) == (True, 204, None)
    assert receiver.received[-1].event["type"] == "webhook.test"
    assert (await operator.ask("DELETE", path)).status == 204
    assert (await operator.ask("GET", path)).status == 404


async def test_a_webhook_of_security_events_is_made_over_http(
    rows: RecordingRows, clock: Clock, receiver: Receiver, key_file: Path
) -> None:
    """Its issuer is the Tenant URL under which the operator asks; and each answer is as the document says."""
    app = make_app(rows, clock, signing_key=key_file)
    operator = Manager(app, (await credential(app, "", "operator"))[1])
    chosen = {"form": "security-event", "sessionRevoked": "iss_sub", "subjectIssuer": "https://login.contoso.example"}
    webhook = await made(operator, receiver, **chosen)
    fits("Webhook", webhook)
    assert chosen.items() <= webhook.items()
    assert (webhook["issuer"], webhook["audience"]) == (BASE_URL, receiver.url)
    fits("Webhook", (await operator.ask("GET", f"/tenants/scim/webhooks/{webhook['id']}")).body)
    assert (await operator.ask("POST", f"/tenants/scim/webhooks/{webhook['id']}/test")).body["ok"]
    answer = await operator.ask("POST", "/tenants/scim/webhooks", {"url": receiver.url, "sessionRevoked": "scim"})
    assert (answer.status, "security-event" in answer.body["detail"]) == (400, True)
    await app.close()


async def test_a_test_says_what_the_receiver_makes_of_it(operator: Manager, receiver: Receiver) -> None:
    """The status and never the answer's body, which may be somebody else's secret."""
    webhook = await made(operator, receiver)
    receiver.then(503)
    tested = (await operator.ask("POST", f"/tenants/scim/webhooks/{webhook['id']}/test")).body
    assert (tested["ok"], tested["status"], tested["error"]) == (False, 503, "the receiver answers 503")


@pytest.mark.parametrize(
    ("body", "told"),
    [
        ({}, "url must"),
        ({"url": "https://10.0.0.1/"}, "not one of the internet"),
        ({"url": "http://app.contoso.example/"}, "https"),
        ({"url": "https://app.contoso.example/", "types": ["user.born"]}, TYPES[0]),
        ({"url": "https://app.contoso.example/", "types": [1]}, "list of texts"),
        ({"url": "https://app.contoso.example/", "onFailure": "panic"}, "stop or skip"),
        ({"url": "https://app.contoso.example/", "secret": "mine"}, "not known"),
    ],
)
async def test_a_webhook_that_cannot_be_is_refused(app: App, operator: Manager, body: Any, told: str) -> None:
    """With what to change; nothing is kept."""
    answer = await operator.ask("POST", "/tenants/scim/webhooks", body)
    assert answer.status == 400
    assert told in answer.body["detail"]
    assert await (await app.webhooks()).all() == []


@pytest.mark.parametrize("action", ["enable", "replay"])
async def test_a_cursor_that_is_none_changes_nothing(operator: Manager, receiver: Receiver, action: str) -> None:
    """Also not whether the webhook is enabled."""
    webhook = await made(operator, receiver)
    path = f"/tenants/scim/webhooks/{webhook['id']}"
    before = (await operator.ask("POST", f"{path}/disable")).body
    assert (await operator.ask("POST", f"{path}/{action}", {"from": "nonsense"})).status == 400
    assert (await operator.ask("GET", path)).body == before


async def test_a_tenant_has_twenty_webhooks_at_most(operator: Manager, receiver: Receiver) -> None:
    """Each of them is a request for each event."""
    for _ in range(MAX_WEBHOOKS):
        await made(operator, receiver)
    answer = await operator.ask("POST", "/tenants/scim/webhooks", {"url": receiver.url})
    assert (answer.status, str(MAX_WEBHOOKS) in answer.body["detail"]) == (400, True)


async def test_a_tenant_s_administrator_has_webhooks_of_that_tenant_only(
    app: App, operator: Manager, receiver: Receiver
) -> None:
    """And finds no other tenant's."""
    mine, other = await tenant(app), await tenant(app)
    admin = await administrator(app, mine)
    webhook = await made(admin, receiver, mine)
    foreign = await made(operator, receiver, other)
    assert (await admin.ask("GET", f"/tenants/{other}/webhooks")).status == 404
    assert (await admin.ask("POST", f"/tenants/{mine}/webhooks/{foreign['id']}/rotate")).status == 404
    assert (await operator.ask("POST", f"/tenants/{mine}/webhooks/{webhook['id']}/rotate")).status == 200


async def test_a_secret_is_rotated_once_a_day(operator: Manager, receiver: Receiver, clock: Clock) -> None:
    """A second rotation would end a secret that the receiver may still use."""
    webhook = await made(operator, receiver)
    path = f"/tenants/scim/webhooks/{webhook['id']}/rotate"
    rotated = await operator.ask("POST", path)
    assert (rotated.status, rotated.body["bothSecretsUntil"]) == (200, "2026-02-01T12:00:00.000Z")
    assert (await operator.ask("POST", path)).status == 400
    clock.forward(hours=24)
    assert (await operator.ask("POST", path)).status == 200


async def test_a_change_is_delivered_after_its_answer(
    app: App, operator: Manager, http: Http, receiver: Receiver
) -> None:
    """By a task of the process that has made it: no timer, no poll."""
    await made(operator, receiver)
    await http.user("mira")
    await app.deliveries.settle()
    assert receiver.types == ["user.created"]


async def test_a_change_of_roles_is_delivered_after_its_answer(
    app: App, operator: Manager, http: Http, receiver: Receiver
) -> None:
    """It is a change like those of SCIM: rights that somebody has lost must not wait for the timer."""
    await made(operator, receiver, types=["group.roles_changed"])
    crew = await http.group("crew")
    await app.deliveries.settle()
    assert (await operator.ask("POST", "/tenants/scim/access", {"group": "crew", "role": "editor"})).status == 200
    await app.deliveries.settle()
    assert (await operator.ask("DELETE", f"/tenants/scim/access/{crew['id']}")).status == 200
    await app.deliveries.settle()
    assert receiver.types == ["group.roles_changed"] * 2


async def test_no_request_waits_for_a_receiver(app: App, operator: Manager, http: Http, receiver: Receiver) -> None:
    """However long it does not answer, SCIM requests are answered, and nothing is lost."""
    await made(operator, receiver)
    receiver.held = asyncio.Event()
    await http.user("a")
    await receiver.has(1)
    await http.user("b")
    await http.user("c")
    receiver.held.set()
    await app.deliveries.settle()
    assert receiver.sequences == [1, 2, 3]


async def test_a_webhook_that_hangs_holds_up_no_other_of_its_tenant(
    app: App, operator: Manager, http: Http, receiver: Receiver
) -> None:
    """Also not what is changed while it hangs."""
    await made(operator, receiver)
    receiver.held = asyncio.Event()
    async with receiving() as other:
        await made(operator, other)
        for number in (1, 2, 3):
            await http.user(f"u{number}")
            await other.has(number)
        assert receiver.sequences == [1]
        receiver.held.set()
        await app.deliveries.settle()
        assert receiver.sequences == [1, 2, 3]


async def test_a_change_during_a_look_at_the_webhooks_is_looked_at_too(
    app: App, http: Http, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The look may have begun before it; so there is one more, and no third."""
    looks: list[str] = []

    async def of(service: TenantService) -> None:
        looks.append(service.record.key)
        if len(looks) == 1:
            app.deliveries.soon(service)

    monkeypatch.setattr(app.deliveries, "of", of)
    await http.user("mira")
    await app.deliveries.settle()
    assert looks == ["scim", "scim"]


async def test_a_delivery_has_not_the_deadline_of_its_request(
    app: App, operator: Manager, http: Http, receiver: Receiver
) -> None:
    """A change that was answered in the last moment is delivered all the same."""
    await made(operator, receiver)
    app.deliveries.after_answers = False
    await http.user("mira")
    app.deliveries.after_answers = True
    with within(0.0):
        app.deliveries.soon(app.tenants.default)
    await app.deliveries.settle()
    assert receiver.types == ["user.created"]


async def test_reading_starts_no_delivery(app: App, operator: Manager, http: Http, receiver: Receiver) -> None:
    """Only what may have changed something does."""
    await made(operator, receiver)
    await http.request("GET", "/Users")
    await http.request("POST", "/Users/.search", {"schemas": ["urn:ietf:params:scim:api:messages:2.0:SearchRequest"]})
    assert not app.deliveries._tasks


async def test_a_tenant_without_webhooks_costs_one_look_in_five_minutes(
    rows: RecordingRows, clock: Clock, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In each process, after the answer; one that is made there is known at once."""
    seconds = 100.0
    app = make_app(rows, clock, webhook_key=KEY)
    app.deliveries.after_answers = True
    monkeypatch.setattr(app.deliveries, "_clock", lambda: seconds)
    http = Http(app)
    await http.user("a")
    await app.deliveries.settle()
    await http.user("b")
    assert not app.deliveries._tasks
    seconds += UNKNOWN_FOR
    await http.user("c")
    assert app.deliveries._tasks
    await app.deliveries.settle()
    await (await app.webhooks()).create(receiver.url)
    await http.user("d")
    await app.deliveries.settle()
    assert len(receiver.received) == 1
    await app.close()


async def test_a_process_that_only_works_for_an_operator_delivers_nothing(
    rows: RecordingRows, clock: Clock, receiver: Receiver
) -> None:
    """A command must not end in the middle of a delivery."""
    app = make_app(rows, clock, webhook_key=KEY)
    await (await app.webhooks()).create(receiver.url)
    await Http(app).user("mira")
    assert not app.deliveries._tasks
    await app.close()


async def test_a_failure_of_the_store_is_told_and_left_to_the_timer(
    app: App, http: Http, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """The change itself is made and answered."""

    async def fail(*_: object) -> None:
        raise Unavailable("The storage does not answer.")

    monkeypatch.setattr(app.deliveries, "of", fail)
    assert await http.user("mira")
    await app.deliveries.settle()
    assert "webhooks of tenant scim wait for the timer: The storage does not answer." in caplog.messages


async def test_the_timer_delivers_what_no_task_has(app: App, operator: Manager, receiver: Receiver) -> None:
    """For each tenant with a mark, as when the process that has made a change is gone."""
    app.deliveries.after_answers = False
    key = await tenant(app)
    await made(operator, receiver, key)
    await made(operator, receiver)
    await (await client(app, key)).user("mira")
    await Http(app).user("noah")
    assert (await app.rounds.run())["eventsDelivered"] == 2
    assert {each.event["data"]["userName"] for each in receiver.received} == {
        "mira@contoso.example",
        "noah@contoso.example",
    }


async def test_other_work_of_the_timer_leaves_time_for_webhooks(
    app: App, operator: Manager, http: Http, receiver: Receiver
) -> None:
    """A delete of a group of a million takes many runs; a deactivation must not wait for their end."""
    app.deliveries.after_answers = False
    await made(operator, receiver)
    await http.user("mira")
    assert (await app.rounds.run(0))["eventsDelivered"] == 1


async def test_the_timer_comes_back_for_the_next_attempt(
    app: App, operator: Manager, receiver: Receiver, clock: Clock, rows: RecordingRows
) -> None:
    """Although nothing changes in the tenant meanwhile."""
    app.deliveries.after_answers = False
    key = await tenant(app)
    webhook = await made(operator, receiver, key)
    await (await client(app, key)).user("mira")
    receiver.then(500, 500, 500, 204)
    for minutes in (0, 5, 5, 5):
        clock.forward(minutes=minutes)
        await app.rounds.run()
    assert len(receiver.received) == 3
    [mark] = await rows.range("registryscim", "w.", "w.~", 10)
    told = await (await app.webhooks(key)).show(webhook["id"])
    assert mark.body == told["nextAttempt"]
    clock.time = datetime.fromisoformat(told["nextAttempt"])
    assert (await app.rounds.run())["eventsDelivered"] == 1


async def test_a_tenant_whose_receiver_hangs_holds_up_no_other(app: App, operator: Manager, receiver: Receiver) -> None:
    """The timer delivers to many at a time."""
    app.deliveries.after_answers = False
    receiver.held = asyncio.Event()
    async with receiving() as other:
        for each in (receiver, other):
            key = await tenant(app)
            await made(operator, each, key)
            await (await client(app, key)).user("mira")
        running = asyncio.create_task(app.rounds.run())
        await receiver.has(1)
        await other.has(1)
        receiver.held.set()
        assert (await running)["eventsDelivered"] == 2


async def test_above_a_hundred_tenants_at_a_time_the_timer_delivers(
    app: App, http: Http, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What a process holds open has a bound."""
    monkeypatch.setattr(deliveries_module, "MOST_TASKS", 0)
    await http.user("mira")
    assert not app.deliveries._tasks


async def test_a_task_that_is_running_is_stopped_at_the_end(
    app: App, operator: Manager, http: Http, receiver: Receiver
) -> None:
    """A process that ends does not wait for a receiver."""
    await made(operator, receiver)
    receiver.held = asyncio.Event()
    await http.user("mira")
    await receiver.has(1)
    await app.deliveries.close()
    assert not app.deliveries._tasks
