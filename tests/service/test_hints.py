"""Hints: what a process does not get to is delivered by whoever reads the queue, and no change depends on it."""

import asyncio
import logging
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

import pytest

from scim.app import App
from scim.protocol.errors import Unavailable
from scim.service.hints import EVERY, FAILED, PAUSE, SOON, Hints
from scim.storage.deadline import within
from tests.conftest import Clock, Http, make_app
from tests.recording import RecordingRows
from tests.tenancy import client, tenant
from tests.webhooks.conftest import KEY, receiver
from tests.webhooks.receiver import Receiver, receiving

__all__ = ["receiver"]


@dataclass
class FakeQueue:
    """A queue that keeps texts with their delays until they are deleted, and fails or hangs when it is told to."""

    sent: list[tuple[str, int]] = field(default_factory=list)
    kept: dict[int, str] = field(default_factory=dict)
    failure: Exception | None = None
    held: asyncio.Event | None = None
    closed: bool = False
    number: int = 0

    async def send(self, text: str, delay: int) -> int:
        if self.held is not None:
            await self.held.wait()
        if self.failure is not None:
            raise self.failure
        self.sent.append((text, delay))
        self.number += 1
        self.kept[self.number] = text
        return self.number

    async def delete(self, message: int) -> None:
        if self.failure is not None:
            raise self.failure
        del self.kept[message]

    async def close(self) -> None:
        self.closed = True


class Seconds:
    """Seconds that a test lets pass."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def queue() -> FakeQueue:
    return FakeQueue()


@pytest.fixture
def seconds() -> Seconds:
    return Seconds()


@pytest.fixture
def hints(queue: FakeQueue, seconds: Seconds) -> Hints:
    return Hints(lambda: queue, seconds)


@pytest.fixture
async def app(rows: RecordingRows, clock: Clock, hints: Hints) -> AsyncIterator[App]:
    """A service that delivers after its answers and leaves hints."""
    made = make_app(rows, clock, webhook_key=KEY)
    made.deliveries.after_answers = True
    made.deliveries.hints = hints
    yield made
    await made.close()


@pytest.fixture
async def webhook(app: App, receiver: Receiver) -> Any:
    """A webhook of the default tenant, of which this process knows."""
    made = await (await app.webhooks()).create(receiver.url)
    app.deliveries.soon(app.tenants.default)
    await app.deliveries.settle()
    return made


async def test_a_hint_is_there_before_the_answer_and_gone_after_the_delivery(
    http: Http, webhook: Any, app: App, queue: FakeQueue, receiver: Receiver, seconds: Seconds
) -> None:
    """A process that ends after its answer has left it; most often nobody ever reads one."""
    queue.sent.clear()
    seconds.now += EVERY
    await http.user("mira")
    assert (queue.sent, list(queue.kept.values())) == ([("scim", 2)], ["scim"])
    await app.deliveries.settle()
    assert (receiver.types, queue.kept) == (["user.created"], {})


async def test_a_process_that_does_not_know_of_webhooks_leaves_its_first_hint_after_the_answer(
    app: App, http: Http, receiver: Receiver, queue: FakeQueue
) -> None:
    """So a tenant without webhooks pays for no queue, and a cold start for no import."""
    await http.user("without")
    await app.deliveries.settle()
    assert queue.sent == []
    await (await app.webhooks()).create(receiver.url)
    await http.user("first")
    assert queue.sent == []
    await app.deliveries.settle()
    assert (queue.sent, queue.kept) == ([("scim", 2)], {})


async def test_one_hint_in_ten_seconds_for_each_tenant(hints: Hints, queue: FakeQueue, seconds: Seconds) -> None:
    """However many changes there are: the first reader delivers all of them."""
    for key in ("one", "one", "other"):
        await hints.changed(key)
    seconds.now += EVERY - 1
    await hints.changed("one")
    assert [text for text, _ in queue.sent] == ["one", "other"]
    seconds.now += 1
    await hints.changed("one")
    assert [text for text, _ in queue.sent] == ["one", "other", "one"]


@pytest.mark.parametrize("failure", [OSError("https://contoso.queue.core.windows.net/?sig=secret"), ValueError()])
async def test_a_queue_that_fails_changes_no_answer_and_is_counted(
    http: Http, webhook: Any, app: App, queue: FakeQueue, failure: Exception, seconds: Seconds,
    receiver: Receiver, caplog: pytest.LogCaptureFixture,
) -> None:  # fmt: skip
    """The change is made; a line tells the count, once a minute, with nothing of what the error says."""
    queue.failure = failure
    seconds.now += EVERY
    await http.user("mira")
    await app.deliveries.settle()
    assert receiver.types == ["user.created"]
    assert app.deliveries.hints.failures == 1
    (told,) = [each for each in caplog.records if each.msg == FAILED]
    assert told.levelno == logging.WARNING
    assert told.getMessage().startswith("hints fail: 1 since this process began, the last one by ")
    assert "secret" not in told.getMessage()


async def test_a_queue_that_is_away_holds_up_one_request_a_minute(
    hints: Hints, queue: FakeQueue, seconds: Seconds
) -> None:
    """For all tenants together: none of them waits for what has just failed for another."""
    queue.held = asyncio.Event()
    await hints.changed("one", 0.01)
    await hints.changed("other", 1000.0)
    assert hints.failures == 1
    queue.held = None
    seconds.now += PAUSE
    await hints.changed("other")
    assert queue.sent == [("other", 2)]


async def test_a_request_without_time_leaves_no_hint(hints: Hints, queue: FakeQueue) -> None:
    """It is to be answered now; that is no failure of the queue."""
    with within(0.0):
        await hints.changed("one")
    assert (queue.sent, hints.failures) == ([], 0)


async def test_without_the_setting_there_is_no_queue(rows: RecordingRows, clock: Clock, receiver: Receiver) -> None:
    """As with `make run`, which delivers in its own process."""
    app = make_app(rows, clock, webhook_key=KEY)
    app.deliveries.after_answers = True
    await (await app.webhooks()).create(receiver.url)
    for name in ("a", "b"):
        await Http(app).user(name)
        await app.deliveries.settle()
    assert (receiver.sequences, app.deliveries.hints.failures) == ([1, 2], 0)
    await app.close()


async def test_a_hint_stays_while_something_is_soon_to_be_done(
    app: App, http: Http, webhook: Any, queue: FakeQueue, receiver: Receiver, seconds: Seconds
) -> None:
    """The next attempt is four seconds off: the reader makes it. Minutes off it is the timer's."""
    receiver.then(500)
    seconds.now += EVERY
    await http.user("mira")
    await app.deliveries.settle()
    assert list(queue.kept.values()) == ["scim"]


async def test_a_hint_that_waits_for_minutes_is_deleted(
    app: App, http: Http, webhook: Any, queue: FakeQueue, receiver: Receiver, seconds: Seconds, clock: Clock
) -> None:
    """A receiver that has been failing for long wakes nobody with each change."""
    receiver.then(500)
    await http.user("mira")
    await app.deliveries.settle()
    clock.forward(minutes=1)
    await app.rounds.run()
    seconds.now += EVERY
    sent = queue.number
    await http.user("zoe")
    await app.deliveries.settle()
    assert (queue.number, queue.kept) == (sent + 1, {}), "one more was sent, and it is gone"


async def test_who_reads_a_hint_delivers(app: App, http: Http, webhook: Any, receiver: Receiver) -> None:
    """What the process that made the change did not get to."""
    app.deliveries.after_answers = False
    await http.user("mira")
    assert await app.rounds.hinted("scim") == 1
    assert receiver.types == ["user.created"]


async def test_a_hint_of_a_customer_delivers_to_it(app: App, http: Http, webhook: Any, receiver: Receiver) -> None:
    """And to no other."""
    key = await tenant(app)
    app.deliveries.after_answers = False
    await http.user("of-the-default-tenant")
    async with receiving() as other:
        await (await app.webhooks(key)).create(other.url)
        await (await client(app, key)).user("of-the-customer")
        assert await app.rounds.hinted(key) == 1
        assert (other.types, receiver.types) == (["user.created"], [])


async def test_what_another_holds_is_hinted_again_for_when_his_time_is_over(
    app: App, http: Http, webhook: Any, queue: FakeQueue, receiver: Receiver
) -> None:
    """He may have ended in the middle of it: half a minute later it is delivered, not at the next timer."""
    app.deliveries.after_answers = False
    await http.user("mira")
    receiver.held = asyncio.Event()
    delivery = await app.deliveries.of(app.tenants.default)
    assert delivery
    dies = asyncio.create_task(delivery.run(3.0))
    await receiver.has(1)
    dies.cancel()
    await asyncio.gather(dies, return_exceptions=True)
    queue.sent.clear()
    assert await app.rounds.hinted("scim") == 0
    assert queue.sent == [("scim", 30)]


async def test_a_retry_is_hinted_and_one_hint_at_a_time(
    app: App, http: Http, webhook: Any, queue: FakeQueue, receiver: Receiver, seconds: Seconds
) -> None:
    """Hints that bring forth hints must not become more."""
    app.deliveries.after_answers = False
    receiver.then(500)
    await http.user("mira")
    seconds.now += EVERY
    queue.sent.clear()
    await app.rounds.hinted("scim")
    await app.rounds.hinted("scim")
    assert queue.sent == [("scim", 4)]
    seconds.now += 4
    await app.rounds.hinted("scim")
    assert queue.sent == [("scim", 4), ("scim", 4)]


async def test_what_is_due_later_is_left_to_the_timer(hints: Hints, queue: FakeQueue) -> None:
    """No message waits for hours."""
    await hints.due("one", SOON + 1)
    await hints.due("one", 0.0)
    assert queue.sent == [("one", 2)]


@pytest.mark.parametrize("text", ["", "nobody", "A.B", "SCIM", "x" * 10_000, "\ufffd"])
async def test_a_message_that_names_nobody_is_let_go(app: App, text: str, caplog: pytest.LogCaptureFixture) -> None:
    """Whoever may write into the queue makes nothing fail, and its text does not fill the log."""
    assert await app.rounds.hinted(text) == 0
    assert len(caplog.records[-1].getMessage()) < 200


@pytest.mark.parametrize("failure", [Unavailable("Table Storage does not answer."), LookupError("a bug")])
async def test_reading_a_hint_never_raises(
    app: App, webhook: Any, failure: Exception, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """The host would read it four times more, and put it aside; the timer delivers in any case."""

    async def fail(*_: object) -> None:
        raise failure

    monkeypatch.setattr(app.deliveries, "run", fail)
    assert await app.rounds.hinted("scim") == 0
    assert "a hint is left to the timer" in caplog.text


async def test_the_queue_is_closed_at_the_end(hints: Hints, queue: FakeQueue) -> None:
    """With all connections of the process."""
    await hints.changed("one")
    await hints.close()
    assert queue.closed
