"""A receiver, a webhook at it, and what delivers to it."""

from collections.abc import AsyncIterator
from typing import Any

import pytest

from scim.app import App
from scim.webhooks.delivery import Delivery
from tests.conftest import Clock, make_app
from tests.recording import RecordingRows
from tests.webhooks.receiver import Receiver, receiving

KEY = "a-webhook-key-of-32-characters-and-more"


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    async with receiving() as made:
        yield made


@pytest.fixture
async def app(rows: RecordingRows, clock: Clock) -> AsyncIterator[App]:
    """A service that can sign."""
    made = make_app(rows, clock, webhook_key=KEY)
    yield made
    await made.close()


async def deliver(app: App, seconds: float = 100.0) -> int:
    """Deliver as the timer does; return how many events."""
    delivery: Delivery | None = await app.deliveries.of(app.tenants.default)
    return await delivery.run(seconds) if delivery else 0


@pytest.fixture
async def webhook(app: App, receiver: Receiver) -> Any:
    """A webhook at the receiver that stops."""
    return await (await app.webhooks()).create(receiver.url)
